package scale_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
	"github.com/ccs-platform/ccsctl/internal/scale"
)

const (
	name = "ccs-test-telemetry"
	arn  = "arn:aws:kinesis:" + sandbox.Region + ":" + sandbox.Account + ":stream/" + name
)

// world is a sandbox with a stream of ours in it.
type world struct {
	t      *testing.T
	box    *sandbox.Sandbox
	cfg    aws.Config
	client *kinesis.Client
	folder string
	notes  []string
}

func newWorld(t *testing.T, timing string, shards int32) *world {
	t.Helper()
	w := &world{t: t, folder: t.TempDir()}
	w.box, w.cfg = sandboxtest.New(t, sandbox.Options{Timing: timing})
	w.client = kinesis.NewFromConfig(w.cfg)
	w.create(shards)
	return w
}

func owner() resource.Owner { return resource.Owner{Project: "ccs", Environment: "test"} }

func (w *world) create(shards int32) {
	w.t.Helper()
	_, err := w.client.CreateStream(w.t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String(name), ShardCount: &shards, Tags: owner().Tags()})
	w.must(err)
	w.settle()
	w.box.Calls.Reset()
}

// theirs is a resize by somebody else, which is not waited for.
func (w *world) theirs(shards int32) {
	w.t.Helper()
	_, err := w.client.UpdateShardCount(context.Background(), &kinesis.UpdateShardCountInput{StreamName: aws.String(name), TargetShardCount: &shards, ScalingType: types.ScalingTypeUniformScaling})
	w.must(err)
}

func (w *world) settle() {
	w.t.Helper()
	w.must(resource.Poll(w.t.Context(), "", func(ctx context.Context) (bool, error) {
		s, err := stream.NewReader(w.cfg, name).Summary(ctx)
		return s.State == "ACTIVE", err
	}))
}

func (w *world) ledger() *scale.Ledger { return scale.NewLedger(w.folder, arn) }

func (w *world) to(shards int) *scale.Scale {
	return scale.New(w.cfg, stream.SizeSpec{Name: "telemetry", StreamName: name, Shards: shards, Owner: owner()}, w.ledger())
}

// run plans and carries out, and keeps what is said meanwhile.
func (w *world) run(stop context.Context, shards int, observe func(plan.Event)) (*scale.Plan, scale.Result, error) {
	w.t.Helper()
	s := w.to(shards)
	p, err := s.Plan(resource.WithNotes(w.t.Context(), func(n string) { w.notes = append(w.notes, n) }), true)
	w.must(err)
	if err := p.Check(); err != nil {
		return p, scale.Result{}, err
	}
	r, err := s.Run(w.t.Context(), stop, p, func(e plan.Event) {
		if e.Kind == plan.Waiting {
			w.notes = append(w.notes, e.Text)
		}
		if observe != nil {
			observe(e)
		}
	})
	return p, r, err
}

func (w *world) shards() int {
	w.t.Helper()
	s, err := stream.NewReader(w.cfg, name).Summary(w.t.Context())
	w.must(err)
	return s.Shards
}

func (w *world) updates() int {
	return w.box.Calls.Count()[wire.Call{Service: "kinesis", Operation: "UpdateShardCount"}]
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func bubble(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

func TestThereAndBackInLegalSteps(t *testing.T) {
	for _, timing := range []string{"instant", "aws"} {
		t.Run(timing, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, timing, 10)
				p, r, err := w.run(t.Context(), 50, nil)
				w.must(err)
				want := []scale.Step{{From: 10, To: 20}, {From: 20, To: 40}, {From: 40, To: 50}}
				if !cmp.Equal(p.Steps, want) || !cmp.Equal(r.Made, want) || *r.Now != 50 || r.State != "ACTIVE" || w.shards() != 50 {
					t.Errorf("planned %v, made %v, has %d %s", p.Steps, r.Made, *r.Now, r.State)
				}
				if got := p.Monthly(); got != 438 { // 40 shards at $10.95
					t.Errorf("$%v a month", got)
				}
				p, r, err = w.run(t.Context(), 10, nil)
				w.must(err)
				if want := []scale.Step{{From: 50, To: 25}, {From: 25, To: 13}, {From: 13, To: 10}}; !cmp.Equal(r.Made, want) || w.shards() != 10 {
					t.Errorf("made %v", r.Made)
				}
				if p.Left() != 7 || w.updates() != 6 {
					t.Errorf("%d left, %d calls", p.Left(), w.updates())
				}
				if timing == "aws" && !slices.Contains(w.notes, "resize 2 of 3, 25 to 13 shards: waiting until the stream is ACTIVE") {
					t.Errorf("said %q", w.notes)
				}
			})
		})
	}
}

func TestThereAlreadyMakesNoCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "aws", 4)
		_, r, err := w.run(t.Context(), 4, nil)
		if err != nil || len(r.Made) > 0 || r.Ran.Calls != 0 || w.updates() != 0 {
			t.Errorf("made %v in %d calls: %v", r.Made, r.Ran.Calls, err)
		}
	})
}

// A change that is under way is waited for, and the steps begin where it ends.
func TestWaitsForAChangeBySomebodyElse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "aws", 4)
		w.theirs(8)
		p, _, err := w.run(t.Context(), 16, nil)
		w.must(err)
		if p.From != 8 || len(p.Steps) != 1 || w.shards() != 16 {
			t.Errorf("from %d in %v", p.From, p.Steps)
		}
		for _, want := range []string{"waiting until a change of the stream by somebody else ends", "the stream is still UPDATING after 1 min"} {
			if !slices.Contains(w.notes, want) {
				t.Errorf("%q is not among %q", want, w.notes)
			}
		}
	})
}

// Somebody else is quicker by a moment, between the plan and the call, and goes
// the same way: their change is waited for and counts.
func TestSomebodyElseGoesTheSameWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "aws", 4)
		once := false
		_, r, err := w.run(t.Context(), 16, func(e plan.Event) {
			if e.Kind == plan.Calling && !once {
				once = true
				w.theirs(8)
			}
		})
		w.must(err)
		if want := []scale.Step{{From: 8, To: 16}}; !cmp.Equal(r.Made, want) || w.shards() != 16 {
			t.Errorf("made %v, %d shards", r.Made, w.shards())
		}
	})
}

// Somebody else goes the other way between two steps. A call that AWS would
// refuse is not made, and the reason is theirs.
func TestSomebodyElseGoesTheOtherWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "aws", 8)
		calls := 0
		_, r, err := w.run(t.Context(), 64, func(e plan.Event) {
			if e.Kind != plan.Calling {
				return
			}
			if calls++; calls == 2 {
				w.theirs(10)
				w.settle()
			}
		})
		if !errors.Is(err, stream.ErrMoved) || fault.KindOf(err) != fault.Partial || !strings.Contains(fault.HintOf(err), "run 'ccsctl scale 64' again") {
			t.Errorf("%v (%v, hint %q)", err, fault.KindOf(err), fault.HintOf(err))
		}
		if want := []scale.Step{{From: 8, To: 16}}; !cmp.Equal(r.Made, want) || *r.Now != 10 || w.updates() != 2 {
			t.Errorf("made %v, has %d, %d calls", r.Made, *r.Now, w.updates())
		}
	})
}

// Interrupted while AWS is at a step, the run says so, AWS ends the step, and
// the next run goes on from there.
func TestInterruptedAndRunAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "aws", 10)
		interrupted := errors.New("interrupted")
		stop, interrupt := context.WithCancelCause(t.Context())
		_, r, err := w.run(stop, 50, func(e plan.Event) {
			if strings.HasPrefix(e.Text, "resize 2 of 3") {
				interrupt(interrupted)
			}
		})
		if !errors.Is(err, interrupted) || r.State != "UPDATING" || !cmp.Equal(r.Made, []scale.Step{{From: 10, To: 20}, {From: 20, To: 40}}) {
			t.Fatalf("%v, %s, made %v", err, r.State, r.Made)
		}
		p, r, err := w.run(t.Context(), 50, nil)
		w.must(err)
		if p.From != 40 || p.Left() != 8 || len(r.Made) != 1 || w.shards() != 50 {
			t.Errorf("from %d, %d left, made %v", p.From, p.Left(), r.Made)
		}
	})
}

