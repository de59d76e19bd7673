// Package console is the three streams of a command: results go to stdout as a
// table, plain text or JSON; notes, warnings, errors, logs and questions go to
// stderr; answers come from stdin. It knows terminals, widths and colour. What
// is said, and when, it leaves to the commands; whatever moves on a screen it
// leaves to others, who can write to Err.
package console

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Options say what a Console talks to and how. In, Out and Err are required.
type Options struct {
	In       io.Reader
	Out, Err io.Writer

	// LookupEnv reads the environment; nil means that of the process.
	LookupEnv func(string) (string, bool)

	Format  Format // of results; Auto chooses by the stream
	NoColor bool
	Quiet   bool // no notes; warnings, errors and results stay
	Verbose int  // how often -v was given
	NoInput bool // never ask
	Yes     bool // the answer to Confirm, though not to ConfirmName
}

// Console is the streams of one command. All methods but Confirm and
// ConfirmName may be called from several goroutines; lines never mix.
type Console struct {
	Out *Stream // results only
	Err *Stream // everything else

	opts    Options
	logger  *slog.Logger
	in      *bufio.Reader
	canAsk  bool
	pending chan answer // a read that an earlier, cancelled question left behind
}

// New looks at the streams and at the environment: NO_COLOR, CLICOLOR,
// CLICOLOR_FORCE, TERM and COLUMNS have their usual meaning. CCSCTL_FORCE_TTY
// makes all three streams count as a terminal of that many columns, for tests
// and recordings.
func New(o Options) *Console {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	e := environment(o.LookupEnv)
	lock := new(sync.Mutex)
	c := &Console{
		Out:    newStream(o.Out, lock, e, o.NoColor),
		Err:    newStream(o.Err, lock, e, o.NoColor),
		opts:   o,
		in:     bufio.NewReader(o.In),
		canAsk: !o.NoInput && e.terminal(o.In) && e.terminal(o.Err),
	}
	c.logger = slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: c.level()}))
	return c
}

// Interactive reports whether a screen that reads keys has a place: In and Out
// are terminals, without regard to CCSCTL_FORCE_TTY, and input was not refused.
func (c *Console) Interactive() bool {
	terminal := func(stream any) bool {
		f, ok := stream.(*os.File)
		return ok && term.IsTerminal(int(f.Fd()))
	}
	return !c.opts.NoInput && terminal(c.opts.In) && terminal(c.opts.Out) && os.Getenv("TERM") != "dumb"
}

// Notef tells a person something on a line of its own, unless Quiet.
func (c *Console) Notef(format string, args ...any) {
	if !c.opts.Quiet {
		c.say(fmt.Sprintf(format, args...))
	}
}

// Verbosef is Notef for those who asked for more with -v.
func (c *Console) Verbosef(format string, args ...any) {
	if c.opts.Verbose > 0 {
		c.Notef(format, args...)
	}
}

// Warnf tells of something that does not stop the command but should be known;
// Quiet does not silence it.
func (c *Console) Warnf(format string, args ...any) {
	c.say("ccsctl: " + c.Err.Painter().Yellow("warning:") + " " + printable(fmt.Sprintf(format, args...), false))
}

// Logger writes to stderr: warnings and worse, with -v informational records
// as well, with -vv all; under Quiet only errors.
func (c *Console) Logger() *slog.Logger { return c.logger }

func (c *Console) level() slog.Level {
	switch {
	case c.opts.Quiet:
		return slog.LevelError
	case c.opts.Verbose == 0:
		return slog.LevelWarn
	case c.opts.Verbose == 1:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// say writes one line to stderr. That stderr is gone is nothing to tell anyone.
func (c *Console) say(text string) {
	text = printable(strings.TrimRight(text, "\n"), c.Err.colour)
	_, _ = io.WriteString(c.Err, text+"\n")
}
