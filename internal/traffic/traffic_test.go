package traffic_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/functions"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
	"github.com/ccs-platform/ccsctl/internal/traffic"
	"github.com/ccs-platform/ccsctl/internal/traffic/load"
)

// must is for what can only fail by the test's own mistake.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// watched writes down what is put, and holds the sender to its promises: only
// what was refused is sent again, and nothing overtakes what its vehicle sent in
// an earlier call.
type watched struct {
	traffic.Stream
	t interface{ Errorf(string, ...any) }

	mu        sync.Mutex
	calls     int
	begun     map[string]int // the call that an event was first in, by its data
	tried     map[string]int // and the one it was last in
	refused   map[string]bool
	accepted  map[string]bool
	newest    map[string]int // the latest call that an accepted event of the vehicle was first in
	perSecond map[int64]int  // first attempts
	began     time.Time
}

func watch(t interface{ Errorf(string, ...any) }, to traffic.Stream) *watched {
	return &watched{Stream: to, t: t, began: time.Now(), begun: map[string]int{}, tried: map[string]int{}, refused: map[string]bool{},
		accepted: map[string]bool{}, newest: map[string]int{}, perSecond: map[int64]int{}}
}

func (w *watched) Put(ctx context.Context, entries []stream.Entry) (stream.Answer, error) {
	w.mu.Lock()
	w.calls++
	for _, e := range entries {
		if w.begun[string(e.Data)] == 0 {
			w.begun[string(e.Data)] = w.calls
			w.perSecond[int64(time.Since(w.began)/time.Second)]++
		} else if !w.refused[string(e.Data)] {
			w.t.Errorf("sent again, although it was not refused: %s", e.Data)
		}
		if tried := w.tried[string(e.Data)]; tried > 0 && tried < w.newest[e.Key] {
			w.t.Errorf("%s was tried in call %d, and overtaken by one that came with call %d", e.Data, tried, w.newest[e.Key])
		}
		w.tried[string(e.Data)] = w.calls
	}
	w.mu.Unlock()
	a, err := w.Stream.Put(ctx, entries)
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, e := range entries {
		w.refused[string(e.Data)] = err != nil || a.Outcomes[i] != stream.Accepted
		if !w.refused[string(e.Data)] {
			w.accepted[string(e.Data)] = true
			w.newest[e.Key] = max(w.newest[e.Key], w.begun[string(e.Data)])
		}
	}
	return a, err
}

// stored are the records that a stream holds.
func stored(t *testing.T, cfg aws.Config, name string) map[string]int {
	t.Helper()
	client := kinesis.NewFromConfig(cfg)
	shards := must(client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: &name}))
	all := map[string]int{}
	for _, sh := range shards.Shards {
		at := must(client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: &name, ShardId: sh.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}))
		for next := at.ShardIterator; ; {
			time.Sleep(time.Second) // a shard is read five times and 2 MiB a second
			out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: next})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range out.Records {
				all[string(r.Data)]++
			}
			if next = out.NextShardIterator; len(out.Records) == 0 {
				break
			}
		}
	}
	return all
}

func newStream(t testing.TB, shards int32) (*sandbox.Sandbox, aws.Config, *stream.Writer) {
	t.Helper()
	s, cfg := sandboxtest.New(t, sandbox.Options{})
	_, err := kinesis.NewFromConfig(cfg).CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("telemetry"), ShardCount: &shards})
	if err != nil {
		t.Fatal(err)
	}
	return s, cfg, stream.NewWriter(cfg, "telemetry")
}

