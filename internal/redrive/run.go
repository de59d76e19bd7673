package redrive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
)

const (
	// visibility is how long what is in hand is hidden from others at a time.
	// What a killed run had in hand is back after it.
	visibility = time.Minute
	// manyInHand is from when on it is hidden for longer at a time, since to
	// renew it takes calls.
	manyInHand = 2000
	longer     = 10 * time.Minute

	receiveWait = time.Second
	// patience is how long to wait for what somebody else has in hand, and for
	// SQS's counts, before a run ends.
	patience = visibility + 15*time.Second
	// enough empty answers, one after the other, to ask for the counts.
	enoughEmpty = 3
	// attempts at a send or a delete that may help.
	attempts = 8
	// mostWorkers is how many batches are under way at once.
	mostWorkers = 64
)

// run is one job under way.
type run struct {
	Job
	pace    pace
	began   time.Time // by our clock
	start   time.Time // by SQS's: what came later is not moved
	first   queue.Depth
	summary Summary

	stopping chan struct{} // closed when nothing new is to begin
	looking  bool          // this pass moves nothing
	// handler, when set, does with each message what is to be done, and reports
	// whether it may be deleted.
	handler func(context.Context, queue.Message) bool

	mu        sync.Mutex
	changed   *sync.Cond
	over      bool
	why       error // of stopping; nil when there was nothing left
	quota     int   // messages still to be moved
	reserved  int   // of those that workers are at
	workers   int
	hand      map[string]*held
	order     int
	blocked   map[string]bool   // groups in which a message failed
	highest   map[string]string // the highest sequence number a group of a queue answered with
	outcomes  map[string]Item   // of those that were not moved
	pending   map[string]bool   // sent, and not deleted yet
	moved     int
	deletions int
	empty     int // answers in a row
	lastGot   time.Time
	doing     string
}

// held is a message in hand.
type held struct {
	m     queue.Message
	order int
	until time.Time // when SQS shows it to others
}

// Run moves messages until none are left that it may move. The error says why
// it ended early, or that not all went well; the summary holds in any case.
// After it nothing is in hand any more, unless ctx ended. To run a job again is
// safe at any time.
func (j Job) Run(ctx context.Context) (Summary, error) {
	r := &run{Job: j, began: time.Now(), stopping: make(chan struct{}), pace: pace{rate: j.Rate}}
	r.prepare()
	return r.moveAll(ctx)
}

func (r *run) prepare() {
	r.hand, r.blocked, r.highest, r.outcomes, r.pending = map[string]*held{}, map[string]bool{}, map[string]string{}, map[string]Item{}, map[string]bool{}
	r.changed = sync.NewCond(&r.mu)
}

// moveAll does all of a run.
func (r *run) moveAll(ctx context.Context) (Summary, error) {
	var err error
	if r.first, err = r.From.Depth(ctx); err != nil {
		return Summary{}, err
	}
	r.start = r.first.At.Add(time.Second) // SQS tells whole seconds
	if !r.DryRun {
		if r.summary.Resumed, err = r.Journal.begin(fmt.Sprintf("%x", r.began.UnixNano()), r.began); err != nil {
			return Summary{}, err
		}
	}
	ended := make(chan struct{})
	var around sync.WaitGroup
	around.Go(func() { r.obeyStop(ctx, ended) })
	around.Go(func() { r.keepHidden(ctx, ended) })
	around.Go(func() { r.report(ended) })
	if !r.DryRun && !r.KeepGoing {
		around.Go(func() { r.watchRefill(ctx, ended) })
	}
	r.canaryAndAll(ctx)
	close(ended)
	around.Wait()
	summary := r.summarize()
	err = r.verdict(ctx)
	if !r.DryRun && ctx.Err() == nil && (r.why == nil || errors.Is(r.why, errStoppedItself)) {
		err = errors.Join(err, r.Journal.end(time.Now()))
	}
	return summary, err
}

// canaryAndAll moves the canary, if there is one, watches it, and moves the
// others.
func (r *run) canaryAndAll(ctx context.Context) {
	most := r.Max
	if most == 0 {
		most = int(^uint(0) >> 1)
	}
	if r.Canary > 0 && !r.DryRun {
		if !r.pass(ctx, min(r.Canary, most)) || !r.watchCanary(ctx) {
			return
		}
		most -= r.moved
	}
	r.pass(ctx, most)
}

// pass moves up to a number of messages and puts back what it did not move. It
// reports whether there was nothing to stop for.
func (r *run) pass(ctx context.Context, most int) bool {
	if most <= 0 {
		return true
	}
	r.mu.Lock()
	stopped := r.why != nil
	r.over, r.quota, r.reserved, r.empty, r.lastGot = stopped, most, 0, 0, time.Now()
	r.workers = 1
	clear(r.blocked)
	r.doing = "moving"
	if r.DryRun {
		r.doing = "looking"
	}
	r.mu.Unlock()
	var workers sync.WaitGroup
	workers.Go(func() { r.work(ctx, &workers) })
	workers.Wait()
	r.putBack(ctx)
	return !r.halted()
}

// work receives and handles batches until the pass is over. When there is more
// than it can take it calls for another worker.
func (r *run) work(ctx context.Context, workers *sync.WaitGroup) {
	failures := 0
	for {
		n := r.reserve()
		if n == 0 {
			return
		}
		got, err := r.From.Receive(ctx, queue.Ask{Most: n, Wait: receiveWait, Visibility: visibility})
		switch {
		case err != nil:
			r.release(n, 0)
			if failures++; failures >= attempts || ctx.Err() != nil || apierr.Denied(err) || apierr.NotFound(err) {
				r.halt(err)
				return
			}
			sleep(backOff(failures), r.stopping)
		case len(got) == 0:
			r.release(n, 0)
			r.foundNothing(ctx)
		default:
			failures = 0
			r.found(ctx, workers, len(got) == n)
			r.release(n, r.handle(ctx, got))
		}
	}
}

