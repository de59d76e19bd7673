// Package watch is the screen on which a person watches the pipeline: it draws
// one status.Snapshot after another, opens what is in them, goes back in time
// and starts actions after asking. It works no number and no severity out by
// itself, knows nothing of AWS, and leaves gathering and what an action does to
// those who hand them in.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// framesPerSecond is how often the terminal is drawn at most: at once for a
// person, and little work while nothing changes.
const framesPerSecond = 20

// Options say where the screen is and what it may do.
type Options struct {
	// In is the keyboard and Out the terminal. When Out is an os.File the screen
	// takes its size and follows it.
	In  io.Reader
	Out io.Writer
	// Color allows colours. Without them the screen says the same.
	Color bool
	// Environ is what tells how many colours the terminal has, TERM and
	// COLORTERM; nil means the process's own.
	Environ []string
	// Width and Height are the size when Out does not tell.
	Width, Height int

	// Period changes how often a Snapshot comes. Nil where that can not be
	// changed, as in a recording.
	Period func(time.Duration)
	// Recorded says that these are Snapshots of a recording.
	Recorded bool
	// Actions are what may be started from here.
	Actions Actions
}

// Source gives Snapshots until ctx ends, there are no more, or with an error it
// can give no more. It is asked once, in a goroutine of its own.
type Source func(ctx context.Context) iter.Seq2[status.Snapshot, error]

// Run shows Snapshots as they come until the person quits or ctx ends, whose
// cause is the error then. When there are no more, the last one stays on the
// screen; what ended them early is the error in the end. An action that still
// runs is cancelled and waited for: no goroutine is left behind.
func Run(ctx context.Context, source Source, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := newModel(ctx, o)
	options := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithFPS(framesPerSecond),
		tea.WithoutSignalHandler(), // the commands have their own
	}
	if o.Environ != nil {
		options = append(options, tea.WithEnvironment(o.Environ))
	}
	if o.Width > 0 && o.Height > 0 {
		options = append(options, tea.WithWindowSize(o.Width, o.Height))
	}
	if !o.Color {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	program := tea.NewProgram(m, options...)
	m.send = program.Send
	var feeding sync.WaitGroup
	feeding.Go(func() { feed(ctx, source, program.Send) })
	_, err := program.Run()
	cause := context.Cause(ctx) // before this function itself ends it
	cancel()
	feeding.Wait()
	m.running.Wait()
	switch {
	case cause != nil:
		return cause
	case err != nil && !errors.Is(err, tea.ErrInterrupted):
		return fmt.Errorf("screen: %w", err)
	}
	return m.broken
}

// The messages of feed: a new Snapshot, none for too long, and no more of them.
type (
	snapshotMsg status.Snapshot
	lateMsg     struct{}
	endMsg      struct{ err error }
)

// feed hands Snapshots on. Those who make them answer every period whatever
// happens, so a screen that hears nothing for longer has lost them and must not
// look alive.
func feed(ctx context.Context, source Source, send func(tea.Msg)) {
	late := time.AfterFunc(lateAfter(0), func() { send(lateMsg{}) })
	defer late.Stop()
	for s, err := range source(ctx) {
		if err != nil {
			send(endMsg{err})
			return
		}
		late.Reset(lateAfter(time.Duration(s.Period)))
		send(snapshotMsg(s))
	}
	send(endMsg{})
}

// lateAfter leaves a slow round of questions its time.
func lateAfter(period time.Duration) time.Duration { return 3*period + 20*time.Second }
