package pipeline_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// A process that is killed has made some calls, and the answer to the last one
// never reached it. From AWS's side that is all there is to see, so it is what
// these tests do, for every call of a run.

var errKilled = errors.New("killed")

// killer lets mutating calls through up to the k-th, whose answer is lost, and
// nothing after it. Calls that were on their way at that moment still arrive.
type killer struct {
	next    http.RoundTripper
	calls   *sandbox.Calls
	most    int
	cancel  context.CancelCauseFunc
	mu      sync.Mutex
	stopped bool
}

func (k *killer) RoundTrip(r *http.Request) (*http.Response, error) {
	k.mu.Lock()
	dead := k.stopped
	k.mu.Unlock()
	if dead {
		return nil, errKilled
	}
	res, err := k.next.RoundTrip(r)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.calls.Mutating() >= k.most {
		k.stopped = true
		k.cancel(errKilled)
	}
	if k.stopped {
		return nil, errKilled
	}
	return res, err
}

// killAfter carries out a plan made by build and kills it after k mutating calls.
func killAfter(t *testing.T, s *sandbox.Sandbox, cfg aws.Config, k int, build func(cfg aws.Config) *plan.Plan) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	client, ok := cfg.HTTPClient.(*http.Client)
	if !ok {
		t.Fatalf("an HTTP client of type %T", cfg.HTTPClient)
	}
	p := build(cfg) // reading is harmless: only what follows can be cut short
	s.Calls.Reset()
	client.Transport = &killer{next: client.Transport, calls: s.Calls, most: k, cancel: cancel}
	if _, err := p.Apply(ctx, plan.Options{Sort: apierr.Sort}); err != nil {
		t.Fatal(err)
	}
}

func TestKilledAfterAnyCallTheNextRunConverges(t *testing.T) {
	c := load(t, nil)
	for _, timing := range []string{"instant", "aws"} {
		t.Run(timing, func(t *testing.T) {
			world := func(t *testing.T) (*sandbox.Sandbox, func() aws.Config) {
				s, _ := sandboxtest.New(t, sandbox.Options{Timing: timing})
				return s, func() aws.Config { return sandboxtest.Config(s, s) }
			}
			calls, things := 0, 0
			synctest.Test(t, func(t *testing.T) {
				s, cfg := world(t)
				p := compute(t, settings(c, cfg()))
				calls = p.Calls()
				apply(t, p)
				settled(t, settings(c, cfg()))
				things = len(s.Tagged())
			})
			t.Logf("up makes %d calls and %d tagged things", calls, things)

			t.Run("up", func(t *testing.T) {
				for k := 1; k <= calls; k++ {
					synctest.Test(t, func(t *testing.T) {
						s, cfg := world(t)
						killAfter(t, s, cfg(), k, func(cfg aws.Config) *plan.Plan { return compute(t, settings(c, cfg)) })
						apply(t, compute(t, settings(c, cfg())))
						settled(t, settings(c, cfg()))
						if n := len(s.Tagged()); n != things {
							t.Errorf("killed after call %d: %d tagged things, want %d", k, n, things)
						}
					})
				}
			})
			t.Run("down", func(t *testing.T) {
				for k := 1; ; k++ {
					over := false
					synctest.Test(t, func(t *testing.T) {
						s, cfg := world(t)
						apply(t, compute(t, settings(c, cfg())))
						down := removal(t, settings(c, cfg()))
						over = k > down.Calls()
						killAfter(t, s, cfg(), k, func(cfg aws.Config) *plan.Plan { return removal(t, settings(c, cfg)) })
						apply(t, removal(t, settings(c, cfg())))
						gone(t, s, settings(c, cfg()))
					})
					if over || t.Failed() {
						return
					}
				}
			})
		})
	}
}

// gone fails the test unless the pipeline is down and nothing with its tags is
// left but the key that waits for its end.
func gone(t *testing.T, s *sandbox.Sandbox, st pipeline.Settings) {
	t.Helper()
	for _, it := range removal(t, st).Items {
		if it.Change.Action != "none" {
			t.Errorf("%s: %s %s", it.ID, it.Change.Action, it.Change.Reason)
		}
	}
	for _, thing := range s.Tagged() {
		if !strings.Contains(thing.ARN, ":key/") {
			t.Errorf("left: %s", thing.ARN)
		}
	}
}
