package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

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

// move is an Action that reports two lines and waits for its end.
type move struct {
	queue string
	err   error
	ran   int
	end   chan struct{}
}

func (a *move) Name() string    { return "redrive " + a.queue }
func (a *move) Command() string { return "ccsctl dlq redrive " + a.queue }
func (a *move) Effect() string  { return "moves 3 messages back in AWS account 123456789012" }
func (a *move) Run(ctx context.Context, report func(string)) error {
	a.ran++
	report("moved 1 of 3")
	report("moved 2 of 3\x1b[2J")
	select {
	case <-a.end:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// acting is a screen whose actions send their messages to a channel.
func acting(t *testing.T, a *move) (*model, chan tea.Msg) {
	m := screen(t, Options{Actions: Actions{Redrive: func(queue string) Action { a.queue = queue; return a }}}, 80, 30, snapshotMsg(breaching()))
	messages := make(chan tea.Msg, 10)
	m.send = func(msg tea.Msg) { messages <- msg }
	return m, messages
}

func TestActionRunsOnlyAfterYes(t *testing.T) {
	for _, no := range []string{"n", "esc", "enter", "q", "r", "Y"} {
		a := &move{}
		m, _ := acting(t, a)
		typed(m, "r")
		shows(t, m, "redrive emergency?", "ccsctl dlq redrive emergency", "moves 3 messages back in AWS account")
		if quit := typed(m, no); quit || a.ran > 0 {
			t.Errorf("%s: ran %d times, quit %v", no, a.ran, quit)
		}
		m.running.Wait()
		shows(t, m, "nothing was changed")
	}
}

func TestActionReportsInItsPanel(t *testing.T) {
	a := &move{end: make(chan struct{}), err: errors.New("2 of 3 were moved")}
	m, messages := acting(t, a)
	typed(m, "r", "y")
	m.Update(<-messages)
	m.Update(<-messages)
	shows(t, m, "running", "moved 1 of 3", "moved 2 of 3�[2J")
	typed(m, "esc")
	hides(t, m, "moved 1 of 3")
	shows(t, m, "redrive emergency is running")
	if typed(m, "q") {
		t.Error("q left an action behind")
	}
	shows(t, m, "x stops it")
	close(a.end)
	m.Update(<-messages)
	shows(t, m, "✖ 2 of 3 were moved", "esc closes this")
	typed(m, "esc")
	hides(t, m, "moved 1 of 3")
	if a.ran != 1 || !typed(m, "q") {
		t.Errorf("ran %d times, want once, and q to quit after it", a.ran)
	}
}

func TestActionStops(t *testing.T) {
	a := &move{end: make(chan struct{})}
	m, messages := acting(t, a)
	typed(m, "r", "y", "x")
	for !m.task.over {
		m.Update(<-messages)
	}
	shows(t, m, "! stopped: context canceled")
}

func TestScaleAsksForANumber(t *testing.T) {
	var asked int
	m := screen(t, Options{Actions: Actions{Scale: func(n int) Action { asked = n; return &move{queue: fmt.Sprint(n)} }}}, 80, 24, snapshotMsg(healthy()))
	typed(m, "s", "0", "0", "enter")
	shows(t, m, "1000", "a number of shards from 10 to 50")
	typed(m, "backspace", "backspace", "backspace", "backspace", "x", "2", "0", "enter")
	if asked != 20 {
		t.Errorf("asked for %d shards, want 20", asked)
	}
	shows(t, m, "y does it")
}

func TestWithoutActionsTheScreenTeachesTheCommand(t *testing.T) {
	m := screen(t, Options{}, 120, 30, snapshotMsg(breaching()))
	typed(m, "r")
	shows(t, m, "type in a shell: ccsctl dlq redrive emergency")
	m = screen(t, Options{Actions: Actions{Locked: "read-only here: --actions allows it", TestAlert: func() Action { return &move{} }}}, 120, 30, snapshotMsg(breaching()))
	typed(m, "t")
	shows(t, m, "read-only here: --actions allows it", "ccsctl alert test")
	if m.task != nil {
		t.Error("a panel opened")
	}
	m = screen(t, Options{}, 120, 30, snapshotMsg(healthy()))
	typed(m, "r")
	shows(t, m, "select the queue")
}

// What is wider or higher than the terminal wraps or scrolls, and what drives
// the terminal must not come out of what others wrote.
func TestFrameStaysWithinTheTerminal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(1, 220).Draw(t, "width"), rapid.IntRange(1, 70).Draw(t, "height")
		s := scenes[rapid.IntRange(0, len(scenes)-1).Draw(t, "scene")].of()
		wild := rapid.String()
		if len(s.Alarms) > 0 {
			s.Alarms[0].Reason, s.Alarms[0].Description = wild.Draw(t, "reason"), wild.Draw(t, "description")
		}
		s.Problems = append(s.Problems, status.Problem{Part: wild.Draw(t, "part"), Severity: status.Red, Text: wild.Draw(t, "text"), Fix: wild.Draw(t, "fix")})
		s.Events = append(s.Events, status.Event{Part: wild.Draw(t, "event part"), Text: wild.Draw(t, "event")})
		s.Identity.Project, s.Topics[0].Name = wild.Draw(t, "project"), wild.Draw(t, "topic")
		s.Stream.PerShard = shardsOf(rapid.IntRange(0, 60).Draw(t, "shards"), rapid.Float64Range(0, 200).Draw(t, "load"))
		s.Stream.Records = live(rapid.Float64().Draw(t, "rate"), status.RecordsPerSecond, limit(rapid.Float64().Draw(t, "limit")))
		m := newModel(context.Background(), Options{})
		m.Update(tea.WindowSizeMsg{Width: width, Height: height})
		check := func() {
			lines := m.frame()
			if len(lines) > height {
				t.Fatalf("%d lines in %d rows", len(lines), height)
			}
			for _, line := range lines {
				if got := ansi.StringWidth(line); got > width {
					t.Fatalf("%d columns in %d: %q", got, width, line)
				}
				if i := strings.IndexFunc(ansi.Strip(line), unicode.IsControl); i >= 0 {
					t.Fatalf("control character at %d of %q", i, line)
				}
			}
		}
		check()
		m.Update(snapshotMsg(s))
		check()
		for _, k := range rapid.SliceOfN(rapid.SampledFrom([]string{"down", "up", "enter", "esc", "/", "e", "?", "p", "left", "right", "r", "s", "t", "+", "pgdown", "home"}), 0, 12).Draw(t, "keys") {
			typed(m, k)
			check()
		}
	})
}

