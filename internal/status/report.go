package status

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// report puts a Snapshot together out of what was answered. It makes no calls
// and knows no time but now, so that the same answers always give the same.
type report struct {
	spec Spec
	a    *answers
	now  time.Time
	old  map[string]bool // sources whose answers are too old to call anything fine
	snap Snapshot
}

// snapshot is the pipeline as the answers have it. sources are those of the
// Snapshot; loading says that some were not asked yet.
func (s Spec) snapshot(a *answers, sources []Source, loading bool, now time.Time) Snapshot {
	r := report{spec: s, a: a, now: now, old: map[string]bool{}}
	r.snap = Snapshot{At: now, Identity: s.Identity, Sources: sources, Loading: loading, Problems: []Problem{}, Events: []Event{}}
	for _, src := range sources {
		r.source(src)
	}
	r.stream()
	r.functions()
	r.queues()
	r.topics()
	r.delivery()
	r.workflow()
	r.alarms()
	r.absent()
	r.sum()
	return r.snap
}

// source tells of a source that does not answer.
func (r *report) source(s Source) {
	if s.Stale.IsZero() {
		return
	}
	r.old[s.Name] = s.At.IsZero() || r.now.Sub(s.At) > 2*time.Duration(s.Every)
	r.problem("source/"+s.Name, "answers", Warn, s.Stale, "no answer: "+s.Error, s.Fix)
}

func (r *report) problem(part, what string, s Severity, since time.Time, text, fix string) {
	r.snap.Problems = append(r.snap.Problems, Problem{Part: part, What: what, Severity: s, Since: since, Text: text, Fix: fix})
}

// fades takes back the word that a value is fine when its source is silent for
// too long. What is bad stays bad.
func (r *report) fades(source string, m Measure) Measure {
	if r.old[source] && m.Severity == OK {
		m.Severity = Unknown
	}
	return m
}

// metric is a measure out of CloudWatch: its value is that of the newest
// complete minute, unless there was none lately.
func (r *report) metric(key string, unit Unit, by float64, rule rule) Measure {
	return r.series(scaled(r.a.series[key], by), unit, rule)
}

// lately is for how many minutes a metric may have no point before its value
// counts as unknown: one may be late, or nothing happened in it.
const lately = 2

func (r *report) series(points []Point, unit Unit, rule rule) Measure {
	m := Measure{Unit: unit, History: recent(points, r.now)}
	whole := settled(m.History)
	if n := len(whole); n > 0 {
		if last := whole[n-1]; !last.At.Before(r.a.complete.Add(-(1 + lately) * time.Minute)) {
			m.Value, m.At = &last.Value, last.At.Add(time.Minute)
		}
	}
	return r.fades("metrics", rule.judge(m, whole))
}

// live is a measure of the time of an answer.
func (r *report) live(source string, v float64, at time.Time, unit Unit, rule rule) Measure {
	return r.fades(source, rule.judge(Measure{Unit: unit, Value: &v, At: at}, nil))
}

// check tells of a measure that is bad, and gives back its severity for its
// part.
func (r *report) check(part, name string, m Measure, fix string) Severity {
	if m.Severity == Warn || m.Severity == Red {
		r.problem(part, name, m.Severity, m.Since, complaint(name, m), fix)
	}
	return m.Severity
}

// complaint is what is wrong with a measure.
func complaint(name string, m Measure) string {
	over := m.Limit != nil && *m.Limit > 0
	switch n := len(m.History); {
	case m.Value == nil, n > 0 && m.History[n-1].Partial && m.Severity == Red && !m.Over():
		return fmt.Sprintf("%s %s in a minute that is not over", name, Text(m.History[n-1].Value, m.Unit))
	case over && m.Over():
		return fmt.Sprintf("%s %s, over %s", name, m, Text(*m.Limit, m.Unit))
	case over && !m.BreachAt.IsZero():
		return fmt.Sprintf("%s %s, over %s in about %s if it goes on so", name, m, Text(*m.Limit, m.Unit), Text(max(0, m.BreachAt.Sub(m.At).Seconds()), Seconds))
	case over:
		return fmt.Sprintf("%s %s, of %s at most", name, m, Text(*m.Limit, m.Unit))
	case *m.Value == 0 && n > 0:
		return fmt.Sprintf("%s %s in a minute that is not over", name, Text(m.History[n-1].Value, m.Unit))
	default:
		return fmt.Sprintf("%s %s", name, m)
	}
}

// part is the severity of a part: the worst that is known, Unknown when nothing
// is.
func part(all ...Severity) Severity {
	known := false
	for _, s := range all {
		known = known || s != Unknown
	}
	if !known {
		return Unknown
	}
	all = slices.DeleteFunc(all, func(s Severity) bool { return s == Unknown })
	return worst(all...)
}

// presence is what is wrong with a thing that is not there.
const presence = "presence"

// up is what makes what is not there.
const up = "ccsctl up"

// missing tells of a thing that should be there.
func (r *report) missing(part string) Severity {
	r.problem(part, presence, Red, time.Time{}, "is not there", up)
	return Red
}

// absent takes all single complaints for one when there is nothing at all.
func (r *report) absent() {
	if r.a.stream == nil || r.a.stream.there || len(r.a.queues) == 0 {
		return
	}
	for _, q := range r.a.queues {
		if q.there {
			return
		}
	}
	r.snap.Absent = true
	i := r.spec.Identity
	r.snap.Problems = slices.DeleteFunc(r.snap.Problems, func(p Problem) bool { return p.What == presence })
	r.problem("pipeline", presence, Red, time.Time{}, fmt.Sprintf("there is no pipeline %s/%s in %s of account %s", i.Project, i.Environment, i.Region, i.Account), up)
}

// sum orders the problems and says how bad it is altogether.
func (r *report) sum() {
	s := &r.snap
	slices.SortStableFunc(s.Problems, func(a, b Problem) int {
		return cmp.Or(b.Severity.rank()-a.Severity.rank(), earlier(a.Since, b.Since))
	})
	s.Severity = OK
	if s.Loading {
		s.Severity = Unknown
	}
	for _, p := range s.Problems {
		s.Severity = worst(s.Severity, p.Severity)
	}
}

// earlier orders times, unknown ones last.
func earlier(a, b time.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	default:
		return a.Compare(b)
	}
}