// reserve is how many messages to receive next, 0 when the pass is over. It
// waits while all that may still be moved are in other workers' hands.
func (r *run) reserve() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.over && r.quota == 0 && r.reserved > 0 {
		r.changed.Wait()
	}
	if r.over || r.quota == 0 {
		return 0
	}
	n := queue.MaxBatch
	if r.Rate > 0 { // nothing waits in hand for much more than a tenth of a second
		n = min(n, max(1, int(r.Rate/10)))
	}
	n = min(n, r.quota)
	r.quota -= n
	r.reserved += n
	return n
}

// release gives back what was reserved and not used.
func (r *run) release(n, used int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reserved -= n
	r.quota += n - used
	r.changed.Broadcast()
}

func (r *run) found(ctx context.Context, workers *sync.WaitGroup, full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.empty, r.lastGot = 0, time.Now()
	most := cmp.Or(r.Workers, mostWorkers)
	if r.Rate > 0 {
		most = min(most, 1+int(r.Rate/20)) // each takes half a second for ten at the very worst
	}
	if full && !r.over && r.workers < most && r.quota > 0 {
		r.workers++
		workers.Go(func() { r.work(ctx, workers) })
	}
}

// foundNothing ends the pass when nothing is left to receive: several empty
// answers in a row, and counts that agree, which they may do a minute late.
func (r *run) foundNothing(ctx context.Context) {
	r.mu.Lock()
	r.empty++
	ask, mine, since := r.empty >= enoughEmpty && !r.over, len(r.hand), time.Since(r.lastGot)
	r.mu.Unlock()
	if !ask {
		return
	}
	d, err := r.From.Depth(ctx)
	if err != nil {
		if since > patience {
			r.halt(err)
		}
		return
	}
	elsewhere := max(0, d.InFlight-mine)
	blocked := r.From.Info().FIFO && mine > 0 // what is visible is behind what is in hand
	r.mu.Lock()
	defer r.mu.Unlock()
	if elsewhere == 0 && (d.Visible == 0 || blocked) || since > patience {
		r.over = true
		r.summary.Elsewhere, r.summary.Behind = elsewhere, 0
		if blocked {
			r.summary.Behind = d.Visible
		}
		r.changed.Broadcast()
		return
	}
	r.doing = fmt.Sprintf("waiting for %d messages that somebody else has in hand, perhaps a run that was killed", elsewhere)
	if elsewhere == 0 {
		r.doing = fmt.Sprintf("waiting for %d messages that SQS counts and does not give", d.Visible)
	}
}

// halt lets what is under way finish and begins nothing new. The first reason
// counts; nil is none.
func (r *run) halt(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if r.why == nil && why != nil {
		r.why = why
		close(r.stopping)
	}
	r.changed.Broadcast()
}

// obeyStop halts when the job is to stop.
func (r *run) obeyStop(ctx context.Context, ended <-chan struct{}) {
	select {
	case <-ended:
	case <-r.Stop:
		r.halt(ErrStopped)
	case <-ctx.Done():
		r.halt(context.Cause(ctx))
	}
}

// ErrStopped is a job that was asked to stop.
var ErrStopped = errors.New("stopped")

// keepHidden renews the time of what is in hand before it is over.
func (r *run) keepHidden(ctx context.Context, ended <-chan struct{}) {
	for sleep(visibility/4, ended) {
		r.mu.Lock()
		span := visibility
		if len(r.hand) > manyInHand {
			span = longer
		}
		var due []queue.Message
		soon := time.Now().Add(span / 2)
		for _, h := range r.hand {
			if h.until.Before(soon) {
				due = append(due, h.m)
			}
		}
		r.mu.Unlock()
		until := time.Now().Add(span)
		errs := r.From.Hide(ctx, due, span)
		r.mu.Lock()
		for i, m := range due {
			if h := r.hand[m.ID]; h != nil && h.m.Receipt == m.Receipt && errs[i] == nil {
				h.until = until
			}
		}
		r.mu.Unlock()
	}
}

// putBack shows everything in hand to others again, the last of a group first,
// so that a group is open only when all of it is there. It is tried once: what
// fails comes back by itself.
func (r *run) putBack(ctx context.Context) {
	r.mu.Lock()
	all := make([]*held, 0, len(r.hand))
	for _, h := range r.hand {
		all = append(all, h)
	}
	clear(r.hand)
	r.mu.Unlock()
	slices.SortFunc(all, func(a, b *held) int { return cmp.Compare(b.order, a.order) })
	back := make([]queue.Message, len(all))
	for i, h := range all {
		back[i] = h.m
	}
	r.From.Hide(ctx, back, 0)
}

// report tells the observer how far it is.
func (r *run) report(ended <-chan struct{}) {
	if r.Observe == nil {
		return
	}
	for sleep(500*time.Millisecond, ended) {
		r.mu.Lock()
		p := Progress{Doing: r.doing, Moved: r.moved, Total: r.first.Total(), Elapsed: time.Since(r.began)}
		if r.Max > 0 {
			p.Total = min(p.Total, r.Max)
		}
		if r.DryRun {
			p.Moved = len(r.hand)
		}
		r.mu.Unlock()
		r.Observe(p)
	}
}