// What the screen says of a measure is what every other face says of it.
func TestNumbersAreThoseOfTheOtherFaces(t *testing.T) {
	for _, scene := range scenes {
		s := scene.of()
		m := screen(t, Options{}, 200, 400, snapshotMsg(s))
		var all strings.Builder
		all.WriteString(text(m))
		for _, part := range []string{"stream/telemetry", "delivery/data-lake", "workflow/emergency"} {
			m.part = part
			all.WriteString(text(m))
		}
		for _, f := range s.Functions {
			m.part = "function/" + f.Name
			all.WriteString(text(m))
		}
		for _, q := range s.Queues {
			m.part = "queue/" + q.Name
			all.WriteString(text(m))
		}
		for _, x := range s.Topics {
			m.part = "topic/" + x.Name
			all.WriteString(text(m))
		}
		screens := all.String()
		facts := s.Facts()
		if len(facts) < 40 {
			t.Errorf("%s: only %d measures to look for", scene.name, len(facts))
		}
		for _, f := range facts {
			if !strings.Contains(screens, f.Measure.String()) {
				t.Errorf("%s: %s of %s, %s is on no screen", scene.name, f.Measure, f.Part, f.Name)
			}
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	s := breaching()
	s.Stream.PerShard = shardsOf(50, 80)
	for name, o := range map[string]Options{"colour": {Color: true}, "none": {}} {
		for _, part := range []string{"", "stream/telemetry"} {
			b.Run(fmt.Sprintf("%s/%s", name, strings.Trim("pipeline "+part, " ")), func(b *testing.B) {
				m := screen(b, o, 200, 60, tea.ColorProfileMsg{Profile: 5}, snapshotMsg(s))
				m.part = part
				for b.Loop() {
					_, _ = io.WriteString(io.Discard, m.View().Content)
				}
			})
		}
	}
}
