package watch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/status"
)

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
	t := thing{title: "STREAM " + s.Name, state: state(s.State, s.Absent), severity: s.Severity, look: "d: has anything drifted? (ccsctl plan)", facts: []fact{
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
	t := thing{title: "LAKE " + d.Name, state: state(d.State, d.Absent), severity: d.Severity, look: "d: has anything drifted? (ccsctl plan)", facts: []fact{
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
