package topic_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/ccs-platform/ccsctl/internal/aws/topic"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/resource/resourcetest"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

const (
	name = "ccs-test-authorities-alerts"
	key  = "alias/ccs-test"
	mail = "duty@example.com"
)

var arn = fmt.Sprintf("arn:aws:sns:%s:%s:%s", sandbox.Region, sandbox.Account, name)

func topicPolicy(service string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"Publish","Effect":"Allow","Principal":{"Service":[%q]},"Action":["sns:Publish"],"Resource":[%q],"Condition":{"StringEquals":{"aws:SourceAccount":%q}}}]}`,
		service, arn, sandbox.Account)
}

func spec() topic.Spec {
	return topic.Spec{
		Name: "authorities-alerts", ARN: arn, DisplayName: "CCS", Key: key, Policy: topicPolicy("cloudwatch.amazonaws.com"),
		SameKey: func(_ context.Context, live string) (bool, error) {
			return strings.HasSuffix(live, key), nil // the alias, or the alias's ARN
		},
		Subscriptions: []topic.Subscription{
			{Protocol: "email", Endpoint: mail},
			{Protocol: "sms", Endpoint: "+491701234567"},
		},
		Owner: resource.Owner{Project: "ccs", Environment: "test", Extra: map[string]string{"Team": "data"}},
	}
}

func TestLifecycle(t *testing.T) {
	set := func(attribute, value string) func(*testing.T, aws.Config) {
		return func(t *testing.T, cfg aws.Config) {
			_, err := sns.NewFromConfig(cfg).SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{TopicArn: &arn, AttributeName: &attribute, AttributeValue: &value})
			must(t, err)
		}
	}
	resourcetest.Lifecycle(t, resourcetest.Case{
		New: func(cfg aws.Config) resource.Resource { return topic.New(cfg, spec()) },
		Foreign: func(t *testing.T, cfg aws.Config) {
			_, err := sns.NewFromConfig(cfg).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String(name), Attributes: map[string]string{"DisplayName": "theirs"}})
			must(t, err)
		},
		Drift: map[string]func(*testing.T, aws.Config){
			"policy":       set("Policy", topicPolicy("events.amazonaws.com")),
			"encryption":   set("KmsMasterKeyId", "alias/aws/sns"),
			"display_name": set("DisplayName", ""),
			"tags.Team": func(t *testing.T, cfg aws.Config) {
				_, err := sns.NewFromConfig(cfg).TagResource(t.Context(), &sns.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("x")}}})
				must(t, err)
			},
			// Only what is confirmed can be unsubscribed: a telephone, here. What
			// people subscribe by hand, and another name of our key, is no drift.
			"subscription.sms:+491701234567": func(t *testing.T, cfg aws.Config) {
				client := sns.NewFromConfig(cfg)
				out, err := client.ListSubscriptionsByTopic(t.Context(), &sns.ListSubscriptionsByTopicInput{TopicArn: &arn})
				must(t, err)
				for _, s := range out.Subscriptions {
					if *s.Protocol == "sms" {
						_, err := client.Unsubscribe(t.Context(), &sns.UnsubscribeInput{SubscriptionArn: s.SubscriptionArn})
						must(t, err)
					}
				}
				_, err = client.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: &arn, Protocol: aws.String("https"), Endpoint: aws.String("https://example.com/hook")})
				must(t, err)
				_, err = client.SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{TopicArn: &arn, AttributeName: aws.String("KmsMasterKeyId"),
					AttributeValue: aws.String(fmt.Sprintf("arn:aws:kms:%s:%s:%s", sandbox.Region, sandbox.Account, key))})
				must(t, err)
			},
		},
	})
}

// SNS refuses to create a topic again whose tags are not those that it is given
// (trap 25). A create that is repeated because its answer got lost must stand
// what somebody else added meanwhile, but not somebody else's topic.
func TestCreatingTwice(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	create, err := topic.New(cfg, spec()).Diff(t.Context())
	must(t, err)
	again := create.Steps[0].Do
	must(t, again(t.Context()))
	client := sns.NewFromConfig(cfg)
	_, err = client.TagResource(t.Context(), &sns.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{{Key: aws.String("theirs"), Value: aws.String("x")}}})
	must(t, err)
	must(t, again(t.Context()))

	_, err = client.UntagResource(t.Context(), &sns.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{resource.TagProject}})
	must(t, err)
	if err := again(t.Context()); err == nil {
		t.Error("created a topic that is somebody else's")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
