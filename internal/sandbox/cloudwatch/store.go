package cloudwatch

import (
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

const (
	minute = int64(60) // seconds, as everything that has to do with periods

	// minutesKept is how long CloudWatch keeps minutes. The sandbox does not
	// sum them up for longer.
	minutesKept = 15 * 24 * 60 * minute
	// secondsKept is how far back an alarm in shrunken time can look.
	secondsKept = 3 * 60 * minute
)

// store is what has been measured: true minutes of everything, and seconds for
// as long as something needs them. Those are alarms in shrunken time, and
// readers of a minute that is not complete yet.
type store struct {
	lag  int64 // seconds until a minute that is over is complete
	fine int64 // how long seconds are kept; 0 keeps none

	mu      sync.RWMutex
	metrics map[bus.MetricID]*metric
	gauges  []func(point func(bus.MetricID, float64))
}

// metric is one metric. Its times are seconds since 1970.
type metric struct {
	mu      sync.Mutex
	unit    types.StandardUnit
	since   int64 // when its first data came
	minutes track
	seconds track
}

func newStore(t bus.Timing) *store {
	s := &store{lag: int64(t.MetricLag / time.Second), metrics: map[bus.MetricID]*metric{}}
	if s.lag > 0 {
		s.fine = s.lag + 2*minute
	}
	if t.AlarmScale < 1 {
		s.fine = secondsKept
	}
	return s
}

// Add implements bus.Metrics.
func (s *store) Add(id bus.MetricID, samples bus.Samples) {
	now := time.Now().Unix()
	s.metric(id, now, unit(id)).add(now, now, samples, s.fine)
}

// Gauge implements bus.Metrics.
func (s *store) Gauge(read func(point func(bus.MetricID, float64))) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gauges = append(s.gauges, read)
}

// sample asks all gauges.
func (s *store) sample() {
	s.mu.RLock()
	gauges := slices.Clone(s.gauges)
	s.mu.RUnlock()
	for _, read := range gauges {
		read(func(id bus.MetricID, v float64) { s.Add(id, bus.One(v)) })
	}
}

// metric finds a metric or makes it.
func (s *store) metric(id bus.MetricID, now int64, unit types.StandardUnit) *metric {
	if m := s.find(id); m != nil {
		return m
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id = canonical(id)
	m := s.metrics[id]
	if m == nil {
		m = &metric{unit: unit, since: now, minutes: track{step: minute}, seconds: track{step: 1}}
		s.metrics[id] = m
	}
	return m
}

// find is nil for a metric that was never written.
func (s *store) find(id bus.MetricID) *metric {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.metrics[canonical(id)]
}

// canonical has the dimensions in one order: they are a set.
func canonical(id bus.MetricID) bus.MetricID {
	if second := id.Dims[1].Name; second != "" && second < id.Dims[0].Name {
		id.Dims[0], id.Dims[1] = id.Dims[1], id.Dims[0]
	}
	return id
}

func (m *metric) add(at, now int64, samples bus.Samples, fine int64) {
	if samples.Count == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.minutes.add(at, samples)
	m.minutes.forget(now - minutesKept)
	if fine > 0 && at > now-fine {
		m.seconds.add(at, samples)
		m.seconds.forget(now - fine)
	}
}

// newest is the time of the newest data.
func (m *metric) newest() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.minutes.samples); n > 0 {
		return m.minutes.samples[n-1].at
	}
	return 0
}

// window is a range of time cut into periods: [from, from+step), [from+step,
// from+2*step) and so on up to to.
type window struct{ from, to, step int64 }

// shown sums up the periods as a reader sees them at the time now: whole
// minutes only, but those that are over and not complete as far as they are
// there already. It is there first, and grows until it is complete.
func (m *metric) shown(w window, now, lag int64) []sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	var sums []sample
	for _, s := range m.minutes.between(w.from, w.to) {
		if s.at+minute+lag > now && lag > 0 {
			if s.Samples = m.arrived(s.at, now, lag); s.Count == 0 {
				continue
			}
		}
		sums = w.sum(sums, s)
	}
	return sums
}

