package progress

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// frame is what happened since the frame before, and when that was looked at.
// It is the screen's only clock.
type frame struct {
	now    time.Time
	events []plan.Event
	note   string // empty when there is no new one
	last   bool
}

// printed says that everything given out to be printed stands above the screen.
type printed struct{}

// model is the state of the screen. Only bubbletea's event loop touches it.
type model struct {
	title         string
	known         map[resource.ID]bool
	idWidth       int // of the longest ID
	width, height int
	styles        styles

	start, now time.Time
	running    []task // by start
	counts     map[plan.Outcome]int
	note       string

	ended    []plan.Event // whose permanent lines are still to be printed
	printing bool
	last     bool
}

// task is a resource in change.
type task struct {
	id    resource.ID
	start time.Time
	doing string
}

func newModel(o Options, now time.Time) *model {
	m := &model{
		title:  o.Title,
		known:  make(map[resource.ID]bool, len(o.Items)),
		width:  o.Width,
		height: usualHeight,
		styles: newStyles(o.Color),
		start:  now,
		now:    now,
		counts: map[plan.Outcome]int{},
	}
	for _, it := range o.Items {
		m.known[it.ID] = true
		m.idWidth = max(m.idWidth, len(it.ID.String()))
	}
	return m
}

// Init implements tea.Model. Frames come from outside.
func (m *model) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case frame:
		m.now, m.last = msg.now, msg.last
		if msg.note != "" {
			m.note = oneLine(msg.note)
		}
		for _, e := range msg.events {
			m.observe(e)
		}
		return m, m.print()
	case printed:
		m.printing = false
		return m, m.print()
	}
	return m, nil
}

func (m *model) observe(e plan.Event) {
	if !m.known[e.ID] {
		return
	}
	i := slices.IndexFunc(m.running, func(t task) bool { return t.id == e.ID })
	switch {
	case e.Kind == plan.Ended:
		m.counts[e.Outcome]++
		m.ended = append(m.ended, e)
		if i >= 0 {
			m.running = slices.Delete(m.running, i, i+1)
		}
	case i < 0:
		m.running = append(m.running, task{id: e.ID, start: e.Time, doing: oneLine(e.Text)})
	default:
		m.running[i].doing = oneLine(e.Text)
	}
}

// print moves what has ended above the screen, in order, and quits when that is
// done and no frame follows. Commands run side by side, so there is one at a
// time. Each line is printed by itself because bubbletea misplaces what is
// higher than the room above the screen.
func (m *model) print() tea.Cmd {
	switch {
	case m.printing:
		return nil
	case len(m.ended) > 0:
		var cmds []tea.Cmd
		for _, e := range m.ended {
			cmds = append(cmds, tea.Println(m.endedLine(e)))
		}
		m.ended, m.printing = nil, true
		return tea.Sequence(append(cmds, func() tea.Msg { return printed{} })...)
	case m.last:
		return tea.Quit
	}
	return nil
}

// View implements tea.Model. The cursor rests, visible, on the empty line below
// the screen: see terminal.
func (m *model) View() tea.View {
	lines := m.lines()
	v := tea.NewView(joinLines(lines))
	v.Cursor = tea.NewCursor(0, len(lines))
	v.DisableBracketedPasteMode = true
	return v
}