// A surge above what the shards take is refused per record, comes through in
// the end, once each, and every sum holds.
func TestSurgeComesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg, to := newStream(t, 2)
		w := watch(t, to)
		shape := must(load.Surge(1000, 4000, 9*time.Second))
		totals, err := traffic.Run(t.Context(), w, traffic.Options{Load: shape, Vehicles: 200, Critical: 0.01, FollowUps: 0.05, Garbled: 7, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if totals.Offered != 18_000 || totals.Accepted != 18_000 || totals.Lost+totals.Unsent+totals.Waiting != 0 {
			t.Errorf("%+v", totals)
		}
		if totals.Throttled == 0 || totals.Retried != totals.Throttled || !strings.HasPrefix(totals.Reason, "ProvisionedThroughputExceededException: Rate exceeded for shard") {
			t.Errorf("%d throttled and %d sent again: %s", totals.Throttled, totals.Retried, totals.Reason)
		}
		var kinds [4]int64
		for data, times := range stored(t, cfg, "telemetry") {
			if times != 1 {
				t.Errorf("%d times in the stream: %s", times, data)
			}
			switch e, err := functions.Decode([]byte(data)); {
			case err != nil:
				kinds[3]++
			case e.Emergency():
				kinds[2]++
			case e.FollowUp():
				kinds[1]++
			default:
				kinds[0]++
			}
		}
		want := [4]int64{18_000 - totals.FollowUps - totals.Critical - totals.Garbled, totals.FollowUps, totals.Critical, totals.Garbled}
		if kinds != want || totals.Garbled != 7 || totals.Critical < 120 || totals.Critical > 240 || totals.FollowUps < 700 || totals.FollowUps > 1100 {
			t.Errorf("in the stream %v, by the totals %v", kinds, want)
		}
	})
}

// taking accepts everything, or what it says.
type taking func(ctx context.Context, entries []stream.Entry) (stream.Answer, error)

func (f taking) Put(ctx context.Context, entries []stream.Entry) (stream.Answer, error) {
	return f(ctx, entries)
}

func everything(_ context.Context, entries []stream.Entry) (stream.Answer, error) {
	return stream.Answer{Outcomes: make([]stream.Outcome, len(entries))}, nil
}

// Each second has the events that its load offers, a trace's included.
func TestEachSecondHasItsEvents(t *testing.T) {
	recorded, err := load.Read(strings.NewReader("offset_s,records_per_s\n0,100\n10,400\n20,100\n"))
	for name, shape := range map[string]load.Load{
		"steady": must(load.Steady(250, 20*time.Second)),
		"ramp":   must(load.Ramp(0, 12_000, 12*time.Second)),
		"surge":  must(load.Surge(50, 20_000, 6*time.Second)),
		"trace":  must(recorded, err),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := watch(t, taking(everything))
				seconds := 0
				totals, err := traffic.Run(t.Context(), w, traffic.Options{Load: shape, Vehicles: 37, Observe: func(t traffic.Totals) { seconds++ }})
				if err != nil || totals.Accepted != shape.Offered(shape.Length()) {
					t.Fatalf("%+v, %v", totals, err)
				}
				// Up to the last slice of a second, which may come in the next.
				for at := range int64(shape.Length() / time.Second) {
					from, to := time.Duration(at)*time.Second, time.Duration(at+1)*time.Second
					want, slack := shape.Offered(to)-shape.Offered(from), shape.Peak()/50+1
					if got := w.perSecond[at]; float64(got) < float64(want)-slack || float64(got) > float64(want)+slack {
						t.Errorf("second %d: %d events, want %d", at, got, want)
					}
				}
				if want := int(shape.Length() / time.Second); seconds < want-1 || seconds > want {
					t.Errorf("observed %d times in %v", seconds, shape.Length())
				}
			})
		})
	}
}

