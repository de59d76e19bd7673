package status

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Shortest is the shortest period of Watch. What is behind the numbers does not
// change faster, and every look costs.
const Shortest = 2 * time.Second

// Gatherer asks AWS how the pipeline is.
type Gatherer struct {
	spec    Spec
	explain func(context.Context, error) error
	lag     time.Duration
	sources []*source
	answers *answers
	ledger  *ledger
	diary   diary
	periods chan time.Duration // a period that Watch is to go on with
}

// source is one kind of question, and how it went.
type source struct {
	asking
	asked    bool // at least once, and it ended
	underway bool
	at       time.Time // of the last whole answer
	stale    time.Time
	failures int // in a row
	next     time.Time
	err, fix string
}

// New is a gatherer of what spec names. It makes no calls yet.
func New(spec Spec, o Options) *Gatherer {
	g := &Gatherer{spec: spec, explain: o.Explain, lag: o.Lag, answers: newAnswers(), ledger: newLedger(), periods: make(chan time.Duration, 1)}
	for _, a := range spec.sources(o, g.ledger.add) {
		g.sources = append(g.sources, &source{asking: a})
	}
	return g
}

// answer is what came of a question.
type answer struct {
	of     *source
	update func(*answers) // nil when nothing was learned
	err    error
}

// Once asks everything one time and waits for all of it. What does not answer
// is told in the Snapshot; the error is that of ctx only.
func (g *Gatherer) Once(ctx context.Context) (Snapshot, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	replies := make(chan answer)
	for _, metrics := range []bool{false, true} { // which shards have some must be known first
		for n := g.ask(ctx, replies, func(s *source) bool { return (s.name == "metrics") == metrics }); n > 0; n-- {
			g.take(ctx, <-replies, 0)
		}
	}
	return g.snapshot(0), context.Cause(ctx)
}

// Watch gives a Snapshot every period, the first ones while sources are still
// being asked, until ctx ends or the loop is left. A source that is slow or
// fails holds up no other: what it told before stays, with its age, and it is
// asked again with growing pauses. No goroutine is left when Watch returns.
// It must not be called twice at once.
func (g *Gatherer) Watch(ctx context.Context, period time.Duration) iter.Seq[Snapshot] {
	return func(yield func(Snapshot) bool) {
		ctx, cancel := context.WithCancel(ctx)
		period := max(period, Shortest)
		replies := make(chan answer)
		underway := 0
		defer func() {
			cancel()
			for ; underway > 0; underway-- {
				(<-replies).of.underway = false
			}
		}()
		tick, late := time.NewTimer(0), time.NewTimer(grace)
		defer tick.Stop()
		defer late.Stop()
		left := map[*source]bool{} // of the present round, whose answers a Snapshot waits for
		waiting := true
		for {
			select {
			case <-ctx.Done():
				return
			case next := <-g.periods:
				if next == period {
					continue // a look now would be one more than was wished for
				}
				g.repace(period, next)
				period = next
				tick.Reset(0)
				continue
			case <-tick.C:
				tick.Reset(period)
				clear(left)
				underway += g.ask(ctx, replies, func(s *source) bool {
					due := !wall().Before(s.next)
					if due {
						left[s] = true
					}
					return due
				})
				if waiting = len(left) > 0; waiting {
					late.Reset(grace)
					continue
				}
			case a := <-replies:
				underway--
				g.take(ctx, a, period)
				delete(left, a.of)
				loading := g.loading()
				if !waiting || len(left) > 0 && !loading {
					continue
				}
				waiting = loading
			case <-late.C:
				if !waiting {
					continue
				}
				waiting = g.loading()
			}
			if ctx.Err() != nil || !yield(g.snapshot(period)) {
				return
			}
		}
	}
}

// grace is how long a Snapshot waits for the answers of its round. Later ones
// are in the next.
const grace = time.Second

// SetPeriod has a running Watch go on with another period, at least Shortest.
// It may be called from any goroutine.
func (g *Gatherer) SetPeriod(period time.Duration) {
	select { // the newest wish counts
	case <-g.periods:
	default:
	}
	select {
	case g.periods <- max(period, Shortest):
	default:
	}
}

func (g *Gatherer) source(name string) *source {
	for _, s := range g.sources {
		if s.name == name {
			return s
		}
	}
	panic("status: no source " + name)
}

