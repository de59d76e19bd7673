package deadletter

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
)

// Queue is what is needed of a queue of dead letters.
type Queue interface {
	Info() queue.Info
	Depth(context.Context) (queue.Depth, error)
	Receive(context.Context, queue.Ask) ([]queue.Message, error)
	Hide(context.Context, []queue.Message, time.Duration) []error
	Delete(context.Context, []queue.Message) []error
}

// How a look goes. SQS has no reading without receiving: what is looked at is
// hidden until it is put back. The hold is short, so that a look that is killed
// hides nothing for long; the gathering ends well before it, so that there is
// time to put everything back.
const (
	Hold   = time.Minute
	gather = 40 * time.Second
	poll   = time.Second
)

// Look is what to look at.
type Look struct {
	// Most is how many messages to look at, chosen or not; 0 for as many as
	// there is time for.
	Most   int
	Filter Filter
	// Stop ends the look early and puts everything back; nil never does. To
	// cancel the context also leaves calls in flight, and what they hold is
	// then hidden until Hold is over.
	Stop <-chan struct{}
}

// Sample is what was seen.
type Sample struct {
	Messages []queue.Message // the chosen ones, as they came: of a group in its order
	Looked   int             // how many were seen, the others included
	Before   queue.Depth     // of the queue, before the look
	Ended    Ending
	// Hidden are messages that could not be put back at once; they come back by
	// themselves when Hold is over.
	Hidden []error
}

// Ending is why a look ended.
type Ending string

// The endings of a look.
const (
	Dry     Ending = "dry"     // there was no more to be seen
	Enough  Ending = "enough"  // as many as were asked for
	Late    Ending = "late"    // what was seen first had to go back
	Stopped Ending = "stopped" // by Look.Stop
	Broken  Ending = "broken"  // by an error
)

// Peek looks into a queue and takes nothing: everything seen is put back, in a
// FIFO queue the last of a group first, so that nobody can receive a group in
// another order. But SQS counts each message as received once more, a FIFO
// queue keeps the groups that are looked at from everybody meanwhile, and shows
// of each group no more than one receive brings: its first queue.MaxBatch messages,
// fewer when others of another group come with them.
//
// With an error, the sample holds what was seen until then.
func Peek(ctx context.Context, q Queue, l Look) (Sample, error) {
	depth, err := q.Depth(ctx)
	if err != nil {
		return Sample{Ended: Broken}, err
	}
	s := Sample{Before: depth}
	h := newHeld(q, Hold)
	err = s.gather(ctx, q, h, l)
	s.Looked = len(h.messages)
	s.Hidden = h.putBack(ctx)
	for _, m := range h.messages {
		chosen, matchErr := l.Filter.Match(m)
		err = errors.Join(err, matchErr)
		if chosen {
			s.Messages = append(s.Messages, m)
		}
	}
	return s, err
}

func (s *Sample) gather(ctx context.Context, q Queue, h *held, l Look) error {
	start := time.Now()
	for empty := 0; ; {
		switch {
		case stopped(l.Stop):
			s.Ended = Stopped
			return nil
		case l.Most > 0 && len(h.messages) >= l.Most:
			s.Ended = Enough
			return nil
		case time.Since(start) >= gather:
			s.Ended = Late
			return nil
		}
		most := queue.MaxBatch
		if l.Most > 0 {
			most = min(most, l.Most-len(h.messages))
		}
		asked := time.Now()
		got, err := q.Receive(ctx, queue.Ask{Most: most, Wait: poll, Visibility: Hold})
		if err != nil {
			s.Ended = Broken
			return err
		}
		if h.add(got, asked) > 0 {
			empty = 0
			continue
		}
		// One empty answer proves little while the count says that there is more.
		if empty++; empty > 1 || len(h.messages) >= s.Before.Visible {
			s.Ended = Dry
			return nil
		}
	}
}

func stopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// held is what was received and is to be put back.
type held struct {
	queue    Queue
	hold     time.Duration
	messages []queue.Message // each once, in the order in which they came
	until    []time.Time     // when each comes back by itself, at the earliest
	index    map[string]int  // by id
}

func newHeld(q Queue, hold time.Duration) *held {
	return &held{queue: q, hold: hold, index: map[string]int{}}
}

// add takes note of messages that were asked for at a time, and says how many
// are new. One that comes a second time, as standard queues may give it, is
// held by its newest receipt.
func (h *held) add(got []queue.Message, asked time.Time) (fresh int) {
	for _, m := range got {
		i, seen := h.index[m.ID]
		if !seen {
			i = len(h.messages)
			h.index[m.ID] = i
			h.messages, h.until = append(h.messages, m), append(h.until, time.Time{})
			fresh++
		}
		h.messages[i], h.until[i] = m, asked.Add(h.hold)
	}
	return fresh
}

// drop lets go of messages that are gone.
func (h *held) drop(gone map[string]bool) {
	was := *h
	*h = *newHeld(was.queue, was.hold)
	for i, m := range was.messages {
		if !gone[m.ID] {
			h.index[m.ID] = len(h.messages)
			h.messages, h.until = append(h.messages, m), append(h.until, was.until[i])
		}
	}
}

// extend hides anew what would soon come back by itself. What can't be hidden
// comes back, and is seen a second time.
func (h *held) extend(ctx context.Context) {
	var due []queue.Message
	now := time.Now()
	for i, m := range h.messages {
		if left := h.until[i].Sub(now); 0 < left && left < h.hold/2 {
			due = append(due, m)
		}
	}
	for i, err := range h.queue.Hide(ctx, due, h.hold) {
		if err == nil {
			h.until[h.index[due[i].ID]] = now.Add(h.hold)
		}
	}
}

// putBack shows the messages to everybody again, and returns why some could not
// be. It leaves alone what has come back by itself: somebody else may have it
// by now.
func (h *held) putBack(ctx context.Context) (failed []error) {
	var back []queue.Message
	for i, m := range h.messages {
		if time.Now().Before(h.until[i]) {
			back = append(back, m)
		}
	}
	if h.queue.Info().FIFO {
		slices.Reverse(back)
	}
	for try := 0; len(back) > 0 && try < 2; try++ { // of a call that went well some may fail
		var again []queue.Message
		failed = nil
		for i, err := range h.queue.Hide(ctx, back, 0) {
			if err != nil {
				again, failed = append(again, back[i]), append(failed, err)
			}
		}
		back = again
	}
	return failed
}
