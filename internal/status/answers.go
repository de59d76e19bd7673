package status

import (
	"slices"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/alarm"
	"github.com/ccs-platform/ccsctl/internal/aws/mapping"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/aws/topic"
	"github.com/ccs-platform/ccsctl/internal/aws/workflow"
)

// answers are the newest answers of all sources. What a source did not answer
// yet is absent from its map, or nil.
type answers struct {
	series   map[string][]Point // of metrics, by their keys; only what has data
	complete time.Time          // the end of the newest complete minute of series

	stream       *answered[stream.Summary]
	shards       *answered[[]stream.OpenShard]
	queues       map[string]answered[queue.Depth] // by name in the pipeline
	trails       map[string]*trail                // what queues had before, by the keys of their metrics
	alarms       *answered[[]alarm.State]
	consumers    map[string]answered[mapping.State] // by function
	listeners    map[string]answered[[]topic.Listener]
	executions   *answered[[]workflow.Run]
	delivery     *answered[delivering]
	shardMetrics bool // series has those of shards
}

// delivering is the state of the delivery.
type delivering struct{ state, trouble string }

// answered is one answer of a service.
type answered[T any] struct {
	at    time.Time
	there bool // false: the service knows no such thing
	value T
}

func newAnswers() *answers {
	return &answers{
		series: map[string][]Point{}, queues: map[string]answered[queue.Depth]{}, trails: map[string]*trail{},
		consumers: map[string]answered[mapping.State]{}, listeners: map[string]answered[[]topic.Listener]{},
	}
}

// trail is what a live value was: every sample for a while, and the greatest of
// each minute for as long as histories go.
type trail struct {
	minutes []Point
	samples []Point
}

// mostSamples is how many single values a trail keeps: at two seconds' refresh
// they are two minutes.
const mostSamples = 60

// add takes the value of now.
func (t *trail) add(at time.Time, v float64) {
	if t.samples = append(t.samples, Point{At: at, Value: v}); len(t.samples) > mostSamples {
		t.samples = slices.Clone(t.samples[1:])
	}
	minute := at.Truncate(time.Minute)
	if n := len(t.minutes); n > 0 && !t.minutes[n-1].At.Before(minute) {
		t.minutes[n-1].Value = max(t.minutes[n-1].Value, v)
		return
	}
	t.minutes = append(t.minutes, Point{At: minute, Value: v})
	if n := len(t.minutes); n > MaxHistory {
		t.minutes = slices.Clone(t.minutes[n-MaxHistory:])
	}
}

// history is the minutes that CloudWatch has together with those that were seen
// live, the greater value where both know a minute.
func (t *trail) history(measured []Point, now time.Time) []Point {
	if t == nil {
		return recent(measured, now)
	}
	all := make([]Point, 0, len(measured)+len(t.minutes))
	all = append(all, measured...)
	for _, p := range t.minutes {
		p.Partial = p.At.Add(time.Minute).After(now)
		i, found := slices.BinarySearchFunc(all, p, func(a, b Point) int { return a.At.Compare(b.At) })
		if found {
			p.Value = max(p.Value, all[i].Value)
			all[i] = p
			continue
		}
		all = slices.Insert(all, i, p)
	}
	return recent(all, now)
}

// recent are the points of the last MaxHistory minutes, the present one
// included.
func recent(points []Point, now time.Time) []Point {
	from := now.Truncate(time.Minute).Add(-(MaxHistory - 1) * time.Minute)
	i, _ := slices.BinarySearchFunc(points, from, func(p Point, t time.Time) int { return p.At.Compare(t) })
	return points[i:]
}

// wall is the time by the clock on the wall, without what a file could not keep
// of it: a Snapshot that was recorded is the same.
func wall() time.Time { return time.Now().UTC().Round(0) }
