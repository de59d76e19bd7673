package watch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// Heights from where on there are lines between things.
const (
	ruledHeight  = 26 // below the title and above the keys
	spacedHeight = 32 // between sections
)

// titleWidth is from where on the title has one line.
const titleWidth = 104

// View implements tea.Model. It depends on the model alone.
func (m *model) View() tea.View {
	v := tea.NewView(strings.Join(m.frame(), "\n"))
	v.AltScreen = true
	v.DisableBracketedPasteMode = true
	return v
}

// frame is the whole screen: never wider or higher than the terminal.
func (m *model) frame() []string {
	head, foot := m.header(), m.footer()
	if m.height < len(head)+len(foot)+3 {
		head, foot = head[:1], nil
	}
	room := max(0, m.height-len(head)-len(foot))
	panel := m.panel()
	if len(panel) > 0 {
		panel = panel[:min(len(panel), max(room-2, room*2/3))]
		room -= len(panel)
	}
	lines := append(head, m.window(room)...)
	for len(lines) < len(head)+room {
		lines = append(lines, "")
	}
	lines = append(append(lines, panel...), foot...)
	lines = lines[:min(len(lines), m.height)]
	for i, line := range lines {
		lines[i] = cut(line, m.width)
	}
	return lines
}

// page is what the shown Snapshot is drawn with.
func (m *model) page() page {
	return page{styles: m.styles, snap: m.shown, width: m.width, height: m.height}
}

// header is whose pipeline this is, how it is, and of when.
func (m *model) header() []string {
	s := m.styles
	if m.shown == nil {
		return []string{sides(" "+s.title.Render("ccsctl watch"), "loading ", m.width), s.dim.Render(strings.Repeat("─", m.width))}
	}
	i := m.shown.Identity
	place := s.warn.Render("AWS")
	if i.Sandbox {
		place = s.ok.Render("SANDBOX")
	} else if i.Endpoint != "" && i.Endpoint != "AWS" {
		place = s.red.Render(clean(i.Endpoint))
	}
	whose := " " + joined(" · ", s.title.Render(clean(i.Project+"/"+i.Environment)), place, clean(i.Region), clean(i.Account))
	how, when := m.verdict(), m.moment()
	lines := []string{sides(whose, how+"   "+when+" ", m.width)}
	if m.width < titleWidth {
		lines = []string{sides(whose, how+" ", m.width), sides("", when+" ", m.width)}
	}
	if m.height >= ruledHeight {
		lines = append(lines, s.dim.Render(strings.Repeat("─", m.width)))
	}
	return lines
}

// verdict is the whole state in a few words.
func (m *model) verdict() string {
	s, snap := m.styles, m.shown
	var alarms, wrong, near, silent int
	for _, p := range snap.Problems {
		switch {
		case p.Severity == status.Red && strings.HasPrefix(p.Part, "alarm/"):
			alarms++
		case p.Severity == status.Red:
			wrong++
		case strings.HasPrefix(p.Part, "source/"):
			silent++
		default:
			near++
		}
	}
	var red, warn string
	if alarms > 0 {
		red = plural(alarms, "alarm", "alarms")
	}
	if wrong > 0 {
		red = joined(" · ", red, fmt.Sprintf("%d wrong", wrong))
	}
	if red != "" {
		red = s.red.Render("✖ " + red)
	}
	if near > 0 {
		warn = s.warn.Render("! " + plural(near, "warning", "warnings"))
	}
	if silent > 0 {
		warn = joined("  ", warn, s.warn.Render(fmt.Sprintf("? %d of %d sources silent", silent, len(snap.Sources))))
	}
	switch {
	case snap.Absent:
		return s.red.Render("✖ not built")
	case red != "" || warn != "":
		return joined("  ", red, warn)
	case snap.Loading:
		return s.dim.Render("? asking")
	case snap.Severity == status.Unknown:
		return s.dim.Render("? not all is known")
	}
	return s.ok.Render("✔ all well")
}

// moment is of when the screen is, and whether that is now.
func (m *model) moment() string {
	s := m.styles
	at := m.shown.At.Format("15:04:05")
	newest := m.kept[len(m.kept)-1].At
	switch {
	case m.frozen && m.shown.At.Before(newest):
		return s.past.Render(" PAST ") + " " + s.warn.Render(at) + " · " + status.Age(m.shown.At, newest) + " ago"
	case m.frozen:
		return s.past.Render(" PAUSED ") + " " + s.warn.Render(at)
	case m.ended:
		return s.past.Render(" END ") + " " + at
	case m.late:
		return s.red.Render("✖ nothing new since " + at)
	}
	word := s.ok.Render("live")
	if m.options.Recorded {
		word = s.accent.Render("recording")
	}
	every := ""
	if m.shown.Period > 0 {
		every = "every " + period(time.Duration(m.shown.Period))
	}
	return joined(" · ", word, at, every)
}

func period(d time.Duration) string {
	return status.Text(d.Round(100*time.Millisecond).Seconds(), status.Count) + " s"
}

