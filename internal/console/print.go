package console

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// Format is how results are printed.
type Format string

// The formats of results. JSON and NDJSON are promises to programs, Plain
// keeps one line a row, Table is for eyes and may change.
const (
	Auto   Format = "" // Table on a terminal, Plain elsewhere
	Table  Format = "table"
	Plain  Format = "plain"
	JSON   Format = "json"
	NDJSON Format = "ndjson"
)

// Formats are the names that ParseFormat takes, for help and completion.
func Formats() []string {
	return []string{string(Table), string(Plain), string(JSON), string(NDJSON)}
}

// ParseFormat is the format of that name, Auto for "". Any other name is a
// fault of usage that lists the names there are.
func ParseFormat(name string) (Format, error) {
	if name != "" && !slices.Contains(Formats(), name) {
		return Auto, fault.Usagef("output format %q: want one of %s", name, strings.Join(Formats(), ", "))
	}
	return Format(name), nil
}

// Tabular is a result of rows and columns.
type Tabular interface {
	Header() []string
	Rows() [][]string
}

// Human is a result with a form of its own for people, preferred to Tabular
// where Table is printed. The last newline may be left out.
type Human interface {
	Human(p *Painter) string
}

// Itemized is a result that NDJSON prints as a line an item.
type Itemized interface {
	Items() []any
}

// Print writes a result to stdout, in one piece. A value that is neither
// Tabular nor Human is printed as JSON. Plain has no header, separates cells
// by one tab, and replaces tabs and line ends within a cell by spaces. Events
// are printed one a call, with NDJSON.
func (c *Console) Print(v any) error {
	text, err := c.render(v)
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	if _, err := io.WriteString(c.Out, text); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// Format is how Print prints: never Auto.
func (c *Console) Format() Format {
	switch {
	case c.opts.Format != Auto:
		return c.opts.Format
	case c.Out.Terminal():
		return Table
	}
	return Plain
}

func (c *Console) render(v any) (string, error) {
	rows, tabular := v.(Tabular)
	human, forPeople := v.(Human)
	switch format := c.Format(); {
	case format == NDJSON:
		items := []any{v}
		if list, ok := v.(Itemized); ok {
			items = list.Items()
		}
		return encode(items, "")
	case format == JSON, !tabular && !forPeople:
		return encode([]any{v}, "  ")
	case tabular && format == Plain:
		return plain(rows.Rows()), nil
	case forPeople:
		text := printable(human.Human(c.Out.Painter()), c.Out.colour)
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		return text, nil
	}
	return c.Out.Painter().Table(rows.Header(), uncoloured(rows.Rows())), nil
}

func uncoloured(rows [][]string) [][]string {
	clean := make([][]string, len(rows))
	for i, row := range rows {
		for _, cell := range row {
			clean[i] = append(clean[i], printable(cell, false))
		}
	}
	return clean
}

func encode(values []any, indent string) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	for _, v := range values {
		if err := e.Encode(v); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func plain(rows [][]string) string {
	oneLine := strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ")
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(printable(oneLine.Replace(cell), false))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
