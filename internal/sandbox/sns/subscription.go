package sns

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// tokenLife is how long a subscription waits for its confirmation.
const tokenLife = 48 * time.Hour

type subscription struct {
	arn        string
	topic      *topic
	protocol   string
	endpoint   string
	attributes map[string]string // those that were set
	filter     filter            // of the attribute FilterPolicy
	token      string            // that confirms it, "" when that is not needed
	confirmed  bool
	made       time.Time
}

func (s *subscription) pending() bool { return s.token != "" && !s.confirmed }

func number(n int) string { return strconv.Itoa(n) }

func newToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// endpoint is one protocol: what its endpoints look like, what SNS says of
// others, and whether the endpoint's owner must confirm.
type endpoint struct {
	shape    func() *regexp.Regexp
	refusal  string
	confirms bool
	fifo     bool // FIFO topics deliver to it
}

var endpoints = map[string]endpoint{
	"http":        {shape: wire.Pattern(`^http://[^/]`), refusal: "Endpoint must match the specified protocol", confirms: true},
	"https":       {shape: wire.Pattern(`^https://[^/]`), refusal: "Endpoint must match the specified protocol", confirms: true},
	"email":       {shape: wire.Pattern(`^[^@\s;,]+@[^@\s;,]+$`), refusal: "Email address", confirms: true},
	"email-json":  {shape: wire.Pattern(`^[^@\s;,]+@[^@\s;,]+$`), refusal: "Email address", confirms: true},
	"sms":         {shape: wire.Pattern(`^\+?[0-9][0-9-]{5,18}$`), refusal: "Invalid SMS endpoint: %s"},
	"sqs":         {shape: wire.Pattern(`^arn:[^:]+:sqs:[^:]+:\d{12}:[^:]+$`), refusal: "SQS endpoint ARN", fifo: true},
	"lambda":      {shape: wire.Pattern(`^arn:[^:]+:lambda:[^:]+:\d{12}:function:.+$`), refusal: "Lambda endpoint ARN"},
	"firehose":    {shape: wire.Pattern(`^arn:[^:]+:firehose:[^:]+:\d{12}:deliverystream/.+$`), refusal: "Firehose endpoint ARN"},
	"application": {shape: wire.Pattern(`^arn:[^:]+:sns:[^:]+:\d{12}:endpoint/.+$`), refusal: "ApplicationEndpoint ARN"},
}

func (s *Service) subscribe(_ context.Context, in *sns.SubscribeInput) (*sns.SubscribeOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(*in.TopicArn)
	if err != nil {
		return nil, err
	}
	sub := &subscription{
		arn: t.arn + ":" + bus.NewUUID(), topic: t, protocol: *in.Protocol, endpoint: aws.ToString(in.Endpoint),
		attributes: map[string]string{}, made: time.Now(),
	}
	if err := sub.check(); err != nil {
		return nil, err
	}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(in.Attributes))) { // a filter's scope before the filter
		if err := sub.set(name, in.Attributes[name]); err != nil {
			e := *err
			e.Message = strings.Replace(e.Message, "Invalid parameter: ", "Invalid parameter: Attributes Reason: ", 1)
			return nil, &e
		}
	}
	if sub.protocol == "firehose" && sub.attributes["SubscriptionRoleArn"] == "" {
		return nil, invalid("Attributes Reason: SubscriptionRoleArn is required for firehose protocol")
	}
	s.expire()
	if old := t.same(sub); old != nil {
		for name := range in.Attributes {
			if old.attributes[name] != sub.attributes[name] {
				return nil, invalid("Attributes Reason: Subscription already exists with different attributes")
			}
		}
		sub = old
	} else {
		if endpoints[sub.protocol].confirms {
			sub.token = newToken()
		}
		t.subscriptions = append(t.subscriptions, sub)
		s.subscriptions[sub.arn] = sub
	}
	if sub.pending() {
		s.askToConfirm(sub)
	}
	arn := sub.arn
	if sub.pending() && !in.ReturnSubscriptionArn {
		arn = "pending confirmation"
	}
	return &sns.SubscribeOutput{SubscriptionArn: aws.String(arn)}, nil
}