// footer is what happened last or what there is to say, what looking costs, and
// the keys.
func (m *model) footer() []string {
	s := m.styles
	var lines []string
	if m.height >= ruledHeight {
		lines = append(lines, s.dim.Render(strings.Repeat("─", m.width)))
	}
	left, right := "", ""
	if m.shown != nil {
		c := m.shown.Cost
		right = s.dim.Render(fmt.Sprintf("%s · $%.3f this hour", plural(c.HourCalls, "call", "calls"), c.HourDollars))
		if len(m.shown.Events) > 0 {
			e := m.shown.Events[0]
			left = s.dim.Render(e.At.In(m.shown.At.Location()).Format("15:04:05")) + " " + s.mark(e.Severity) + " " + clean(e.Part+" "+e.Text)
		}
	}
	switch {
	case m.shown != nil && m.shown.Loading && left == "" && m.note == "" && !m.typing:
		left = s.dim.Render("asking for the first time …")
	case m.typing:
		left = s.accent.Render("/") + clean(m.filter) + "▏" + s.dim.Render(" enter keeps it · esc clears it")
	case m.note != "":
		left = s.warn.Render(m.note)
	case m.filter != "":
		left = s.accent.Render("/"+clean(m.filter)) + s.dim.Render(" only what matches · esc clears it")
	case m.task.busy() && m.folded:
		left = s.accent.Render(m.task.action.Name()+" is running") + s.dim.Render(" · enter shows it · x stops it")
	}
	return append(lines, " "+sides(left, right+" ", m.width-1), " "+m.hints(m.width-2))
}

// hints are as many keys as there is room for, help and quit at any rate.
func (m *model) hints(width int) string {
	say := func(b key.Binding) string { return m.styles.title.Render(b.Help().Key) + " " + b.Help().Desc }
	last := say(m.keys.help) + "   " + say(m.keys.quit)
	line := ""
	for _, b := range m.keys.footer(m.part != "") {
		next := line + say(b) + "   "
		if widthOf(next)+widthOf(last) > width {
			break
		}
		line = next
	}
	return line + last
}

// window is the part of the body that fits, with a word about the rest.
func (m *model) window(height int) []string {
	lines, selected := m.body()
	if len(lines) <= height {
		return lines
	}
	if height < 2 {
		return lines[:height]
	}
	room, from := height-1, m.scroll
	if m.part == "" && !m.helping {
		from = selected - room + 1
	}
	from = max(0, min(from, len(lines)-room))
	below := len(lines) - from - room
	var note []string
	if from > 0 {
		note = append(note, fmt.Sprintf("↑ %d more above", from))
	}
	if below > 0 {
		note = append(note, fmt.Sprintf("↓ %d more below", below))
	}
	return append(slices.Clone(lines[from:from+room]), "   "+m.styles.dim.Render(strings.Join(note, " · ")))
}

// body is all lines of what is open, and the last of the selected row's.
func (m *model) body() (lines []string, selected int) {
	switch {
	case m.helping:
		return m.help(), 0
	case m.shown == nil:
		return m.styles.waiting(), 0
	case m.part != "":
		return m.page().detail(m.part), 0
	case m.shown.Absent:
		return m.page().absent(), 0
	}
	return m.pipeline()
}

// pipeline is the sections with what is selected marked and what the filter
// wants.
func (m *model) pipeline() (lines []string, selected int) {
	above, left, right := m.shownSections()
	gap := m.height >= spacedHeight
	add := func(more []string, at int) {
		if len(more) == 0 {
			return
		}
		if gap && len(lines) > 0 {
			lines = append(lines, "")
		}
		if at >= 0 {
			selected = len(lines) + at
		}
		lines = append(lines, more...)
	}
	for _, s := range above {
		add(m.draw(s))
	}
	if m.width < pairWidth {
		add(m.draw(left))
		add(m.draw(right))
		return lines, selected
	}
	l, at := m.draw(left)
	r, other := m.draw(right)
	half := m.width / 2
	var both []string
	for i := range max(len(l), len(r)) {
		var a, b string
		if i < len(l) {
			a = l[i]
		}
		if i < len(r) {
			b = r[i]
		}
		both = append(both, fit(a, half)+b)
	}
	add(both, max(at, other))
	return lines, selected
}

// shownSections are those with rows that the filter lets through.
func (m *model) shownSections() (above []section, left, right section) {
	above, left, right = m.page().sections()
	if m.filter == "" {
		return above, left, right
	}
	wanted := strings.ToLower(m.filter)
	only := func(s section) section {
		s.rows = slices.DeleteFunc(s.rows, func(r row) bool {
			text := strings.ToLower(r.part + " " + ansi.Strip(strings.Join(r.text, " ")))
			return !strings.Contains(text, wanted)
		})
		return s
	}
	for i, s := range above {
		above[i] = only(s)
	}
	return above, only(left), only(right)
}

// draw is a section's lines, and which of them is the selected one's, or -1.
func (m *model) draw(s section) (lines []string, selected int) {
	selected = -1
	if len(s.rows) == 0 {
		return nil, selected
	}
	if s.head != "" {
		lines = append(lines, s.head)
	}
	for _, r := range s.rows {
		for i, text := range r.text {
			lead := " "
			if i == 0 && r.id != "" && r.id == m.selected {
				lead = m.styles.accent.Render("▸")
				selected = len(lines) + len(r.text) - 1
			}
			lines = append(lines, lead+text)
		}
	}
	return lines, selected
}
