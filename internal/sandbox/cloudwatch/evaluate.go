package cloudwatch

import (
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// extra is how many periods more than it evaluates an alarm looks at, for when
// some are missing (CloudWatch user guide, "Configuring how CloudWatch alarms
// treat missing data": 5 for alarms on 3).
const extra = 2

// run samples the gauges and evaluates the alarms at the beginning of every
// minute, in the alarms' own time, until ctx ends.
func (s *Service) run(ctx context.Context) {
	every := time.Duration(s.shrunk(minute)) * time.Second
	for {
		now := time.Now()
		next := time.NewTimer(now.Truncate(every).Add(every).Sub(now))
		select {
		case <-ctx.Done():
			next.Stop()
			return
		case <-next.C:
		}
		s.metrics.sample()
		s.evaluate(time.Now())
	}
}

// shrunk is how many seconds so many seconds are in the alarms' own time.
func (s *Service) shrunk(seconds int64) int64 {
	return max(1, int64(math.Round(float64(seconds)*s.bus.Timing.AlarmScale)))
}

// evaluate brings every alarm to the state that its data say.
func (s *Service) evaluate(now time.Time) {
	s.mu.Lock()
	var changes []transition
	for _, name := range slices.Sorted(maps.Keys(s.alarms)) {
		a := s.alarms[name]
		r := a.rule()
		seen := s.watched(a, r, now.Unix())
		if state := r.state(seen, a.state); state != a.state {
			points := seen.evaluated(r.of)
			changes = append(changes, s.turn(name, state, r.text(points, a.state, state), aws.String(r.data(a, seen, points, now)), now))
		}
	}
	s.mu.Unlock()
	s.act(changes)
}

// turn changes the state of an alarm. It is called with the lock held; what has
// to be done for it is done without.
func (s *Service) turn(name string, state types.StateValue, reason string, data *string, now time.Time) transition {
	a := s.alarms[name]
	t := transition{name: name, old: a.state, new: state, at: now, actions: a.actions(state)}
	s.recordState(name, a, state, reason, data)
	a.state, a.reason, a.reasonData, a.stated = state, reason, data, now
	t.message = s.message(name, a, t.old)
	return t
}

// rule is when an alarm is in which state: in ALARM when need of the newest of
// points breach.
type rule struct {
	need, of int
	missing  string // breaching, notBreaching, ignore, missing
	operator types.ComparisonOperator
	limit    float64
}

func (a *alarm) rule() rule {
	in := a.settings
	r := rule{need: int(*in.EvaluationPeriods), of: int(*in.EvaluationPeriods), missing: "missing", operator: in.ComparisonOperator, limit: *in.Threshold}
	if in.DatapointsToAlarm != nil {
		r.need = int(*in.DatapointsToAlarm)
	}
	if in.TreatMissingData != nil && *in.TreatMissingData != "" {
		r.missing = *in.TreatMissingData
	}
	return r
}

// period is the period of what the alarm watches, in seconds.
func (a *alarm) period() int64 {
	for _, q := range a.settings.Metrics {
		if q.MetricStat != nil {
			return int64(*q.MetricStat.Period) // they are all the same
		}
	}
	return int64(*a.settings.Period)
}

func (r rule) breaches(v float64) bool {
	switch r.operator {
	case types.ComparisonOperatorGreaterThanThreshold:
		return v > r.limit
	case types.ComparisonOperatorGreaterThanOrEqualToThreshold:
		return v >= r.limit
	case types.ComparisonOperatorLessThanThreshold:
		return v < r.limit
	}
	return v <= r.limit
}

// sight is the points that an alarm finds in its range.
type sight struct {
	window
	points []point // oldest first
	counts map[int64]float64
}

// evaluated is the points that count: the newest, and no more than are needed.
func (v sight) evaluated(of int) []point {
	return v.points[max(0, len(v.points)-of):]
}

// state is the state after what was seen. Points that are missing count only
// when there are too few, and as few as possible.
func (r rule) state(seen sight, current types.StateValue) types.StateValue {
	points := seen.evaluated(r.of)
	breaching := 0
	for _, p := range points {
		if r.breaches(p.v) {
			breaching++
		}
	}
	if r.missing == "breaching" && breaching+r.of-len(points) >= r.need || breaching >= r.need {
		return types.StateValueAlarm
	}
	switch {
	case len(points) == r.of, r.missing == "breaching", r.missing == "notBreaching", len(points) > breaching:
		return types.StateValueOk
	case r.missing == "ignore":
		return current
	case len(points) > 0 && seen.age(points[0]) >= r.need:
		return types.StateValueAlarm // and nothing since that says otherwise
	}
	return types.StateValueInsufficientData
}

// age counts periods: the newest is 1 old.
func (v sight) age(p point) int { return int((v.to - p.at) / v.step) }

// watched is what an alarm sees at the time now, at the beginning of a minute.
func (s *Service) watched(a *alarm, r rule, now int64) sight {
	in := a.settings
	w := window{step: s.shrunk(a.period())}
	w.to = now - now%min(w.step, s.shrunk(minute))
	w.from = w.to - int64(r.of+extra)*w.step
	seen := sight{window: w, counts: map[int64]float64{}}
	if len(in.Metrics) == 0 {
		stat := string(in.Statistic)
		if in.ExtendedStatistic != nil {
			stat = *in.ExtendedStatistic
		}
		m := &types.Metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions}
		for _, sample := range s.ended(m, in.Unit, w, now) {
			if v, ok := statistic(sample.Samples, stat); ok {
				seen.points = append(seen.points, point{sample.at, v})
				seen.counts[sample.at] = sample.Count
			}
		}
		return seen
	}
	watches := &scope{queries: in.Metrics, read: func(m *types.MetricStat) series {
		found := series{window: w}
		for _, sample := range s.ended(m.Metric, m.Unit, w, now) {
			if v, ok := statistic(sample.Samples, *m.Stat); ok {
				found.points = append(found.points, point{sample.at, v})
			}
		}
		return found
	}}
	for i, q := range in.Metrics {
		if q.ReturnData == nil || *q.ReturnData {
			if all, err := watches.result(&in.Metrics[i]); err == nil && len(all) == 1 { // as PutMetricAlarm made sure
				seen.points = all[0].points
			}
		}
	}
	return seen
}

// ended is the samples of a metric in periods that are over, by the alarms' own
// time.
func (s *Service) ended(m *types.Metric, unit types.StandardUnit, w window, now int64) []sample {
	data := s.metrics.look(m, unit)
	switch {
	case data == nil:
		return nil
	case s.bus.Timing.AlarmScale < 1:
		return data.shrunken(w)
	case w.step < minute:
		return nil // nothing here is measured in less than minutes
	}
	return data.complete(w, now, s.metrics.lag)
}
