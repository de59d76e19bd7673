package sqs

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// settings are the attributes of a queue that can be set, times in seconds.
type settings struct {
	delay, retention, visibility, wait int
	maxSize                            int
	policy                             string
	redrive                            redrive
	allow                              redriveAllow
	managedSSE                         bool
	key                                string
	keyReuse                           int

	fifo         bool
	contentDedup bool
	perGroup     bool // deduplication
	groupLimit   bool // throughput
}

// defaults are the settings of a queue made without attributes.
func defaults(fifo bool) settings {
	return settings{retention: 345600, visibility: 30, maxSize: maxMessage, managedSSE: true, fifo: fifo}
}

// A getter writes an attribute, "" for one that GetQueueAttributes leaves out.
type getter func(settings) string

// A setter reads an attribute into the settings or refuses it.
type setter func(*settings, string) error

// attribute is one attribute that can be set.
type attribute struct {
	name types.QueueAttributeName
	fifo bool // known on FIFO queues only
	get  getter
	set  setter
}

// attributes is everything that can be set, in the order in which SQS checks it.
var attributes = []attribute{
	number("DelaySeconds", 0, 900, func(s *settings) *int { return &s.delay }),
	number("MaximumMessageSize", 1024, maxMessage, func(s *settings) *int { return &s.maxSize }),
	number("MessageRetentionPeriod", 60, 1209600, func(s *settings) *int { return &s.retention }),
	number("ReceiveMessageWaitTimeSeconds", 0, 20, func(s *settings) *int { return &s.wait }),
	number("VisibilityTimeout", 0, 43200, func(s *settings) *int { return &s.visibility }),
	{name: "Policy", get: func(s settings) string { return s.policy }, set: setPolicy},
	{name: "RedrivePolicy", get: func(s settings) string { return s.redrive.text }, set: setRedrive},
	{name: "RedriveAllowPolicy", get: func(s settings) string { return s.allow.text }, set: setRedriveAllow},
	{name: "KmsMasterKeyId", get: func(s settings) string { return s.key }, set: func(s *settings, v string) error { s.key = v; return nil }},
	keyReuse(),
	flag("SqsManagedSseEnabled", false, func(s *settings) *bool { return &s.managedSSE }),
	{name: "FifoQueue", fifo: true, get: func(s settings) string { return onlyTrue(s.fifo) }, set: func(*settings, string) error { return nil }},
	flag("ContentBasedDeduplication", true, func(s *settings) *bool { return &s.contentDedup }),
	choice("DeduplicationScope", "queue", "messageGroup", func(s *settings) *bool { return &s.perGroup }),
	choice("FifoThroughputLimit", "perQueue", "perMessageGroupId", func(s *settings) *bool { return &s.groupLimit }),
}

func number(name types.QueueAttributeName, least, most int, of func(*settings) *int) attribute {
	return attribute{
		name: name,
		get:  func(s settings) string { return strconv.Itoa(*of(&s)) },
		set: func(s *settings, v string) error {
			n, err := strconv.Atoi(v)
			if err != nil || n < least || n > most {
				return invalidValue(name)
			}
			*of(s) = n
			return nil
		},
	}
}

// keyReuse is shown only beside a key.
func keyReuse() attribute {
	a := number("KmsDataKeyReusePeriodSeconds", 60, 86400, func(s *settings) *int { return &s.keyReuse })
	a.get = func(s settings) string {
		switch {
		case s.key == "":
			return ""
		case s.keyReuse == 0:
			return "300"
		default:
			return strconv.Itoa(s.keyReuse)
		}
	}
	return a
}

func flag(name types.QueueAttributeName, fifo bool, of func(*settings) *bool) attribute {
	a := choice(name, "false", "true", of)
	a.fifo = fifo
	return a
}

// choice is an attribute of a FIFO queue with two values, off and on.
func choice(name types.QueueAttributeName, off, on string, of func(*settings) *bool) attribute {
	return attribute{
		name: name, fifo: true,
		get: func(s settings) string {
			if *of(&s) {
				return on
			}
			return off
		},
		set: func(s *settings, v string) error {
			if v != on && v != off {
				return invalidValue(name)
			}
			*of(s) = v == on
			return nil
		},
	}
}

func onlyTrue(b bool) string {
	if b {
		return "true"
	}
	return ""
}

func invalidValue(name types.QueueAttributeName) error {
	return wire.Errorf("InvalidAttributeValue", "Invalid value for the parameter %s.", name)
}

func unknown(name types.QueueAttributeName) error {
	return wire.Errorf("InvalidAttributeName", "Unknown Attribute %s.", name)
}

