package redrive_test

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/redrive"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// pair is two queues of a sandbox in this process.
type pair struct {
	sandbox *sandbox.Sandbox
	dead    *queue.Client
	work    *queue.Client
}

func newPair(b *testing.B, suffix string) pair {
	b.Helper()
	s, cfg := sandboxtest.New(b, sandbox.Options{Timing: "instant"})
	p := pair{sandbox: s}
	attributes := map[string]string{"VisibilityTimeout": "600"}
	if suffix != "" {
		attributes["FifoQueue"] = "true"
	}
	for name, q := range map[string]**queue.Client{"dead": &p.dead, "work": &p.work} {
		_, err := sqs.NewFromConfig(cfg).CreateQueue(b.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name + suffix), Attributes: attributes})
		must(b, err)
		*q, err = queue.Open(b.Context(), cfg, name+suffix)
		must(b, err)
	}
	return p
}

// fill puts n messages of about 200 bytes among the dead letters.
func (p pair) fill(b *testing.B, n, groups int) {
	b.Helper()
	all := make([]queue.Outgoing, n)
	for i := range all {
		all[i].Body = fmt.Sprintf(`{"event_id":"e-%09d","vehicle_id":"veh-%05d","type":"harsh_braking","severity":"warning","occurred_at":"2026-03-01T09:30:00Z","latitude":52.52,"longitude":13.405,"speed_kmh":88.5}`, i, i%5000)
		if p.dead.Info().FIFO {
			all[i].Group, all[i].Dedup = fmt.Sprintf("veh-%d", i%groups), strconv.Itoa(i)
		}
	}
	for _, s := range p.dead.Send(b.Context(), all) {
		must(b, s.Err)
	}
}

func (p pair) redrive(b *testing.B, n int, rate float64) time.Duration {
	b.Helper()
	journal, err := redrive.OpenJournal(b.TempDir(), p.dead.Info().ARN)
	must(b, err)
	began := time.Now()
	sum, err := redrive.Job{From: p.dead, To: p.work, Max: n, Rate: rate, Journal: journal}.Run(b.Context())
	took := time.Since(began)
	must(b, err)
	must(b, journal.Close())
	if sum.Counts[redrive.Moved] != n {
		b.Fatalf("moved %d of %d", sum.Counts[redrive.Moved], n)
	}
	return took
}

// plainLoop is what a short script does: receive ten, send ten, delete ten.
func (p pair) plainLoop(b *testing.B, n int) time.Duration {
	b.Helper()
	began := time.Now()
	for moved := 0; moved < n; {
		got, err := p.dead.Receive(b.Context(), queue.Ask{Most: queue.MaxBatch, Wait: time.Second, Visibility: time.Minute})
		must(b, err)
		out := make([]queue.Outgoing, len(got))
		for i, m := range got {
			out[i] = m.Again()
		}
		for _, s := range p.work.Send(b.Context(), out) {
			must(b, s.Err)
		}
		for _, err := range p.dead.Delete(b.Context(), got) {
			must(b, err)
		}
		moved += len(got)
	}
	return time.Since(began)
}

// Messages a second with nothing but the processors in the way. The bar is
// 20,000 for the standard queue on two cores. Garbage is collected as in 'ccsctl
// dlq redrive'. The journal is where TMPDIR says: on a slow disk its fsyncs are the
// limit, on /dev/shm the processors are.
func BenchmarkRedrive(b *testing.B) {
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(400))
	}
	for _, kind := range []string{"", ".fifo"} {
		b.Run("queue"+kind, func(b *testing.B) {
			const n = 20000
			var took time.Duration
			for b.Loop() {
				b.StopTimer()
				p := newPair(b, kind)
				p.fill(b, n, 1000)
				b.StartTimer()
				took += p.redrive(b, n, 0)
			}
			b.ReportMetric(float64(n*b.N)/took.Seconds(), "msg/s")
		})
	}
}

// What there is to gain over a plain loop when a call takes 5 ms. The bar is 10
// times.
func BenchmarkAgainstPlainLoop(b *testing.B) {
	const n = 20000
	var engine, plain time.Duration
	for b.Loop() {
		b.StopTimer()
		p := newPair(b, "")
		p.fill(b, n+2000, 1)
		p.sandbox.Faults.Add(sandbox.Fault{Service: "sqs", Latency: sandbox.Duration(5 * time.Millisecond)})
		b.StartTimer()
		plain += p.plainLoop(b, 2000)
		engine += p.redrive(b, n, 0)
	}
	b.ReportMetric(float64(n*b.N)/engine.Seconds(), "msg/s")
	b.ReportMetric(float64(2000*b.N)/plain.Seconds(), "plain-msg/s")
	b.ReportMetric(10*plain.Seconds()/engine.Seconds(), "times")
}

// How far a rate that is asked for is missed. The bar is 5 %.
func BenchmarkRate(b *testing.B) {
	for _, rate := range []int{10, 100, 1000, 5000} {
		b.Run(strconv.Itoa(rate), func(b *testing.B) {
			n := max(30, 3*rate)
			var took time.Duration
			for b.Loop() {
				b.StopTimer()
				p := newPair(b, "")
				p.fill(b, n, 1)
				b.StartTimer()
				took += p.redrive(b, n, float64(rate))
			}
			got := float64(n*b.N) / took.Seconds()
			b.ReportMetric(got, "msg/s")
			b.ReportMetric(100*math.Abs(got/float64(rate)-1), "%error")
		})
	}
}
