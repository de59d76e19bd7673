package sns_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

func arn(name string) *string {
	return aws.String(fmt.Sprintf("arn:aws:sns:%s:%s:%s", sandbox.Region, sandbox.Account, name))
}

// world has a topic with tags and attributes and a FIFO topic.
func world(t *testing.T) (*sns.Client, aws.Config) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	c := sns.NewFromConfig(cfg)
	_, err := c.CreateTopic(t.Context(), &sns.CreateTopicInput{
		Name: aws.String("alerts"), Attributes: map[string]string{"DisplayName": "CCS"}, Tags: tags("a", "1"),
	})
	must(t, err)
	_, err = c.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("ordered.fifo"), Attributes: map[string]string{"FifoTopic": "true"}})
	must(t, err)
	_, err = c.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: arn("alerts"), Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:eu-west-1:000000000000:q")})
	must(t, err)
	return c, cfg
}

func tags(pairs ...string) []types.Tag {
	var list []types.Tag
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return list
}

func TestRefusals(t *testing.T) {
	c, _ := world(t)
	create := func(name string, attributes map[string]string, tags ...types.Tag) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.CreateTopic(ctx, &sns.CreateTopicInput{Name: &name, Attributes: attributes, Tags: tags})
			return err
		}
	}
	subscribe := func(topic, protocol, endpoint string, attributes map[string]string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.Subscribe(ctx, &sns.SubscribeInput{TopicArn: arn(topic), Protocol: &protocol, Endpoint: &endpoint, Attributes: attributes})
			return err
		}
	}
	publish := func(in sns.PublishInput) func(context.Context) error {
		return func(ctx context.Context) error {
			if in.TopicArn == nil {
				in.TopicArn = arn("alerts")
			}
			_, err := c.Publish(ctx, &in)
			return err
		}
	}
	set := func(name, value string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: arn("alerts"), AttributeName: &name, AttributeValue: &value})
			return err
		}
	}
	policy := func(action, resource string) string {
		return fmt.Sprintf(`{"Statement":[{"Effect":"Allow","Principal":"*","Action":%q,"Resource":%q}]}`, action, resource)
	}
	for what, call := range map[string]func(context.Context) error{
		"InvalidParameter: Topic Name/a dot":                     create("a.b", nil),
		"InvalidParameter: Topic Name/the suffix without FIFO":   create("a.fifo", nil),
		"InvalidParameter: Topic Name/FIFO without the suffix":   create("a", map[string]string{"FifoTopic": "true"}),
		"InvalidParameter: different attributes":                 create("alerts", map[string]string{"DisplayName": "other"}),
		"InvalidParameter: different tags/more":                  create("alerts", nil, tags("a", "1", "b", "2")...),
		"InvalidParameter: different tags/others":                create("alerts", nil, tags("a", "2")...),
		"InvalidParameter: Duplicated keys":                      create("new", nil, tags("a", "2", "a", "3")...),
		"InvalidParameter: AttributeName/FIFO only":              create("new", map[string]string{"ContentBasedDeduplication": "true"}),
		"InvalidParameter: AttributeName/unknown":                set("Colour", "red"),
		"InvalidParameter: out of service scope":                 set("Policy", policy("sns:*", *arn("alerts"))),
		"InvalidParameter: single resource":                      set("Policy", policy("sns:Publish", *arn("other"))),
		"InvalidParameter: Policy Error":                         set("Policy", "{"),
		"InvalidParameter: does not support this protocol":       subscribe("alerts", "pigeon", "x", nil),
		"InvalidParameter: Email address/two at once":            subscribe("alerts", "email", "a@b.c,d@e.f", nil),
		"InvalidParameter: SQS endpoint ARN/a URL":               subscribe("alerts", "sqs", "http://sqs/1/q", nil),
		"InvalidParameter: Endpoint must match":                  subscribe("alerts", "https", "http://example.com", nil),
		"InvalidParameter: FIFO SQS Queues can not":              subscribe("alerts", "sqs", "arn:aws:sqs:eu-west-1:000000000000:q.fifo", nil),
		"InvalidParameter: Invalid protocol type":                subscribe("ordered.fifo", "email", "a@b.c", nil),
		"InvalidParameter: already exists with different":        subscribe("alerts", "sqs", "arn:aws:sqs:eu-west-1:000000000000:q", map[string]string{"RawMessageDelivery": "true"}),
		"InvalidParameter: SubscriptionRoleArn":                  subscribe("alerts", "firehose", "arn:aws:firehose:eu-west-1:000000000000:deliverystream/d", nil),
		"NotFound: Topic does not exist":                         subscribe("absent", "email", "a@b.c", nil),
		"InvalidParameter: Empty message":                        publish(sns.PublishInput{Message: aws.String("")}),
		"InvalidParameter: Subject/empty":                        publish(sns.PublishInput{Message: aws.String("m"), Subject: aws.String("")}),
		"InvalidParameter: Subject/two lines":                    publish(sns.PublishInput{Message: aws.String("m"), Subject: aws.String("a\nb")}),
		"InvalidParameter: Message too long":                     publish(sns.PublishInput{Message: aws.String(strings.Repeat("x", 256<<10+1))}),
		"InvalidParameter: No default entry":                     publish(sns.PublishInput{Message: aws.String(`{"email":"x"}`), MessageStructure: aws.String("json")}),
		"InvalidParameter: failed to parse":                      publish(sns.PublishInput{Message: aws.String(`{`), MessageStructure: aws.String("json")}),
		"InvalidParameter: MessageGroupId parameter is required": publish(sns.PublishInput{TopicArn: arn("ordered.fifo"), Message: aws.String("m")}),
		"InvalidParameter: at least 6 elements, not 1":           publish(sns.PublishInput{TopicArn: aws.String("alerts"), Message: aws.String("m")}),
		"NotFound: Topic does not exist/publish":                 publish(sns.PublishInput{TopicArn: arn("absent"), Message: aws.String("m")}),
		"ResourceNotFound: Resource does not exist": func(ctx context.Context) error {
			_, err := c.ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: arn("absent")})
			return err
		},
		"TooManyEntriesInBatchRequest: more entries": func(ctx context.Context) error {
			entries := slices.Repeat([]types.PublishBatchRequestEntry{{Id: aws.String("1"), Message: aws.String("m")}}, 11)
			_, err := c.PublishBatch(ctx, &sns.PublishBatchInput{TopicArn: arn("alerts"), PublishBatchRequestEntries: entries})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			code, text, _ := strings.Cut(what, ": ")
			text, _, _ = strings.Cut(text, "/")
			err := call(t.Context())
			if !apierr.Is(err, code) || !strings.Contains(apierr.Message(err), text) {
				t.Errorf("got %v, want %s with %q", err, code, text)
			}
		})
	}
}

