package cmd

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/fault"
)

// action is a command that the dashboard starts: the very command, with other
// streams and its questions answered, since the dashboard has asked.
type action struct {
	env    *env
	make   func(*env) *cobra.Command
	path   string   // of the command: dlq redrive
	args   []string // its own
	given  []string // flags that the dashboard was started with, which it needs too
	effect string
}

func (a *action) Name() string { return strings.Join(append([]string{a.path}, a.args...), " ") }

func (a *action) Command() string {
	return "ccsctl " + strings.Join(append([]string{a.Name()}, a.given...), " ")
}

func (a *action) Effect() string { return a.effect }

// Run is the command. What it prints, results and talk, are the report. When it
// is stopped it finishes the calls in flight, as with Ctrl-C.
func (a *action) Run(ctx context.Context, report func(string)) error {
	out := &lineWriter{report: report}
	defer out.flush()
	flags := a.env.flags
	flags.yes, flags.quiet, flags.output = true, false, string(console.Table)
	hard, kill := context.WithCancelCause(context.WithoutCancel(ctx))
	defer kill(nil)
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { kill(context.Cause(ctx)) }) })
	inner := &env{hard: hard, soft: ctx, flags: flags, loaded: a.env.loaded, console: console.New(console.Options{
		In: strings.NewReader(""), Out: out, Err: out, Format: console.Table, NoColor: true, NoInput: true, Yes: true,
		LookupEnv: func(string) (string, bool) { return "", false }, // it is no terminal, whatever the person's is
	})}
	c := a.make(inner)
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(append([]string{}, a.args...)) // nil would mean those of the process
	err := c.ExecuteContext(ctx)
	if hint := fault.HintOf(err); hint != "" {
		inner.console.Notef("hint: %s", hint)
	}
	return err
}

// lineWriter cuts what is written into lines. It may be used by several
// goroutines.
type lineWriter struct {
	report func(string)

	mu   sync.Mutex
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		i := bytes.IndexByte(w.rest, '\n')
		if i < 0 {
			return len(p), nil
		}
		w.report(string(w.rest[:i]))
		w.rest = w.rest[i+1:]
	}
}

func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) > 0 {
		w.report(string(w.rest))
		w.rest = nil
	}
}

// given are the flags that say which pipeline is meant, as they were typed: a
// command line that the dashboard shows must mean the same one.
func given(f *pflag.FlagSet) []string {
	var all []string
	for _, name := range []string{"config", "environment", "profile", "region", "endpoint-url", "sandbox", "expect-account", "kms-key-id", "set"} {
		fl := f.Lookup(name)
		switch {
		case fl == nil || !fl.Changed:
			continue
		case fl.Value.Type() == "bool":
			all = append(all, "--"+name)
			continue
		}
		values := []string{fl.Value.String()}
		if s, ok := fl.Value.(pflag.SliceValue); ok {
			values = s.GetSlice()
		}
		for _, v := range values {
			if strings.ContainsAny(v, " '\"$&;|<>()*?") {
				v = strconv.Quote(v)
			}
			all = append(all, fmt.Sprintf("--%s=%s", name, v))
		}
	}
	return all
}
