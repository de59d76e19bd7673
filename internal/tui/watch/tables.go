package watch

import (
	"github.com/ccs-platform/ccsctl/internal/status"
)

// Where tables take more columns.
const (
	roomy = 78
	wide  = 114
	wider = 160
)

func (p page) queues() section {
	type cell = column[status.Queue]
	dead := func(q status.Queue, draw func(status.Measure, int) string, width int) string {
		if q.DeadLetters == nil {
			return "" // it is itself of dead letters
		}
		return draw(q.DeadLetters.Depth, width)
	}
	name := cell{width: 15, cell: func(q status.Queue, _ int) string { return clean(q.Name) }}
	messages := cell{name: "messages", width: 8, cell: func(q status.Queue, w int) string { return p.number(q.Depth, w) }}
	chart := cell{width: 8, left: true, cell: func(q status.Queue, w int) string { return p.spark(q.Depth, w) }}
	limit := cell{name: "limit", width: 7, left: true, cell: func(q status.Queue, _ int) string {
		if q.Depth.Limit == nil {
			return ""
		}
		number, _ := status.Split(*q.Depth.Limit, q.Depth.Unit)
		return p.dim.Render("┄ " + number)
	}}
	oldest := cell{name: "oldest", width: 8, cell: func(q status.Queue, w int) string { return p.full(q.Oldest, w) }}
	flight := cell{name: "in flight", width: 9, cell: func(q status.Queue, w int) string { return p.number(q.InFlight, w) }}
	letters := cell{name: "dead letters", width: 12, cell: func(q status.Queue, w int) string { return dead(q, p.number, w) }}
	lettersChart := cell{width: 8, left: true, cell: func(q status.Queue, w int) string { return dead(q, p.spark, w) }}
	sent := cell{name: "sent/min", width: 8, cell: func(q status.Queue, w int) string { return p.number(q.Sent, w) }}
	done := cell{name: "done/min", width: 8, cell: func(q status.Queue, w int) string { return p.number(q.Deleted, w) }}
	reader := cell{name: "read by", width: 22, left: true, cell: func(q status.Queue, _ int) string { return p.reader(q.Consumer) }}

	var columns []cell
	switch {
	case p.width < roomy:
		flight.name, flight.width, letters.name, letters.width = "flight", 6, "dead", 5
		columns = []cell{name, messages, chart, oldest, flight, letters}
	case p.width < wide:
		columns = []cell{name, messages, chart, limit, oldest, flight, letters}
	case p.width < wider:
		name.width, chart.width = 16, 16
		columns = []cell{name, messages, chart, limit, oldest, flight, letters, lettersChart, sent, done}
	default:
		name.width, chart.width, lettersChart.width = 22, 60, 16
		columns = []cell{name, messages, chart, limit, oldest, flight, letters, lettersChart, sent, done, reader}
	}
	s := section{head: heading(p, "QUEUES", columns)}
	for _, q := range p.snap.Queues {
		note := p.remark(q.Depth, "queues")
		if q.Absent {
			note = p.red.Render("not there")
		}
		text := cells(columns, q)
		s.rows = append(s.rows, p.row("queue/"+q.Name, "queue/"+q.Name, q.Severity, p.beside(text, text, note, 2)...))
	}
	return s
}

// reader is who takes from a queue, and how that is.
func (p page) reader(c *status.Consumer) string {
	if c == nil {
		return p.dim.Render("nobody")
	}
	return clean(c.Function) + " " + p.mapping(*c)
}

// mapping is the state of what feeds a function.
func (p page) mapping(c status.Consumer) string {
	switch {
	case c.Absent:
		return p.red.Render("not there")
	case c.State == "":
		return p.dim.Render(status.None)
	}
	return p.of(c.Severity).Render(clean(c.State))
}

func (p page) functions() section {
	type cell = column[status.Function]
	columns := []cell{
		{width: 15, cell: func(f status.Function, _ int) string { return clean(f.Name) }},
		{name: "calls/min", width: 9, cell: func(f status.Function, w int) string { return p.number(f.Invocations, w) }},
		{name: "errors", width: 6, cell: func(f status.Function, w int) string { return p.number(f.Errors, w) }},
		{name: "throttled", width: 9, cell: func(f status.Function, w int) string { return p.number(f.Throttles, w) }},
		{name: "reads", width: 9, left: true, cell: func(f status.Function, _ int) string { return p.mapping(f.Consumer) }},
	}
	if p.width >= roomy {
		columns[2].name, columns[2].width = "errors/min", 10
		columns[3].name, columns[3].width = "throttled/min", 13
		columns[4].width = 12
		columns = append(columns, cell{name: "at once", width: 7, cell: func(f status.Function, w int) string { return p.number(f.Concurrency, w) }})
	}
	s := section{head: heading(p, "FUNCTIONS", columns)}
	for _, f := range p.snap.Functions {
		text := cells(columns, f)
		note := joined(" · ", p.remark(f.Errors, "metrics"), p.remark(f.Throttles, "metrics"))
		s.rows = append(s.rows, p.row("function/"+f.Name, "function/"+f.Name, f.Severity, p.beside(text, text, note, 2)...))
	}
	return s
}

func (p page) topics() section {
	type cell = column[status.Topic]
	name := cell{width: 21, cell: func(t status.Topic, _ int) string { return clean(t.Name) }}
	failures := cell{name: "failures", width: 8, cell: func(t status.Topic, w int) string { return p.full(t.FailureRate, w) }}
	chart := cell{width: 8, left: true, cell: func(t status.Topic, w int) string { return p.spark(t.FailureRate, w) }}
	limit := cell{name: "limit", width: 7, left: true, cell: func(t status.Topic, _ int) string { return p.limit(t.FailureRate) }}
	delivered := cell{name: "delivered/min", width: 13, cell: func(t status.Topic, w int) string { return p.number(t.Delivered, w) }}
	subscribers := cell{name: "subscribers", width: 12, left: true, cell: p.subscribers}
	columns := []cell{name, failures, delivered, subscribers}
	if p.width >= roomy {
		subscribers.width = min(24, p.width-margin-62)
		columns = []cell{name, failures, chart, limit, delivered, subscribers}
	}
	s := section{head: heading(p, "TOPICS", columns)}
	for _, t := range p.snap.Topics {
		text := cells(columns, t)
		note := joined(" · ", p.remark(t.FailureRate, "metrics"), p.dim.Render(p.old(t.Confirmed, "subscriptions")))
		s.rows = append(s.rows, p.row("topic/"+t.Name, "topic/"+t.Name, t.Severity, p.beside(text, text, note, 2)...))
	}
	return s
}

// subscribers are those of a topic: who gets something, and who would.
func (p page) subscribers(t status.Topic, width int) string {
	confirmed := " confirmed"
	if width < 22 {
		confirmed = ""
	}
	switch {
	case t.Absent:
		return p.red.Render("not there")
	case !t.Confirmed.Known():
		return p.dim.Render(status.None)
	case t.Pending.Known() && *t.Pending.Value > 0:
		return t.Confirmed.String() + confirmed + p.warn.Render(", "+t.Pending.String()+" pending")
	}
	return t.Confirmed.String() + " confirmed"
}
