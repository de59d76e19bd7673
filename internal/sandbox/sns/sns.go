// Package sns is the sandbox's Simple Notification Service: topics with their
// attributes and tags, subscriptions with their confirmation, and the delivery
// of what is published: to queues, to functions, to endpoints on this machine,
// and to an outbox in place of mail and telephones.
package sns

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Service is SNS.
type Service struct {
	bus *bus.Bus

	mu            sync.Mutex
	topics        map[string]*topic        // by ARN
	subscriptions map[string]*subscription // by ARN

	line    *bus.Line[*delivery] // in the order of publishing
	client  *http.Client
	posting chan struct{} // holds a token for every request to an endpoint

	letterMu sync.Mutex
	letters  []bus.Letter
}

// maxPosting is how many endpoints are waited for at once.
const maxPosting = 256

type topic struct {
	arn           string
	name          string
	attributes    map[string]string // those that were set
	tags          bus.Tags
	subscriptions []*subscription // as they came
	deleted       int             // how many there were and are no more
}

func (t *topic) fifo() bool { return strings.HasSuffix(t.name, ".fifo") }

// New is SNS with no topics.
func New(b *bus.Bus) *Service {
	s := &Service{
		bus: b, topics: map[string]*topic{}, subscriptions: map[string]*subscription{},
		line: bus.NewLine[*delivery](), client: newClient(), posting: make(chan struct{}, maxPosting),
	}
	b.Topics, b.Publisher, b.Outbox = s, s, s
	b.Background(s.deliver)
	b.ListTagged(s.tagged)
	return s
}

// Wire is what the service offers.
func (s *Service) Wire() wire.Service {
	return wire.Service{Name: "sns", Invalid: "ValidationError", Ops: map[string]wire.Op{
		"CreateTopic":               wire.Handle(s.createTopic),
		"DeleteTopic":               wire.Handle(s.deleteTopic),
		"GetTopicAttributes":        wire.Handle(s.getTopicAttributes),
		"SetTopicAttributes":        wire.Handle(s.setTopicAttributes),
		"ListTopics":                wire.Handle(s.listTopics),
		"Subscribe":                 wire.Handle(s.subscribe),
		"ConfirmSubscription":       wire.Handle(s.confirmSubscription),
		"Unsubscribe":               wire.Handle(s.unsubscribe),
		"ListSubscriptions":         wire.Handle(s.listSubscriptions),
		"ListSubscriptionsByTopic":  wire.Handle(s.listSubscriptionsByTopic),
		"GetSubscriptionAttributes": wire.Handle(s.getSubscriptionAttributes),
		"SetSubscriptionAttributes": wire.Handle(s.setSubscriptionAttributes),
		"TagResource":               wire.Handle(s.tagResource),
		"UntagResource":             wire.Handle(s.untagResource),
		"ListTagsForResource":       wire.Handle(s.listTagsForResource),
		"Publish":                   wire.Handle(s.publish),
		"PublishBatch":              wire.Handle(s.publishBatch),
	}}
}

// Topic implements bus.Topics.
func (s *Service) Topic(arn string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.topics[arn] != nil
}

func (s *Service) tagged(add func(arn string, tags bus.Tags)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.topics {
		add(t.arn, t.tags)
	}
}

func invalid(format string, args ...any) *wire.Error {
	return wire.Errorf("InvalidParameterException", "Invalid parameter: "+format, args...)
}

// find is the topic of an ARN.
func (s *Service) find(arn string) (*topic, error) {
	if err := checkARN("TopicArn", arn); err != nil {
		return nil, err
	}
	if n := strings.Count(arn, ":") + 1; n > 6 {
		return nil, invalid("Topic Name") // a subscription's ARN, most often
	}
	if t := s.topics[arn]; t != nil {
		return t, nil
	}
	return nil, wire.Errorf("NotFoundException", "Topic does not exist")
}

func checkARN(parameter, arn string) error {
	if n := strings.Count(arn, ":") + 1; n < 6 {
		return invalid("%s Reason: An ARN must have at least 6 elements, not %d", parameter, n)
	}
	return nil
}

func (s *Service) createTopic(_ context.Context, in *sns.CreateTopicInput) (*sns.CreateTopicOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := *in.Name
	base, fifo := strings.CutSuffix(name, ".fifo")
	if len(name) > 256 || !bus.PlainName(base, 256) || fifo != (in.Attributes["FifoTopic"] == "true") {
		return nil, invalid("Topic Name")
	}
	t := &topic{arn: s.bus.ARN("sns", name), name: name, attributes: map[string]string{}}
	for _, k := range slices.Sorted(maps.Keys(in.Attributes)) {
		if err := t.set(k, in.Attributes[k], true); err != nil {
			e := *err
			e.Message = strings.Replace(e.Message, "Invalid parameter: ", "Invalid parameter: Attributes Reason: ", 1)
			return nil, &e
		}
	}
	tags, err := readTags(in.Tags, nil)
	if err != nil {
		return nil, err
	}
	t.tags = tags
	old := s.topics[t.arn]
	if old == nil {
		s.topics[t.arn] = t
		return &sns.CreateTopicOutput{TopicArn: aws.String(t.arn)}, nil
	}
	// Trap 25: what is not said is not compared, and what is said must be so.
	for k := range in.Attributes {
		if s.attribute(old, k) != s.attribute(t, k) {
			return nil, invalid("Attributes Reason: Topic already exists with different attributes")
		}
	}
	if len(tags) > 0 && !maps.Equal(tags, old.tags) {
		return nil, invalid("Tags Reason: Topic already exists with different tags")
	}
	return &sns.CreateTopicOutput{TopicArn: aws.String(t.arn)}, nil
}

