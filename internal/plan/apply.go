package plan

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/graph"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Options shape how a plan is carried out.
type Options struct {
	// Sort says what kind of trouble an error is; nil takes all as lasting.
	Sort func(error) resource.Trouble
	// Observe gets what happens, one event at a time; nil for nobody.
	Observe func(Event)
	// Stop, when it ends, lets calls in flight finish and starts no others.
	// The context given to Apply stops at once.
	Stop context.Context
	// Parallel bounds how many resources change at a time; 0 is Parallel.
	Parallel int
}

// EventKind is what happened.
type EventKind string

// The kinds of events.
const (
	Started EventKind = "started" // a resource's turn has come
	Calling EventKind = "calling" // one mutating call is about to be made; Text names it
	Waiting EventKind = "waiting" // Text says what for
	Ended   EventKind = "ended"   // Outcome and Err say how
)

// Event is one thing that happened to one resource.
type Event struct {
	Time    time.Time
	ID      resource.ID
	Action  resource.Action
	Kind    EventKind
	Text    string
	Outcome Outcome
	Elapsed time.Duration // of this resource, with Ended
	Err     error
}

// Outcome is how a resource's change ended.
type Outcome string

// The outcomes.
const (
	Unchanged Outcome = "unchanged" // there was nothing to do
	Done      Outcome = "done"
	Left      Outcome = "kept" // a removal found a reason to leave it alone
	Errored   Outcome = "failed"
	Skipped   Outcome = "skipped" // something it needs failed, or the run was stopped before its turn
	Stopped   Outcome = "stopped" // the run was stopped half way through it
)

// ErrStopped is the error of a change that Options.Stop cut short between two
// of its calls. Running again continues it.
var ErrStopped = errors.New("stopped before its next call")

// Result is what became of one item.
type Result struct {
	ID      resource.ID
	Action  resource.Action
	Outcome Outcome
	Calls   int    // mutating calls that were made, retries not counted
	Reason  string // with Left
	Elapsed time.Duration
	Err     error
}

// Apply carries out the plan and reports on every item, in plan order. Items
// in conflict are carried out too, which adopts them, so a caller that must not
// adopt looks at With(Conflict) first. Applying a plan twice is harmless: each
// step succeeds when its effect is already there.
func (p *Plan) Apply(ctx context.Context, o Options) ([]Result, error) {
	if o.Stop == nil {
		o.Stop = ctx
	}
	if o.Parallel == 0 {
		o.Parallel = Parallel
	}
	r := &run{opts: o, ctx: ctx, results: map[resource.ID]*Result{}}
	items := make(map[resource.ID]resource.Change, len(p.Items))
	for _, it := range p.Items {
		items[it.ID] = it.Change
		r.results[it.ID] = &Result{ID: it.ID, Action: it.Change.Action}
	}
	stop, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(o.Stop, func() { cancel(context.Cause(o.Stop)) })()
	outcomes, err := p.graph.Walk(stop, o.Parallel, func(stop context.Context, id resource.ID) error {
		return r.change(stop, id, items[id])
	})
	if err != nil {
		return nil, err
	}
	results := make([]Result, 0, len(p.Items))
	for _, it := range p.Items {
		res := r.results[it.ID]
		if err := outcomes[it.ID]; errors.Is(err, graph.ErrSkipped) {
			res.Outcome, res.Err = Skipped, err
			r.observe(Event{ID: it.ID, Action: it.Change.Action, Kind: Ended, Outcome: Skipped, Err: err})
		}
		results = append(results, *res)
	}
	return results, nil
}

type run struct {
	opts    Options
	ctx     context.Context // ends at once; a call in flight sees only this one
	results map[resource.ID]*Result

	mu sync.Mutex // one event at a time
}

func (r *run) observe(e Event) {
	if r.opts.Observe == nil {
		return
	}
	e.Time = time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opts.Observe(e)
}

// change carries out one item. Only the goroutine of that item writes its result.
func (r *run) change(stop context.Context, id resource.ID, c resource.Change) error {
	res := r.results[id]
	if len(c.Steps) == 0 {
		res.Outcome = Unchanged
		return nil
	}
	event := func(k EventKind, text string) {
		r.observe(Event{ID: id, Action: c.Action, Kind: k, Text: text})
	}
	start := time.Now()
	event(Started, "")
	note := func(text string) { event(Waiting, text) }
	w := worker{
		sort: r.opts.Sort,
		note: note,
		call: resource.WithNotes(resource.Until(resource.For(r.ctx, id), stop), note),
		wait: resource.WithNotes(resource.For(stop, id), note),
	}
	res.Outcome = Done
	for _, s := range c.Steps {
		if stop.Err() != nil {
			res.Outcome, res.Err = Stopped, ErrStopped
			break
		}
		if s.Call != "" {
			event(Calling, s.Call)
			res.Calls++
		}
		if err := w.step(s); err != nil {
			if kept, ok := errors.AsType[*resource.Kept](err); ok {
				res.Outcome, res.Reason = Left, kept.Reason
				break
			}
			res.Outcome = Errored
			if cause := context.Cause(stop); stop.Err() != nil && errors.Is(err, cause) {
				err = cause // the client's account of its cancelled call helps nobody
				if r.ctx.Err() == nil {
					res.Outcome = Stopped
				}
			}
			res.Err = err
			if s.Call != "" {
				res.Err = fmt.Errorf("%s: %w", s.Call, err)
			}
			break
		}
	}
	res.Elapsed = time.Since(start)
	r.observe(Event{ID: id, Action: c.Action, Kind: Ended, Text: res.Reason, Outcome: res.Outcome, Elapsed: res.Elapsed, Err: res.Err})
	return res.Err
}
