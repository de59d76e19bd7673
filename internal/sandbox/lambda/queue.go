package lambda

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// How Lambda polls a queue ("Using Lambda with Amazon SQS"): five batches at a
// time at first, five more every second while there are messages.
const (
	firstBatches   = 5
	batchesASecond = 5
	longPoll       = 20 * time.Second
	perReceive     = 10
	troublePause   = time.Second // after what more polling won't mend
)

// readQueue hands the queue's messages to the function until soft ends.
func (f *feeder) readQueue() {
	var work works
	defer work.Wait()
	c := &f.mapping.settings
	most := accountConcurrency
	if c.ScalingConfig != nil && c.ScalingConfig.MaximumConcurrency != nil {
		most = int(*c.ScalingConfig.MaximumConcurrency)
	}
	if f.service.bus.Handlers == nil {
		most = min(most, mostProcesses) // more would wait, their messages hidden
	}
	crew := crew{most: most, free: make(chan struct{}, 1)}
	for f.soft.Err() == nil {
		if !crew.enter(f.soft, f.mapping.source.kind == fifo) {
			return
		}
		batch, err := f.gather()
		if err != nil || len(batch) == 0 {
			crew.leave(true)
			if err != nil && !sleep(f.soft, troublePause) {
				return
			}
			continue
		}
		work.Go(func() {
			throttled := f.handle(batch)
			if throttled {
				sleep(f.soft, troublePause)
			}
			crew.leave(false)
		})
	}
}

// gather receives a batch: what is there, or with a window all that comes
// within it.
func (f *feeder) gather() ([]bus.Message, error) {
	c, b, role := &f.mapping.settings, f.service.bus, f.role()
	for _, action := range []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} {
		if !b.Roles.Allowed(role, action, f.mapping.source.arn) {
			return nil, errors.New("the role may not " + action)
		}
	}
	size, window := int(*c.BatchSize), time.Duration(*c.MaximumBatchingWindowInSeconds)*time.Second
	batch, err := b.QueueData.Receive(f.soft, f.mapping.source.arn, min(size, perReceive), longPoll)
	if err != nil || len(batch) == 0 || window == 0 {
		return batch, err
	}
	full, cancel := context.WithTimeout(f.soft, window)
	defer cancel()
	for end := time.Now().Add(window); len(batch) < size && full.Err() == nil; {
		more, err := b.QueueData.Receive(full, f.mapping.source.arn, min(size-len(batch), perReceive), min(longPoll, time.Until(end)))
		if err != nil {
			break // what is there is there
		}
		batch = append(batch, more...)
	}
	return batch, nil
}

// handle runs the function on a batch and deletes what it did not report. What
// it reported, and all of a batch that failed, comes back when its visibility
// timeout is over.
func (f *feeder) handle(batch []bus.Message) (throttled bool) {
	r, err := f.call(f.queueEvent(batch))
	if err != nil || r.failed {
		return errors.Is(err, bus.ErrThrottled)
	}
	for _, item := range r.items {
		if !slices.ContainsFunc(batch, func(m bus.Message) bool { return m.ID == item }) {
			return false // a name of nothing fails the batch
		}
	}
	var done []string
	for _, m := range batch {
		if !slices.Contains(r.items, m.ID) {
			done = append(done, m.Handle)
		}
	}
	if len(done) > 0 {
		// A handle that is refused is one that expired: its message is on its
		// way again, as on AWS.
		_ = f.service.bus.QueueData.Delete(f.mapping.source.arn, done...)
	}
	return false
}
