package watch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// fact is one measure of what is open.
type fact struct {
	label  string
	value  status.Measure
	source string // that answers it
}

// thing is what is open: all that the Snapshot knows of one part.
type thing struct {
	title    string
	state    string
	severity status.Severity
	facts    []fact
	more     []string // what is no measure
	look     string   // the command that shows more
}

// detail is a part from near by, as lines.
func (p page) detail(part string) []string {
	t, ok := p.thing(part)
	if !ok {
		return []string{"", "   " + p.dim.Render(clean(part)+" is not known here · esc goes back")}
	}
	word := p.of(t.severity).Render(t.severity.String())
	lines := []string{" " + sides(p.accent.Render("‹ "+clean(t.title))+"  "+joined(" · ", p.mark(t.severity)+" "+word, p.dim.Render(clean(t.state))), p.dim.Render("esc back "), p.width-1)}
	told := map[string]bool{}
	for _, problem := range p.snap.Problems {
		if partOf(p.snap, problem.Part) == part {
			lines = append(lines, p.marked(problem.Severity, p.problem(problem.Part, problem, told)...)...)
		}
	}
	lines = append(lines, "")
	lines = append(lines, p.facts(t.facts)...)
	lines = append(lines, t.more...)
	for i, e := range p.eventsOf(part) {
		if i == 0 {
			lines = append(lines, "", "   "+p.title.Render("lately"))
		}
		lines = append(lines, "   "+p.dim.Render(e.At.In(p.snap.At.Location()).Format("15:04:05"))+" "+p.mark(e.Severity)+" "+clean(e.Text))
	}
	if t.look != "" {
		lines = append(lines, "", "   "+p.dim.Render("more: ")+p.accent.Render(t.look))
	}
	return append(lines, p.charts(t.facts)...)
}

// marked is lines with how they are before them.
func (p page) marked(v status.Severity, text ...string) []string {
	lines := p.row("", "", v, text...).text
	for i, line := range lines {
		lines[i] = " " + line
	}
	return lines
}

// eventsOf is what changed lately about a part.
func (p page) eventsOf(part string) []status.Event {
	const most = 5
	var all []status.Event
	for _, e := range p.snap.Events {
		if partOf(p.snap, e.Part) == part && len(all) < most {
			all = append(all, e)
		}
	}
	return all
}

// facts are all values, with their limits and ages.
func (p page) facts(facts []fact) []string {
	var lines []string
	for _, f := range facts {
		limit := ""
		if f.value.Limit != nil {
			limit = "limit " + status.Text(*f.value.Limit, f.value.Unit)
		}
		measured := ""
		if !f.value.At.IsZero() && p.old(f.value, f.source) == "" {
			measured = status.Age(f.value.At, p.snap.At) + " ago"
		}
		text := fit(f.label, 18) + p.value(f.value, f.value.String(), 18) + "  " + p.dim.Render(fit(limit, 24))
		begun := ""
		if f.value.Severity == status.Warn || f.value.Severity == status.Red {
			begun = p.of(f.value.Severity).Render(since(f.value.Since, p.snap.At))
		}
		note := joined(" · ", begun, p.remark(f.value, f.source), p.dim.Render(measured))
		lines = append(lines, p.marked(f.value.Severity, p.beside(text, strings.TrimRight(text, " "), note, 20)...)...)
	}
	return lines
}

