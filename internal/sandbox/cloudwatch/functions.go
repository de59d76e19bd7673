package cloudwatch

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// function is one function of metric math.
type function struct {
	least, most int // arguments
	apply       func(*scope, []node) (value, error)
}

// functions are all that the sandbox knows, by name.
func functions() map[string]function {
	return map[string]function{
		"ABS":     {1, 1, eachPoint(math.Abs)},
		"CEIL":    {1, 1, eachPoint(math.Ceil)},
		"FLOOR":   {1, 1, eachPoint(math.Floor)},
		"DIFF":    {1, 1, eachStep(func(change float64, _ int64) float64 { return change })},
		"RATE":    {1, 1, eachStep(func(change float64, seconds int64) float64 { return change / float64(seconds) })},
		"SUM":     {1, 1, over(func(values []float64, _ int) float64 { return sum(values) })},
		"AVG":     {1, 1, over(func(values []float64, of int) float64 { return sum(values) / float64(of) })},
		"MIN":     {1, 1, over(func(values []float64, _ int) float64 { return least(values) })},
		"MAX":     {1, 1, over(func(values []float64, _ int) float64 { return most(values) })},
		"IF":      {2, 3, choose},
		"FILL":    {2, 2, fill},
		"METRICS": {0, 1, metrics},
		"PERIOD":  {1, 1, period},
	}
}

// unservedFunctions are those that AWS has and the sandbox has not.
const unservedFunctions = `ANOMALY_DETECTION_BAND DATAPOINT_COUNT DATE DAY DB_PERF_INSIGHTS DIFF_TIME EPOCH FIRST HOUR
	INSIGHT_RULE_METRIC LAMBDA LAST LOG LOG10 METRIC_COUNT MINUTE MONTH REMOVE_EMPTY RUNNING_SUM SEARCH SERVICE_QUOTA SLICE SORT
	STDDEV TIME_SERIES YEAR`

// seriesOf is the value of an argument that must not be a number.
func seriesOf(s *scope, n node) (value, error) {
	v, err := n.value(s)
	if err == nil && v.kind == scalar {
		err = fmt.Errorf("a number is where a time series must be")
	}
	return v, err
}

func eachPoint(change func(float64) float64) func(*scope, []node) (value, error) {
	return func(s *scope, args []node) (value, error) {
		v, err := seriesOf(s, args[0])
		return each(v, change), err
	}
}

// eachStep is of functions of the change from one point to the next.
func eachStep(of func(change float64, seconds int64) float64) func(*scope, []node) (value, error) {
	return func(s *scope, args []node) (value, error) {
		v, err := seriesOf(s, args[0])
		return mapped(v, func(s series) series {
			out := series{label: s.label, window: s.window}
			for i := 1; i < len(s.points); i++ {
				last, p := s.points[i-1], s.points[i]
				out.put(p.at, of(p.v-last.v, p.at-last.at))
			}
			return out
		}), err
	}
}

// over is of functions that make one number of a series, and one series of an
// array: of the values at a time, which there are of so many series.
func over(of func(values []float64, of int) float64) func(*scope, []node) (value, error) {
	return func(s *scope, args []node) (value, error) {
		v, err := seriesOf(s, args[0])
		if err != nil {
			return value{}, err
		}
		var values []float64
		if v.kind == single {
			for _, p := range v.all[0].points {
				values = append(values, p.v)
			}
			return numeric(of(values, len(values))), nil
		}
		out := series{}
		for _, s := range v.all {
			out.window = wider(out.window, s.window)
		}
		for _, at := range times(v.all) {
			values = values[:0]
			for _, s := range v.all {
				if x, ok := s.at(at); ok {
					values = append(values, x)
				}
			}
			out.put(at, of(values, len(v.all)))
		}
		return one(out), nil
	}
}

func sum(values []float64) (sum float64) {
	for _, v := range values {
		sum += v
	}
	return sum
}

func least(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	return slices.Min(values)
}

func most(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	return slices.Max(values)
}

