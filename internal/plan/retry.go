package plan

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ccs-platform/ccsctl/internal/resource"
)

// budget is how long one kind of trouble is borne and how often the call is
// tried meanwhile.
type budget struct {
	total time.Duration
	first time.Duration
	most  time.Duration
	note  string
}

// budgets is the one table of patience. A role spreads in 2 to 15 s, seldom a
// minute, and the same words also mean a real mistake: two minutes, dense at
// first. A queue's name is held for 60 s after its deletion (trap 9). A busy
// stream or delivery stream takes minutes, so Busy is as patient as a wait.
var budgets = map[resource.Trouble]budget{
	resource.Throttled:   {total: 5 * time.Minute, first: 100 * time.Millisecond, most: 5 * time.Second, note: "AWS asks for fewer calls"},
	resource.Busy:        {total: patience, first: 100 * time.Millisecond, most: 5 * time.Second, note: "waiting for a change under way to end"},
	resource.Fresh:       {total: 2 * time.Minute, first: 250 * time.Millisecond, most: 4 * time.Second, note: "waiting for AWS to spread what was just made"},
	resource.Recent:      {total: 100 * time.Second, first: time.Second, most: 3 * time.Second, note: "waiting for AWS to free the name of what was just deleted (up to 60 s)"},
	resource.Unavailable: {total: time.Minute, first: 200 * time.Millisecond, most: 5 * time.Second, note: "AWS does not answer"},
}

// patience bounds a step whose own Patience is zero. The slowest of the
// pipeline, a delivery stream that is being deleted, takes minutes.
const patience = 15 * time.Minute

// worker runs the steps of one resource.
type worker struct {
	sort func(error) resource.Trouble
	note func(string)
	call context.Context // for Do: a call in flight is finished when the run is stopped
	wait context.Context // for Wait and the pauses: ends when the run is stopped
}

func (w worker) step(s resource.Step) error {
	limit := s.Patience
	if limit == 0 {
		limit = patience
	}
	deadline := time.Now().Add(limit)
	if s.Do != nil {
		if err := w.persist(w.call, deadline, limit, s.Do); err != nil {
			return err
		}
	}
	if s.Wait != nil {
		return w.persist(w.wait, deadline, limit, s.Wait)
	}
	return nil
}

// Exhausted is the error of a step that was tried again until the budget for its
// trouble was spent. Err is the last answer: AWS's own reason.
type Exhausted struct {
	Trouble resource.Trouble
	After   time.Duration
	Err     error
}

func (e *Exhausted) Error() string {
	return fmt.Sprintf("%v (%s for %v)", e.Err, e.Trouble, e.After)
}

func (e *Exhausted) Unwrap() error { return e.Err }

// errPatience ends a step that took longer than its patience.
var errPatience = errors.New("took too long")

// persist calls f until it succeeds, fails for good, or the budget of its
// trouble is spent, and then returns the last error of f: the reason AWS gave.
func (w worker) persist(ctx context.Context, deadline time.Time, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithDeadlineCause(ctx, deadline, fmt.Errorf("%w: gave up after %v", errPatience, limit))
	defer cancel()
	spent := map[resource.Trouble]time.Duration{}
	tries := map[resource.Trouble]int{}
	var last error
	for {
		began := time.Now()
		err := f(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			if cause := context.Cause(ctx); last != nil && errors.Is(cause, errPatience) {
				return fmt.Errorf("%w: %w", cause, last)
			} else if !errors.Is(err, cause) {
				return fmt.Errorf("%w: %w", cause, err)
			}
			return err
		}
		trouble := resource.Lasting
		if w.sort != nil {
			trouble = w.sort(err)
		}
		b, ok := budgets[trouble]
		if !ok {
			return err
		}
		last = err
		if tries[trouble] == 0 {
			w.note(b.note)
		} else {
			// A try that went on for long met the trouble only at its end: a
			// wait that polls for minutes may be throttled now and then.
			spent[trouble] += min(time.Since(began), b.most)
		}
		pause := jitter(min(b.first<<min(tries[trouble], 10), b.most))
		if spent[trouble] += pause; spent[trouble] > b.total {
			return &Exhausted{Trouble: trouble, After: b.total, Err: err}
		}
		tries[trouble]++
		if err := resource.Sleep(w.wait, pause); err != nil {
			return fmt.Errorf("%w: %w", err, last)
		}
	}
}

// jitter spreads d over its upper half, so that many resources refused at once
// do not come back at once.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1)
}