// Whatever a stream does, and whenever the run is cut short, every event is
// accepted, lost or unsent, once.
func TestSumsHoldWhateverTheStreamDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		outcomes := rapid.SliceOfN(rapid.SampledFrom([]stream.Outcome{stream.Accepted, stream.Accepted, stream.Throttled, stream.Failed, stream.Unanswered}), 1, 9).Draw(rt, "outcomes")
		delay := time.Duration(rapid.IntRange(0, 400).Draw(rt, "call takes ms")) * time.Millisecond
		cut := time.Duration(rapid.IntRange(0, 6000).Draw(rt, "cut at ms")) * time.Millisecond
		breaks := rapid.IntRange(-200, 60).Draw(rt, "call that breaks")
		options := traffic.Options{
			Vehicles: rapid.IntRange(1, 300).Draw(rt, "vehicles"), Seed: seed,
			Patience: time.Duration(rapid.IntRange(1, 3000).Draw(rt, "patience ms")) * time.Millisecond,
			Room:     rapid.IntRange(1, 3000).Draw(rt, "room"),
		}
		peak := rapid.SampledFrom([]float64{3, 700, 4000}).Draw(rt, "peak")
		synctest.Test(t, func(t *testing.T) {
			options.Load = must(load.Ramp(0, peak, 2*time.Second))
			var mu sync.Mutex
			dice, calls := rand.New(rand.NewPCG(seed, 0)), 0
			broken := errors.New("broken")
			stream := func(ctx context.Context, entries []stream.Entry) (stream.Answer, error) {
				time.Sleep(delay)
				mu.Lock()
				defer mu.Unlock()
				if calls++; calls == breaks {
					return stream.Answer{}, broken
				}
				a := stream.Answer{Outcomes: make([]stream.Outcome, len(entries)), Reason: "no"}
				for i := range entries {
					a.Outcomes[i] = outcomes[dice.IntN(len(outcomes))]
				}
				return a, nil
			}
			w := watch(rt, taking(stream))
			ctx, cancel := context.WithTimeout(t.Context(), cut)
			defer cancel()
			totals, err := traffic.Run(ctx, w, options)
			if sum := totals.Accepted + totals.Lost + totals.Unsent; sum != totals.Offered || totals.Waiting != 0 || totals.Accepted != int64(len(w.accepted)) {
				rt.Errorf("%d events accepted by the stream; %+v", len(w.accepted), totals)
			}
			switch {
			case errors.Is(err, broken):
			case ctx.Err() != nil && !errors.Is(err, context.DeadlineExceeded), ctx.Err() == nil && err != nil:
				rt.Errorf("ended with %v", err)
			case err == nil && (totals.Unsent > 0 || totals.Offered != options.Load.Offered(2*time.Second)):
				rt.Errorf("not interrupted: %+v", totals)
			}
		})
	})
}

// A stream that takes nothing costs no more memory than there is room, and
// nothing is lost in silence.
func TestWhatNobodyTakesIsLostAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		most := int64(0)
		nothing := taking(func(_ context.Context, entries []stream.Entry) (stream.Answer, error) {
			a := stream.Answer{Outcomes: make([]stream.Outcome, len(entries)), Reason: "ServiceUnavailable: not today"}
			for i := range a.Outcomes {
				a.Outcomes[i] = stream.Failed
			}
			return a, nil
		})
		totals, err := traffic.Run(t.Context(), nothing, traffic.Options{
			Load: must(load.Steady(5000, time.Minute)), Room: 20_000, Patience: 10 * time.Second,
			Observe: func(t traffic.Totals) { most = max(most, t.Waiting) },
		})
		if err != nil || totals.Offered != 300_000 || totals.Lost != 300_000 || most == 0 || most > 20_000 {
			t.Errorf("%d waited; %+v, %v", most, totals, err)
		}
		if totals.Reason != "ServiceUnavailable: not today" || totals.Elapsed > time.Minute+20*time.Second {
			t.Errorf("%+v", totals)
		}
	})
}

