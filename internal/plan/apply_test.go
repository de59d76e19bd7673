package plan_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/graph"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

func apply(t *testing.T, p *plan.Plan, o plan.Options) []plan.Result {
	t.Helper()
	results, err := p.Apply(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func TestEventsTellTheWholeStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := resource.Step{Call: "test:Create", Do: ok, Wait: func(ctx context.Context) error {
			left := 3
			return resource.Poll(ctx, "waiting until it is ACTIVE", func(context.Context) (bool, error) { left--; return left == 0, nil })
		}}
		denied := errors.New("denied")
		things := []*thing{
			{name: "same", change: resource.Change{Action: resource.None}},
			does("slow", slow, step(ok)),
			does("bad", step(func(context.Context) error { return denied })),
			does("after", step(ok)),
		}
		p := compute(t, things, "bad: slow", "after: bad")
		var story []string
		start := time.Now()
		results := apply(t, p, plan.Options{Observe: func(e plan.Event) {
			if e.Time.Before(start) || e.Kind == plan.Ended && e.ID.Name == "slow" && e.Elapsed != 250*time.Millisecond {
				t.Errorf("%v took %v", e.ID, e.Elapsed)
			}
			story = append(story, strings.TrimSpace(fmt.Sprint(e.ID.Name, " ", e.Kind, " ", e.Outcome, e.Text, " ", e.Err)))
		}})
		want := []string{
			"slow started  <nil>", "slow calling test:Create <nil>", "slow waiting waiting until it is ACTIVE <nil>", "slow calling test:Do <nil>", "slow ended done <nil>",
			"bad started  <nil>", "bad calling test:Do <nil>", "bad ended failed test:Do: denied",
			"after ended skipped skipped: needs thing/bad",
		}
		if !slices.Equal(story, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(story, "\n"), strings.Join(want, "\n"))
		}
		expectResults(t, results, "same unchanged 0, slow done 2, bad failed 1, after skipped 0")
		if !errors.Is(results[2].Err, denied) || results[0].Err != nil {
			t.Errorf("errors %v, %v", results[0].Err, results[2].Err)
		}
	})
}

// expectResults compares outcomes and calls, in plan order.
func expectResults(t *testing.T, results []plan.Result, want string) {
	t.Helper()
	var got []string
	for _, r := range results {
		got = append(got, fmt.Sprintf("%s %s %d", r.ID.Name, r.Outcome, r.Calls))
	}
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
}

func TestKeptIsNoFailure(t *testing.T) {
	kept := does("bucket", step(func(context.Context) error {
		return fmt.Errorf("s3:DeleteBucket: %w", &resource.Kept{Reason: "it holds data"})
	}), step(func(context.Context) error { t.Error("went on with what was kept"); return nil }))
	results := apply(t, compute(t, []*thing{kept, does("next", step(ok))}, "next: bucket"), plan.Options{})
	expectResults(t, results, "bucket kept 1, next done 1")
	if results[0].Err != nil || results[0].Reason != "it holds data" {
		t.Errorf("%v, %q", results[0].Err, results[0].Reason)
	}
}

// TestStop ends a run softly, at each place where it can stand.
func TestStop(t *testing.T) {
	busy := func(error) resource.Trouble { return resource.Busy }
	for name, c := range map[string]struct {
		step    resource.Step
		took    time.Duration
		results string
		stopped bool // the error is ErrStopped; else the cause
	}{
		"in a call": {step(func(ctx context.Context) error { return resource.Sleep(ctx, 5*time.Second) }), 5 * time.Second,
			"first stopped 1, next skipped 0", true},
		"in a wait": {resource.Step{Call: "test:Do", Do: ok, Wait: func(ctx context.Context) error { return resource.Sleep(ctx, time.Hour) }}, time.Second,
			"first stopped 1, next skipped 0", false},
		"between two tries": {step(func(context.Context) error { return errors.New("in use") }), time.Second,
			"first stopped 1, next skipped 0", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cause := errors.New("interrupt")
				stop, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(cause) })
				never := step(func(context.Context) error { t.Error("a call was begun after the stop"); return nil })
				p := compute(t, []*thing{does("first", c.step, never), does("next", never)}, "next: first")
				start := time.Now()
				results := apply(t, p, plan.Options{Stop: stop, Sort: busy})
				if took := time.Since(start); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
				expectResults(t, results, c.results)
				if err := results[0].Err; errors.Is(err, plan.ErrStopped) != c.stopped || errors.Is(err, cause) == c.stopped {
					t.Errorf("stopped with %v", err)
				}
			})
		})
	}
}

