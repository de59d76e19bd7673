package status_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/status"
)

// minutes waits until so many minutes have begun, and a bit of the last.
func minutes(n int) {
	time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Duration(n)*time.Minute + 5*time.Second)))
}

// A pipeline that nobody uses is fine, and all that nobody measured is unknown:
// no zero that was not read somewhere.
func TestIdleIsFineAndUnknown(t *testing.T) {
	in(t, "fast", base, false, func(t *testing.T, w *world) {
		minutes(3)
		s := w.once(w.gatherer(0))
		if s.Severity != status.OK || len(s.Problems) > 0 || s.Loading || s.Absent {
			t.Errorf("severity %v, problems %v", s.Severity, s.Problems)
		}
		for _, f := range s.Facts() {
			known := f.Measure.Known()
			switch f.Name {
			case "shards", "in flight", "delayed", "confirmed", "pending", "iterator age", "depth":
				if !known {
					t.Errorf("%s %s is unknown, though it is answered", f.Part, f.Name)
				}
			default:
				if known && f.Part != "topic/alarms" { // which hears that the alarms are settled
					t.Errorf("%s %s is %v, though nothing ever happened", f.Part, f.Name, f.Measure)
				}
			}
			if known != (f.Measure.Severity != status.Unknown) || known == f.Measure.At.IsZero() {
				t.Errorf("%s %s: %v, %v at %v", f.Part, f.Name, f.Measure, f.Measure.Severity, f.Measure.At)
			}
		}
	})
}

// Where nothing was built there is one complaint, not fifty.
func TestAbsent(t *testing.T) {
	in(t, "fast", base, true, func(t *testing.T, w *world) {
		s := w.once(w.gatherer(0))
		if !s.Absent || s.Severity != status.Red || len(s.Problems) != 1 || s.Problems[0].Fix != "ccsctl up" {
			t.Errorf("absent %v, %v, %v", s.Absent, s.Severity, s.Problems)
		}
		for _, f := range s.Facts() {
			if f.Measure.Known() {
				t.Errorf("%s %s is %v of a thing that is not there", f.Part, f.Name, f.Measure)
			}
		}
	})
}

// A surge: the rate is that of the last whole minute, the minute that is not
// over is marked and counts only for what is already too much.
func TestSurge(t *testing.T) {
	in(t, "fast", base, false, func(t *testing.T, w *world) {
		g := w.gatherer(0)
		minutes(1)
		for range 50 { // most of a minute at 120 a second
			w.put(120)
			time.Sleep(time.Second)
		}
		s := w.once(g)
		if n := len(s.Stream.Records.History); s.Stream.Records.Known() || n != 1 || !s.Stream.Records.History[0].Partial {
			t.Errorf("in the first minute: %v, history %v; want no rate and a part of a minute", s.Stream.Records, s.Stream.Records.History)
		}
		minutes(1)
		refused := w.put(6000) // 2 shards take 2,000
		s = w.once(g)
		if got := s.Stream.Records; !got.Known() || *got.Value != 50*120/60.0 || got.Severity != status.OK || *got.Limit != 2000 {
			t.Errorf("records %v of %v, %v; want 100", got, got.Limit, got.Severity)
		}
		if got := s.Stream.Load; got.String() != "5.0 %" {
			t.Errorf("load %v", got)
		}
		r := s.Stream.Refused
		if !r.Known() || *r.Value != 0 || r.Severity != status.Red || refused == 0 {
			t.Errorf("refused %v, %v after %d were refused in this minute; want 0, red", r, r.Severity, refused)
		}
		p := problem(s, "stream/telemetry", "refused")
		if p == nil || !strings.Contains(p.Text, "in a minute that is not over") || !strings.HasSuffix(p.Fix, "ccsctl scale 4") || p.Since.IsZero() {
			t.Errorf("problem %+v", p)
		}
		began := p.Since
		minutes(1)
		s = w.once(g)
		if p := problem(s, "stream/telemetry", "refused"); p == nil || !p.Since.Equal(began) || *s.Stream.Refused.Value != float64(refused)/60 {
			t.Errorf("a minute later: refused %v, %+v; want %v since %v", s.Stream.Refused, p, float64(refused)/60, began)
		}
		var share float64
		for _, sh := range s.Stream.PerShard {
			share += sh.Share
			if !sh.Load.Estimated || !sh.Load.Known() {
				t.Errorf("shard %s: %v, estimated %v", sh.ID, sh.Load, sh.Load.Estimated)
			}
		}
		if len(s.Stream.PerShard) != 2 || share != 1 || *s.Stream.Shards.Value != 2 {
			t.Errorf("%d shards with %v of the keys", len(s.Stream.PerShard), share)
		}
	})
}