// Interrupted while a call hangs, a run ends a moment later and tells what it
// did not send.
func TestInterruptedInAHangingCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, to := newStream(t, 2)
		ctx, cancel := context.WithCancelCause(t.Context())
		stopped := errors.New("stopped")
		time.AfterFunc(1500*time.Millisecond, func() { s.Faults.Add(sandbox.Fault{Operation: "PutRecords", Hold: true}) })
		time.AfterFunc(4*time.Second, func() { cancel(stopped) })
		totals, err := traffic.Run(ctx, to, traffic.Options{Load: must(load.Steady(500, 0))})
		if !errors.Is(err, stopped) || totals.Elapsed < 4*time.Second || totals.Elapsed > 6*time.Second {
			t.Errorf("after %v: %v", totals.Elapsed, err)
		}
		if totals.Accepted < 700 || totals.Accepted > 750 || totals.Unsent == 0 || totals.Offered != totals.Accepted+totals.Unsent || totals.Unanswered == 0 {
			t.Errorf("%+v", totals)
		}
	})
}

// A stream that is not there ends the run at once, with AWS's words.
func TestNoStreamIsNoTraffic(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	totals, err := traffic.Run(t.Context(), stream.NewWriter(cfg, "none"), traffic.Options{Load: must(load.Steady(1000, time.Hour))})
	if err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") || totals.Accepted != 0 || totals.Offered != totals.Unsent {
		t.Errorf("%+v, %v", totals, err)
	}
}

// The same seed is the same day, and every event of it is one that the functions
// read without dropping anything.
func TestVehiclesAreReproducibleAndBelievable(t *testing.T) {
	day := func(t *testing.T, seed uint64) (all []byte) {
		synctest.Test(t, func(t *testing.T) {
			_, err := traffic.Run(t.Context(), taking(func(ctx context.Context, entries []stream.Entry) (stream.Answer, error) {
				for _, e := range entries {
					all = append(append(all, e.Data...), '\n')
				}
				return everything(ctx, entries)
			}), traffic.Options{Load: must(load.Steady(20, 10*time.Minute)), Vehicles: 100, Critical: 0.01, FollowUps: 0.1, Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
		})
		return all
	}
	first := day(t, 3)
	if !bytes.Equal(first, day(t, 3)) {
		t.Error("another day from the same seed")
	}
	if bytes.Equal(first, day(t, 4)) {
		t.Error("the same day from another seed")
	}
	seen, before := map[string]bool{}, map[string]functions.Event{}
	for line := range bytes.Lines(first) {
		e, err := functions.Decode(bytes.TrimSpace(line))
		if err != nil || len(e.Dropped) > 0 || e.Latitude == nil || e.Odometer == nil {
			t.Fatalf("%s: %v, dropped %v", line, err, e.Dropped)
		}
		if seen[e.ID] || e.Emergency() != (e.Severity == functions.Critical) {
			t.Errorf("again, or of the wrong severity: %s", line)
		}
		seen[e.ID] = true
		if b, ok := before[e.Vehicle]; ok {
			hours := e.OccurredAt.Sub(b.OccurredAt).Hours()
			if km := *e.Odometer - *b.Odometer; km < 0 || km > 131*hours+0.2 || hours <= 0 || (*e.Fuel > *b.Fuel+0.1 && *e.Fuel < 99) {
				t.Errorf("in %v h from %v to %v km, fuel %v to %v", hours, *b.Odometer, *e.Odometer, *b.Fuel, *e.Fuel)
			}
		}
		before[e.Vehicle] = e
	}
	if len(seen) != 12_000 {
		t.Errorf("%d events", len(seen))
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	endless, minute := must(load.Steady(10, 0)), must(load.Steady(10, time.Minute))
	for want, o := range map[string]traffic.Options{
		"share of critical events of 2": {Load: minute, Critical: 2},
		"more than all":                 {Load: minute, Critical: 0.6, FollowUps: 0.6},
		"-1 vehicles":                   {Load: minute, Vehicles: -1},
		"never ends":                    {Load: endless, Garbled: 1},
		"601 garbled events of 600":     {Load: minute, Garbled: 601},
		"patience -1s":                  {Load: minute, Patience: -time.Second},
	} {
		if _, err := traffic.Run(t.Context(), taking(everything), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
}
