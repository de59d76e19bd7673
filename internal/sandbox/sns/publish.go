package sns

import (
	"context"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// maxMessage is what a message, and a batch of them, may measure in bytes.
const maxMessage = 256 << 10

func (s *Service) publish(_ context.Context, in *sns.PublishInput) (*sns.PublishOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := in.TopicArn
	if arn == nil {
		arn = in.TargetArn
	}
	if arn == nil {
		if in.PhoneNumber == nil {
			return nil, invalid("TopicArn or TargetArn Reason: no value for required parameter")
		}
		return nil, invalid("PhoneNumber Reason: the sandbox sends to topics only")
	}
	t, err := s.find(*arn)
	if err != nil {
		return nil, err
	}
	e := &types.PublishBatchRequestEntry{
		Message: in.Message, Subject: in.Subject, MessageStructure: in.MessageStructure, MessageAttributes: in.MessageAttributes,
		MessageDeduplicationId: in.MessageDeduplicationId, MessageGroupId: in.MessageGroupId,
	}
	id, err := s.accept(t, e)
	if err != nil {
		return nil, err
	}
	return &sns.PublishOutput{MessageId: &id}, nil
}

// accept checks one message and sends it on its way.
func (s *Service) accept(t *topic, e *types.PublishBatchRequestEntry) (id string, err error) {
	if err := t.check(e); err != nil {
		return "", err
	}
	if size(e) > maxMessage {
		return "", invalid("Message too long")
	}
	if err := s.checkKey(t); err != nil {
		return "", err
	}
	return s.fanOut(t, e), nil
}

// entryOf is what a service publishes, in the form of the API.
func entryOf(n bus.Notification) *types.PublishBatchRequestEntry {
	e := &types.PublishBatchRequestEntry{Message: &n.Message}
	for to, v := range map[**string]string{
		&e.Subject: n.Subject, &e.MessageStructure: n.Structure, &e.MessageGroupId: n.Group, &e.MessageDeduplicationId: n.Dedup,
	} {
		if v != "" {
			*to = &v
		}
	}
	for name, v := range n.Attributes {
		if e.MessageAttributes == nil {
			e.MessageAttributes = map[string]types.MessageAttributeValue{}
		}
		a := types.MessageAttributeValue{DataType: &v.DataType, BinaryValue: v.Binary}
		if v.Binary == nil {
			a.StringValue = &v.String
		}
		e.MessageAttributes[name] = a
	}
	return e
}

func (s *Service) publishBatch(_ context.Context, in *sns.PublishBatchInput) (*sns.PublishBatchOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(*in.TopicArn)
	if err != nil {
		return nil, err
	}
	entries := in.PublishBatchRequestEntries
	if len(entries) == 0 {
		return nil, wire.Errorf("EmptyBatchRequestException", "The batch request doesn't contain any entries.")
	}
	if len(entries) > 10 {
		return nil, wire.Errorf("TooManyEntriesInBatchRequestException", "The batch request contains more entries than permissible.")
	}
	total, seen := 0, map[string]bool{}
	for i := range entries {
		e := &entries[i]
		switch {
		case !bus.PlainName(*e.Id, 80):
			return nil, wire.Errorf("InvalidBatchEntryIdException", "The Id of a batch entry in a batch request doesn't abide by the specification. ")
		case seen[*e.Id]:
			return nil, wire.Errorf("BatchEntryIdsNotDistinctException", "Two or more batch entries in the request have the same Id.")
		case t.fifo() && e.MessageGroupId == nil:
			return nil, invalid("The MessageGroupId parameter is required for FIFO topics")
		}
		seen[*e.Id] = true
		total += size(e)
	}
	if total > maxMessage {
		return nil, wire.Errorf("BatchRequestTooLongException", "The length of all the messages put together is more than the limit.")
	}
	if err := s.checkKey(t); err != nil {
		return nil, err
	}
	out := &sns.PublishBatchOutput{}
	for i := range entries {
		e := &entries[i]
		if err := t.check(e); err != nil {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InvalidParameter"), Message: aws.String(err.Message), SenderFault: true})
			continue
		}
		out.Successful = append(out.Successful, types.PublishBatchResultEntry{Id: e.Id, MessageId: aws.String(s.fanOut(t, e))})
	}
	return out, nil
}

// check refuses one message.
func (t *topic) check(e *types.PublishBatchRequestEntry) *wire.Error {
	switch {
	case *e.Message == "":
		return invalid("Empty message")
	case e.Subject != nil && !goodSubject(*e.Subject):
		return invalid("Subject")
	case e.MessageStructure != nil && *e.MessageStructure != "json":
		return invalid("MessageStructure")
	}
	if e.MessageStructure != nil {
		if err := checkStructure(*e.Message); err != nil {
			return err
		}
	}
	for name, v := range e.MessageAttributes {
		kind, _, _ := strings.Cut(aws.ToString(v.DataType), ".")
		text := kind == "String" || kind == "Number"
		if !text && kind != "Binary" {
			return wire.Errorf("InvalidParameterValueException", "The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		}
		if text && aws.ToString(v.StringValue) == "" || !text && len(v.BinaryValue) == 0 {
			return wire.Errorf("InvalidParameterValueException", "The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, kind)
		}
	}
	switch {
	case !t.fifo() && e.MessageDeduplicationId != nil:
		return invalid("MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type")
	case t.fifo() && e.MessageGroupId == nil:
		return invalid("The MessageGroupId parameter is required for FIFO topics")
	case t.fifo() && e.MessageDeduplicationId == nil && t.attributes["ContentBasedDeduplication"] != "true":
		return invalid("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	}
	return nil
}

// goodSubject says whether a subject can stand in a mail's header.
func goodSubject(s string) bool {
	return s != "" && utf8.RuneCountInString(s) < 100 && strings.IndexFunc(s, unicode.IsControl) < 0
}

// checkStructure refuses a message by protocol that has no text for the
// protocols that it does not name.
func checkStructure(message string) *wire.Error {
	var byProtocol map[string]any
	if json.Unmarshal([]byte(message), &byProtocol) != nil {
		return invalid("Message Structure - JSON message body failed to parse")
	}
	if _, ok := byProtocol["default"].(string); !ok {
		return invalid("Message Structure - No default entry in JSON message body")
	}
	return nil
}

// checkKey refuses to encrypt with a key that can't be used. Nothing asks
// before a message is published, not even CreateTopic.
func (s *Service) checkKey(t *topic) error {
	ref := t.attributes["KmsMasterKeyId"]
	if ref == "" || ownKey(ref) {
		return nil
	}
	key, ok := s.bus.Keys.Key(ref)
	switch {
	case !ok:
		return wire.Errorf("KMSNotFoundException", "Key '%s' does not exist", ref)
	case key.State == "Disabled":
		return wire.Errorf("KMSDisabledException", "%s is disabled.", key.ARN)
	case key.State != "Enabled":
		return wire.Errorf("KMSInvalidStateException", "%s is pending deletion.", key.ARN)
	}
	return nil
}

// size is what counts towards the limits: the message, and the attributes'
// names, types and values.
func size(e *types.PublishBatchRequestEntry) int {
	n := len(*e.Message)
	for name, v := range e.MessageAttributes {
		n += len(name) + len(aws.ToString(v.DataType)) + len(aws.ToString(v.StringValue)) + len(v.BinaryValue)
	}
	return n
}