// deadLetters is the ARN of the queue of the RedrivePolicy, "" for none.
func (s *subscription) deadLetters() string {
	var p struct {
		Target string `json:"deadLetterTargetArn"`
	}
	_ = json.Unmarshal([]byte(s.attributes["RedrivePolicy"]), &p) // checked when it was set
	return p.Target
}

// askToConfirm sends the token to the endpoint's owner.
func (s *Service) askToConfirm(sub *subscription) {
	d := &delivery{
		notification: &notification{
			id: bus.NewUUID(), topic: sub.topic.arn, name: sub.topic.name, at: time.Now(),
			message: "You have chosen to subscribe to the topic " + sub.topic.arn + ".\nTo confirm the subscription, visit the SubscribeURL included in this message.",
		},
		subscription: sub.arn, protocol: sub.protocol, endpoint: sub.endpoint, confirm: sub.token,
	}
	if strings.HasPrefix(sub.protocol, "http") {
		s.line.Add(d)
		return
	}
	s.mail(d)
}

// check refuses endpoints that do not suit the protocol or the topic.
func (s *subscription) check() *wire.Error {
	e, ok := endpoints[s.protocol]
	switch {
	case !ok:
		return invalid("Amazon SNS does not support this protocol string: %s", s.protocol)
	case !e.shape().MatchString(s.endpoint):
		return invalid("%s", strings.ReplaceAll(e.refusal, "%s", s.endpoint))
	case s.topic.fifo() && !e.fifo:
		return invalid("Invalid parameter: Invalid protocol type: %s", s.protocol)
	case s.protocol == "sqs" && !s.topic.fifo() && strings.HasSuffix(s.endpoint, ".fifo"):
		return invalid("Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
	}
	return nil
}

// set sets one attribute.
func (s *subscription) set(name, value string) *wire.Error {
	switch name {
	case "RawMessageDelivery":
		if value != "true" && value != "false" {
			return invalid("RawMessageDelivery: Invalid value [%s]. Must be true or false.", value)
		}
		if value == "true" && s.protocol != "sqs" && s.protocol != "http" && s.protocol != "https" && s.protocol != "firehose" {
			return invalid("Delivery protocol [%s] does not support raw message delivery.", s.protocol)
		}
	case "FilterPolicyScope":
		if value != "MessageAttributes" && value != "MessageBody" {
			return invalid("FilterPolicyScope: Invalid value [%s]. Please use either MessageBody or MessageAttributes", value)
		}
	case "FilterPolicy", "DeliveryPolicy", "RedrivePolicy":
		if value != "" && !json.Valid([]byte(value)) {
			return invalid("%s: failed to parse JSON.", name)
		}
		var p struct {
			Target string `json:"deadLetterTargetArn"`
		}
		if name == "RedrivePolicy" && value != "" && (json.Unmarshal([]byte(value), &p) != nil || !endpoints["sqs"].shape().MatchString(p.Target)) {
			return invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn")
		}
	case "SubscriptionRoleArn":
	default:
		return invalid("AttributeName")
	}
	before := maps.Clone(s.attributes)
	if value == "" {
		delete(s.attributes, name)
	} else {
		s.attributes[name] = value
	}
	if err := s.setFilter(); err != nil {
		s.attributes = before
		return invalid("FilterPolicy: %v", err)
	}
	return nil
}

// setFilter reads the filter policy again, for its scope may have changed.
func (s *subscription) setFilter() (err error) {
	s.filter = filter{}
	if text := s.attributes["FilterPolicy"]; text != "" {
		s.filter, err = parseFilter(text, s.attributes["FilterPolicyScope"] == "MessageBody")
	}
	return err
}

// same is the subscription of the same endpoint, of which a topic has one.
func (t *topic) same(sub *subscription) *subscription {
	i := slices.IndexFunc(t.subscriptions, func(s *subscription) bool {
		return s.protocol == sub.protocol && s.endpoint == sub.endpoint
	})
	if i < 0 {
		return nil
	}
	return t.subscriptions[i]
}

// expire forgets subscriptions that nobody confirmed in time.
func (s *Service) expire() {
	for _, sub := range s.subscriptions {
		if sub.pending() && time.Since(sub.made) >= tokenLife {
			s.remove(sub)
		}
	}
}

func (s *Service) remove(sub *subscription) {
	delete(s.subscriptions, sub.arn)
	t := sub.topic
	t.subscriptions = slices.DeleteFunc(t.subscriptions, func(o *subscription) bool { return o == sub })
	t.deleted++
}

// confirmSubscription ends the wait. A token that was used already confirms
// again.
func (s *Service) confirmSubscription(_ context.Context, in *sns.ConfirmSubscriptionInput) (*sns.ConfirmSubscriptionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(*in.TopicArn)
	if err != nil {
		return nil, err
	}
	s.expire()
	for _, sub := range t.subscriptions {
		if sub.token == *in.Token {
			sub.confirmed = true
			return &sns.ConfirmSubscriptionOutput{SubscriptionArn: aws.String(sub.arn)}, nil
		}
	}
	return nil, invalid("Token")
}

func (s *Service) unsubscribe(_ context.Context, in *sns.UnsubscribeInput) (*sns.UnsubscribeOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := *in.SubscriptionArn
	if err := checkARN("SubscriptionArn", arn); err != nil {
		return nil, err // the literal PendingConfirmation of a list, for one
	}
	sub := s.subscriptions[arn]
	if sub == nil {
		return &sns.UnsubscribeOutput{}, nil // idempotent
	}
	if sub.pending() {
		return nil, invalid("SubscriptionArn Reason: this subscription is pending confirmation and can't be unsubscribed")
	}
	s.remove(sub)
	return &sns.UnsubscribeOutput{}, nil
}

// subscription finds one by its ARN, confirmed or not.
func (s *Service) subscription(arn string) (*subscription, error) {
	if err := checkARN("SubscriptionArn", arn); err != nil {
		return nil, err
	}
	s.expire()
	if sub := s.subscriptions[arn]; sub != nil {
		return sub, nil
	}
	return nil, wire.Errorf("NotFoundException", "Subscription does not exist")
}

func (s *Service) getSubscriptionAttributes(_ context.Context, in *sns.GetSubscriptionAttributesInput) (*sns.GetSubscriptionAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, err := s.subscription(*in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	all := map[string]string{
		"SubscriptionArn": sub.arn, "TopicArn": sub.topic.arn, "Owner": s.bus.Account, "Protocol": sub.protocol, "Endpoint": sub.endpoint,
		"PendingConfirmation": strconv.FormatBool(sub.pending()), "ConfirmationWasAuthenticated": strconv.FormatBool(!sub.pending()),
		"RawMessageDelivery": "false", "SubscriptionPrincipal": "arn:aws:iam::" + s.bus.Account + ":user/sandbox",
	}
	maps.Copy(all, sub.attributes)
	if all["FilterPolicy"] != "" {
		all["FilterPolicyScope"] = cmp.Or(all["FilterPolicyScope"], "MessageAttributes")
	}
	return &sns.GetSubscriptionAttributesOutput{Attributes: all}, nil
}

func (s *Service) setSubscriptionAttributes(_ context.Context, in *sns.SetSubscriptionAttributesInput) (*sns.SetSubscriptionAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, err := s.subscription(*in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	if err := sub.set(*in.AttributeName, aws.ToString(in.AttributeValue)); err != nil {
		return nil, err
	}
	return &sns.SetSubscriptionAttributesOutput{}, nil
}
