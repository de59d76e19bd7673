package deadletter

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
)

// What is chosen is written and deleted together: enough at a time that writing
// to the disk for good is not what takes the time, and soon enough that a kill
// leaves little half done.
const (
	flushAt    = 200
	flushAfter = 10 * time.Second
)

// PurgeHold is how long a purge that is killed hides what it was to keep. One
// that goes on longer hides it anew.
const PurgeHold = 5 * time.Minute

// Purge is what to delete.
type Purge struct {
	// Filter chooses; what it does not choose is put back.
	Filter Filter
	// Most is how many to delete; 0 for as many as were in the queue at the
	// beginning, by SQS's count: a queue that fills meanwhile has no end.
	Most int
	// Export gets every message, on the disk for good, before it is deleted;
	// nil for none.
	Export *Export
	// Stop ends it when the calls in flight are done; nil never does.
	Stop <-chan struct{}
	// Observe is told of progress, from one goroutine; nil for nobody.
	Observe func(Purged)
}

// Purged is what was deleted.
type Purged struct {
	Deleted int
	Failed  []Failure // chosen, but could not be deleted: they are still there
	Looked  int       // chosen or not
	Before  queue.Depth
	Ended   Ending
	Hidden  []error // what could not be put back at once: see Sample
}

// Failure is one message that could not be deleted.
type Failure struct {
	ID  string
	Err error
}

// Run deletes the chosen messages. It receives them and deletes each one, and
// never uses SQS's PurgeQueue: that takes what comes in meanwhile and what others
// are working on, tells nobody what it was, and works once a minute.
//
// What the filter keeps is hidden until the end, or it would come again and
// again. In a FIFO queue that hides what is behind it in its group, too: of a
// group only the first queue.MaxBatch messages, and what comes after deleted
// ones, can be reached.
//
// With an error, the result holds what was done until then.
func (p Purge) Run(ctx context.Context, q Queue) (Purged, error) {
	depth, err := q.Depth(ctx)
	if err != nil {
		return Purged{Ended: Broken}, err
	}
	if p.Most == 0 {
		p.Most = depth.Total()
	}
	r := &purging{Purge: p, queue: q, held: newHeld(q, PurgeHold), seen: map[string]bool{}, done: Purged{Before: depth}}
	r.done.Ended, err = r.work(ctx)
	r.done.Looked = len(r.seen)
	r.done.Hidden = r.held.putBack(ctx)
	return r.done, err
}

// purging is a purge under way.
type purging struct {
	Purge
	queue  Queue
	held   *held // what was received and is not deleted
	seen   map[string]bool
	chosen []string  // to be deleted, by id
	since  time.Time // when the first of them was received
	done   Purged
}

func (r *purging) work(ctx context.Context) (Ending, error) {
	for idle := 0; ; {
		if stopped(r.Stop) {
			return Stopped, nil // what was not deleted yet is put back
		}
		room := r.Most - r.done.Deleted - len(r.done.Failed) - len(r.chosen)
		if room <= 0 {
			return r.last(ctx, Enough)
		}
		r.held.extend(ctx)
		asked := time.Now()
		got, err := r.queue.Receive(ctx, queue.Ask{Most: min(queue.MaxBatch, room), Wait: poll, Visibility: PurgeHold})
		if err != nil {
			return Broken, err
		}
		r.held.add(got, asked)
		fresh, err := r.choose(got)
		switch {
		case err != nil:
			return Broken, err
		case len(r.chosen) > 0 && (fresh == 0 || len(r.chosen) >= flushAt || time.Since(r.since) > flushAfter):
			if err := r.flush(ctx); err != nil { // in a FIFO queue more can be seen then
				return Broken, err
			}
		case fresh > 0:
			idle = 0
		case len(got) > 0: // only what came back by itself
			idle++
		default:
			idle += mostIdle / 2
		}
		if idle >= mostIdle {
			return Dry, nil
		}
	}
}

// mostIdle is how many receives in a row may bring nothing new; one that brings
// nothing at all counts for half of them.
const mostIdle = 10

// choose picks from what came for the first time.
func (r *purging) choose(got []queue.Message) (fresh int, err error) {
	for _, m := range got {
		if r.seen[m.ID] {
			continue
		}
		r.seen[m.ID] = true
		fresh++
		is, err := r.Filter.Match(m)
		if err != nil {
			return fresh, err
		}
		if is {
			if len(r.chosen) == 0 {
				r.since = time.Now()
			}
			r.chosen = append(r.chosen, m.ID)
		}
	}
	return fresh, nil
}

func (r *purging) last(ctx context.Context, e Ending) (Ending, error) {
	if err := r.flush(ctx); err != nil {
		return Broken, err
	}
	return e, nil
}

// flush exports what is chosen and then deletes it.
func (r *purging) flush(ctx context.Context) error {
	var messages []queue.Message
	for _, id := range r.chosen {
		messages = append(messages, r.held.messages[r.held.index[id]]) // with its newest receipt
	}
	r.chosen = nil
	if len(messages) > 0 && r.Export != nil {
		if err := r.Export.Write(r.queue.Info().Name, messages); err != nil {
			return err
		}
	}
	gone := map[string]bool{}
	for i, err := range r.queue.Delete(ctx, messages) {
		if id := messages[i].ID; err == nil {
			gone[id] = true
			r.done.Deleted++
		} else {
			r.done.Failed = append(r.done.Failed, Failure{id, err})
		}
	}
	r.held.drop(gone)
	if r.Observe != nil {
		r.done.Looked = len(r.seen)
		r.Observe(r.done)
	}
	return nil
}

// Export is a file of messages, a line of JSON each.
type Export struct{ file *os.File }

// NewExport makes the file, for its owner alone: messages say where people
// were. A file that is there already is an error.
func NewExport(path string) (*Export, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return &Export{f}, nil
}

// Write appends messages of a queue. When it is nil they are on the disk.
func (e *Export) Write(queueName string, messages []queue.Message) error {
	var lines []byte
	for _, m := range messages {
		line, err := json.Marshal(RecordOf(queueName, m))
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		lines = append(append(lines, line...), '\n')
	}
	if _, err := e.file.Write(lines); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := e.file.Sync(); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// Close closes the file, and removes it when nothing was written.
func (e *Export) Close() error {
	info, err := e.file.Stat()
	if closeErr := e.file.Close(); err == nil {
		err = closeErr
	}
	if err == nil && info.Size() == 0 {
		err = os.Remove(e.file.Name())
	}
	return err
}
