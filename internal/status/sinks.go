package status

import (
	"cmp"
	"slices"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/alarm"
	"github.com/ccs-platform/ccsctl/internal/aws/workflow"
)

// tolerance is how much longer than its buffer a delivery may hold records back
// before it is a warning, and before it is too long. Freshness reaches the
// buffer's time in the best of health.
const (
	toleranceWarn = 1.5
	toleranceRed  = 3
)

func (r *report) delivery() {
	spec, id := r.spec.Delivery, "delivery/"+r.spec.Delivery.Name
	buffer := spec.Buffer.Seconds()
	d := Delivery{Name: spec.Name, Buffer: Duration(spec.Buffer),
		Freshness:  r.metric("delivery freshness", Seconds, 1, rule{limit: new(toleranceRed * buffer), warn: toleranceWarn * buffer}),
		Success:    r.metric("delivery success", Percent, 100, rule{least: 100}),
		BadRecords: r.hourly("delivery bad records", PerHour, rule{warnAny: true}),
		Bytes:      r.hourly("delivery bytes", BytesPerHour, rule{}),
	}
	logs := "aws logs tail " + spec.LogGroup + " --since 1h"
	state := Unknown
	switch got := r.a.delivery; {
	case got == nil:
	case !got.there:
		d.Absent, state = true, r.missing(id)
	default:
		d.State, state = got.value.state, OK
		if got.value.trouble != "" {
			state = Red
			r.problem(id, "state", Red, time.Time{}, got.value.trouble, up)
		}
	}
	d.Severity = part(state,
		r.check(id, "freshness", d.Freshness, logs), r.check(id, "writes that succeed", d.Success, logs),
		r.check(id, "records that can't be converted", d.BadRecords, logs))
	r.snap.Delivery = d
}

// hourly is the sum of the last hour's complete minutes, of those there are. As
// a history it has the minutes.
func (r *report) hourly(key string, unit Unit, rule rule) Measure {
	m := Measure{Unit: unit, History: recent(r.a.series[key], r.now)}
	whole := settled(m.History)
	if len(whole) == 0 {
		return m
	}
	sum := 0.0
	for _, p := range whole {
		sum += p.Value
	}
	m.Value, m.At, m.Severity = &sum, whole[len(whole)-1].At.Add(time.Minute), rule.severity(sum)
	if m.Severity == Warn {
		m.Since = whole[slices.IndexFunc(whole, func(p Point) bool { return p.Value > 0 })].At
	}
	return r.fades("metrics", m)
}

func (r *report) workflow() {
	spec, id := r.spec.Workflow, "workflow/"+r.spec.Workflow.Name
	failed := combined(r.a.series["workflow failed"], r.a.series["workflow late"], func(a, b float64) (float64, bool) { return a + b, true })
	w := Workflow{
		Name:      spec.Name,
		Started:   r.metric("workflow started", PerMinute, 1, rule{}),
		Succeeded: r.metric("workflow succeeded", PerMinute, 1, rule{}),
		Failed:    r.series(failed, PerMinute, none()),
		Throttled: r.metric("workflow throttled", PerMinute, 1, few()),
		Duration:  r.metric("workflow duration", Seconds, 1.0/1000, atMost(r.spec.Limits.Workflow.Seconds())),
	}
	if got := r.a.executions; got != nil && !w.Duration.Known() {
		w.Duration = r.tookLately(w.Duration, got.value)
	}
	list := "aws stepfunctions list-executions --status-filter FAILED --state-machine-arn " + spec.ARN
	severities := []Severity{
		r.check(id, "failed", w.Failed, list), r.check(id, "throttled", w.Throttled, ""), r.check(id, "duration", w.Duration, "ccsctl probe"),
	}
	if got := r.a.executions; got != nil && !got.there {
		w.Absent = true
		severities = append(severities, r.missing(id))
	} else if got != nil {
		for _, run := range got.value {
			w.Recent = append(w.Recent, Execution{Name: run.Name, State: run.State, Started: run.Started.UTC(), Stopped: run.Stopped.UTC()})
		}
		severities = append(severities, OK)
	}
	w.Severity = part(severities...)
	r.snap.Workflow = w
}

// tookLately is how long the newest executions took, where CloudWatch has no
// percentile: of all that ended within the minutes that a metric may be late.
func (r *report) tookLately(m Measure, runs []workflow.Run) Measure {
	var took []float64
	for _, run := range runs {
		if !run.Stopped.IsZero() && r.now.Sub(run.Stopped) < (1+lately)*time.Minute {
			took = append(took, run.Stopped.Sub(run.Started).Seconds())
			if at := run.Stopped.UTC(); at.After(m.At) {
				m.At = at
			}
		}
	}
	if len(took) == 0 {
		return m
	}
	slices.Sort(took)
	m.Value, m.Estimated = new(took[(len(took)*95+99)/100-1]), true
	return r.fades("executions", atMost(r.spec.Limits.Workflow.Seconds()).judge(m, nil))
}

func (r *report) alarms() {
	r.snap.Alarms = []Alarm{}
	if r.a.alarms == nil {
		return
	}
	for _, name := range r.spec.Alarms {
		if !slices.ContainsFunc(r.a.alarms.value, func(s alarm.State) bool { return s.Name == name }) {
			r.snap.Alarms = append(r.snap.Alarms, Alarm{Name: name, Absent: true, Severity: Warn})
			r.problem("alarm/"+name, presence, Warn, time.Time{}, "is not there", up)
		}
	}
	for _, live := range r.a.alarms.value {
		if !slices.Contains(r.spec.Alarms, live.Name) {
			continue // of an environment whose name begins like ours
		}
		a := Alarm{Name: live.Name, Description: live.Description, State: live.State, Since: live.Since.UTC(), Reason: live.Reason, Muted: live.Muted}
		switch {
		case a.State == "ALARM":
			a.Severity = Red
			r.problem("alarm/"+a.Name, "state", Red, a.Since, "fires: "+cmp.Or(a.Description, a.Reason), "")
		case a.Muted:
			a.Severity = Warn
			r.problem("alarm/"+a.Name, "state", Warn, time.Time{}, "its actions are off: nobody is told", up)
		case a.State == "OK" && !r.old["alarms"]:
			a.Severity = OK
		}
		r.snap.Alarms = append(r.snap.Alarms, a)
	}
	slices.SortStableFunc(r.snap.Alarms, func(a, b Alarm) int {
		if firing := cmp.Compare(b.Severity.rank()/3, a.Severity.rank()/3); firing != 0 {
			return firing
		}
		if a.Severity == Red {
			return b.Since.Compare(a.Since)
		}
		return cmp.Compare(a.Name, b.Name)
	})
}
