package status

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/stream"
)

// busy is a pipeline with 50 shards and an hour of everything.
func busy() (Spec, *answers, time.Time) {
	now := noon.Add(30 * time.Second)
	spec := Spec{
		Stream:    StreamSpec{Name: "telemetry", MinShards: 2, MaxShards: 50},
		Functions: []FunctionSpec{{Name: "ingest"}, {Name: "followup"}, {Name: "emergency"}},
		Queues: []QueueSpec{
			{Name: "emergency.fifo", DeadLetters: "emergency-dlq.fifo", Function: "emergency"},
			{Name: "telemetry", DeadLetters: "telemetry-dlq", Function: "followup"}, {Name: "stream-failures", Failures: true},
		},
		Topics: []TopicSpec{{Name: "authorities-alerts", ARN: "a:b"}, {Name: "owner-alerts", ARN: "a:c"}, {Name: "manager-notifications", ARN: "a:d"}, {Name: "alarms", ARN: "a:e"}},
		Limits: Limits{IteratorAge: time.Minute, QueueDepth: 1000, FailurePercent: 5, FailureMinimum: 10, Workflow: 2 * time.Second},
	}
	a := newAnswers()
	a.complete, a.shardMetrics = noon.Truncate(time.Minute), true
	a.stream = &answered[stream.Summary]{noon, true, stream.Summary{State: "ACTIVE", Shards: 50, PerShard: true}}
	a.shards = &answered[[]stream.OpenShard]{at: noon, there: true}
	var ids []string
	for i := range 50 {
		id := fmt.Sprintf("shardId-%012d", i)
		ids = append(ids, id)
		a.shards.value = append(a.shards.value, stream.OpenShard{ID: id, Share: 1.0 / 50})
	}
	values := make([]float64, MaxHistory)
	for i := range values {
		values[i] = float64(i)
	}
	for _, q := range spec.queries(ids) {
		a.series[q.key] = minutesOf(values...)
	}
	for _, name := range []string{"emergency.fifo", "emergency-dlq.fifo", "telemetry", "telemetry-dlq", "stream-failures"} {
		a.queues[name] = answered[queue.Depth]{noon, true, queue.Depth{Visible: 88, At: noon}}
		trail := &trail{}
		for i := range mostSamples {
			trail.add(noon.Add(time.Duration(i-mostSamples)*2*time.Second), float64(i))
		}
		a.trails["queue/"+name+" depth"] = trail
	}
	return spec, a, now
}

// BenchmarkSnapshot is what each look costs beside its calls.
func BenchmarkSnapshot(b *testing.B) {
	spec, a, now := busy()
	b.ReportAllocs()
	for b.Loop() {
		spec.snapshot(a, nil, false, now)
	}
}

// BenchmarkRecord says what a look takes in a recording, and what it would with
// whole histories.
func BenchmarkRecord(b *testing.B) {
	spec, a, now := busy()
	s := spec.snapshot(a, nil, false, now)
	whole, err := json.Marshal(s)
	if err != nil {
		b.Fatal(err)
	}
	size := &counter{}
	r := NewRecorder(size)
	for b.Loop() {
		if err := r.Write(s); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size.n)/float64(b.N), "bytes/look")
	b.ReportMetric(float64(len(whole)), "bytes/whole")
}

type counter struct{ n int }

func (c *counter) Write(p []byte) (int, error) { c.n += len(p); return len(p), nil }