func (s *Service) deleteTopic(_ context.Context, in *sns.DeleteTopicInput) (*sns.DeleteTopicOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(*in.TopicArn)
	if err != nil {
		if refusal, ok := errors.AsType[*wire.Error](err); ok && refusal.Code == "NotFoundException" {
			err = nil // deleting is idempotent
		}
		return &sns.DeleteTopicOutput{}, err
	}
	for _, sub := range t.subscriptions {
		delete(s.subscriptions, sub.arn)
	}
	delete(s.topics, t.arn)
	return &sns.DeleteTopicOutput{}, nil
}

// settable are the attributes of a topic that can be set, but for those of a
// FIFO topic and of delivery status logging.
var settable = []string{"DeliveryPolicy", "DisplayName", "Policy", "TracingConfig", "KmsMasterKeyId", "SignatureVersion"}

var feedback = wire.Pattern(`^(HTTP|Firehose|Lambda|Application|SQS)(SuccessFeedbackRoleArn|SuccessFeedbackSampleRate|FailureFeedbackRoleArn)$`)

// set sets one attribute. The name is judged before the value.
func (t *topic) set(name, value string, creating bool) *wire.Error {
	fifoOnly := name == "ContentBasedDeduplication" || name == "FifoThroughputScope" || name == "ArchivePolicy" || (name == "FifoTopic" && creating)
	switch {
	case fifoOnly && (t.fifo() || (name == "FifoTopic" && value == "false")):
	case slices.Contains(settable, name), feedback().MatchString(name):
	default:
		return invalid("AttributeName")
	}
	switch name {
	case "DisplayName":
		if len(value) > 100 {
			return invalid("DisplayName")
		}
	case "Policy":
		if err := t.checkPolicy(value); err != nil {
			return err
		}
	case "ContentBasedDeduplication":
		if value != "true" && value != "false" {
			return invalid("ContentBasedDeduplication")
		}
	case "SignatureVersion":
		if value != "1" && value != "2" {
			return invalid("SignatureVersion")
		}
	case "TracingConfig":
		if value != "PassThrough" && value != "Active" {
			return invalid("TracingConfig")
		}
	}
	if value == "" || (name == "FifoTopic" && value == "false") {
		delete(t.attributes, name)
	} else {
		t.attributes[name] = value
	}
	return nil
}

// attribute is an attribute as GetTopicAttributes shows it, "" for one that it
// leaves out.
func (s *Service) attribute(t *topic, name string) string {
	if v := t.attributes[name]; v != "" {
		return v
	}
	switch name {
	case "Policy":
		return s.defaultPolicy(t)
	case "ContentBasedDeduplication":
		if t.fifo() {
			return "false"
		}
	}
	return ""
}

// defaultPolicy lets everything whose source is the account publish.
func (s *Service) defaultPolicy(t *topic) string {
	return `{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow","Principal":{"AWS":"*"},` +
		`"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],` +
		`"Resource":"` + t.arn + `","Condition":{"StringEquals":{"AWS:SourceOwner":"` + s.bus.Account + `"}}}]}`
}

const effectiveDelivery = `{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}`

func (s *Service) getTopicAttributes(_ context.Context, in *sns.GetTopicAttributesInput) (*sns.GetTopicAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(*in.TopicArn)
	if err != nil {
		return nil, err
	}
	pending := 0
	for _, sub := range t.subscriptions {
		if sub.pending() {
			pending++
		}
	}
	all := map[string]string{
		"TopicArn": t.arn, "Owner": s.bus.Account, "DisplayName": "", "EffectiveDeliveryPolicy": effectiveDelivery,
		"Policy": s.attribute(t, "Policy"), "SubscriptionsConfirmed": number(len(t.subscriptions) - pending),
		"SubscriptionsPending": number(pending), "SubscriptionsDeleted": number(t.deleted),
	}
	if t.fifo() {
		all["ContentBasedDeduplication"] = "false"
	}
	maps.Copy(all, t.attributes)
	return &sns.GetTopicAttributesOutput{Attributes: all}, nil
}

func (s *Service) setTopicAttributes(_ context.Context, in *sns.SetTopicAttributesInput) (*sns.SetTopicAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(*in.TopicArn)
	if err != nil {
		return nil, err
	}
	if err := t.set(*in.AttributeName, aws.ToString(in.AttributeValue), false); err != nil {
		return nil, err
	}
	return &sns.SetTopicAttributesOutput{}, nil
}
