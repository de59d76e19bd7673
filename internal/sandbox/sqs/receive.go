package sqs

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

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
	a := ask{most: 1, visibility: span(in.VisibilityTimeout), wait: span(in.WaitTimeSeconds)}
	if in.MaxNumberOfMessages != nil {
		a.most = int(*in.MaxNumberOfMessages)
	}
	q, err := s.open(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	q.mu.Unlock()
	give, out := view(in), &sqs.ReceiveMessageOutput{}
	err = s.take(ctx, q, a, func(m *message) { out.Messages = append(out.Messages, give(q, m)) })
	return out, err
}

func span(n *int32) *time.Duration {
	if n == nil {
		return nil
	}
	return new(seconds(int(*n)))
}

// ask is what a receiver wants. nil stands for the queue's own setting.
type ask struct {
	most       int
	visibility *time.Duration
	wait       *time.Duration
}

// or is the value of d, that many seconds when there is none.
func or(d *time.Duration, n int) time.Duration {
	if d == nil {
		return seconds(n)
	}
	return *d
}

// take receives from a queue, waiting for as long as the ask says, and gives
// what it got while the queue is locked.
func (s *Service) take(ctx context.Context, q *queue, a ask, give func(*message)) error {
	var until time.Time
	for first := true; ; first = false {
		dead := s.deadLetters(q)
		q.mu.Lock()
		now := time.Now()
		if first {
			until = now.Add(or(a.wait, q.settings.wait))
		} else {
			q.waiting--
		}
		got, buried, err := q.collect(a, dead != nil, now)
		for _, m := range got {
			give(m)
		}
		done := err != nil || len(got) > 0 || !now.Before(until) || !q.deleted.IsZero() || ctx.Err() != nil
		look := until
		if !done {
			q.waiting++
			if len(q.timers.list) > 0 && q.timers.due(0).Before(look) {
				look = q.timers.due(0)
			}
		}
		arrived := q.arrived
		q.mu.Unlock()
		s.bury(q, buried, dead, now)
		if done {
			s.received(q, len(got))
			return err
		}
		wait(ctx, arrived, look)
	}
}

// wait waits until there may be something to receive: a message came, one
// becomes visible, the time is up or the caller is gone.
func wait(ctx context.Context, arrived <-chan struct{}, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-arrived:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// deadLetters is the dead-letter queue of a queue, nil for none.
func (s *Service) deadLetters(q *queue) *queue {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byARN(q.settings.redrive.Target)
}

// collect takes messages from the queue. If there is a dead-letter queue, those
// that were received too often are taken out to be buried there.
func (q *queue) collect(a ask, mortal bool, now time.Time) (got, buried []*message, err error) {
	q.tick(now)
	if q.inflight >= maxInflight {
		if q.settings.fifo {
			return nil, nil, nil
		}
		return nil, nil, wire.Errorf("OverLimit", "Too many messages in flight.")
	}
	visibility := or(a.visibility, q.settings.visibility)
	for len(got) < a.most && len(q.line) > 0 {
		l := q.line[0]
		q.line = q.line[1:]
		// A lane in line has nothing in flight, so what is in front of the next
		// message was taken by this call.
		for len(got) < a.most && l.flying < len(l.messages) {
			m := l.messages[l.flying]
			if m.state != visible {
				break
			}
			if mortal && m.received >= q.settings.redrive.Most {
				q.remove(m)
				buried = append(buried, m)
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
	return got, buried, nil
}

// bury puts messages into the dead-letter queue. They keep their ids and their
// counts, and in a standard queue their age. In a FIFO queue its message id
// takes the place of a message's deduplication id ("Learn how to configure a
// dead-letter queue redrive", SQS developer guide; trap 12).
//
// The two queues are locked one after the other, never together: two queues may
// be each other's dead-letter queue.
func (s *Service) bury(q *queue, messages []*message, dead *queue, now time.Time) {
	if len(messages) == 0 {
		return
	}
	dead.mu.Lock()
	defer dead.mu.Unlock()
	for _, m := range messages {
		m.source = q.arn
		group := ""
		if dead.settings.fifo {
			group = m.group
			m.dedup, m.sent, m.sequence = m.id, now, s.nextSequence()
			dead.remember(m, now)
		}
		dead.add(m, group, 0, now)
	}
}
