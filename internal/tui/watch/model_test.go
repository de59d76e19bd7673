package watch

import (
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// typed are keys by their names, and letters.
func typed(m *model, names ...string) (quit bool) {
	codes := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
		"home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "backspace": tea.KeyBackspace}
	for _, name := range names {
		k := tea.KeyPressMsg{Text: name}
		if code, ok := codes[name]; ok {
			k = tea.KeyPressMsg{Code: code}
		} else if name == "ctrl+c" {
			k = tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
		} else {
			k.Code = []rune(name)[0]
		}
		if _, cmd := m.Update(k); cmd != nil {
			_, isQuit := cmd().(tea.QuitMsg)
			quit = quit || isQuit
		}
	}
	return quit
}

func shows(t *testing.T, m *model, wanted ...string) {
	t.Helper()
	screen := text(m)
	for _, w := range wanted {
		if !strings.Contains(screen, w) {
			t.Fatalf("%q is not on the screen:\n%s", w, screen)
		}
	}
}

func hides(t *testing.T, m *model, unwanted ...string) {
	t.Helper()
	screen := text(m)
	for _, w := range unwanted {
		if strings.Contains(screen, w) {
			t.Fatalf("%q is on the screen:\n%s", w, screen)
		}
	}
}

func at(s status.Snapshot, later time.Duration) snapshotMsg {
	s.At = s.At.Add(later)
	return snapshotMsg(s)
}

func TestEnterOpensWhatIsWorstOrSelected(t *testing.T) {
	m := screen(t, Options{}, 80, 50, snapshotMsg(breaching()))
	typed(m, "enter")
	shows(t, m, "‹ ALARM emergency-depth", "Threshold Crossed")
	typed(m, "esc", "down", "enter") // the problem of the dead-letter queue belongs to its queue
	shows(t, m, "‹ QUEUE emergency.fifo", "dead letters", "limit 1,000 messages", "since 12:01 (3m)")
	typed(m, "esc")
	shows(t, m, "▸✖ queue/emergency.fifo-dlq", "STREAM")

	// When the problem is over, the selection stays with its part.
	typed(m, "up", "down")
	m.Update(at(healthy(), time.Minute))
	shows(t, m, "▸· emergency.fifo", "✔ all well")
	typed(m, "down", "j", "down", "k", "enter")
	shows(t, m, "‹ QUEUE stream-failures")
}

func TestEveryPartOpens(t *testing.T) {
	for _, s := range scenes {
		m := screen(t, Options{}, 120, 200, snapshotMsg(s.of()))
		for _, r := range m.rows() {
			m.part = r.part
			hides(t, m, "is not known here")
		}
		m.part = "queue/of-yesterday"
		shows(t, m, "is not known here · esc goes back")
	}
}

func TestSelectionStaysInSight(t *testing.T) {
	m := screen(t, Options{}, 60, 15, snapshotMsg(breaching()))
	for range len(m.rows()) {
		typed(m, "down")
		shows(t, m, "▸", "more")
	}
	shows(t, m, "▸· FLOW", "above")
	for range len(m.rows()) {
		typed(m, "up")
		shows(t, m, "▸")
	}
	shows(t, m, "▸✖ emergency-depth")
}

func TestFilterLeavesOnlyWhatMatches(t *testing.T) {
	m := screen(t, Options{}, 80, 40, snapshotMsg(healthy()))
	typed(m, "/", "o", "w", "n", "x", "backspace", "e")
	shows(t, m, "/owne", "owner-alerts", "TOPICS")
	hides(t, m, "STREAM", "authorities")
	typed(m, "q", "backspace", "enter", "down", "enter") // a q is typed, not obeyed
	shows(t, m, "‹ TOPIC owner-alerts")
	typed(m, "esc")
	hides(t, m, "STREAM")
	typed(m, "esc")
	shows(t, m, "STREAM", "authorities")
}

func TestPastIsMarkedAndLeftByEsc(t *testing.T) {
	m := screen(t, Options{}, 80, 40, snapshotMsg(breaching()), at(breaching(), 10*time.Second), at(healthy(), 20*time.Second))
	shows(t, m, "live ·", "✔ all well")
	typed(m, "left")
	shows(t, m, "PAST", "12:04:41", "10s ago", "✖ 1 alarm")
	m.Update(at(healthy(), 30*time.Second)) // changes nothing but the age
	shows(t, m, "PAST", "12:04:41", "20s ago", "✖ 1 alarm")
	typed(m, "left", "left", "left")
	shows(t, m, "12:04:31")
	typed(m, "right", "right")
	shows(t, m, "12:04:51", "✔ all well", "PAST")
	typed(m, "t")
	shows(t, m, "this is the past")
	typed(m, "esc")
	shows(t, m, "live ·", "12:05:01")
	typed(m, "home")
	shows(t, m, "PAST", "12:04:31")
	typed(m, "right", "right", "right")
	shows(t, m, "live ·", "12:05:01")
	typed(m, "p")
	shows(t, m, "PAUSED")
	m.Update(at(breaching(), 40*time.Second))
	shows(t, m, "PAST", "12:05:01", "✔ all well")
	typed(m, "p")
	shows(t, m, "live ·", "12:05:11", "✖ 1 alarm")
}

func TestKeptThinsOutButKeepsTheEnds(t *testing.T) {
	var k kept
	for i := range 10_000 {
		k.add(status.Snapshot{At: noon.Add(time.Duration(i) * time.Second)})
		if len(k) > maxKept {
			t.Fatalf("%d are kept, want at most %d", len(k), maxKept)
		}
		if !slices.IsSortedFunc(k, func(a, b status.Snapshot) int { return a.At.Compare(b.At) }) {
			t.Fatal("not in order")
		}
	}
	if !k[0].At.Equal(noon) {
		t.Errorf("the oldest is %v, want the first", k[0].At)
	}
	for i := range 30 {
		if got, want := k[len(k)-1-i].At, noon.Add(time.Duration(9999-i)*time.Second); !got.Equal(want) {
			t.Errorf("%d back is %v, want %v: the newest must all be there", i, got, want)
		}
	}
}

func TestPaceGoesUpAndDown(t *testing.T) {
	var asked []time.Duration
	m := screen(t, Options{Period: func(d time.Duration) { asked = append(asked, d) }}, 80, 24, snapshotMsg(healthy()))
	typed(m, "+", "-")
	shows(t, m, "every 15 s")
	if want := []time.Duration{5 * time.Second, 15 * time.Second}; !slices.Equal(asked, want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
}

func TestSilenceIsNotTakenForLife(t *testing.T) {
	m := screen(t, Options{}, 80, 24, snapshotMsg(healthy()), lateMsg{})
	shows(t, m, "nothing new since 12:04:31")
	hides(t, m, "live ·")
	m.Update(at(healthy(), time.Minute))
	shows(t, m, "live ·")
	m.Update(endMsg{})
	shows(t, m, "END")
}

// What AWS or a proxy says at length must not push the pipeline off the screen.
func TestLongProblemsAreCutUntilOpened(t *testing.T) {
	s := stale()
	s.Problems[0].Text = "no answer: " + strings.Repeat("request send failed, ", 60) + "at last"
	m := screen(t, Options{}, 80, 60, snapshotMsg(s))
	shows(t, m, "no answer: request", "…", "FLOW")
	typed(m, "enter")
	shows(t, m, "SOURCES", "at last")
}
