package plan_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// trouble is an error of a kind.
type trouble resource.Trouble

func (t trouble) Error() string { return "AWS says: " + resource.Trouble(t).String() }

func sortTrouble(err error) resource.Trouble {
	if t, ok := errors.AsType[trouble](err); ok {
		return resource.Trouble(t)
	}
	return resource.Lasting
}

// run applies one step and says how it ended and how long it took.
func run(t *testing.T, s resource.Step) (took time.Duration, err error) {
	t.Helper()
	start := time.Now()
	results := apply(t, compute(t, []*thing{does("a", s)}), plan.Options{Sort: sortTrouble})
	took = time.Since(start)
	return took, results[0].Err
}

// TestPatienceByTrouble says for each kind of trouble how long it is borne when
// it does not end, by quick answers and by slow ones, and that one which ends
// in time is none.
func TestPatienceByTrouble(t *testing.T) {
	for _, c := range []struct {
		kind  resource.Trouble
		total time.Duration
	}{
		{resource.Throttled, 5 * time.Minute},
		{resource.Busy, 15 * time.Minute},
		{resource.Fresh, 2 * time.Minute},
		{resource.Recent, 100 * time.Second},
		{resource.Unavailable, time.Minute},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			for _, answer := range []time.Duration{0, time.Second} {
				synctest.Test(t, func(t *testing.T) {
					tries := 0
					took, err := run(t, step(func(context.Context) error {
						time.Sleep(answer)
						tries++
						return trouble(c.kind)
					}))
					if took > c.total+2*answer || took < c.total-10*time.Second {
						t.Errorf("gave up after %v, want about %v", took, c.total)
					}
					if tries < 10 {
						t.Errorf("tried %d times", tries)
					}
					if !errors.Is(err, trouble(c.kind)) || !strings.Contains(err.Error(), "AWS says") {
						t.Errorf("got %v, want AWS's reason", err)
					}
					// Busy is as patient as the step, so either may end it.
					if e, ok := errors.AsType[*plan.Exhausted](err); c.kind != resource.Busy && (!ok || e.Trouble != c.kind || e.After != c.total) {
						t.Errorf("got %#v, want it exhausted", err)
					}
				})
			}
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				if took, err := run(t, step(func(context.Context) error {
					if time.Since(start) < c.total/2 {
						return trouble(c.kind)
					}
					return nil
				})); err != nil || took < c.total/2 || took > c.total/2+5*time.Second {
					t.Errorf("trouble of %v: %v after %v", c.total/2, err, took)
				}
			})
		})
	}
}

func TestLastingTroubleEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		took, err := run(t, step(func(context.Context) error { tries++; return trouble(resource.Lasting) }))
		if took != 0 || tries != 1 || err == nil || err.Error() != "test:Do: AWS says: lasting" {
			t.Errorf("%v after %v and %d tries", err, took, tries)
		}
		if _, ok := errors.AsType[*plan.Exhausted](err); ok {
			t.Error("it was not even tried again")
		}
	})
}

// TestLongWaitMayMeetTroubleNowAndThen: a wait that is throttled once every
// three minutes is not a wait that was throttled for an hour.
func TestLongWaitMayMeetTroubleNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := run(t, resource.Step{Call: "test:Do", Do: ok, Patience: 2 * time.Hour, Wait: func(ctx context.Context) error {
			if err := resource.Sleep(ctx, 3*time.Minute); err != nil {
				return err
			}
			if time.Since(start) < time.Hour {
				return trouble(resource.Throttled)
			}
			return nil
		}})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestStepEndsWithItsPatience(t *testing.T) {
	for name, c := range map[string]struct {
		step resource.Step
		says string
	}{
		"in the wait": {resource.Step{Call: "test:Do", Do: ok, Wait: func(ctx context.Context) error {
			return resource.Poll(ctx, "waiting", func(context.Context) (bool, error) { return false, nil })
		}}, "test:Do: took too long: gave up after 30s"},
		"in the call": {step(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }),
			"test:Do: took too long: gave up after 30s: context deadline exceeded"},
		"in tries of it": {step(func(ctx context.Context) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return trouble(resource.Busy)
		}), "test:Do: took too long: gave up after 30s: AWS says: busy"},
		"shared by both": {resource.Step{Call: "test:Do", Do: func(ctx context.Context) error { return resource.Sleep(ctx, 29*time.Second) },
			Wait: func(ctx context.Context) error { return resource.Sleep(ctx, 2*time.Second) }}, "test:Do: took too long: gave up after 30s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.step.Patience = 30 * time.Second
				took, err := run(t, c.step)
				if err == nil || err.Error() != c.says {
					t.Errorf("got %v, want %s", err, c.says)
				}
				if took < 30*time.Second || took > 35*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}
