package topic

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
)

// Audience is who gets the messages of one live topic.
type Audience struct {
	topic *Topic
}

// AudienceOf is that of the topic with the given ARN. It makes no call.
func AudienceOf(cfg aws.Config, arn string) *Audience {
	return &Audience{New(cfg, Spec{ARN: arn})}
}

// Subscriber is one subscription that a topic has.
type Subscriber struct {
	Subscription
	ARN     string // "" while Pending
	Pending bool   // nobody has confirmed it yet: it gets nothing
}

// Subscribers are all of the topic's, confirmed or not, in SNS's order.
func (a *Audience) Subscribers(ctx context.Context) ([]Subscriber, error) {
	live, err := a.topic.subscriptions(ctx)
	if err != nil {
		return nil, fmt.Errorf("subscriptions of %s: %w", a.topic.topicName(), err)
	}
	var all []Subscriber
	for _, s := range live {
		if aws.ToString(s.SubscriptionArn) == deleted {
			continue
		}
		one := Subscriber{Subscription: Subscription{Protocol: aws.ToString(s.Protocol), Endpoint: aws.ToString(s.Endpoint)}, ARN: aws.ToString(s.SubscriptionArn)}
		if one.ARN == pending {
			one.ARN, one.Pending = "", true
		}
		all = append(all, one)
	}
	return all, nil
}

// pending stands where a list of subscriptions has the ARN of one that is not
// confirmed.
const pending = "PendingConfirmation"

// AddQueue subscribes an SQS queue of the same account, which needs no
// confirmation, and returns the subscription's ARN. With an attribute's name
// only messages that have it with that value are delivered; a new filter may
// take SNS 15 minutes to know everywhere ("Message filtering", SNS developer
// guide). The queue's policy must let the topic send.
func (a *Audience) AddQueue(ctx context.Context, queueARN, attribute, value string) (string, error) {
	in := &sns.SubscribeInput{
		TopicArn: &a.topic.spec.ARN, Protocol: aws.String("sqs"), Endpoint: &queueARN, ReturnSubscriptionArn: true,
	}
	if attribute != "" {
		filter, err := json.Marshal(map[string][]string{attribute: {value}})
		if err != nil {
			return "", err
		}
		in.Attributes = map[string]string{"FilterPolicy": string(filter)}
	}
	out, err := a.topic.sns.Subscribe(ctx, in)
	if err != nil {
		return "", fmt.Errorf("subscribe to %s: %w", a.topic.topicName(), err)
	}
	return aws.ToString(out.SubscriptionArn), nil
}

// Remove ends a subscription. One that is gone is what was asked for.
func (a *Audience) Remove(ctx context.Context, arn string) error {
	_, err := a.topic.sns.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &arn})
	if err != nil && !apierr.NotFound(err) {
		return fmt.Errorf("end the subscription to %s: %w", a.topic.topicName(), err)
	}
	return nil
}

// Notification is a message of a topic as a queue gets it.
type Notification struct {
	ID         string
	Subject    string
	Text       string
	At         time.Time         // when SNS took it, by its clock
	Attributes map[string]string // as text, whatever their types
}

// ReadNotification reads the body of a queue's message that SNS delivered. It
// fails for what is none of SNS's, and for raw delivery.
func ReadNotification(body string) (Notification, error) {
	var envelope struct {
		Type, MessageID, Subject, Message string
		Timestamp                         time.Time
		MessageAttributes                 map[string]struct{ Value string }
	}
	if err := json.Unmarshal([]byte(body), &envelope); err != nil {
		return Notification{}, fmt.Errorf("not a notification: %w", err)
	}
	if envelope.Type != "Notification" {
		return Notification{}, fmt.Errorf("not a notification: its type is %.40q", envelope.Type)
	}
	n := Notification{ID: envelope.MessageID, Subject: envelope.Subject, Text: envelope.Message, At: envelope.Timestamp}
	for name, a := range envelope.MessageAttributes {
		if n.Attributes == nil {
			n.Attributes = make(map[string]string, len(envelope.MessageAttributes))
		}
		n.Attributes[name] = a.Value
	}
	return n, nil
}
