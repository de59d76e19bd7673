package watch

import (
	"context"
	"errors"
	"fmt"
	"testing"

	tea "charm.land/bubbletea/v2"
)

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

func TestDriftIsReadAtOnceAndWhereTheRestIsLocked(t *testing.T) {
	a := &move{end: make(chan struct{})}
	m, messages := acting(t, a)
	m.options.Actions = Actions{Locked: "read-only here: --actions allows it", Drift: func() Action { return a }}
	typed(m, "d")
	m.Update(<-messages)
	shows(t, m, "running", "moved 1 of 3")
	close(a.end)
	for !m.task.over {
		m.Update(<-messages)
	}
	if a.ran != 1 {
		t.Errorf("ran %d times, want once", a.ran)
	}
	m = screen(t, Options{}, 120, 30, snapshotMsg(healthy()))
	typed(m, "d")
	shows(t, m, "type in a shell: ccsctl plan")
}