// At AWS's timing a minute is late and grows; the dip that it makes is never a
// rate.
func TestLateMinutesMakeNoDip(t *testing.T) {
	in(t, "aws", base, false, func(t *testing.T, w *world) {
		g := w.gatherer(status.Lag)
		partial := 0
		for i := range 8 * 12 { // a steady load, looked at every five seconds
			w.put(50)
			if s := w.once(g); s.Stream.Records.Known() && i > 5*12 {
				if got := *s.Stream.Records.Value; got != 10 {
					t.Fatalf("after %v: %v, want 10 records/s all the time", time.Duration(i)*5*time.Second, got)
				}
				if h := s.Stream.Records.History; h[len(h)-1].Partial {
					partial++
				}
				if age := s.At.Sub(s.Stream.Records.At); age > 3*time.Minute+time.Second {
					t.Fatalf("the rate is %v old", age)
				}
			}
			time.Sleep(5 * time.Second)
		}
		if partial == 0 {
			t.Error("no minute was ever partial, so nothing was tested")
		}
	})
}

const subscribed = base + `subscriptions:
  authorities:
    - protocol: https
      endpoint: https://127.0.0.1:9/dead
  owners:
    - protocol: email
      endpoint: owner@example.com
`

// Dead letters, an alarm that fires, and a subscription that nobody confirmed
// are there after one look, each with what to do.
func TestTroubles(t *testing.T) {
	in(t, "fast", subscribed, false, func(t *testing.T, w *world) {
		w.send("emergency-dlq.fifo", 3)
		w.send("stream-failures", 2)
		time.Sleep(30 * time.Second)
		s := w.once(w.gatherer(0))
		for _, want := range []struct {
			part, what string
			severity   status.Severity
			text, fix  string
		}{
			{"queue/emergency-dlq.fifo", "dead letters", status.Red, "dead letters 3 messages", "ccsctl dlq peek emergency"},
			{"queue/stream-failures", "depth", status.Red, "depth 2 messages", "ccsctl dlq peek stream-failures"},
			{"alarm/emergency-dlq", "state", status.Red, "fires: something failed for good and waits in emergency-dlq.fifo", ""},
			{"topic/owner-alerts", "subscriptions", status.Warn, "1 of 1 subscriptions wait to be confirmed", "confirm it at owner@example.com"},
			{"topic/owner-alerts", "listeners", status.Red, "nobody listens: no subscription is confirmed", "ccsctl up"},
		} {
			if p := problem(s, want.part, want.what); p == nil || p.Severity != want.severity || p.Text != want.text || p.Fix != want.fix {
				t.Errorf("%s %s: got %+v\nwant %+v", want.part, want.what, p, want)
			}
		}
		if s.Severity != status.Red || s.Problems[0].Severity != status.Red || s.Alarms[0].State != "ALARM" {
			t.Errorf("severity %v, first problem %v, first alarm %v", s.Severity, s.Problems[0], s.Alarms[0])
		}
		if q := queueOf(t, s, "emergency.fifo"); q.Severity != status.Red || *q.DeadLetters.Depth.Value != 3 || q.Depth.Severity != status.OK {
			t.Errorf("queue %+v", q)
		}
	})
}