// ask begins the questions that are wanted and not under way, and returns how
// many.
func (g *Gatherer) ask(ctx context.Context, replies chan<- answer, wanted func(*source) bool) (begun int) {
	shards := g.shardsWanted()
	for _, s := range g.sources {
		if s.underway || !wanted(s) {
			continue
		}
		s.underway, begun = true, begun+1
		go func() {
			ctx, cancel := context.WithTimeoutCause(ctx, patience, errSilent)
			defer cancel()
			update, err := s.ask(ctx, shards)
			if err != nil && errors.Is(context.Cause(ctx), errSilent) {
				err = errSilent
			}
			replies <- answer{s, update, err}
		}()
	}
	return begun
}

// repace has sources that were to be asked with the old period be asked with
// the new one.
func (g *Gatherer) repace(old, period time.Duration) {
	for _, s := range g.sources {
		if s.every < old && s.stale.IsZero() && s.asked {
			s.next = s.at.Add(max(s.every, period) - slack)
		}
	}
}

var errSilent = fmt.Errorf("nothing came within %v", patience)

// shardsWanted are the shards that CloudWatch has metrics of.
func (g *Gatherer) shardsWanted() []string {
	a := g.answers
	if a.stream == nil || !a.stream.value.PerShard || a.shards == nil {
		return nil
	}
	ids := make([]string, len(a.shards.value))
	for i, s := range a.shards.value {
		ids[i] = s.ID
	}
	return ids
}

// take puts an answer where it belongs and says when to ask again.
func (g *Gatherer) take(ctx context.Context, a answer, period time.Duration) {
	s, now := a.of, wall()
	s.asked, s.underway = true, false
	if a.update != nil {
		a.update(g.answers)
	}
	every := max(s.every, period)
	if a.err != nil {
		if s.stale.IsZero() {
			s.stale = now
		}
		s.failures++
		s.next = now.Add(pause(s.failures, period))
		s.err, s.fix = g.reason(ctx, a.err)
		return
	}
	s.at, s.stale, s.failures, s.err, s.fix = now, time.Time{}, 0, "", ""
	s.next = now.Add(every)
	switch s.name {
	case "metrics":
		if g.lag > 0 { // a minute is over at its end, not some time after it
			s.next = now.Add(-g.lag).Truncate(time.Minute).Add(time.Minute + g.lag + alignment)
		}
	case "stream":
		if a := g.answers; a.shards != nil && a.stream.value.Shards != len(a.shards.value) {
			g.source("shards").next = time.Time{}
		}
	}
	s.next = s.next.Add(-slack) // the round that it belongs to is not missed by a hair
}

const (
	alignment = 3 * time.Second        // after the whole minute, when CloudWatch is asked
	slack     = 500 * time.Millisecond // less than any period
)

// The pauses after failures.
const (
	firstPause   = 2 * time.Second
	longestPause = 30 * time.Second
)

// pause is how long not to ask after so many failures in a row.
func pause(failures int, period time.Duration) time.Duration {
	return max(period, min(longestPause, firstPause<<min(failures-1, 8))) - slack
}

// reason is why a source does not answer, and what helps.
func (g *Gatherer) reason(ctx context.Context, err error) (text, fix string) {
	if errors.Is(err, errSilent) {
		return err.Error(), "check the network; it is asked again by itself"
	}
	if g.explain != nil {
		err = g.explain(ctx, err)
	}
	if fix = fault.HintOf(err); fix == "" && apierr.Sort(err) == resource.Throttled {
		return "AWS asks for fewer calls: " + apierr.Message(err), "refresh less often, here or in other windows; it is asked again by itself"
	}
	return err.Error(), fix
}

// loading reports whether some source has never come to an end.
func (g *Gatherer) loading() bool {
	for _, s := range g.sources {
		if !s.asked {
			return true
		}
	}
	return false
}

// snapshot is what is known now.
func (g *Gatherer) snapshot(period time.Duration) Snapshot {
	now := wall()
	cost, calls := g.ledger.cost(now)
	sources := make([]Source, len(g.sources))
	for i, s := range g.sources {
		sources[i] = Source{
			Name: s.name, Every: Duration(max(s.every, period)), At: s.at, Calls: calls[s.name],
			Stale: s.stale, Error: s.err, Fix: s.fix,
		}
		if !s.stale.IsZero() {
			sources[i].Retry = s.next
		}
	}
	snap := g.spec.snapshot(g.answers, sources, g.loading(), now)
	snap.Period, snap.Cost = Duration(period), cost
	g.diary.read(&snap)
	return snap
}