// arrived is what is there of a minute that is not complete: the samples of its
// last second come when the lag is over, those of its first as soon as the
// minute is.
func (m *metric) arrived(start, now, lag int64) bus.Samples {
	var sum bus.Samples
	for _, s := range m.seconds.between(start, start+minute) {
		if start+minute+lag*(s.at-start)/minute <= now {
			sum = merge(sum, s.Samples)
		}
	}
	return sum
}

// complete sums up the periods as an alarm sees them: a minute that is not
// complete is missing (CloudWatch user guide, "Using metric math", FILL).
func (m *metric) complete(w window, now, lag int64) []sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	var sums []sample
	for _, s := range m.minutes.between(w.from, w.to) {
		if s.at+minute+lag <= now {
			sums = w.sum(sums, s)
		}
	}
	return sums
}

// shrunken sums up periods that need not be whole minutes.
func (m *metric) shrunken(w window) []sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	var sums []sample
	for _, s := range m.seconds.between(w.from, w.to) {
		sums = w.sum(sums, s)
	}
	return sums
}

// sum adds a sample to the period that it belongs to. Samples come in order.
func (w window) sum(sums []sample, s sample) []sample {
	s.at -= (s.at - w.from) % w.step
	if n := len(sums); n > 0 && sums[n-1].at == s.at {
		sums[n-1].Samples = merge(sums[n-1].Samples, s.Samples)
		return sums
	}
	return append(sums, s)
}

// track is samples in steps of so many seconds, oldest first.
type track struct {
	step    int64
	samples []sample
}

// sample is what was measured in the step that begins at at.
type sample struct {
	at int64
	bus.Samples
}

func (t *track) add(at int64, s bus.Samples) {
	at -= at % t.step
	i := len(t.samples)
	if i > 0 && t.samples[i-1].at >= at { // else it is the newest, as nearly always
		i = t.index(at)
	}
	if i < len(t.samples) && t.samples[i].at == at {
		t.samples[i].Samples = merge(t.samples[i].Samples, s)
		return
	}
	t.samples = slices.Insert(t.samples, i, sample{at, s})
}

// forget drops what is older than before, when that is enough to be worth it.
func (t *track) forget(before int64) {
	if t.samples[0].at >= before {
		return
	}
	if old := t.index(before); old > len(t.samples)/4 {
		t.samples = t.samples[:copy(t.samples, t.samples[old:])]
	}
}

func (t *track) between(from, to int64) []sample {
	return t.samples[t.index(from):max(t.index(from), t.index(to))]
}

// index is where the first sample is that is not before at.
func (t *track) index(at int64) int {
	return sort.Search(len(t.samples), func(i int) bool { return t.samples[i].at >= at })
}

func merge(a, b bus.Samples) bus.Samples {
	if a.Count == 0 {
		return b
	}
	return bus.Samples{Count: a.Count + b.Count, Sum: a.Sum + b.Sum, Min: min(a.Min, b.Min), Max: max(a.Max, b.Max)}
}

// unit is the unit of a metric that AWS's services publish.
func unit(id bus.MetricID) types.StandardUnit {
	switch name := id.Name; {
	case strings.HasSuffix(name, "Bytes"), strings.HasSuffix(name, "Size"):
		return types.StandardUnitBytes
	case strings.HasSuffix(name, "Age"), strings.HasSuffix(name, "Milliseconds"), strings.HasSuffix(name, "MillisBehindLatest"),
		strings.HasSuffix(name, "Latency"), name == "Duration", name == "ExecutionTime":
		return types.StandardUnitMilliseconds
	case name == "ApproximateAgeOfOldestMessage", strings.HasSuffix(name, "DataFreshness"):
		return types.StandardUnitSeconds
	}
	return types.StandardUnitCount
}
