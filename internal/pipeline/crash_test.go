package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

// A process that is killed has made some calls, and the answer to the last one
// never reached it. From AWS's side that is all there is to see, so it is what
// these tests do, for every call of a run. .ci/crash does it to the real
// program.

func TestKilledAfterAnyCallTheNextRunConverges(t *testing.T) {
	// The race detector makes it ten times as slow and has seen all that it can
	// after a few kills; what it skips the ordinary run does.
	instant, aws := 1, 2
	if underRace || testing.Short() {
		instant, aws = 4, 12
	}
	for _, pace := range []struct {
		timing string
		every  int // which calls are tried: each, every other one...
	}{{"instant", instant}, {"aws", aws}} {
		timing, every := pace.timing, pace.every
		calls := undisturbed(t, timing)
		t.Logf("%s: up makes %d calls and %d things, down makes %d calls", timing, calls.up, calls.things, calls.down)
		kills := func(verb string, most int, trial func(w *world, k int)) {
			t.Run(timing+"/"+verb, func(t *testing.T) {
				t.Parallel()
				for k := 1; k <= most && !t.Failed(); k += every {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, timing)
						trial(w, k)
						if t.Failed() {
							t.Logf("killed after call %d", k)
						}
					})
				}
			})
		}
		kills("up", calls.up, func(w *world, k int) {
			w.killed(k, (*world).compute)
			w.up()
			w.settled()
			if n := len(w.sandbox.Tagged()); n != calls.things {
				w.t.Errorf("%d tagged things, want %d", n, calls.things)
			}
		})
		kills("down", calls.down, func(w *world, k int) {
			w.up()
			w.killed(k, (*world).removal)
			w.down()
			w.gone()
		})
	}
}

// counts are those of runs that nobody kills.
type counts struct {
	up, down int // mutating calls, those refused and made again included
	things   int // with tags, after up
}

func undisturbed(t *testing.T, timing string) (c counts) {
	t.Run(fmt.Sprintf("%s/undisturbed", timing), func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, timing)
			w.up()
			c.up, c.things = w.sandbox.Calls.Mutating(), len(w.sandbox.Tagged())
			w.sandbox.Calls.Reset()
			w.settled()
			if n := w.sandbox.Calls.Mutating(); n != 0 {
				t.Errorf("a plan makes %d mutating calls", n)
			}
			w.down()
			c.down = w.sandbox.Calls.Mutating()
			w.gone()
		})
	})
	return c
}

// killed has a process of its own make a plan, carry it out, and die after k
// mutating calls. Reading is harmless, so only what follows is cut short.
func (w *world) killed(k int, build func(*world) *plan.Plan) {
	w.t.Helper()
	ctx, die := context.WithCancelCause(w.t.Context())
	defer die(nil)
	victim := *w
	victim.aws = w.newConfig()
	client, ok := victim.aws.HTTPClient.(*http.Client)
	if !ok {
		w.t.Fatalf("an HTTP client of type %T", victim.aws.HTTPClient)
	}
	p := build(&victim)
	w.sandbox.Calls.Reset()
	client.Transport = &killer{next: client.Transport, calls: w.sandbox.Calls, most: k, die: die}
	results, err := p.Apply(ctx, plan.Options{Sort: apierr.Sort})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range results {
		if r.Outcome == plan.Errored && !errors.Is(r.Err, errKilled) {
			w.t.Errorf("%s %s, before the kill: %v", r.Action, r.ID, r.Err)
		}
	}
}

var errKilled = errors.New("killed")

// killer lets mutating calls through up to the k-th, whose answer is lost, and
// nothing after it. Calls that were on their way at that moment still arrive.
type killer struct {
	next  http.RoundTripper
	calls *sandbox.Calls
	most  int
	die   context.CancelCauseFunc

	mu   sync.Mutex
	dead bool
}

func (k *killer) RoundTrip(r *http.Request) (*http.Response, error) {
	if k.isDead() {
		return nil, errKilled
	}
	res, err := k.next.RoundTrip(r)
	if k.isDead() {
		return nil, errKilled
	}
	return res, err
}

func (k *killer) isDead() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.dead && k.calls.Mutating() >= k.most {
		k.dead = true
		k.die(errKilled)
	}
	return k.dead
}