// wantsFIFO reads the attribute that says what kind of queue to make. SQS knows
// it only with the value true.
func wantsFIFO(in map[string]string) (bool, error) {
	v, ok := in["FifoQueue"]
	switch {
	case !ok:
		return false, nil
	case v == "true":
		return true, nil
	case v == "false":
		return false, unknown("FifoQueue")
	default:
		return false, invalidValue("FifoQueue")
	}
}

// apply is the settings of the queue arn with some attributes set, all or none.
func (s *Service) apply(arn string, to settings, in map[string]string) (settings, error) {
	for name := range in {
		i := slices.IndexFunc(attributes, func(a attribute) bool { return string(a.name) == name })
		if i < 0 || (attributes[i].fifo && !to.fifo) {
			return to, unknown(types.QueueAttributeName(name))
		}
	}
	for _, a := range attributes {
		if v, ok := in[string(a.name)]; ok {
			if err := a.set(&to, v); err != nil {
				return to, err
			}
		}
	}
	return to, s.checkTogether(arn, &to, in)
}

// checkTogether refuses what each attribute allows and all together do not.
func (s *Service) checkTogether(arn string, to *settings, in map[string]string) error {
	if to.groupLimit && !to.perGroup {
		return wire.Errorf("InvalidAttributeValue", "Invalid value for the parameter FifoThroughputLimit. Reason: The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.")
	}
	if in["KmsMasterKeyId"] != "" {
		if in["SqsManagedSseEnabled"] == "true" {
			return oneSSE()
		}
		to.managedSSE = false // a key takes its place
	} else if in["SqsManagedSseEnabled"] == "true" && to.key != "" {
		return oneSSE()
	}
	if _, ok := in["RedrivePolicy"]; ok {
		return s.checkTarget(arn, *to)
	}
	return nil
}

func oneSSE() error {
	return wire.Errorf("InvalidAttributeName", "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.")
}

// sameAs refuses to create a queue again with an attribute that differs from
// the one there is (trap 10).
func sameAs(have, want settings, in map[string]string) error {
	for _, a := range attributes {
		if _, given := in[string(a.name)]; given && a.get(have) != a.get(want) {
			return wire.Errorf("QueueNameExists", "A queue already exists with the same name and a different value for attribute %s", a.name)
		}
	}
	return nil
}

func (s *Service) setQueueAttributes(_ context.Context, in *sqs.SetQueueAttributesInput) (*sqs.SetQueueAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if v, ok := in.Attributes["FifoQueue"]; ok && q.settings.fifo && v != "true" {
		return nil, wire.Errorf("InvalidAttributeValue", "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")
	}
	changed, err := s.apply(q.arn, q.settings, in.Attributes)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if now.Sub(q.changed) >= s.bus.Timing.QueueSettle {
		q.before = q.settings
		q.reads.Store(0)
	}
	q.settings, q.changed = changed, now
	q.keep(seconds(changed.retention))
	return &sqs.SetQueueAttributesOutput{}, nil
}

func (s *Service) getQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput) (*sqs.GetQueueAttributesOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	seen := q.settings
	if now.Sub(q.changed) < s.bus.Timing.QueueSettle && !q.turn() {
		seen = q.before // trap 11
	}
	q.tick(now)
	all := map[string]string{
		"QueueArn":                              q.arn,
		"CreatedTimestamp":                      strconv.FormatInt(q.created.Unix(), 10),
		"LastModifiedTimestamp":                 strconv.FormatInt(q.changed.Unix(), 10),
		"ApproximateNumberOfMessages":           strconv.Itoa(q.visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(q.inflight),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(len(q.messages) - q.visible - q.inflight),
	}
	for _, a := range attributes {
		if v := a.get(seen); v != "" && (!a.fifo || seen.fifo) {
			all[string(a.name)] = v
		}
	}
	if !slices.Contains(in.AttributeNames, types.QueueAttributeNameAll) {
		maps.DeleteFunc(all, func(name, _ string) bool {
			return !slices.Contains(in.AttributeNames, types.QueueAttributeName(name))
		})
	}
	return &sqs.GetQueueAttributesOutput{Attributes: all}, nil
}

// seconds is a duration as attributes count it.
func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// within refuses a number out of its range; absent is in it.
func within(name string, v *int32, least, most int32, reason string) error {
	if v != nil && (*v < least || *v > most) {
		return wire.Errorf("InvalidParameterValue", "Value %d for parameter %s is invalid. Reason: %s", aws.ToInt32(v), name, reason)
	}
	return nil
}
