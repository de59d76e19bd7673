// Package progress shows a plan while it is carried out: a live screen on a
// terminal, lines elsewhere. It knows the events of package plan and how to
// draw them. What a terminal is, which of the two to use, and signals it
// leaves to the commands: the screen reads no input and changes no mode of the
// terminal, so Ctrl-C stays what it was and a killed process leaves nothing to
// repair.
package progress

import (
	"io"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/ccs-platform/ccsctl/internal/plan"
)

// tick is how often the screen moves on: slow enough for a terminal far away,
// fast enough to look alive.
const tick = 100 * time.Millisecond

// usualHeight is the number of rows of a terminal that does not tell.
const usualHeight = 24

// Options say what the screen shows and where.
type Options struct {
	// Out is the terminal. When it has a method Fd() uintptr that leads to one,
	// as os.File has, the screen takes its size and follows it.
	Out io.Writer
	// Width is the number of columns when Out does not tell.
	Width int
	// Color allows colours. Without them the screen says the same.
	Color bool
	// Items are the resources that are counted and shown, those with steps.
	// Events of others are ignored.
	Items []plan.Item
	// Title is what runs and where: "up ccs/prod".
	Title string
}

// Progress is a screen that runs. Its methods may be called from any goroutine
// and, Close apart, never wait for the terminal.
type Progress struct {
	program *tea.Program
	out     *terminal
	closing chan struct{}
	once    sync.Once
	ended   sync.WaitGroup

	mu   sync.Mutex
	next frame // what happened since the last one
}

// New draws the screen below the cursor and keeps it moving until Close. Until
// then nobody else may write to the same terminal.
func New(o Options) *Progress {
	out := newTerminal(o.Out)
	profile := colorprofile.ASCII
	if o.Color {
		profile = colorprofile.ANSI
	}
	p := &Progress{
		out:     out,
		closing: make(chan struct{}),
		program: tea.NewProgram(newModel(o, time.Now()),
			tea.WithInput(nil),
			tea.WithoutSignalHandler(),
			tea.WithOutput(out),
			tea.WithWindowSize(o.Width, usualHeight),
			tea.WithColorProfile(profile)),
	}
	over := make(chan struct{})
	p.ended.Go(func() {
		defer close(over)
		// A screen that fails is no reason to fail: the command reports
		// results by itself.
		_, _ = p.program.Run()
	})
	p.ended.Go(func() { p.feed(over) })
	return p
}

// Observe takes in one event, in the order in which they happen.
func (p *Progress) Observe(e plan.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next.events = append(p.next.events, e)
}

// Note shows one sentence below the title until the next note takes its place.
func (p *Progress) Note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next.note = text
}

// Close draws what was observed before it and leaves that on the terminal, with
// the cursor on the line below. It returns once nothing is written any more.
// Calling it again does nothing, and neither do Observe and Note afterwards.
func (p *Progress) Close() {
	p.once.Do(func() { close(p.closing) })
	p.ended.Wait()
}

// feed gives the program a frame every tick, the last one when closing.
func (p *Progress) feed(over <-chan struct{}) {
	// Before its first frame the program does not know where the cursor is and
	// would put what it prints anywhere.
	select {
	case <-p.out.written:
	case <-over:
		return
	}
	t := time.NewTicker(tick)
	defer t.Stop()
	for last := false; !last; {
		select {
		case <-t.C:
		case <-p.closing:
			last = true
		}
		f := p.take()
		f.now, f.last = time.Now(), last
		p.program.Send(f) // returns when the program is over, too
	}
}

func (p *Progress) take() frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.next
	p.next = frame{}
	return f
}
