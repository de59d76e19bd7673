package watch

import (
	"context"
	"slices"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// usual is the size of a terminal that does not tell.
const usualWidth, usualHeight = 80, 24

// model is the state of the screen. Only bubbletea's event loop touches it.
type model struct {
	ctx     context.Context // of the screen: actions end with it
	send    func(tea.Msg)
	running sync.WaitGroup // actions
	options Options
	keys    keys

	width, height int
	profile       colorprofile.Profile
	background    background
	styles        styles

	kept   kept
	shown  *status.Snapshot // nil before the first one
	frozen bool             // by pause or by going back: new ones are kept, not shown
	late   bool
	ended  bool
	broken error // why they ended

	selected string // id of a row, "" before anybody chose
	about    string // the part of that row
	part     string // that is open, "" for the pipeline
	scroll   int    // of what is open, and of the help
	helping  bool
	filter   string
	typing   bool
	note     string // an answer to the last key

	task   *task // nil when no panel is open
	folded bool  // the panel of a running action is out of sight
}

func newModel(ctx context.Context, o Options) *model {
	m := &model{ctx: ctx, options: o, keys: newKeys(), width: o.Width, height: o.Height}
	if m.width <= 0 || m.height <= 0 {
		m.width, m.height = usualWidth, usualHeight
	}
	m.send = func(tea.Msg) {}
	return m
}

// Init implements tea.Model. A terminal that does not tell its background keeps
// the colours that are right on any.
func (m *model) Init() tea.Cmd {
	if !m.options.Color {
		return nil
	}
	return tea.RequestBackgroundColor
}

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.ColorProfileMsg:
		m.profile = msg.Profile
		m.restyle()
	case tea.BackgroundColorMsg:
		m.background = lightBackground
		if msg.IsDark() {
			m.background = darkBackground
		}
		m.restyle()
	case snapshotMsg:
		m.take(status.Snapshot(msg))
	case lateMsg:
		m.late = true
	case endMsg:
		m.ended, m.broken = true, msg.err
		if msg.err != nil {
			m.note = clean(msg.err.Error())
		}
	case reportMsg:
		m.task.report(string(msg))
	case doneMsg:
		m.task.end(msg.err)
		m.folded = false
	case tea.KeyPressMsg:
		return m, m.press(msg)
	}
	m.settle()
	return m, nil
}

func (m *model) restyle() {
	if m.options.Color {
		m.styles = newStyles(m.profile, m.background)
	}
}

// take keeps a Snapshot, and shows it unless the screen stands still.
func (m *model) take(s status.Snapshot) {
	m.kept.add(s)
	m.late, m.ended = false, false
	if !m.frozen || m.shown == nil {
		m.shown = &s
	}
}

// settle puts right what a new Snapshot or size made wrong.
func (m *model) settle() {
	if m.shown == nil {
		return
	}
	if rows := m.rows(); m.selected != "" && !slices.ContainsFunc(rows, func(r row) bool { return r.id == m.selected }) {
		m.selected = m.instead(rows)
	}
	m.scroll = max(0, min(m.scroll, m.lastScroll()))
}

// instead is the row to select when the selected one is gone: another of the
// same part, so that the selection does not jump away from a problem solved.
func (m *model) instead(rows []row) string {
	for _, r := range rows {
		if r.part == m.about {
			return r.id
		}
	}
	return ""
}

// rows are those that can be selected, from the top to the bottom, the left
// column before the right.
func (m *model) rows() []row {
	if m.shown == nil || m.shown.Absent {
		return nil
	}
	above, left, right := m.shownSections()
	var rows []row
	for _, s := range append(above, left, right) {
		for _, r := range s.rows {
			if r.id != "" {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// move selects another row.
func (m *model) move(by int) {
	if m.part != "" || m.helping {
		m.scroll = max(0, min(m.scroll+by, m.lastScroll()))
		return
	}
	rows := m.rows()
	if len(rows) == 0 {
		return
	}
	i := slices.IndexFunc(rows, func(r row) bool { return r.id == m.selected })
	switch {
	case i >= 0:
		i = max(0, min(i+by, len(rows)-1))
	case by < 0:
		i = len(rows) - 1
	default:
		i = 0
	}
	m.choose(rows[i])
}

func (m *model) choose(r row) { m.selected, m.about = r.id, r.part }

// lastScroll is as far down as there is something to see.
func (m *model) lastScroll() int {
	if m.part == "" && !m.helping {
		return 0
	}
	lines, _ := m.body()
	return max(0, len(lines)-(m.height-len(m.header())-len(m.footer())-len(m.panel())-1))
}

// selectedPart is the part of the selected row, of what is open, or "".
func (m *model) selectedPart() string {
	if m.part != "" {
		return m.part
	}
	return m.about
}

// travel shows the Snapshot so many looks away from the shown one.
func (m *model) travel(by int) {
	if m.shown == nil {
		return
	}
	i := m.kept.near(m.shown.At) + by
	if i >= len(m.kept)-1 {
		m.toNow()
		return
	}
	s := m.kept[max(0, i)]
	m.shown, m.frozen = &s, true
}

// toNow shows the newest Snapshot and those that follow.
func (m *model) toNow() {
	m.frozen = false
	if n := len(m.kept); n > 0 {
		s := m.kept[n-1]
		m.shown = &s
	}
}

// periods are what + and - go through.
func periods() []time.Duration {
	return []time.Duration{2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute}
}

// pace asks for another period.
func (m *model) pace(slower bool) {
	if m.options.Period == nil {
		m.note = "a recording goes at its own pace: --speed changes it"
		return
	}
	if m.shown == nil {
		return
	}
	now, all := time.Duration(m.kept[len(m.kept)-1].Period), periods()
	next := now
	if slower {
		if i := slices.IndexFunc(all, func(d time.Duration) bool { return d > now }); i >= 0 {
			next = all[i]
		}
	} else {
		for _, d := range slices.Backward(all) {
			if d < now {
				next = d
				break
			}
		}
	}
	m.options.Period(next)
	m.note = "every " + period(next)
}
