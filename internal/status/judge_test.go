package status

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// each minute's values, the newest at noon.
func minutesOf(values ...float64) []Point {
	var all []Point
	for i, v := range values {
		all = append(all, Point{At: noon.Add(time.Duration(i-len(values)+1) * time.Minute), Value: v})
	}
	return all
}

func TestBreach(t *testing.T) {
	for name, c := range map[string]struct {
		points []Point
		want   time.Duration // from noon; 0 is never
	}{
		"a steady climb":        {minutesOf(100, 200, 300, 400, 500), 5 * time.Minute},
		"one wild value":        {minutesOf(100, 200, 900, 400, 500, 600), 4 * time.Minute},
		"two points":            {minutesOf(100, 900), 0},
		"a step":                {minutesOf(10, 10, 10, 10, 10, 900), 0},
		"down":                  {minutesOf(900, 800, 700, 600, 500), 0},
		"level":                 {minutesOf(500, 500, 500, 500, 500), 0},
		"up and down":           {minutesOf(100, 500, 100, 500, 100, 500), 0},
		"too slow to foresee":   {minutesOf(1, 2, 3, 4, 5, 6), 0},
		"over it":               {minutesOf(800, 900, 1000, 1100, 1200), 0},
		"long ago":              {append(minutesOf(1, 2, 3, 4)[:3:3], Point{At: noon.Add(time.Hour), Value: 5}), 0},
		"nothing":               {nil, 0},
		"all at the same time":  {[]Point{{noon, 1, false}, {noon, 2, false}, {noon, 3, false}, {noon, 4, false}, {noon, 5, false}}, 0},
		"old climb, level now":  {minutesOf(1, 100, 200, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300), 0},
		"slower in the present": {minutesOf(0, 100, 200, 300, 400, 500, 510), 5*time.Minute - 6*time.Second},
	} {
		got := breach(c.points, 1000)
		if c.want == 0 && !got.IsZero() || c.want != 0 && math.Abs(got.Sub(noon.Add(c.want)).Seconds()) > 1 {
			t.Errorf("%s: got %v, want noon and %v", name, got, c.want)
		}
	}
}

// A breach that is foretold is ahead, within the horizon, and of a climb.
func TestBreachIsAhead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0, 1e6), 0, 20).Draw(t, "values")
		limit := rapid.Float64Range(1, 1e6).Draw(t, "limit")
		at := breach(minutesOf(values...), limit)
		if at.IsZero() {
			return
		}
		if at.Before(noon.Add(-time.Second)) || at.After(noon.Add(climbHorizon)) || values[len(values)-1] > limit {
			t.Fatalf("%v over %v: %v", values, limit, at)
		}
	})
}

func TestJudge(t *testing.T) {
	partial := func(points []Point, v float64) []Point {
		return append(points, Point{At: noon.Add(time.Minute), Value: v, Partial: true})
	}
	for name, c := range map[string]struct {
		rule     rule
		history  []Point
		severity Severity
		since    time.Time
	}{
		"fine":                                  {atMost(1000), minutesOf(5, 5), OK, time.Time{}},
		"at the limit":                          {atMost(1000), minutesOf(5, 1000), Warn, noon},
		"over it":                               {atMost(1000), minutesOf(5, 1001), Red, noon},
		"over it for three minutes":             {atMost(1000), minutesOf(5, 2000, 2000, 1001), Red, noon.Add(-2 * time.Minute)},
		"none, and there are":                   {none(), minutesOf(0, 1), Red, noon},
		"none, and there were":                  {none(), minutesOf(1, 0), OK, time.Time{}},
		"none, and some came just now":          {none(), partial(minutesOf(0), 2), Red, noon.Add(time.Minute)},
		"few, and some came just now":           {few(), partial(minutesOf(0), 2), Warn, noon.Add(time.Minute)},
		"a gauge of a minute that is not over":  {atMost(10), partial(minutesOf(0), 20), OK, time.Time{}},
		"less than it should be":                {rule{least: 100}, minutesOf(100, 90), Warn, noon},
		"it climbs and will be over in minutes": {atMost(1000), minutesOf(100, 200, 300, 400, 500), Warn, time.Time{}},
	} {
		whole := settled(c.history)
		m := Measure{History: c.history, Value: &whole[len(whole)-1].Value, At: noon.Add(time.Minute)}
		got := c.rule.judge(m, whole)
		if got.Severity != c.severity || !got.Since.Equal(c.since) {
			t.Errorf("%s: %v since %v, want %v since %v", name, got.Severity, got.Since, c.severity, c.since)
		}
	}
	if got := atMost(1).judge(Measure{}, nil); got.Severity != Unknown || got.Limit == nil {
		t.Errorf("unknown: %+v", got)
	}
}

func TestWorse(t *testing.T) {
	order := []Severity{OK, Unknown, Warn, Red}
	for i, a := range order {
		for k, b := range order {
			if a.Worse(b) != (i > k) {
				t.Errorf("%v worse than %v: %v", a, b, a.Worse(b))
			}
		}
	}
	if part(Unknown, OK) != OK || part(Unknown, Unknown) != Unknown || part(Unknown, Warn) != Warn {
		t.Error("a part is what is known of it")
	}
}
