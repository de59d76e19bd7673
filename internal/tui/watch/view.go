package watch

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// Heights from where on there are lines between things.
const (
	ruledHeight  = 26 // below the title and above the keys
	spacedHeight = 32 // between sections
)

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
