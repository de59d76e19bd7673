package sqs

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// Why tasks fail ("Troubleshooting dead-letter queue redrive", SQS developer
// guide).
const (
	noQueue  = "AWS.SimpleQueueService.NonExistentQueue"
	noSource = "CouldNotDetermineMessageSource" // sent to the dead-letter queue by hand
)

// moveTogether is how many messages a task moves at once.
const moveTogether = 10

// move carries out the tasks that are started until ctx ends.
func (s *Service) move(ctx context.Context) {
	var busy sync.WaitGroup
	defer busy.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.tasks.arrived:
		}
		s.tasks.mu.Lock()
		started := s.tasks.waiting
		s.tasks.waiting = nil
		s.tasks.mu.Unlock()
		for _, t := range started {
			busy.Go(func() { s.carryOut(ctx, t) })
		}
	}
}

// carryOut moves messages at the task's rate until a look finds none. What is
// in flight then stays.
func (s *Service) carryOut(ctx context.Context, t *task) {
	begin := time.Now()
	together := moveTogether
	if t.rate > 0 {
		together = min(together, max(1, t.rate/moveTogether)) // in steps of a tenth of a second at most
	}
	for moved := 0; ; {
		if t.rate > 0 && !sleepUntil(ctx, begin.Add(time.Duration(moved+together)*time.Second/time.Duration(t.rate))) || ctx.Err() != nil {
			return
		}
		n, reason := s.moveSome(t, together)
		moved += n
		if s.tasks.note(t, n, reason) {
			return
		}
	}
}

// note notes what a step of a task came to, and says whether the task is over.
func (ts *tasks) note(t *task, moved int, reason string) (over bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.moved += moved
	switch {
	case reason != "":
		t.status, t.reason = broken, reason
	case t.status == cancelling:
		t.status = cancelled
	case moved == 0:
		t.status = completed
	default:
		return false
	}
	return true
}

// moveSome moves up to most messages, the oldest first. reason is why it can't
// go on, "" for no trouble. A message that can't be moved stays.
func (s *Service) moveSome(t *task, most int) (moved int, reason string) {
	for now := time.Now(); moved < most; moved++ {
		m, to, reason := s.takeOut(t, now)
		if m == nil {
			return moved, reason
		}
		s.renew(to, m, now)
	}
	return moved, ""
}

// takeOut takes the oldest message out of a task's source. to is where it goes.
// nil is none, for a reason or because there is nothing left.
func (s *Service) takeOut(t *task, now time.Time) (m *message, to *queue, reason string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	source := s.byARN(t.source)
	if source == nil {
		return nil, nil, noQueue
	}
	source.mu.Lock()
	defer source.mu.Unlock()
	if m = source.next(now); m == nil {
		return nil, nil, ""
	}
	arn := cmp.Or(t.destination, m.source)
	if arn == "" {
		return nil, nil, noSource
	}
	if to = s.byARN(arn); to == nil {
		return nil, nil, noQueue
	}
	source.remove(m)
	s.received(source, 1)
	s.dropped(source, 1)
	return m, to, ""
}

// next is the message that would be received next, nil for none.
func (q *queue) next(now time.Time) *message {
	q.tick(now)
	for len(q.line) > 0 {
		if l := q.line[0]; l.open() {
			return l.messages[0]
		}
		q.line[0].queued = false
		q.line = q.line[1:]
	}
	return nil
}

// renew puts a message that was moved into its queue, as a new one.
func (s *Service) renew(to *queue, old *message, now time.Time) {
	m := &message{
		id: bus.NewUUID(), body: old.body, md5: old.md5, attributes: old.attributes, trace: old.trace, group: old.group, dedup: old.dedup, sent: now,
	}
	to.mu.Lock()
	defer to.mu.Unlock()
	lane := ""
	if to.settings.fifo {
		m.sequence, lane = s.nextSequence(), m.group
		to.remember(m, now)
	}
	to.add(m, lane, seconds(to.settings.delay), now)
	s.sent(to, bus.One(float64(len(m.body))))
}

// sleepUntil is false when ctx ended first.
func sleepUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
