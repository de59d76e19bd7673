package console

import (
	"strings"
	"testing"
	"time"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// resourceView is a row of the results below.
type resourceView struct {
	Name   string    `json:"name"`
	State  string    `json:"state"`
	Detail string    `json:"detail,omitempty"`
	Since  time.Time `json:"since"`
}

type statusView struct {
	Environment string         `json:"environment"`
	Resources   []resourceView `json:"resources"`
}

func (v statusView) Header() []string { return []string{"resource", "state", "detail"} }

func (v statusView) Rows() [][]string {
	var rows [][]string
	for _, r := range v.Resources {
		rows = append(rows, []string{r.Name, r.State, r.Detail})
	}
	return rows
}

func (v statusView) Items() []any {
	var items []any
	for _, r := range v.Resources {
		items = append(items, r)
	}
	return items
}

// diffView is for people in its own way.
type diffView struct{ statusView }

func (v diffView) Human(p *Painter) string {
	return p.Yellow("~ stream/events") + "\n    shards: " + p.Red("10") + " -> " + p.Green("20") + "\n\n" +
		p.Table(nil, [][]string{{p.Bold(p.Green("to add")), "0"}, {p.Dim("to change"), "1"}})
}

func status() statusView {
	since := time.Date(2026, 3, 1, 9, 30, 0, 0, time.FixedZone("", 3600))
	return statusView{"prod", []resourceView{
		{"stream/ccs-prod-events", "ok", "", since},
		{"queue/ccs-prod-failed", "drifted", "visibility timeout: 30s -> 60s; message retention: 345600s -> 1209600s", since},
		{"topic/ccs-prod-alerts", "conflict", "owner is <nobody> & 'Team Ümläut 東京'\nnot ours", since},
		{"role/ccs-prod-archive", "failed", "AccessDenied\tfor \x1b[2Jyou", since},
	}}
}

func TestPrint(t *testing.T) {
	narrow, wide := "CCSCTL_FORCE_TTY=60", "CCSCTL_FORCE_TTY=120"
	arn := status()
	arn.Resources = arn.Resources[:2]
	arn.Resources[0].Name = "arn:aws:kinesis:eu-central-1:123456789012:stream/ccs-prod-events"

	for _, test := range []struct {
		name   string
		format Format
		env    string
		value  any
	}{
		{"table-60", Auto, narrow, status()},
		{"table-120", Auto, wide, status()},
		{"table-60-records", Auto, narrow, arn},
		{"table-pipe", Table, "", status()},
		{"table-empty", Auto, wide, statusView{}},
		{"pipe", Auto, "", status()},
		{"plain-60", Plain, narrow, status()},
		{"json-pipe", JSON, "", status()},
		{"ndjson-pipe", NDJSON, "", status()},
		{"ndjson-one", NDJSON, "", status().Resources[0]},
		{"human-60", Auto, narrow, diffView{status()}},
		{"human-pipe", Table, "", diffView{status()}},
		{"human-plain", Auto, "", diffView{status()}},
		{"neither", Auto, wide, status().Resources[0]},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, out, stderr := newTest(Options{Format: test.format, NoColor: true}, test.env)
			if err := c.Print(test.value); err != nil {
				t.Fatal(err)
			}
			checkGolden(t, test.name, out.String())
			if strings.Contains(out.String(), "\x1b") {
				t.Error("an escape sequence got through")
			}
			if stderr.Len() > 0 {
				t.Errorf("stderr got %q, want nothing", stderr)
			}

			// Colour adds colour and nothing else.
			colour, painted, _ := newTest(Options{Format: test.format}, test.env)
			if err := colour.Print(test.value); err != nil {
				t.Fatal(err)
			}
			if got := colourControl.ReplaceAllString(painted.String(), ""); got != out.String() {
				t.Errorf("colour changed the text to\n%s", got)
			}
			if strings.HasSuffix(test.name, "-60") && test.format == Auto {
				checkGolden(t, test.name+"-colour", painted.String())
			}
		})
	}
}

// Whatever the cells and the width, every word of every cell is there, whole
// and in order.
func TestTableLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(1, 4).Draw(t, "columns")
		text := rapid.StringMatching(`([a-zé東]{1,12}[ \n]{0,2}){0,6}`)
		row := rapid.SliceOfN(text, columns, columns)
		header := rapid.SliceOfN(rapid.StringMatching(`[A-Z]{1,8}`), columns, columns).Draw(t, "header")
		cells := row.Draw(t, "row")
		p := &Painter{colour: rapid.Bool().Draw(t, "colour"), width: rapid.IntRange(0, 80).Draw(t, "width")}
		painted := make([]string, columns)
		for i, cell := range cells {
			painted[i] = p.Red(cell)
		}

		table := p.Table(header, [][]string{painted})
		bare := &Painter{width: p.width}
		if got, want := colourControl.ReplaceAllString(table, ""), bare.Table(header, [][]string{cells}); got != want {
			t.Fatalf("colour changed the layout: got\n%s\nwant\n%s", got, want)
		}
		for _, cell := range cells {
			for _, word := range strings.Fields(cell) {
				if !strings.Contains(table, word) {
					t.Fatalf("%q is not in\n%s", word, table)
				}
			}
		}
		plainRows := [][]string{header, cells}
		if _, ok := bare.fit(plainRows); !ok || p.width == 0 {
			return // records, which may be wider
		}
		for line := range strings.Lines(bare.Table(header, [][]string{cells})) {
			if got := twwidth.Width(strings.TrimRight(line, "\n")); got > p.width {
				t.Fatalf("got width %d, want at most %d: %q", got, p.width, line)
			}
		}
	})
}

func TestParseFormat(t *testing.T) {
	for _, name := range append(Formats(), "") {
		if got, err := ParseFormat(name); err != nil || string(got) != name {
			t.Errorf("%q: got %q, %v", name, got, err)
		}
	}
	_, err := ParseFormat("xml")
	if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "table, plain, json, ndjson") {
		t.Errorf("got %v, want a fault of usage that lists the formats", err)
	}
}
