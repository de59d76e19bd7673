package sqs

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// How many messages may be in flight, and for how long.
const (
	maxInflight   = 120000
	maxVisibility = 43200 // seconds
)

// receiveInput tells an absent number from a zero, which the SDK's own struct
// can not: zero is no waiting, or a look without taking.
type receiveInput struct {
	sqs.ReceiveMessageInput
	MaxNumberOfMessages *int32
	VisibilityTimeout   *int32
	WaitTimeSeconds     *int32
}

func (s *Service) receiveMessage(ctx context.Context, in *receiveInput) (*sqs.ReceiveMessageOutput, error) {
	for _, err := range []error{
		within("MaxNumberOfMessages", in.MaxNumberOfMessages, 1, 10, "Must be between 1 and 10, if provided."),
		within("WaitTimeSeconds", in.WaitTimeSeconds, 0, 20, "Must be >= 0 and <= 20, if provided."),
		within("VisibilityTimeout", in.VisibilityTimeout, 0, maxVisibility, "Must be between 0 and 43200, if provided."),
	} {
		if err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	wait := q.settings.wait
	if in.WaitTimeSeconds != nil {
		wait = int(*in.WaitTimeSeconds)
	}
	give := view(in)
	for until := time.Now().Add(seconds(wait)); ; {
		now := time.Now()
		got, err := s.collect(q, in, now)
		if err != nil || len(got) > 0 || !now.Before(until) || !q.deleted.IsZero() || ctx.Err() != nil {
			out := &sqs.ReceiveMessageOutput{}
			for _, m := range got {
				out.Messages = append(out.Messages, give(q, m))
			}
			return out, err
		}
		s.await(ctx, q, until)
	}
}

// await lets go of the lock until there may be something to receive: a message
// came, one becomes visible, the time is up or the caller is gone.
func (s *Service) await(ctx context.Context, q *queue, until time.Time) {
	if len(q.timers.list) > 0 {
		if due := q.timers.due(0); due.Before(until) {
			until = due
		}
	}
	arrived := q.arrived
	q.waiting++
	s.mu.Unlock()
	timer := time.NewTimer(time.Until(until))
	select {
	case <-arrived:
	case <-timer.C:
	case <-ctx.Done():
	}
	timer.Stop()
	s.mu.Lock()
	q.waiting--
}

// collect takes messages from the queue. Those that were received too often go
// to the dead-letter queue instead.
func (s *Service) collect(q *queue, in *receiveInput, now time.Time) ([]*message, error) {
	q.tick(now)
	if q.inflight >= maxInflight {
		if q.settings.fifo {
			return nil, nil
		}
		return nil, wire.Errorf("OverLimit", "Too many messages in flight.")
	}
	visibility := seconds(q.settings.visibility)
	if in.VisibilityTimeout != nil {
		visibility = seconds(int(*in.VisibilityTimeout))
	}
	most := 1
	if in.MaxNumberOfMessages != nil {
		most = int(*in.MaxNumberOfMessages)
	}
	dead := s.byARN(q.settings.redrive.Target)
	var got []*message
	for len(got) < most && len(q.line) > 0 {
		l := q.line[0]
		q.line = q.line[1:]
		// A lane in line has nothing in flight, so what is in front of the next
		// message was taken by this call.
		for len(got) < most && l.flying < len(l.messages) {
			m := l.messages[l.flying]
			if m.state != visible {
				break
			}
			if dead != nil && m.received >= q.settings.redrive.Most {
				s.bury(q, m, dead, now)
				continue
			}
			if m.received++; m.received == 1 {
				m.first = now
			}
			m.taken = now
			q.move(m, flying, now.Add(visibility))
			got = append(got, m)
		}
		l.queued = false
		q.queue(l)
	}
	if visibility == 0 {
		for _, m := range got {
			q.move(m, visible, time.Time{})
		}
	}
	return got, nil
}

// bury moves a message to the dead-letter queue. It keeps its id and its count,
// and in a standard queue its age. In a FIFO queue its message id takes the
// place of its deduplication id ("Learn how to configure a dead-letter queue
// redrive", SQS developer guide; trap 12).
func (s *Service) bury(q *queue, m *message, dead *queue, now time.Time) {
	q.remove(m)
	m.source = q.arn
	group := ""
	if dead.settings.fifo {
		group = m.group
		m.dedup, m.sent, m.sequence = m.id, now, s.nextSequence()
		dead.remember(m, now)
	}
	dead.add(m, group, 0, now)
}

// handle is the receipt of one receive of a message.
func handle(q *queue, m *message) string {
	return base64.StdEncoding.EncodeToString([]byte(m.id + " " + strconv.Itoa(m.received) + " " + q.name))
}

// receipt finds the message that a handle was given for. It is nil when the
// message is gone; latest is whether it was not received again since.
func (q *queue) receipt(handle string) (m *message, latest bool, err error) {
	text, err := base64.StdEncoding.DecodeString(handle)
	parts := strings.Split(string(text), " ")
	if err != nil || len(parts) != 3 || parts[2] != q.name {
		return nil, false, wire.Errorf("ReceiptHandleIsInvalid", "The input receipt handle %q is not a valid receipt handle.", handle)
	}
	m = q.messages[parts[0]]
	return m, m != nil && parts[1] == strconv.Itoa(m.received), nil
}

func (s *Service) deleteMessage(_ context.Context, in *sqs.DeleteMessageInput) (*sqs.DeleteMessageOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &sqs.DeleteMessageOutput{}, q.drop(*in.ReceiptHandle)
}

func (s *Service) deleteMessageBatch(_ context.Context, in *sqs.DeleteMessageBatchInput) (*sqs.DeleteMessageBatchOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkBatch("DeleteMessageBatchRequestEntry", in.Entries, func(e types.DeleteMessageBatchRequestEntry) string { return *e.Id }); err != nil {
		return nil, err
	}
	out := &sqs.DeleteMessageBatchOutput{}
	for _, e := range in.Entries {
		if err := q.drop(*e.ReceiptHandle); err != nil {
			out.Failed = append(out.Failed, failed(e.Id, err))
			continue
		}
		out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

// drop deletes a message by its receipt. A FIFO queue refuses an expired one. A
// standard queue accepts one that was superseded, and keeps the message (API
// reference, DeleteMessage).
func (q *queue) drop(receipt string) error {
	q.tick(time.Now())
	m, latest, err := q.receipt(receipt)
	if err != nil || m == nil {
		return err
	}
	if q.settings.fifo && (!latest || m.state != flying) {
		return wire.Errorf("InvalidParameterValue", "Value %s for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.", receipt)
	}
	if latest {
		q.remove(m)
	}
	return nil
}

func (s *Service) changeMessageVisibility(_ context.Context, in *sqs.ChangeMessageVisibilityInput) (*sqs.ChangeMessageVisibilityOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &sqs.ChangeMessageVisibilityOutput{}, q.hide(*in.ReceiptHandle, in.VisibilityTimeout)
}

func (s *Service) changeMessageVisibilityBatch(_ context.Context, in *sqs.ChangeMessageVisibilityBatchInput) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkBatch("ChangeMessageVisibilityBatchRequestEntry", in.Entries, func(e types.ChangeMessageVisibilityBatchRequestEntry) string { return *e.Id }); err != nil {
		return nil, err
	}
	out := &sqs.ChangeMessageVisibilityBatchOutput{}
	for _, e := range in.Entries {
		if err := q.hide(*e.ReceiptHandle, e.VisibilityTimeout); err != nil {
			out.Failed = append(out.Failed, failed(e.Id, err))
			continue
		}
		out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

// hide changes how long a received message stays invisible, from now on.
func (q *queue) hide(receipt string, timeout int32) error {
	if err := within("VisibilityTimeout", &timeout, 0, maxVisibility, "Must be between 0 and 43200, if provided."); err != nil {
		return err
	}
	now := time.Now()
	q.tick(now)
	m, latest, err := q.receipt(receipt)
	if err != nil {
		return err
	}
	if !latest || (q.settings.fifo && m.state != flying) {
		return wire.Errorf("InvalidParameterValue", "Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.", receipt)
	}
	until := now.Add(seconds(int(timeout)))
	if until.After(m.taken.Add(seconds(maxVisibility))) {
		return wire.Errorf("InvalidParameterValue", "Value %d for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]", timeout)
	}
	if timeout == 0 {
		q.move(m, visible, time.Time{})
	} else {
		q.move(m, flying, until)
	}
	return nil
}
