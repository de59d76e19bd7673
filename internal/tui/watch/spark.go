package watch

import (
	"math"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// levels are what a cell of a chart is filled with, from nothing to full.
const levels = " ▁▂▃▄▅▆▇█"

// over is a value above its limit, which no cell can hold.
const over = '▲'

// paint draws runes in the styles beside them, as few escapes as it takes.
func paint(glyphs []rune, of []lipgloss.Style, same func(i, j int) bool) string {
	var b strings.Builder
	for i := 0; i < len(glyphs); {
		j := i + 1
		for j < len(glyphs) && same(i, j) {
			j++
		}
		b.WriteString(of[i].Render(string(glyphs[i:j])))
		i = j
	}
	return b.String()
}

// minutes are the newest values of a history, one a cell, and which of them are
// known. The last cell is the newest complete minute, whichever that is, so
// that a chart moves only when there is something new. A minute that is not over
// has no place: it would look like a fall.
func minutes(history []status.Point, width int) (values []float64, known []bool) {
	values, known = make([]float64, width), make([]bool, width)
	n := len(history)
	for n > 0 && history[n-1].Partial {
		n--
	}
	for i := n - 1; i >= 0; i-- {
		back := int(history[n-1].At.Sub(history[i].At).Round(time.Minute) / time.Minute)
		if back >= width {
			break
		}
		values[width-1-back], known[width-1-back] = history[i].Value, !history[i].Partial
	}
	return values, known
}

// top is the value at the upper edge of a chart: the limit, so that how full a
// chart is says how near the limit is, or without one the greatest value.
func top(m status.Measure, values []float64) float64 {
	if m.Limit != nil && *m.Limit > 0 {
		return *m.Limit
	}
	greatest := 0.0
	for _, v := range values {
		greatest = max(greatest, v)
	}
	return greatest
}

// level is a cell of a chart: none for zero, at least the lowest for more.
func level(v, top float64) rune {
	cells := []rune(levels)
	if v <= 0 || top <= 0 {
		return cells[1]
	}
	return cells[min(8, max(2, int(math.Ceil(8*v/top))))]
}

// spark is the newest minutes in one row, as high as its limit: what is above
// that has a shape and a colour of its own.
func (s styles) spark(m status.Measure, width int) string {
	if width <= 0 {
		return ""
	}
	values, known := minutes(m.History, width)
	limit := top(m, values)
	glyphs, of, red := make([]rune, width), make([]lipgloss.Style, width), make([]bool, width)
	for i, v := range values {
		glyphs[i], of[i] = ' ', s.accent.UnsetBold()
		if !known[i] {
			continue
		}
		glyphs[i] = level(v, limit)
		if m.Limit != nil && v > *m.Limit {
			of[i], red[i] = s.red, true
			if *m.Limit > 0 {
				glyphs[i] = over
			}
		}
	}
	return paint(glyphs, of, func(i, j int) bool { return red[i] == red[j] })
}

// chart is the newest minutes in several rows, with the limit as a line through
// them. The scale goes on above the limit when values do.
func (s styles) chart(m status.Measure, width, height int) []string {
	values, known := minutes(m.History, width)
	limit := top(m, values)
	edge := limit
	for _, v := range values {
		edge = max(edge, v)
	}
	line := -1 // the row whose upper edge is the limit
	if m.Limit != nil && *m.Limit > 0 {
		line = min(height-1, max(0, int(math.Ceil(float64(height)*limit/edge))-1))
	}
	rows := make([]string, height)
	for r := range rows { // from the bottom
		glyphs, of, kind := make([]rune, width), make([]lipgloss.Style, width), make([]int8, width)
		for i, v := range values {
			fill := 0.0
			if edge > 0 {
				fill = float64(8*height)*v/edge - float64(8*r)
			}
			cell := []rune(levels)[min(8, max(0, int(math.Ceil(fill))))]
			switch {
			case known[i] && r == 0 && fill <= 0:
				cell = '▁'
				fallthrough
			case known[i] && cell != ' ':
				of[i] = s.accent.UnsetBold()
				if m.Limit != nil && v > *m.Limit {
					of[i], kind[i] = s.red, 1
				}
			case r == line:
				cell, of[i], kind[i] = '┄', s.dim, 2
			}
			glyphs[i] = cell
		}
		text := paint(glyphs, of, func(i, j int) bool { return kind[i] == kind[j] })
		switch {
		case r == line:
			text += s.dim.Render("┄ limit " + status.Text(limit, m.Unit))
		case r == height-1 && edge > 0 && line < 0:
			text += s.dim.Render("  " + status.Text(edge, m.Unit))
		case r == height-1 && edge > 0:
			text += s.dim.Render("  " + status.Text(edge, m.Unit))
		}
		rows[height-1-r] = text
	}
	return rows
}

// bar is a share of what there is, with what was turned away beyond it.
func (s styles) bar(load, refused, width int, v status.Severity) string {
	away := min(max(0, refused), width)
	load = min(max(0, load), width-min(away, width/4)) // both must be seen
	away = min(away, width-load)
	return s.of(v).Render(strings.Repeat("█", load)) + s.red.Render(strings.Repeat("╳", away)) + s.dim.Render(strings.Repeat("░", width-load-away))
}

// heat is the load of shards as one row of blocks, as high as a shard can take.
// With more shards than cells, a cell is the hottest of its neighbours.
func (s styles) heat(shards []status.Shard, width int) string {
	n := min(len(shards), max(0, width))
	glyphs, of, kind := make([]rune, n), make([]lipgloss.Style, n), make([]status.Severity, n)
	for i := range n {
		var hottest status.Measure
		for _, sh := range shards[i*len(shards)/n : (i+1)*len(shards)/n] {
			if v := sh.Load.Value; v != nil && (hottest.Value == nil || *v > *hottest.Value) {
				hottest = sh.Load
			}
		}
		switch {
		case !hottest.Known():
			glyphs[i], of[i], kind[i] = '?', s.dim, status.Unknown
		case *hottest.Value > 100:
			glyphs[i], of[i], kind[i] = over, s.red, status.Red
		default:
			glyphs[i], of[i], kind[i] = level(*hottest.Value, 100), s.ok, status.OK
			if hottest.Severity == status.Warn {
				of[i], kind[i] = s.warn, status.Warn
			}
		}
	}
	return paint(glyphs, of, func(i, j int) bool { return kind[i] == kind[j] })
}
