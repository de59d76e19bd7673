package topic

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Subscription is one endpoint that gets a topic's messages.
type Subscription struct {
	Protocol string // email, sms, https, sqs, lambda and so on
	Endpoint string
}

func (s Subscription) String() string { return s.Protocol + ":" + s.Endpoint }

// Where a list of subscriptions has the ARN, it says what became of one that
// has none. A deleted one is listed for some days more.
const deleted = "Deleted"

// is says whether a live subscription is s. SNS hides passwords in what it
// lists, and people write telephone numbers and mail addresses in more than one
// way.
func (s Subscription) is(live types.Subscription) bool {
	if aws.ToString(live.Protocol) != s.Protocol || aws.ToString(live.SubscriptionArn) == deleted {
		return false
	}
	endpoint := aws.ToString(live.Endpoint)
	switch s.Protocol {
	case "email", "email-json":
		return strings.EqualFold(endpoint, s.Endpoint)
	case "sms":
		return digits(endpoint) == digits(s.Endpoint)
	case "http", "https":
		return hidden(endpoint) == hidden(s.Endpoint)
	default:
		return endpoint == s.Endpoint
	}
}

var (
	noDigits = regexp.MustCompile(`\D`)
	password = regexp.MustCompile(`^(https?://[^/:@]*):[^/@]*@`)
)

func digits(number string) string { return noDigits.ReplaceAllString(number, "") }

func hidden(url string) string { return password.ReplaceAllString(url, "$1:****@") }

// subscriptions lists all of the topic's, those that wait for confirmation
// included.
func (t *Topic) subscriptions(ctx context.Context) ([]types.Subscription, error) {
	var all []types.Subscription
	pages := sns.NewListSubscriptionsByTopicPaginator(t.sns, &sns.ListSubscriptionsByTopicInput{TopicArn: &t.spec.ARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Subscriptions...)
	}
	return all, nil
}

// diffSubscriptions makes those that are missing.
func (t *Topic) diffSubscriptions(live []types.Subscription) resource.Change {
	var c resource.Change
	for _, s := range t.spec.Subscriptions {
		if !slices.ContainsFunc(live, s.is) {
			c.Attributes = append(c.Attributes, resource.Attribute{Name: "subscription." + s.String(), New: "subscribed"})
			c.Steps = append(c.Steps, t.subscribeStep(s))
		}
	}
	return c
}

// subscribeStep subscribes one endpoint. Doing it again changes nothing, but
// where a person must confirm it sends another request.
func (t *Topic) subscribeStep(s Subscription) resource.Step {
	return resource.Step{
		Call: "sns:Subscribe",
		Do: func(ctx context.Context) error {
			_, err := t.sns.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &t.spec.ARN, Protocol: &s.Protocol, Endpoint: &s.Endpoint, ReturnSubscriptionArn: true})
			return err
		},
		Wait: func(ctx context.Context) error {
			return resource.Poll(ctx, "waiting until the subscription of "+s.String()+" is known", func(ctx context.Context) (bool, error) {
				live, err := t.subscriptions(ctx)
				return slices.ContainsFunc(live, s.is), err
			})
		},
	}
}