// A source that is refused makes its own numbers old and no others; they keep
// their values and their times, and are fresh again by themselves.
func TestStale(t *testing.T) {
	in(t, "fast", base, false, func(t *testing.T, w *world) {
		g := w.gatherer(0)
		begin := time.Now()
		var refusedAt, clearedAt, staleSince time.Time
		faded, recovered := false, false
		for s := range g.Watch(t.Context(), 2*time.Second) {
			g.SetPeriod(2 * time.Second) // which changes nothing
			if s.Loading {
				continue
			}
			var queues, stream status.Source
			for _, src := range s.Sources {
				switch src.Name {
				case "queues":
					queues = src
				case "stream":
					stream = src
				}
			}
			depth := queueOf(t, s, "telemetry").Depth
			switch ran := time.Since(begin); {
			case ran > 3*time.Minute:
				if !recovered {
					t.Error("it did not recover")
				}
				return
			case refusedAt.IsZero() && ran > 20*time.Second:
				refusedAt = s.At
				w.sandbox.Faults.Add(sandbox.Fault{Service: "sqs", Code: "ThrottlingException", Message: "Rate exceeded", Status: 400})
			case !refusedAt.IsZero() && clearedAt.IsZero() && ran > 60*time.Second:
				clearedAt = s.At
				w.sandbox.Faults.Clear()
			case !clearedAt.IsZero() && s.At.Sub(clearedAt) > 40*time.Second:
				recovered = true
				if !queues.Stale.IsZero() || problem(s, "source/queues", "answers") != nil || depth.Severity != status.OK || s.At.Sub(depth.At) > 3*time.Second {
					t.Fatalf("%v after the end of the fault: %+v, %+v", s.At.Sub(clearedAt), queues, depth)
				}
			case !refusedAt.IsZero() && clearedAt.IsZero() && s.At.Sub(refusedAt) > 10*time.Second:
				if staleSince.IsZero() {
					staleSince = queues.Stale
				}
				if queues.Stale.IsZero() || !queues.Stale.Equal(staleSince) || queues.Error == "" || queues.Fix == "" || queues.Retry.IsZero() {
					t.Fatalf("the source that is refused: %+v", queues)
				}
				if depth.Value == nil || *depth.Value != 0 || depth.At.After(refusedAt.Add(3*time.Second)) {
					t.Fatalf("the value is not kept: %v at %v", depth, depth.At)
				}
				if p := problem(s, "source/queues", "answers"); p == nil || !strings.Contains(p.Text, "AWS asks for fewer calls") {
					t.Fatalf("problem %v", p)
				}
				if !stream.Stale.IsZero() || s.At.Sub(stream.At) > 15*time.Second {
					t.Fatalf("another source is held up: %+v", stream)
				}
				faded = faded || depth.Severity == status.Unknown
			}
		}
		if !faded {
			t.Error("an old value was called fine all the time")
		}
	})
}

// A source that says nothing at all does not keep the others from the screen.
func TestSilent(t *testing.T) {
	in(t, "fast", base, false, func(t *testing.T, w *world) {
		w.sandbox.Faults.Add(sandbox.Fault{Service: "sqs", Hold: true})
		begin, last := time.Now(), time.Now()
		for s := range w.gatherer(0).Watch(t.Context(), 2*time.Second) {
			if gap := time.Since(last); gap > 3*time.Second+time.Millisecond {
				t.Fatalf("nothing was shown for %v", gap)
			}
			last = time.Now()
			if time.Since(begin) > 15*time.Second {
				if p := problem(s, "source/queues", "answers"); p == nil || p.Text != "no answer: nothing came within 10s" {
					t.Errorf("problem %v", p)
				}
				if !s.Stream.Shards.Known() || queueOf(t, s, "telemetry").InFlight.Known() {
					t.Errorf("shards %v, in flight %v", s.Stream.Shards, queueOf(t, s, "telemetry").InFlight)
				}
				break
			}
		}
	})
}

// What the credentials' owner can do about it comes with the failure.
func TestExplained(t *testing.T) {
	in(t, "fast", base, false, func(t *testing.T, w *world) {
		w.sandbox.Faults.Add(sandbox.Fault{Code: "ExpiredTokenException", Message: "The security token included in the request is expired", Status: 403})
		g := status.New(w.spec, status.Options{AWS: w.aws, Explain: func(_ context.Context, err error) error {
			return fault.As(fault.Denied, errors.New("the session is over"), "sign in again")
		}})
		s := w.once(g)
		if s.Severity != status.Warn || len(s.Problems) != len(s.Sources) || s.Absent {
			t.Errorf("severity %v, %d problems of %d sources", s.Severity, len(s.Problems), len(s.Sources))
		}
		for _, p := range s.Problems {
			if p.Text != "no answer: the session is over" || p.Fix != "sign in again" {
				t.Errorf("problem %+v", p)
			}
		}
	})
}

