package watch

import (
	"context"
	"strings"
	"sync"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// Action is something that changes the pipeline, ready to be started. It is what
// a command does; the screen only asks, starts it and shows what it reports.
type Action interface {
	// Name is a few words for a title: redrive emergency.
	Name() string
	// Command is the line to type for the same.
	Command() string
	// Effect says what will happen, and where, before it is agreed to.
	Effect() string
	// Run does it, and reports lines from one goroutine at a time. It ends early
	// when ctx does. It is called once.
	Run(ctx context.Context, report func(line string)) error
}

// Actions make what the keys start. One that is nil is no part of this screen,
// which then names the command to type.
type Actions struct {
	// Locked is why nothing may be started here, and how to allow it; "" when
	// it may.
	Locked string

	// Drift only reads: it is there also where the others are locked, and starts
	// without a question.
	Drift func() Action

	Redrive   func(queue string) Action // of dead letters, by the name of the queue that they failed in
	TestAlert func() Action
	Scale     func(shards int) Action
}

// task is an action on its way through the panel.
type task struct {
	action Action
	ask    bool   // for a number of shards, before there is an action
	number string // as typed so far

	started, over, stopping bool
	lines                   []string
	err                     error
	cancel                  context.CancelFunc
}

// The messages of an action that runs.
type (
	reportMsg string
	doneMsg   struct{ err error }
)

// maxLines is how much of a report is kept: more than a panel shows.
const maxLines = 200

// start runs the action beside the screen.
func (t *task) start(ctx context.Context, running *sync.WaitGroup, m *model) {
	ctx, t.cancel = context.WithCancel(ctx)
	t.started = true
	send, action := m.send, t.action
	running.Go(func() {
		err := action.Run(ctx, func(line string) { send(reportMsg(line)) })
		send(doneMsg{err})
	})
}

func (t *task) report(line string) {
	t.lines = append(t.lines, safe(strings.TrimRight(strings.ReplaceAll(line, "\t", "  "), " \r\n")))
	if len(t.lines) > maxLines {
		t.lines = t.lines[1:]
	}
}

func (t *task) end(err error) {
	t.over, t.err = true, err
	t.cancel()
}

func (t *task) busy() bool { return t != nil && t.started && !t.over }

// deadLettersOf is the queue that a redrive is about: the selected one, or the
// only one that has something. The name is as the commands have it.
func deadLettersOf(s *status.Snapshot, part string) (name string, ok bool) {
	var full []string
	for _, q := range s.Queues {
		short := strings.TrimSuffix(q.Name, ".fifo")
		if part == "queue/"+q.Name {
			return short, q.DeadLetters != nil || q.Failures
		}
		depth := q.Depth
		if q.DeadLetters != nil {
			depth = q.DeadLetters.Depth
		} else if !q.Failures {
			continue
		}
		if depth.Known() && *depth.Value > 0 {
			full = append(full, short)
		}
	}
	if len(full) != 1 {
		return "", false
	}
	return full[0], true
}
