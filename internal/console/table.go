package console

import (
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwarp"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

const (
	gap   = 2         // columns between two columns of a table
	reset = "\x1b[0m" // tablewriter adds it to coloured cells; Painter ends its colours itself
)

// Table lays rows out below an upper-case header, without borders; no header
// is no header line. What is too wide is broken between words, never within
// one and never cut, so that names can be copied. When even that is too wide,
// each row becomes a record of lines: name, value. Cells may be coloured.
func (p *Painter) Table(header []string, rows [][]string) string {
	header = p.cells(header)
	for i := range header {
		header[i] = p.Dim(strings.ToUpper(header[i]))
	}
	body := make([][]string, len(rows))
	for i, row := range rows {
		body[i] = p.cells(row)
	}

	widths, fit := p.fit(append([][]string{header}, body...))
	if !fit && len(header) > 0 {
		return p.records(header, body)
	}
	for _, row := range body {
		for i := range row {
			row[i] = wrap(row[i], widths[i])
		}
	}
	return layOut(header, body)
}

func (p *Painter) cells(row []string) []string {
	clean := make([]string, len(row))
	for i, cell := range row {
		clean[i] = strings.ReplaceAll(printable(cell, p.colour), "\t", " ")
	}
	return clean
}

// fit gives each column its width: what it needs, less what the widest ones
// can spare when that is too much. It is false when all of them together
// cannot spare enough.
func (p *Painter) fit(rows [][]string) (widths []int, ok bool) {
	var least []int // the longest word, which is not broken
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths, least = append(widths, 0), append(least, 0)
			}
			for line := range strings.SplitSeq(cell, "\n") {
				widths[i] = max(widths[i], twwidth.Width(line))
			}
			for _, w := range strings.Fields(cell) {
				least[i] = max(least[i], twwidth.Width(w))
			}
		}
	}
	total := gap * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; p.width > 0 && total > p.width; total-- {
		widest := -1
		for i, w := range widths {
			if w > least[i] && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return widths, false
		}
		widths[widest]--
	}
	return widths, true
}

// records shows each row as lines of name and value. A value keeps its lines:
// one that is too long is left to the terminal, which can still copy it whole.
func (p *Painter) records(header []string, rows [][]string) string {
	records := make([]string, len(rows))
	for i, row := range rows {
		var lines [][]string
		for j, cell := range row {
			name := ""
			if j < len(header) {
				name = header[j]
			}
			lines = append(lines, []string{name, cell})
		}
		records[i] = layOut(nil, lines)
	}
	return strings.Join(records, "\n")
}

// wrap breaks the lines of a cell that are wider than width; the others stay
// as they are, spaces included.
func wrap(cell string, width int) string {
	var lines []string
	for line := range strings.SplitSeq(cell, "\n") {
		if twwidth.Width(line) <= width {
			lines = append(lines, line)
			continue
		}
		broken, _ := twwarp.WrapString(line, width)
		lines = append(lines, broken...)
	}
	return strings.Join(lines, "\n")
}

// layOut aligns cells that have their final lines, and does nothing else.
func layOut(header []string, rows [][]string) string {
	if len(header) == 0 && len(rows) == 0 {
		return ""
	}
	cell := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Alignment:  tw.CellAlignment{Global: tw.AlignLeft},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: strings.Repeat(" ", gap), Overwrite: true}},
	}
	var b strings.Builder
	t := tablewriter.NewTable(&b,
		tablewriter.WithConfig(tablewriter.Config{
			Header:   cell,
			Row:      cell,
			Behavior: tw.Behavior{TrimSpace: tw.Off, TrimLine: tw.Off, TrimTab: tw.Off},
		}),
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Settings: tw.Settings{
				Lines:      tw.LinesNone,
				Separators: tw.SeparatorsNone,
			},
		})),
	)
	if len(header) > 0 {
		t.Header(header)
	}
	if err := t.Bulk(rows); err != nil {
		panic(err) // rows of strings are always accepted
	}
	if err := t.Render(); err != nil {
		panic(err) // a strings.Builder takes everything
	}
	var text strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(b.String(), reset, "")) {
		text.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return text.String()
}
