package topic

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// Listener is one live subscription of a topic.
type Listener struct {
	Subscription
	Confirmed bool // until then it gets nothing
}

// Listeners are the subscriptions of the topic with that ARN, by protocol and
// endpoint, without deleted ones, which SNS lists for some days more. A topic
// that does not exist is an error that apierr.NotFound knows.
func Listeners(ctx context.Context, cfg aws.Config, arn string) ([]Listener, error) {
	live, err := (&Topic{sns: sns.NewFromConfig(cfg), spec: Spec{ARN: arn}}).subscriptions(ctx)
	if err != nil {
		return nil, fmt.Errorf("subscriptions of %s: %w", arn[strings.LastIndexByte(arn, ':')+1:], err)
	}
	listeners := []Listener{}
	for _, s := range live {
		if subscription := aws.ToString(s.SubscriptionArn); subscription != deleted {
			listeners = append(listeners, Listener{
				Subscription: Subscription{Protocol: aws.ToString(s.Protocol), Endpoint: aws.ToString(s.Endpoint)},
				Confirmed:    strings.HasPrefix(subscription, "arn:"), // it says PendingConfirmation before
			})
		}
	}
	slices.SortFunc(listeners, func(a, b Listener) int { return strings.Compare(a.String(), b.String()) })
	return listeners, nil
}
