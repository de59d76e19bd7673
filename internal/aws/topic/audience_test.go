package topic_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/topic"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

func TestAudience(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	client := sns.NewFromConfig(cfg)
	made, err := client.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("told")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: made.TopicArn, Protocol: aws.String("email"), Endpoint: aws.String("a@example.org")}); err != nil {
		t.Fatal(err)
	}
	a := topic.AudienceOf(cfg, *made.TopicArn)
	queue := "arn:aws:sqs:" + sandbox.Region + ":" + sandbox.Account + ":q"
	arn, err := a.AddQueue(t.Context(), queue, "event_id", `quoted "id"`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.Subscribers(t.Context())
	slices.SortFunc(got, func(a, b topic.Subscriber) int { return strings.Compare(a.Protocol, b.Protocol) }) // SNS has no order
	if err != nil || len(got) != 2 || !got[0].Pending || got[0].ARN != "" || got[1].Pending || got[1].ARN != arn || got[1].Endpoint != queue {
		t.Errorf("subscribers %+v, %v", got, err)
	}
	for range 2 { // the second time it is gone
		if err := a.Remove(t.Context(), arn); err != nil {
			t.Error(err)
		}
	}
	if got, err = a.Subscribers(t.Context()); err != nil || len(got) != 1 {
		t.Errorf("then %+v, %v", got, err)
	}
	if _, err := topic.AudienceOf(cfg, *made.TopicArn+"-not").Subscribers(t.Context()); !apierr.NotFound(err) {
		t.Errorf("of no topic: %v", err)
	}
}

const delivered = `{"Type":"Notification","MessageId":"m-1","TopicArn":"arn:aws:sns:eu-west-1:1:t","Subject":"CCS critical: [TEST]","Message":"text",` +
	`"Timestamp":"2026-11-23T15:00:00.123Z","SignatureVersion":"1","MessageAttributes":{"event_id":{"Type":"String","Value":"e-1"}}}`

func TestReadNotification(t *testing.T) {
	n, err := topic.ReadNotification(delivered)
	want := time.Date(2026, 11, 23, 15, 0, 0, 123_000_000, time.UTC)
	if err != nil || n.ID != "m-1" || n.Subject != "CCS critical: [TEST]" || n.Text != "text" || !n.At.Equal(want) || n.Attributes["event_id"] != "e-1" {
		t.Errorf("%+v, %v", n, err)
	}
	for _, body := range []string{"", "text", `{"event_id":"raw"}`, strings.Replace(delivered, "Notification", "SubscriptionConfirmation", 1), strings.Replace(delivered, "2026-11-23T", "", 1)} {
		if n, err := topic.ReadNotification(body); err == nil {
			t.Errorf("%q is %+v", body, n)
		}
	}
}

func FuzzReadNotification(f *testing.F) {
	f.Add(delivered)
	f.Add(`{"Type":"Notification","MessageAttributes":{"a":{"Type":"Binary","Value":"AA=="}},"Timestamp":"0001-01-01T00:00:00Z"}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, body string) {
		if n, err := topic.ReadNotification(body); err != nil && (n.ID != "" || n.Attributes != nil) {
			t.Errorf("%q is refused and gives %+v", body, n)
		}
	})
}
