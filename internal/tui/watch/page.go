package watch

import (
	"fmt"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// page is what panels are drawn with. Its methods are pure: the same Snapshot
// in the same width gives the same text.
type page struct {
	styles
	snap          *status.Snapshot
	width, height int
}

// row is one line of a panel, or several that belong together.
type row struct {
	id   string // names it on this screen, always the same; "" when it can't be selected
	part string // what opens with it: queue/emergency.fifo
	text []string
}

// section is rows under a heading.
type section struct {
	head string
	rows []row
}

// margin is what stands before every row: the selection, the mark and a space.
const margin = 3

// bad marks a row with how its part is.
func (p page) row(id, part string, v status.Severity, text ...string) row {
	for i, line := range text {
		lead := strings.Repeat(" ", margin-1)
		if i == 0 {
			lead = p.mark(v) + " "
		}
		text[i] = lead + line
	}
	return row{id: id, part: part, text: text}
}

// metricsLag is how old CloudWatch's newest complete minute may be at its best.
const metricsLag = 3 * time.Minute

// old says how old a value is that comes from the source, "" while it is as
// fresh as it can be: not older than two periods.
func (p page) old(m status.Measure, source string) string {
	if !m.Known() || m.At.IsZero() {
		return ""
	}
	limit := 2 * time.Duration(p.snap.Period)
	if source == "metrics" {
		limit = max(limit, 2*time.Minute+metricsLag)
	}
	for _, s := range p.snap.Sources {
		if s.Name == source && source != "metrics" {
			limit = max(limit, 2*time.Duration(s.Every))
		}
	}
	if p.snap.Period == 0 && m.Severity != status.Unknown {
		return "" // a single look: nothing repeats
	}
	if age := p.snap.At.Sub(m.At); age > limit || m.Severity == status.Unknown && age > time.Minute {
		return status.Age(m.At, p.snap.At) + " old"
	}
	return ""
}

// number is a value without its unit, for a column that names it.
func (p page) number(m status.Measure, width int) string {
	text := status.None
	if m.Known() {
		text, _ = status.Split(*m.Value, m.Unit)
	}
	return p.value(m, text, width)
}

// full is a value with its unit.
func (p page) full(m status.Measure, width int) string { return p.value(m, m.String(), width) }

func (p page) value(m status.Measure, text string, width int) string {
	style := p.of(m.Severity)
	if m.Known() && m.Severity == status.Unknown {
		style = p.dim
	}
	return style.Render(fitRight(text, width))
}

// limit is where a chart ends.
func (p page) limit(m status.Measure) string {
	if m.Limit == nil {
		return ""
	}
	number, unit := status.Split(*m.Limit, m.Unit)
	if own := m.String(); p.width < roomy && strings.HasSuffix(own, " "+unit) {
		unit = "" // the value beside it has the same
	}
	return p.dim.Render(strings.TrimSpace("┄ " + number + " " + unit))
}

// remark is what else there is to say about a measure. Since when it is bad
// stands with the problems.
func (p page) remark(m status.Measure, source string) string {
	var soon, estimated string
	if left := m.BreachAt.Sub(p.snap.At); !m.BreachAt.IsZero() && left > 0 { // what should be over already did not come
		soon = "limit within a minute"
		if left >= time.Minute {
			soon = fmt.Sprintf("limit in ~%d min", left.Round(time.Minute)/time.Minute) // seconds would be a show of precision
		}
		soon = p.warn.Render(soon)
	}
	if m.Estimated {
		estimated = p.dim.Render("estimated")
	}
	return joined(" · ", soon, p.dim.Render(p.old(m, source)), estimated)
}

// sparkWidth grows in steps, so that it is the same for all of a table.
func (p page) sparkWidth() int {
	switch {
	case p.width < 78:
		return 8
	case p.width < 100:
		return 16
	case p.width < 160:
		return 24
	default:
		return 60
	}
}

// Where things stand in the row of a measure.
const (
	labelWidth = 13
	valueWidth = 7
	unitWidth  = 10
)

// measure is a row about one measure: label, value, chart, limit, and what else
// there is to say, on a line of its own when there is no room.
func (p page) measure(id, part, label string, m status.Measure, chart, limit, note string) row {
	number, unit := status.None, ""
	if m.Known() {
		number, unit = status.Split(*m.Value, m.Unit)
	}
	text := fit(label, labelWidth) + p.value(m, number, valueWidth) + " " + p.value(m, fit(unit, unitWidth), unitWidth) +
		fit(chart, p.sparkWidth()) + " " + limit
	return p.row(id, part, m.Severity, p.beside(fit(text, max(widthOf(text), labelWidth+valueWidth+unitWidth+p.sparkWidth()+20)), text, note, labelWidth+1)...)
}

// beside puts a note after a line, or below it where there is no room.
func (p page) beside(padded, text, note string, indent int) []string {
	room := p.width - margin
	switch {
	case note == "":
		return []string{text}
	case widthOf(padded)+2+widthOf(note) <= room:
		return []string{padded + "  " + note}
	}
	text = trimmed(text)
	if widthOf(text)+2+widthOf(note) <= room {
		return []string{text + "  " + note}
	}
	lines := []string{text}
	for _, line := range wrapped(note, room-indent) {
		lines = append(lines, strings.Repeat(" ", indent)+line)
	}
	return lines
}

// column is one of a table of Ts. The first is headed by the table's title.
type column[T any] struct {
	name  string
	width int
	left  bool
	cell  func(v T, width int) string
}

// heading is a table's title with the names of its columns.
func heading[T any](p page, title string, columns []column[T]) string {
	var b strings.Builder
	b.WriteString(" " + p.accent.Render(fit(title, margin-1+columns[0].width)))
	for _, c := range columns[1:] {
		name := fitRight(c.name, c.width)
		if c.left {
			name = fit(c.name, c.width)
		}
		b.WriteString(" " + p.dim.Render(name))
	}
	return b.String()
}

// cells are a row of a table.
func cells[T any](columns []column[T], v T) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteByte(' ')
		}
		if text := c.cell(v, c.width); i == 0 || c.left {
			b.WriteString(fit(text, c.width))
		} else {
			b.WriteString(fitRight(text, c.width))
		}
	}
	return b.String()
}
