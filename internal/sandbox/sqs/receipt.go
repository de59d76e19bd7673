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
	q, err := s.open(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	defer q.mu.Unlock()
	if err := q.drop(*in.ReceiptHandle); err != nil {
		return nil, err
	}
	s.dropped(q, 1)
	return &sqs.DeleteMessageOutput{}, nil
}

func (s *Service) deleteMessageBatch(_ context.Context, in *sqs.DeleteMessageBatchInput) (*sqs.DeleteMessageBatchOutput, error) {
	q, err := s.open(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	defer q.mu.Unlock()
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
	s.dropped(q, len(out.Successful))
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
	q, err := s.open(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	defer q.mu.Unlock()
	return &sqs.ChangeMessageVisibilityOutput{}, q.hide(*in.ReceiptHandle, in.VisibilityTimeout)
}

func (s *Service) changeMessageVisibilityBatch(_ context.Context, in *sqs.ChangeMessageVisibilityBatchInput) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	q, err := s.open(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	defer q.mu.Unlock()
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
