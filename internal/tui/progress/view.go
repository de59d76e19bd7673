package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/ccs-platform/ccsctl/internal/plan"
)

const (
	mostRunning = 12  // rows of running resources
	mostColumns = 100 // longer rows are hard to follow
	mostReason  = 5   // rows of a failure: the command tells the whole of it in the end
)

// lines is the live screen: title, note and what runs. None is wider than the
// terminal, and all of them fill at most about half of its height, so that what
// is printed above has room.
func (m *model) lines() []string {
	lines := []string{m.header()}
	if m.note != "" {
		lines = append(lines, m.fit(m.styles.warn.Render("! "+m.note)))
	}
	most := max(1, min(mostRunning, m.height/2-3))
	shown := m.running[:min(most, len(m.running))]
	elapsed := make([]string, len(shown))
	timeWidth := 0
	for i, t := range shown {
		elapsed[i] = seconds(m.now.Sub(t.start))
		timeWidth = max(timeWidth, len(elapsed[i]), len("00.0 s"))
	}
	idWidth := m.idColumn()
	textWidth := max(0, m.columns()-2-idWidth-2-2-timeWidth)
	for i, t := range shown {
		lines = append(lines, m.fit(fmt.Sprintf("%s %s  %s  %s",
			m.styles.running.Render(m.spinner()),
			cell(t.id.String(), idWidth),
			cell(t.doing, textWidth),
			m.styles.dim.Render(fmt.Sprintf("%*s", timeWidth, elapsed[i])))))
	}
	if more := len(m.running) - len(shown); more > 0 {
		lines = append(lines, m.fit(m.styles.dim.Render(fmt.Sprintf("  + %d more", more))))
	}
	return lines
}

// header is "up ccs/prod · 12 of 44 done · 1 failed · 8.2 s".
func (m *model) header() string {
	parts := []string{
		m.styles.title.Render(m.title),
		fmt.Sprintf("%d of %d done", m.counts[plan.Done], len(m.known)),
	}
	for _, o := range []plan.Outcome{plan.Left, plan.Errored, plan.Skipped, plan.Stopped} {
		if n := m.counts[o]; n > 0 {
			parts = append(parts, m.styles.of(o).Render(fmt.Sprintf("%d %s", n, o)))
		}
	}
	return m.fit(strings.Join(append(parts, seconds(m.now.Sub(m.start))), " · "))
}

// endedLine is what stays of a resource: "✔ queue/telemetry  created  0.8 s".
// It may have several rows.
func (m *model) endedLine(e plan.Event) string {
	text := fmt.Sprintf("%s %-*s  %s", m.styles.of(e.Outcome).Render(mark(e.Outcome)), m.idColumn(), e.ID, verdict(e))
	if e.Outcome == plan.Done {
		text += "  " + m.styles.dim.Render(seconds(e.Elapsed))
	}
	const indent = "    "
	width := max(20, m.width-1-len(indent))
	rows := strings.Split(ansi.Wrap(text, width, ""), "\n")
	if most := max(1, min(mostReason, m.height/2-1)); len(rows) > most {
		rows = rows[:most]
		rows[most-1] = ansi.Truncate(rows[most-1], width-2, "") + " …"
	}
	return strings.Join(rows, "\n"+indent)
}

// spinner turns with the time of the frame.
func (m *model) spinner() string {
	turns := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	return string(turns[int(m.now.Sub(m.start)/tick)%len(turns)])
}

// columns leaves the last one free: terminals differ in what happens there.
func (m *model) columns() int { return max(0, min(m.width-1, mostColumns)) }

func (m *model) idColumn() int { return min(m.idWidth, m.columns()*2/5) }

func (m *model) fit(line string) string { return ansi.Truncate(line, max(0, m.width-1), "…") }

// cell is text in exactly width columns.
func cell(text string, width int) string {
	text = ansi.Truncate(text, width, "…")
	return text + strings.Repeat(" ", width-ansi.StringWidth(text))
}

// joinLines ends every line, so that an empty one is left for the cursor.
func joinLines(lines []string) string { return strings.Join(lines, "\n") + "\n" }

func mark(o plan.Outcome) string {
	switch o {
	case plan.Errored:
		return "✖"
	case plan.Skipped:
		return "-"
	case plan.Stopped:
		return "■"
	case plan.Left:
		return "○"
	default:
		return "✔"
	}
}

// seconds is a duration for a person who waits.
func seconds(d time.Duration) string {
	d = max(0, d)
	if d < 100*time.Second {
		return fmt.Sprintf("%.1f s", d.Truncate(100*time.Millisecond).Seconds())
	}
	return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
}
