package watch

import (
	"fmt"
	"math"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// pairWidth is from where on two sections stand side by side.
const pairWidth = 116

// sections are the pipeline, in the order of the data, with what is wrong on
// top. The last two may stand side by side.
func (p page) sections() (above []section, left, right section) {
	above = append(p.wrong(), p.stream(), p.queues(), p.functions())
	half := p
	if p.width >= pairWidth {
		half.width = p.width / 2
	}
	return above, half.topics(), half.lakeAndFlow()
}

// wrong is alarms first, then what else is wrong: what, since when, and what to
// type.
func (p page) wrong() []section {
	firing := func(problem status.Problem) bool {
		return problem.Severity == status.Red && strings.HasPrefix(problem.Part, "alarm/")
	}
	var alarms, rest []status.Problem
	for _, problem := range p.silent() {
		if firing(problem) {
			alarms = append(alarms, problem)
		} else {
			rest = append(rest, problem)
		}
	}
	// What is left out has its mark below; the pipeline needs room, too.
	most := max(3, min(9, (p.height-14)/3))
	title := p.warn.Render("TO LOOK AT")
	if len(rest) > 0 && rest[0].Severity == status.Red {
		title = p.red.Render("WRONG")
	}
	told := map[string]bool{}
	var all []section
	if len(alarms) > 0 {
		all = append(all, p.problems(p.red.Render("ALARMS"), alarms, most, told))
	}
	if len(rest) > 0 {
		all = append(all, p.problems(title, rest, max(2, most-len(alarms)), told))
	}
	return all
}

// silent is the problems with one in place of all sources that are silent for
// the same reason: expired credentials are one thing to put right.
func (p page) silent() []status.Problem {
	var all []status.Problem
	first, names := map[string]int{}, map[string][]string{}
	for _, problem := range p.snap.Problems {
		name, source := strings.CutPrefix(problem.Part, "source/")
		if !source {
			all = append(all, problem)
			continue
		}
		reason := problem.Text + problem.Fix
		names[reason] = append(names[reason], name)
		if _, again := first[reason]; again {
			continue
		}
		first[reason] = len(all)
		all = append(all, problem)
	}
	for reason, i := range first {
		if n := len(names[reason]); n > 1 {
			all[i].Part = "sources"
			all[i].Text += " (" + strings.Join(names[reason], ", ") + ")"
		}
	}
	return all
}

// mostText is how much of a problem stands on the pipeline.
const mostText = 120

func (p page) problems(title string, problems []status.Problem, most int, told map[string]bool) section {
	s := section{head: " " + title}
	times := map[string]int{}
	for _, problem := range problems[:min(most, len(problems))] {
		times[problem.Part]++
		name := strings.TrimPrefix(problem.Part, "alarm/")
		problem.Text = cut(clean(problem.Text), max(mostText, p.width)) // the whole of it is a key away
		s.rows = append(s.rows, p.row(fmt.Sprintf("wrong/%s/%d", problem.Part, times[problem.Part]), partOf(p.snap, problem.Part), problem.Severity, p.problem(name, problem, told)...))
	}
	if more := len(problems) - most; more > 0 {
		s.rows = append(s.rows, row{text: []string{"  " + p.dim.Render(fmt.Sprintf("and %d more", more))}})
	}
	return s
}

// problem is one of them in as many lines as it takes. What would help is told
// once: told is what was.
func (p page) problem(name string, problem status.Problem, told map[string]bool) []string {
	const nameWidth, sinceWidth = 28, 18
	room := p.width - margin - 1
	text, begun := clean(problem.Text), p.dim.Render(since(problem.Since, p.snap.At))
	name = p.of(problem.Severity).Render(clean(name))
	fix := ""
	if problem.Fix != "" && !told[problem.Fix] {
		told[problem.Fix] = true
		fix = p.accent.Render("→ " + clean(problem.Fix))
	}
	if p.width < 90 {
		lines := wrapped(joined("  ", name+"  "+text, begun), room)
		if fix != "" {
			lines = append(lines, wrapped("  "+fix, room)...)
		}
		return lines
	}
	indent := strings.Repeat(" ", nameWidth+2)
	first := fit(name, nameWidth) + "  "
	if one := joined("  ", text, fix); widthOf(one) <= room-nameWidth-2-sinceWidth {
		return []string{first + sides(one, begun, room-nameWidth-2)}
	}
	lines := wrapped(text, room-nameWidth-2-sinceWidth)
	lines[0] = first + sides(lines[0], begun, room-nameWidth-2)
	for i, line := range lines[1:] {
		lines[i+1] = indent + line
	}
	if fix != "" {
		for _, line := range wrapped(fix, room-nameWidth-2) {
			lines = append(lines, indent+line)
		}
	}
	return lines
}

// partOf is the part that a problem's own part is shown with.
func partOf(s *status.Snapshot, part string) string {
	kind, name, _ := strings.Cut(part, "/")
	switch kind {
	case "mapping":
		return "function/" + name
	case "source":
		return "sources"
	case "queue":
		for _, q := range s.Queues {
			if q.DeadLetters != nil && q.DeadLetters.Name == name {
				return "queue/" + q.Name
			}
		}
	}
	return part
}

func (p page) stream() section {
	s := p.snap.Stream
	part := "stream/" + s.Name
	head := " " + p.accent.Render("STREAM") + "  " + joined(" · ", p.title.Render(clean(s.Name)), p.state(s.State, s.Absent))
	if at := s.Records.At; !at.IsZero() && p.snap.Period > 0 {
		head += p.dim.Render(" · minute to " + at.In(p.snap.At.Location()).Format("15:04"))
	}
	width := p.sparkWidth()
	load, refused := 0, 0
	if share, ok := s.Load.OfLimit(); ok {
		load = int(math.Round(share * float64(width)))
	}
	if v, limit := s.Refused.Value, s.Records.Limit; v != nil && limit != nil && *v > 0 && *limit > 0 {
		refused = max(1, int(math.Round(*v / *limit * float64(width))))
	}
	bar := ""
	if s.Load.Known() {
		bar = p.bar(load, refused, width, s.Load.Severity)
	}
	away := "refused " + p.of(s.Refused.Severity).Render(s.Refused.String())
	if s.Refused.Severity == status.Unknown {
		away = p.dim.Render("refused " + s.Refused.String())
	}
	measured, about := s.Hottest, ""
	if s.Hottest.Known() && s.Hottest.Estimated {
		measured.Estimated, about = false, "~"
	}
	hottest := "hottest " + p.of(s.Hottest.Severity).Render(about+s.Hottest.String())
	scale := fmt.Sprintf("of %d–%d", s.MinShards, s.MaxShards)
	return section{head: head, rows: []row{
		p.measure("stream/records", part, "rate", s.Records, p.spark(s.Records, width), p.limit(s.Records), p.remark(s.Records, "metrics")),
		p.measure("stream/load", part, "load", s.Load, bar, p.limit(s.Load), joined(" · ", away, p.remark(s.Load, "metrics"))),
		p.measure("stream/shards", part, "shards", s.Shards, p.heat(s.PerShard, width), p.dim.Render(scale),
			joined(" · ", hottest, p.remark(measured, "metrics"), p.dim.Render(p.old(s.Shards, "stream")))),
		p.measure("stream/iterator-age", part, "iterator age", s.IteratorAge, p.spark(s.IteratorAge, width), p.limit(s.IteratorAge), p.remark(s.IteratorAge, "metrics")),
	}}
}

func (p page) state(state string, absent bool) string {
	switch {
	case absent:
		return p.red.Render("not there")
	case state == "":
		return p.dim.Render("state unknown")
	}
	return p.dim.Render(clean(state))
}

// lakeAndFlow are the two ends of the pipeline: what is kept, and what is done.
func (p page) lakeAndFlow() section {
	d, w := p.snap.Delivery, p.snap.Workflow
	of := func(name string, m status.Measure, limit bool) string {
		text := name + " " + p.of(m.Severity).Render(m.String())
		if m.Severity == status.OK {
			text = name + " " + m.String()
		}
		if limit && m.Limit != nil {
			text += " " + p.limit(m)
		}
		return text
	}
	lake := []string{of("freshness", d.Freshness, true), of("written", d.Bytes, false), of("bad records", d.BadRecords, false), p.remark(d.Freshness, "metrics")}
	flow := []string{of("started", w.Started, false), of("failed", w.Failed, false), of("p95", w.Duration, true), p.remark(w.Failed, "metrics")}
	if d.Absent {
		lake = []string{p.red.Render("not there")}
	}
	if w.Absent {
		flow = []string{p.red.Render("not there")}
	}
	return section{rows: []row{
		p.ends("LAKE", "delivery/"+d.Name, d.Severity, lake),
		p.ends("FLOW", "workflow/"+w.Name, w.Severity, flow),
	}}
}

func (p page) ends(title, part string, v status.Severity, facts []string) row {
	const indent = 6
	lines := []string{""}
	for _, fact := range facts {
		if fact == "" {
			continue
		}
		last := &lines[len(lines)-1]
		switch next := joined(" · ", *last, fact); {
		case widthOf(next) <= p.width-margin-indent:
			*last = next
		default:
			lines = append(lines, fact)
		}
	}
	for i := range lines {
		lead := strings.Repeat(" ", indent)
		if i == 0 {
			lead = p.accent.Render(fit(title, indent))
		}
		lines[i] = lead + lines[i]
	}
	return p.row(part, part, v, lines...)
}
