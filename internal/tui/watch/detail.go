package watch

import (
	"fmt"
	"slices"
	"strings"

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