// charts are the hour of every fact that was ever above zero in it, two beside
// each other where there is room.
func (p page) charts(facts []fact) []string {
	const height, labels, hour = 5, 28, 60
	columns := 1
	if p.width >= 2*(hour+labels) {
		columns = 2
	}
	each := p.width / columns
	width := min(hour, each-labels)
	var blocks [][]string
	for _, f := range facts {
		some := slices.ContainsFunc(f.value.History, func(p status.Point) bool { return p.Value != 0 && !p.Partial })
		if !some || width < 8 {
			continue
		}
		block := []string{"", "   " + p.title.Render(f.label) + p.dim.Render(fmt.Sprintf("  the last %d min", width))}
		for _, line := range p.chart(f.value, width, height) {
			block = append(block, "   "+line)
		}
		blocks = append(blocks, block)
	}
	var lines []string
	for beside := range slices.Chunk(blocks, columns) {
		for i := range beside[0] {
			line := ""
			for c, block := range beside {
				if c < len(beside)-1 {
					line += fit(block[i], each)
				} else {
					line += block[i]
				}
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// thing finds a part.
func (p page) thing(part string) (thing, bool) {
	s := p.snap
	kind, name, _ := strings.Cut(part, "/")
	switch kind {
	case "stream":
		return p.theStream(), true
	case "function":
		for _, f := range s.Functions {
			if f.Name == name {
				return p.theFunction(f), true
			}
		}
	case "queue":
		for _, q := range s.Queues {
			if q.Name == name {
				return p.theQueue(q), true
			}
		}
	case "topic":
		for _, t := range s.Topics {
			if t.Name == name {
				return p.theTopic(t), true
			}
		}
	case "delivery":
		return p.theDelivery(), true
	case "workflow":
		return p.theWorkflow(), true
	case "alarm":
		for _, a := range s.Alarms {
			if a.Name == name {
				return p.theAlarm(a), true
			}
		}
	case "sources":
		return p.theSources(), true
	}
	return thing{}, false
}

func (p page) theStream() thing {
	s := p.snap.Stream
	t := thing{title: "STREAM " + s.Name, state: state(s.State, s.Absent), severity: s.Severity, look: "ccsctl plan: has anything drifted?", facts: []fact{
		{"rate", s.Records, "metrics"}, {"bytes", s.Bytes, "metrics"}, {"load", s.Load, "metrics"}, {"refused", s.Refused, "metrics"},
		{"iterator age", s.IteratorAge, "metrics"}, {"shards", s.Shards, "stream"}, {"hottest shard", s.Hottest, "metrics"},
	}}
	if len(s.PerShard) == 0 {
		return t
	}
	t.more = append(t.more, "", "   "+p.title.Render("load of each shard")+p.dim.Render(fmt.Sprintf("  %d of %d–%d, in the order of the hash keys; a full block is all that a shard takes", len(s.PerShard), s.MinShards, s.MaxShards)))
	cells := max(1, p.width-margin-1)
	for some := range slices.Chunk(s.PerShard, cells) {
		t.more = append(t.more, "   "+p.heat(some, cells))
	}
	hot := slices.Clone(s.PerShard)
	slices.SortStableFunc(hot, func(a, b status.Shard) int {
		switch {
		case a.Load.Value == nil || b.Load.Value == nil:
			return 0
		case *a.Load.Value > *b.Load.Value:
			return -1
		case *a.Load.Value < *b.Load.Value:
			return 1
		}
		return 0
	})
	const most = 5
	for _, sh := range hot[:min(most, len(hot))] {
		t.more = append(t.more, p.marked(sh.Load.Severity, fit(clean(sh.ID), 24)+" "+p.full(sh.Load, 8)+p.dim.Render(fmt.Sprintf("  %4.1f %% of the keys  ", 100*sh.Share))+p.remark(sh.Load, "metrics"))...)
	}
	return t
}

func (p page) theFunction(f status.Function) thing {
	return thing{title: "FUNCTION " + f.Name, state: consumer(f.Consumer), severity: f.Severity, look: "ccsctl status", facts: []fact{
		{"invocations", f.Invocations, "metrics"}, {"errors", f.Errors, "metrics"}, {"throttled", f.Throttles, "metrics"}, {"at once", f.Concurrency, "metrics"},
	}}
}

func (p page) theQueue(q status.Queue) thing {
	t := thing{title: "QUEUE " + q.Name, state: state("", q.Absent), severity: q.Severity, facts: []fact{
		{"waiting", q.Depth, "queues"}, {"oldest", q.Oldest, "metrics"}, {"in flight", q.InFlight, "queues"}, {"delayed", q.Delayed, "queues"},
		{"sent", q.Sent, "metrics"}, {"dealt with", q.Deleted, "metrics"},
	}}
	if d := q.DeadLetters; d != nil {
		t.facts = append(t.facts, fact{"dead letters", d.Depth, "queues"}, fact{"dead, in flight", d.InFlight, "queues"}, fact{"oldest dead", d.Oldest, "metrics"})
	}
	if q.Consumer != nil {
		t.state = joined(" · ", t.state, "read by "+q.Consumer.Function+": "+consumer(*q.Consumer))
	}
	if q.DeadLetters != nil || q.Failures {
		t.look = "ccsctl dlq peek " + strings.TrimSuffix(q.Name, ".fifo")
	}
	return t
}

func (p page) theTopic(topic status.Topic) thing {
	t := thing{title: "TOPIC " + topic.Name, state: state("", topic.Absent), severity: topic.Severity, look: "ccsctl alert test " + topic.Name, facts: []fact{
		{"failures", topic.FailureRate, "metrics"}, {"failed", topic.Failed, "metrics"}, {"delivered", topic.Delivered, "metrics"}, {"published", topic.Published, "metrics"},
		{"confirmed", topic.Confirmed, "subscriptions"}, {"pending", topic.Pending, "subscriptions"},
	}}
	t.more = []string{"", "   " + p.title.Render("subscriptions")}
	for _, s := range topic.Subscriptions {
		how, v := "confirmed", status.OK
		if !s.Confirmed {
			how, v = "pending: gets nothing until it is confirmed", status.Warn
		}
		t.more = append(t.more, p.marked(v, fit(clean(s.Protocol), 8)+" "+clean(s.Endpoint)+"  "+p.dim.Render(how))...)
	}
	if len(topic.Subscriptions) == 0 {
		t.more = append(t.more, "   "+p.dim.Render(status.None))
	}
	return t
}

func (p page) theDelivery() thing {
	d := p.snap.Delivery
	t := thing{title: "LAKE " + d.Name, state: state(d.State, d.Absent), severity: d.Severity, look: "ccsctl plan: has anything drifted?", facts: []fact{
		{"freshness", d.Freshness, "metrics"}, {"written", d.Bytes, "metrics"}, {"writes that succeed", d.Success, "metrics"}, {"bad records", d.BadRecords, "metrics"},
	}}
	if d.Buffer > 0 {
		t.more = []string{"", "   " + p.dim.Render("records are held back up to "+status.Text(time.Duration(d.Buffer).Seconds(), status.Seconds)+" on purpose")}
	}
	return t
}

func (p page) theWorkflow() thing {
	w := p.snap.Workflow
	t := thing{title: "FLOW " + w.Name, state: state("", w.Absent), severity: w.Severity, facts: []fact{
		{"started", w.Started, "metrics"}, {"succeeded", w.Succeeded, "metrics"}, {"failed", w.Failed, "metrics"}, {"throttled", w.Throttled, "metrics"}, {"p95", w.Duration, "metrics"},
	}}
	t.more = []string{"", "   " + p.title.Render("recent executions")}
	for _, e := range w.Recent {
		v, took := status.OK, "running since "+status.Age(e.Started, p.snap.At)
		if !e.Stopped.IsZero() {
			took = "took " + status.Text(e.Stopped.Sub(e.Started).Seconds(), status.Seconds)
		}
		if e.State != "SUCCEEDED" && e.State != "RUNNING" {
			v = status.Red
		}
		t.more = append(t.more, p.marked(v, e.Started.In(p.snap.At.Location()).Format("15:04:05")+"  "+p.of(v).Render(fit(clean(e.State), 10))+" "+fit(took, 16)+" "+p.dim.Render(clean(e.Name)))...)
	}
	if len(w.Recent) == 0 {
		t.more = append(t.more, "   "+p.dim.Render(status.None))
	}
	return t
}

func (p page) theAlarm(a status.Alarm) thing {
	t := thing{title: "ALARM " + a.Name, state: a.State, severity: a.Severity, look: "ccsctl alert test"}
	for _, text := range []string{since(a.Since, p.snap.At), clean(a.Description), clean(a.Reason)} {
		if text != "" {
			for _, line := range wrapped(text, p.width-margin) {
				t.more = append(t.more, "   "+line)
			}
		}
	}
	if a.Muted {
		t.more = append(t.more, p.marked(status.Warn, "its actions are off: nobody is told")...)
	}
	return t
}

func (p page) theSources() thing {
	t := thing{title: "SOURCES", state: "who is asked, and what it costs", severity: status.OK}
	for _, s := range p.snap.Sources {
		v, how := status.OK, "answered "+status.Age(s.At, p.snap.At)+" ago"
		switch {
		case !s.Stale.IsZero():
			v, how = status.Warn, "no answer "+since(s.Stale, p.snap.At)
			t.severity = status.Warn
		case s.At.IsZero():
			v, how = status.Unknown, "not asked yet"
		}
		t.more = append(t.more, p.marked(v, fit(s.Name, 14)+" every "+fit(period(time.Duration(s.Every)), 6)+" "+fit(plural(s.Calls, "call", "calls"), 14)+" "+how)...)
	}
	c := p.snap.Cost
	t.more = append(t.more, "", "   "+p.title.Render("cost")+p.dim.Render(fmt.Sprintf("  $%.4f since %s, %s", c.Dollars, c.Since.In(p.snap.At.Location()).Format("15:04"), clean(c.Prices))))
	for _, o := range c.Operations {
		t.more = append(t.more, "   "+fit(clean(o.Operation), 36)+fitRight(plural(o.Calls, "call", "calls"), 14)+fitRight(fmt.Sprintf("$%.4f", o.Dollars), 12))
	}
	return t
}

func state(state string, absent bool) string {
	if absent {
		return "not there"
	}
	return state
}

func consumer(c status.Consumer) string {
	switch {
	case c.Absent:
		return "reads nothing: its mapping is not there"
	case c.State == "":
		return "mapping " + status.None
	}
	return joined(" · ", "mapping "+c.State, c.Problem)
}
