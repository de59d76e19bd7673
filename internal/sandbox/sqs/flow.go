package sqs

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// Send implements bus.QueueData. It refuses what SendMessage refuses.
func (s *Service) Send(queue string, m bus.Outgoing) error {
	q, err := s.openARN(queue)
	if err != nil {
		return err
	}
	defer q.mu.Unlock()
	e := entry{SendMessageBatchRequestEntry: types.SendMessageBatchRequestEntry{MessageBody: &m.Body}}
	if m.Group != "" {
		e.MessageGroupId = &m.Group
	}
	if m.Dedup != "" {
		e.MessageDeduplicationId = &m.Dedup
	}
	for name, v := range m.UserData {
		if e.MessageAttributes == nil {
			e.MessageAttributes = map[string]types.MessageAttributeValue{}
		}
		a := types.MessageAttributeValue{DataType: &v.DataType, BinaryValue: v.Binary}
		if v.Binary == nil {
			a.StringValue = &v.String
		}
		e.MessageAttributes[name] = a
	}
	_, err = s.send(q, &e)
	return err
}

// Receive implements bus.QueueData.
func (s *Service) Receive(ctx context.Context, queue string, most int, wait time.Duration) ([]bus.Message, error) {
	q, err := s.openARN(queue)
	if err != nil {
		return nil, err
	}
	q.mu.Unlock()
	var got []bus.Message
	err = s.take(ctx, q, ask{most: most, wait: &wait}, func(m *message) { got = append(got, carried(q, m)) })
	return got, err
}

// carried is a message as the bus carries it, with all that is known of it.
func carried(q *queue, m *message) bus.Message {
	out := bus.Message{ID: m.id, Handle: handle(q, m), Body: m.body, BodyMD5: m.md5, AttributesMD5: aws.ToString(attributesMD5(m.attributes)), Attributes: map[string]string{}}
	m.system(func(name types.MessageSystemAttributeName, v string) {
		if v != "" {
			out.Attributes[string(name)] = v
		}
	})
	for name, v := range m.attributes {
		if out.UserData == nil {
			out.UserData = map[string]bus.MessageAttribute{}
		}
		out.UserData[name] = bus.MessageAttribute{DataType: aws.ToString(v.DataType), String: aws.ToString(v.StringValue), Binary: v.BinaryValue}
	}
	return out
}

// Delete implements bus.QueueData. It deletes all that it can and returns what
// was refused.
func (s *Service) Delete(queue string, handles ...string) error {
	q, err := s.openARN(queue)
	if err != nil {
		return err
	}
	defer q.mu.Unlock()
	var refused []error
	for _, h := range handles {
		if err := q.drop(h); err != nil {
			refused = append(refused, err)
		}
	}
	s.dropped(q, len(handles)-len(refused))
	return errors.Join(refused...)
}

// openARN is a live queue with its messages locked. The caller unlocks them.
func (s *Service) openARN(arn string) (*queue, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	q := s.byARN(arn)
	if q == nil {
		return nil, doesNotExist()
	}
	q.used.Store(time.Now().UnixNano())
	q.mu.Lock()
	return q, nil
}
