package sqs

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// What a message, and a batch of them, may measure in bytes (SQS developer
// guide, "Amazon SQS message quotas").
const maxMessage = 1 << 20

// dedupWindow is how long a FIFO queue remembers a deduplication id (trap 12).
const dedupWindow = 5 * time.Minute

// entry is one message to send. It tells an absent delay from none, which the
// SDK's own structs can not.
type entry struct {
	types.SendMessageBatchRequestEntry
	DelaySeconds *int32
}

type sendInput struct {
	sqs.SendMessageInput
	DelaySeconds *int32
}

type sendBatchInput struct {
	QueueUrl *string
	Entries  []entry
}

func (s *Service) sendMessage(_ context.Context, in *sendInput) (*sqs.SendMessageOutput, error) {
	e := entry{DelaySeconds: in.DelaySeconds, SendMessageBatchRequestEntry: types.SendMessageBatchRequestEntry{
		MessageBody: in.MessageBody, MessageAttributes: in.MessageAttributes, MessageSystemAttributes: in.MessageSystemAttributes,
		MessageDeduplicationId: in.MessageDeduplicationId, MessageGroupId: in.MessageGroupId,
	}}
	q, err := s.open(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	m, err := s.send(q, &e)
	q.mu.Unlock()
	if err != nil {
		return nil, err
	}
	out := &sqs.SendMessageOutput{
		MessageId: aws.String(m.id), MD5OfMessageBody: aws.String(m.md5),
		MD5OfMessageAttributes: attributesMD5(e.MessageAttributes), MD5OfMessageSystemAttributes: attributesMD5(plain(e.MessageSystemAttributes)),
	}
	if m.sequence != "" {
		out.SequenceNumber = aws.String(m.sequence)
	}
	return out, nil
}

// send checks one message and puts it into an open queue.
func (s *Service) send(q *queue, e *entry) (accepted, error) {
	if q.settings.fifo && e.MessageGroupId == nil {
		return accepted{}, wire.Errorf("MissingParameter", "The request must contain the parameter MessageGroupId.")
	}
	if err := q.checkRequest(e); err != nil {
		return accepted{}, err
	}
	if size(e) > q.settings.maxSize {
		return accepted{}, wire.Errorf("InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", q.settings.maxSize)
	}
	if err := s.checkEntry(q, e); err != nil {
		return accepted{}, err
	}
	var sizes bus.Samples
	m := s.put(q, e, time.Now(), &sizes)
	s.sent(q, sizes)
	return m, nil
}

func (s *Service) sendMessageBatch(_ context.Context, in *sendBatchInput) (*sqs.SendMessageBatchOutput, error) {
	q, err := s.open(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	defer q.mu.Unlock()
	if err := checkBatch("SendMessageBatchRequestEntry", in.Entries, func(e entry) string { return *e.Id }); err != nil {
		return nil, err
	}
	total := 0
	for i := range in.Entries {
		if q.settings.fifo && in.Entries[i].MessageGroupId == nil {
			return nil, wire.Errorf("InvalidParameterValue", "The request must contain the parameter MessageGroupId.")
		}
		if err := q.checkRequest(&in.Entries[i]); err != nil {
			return nil, err
		}
		total += size(&in.Entries[i])
	}
	if total > maxMessage {
		return nil, wire.Errorf("BatchRequestTooLong", "Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxMessage, total)
	}
	out, now := &sqs.SendMessageBatchOutput{}, time.Now()
	var sizes bus.Samples
	for i := range in.Entries {
		e := &in.Entries[i]
		if err := s.checkEntry(q, e); err != nil {
			out.Failed = append(out.Failed, failed(e.Id, err))
			continue
		}
		m := s.put(q, e, now, &sizes)
		done := types.SendMessageBatchResultEntry{
			Id: e.Id, MessageId: aws.String(m.id), MD5OfMessageBody: aws.String(m.md5),
			MD5OfMessageAttributes: attributesMD5(e.MessageAttributes), MD5OfMessageSystemAttributes: attributesMD5(plain(e.MessageSystemAttributes)),
		}
		if m.sequence != "" {
			done.SequenceNumber = aws.String(m.sequence)
		}
		out.Successful = append(out.Successful, done)
	}
	s.sent(q, sizes)
	return out, nil
}

// put puts a message into an open queue and adds its size to sizes. A FIFO
// queue that has seen it lately answers with the one that it had.
func (s *Service) put(q *queue, e *entry, now time.Time, sizes *bus.Samples) accepted {
	m := &message{
		id: bus.NewUUID(), body: *e.MessageBody, md5: bodyMD5(*e.MessageBody), attributes: e.MessageAttributes,
		trace: aws.ToString(e.MessageSystemAttributes["AWSTraceHeader"].StringValue),
		group: aws.ToString(e.MessageGroupId), dedup: aws.ToString(e.MessageDeduplicationId), sent: now,
	}
	delay := seconds(q.settings.delay)
	lane := ""
	switch {
	case q.settings.fifo:
		if m.dedup == "" {
			sum := sha256.Sum256([]byte(m.body))
			m.dedup = hex.EncodeToString(sum[:])
		}
		m.sequence, lane = s.nextSequence(), m.group
		if old, ok := q.remember(m, now); ok {
			old.md5 = m.md5
			return old
		}
	case e.DelaySeconds != nil:
		delay = seconds(int(*e.DelaySeconds))
	}
	q.add(m, lane, delay, now)
	include(sizes, float64(size(e)))
	return accepted{m.id, m.sequence, m.md5}
}

// remember notes that m was sent. ok is whether something was sent under its
// deduplication id within the window, which is old.
func (q *queue) remember(m *message, now time.Time) (old accepted, ok bool) {
	for len(q.lately) > 0 && now.Sub(q.lately[0].at) >= dedupWindow {
		delete(q.seen, q.lately[0].key)
		q.lately = q.lately[1:]
	}
	key := m.dedup
	if q.settings.perGroup {
		key = m.group + "\x00" + key
	}
	if old, ok := q.seen[key]; ok {
		return old, true
	}
	q.seen[key] = accepted{id: m.id, sequence: m.sequence}
	q.lately = append(q.lately, sending{key, now})
	return old, false
}

// nextSequence is a number of 20 digits, as SQS gives them.
func (s *Service) nextSequence() string {
	return fmt.Sprintf("188%017d", s.sequence.Add(1))
}

// size is what counts towards the limits: the body, and the attributes' names,
// types and values.
func size(e *entry) int {
	n := len(*e.MessageBody)
	for name, v := range e.MessageAttributes {
		n += len(name) + len(aws.ToString(v.DataType)) + len(aws.ToString(v.StringValue)) + len(v.BinaryValue)
	}
	return n
}

func bodyMD5(body string) string {
	sum := md5.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}

func plain(system map[string]types.MessageSystemAttributeValue) map[string]types.MessageAttributeValue {
	if len(system) == 0 {
		return nil
	}
	out := make(map[string]types.MessageAttributeValue, len(system))
	for name, v := range system {
		out[name] = types.MessageAttributeValue{DataType: v.DataType, StringValue: v.StringValue, BinaryValue: v.BinaryValue}
	}
	return out
}

// attributesMD5 is the checksum over message attributes that SDKs check, nil
// for none (SQS developer guide, "Calculating the MD5 message digest for
// message attributes").
func attributesMD5(attributes map[string]types.MessageAttributeValue) *string {
	if len(attributes) == 0 {
		return nil
	}
	h := md5.New()
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		v := attributes[name]
		part(h, []byte(name))
		part(h, []byte(aws.ToString(v.DataType)))
		if v.StringValue != nil {
			h.Write([]byte{1})
			part(h, []byte(*v.StringValue))
		} else {
			h.Write([]byte{2})
			part(h, v.BinaryValue)
		}
	}
	return aws.String(hex.EncodeToString(h.Sum(nil)))
}

func part(h hash.Hash, b []byte) {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(b)))
	h.Write(n[:])
	h.Write(b)
}