// choose is IF. At the times of its condition it has the value that is chosen;
// one that is not there is 0 where the condition holds, and dropped where it
// does not.
func choose(s *scope, args []node) (value, error) {
	values := [3]value{2: one(series{})}
	for i, n := range args {
		var err error
		if values[i], err = n.value(s); err != nil {
			return value{}, err
		}
		if values[i].kind == array {
			return value{}, fmt.Errorf("IF does not take arrays")
		}
	}
	condition, then, otherwise := values[0], values[1], values[2]
	if condition.kind == scalar {
		if condition.number != 0 {
			return then, nil
		}
		return otherwise, nil
	}
	out := series{window: condition.all[0].window}
	for _, p := range condition.all[0].points {
		chosen := otherwise
		if p.v != 0 {
			chosen = then
		}
		v, ok := chosen.number, true
		if chosen.kind == single {
			v, ok = chosen.all[0].at(p.at)
		}
		if ok || p.v != 0 {
			out.put(p.at, v)
		}
	}
	return one(out), nil
}

// fill is FILL: with a number, with another series, with the last value before
// the gap, or with a line across it.
func fill(s *scope, args []node) (value, error) {
	v, err := seriesOf(s, args[0])
	if err != nil {
		return value{}, err
	}
	if how, ok := args[1].(keyword); ok {
		return mapped(v, func(gaps series) series {
			return filled(gaps, func(at int64) (float64, bool) { return bridged(gaps, at, how) })
		}), nil
	}
	with, err := args[1].value(s)
	if err != nil {
		return value{}, err
	}
	if with.kind == array {
		return value{}, fmt.Errorf("FILL does not fill with arrays")
	}
	return mapped(v, func(gaps series) series {
		return filled(gaps, func(at int64) (float64, bool) {
			if with.kind == scalar {
				return with.number, true
			}
			return with.all[0].at(at)
		})
	}), nil
}

// filled asks for the points that are missing in the window.
func filled(gaps series, missing func(at int64) (float64, bool)) series {
	out := series{label: gaps.label, window: gaps.window}
	if gaps.step == 0 {
		return out // no metric is in it
	}
	for at := gaps.from; at < gaps.to; at += gaps.step {
		v, ok := gaps.at(at)
		if !ok {
			v, ok = missing(at)
		}
		if ok {
			out.put(at, v)
		}
	}
	return out
}

// bridged is the value in a gap of a series.
func bridged(s series, at int64, how keyword) (float64, bool) {
	i, _ := slices.BinarySearchFunc(s.points, at, before)
	if i == 0 {
		return 0, false // nothing is before the gap
	}
	last := s.points[i-1]
	if how == "REPEAT" {
		return last.v, true
	}
	if i == len(s.points) {
		return 0, false
	}
	next := s.points[i]
	return last.v + (next.v-last.v)*float64(at-last.at)/float64(next.at-last.at), true
}

// metrics is METRICS: all metrics of the request, or those whose ids contain a
// text.
func metrics(s *scope, args []node) (value, error) {
	var part text
	if len(args) == 1 {
		var ok bool
		if part, ok = args[0].(text); !ok {
			return value{}, fmt.Errorf("METRICS takes a text")
		}
	}
	out := value{kind: array}
	for i := range s.queries {
		q := &s.queries[i]
		if q.MetricStat == nil || !strings.Contains(*q.Id, string(part)) {
			continue
		}
		v, err := s.query(*q.Id)
		if err != nil {
			return value{}, err
		}
		out.all = append(out.all, v.all...)
	}
	return out, nil
}

// period is PERIOD, of a metric and not of an expression.
func period(s *scope, args []node) (value, error) {
	id, ok := args[0].(name)
	if !ok || !s.isMetric(string(id)) {
		return value{}, fmt.Errorf("PERIOD takes the id of a metric")
	}
	v, err := s.query(string(id))
	if err != nil {
		return value{}, err
	}
	return numeric(float64(v.all[0].step)), nil
}
