package sns

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

func (s *Service) listTopics(_ context.Context, in *sns.ListTopicsInput) (*sns.ListTopicsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page, next, err := paginate(slices.Sorted(maps.Keys(s.topics)), in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sns.ListTopicsOutput{NextToken: next}
	for _, arn := range page {
		out.Topics = append(out.Topics, types.Topic{TopicArn: aws.String(arn)})
	}
	return out, nil
}

func (s *Service) listSubscriptions(_ context.Context, in *sns.ListSubscriptionsInput) (*sns.ListSubscriptionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page, next, err := s.list(slices.Collect(maps.Values(s.subscriptions)), in.NextToken)
	return &sns.ListSubscriptionsOutput{Subscriptions: page, NextToken: next}, err
}

func (s *Service) listSubscriptionsByTopic(_ context.Context, in *sns.ListSubscriptionsByTopicInput) (*sns.ListSubscriptionsByTopicOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(*in.TopicArn)
	if err != nil {
		return nil, err
	}
	s.expire()
	page, next, err := s.list(t.subscriptions, in.NextToken)
	return &sns.ListSubscriptionsByTopicOutput{Subscriptions: page, NextToken: next}, err
}

// list makes a page of subscriptions, by ARN.
func (s *Service) list(subs []*subscription, token *string) (page []types.Subscription, next *string, err error) {
	arns := make([]string, len(subs))
	for i, sub := range subs {
		arns[i] = sub.arn
	}
	slices.Sort(arns)
	arns, next, err = paginate(arns, token)
	for _, arn := range arns {
		sub := s.subscriptions[arn]
		page = append(page, types.Subscription{
			SubscriptionArn: aws.String(sub.listed()), TopicArn: aws.String(sub.topic.arn), Owner: aws.String(s.bus.Account),
			Protocol: aws.String(sub.protocol), Endpoint: aws.String(sub.endpoint),
		})
	}
	return page, next, err
}

// listed is the ARN that lists give.
func (s *subscription) listed() string {
	if s.pending() {
		return "PendingConfirmation"
	}
	return s.arn
}

// paginate cuts a page of a hundred, which is all that SNS gives at once.
func paginate(arns []string, token *string) (page []string, next *string, err error) {
	const most = 100
	if token != nil {
		if i, ok := slices.BinarySearch(arns, *token); !ok && i == len(arns) {
			return nil, nil, invalid("NextToken")
		}
	}
	page, next = wire.Page(arns, token, nil, most)
	return page, next, nil
}