// What passes is borne: throttling, and a call whose answer is lost, which is not
// made twice.
func TestTroubleThatPasses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "aws", 10)
		w.box.Faults.Add(sandbox.Fault{Service: "kinesis", Operation: "DescribeStreamSummary", Code: "ThrottlingException", After: 5, Times: 8})
		w.box.Faults.Add(sandbox.Fault{Service: "kinesis", Operation: "UpdateShardCount", Code: "InternalFailureException", Times: 2})
		lost := 1
		w.cfg.HTTPClient = &http.Client{Transport: answers(func(r *http.Request) (*http.Response, error) {
			res, err := w.client.Options().HTTPClient.Do(r)
			if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".UpdateShardCount") && err == nil && res.StatusCode == 200 && lost > 0 {
				lost--
				return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
			}
			return res, err
		})}
		_, _, err := w.run(t.Context(), 20, nil)
		w.must(err)
		if lost != 0 || w.shards() != 20 {
			t.Errorf("%d answers still to be lost, %d shards", lost, w.shards())
		}
	})
}

type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

// The day's resizes: what is known to be spent is not asked for; what is not
// known, AWS refuses, once.
func TestTenADay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "aws", 4)
		for i := range 5 {
			for _, n := range []int{8, 4} {
				if _, _, err := w.run(t.Context(), n, nil); err != nil {
					t.Fatalf("resize %d: %v", 2*i, err)
				}
			}
		}
		p, _, err := w.run(t.Context(), 8, nil)
		if p.Left() != 0 || p.Reach() != 4 || err == nil || fault.KindOf(err) != fault.Failed || w.updates() != 10 {
			t.Fatalf("%d left, %d calls: %v", p.Left(), w.updates(), err)
		}
		if free := p.Free(); !strings.Contains(fault.HintOf(err), free.Local().Format("15:04")) || free.Sub(p.Spent[0]) != 24*time.Hour {
			t.Errorf("free at %v, hint %q", free, fault.HintOf(err))
		}

		w.folder = t.TempDir() // another machine
		_, r, err := w.run(t.Context(), 8, nil)
		if !stream.Refused(err) || len(r.Made) > 0 || w.updates() != 11 || !strings.Contains(fault.HintOf(err), "10 times in 24 hours") {
			t.Errorf("%v (hint %q) after %d calls", err, fault.HintOf(err), w.updates())
		}
		time.Sleep(24 * time.Hour)
		if p, _, err := w.run(t.Context(), 8, nil); err != nil || p.Left() != 10 {
			t.Errorf("a day later: %d left, %v", p.Left(), err)
		}
	})
}

// A limit of the account is told from the day's.
func TestTheAccountsShards(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "instant", 4)
		a, err := stream.NewReader(w.cfg, name).Account(t.Context())
		w.must(err)
		_, err = w.client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("large"), ShardCount: aws.Int32(int32(a.Limit - 10))})
		w.must(err)
		_, r, err := w.run(t.Context(), 32, nil)
		if fault.KindOf(err) != fault.Partial || len(r.Made) != 1 || *r.Now != 8 || !strings.Contains(fault.HintOf(err), "Shards per Region") {
			t.Errorf("%v (hint %q) after %v", err, fault.HintOf(err), r.Made)
		}
	})
}

// A stream made anew under the same name has all its resizes, whatever the ledger
// says of the old one.
func TestTheLedgerKnowsOneStreamFromTheNext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "aws", 4)
		_, _, err := w.run(t.Context(), 8, nil)
		w.must(err)
		_, err = w.client.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: aws.String(name)})
		w.must(err)
		time.Sleep(time.Minute)
		w.create(4)
		if p, err := w.to(8).Plan(t.Context(), true); err != nil || p.Left() != 10 {
			t.Errorf("%d left, %v", p.Left(), err)
		}
	})
}

func TestWhatIsNotOursOrNotThereIsLeftAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "instant", 4)
		_, err := w.client.RemoveTagsFromStream(t.Context(), &kinesis.RemoveTagsFromStreamInput{StreamName: aws.String(name), TagKeys: []string{resource.TagManagedBy}})
		w.must(err)
		if _, err := w.to(8).Plan(t.Context(), true); err == nil || !strings.Contains(err.Error(), "other tags than ours") {
			t.Errorf("a stream of somebody else: %v", err)
		}
		_, err = w.client.UpdateStreamMode(t.Context(), &kinesis.UpdateStreamModeInput{StreamARN: aws.String(arn), StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}})
		w.must(err)
		if _, err := w.to(8).Plan(t.Context(), true); !errors.Is(err, stream.ErrOnDemand) {
			t.Errorf("a stream on demand: %v", err)
		}
	})
}
