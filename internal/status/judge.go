package status

import (
	"slices"
	"time"
)

// rule is when a value is too much.
type rule struct {
	// limit is what it turns Red above, nil for never.
	limit *float64
	// warn is what it turns Warn at, 0 for above the limit only. Without a
	// limit anything above 0 is worth a warning when warnAny is set.
	warn    float64
	warnAny bool
	// least turns it round: Warn below this.
	least float64
	// grows says that a minute that is not over can only get greater, so that
	// what it has is already too much when it is above the limit.
	grows bool
}

// near is how much of a limit is a warning, unless a rule says otherwise.
const near = 0.8

// atMost is Red above limit and Warn near it.
func atMost(limit float64) rule { return rule{limit: &limit, warn: near * limit} }

// none is Red as soon as there is any.
func none() rule { return rule{limit: new(0.0), grows: true} }

// few is a warning as soon as there is any.
func few() rule { return rule{warnAny: true, grows: true} }

func (r rule) severity(v float64) Severity {
	switch {
	case r.limit != nil && v > *r.limit:
		return Red
	case r.warn > 0 && v >= r.warn, r.warnAny && v > 0, r.least > 0 && v < r.least:
		return Warn
	default:
		return OK
	}
}

// judge gives the measure its severity, and says since when it is bad as far
// back as the history goes and when it will be.
func (r rule) judge(m Measure, samples []Point) Measure {
	m.Limit = r.limit
	if m.Value != nil {
		m.Severity = r.severity(*m.Value)
	}
	if m.Severity.Worse(Unknown) {
		m.Since = r.since(m, samples)
	}
	if n := len(m.History); r.grows && n > 0 && m.History[n-1].Partial {
		if s := r.severity(m.History[n-1].Value); s.Worse(Unknown) && s.Worse(m.Severity) {
			m.Severity = s
			if m.Since.IsZero() {
				m.Since = m.History[n-1].At
			}
		}
	}
	if r.limit != nil && *r.limit > 0 && m.Value != nil && m.Severity != Red {
		m.BreachAt = breach(samples, *r.limit)
		if soon := m.BreachAt; !soon.IsZero() && soon.Before(m.At.Add(warnAhead)) && m.Severity == OK {
			m.Severity = Warn
		}
	}
	return m
}

// since is when the present bad run of values began, zero when there are none.
// What the samples do not reach back to the minutes of the history may.
func (r rule) since(m Measure, samples []Point) (since time.Time) {
	bad := func(p Point) bool { return r.severity(p.Value).Worse(Unknown) }
	for _, p := range slices.Backward(samples) {
		if !bad(p) {
			return since
		}
		since = p.At
	}
	for _, p := range slices.Backward(m.History) {
		if end := p.At.Add(time.Minute); !since.IsZero() && p.At.Before(since) {
			if since.Sub(end) > time.Minute || !bad(p) {
				break
			}
			since = p.At
		}
	}
	return since
}

// What a climb must be for its end to be foretold.
const (
	climbPoints  = 5                // at least so many values
	climbSpan    = 30 * time.Second // over at least this time
	climbWindow  = 10 * time.Minute // in the newest so much
	climbSure    = 0.75             // of all pairs must rise
	climbHorizon = time.Hour        // farther ahead nobody can see
	warnAhead    = 15 * time.Minute // a breach so near is a warning
)

// breach is when the points reach the limit if they go on climbing, zero when
// they do not climb or would take too long. The slope is the median of the
// slopes between any two points (Theil and Sen): one wild value, or a step, does
// not make a climb.
func breach(points []Point, limit float64) time.Time {
	n := len(points)
	if n == 0 {
		return time.Time{}
	}
	last := points[n-1]
	from := 0
	for points[from].At.Before(last.At.Add(-climbWindow)) {
		from++
	}
	points = points[from:]
	if len(points) < climbPoints || last.At.Sub(points[0].At) < climbSpan || last.Value > limit {
		return time.Time{}
	}
	slopes := make([]float64, 0, len(points)*(len(points)-1)/2)
	rising := 0
	for i, a := range points {
		for _, b := range points[i+1:] {
			if !b.At.After(a.At) {
				continue
			}
			slope := (b.Value - a.Value) / b.At.Sub(a.At).Seconds()
			slopes = append(slopes, slope)
			if slope > 0 {
				rising++
			}
		}
	}
	if len(slopes) == 0 || float64(rising) < climbSure*float64(len(slopes)) {
		return time.Time{}
	}
	slices.Sort(slopes)
	slope := slopes[len(slopes)/2]
	ahead := (limit - last.Value) / slope
	if slope <= 0 || ahead > climbHorizon.Seconds() {
		return time.Time{}
	}
	return last.At.Add(time.Duration(ahead * float64(time.Second))).Truncate(time.Second)
}

// settled are the points without those that are not complete.
func settled(points []Point) []Point {
	for i, p := range points {
		if p.Partial {
			return points[:i]
		}
	}
	return points
}