// TestRealFailureWhileStopping is a failure, whatever else was asked for.
func TestRealFailureWhileStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p := compute(t, []*thing{does("a", step(func(context.Context) error { time.Sleep(2 * time.Second); return errors.New("denied") }))})
		expectResults(t, apply(t, p, plan.Options{Stop: stop}), "a failed 1")
	})
}

func TestCancelEndsCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("second interrupt")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		p := compute(t, []*thing{does("a", step(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })), does("b", step(ok))}, "b: a")
		start := time.Now()
		results, err := p.Apply(ctx, plan.Options{})
		if err != nil || time.Since(start) != time.Second {
			t.Errorf("took %v, %v", time.Since(start), err)
		}
		expectResults(t, results, "a failed 1, b skipped 0")
		if !errors.Is(results[0].Err, cause) {
			t.Errorf("got %v, want the cause", results[0].Err)
		}
	})
}

func TestParallelIsRespected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := step(func(ctx context.Context) error { return resource.Sleep(ctx, time.Second) })
		var things []*thing
		for i := range 10 {
			things = append(things, does(fmt.Sprint(i), second))
		}
		start := time.Now()
		apply(t, compute(t, things), plan.Options{Parallel: 3})
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("10 of a second, 3 at a time, took %v", took)
		}
	})
}

// TestApplyAlongTheGraph holds runs of random graphs with random fates to the
// contract: everything ran after all it needs, and exactly what depends on a
// failure was skipped.
func TestApplyAlongTheGraph(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := new(graph.Graph[resource.Resource])
		var things []*thing
		needs := map[string][]string{}
		fails := map[string]bool{}
		var mu sync.Mutex
		done := map[string]bool{}
		for i := range rapid.IntRange(1, 15).Draw(rt, "things") {
			name := fmt.Sprint(i)
			fails[name] = rapid.IntRange(0, 4).Draw(rt, "fate") == 0
			takes := rapid.IntRange(0, 3).Draw(rt, "takes")
			f := does(name, step(func(context.Context) error {
				mu.Lock()
				for _, need := range needs[name] {
					if !done[need] {
						rt.Errorf("%s began before %s was done", name, need)
					}
				}
				mu.Unlock()
				for range takes {
					runtime.Gosched()
				}
				return nil
			}), step(func(context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				if fails[name] {
					return errors.New("failed")
				}
				done[name] = true
				return nil
			}))
			var on []resource.Resource
			if i > 0 {
				for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, i-1), 0, min(i, 3), rapid.ID).Draw(rt, "needs") {
					on = append(on, things[n])
					needs[name] = append(needs[name], things[n].name)
				}
			}
			things = append(things, f)
			g.Add(f, on...)
		}
		p, err := plan.Compute(t.Context(), g)
		if err != nil {
			rt.Fatal(err)
		}
		results, err := p.Apply(t.Context(), plan.Options{Parallel: rapid.IntRange(1, 5).Draw(rt, "parallel")})
		if err != nil || len(results) != len(things) {
			rt.Fatalf("%d results of %d, %v", len(results), len(things), err)
		}
		bad := map[string]bool{} // failed or skipped, found in plan order
		for i, r := range results {
			if r.ID != p.Items[i].ID {
				rt.Fatalf("result %d is of %s, want %s", i, r.ID, p.Items[i].ID)
			}
			name, want, calls := r.ID.Name, plan.Done, 2
			if fails[name] {
				want = plan.Errored
			}
			if slices.ContainsFunc(needs[name], func(n string) bool { return bad[n] }) {
				want, calls = plan.Skipped, 0
			}
			bad[name] = want != plan.Done
			if r.Outcome != want || r.Calls != calls || (r.Err == nil) != (want == plan.Done) {
				rt.Fatalf("%s: %s after %d calls (%v), want %s after %d", name, r.Outcome, r.Calls, r.Err, want, calls)
			}
		}
	})
}
