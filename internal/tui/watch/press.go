package watch

import (
	"fmt"
	"strconv"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// page keys scroll by so much.
const leap = 10

// press is what a key does.
func (m *model) press(k tea.KeyPressMsg) tea.Cmd {
	if key.Matches(k, m.keys.interrupt) {
		return tea.Quit
	}
	m.note = ""
	defer m.settle()
	switch {
	case m.typing:
		m.typeFilter(k)
		return nil
	case m.task != nil && !m.folded:
		m.answer(k)
		return nil
	case m.task.busy() && key.Matches(k, m.keys.stop):
		m.halt()
		return nil
	case m.task.busy() && key.Matches(k, m.keys.open):
		m.folded = false
		return nil
	}
	switch {
	case key.Matches(k, m.keys.quit):
		if m.task.busy() {
			m.note = m.task.action.Name() + " is running: x stops it, ctrl+c stops it and quits"
			return nil
		}
		return tea.Quit
	case key.Matches(k, m.keys.help):
		m.helping, m.scroll = !m.helping, 0
	case key.Matches(k, m.keys.back):
		m.goBack()
	case key.Matches(k, m.keys.up):
		m.move(-1)
	case key.Matches(k, m.keys.down):
		m.move(1)
	case k.String() == "pgup":
		m.move(-leap)
	case k.String() == "pgdown":
		m.move(leap)
	case key.Matches(k, m.keys.open):
		m.openSelected()
	case key.Matches(k, m.keys.filter):
		m.part, m.helping, m.typing, m.filter = "", false, true, ""
	case key.Matches(k, m.keys.pause):
		if m.frozen {
			m.toNow()
		} else {
			m.frozen = m.shown != nil
		}
	case key.Matches(k, m.keys.faster):
		m.pace(false)
	case key.Matches(k, m.keys.slower):
		m.pace(true)
	case key.Matches(k, m.keys.earlier):
		m.travel(-1)
	case key.Matches(k, m.keys.later):
		m.travel(1)
	case key.Matches(k, m.keys.muchEarlier):
		m.travel(-leap)
	case key.Matches(k, m.keys.muchLater):
		m.travel(leap)
	case key.Matches(k, m.keys.first):
		m.travel(-len(m.kept))
	case key.Matches(k, m.keys.now):
		m.toNow()
	case key.Matches(k, m.keys.redrive):
		m.redrive()
	case key.Matches(k, m.keys.drift):
		m.drift()
	case key.Matches(k, m.keys.test):
		m.testAlert()
	case key.Matches(k, m.keys.scale):
		m.scale()
	}
	return nil
}

// goBack undoes the last thing that was opened, and in the end goes to now.
func (m *model) goBack() {
	switch {
	case m.helping:
		m.helping, m.scroll = false, 0
	case m.part != "":
		m.part, m.scroll = "", 0
	case m.filter != "":
		m.filter = ""
	case m.frozen:
		m.toNow()
	default:
		m.selected, m.about = "", ""
	}
}

// openSelected opens what is selected, and when nothing is, what is worst.
func (m *model) openSelected() {
	if m.shown == nil || m.helping || m.part != "" {
		return
	}
	part := m.selectedPart()
	if part == "" {
		if rows := m.rows(); len(rows) > 0 {
			m.choose(rows[0])
			part = m.about
		}
	}
	m.part, m.scroll = part, 0
}

func (m *model) typeFilter(k tea.KeyPressMsg) {
	switch {
	case key.Matches(k, m.keys.open):
		m.typing = false
	case key.Matches(k, m.keys.back):
		m.typing, m.filter = false, ""
	case k.String() == "backspace":
		if r := []rune(m.filter); len(r) > 0 {
			m.filter = string(r[:len(r)-1])
		}
	case k.String() == "ctrl+u":
		m.filter = ""
	case k.Text != "":
		m.filter += k.Text
	}
}

// locked says why nothing can be started, or that it can not from here.
func (m *model) locked(command string, there bool) bool {
	switch {
	case m.busy():
	case m.frozen:
		m.note = "this is the past: esc goes back to now, where things can be done"
	case m.options.Actions.Locked != "":
		m.note = m.options.Actions.Locked + " · the command is: " + command
	case !there:
		m.note = "type in a shell: " + command
	default:
		return false
	}
	return true
}

func (m *model) redrive() {
	if m.shown == nil {
		return
	}
	queue, ok := deadLettersOf(m.shown, m.selectedPart())
	if !ok {
		m.note = "select the queue whose dead letters are meant first"
		return
	}
	make := m.options.Actions.Redrive
	if m.locked("ccsctl dlq redrive "+queue, make != nil) {
		return
	}
	m.task = &task{action: make(queue)}
}

// busy says it when something runs.
func (m *model) busy() bool {
	if !m.task.busy() {
		return false
	}
	m.note = m.task.action.Name() + " is running: one at a time"
	return true
}

// drift compares what is live with the configuration.
func (m *model) drift() {
	make := m.options.Actions.Drift
	switch {
	case m.busy():
	case make == nil:
		m.note = "type in a shell: ccsctl plan"
	default:
		m.task = &task{action: make()}
		m.task.start(m.ctx, &m.running, m)
	}
}

func (m *model) testAlert() {
	make := m.options.Actions.TestAlert
	if m.locked("ccsctl alert test", make != nil) {
		return
	}
	m.task = &task{action: make()}
}

func (m *model) scale() {
	if m.shown == nil || m.locked("ccsctl scale SHARDS", m.options.Actions.Scale != nil) {
		return
	}
	m.task = &task{ask: true}
	if n := m.shown.Stream.Shards.Value; n != nil {
		m.task.number = strconv.Itoa(int(*n))
	}
}

// answer is what a key does while a panel is open.
func (m *model) answer(k tea.KeyPressMsg) {
	t := m.task
	switch {
	case t.over:
		if key.Matches(k, m.keys.back, m.keys.open, m.keys.quit) {
			m.task = nil
		}
	case t.started:
		switch {
		case key.Matches(k, m.keys.stop):
			m.halt()
		case key.Matches(k, m.keys.back):
			m.folded = true
		}
	case t.ask:
		m.typeNumber(k)
	case key.Matches(k, m.keys.yes):
		t.start(m.ctx, &m.running, m)
	default: // anything but yes is no
		m.task, m.note = nil, "not started: nothing was changed"
	}
}

func (m *model) typeNumber(k tea.KeyPressMsg) {
	t := m.task
	switch {
	case key.Matches(k, m.keys.back):
		m.task = nil
	case k.String() == "backspace":
		t.number = t.number[:max(0, len(t.number)-1)]
	case key.Matches(k, m.keys.open):
		n, err := strconv.Atoi(t.number)
		if low, high := m.shown.Stream.MinShards, m.shown.Stream.MaxShards; err != nil || n < low || n > high {
			m.note = fmt.Sprintf("a number of shards from %d to %d", low, high)
			return
		}
		t.ask, t.action = false, m.options.Actions.Scale(n)
	case len(k.Text) == 1 && strings.Contains("0123456789", k.Text) && len(t.number) < 5:
		t.number += k.Text
	}
}

func (m *model) halt() {
	m.task.stopping = true
	m.task.cancel()
}