// A mail must be confirmed; until then it has no ARN to unsubscribe, and after
// two days it is gone.
func TestPendingConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := world(t)
		in := &sns.SubscribeInput{TopicArn: arn("alerts"), Protocol: aws.String("email"), Endpoint: aws.String("a@b.c")}
		out, err := c.Subscribe(t.Context(), in)
		must(t, err)
		if *out.SubscriptionArn != "pending confirmation" {
			t.Errorf("got %s", *out.SubscriptionArn)
		}
		in.ReturnSubscriptionArn = true
		first, err := c.Subscribe(t.Context(), in)
		must(t, err)
		again, err := c.Subscribe(t.Context(), in)
		must(t, err)
		if *first.SubscriptionArn != *again.SubscriptionArn || !strings.HasPrefix(*first.SubscriptionArn, *arn("alerts")+":") {
			t.Errorf("subscribing twice gives %s and %s", *first.SubscriptionArn, *again.SubscriptionArn)
		}
		if got := listed(t, c); !slices.Equal(got, []string{"email PendingConfirmation", "sqs " + *arn("alerts")}) {
			t.Errorf("listed %v", got)
		}
		topic, err := c.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: arn("alerts")})
		must(t, err)
		if a := topic.Attributes; a["SubscriptionsPending"] != "1" || a["SubscriptionsConfirmed"] != "1" {
			t.Errorf("counts %v", a)
		}
		if _, err := c.Unsubscribe(t.Context(), &sns.UnsubscribeInput{SubscriptionArn: aws.String("PendingConfirmation")}); !apierr.Is(err, "InvalidParameter") {
			t.Errorf("unsubscribing what is pending: %v", err)
		}
		time.Sleep(48 * time.Hour)
		if got := listed(t, c); len(got) != 1 {
			t.Errorf("listed after two days: %v", got)
		}
	})
}

// listed are the topic's subscriptions without what is random in their ARNs.
func listed(t *testing.T, c *sns.Client) []string {
	t.Helper()
	out, err := c.ListSubscriptionsByTopic(t.Context(), &sns.ListSubscriptionsByTopicInput{TopicArn: arn("alerts")})
	must(t, err)
	var list []string
	for _, s := range out.Subscriptions {
		arn := *s.SubscriptionArn
		if i := strings.LastIndexByte(arn, ':'); i > 0 {
			arn = arn[:i]
		}
		list = append(list, *s.Protocol+" "+arn)
	}
	slices.Sort(list)
	return list
}

// A topic takes any key; only publishing finds out that it can't be used.
func TestTheKeyIsAskedWhenPublishing(t *testing.T) {
	c, cfg := world(t)
	k := kms.NewFromConfig(cfg)
	made, err := k.CreateKey(t.Context(), &kms.CreateKeyInput{})
	must(t, err)
	id := made.KeyMetadata.KeyId
	publish := func(key string) error {
		_, err := c.SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{TopicArn: arn("alerts"), AttributeName: aws.String("KmsMasterKeyId"), AttributeValue: &key})
		must(t, err)
		_, err = c.Publish(t.Context(), &sns.PublishInput{TopicArn: arn("alerts"), Message: aws.String("m")})
		return err
	}
	if err := publish("alias/absent"); !apierr.Is(err, "KMSNotFound") {
		t.Errorf("with no such key: %v", err)
	}
	must(t, publish(*id))
	_, err = k.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: id})
	must(t, err)
	if err := publish(*id); !apierr.Is(err, "KMSInvalidState") {
		t.Errorf("with a dying key: %v", err)
	}
}

// What SNS gives only a hundred at a time is all there when asked page by page.
func TestPages(t *testing.T) {
	c, _ := world(t)
	for i := range 230 {
		_, err := c.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String(fmt.Sprintf("t-%03d", i))})
		must(t, err)
	}
	seen := map[string]bool{}
	pages := sns.NewListTopicsPaginator(c, &sns.ListTopicsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, topic := range page.Topics {
			seen[*topic.TopicArn] = true
		}
	}
	if len(seen) != 232 {
		t.Errorf("listed %d topics, want 232", len(seen))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
