package sqs

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// checkBatch refuses a batch as a whole.
func checkBatch[E any](what string, entries []E, id func(E) string) error {
	if len(entries) == 0 {
		return wire.Errorf("EmptyBatchRequest", "There should be at least one %s in the request.", what)
	}
	if len(entries) > 10 {
		return wire.Errorf("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent %d.", len(entries))
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if !bus.PlainName(id(e), 80) {
			return wire.Errorf("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		if seen[id(e)] {
			return wire.Errorf("BatchEntryIdsNotDistinct", "Id %s repeated.", id(e))
		}
		seen[id(e)] = true
	}
	return nil
}

// failed is one entry's refusal within a batch that is answered with 200.
func failed(id *string, err error) types.BatchResultErrorEntry {
	e, ok := errors.AsType[*wire.Error](err)
	if !ok { // our own mistake
		e = &wire.Error{Code: "InternalError", Message: err.Error()}
	}
	return types.BatchResultErrorEntry{Id: id, Code: aws.String(e.Code), Message: aws.String(e.Message), SenderFault: ok}
}

// goodToken says whether a text can be a group or deduplication id: letters,
// digits and punctuation of ASCII.
func goodToken(s string) bool {
	return 0 < len(s) && len(s) <= 128 && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// checkRequest refuses what the queue's type does not allow. In a batch it
// refuses the whole.
func (q *queue) checkRequest(e *entry) error {
	const wrongType = "The request include parameter that is not valid for this queue type."
	const token = "%s can only include alphanumeric and punctuation characters. 1 to 128 in length."
	if q.settings.fifo {
		if d := aws.ToInt32(e.DelaySeconds); d != 0 {
			return wire.Errorf("InvalidParameterValue", "Value %d for parameter DelaySeconds is invalid. Reason: "+wrongType, d)
		}
		if e.MessageDeduplicationId == nil && !q.settings.contentDedup {
			return wire.Errorf("InvalidParameterValue", "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
		}
	} else if e.MessageDeduplicationId != nil {
		return wire.Errorf("InvalidParameterValue", "Value %s for parameter MessageDeduplicationId is invalid. Reason: "+wrongType, *e.MessageDeduplicationId)
	}
	if id := e.MessageDeduplicationId; id != nil && !goodToken(*id) {
		return wire.Errorf("InvalidParameterValue", "Value %s for parameter MessageDeduplicationId is invalid. Reason: "+token, *id, "MessageDeduplicationId")
	}
	if id := e.MessageGroupId; id != nil && !goodToken(*id) {
		return wire.Errorf("InvalidParameterValue", "Value %s for parameter MessageGroupId is invalid. Reason: "+token, *id, "MessageGroupId")
	}
	return nil
}

// checkEntry refuses one message. In a batch the others go on.
func (s *Service) checkEntry(q *queue, e *entry) error {
	if err := within("DelaySeconds", e.DelaySeconds, 0, 900, "DelaySeconds must be >= 0 and <= 900."); err != nil {
		return err
	}
	if *e.MessageBody == "" {
		return wire.Errorf("MissingParameter", "The request must contain the parameter MessageBody.")
	}
	if !allowed(*e.MessageBody) {
		return wire.Errorf("InvalidMessageContents", "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF")
	}
	if n := len(e.MessageAttributes); n > 10 {
		return wire.Errorf("InvalidParameterValue", "Number of message attributes [%d] exceeds the allowed maximum [10].", n)
	}
	for _, name := range slices.Sorted(maps.Keys(e.MessageAttributes)) {
		if err := checkAttribute(name, e.MessageAttributes[name]); err != nil {
			return err
		}
	}
	return s.checkKey(q)
}

// allowed says whether a text has only the characters of XML 1.0.
func allowed(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	return strings.IndexFunc(text, func(r rune) bool {
		return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	}) < 0
}

// goodAttribute says whether a name is of plain names with dots between.
func goodAttribute(name string) bool {
	return !slices.ContainsFunc(strings.Split(name, "."), func(part string) bool { return !bus.PlainName(part, len(name)) })
}

func checkAttribute(name string, v types.MessageAttributeValue) error {
	lower := strings.ToLower(name)
	if len(name) > 256 || !goodAttribute(name) || strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon.") {
		return wire.Errorf("InvalidParameterValue", "Message (user) attribute name '%s' is invalid. Can only include alphanumeric characters, hyphens, underscores, or dots.", name)
	}
	kind, _, _ := strings.Cut(aws.ToString(v.DataType), ".")
	switch kind {
	case "String", "Number":
		if aws.ToString(v.StringValue) == "" {
			return wire.Errorf("InvalidParameterValue", "Message (user) attribute '%s' must contain a non-empty value of type '%s'.", name, kind)
		}
		if !allowed(*v.StringValue) {
			return wire.Errorf("InvalidMessageContents", "Invalid characters found in message attribute '%s'.", name)
		}
	case "Binary":
		if len(v.BinaryValue) == 0 {
			return wire.Errorf("InvalidParameterValue", "Message (user) attribute '%s' must contain a non-empty value of type 'Binary'.", name)
		}
	default:
		return wire.Errorf("InvalidParameterValue", "The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
	}
	return nil
}

// checkKey refuses to encrypt with a key that can't be used.
func (s *Service) checkKey(q *queue) error {
	ref := q.settings.key
	if ref == "" || strings.HasSuffix(ref, "alias/aws/sqs") {
		return nil
	}
	key, ok := s.bus.Keys.Key(ref)
	switch {
	case !ok:
		return wire.Errorf("KmsNotFound", "Key '%s' does not exist", ref)
	case key.State == "Disabled":
		return wire.Errorf("KmsDisabled", "%s is disabled.", key.ARN)
	case key.State != "Enabled":
		return wire.Errorf("KmsInvalidState", "%s is pending deletion.", key.ARN)
	}
	return nil
}