// The footer's count is the count of the other side, call by call, also when
// calls are refused; CloudWatch is asked once a minute for everything.
func TestCallsAreCounted(t *testing.T) {
	in(t, "aws", base, false, func(t *testing.T, w *world) {
		w.sandbox.Faults.Add(sandbox.Fault{Service: "sns", Code: "Throttling", Message: "Rate exceeded", Status: 400, Times: 3})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+30*time.Second)
		defer cancel()
		var last status.Snapshot
		for s := range w.gatherer(status.Lag).Watch(ctx, 2*time.Second) {
			last = s
		}
		synctest.Wait()
		counted := map[string]int{}
		total := 0
		for call, n := range w.sandbox.Calls.Count() {
			service := map[string]string{"stepfunctions": "states"}[call.Service]
			if service == "" {
				service = call.Service
			}
			counted[service+":"+call.Operation] += n
			total += n
		}
		sources := 0
		for _, s := range last.Sources {
			sources += s.Calls
		}
		// The last round may have ended after the last Snapshot.
		if last.Cost.Calls > total || last.Cost.Calls < total-20 || sources != last.Cost.Calls || last.Cost.HourCalls != last.Cost.Calls {
			t.Errorf("counted %d calls, by sources %d, in the hour %d; the sandbox counted %d", last.Cost.Calls, sources, last.Cost.HourCalls, total)
		}
		for _, o := range last.Cost.Operations {
			if n := counted[o.Operation]; o.Calls > n || o.Calls < n-10 {
				t.Errorf("%s: counted %d, the sandbox %d", o.Operation, o.Calls, n)
			}
			if o.Operation == "cloudwatch:GetMetricData" && (o.Calls < 10 || o.Calls > 12 || o.Units%o.Calls != 0 || o.Units/o.Calls > 500) {
				t.Errorf("%d calls for %d metrics in ten and a half minutes", o.Calls, o.Units)
			}
		}
		if perHour := last.Cost.Dollars * 60 / 10.5; perHour < 0.01 || perHour > 0.06 {
			t.Errorf("$%.4f an hour", perHour)
		}
	})
}

// Once and leaving the loop leave nothing behind: the bubble would not end.
func TestLeaving(t *testing.T) {
	in(t, "fast", base, false, func(t *testing.T, w *world) {
		w.sandbox.Faults.Add(sandbox.Fault{Latency: sandbox.Duration(3 * time.Second)})
		for range w.gatherer(0).Watch(t.Context(), 2*time.Second) {
			break
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.gatherer(0).Once(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
	})
}

// A subscriber that is dead shows at the next look, although the minute is not
// over, and in percent when it is.
func TestDeadSubscriber(t *testing.T) {
	in(t, "fast", base, false, func(t *testing.T, w *world) {
		client := sns.NewFromConfig(w.aws)
		arn := w.spec.Topics[0].ARN
		nowhere := strings.Replace(arn, ":sns:", ":sqs:", 1) + "-nowhere"
		if _, err := client.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: &arn, Protocol: aws.String("sqs"), Endpoint: &nowhere}); err != nil {
			t.Fatal(err)
		}
		minutes(1)
		for range 20 {
			if _, err := client.Publish(t.Context(), &sns.PublishInput{TopicArn: &arn, Message: aws.String("help")}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		g := w.gatherer(0)
		s := w.once(g)
		if p := problem(s, "topic/authorities-alerts", "failed deliveries"); p == nil || p.Severity != status.Warn || p.Text != "failed deliveries 20 /min in a minute that is not over" {
			t.Errorf("at once: %+v", p)
		}
		minutes(1)
		s = w.once(g)
		if p := problem(s, "topic/authorities-alerts", "failed deliveries"); p == nil || p.Severity != status.Red || p.Text != "failed deliveries 100 %, over 5.0 %" {
			t.Errorf("after the minute: %+v", p)
		}
	})
}
