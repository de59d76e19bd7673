package redrive

import (
	"context"
	"fmt"
	"time"
)

const (
	// settled is how long SQS's counts may lag behind.
	settled = time.Minute
	// watchEvery is the time between two looks at the counts.
	watchEvery = 5 * time.Second
	// lookThrough is up to how many dead letters are looked through for the
	// canary's.
	lookThrough = 200
)

// watchCanary waits whether the canary comes back or its consumer fails. It
// reports whether the others may follow.
func (r *run) watchCanary(ctx context.Context) bool {
	if r.moved == 0 {
		return true
	}
	began := time.Now()
	end := began.Add(r.CanaryWait)
	for now := began; now.Before(end); now = time.Now() {
		r.say(fmt.Sprintf("watching whether the first %d come back, for %s more", r.moved, end.Sub(now).Round(time.Second)))
		if !sleep(min(watchEvery, end.Sub(now)), r.stopping) {
			return false
		}
		if r.Trouble != nil {
			if what, err := r.Trouble(ctx); err != nil {
				r.halt(fmt.Errorf("ask how the consumer is: %w", err))
				return false
			} else if what != "" {
				r.halt(fmt.Errorf("%w: its consumer fails: %s", errCanary, what))
				return false
			}
		}
		d, err := r.From.Depth(ctx)
		if err != nil {
			r.halt(err)
			return false
		}
		before := r.first.Total()
		if time.Since(began) >= settled {
			before -= r.deletions
		}
		if d.Total() > before {
			r.halt(fmt.Errorf("%w while the canary is watched: %d messages where %d should be", errRefills, d.Total(), before))
			return false
		}
	}
	return r.lookForCanary(ctx)
}

// lookForCanary looks through what is left, where that is not much, for
// messages of the canary. They are found by their ids, without moving any.
func (r *run) lookForCanary(ctx context.Context) bool {
	d, err := r.From.Depth(ctx)
	if err != nil {
		r.halt(err)
		return false
	}
	if d.Total() > lookThrough {
		return true // the moving itself looks at each
	}
	r.looking = true
	ok := r.pass(ctx, lookThrough)
	r.looking = false
	return ok
}

func (r *run) say(doing string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doing = doing
}

// watchRefill halts the run when the queue of dead letters grows though
// messages are taken out of it. The counts of SQS may be a minute old, so they
// are held against what was left a minute before.
func (r *run) watchRefill(ctx context.Context, ended <-chan struct{}) {
	type point struct {
		at   time.Time
		left int
	}
	total := r.first.Total()
	points := []point{{time.Now(), total}}
	for over := 0; sleep(watchEvery, ended); {
		d, err := r.From.Depth(ctx)
		if err != nil {
			continue // the work itself meets the same trouble
		}
		r.mu.Lock()
		now := time.Now()
		points = append(points, point{now, total - r.deletions})
		r.mu.Unlock()
		for len(points) > 1 && now.Sub(points[1].at) >= settled {
			points = points[1:]
		}
		slack := max(2, total/100)
		if over++; d.Total() <= points[0].left+slack {
			over = 0
		}
		if over >= 2 {
			r.halt(fmt.Errorf("%w: %d messages where %d should be", errRefills, d.Total(), points[0].left))
			return
		}
	}
}
