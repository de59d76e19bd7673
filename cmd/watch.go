package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/status"
)

type watchOptions struct {
	once     bool
	exitCode bool
	every    time.Duration
	during   time.Duration
	actions  bool
	given    []string // flags that say which pipeline
	record   string
	replay   string
	speed    float64
}

func (o *watchOptions) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.once, "once", false, "look once, print and end")
	f.BoolVar(&o.exitCode, "exit-code", false, "with --once: exit with 8 when something is red")
	f.DurationVar(&o.every, "every", 10*time.Second, "look again after this `time`, at least 2s")
	f.DurationVar(&o.during, "for", 0, "end after this `time` (no limit by default)")
	f.BoolVar(&o.actions, "actions", false, "on the screen: allow actions on an account, too; each is asked about")
	f.StringVar(&o.record, "record", "", "write everything that is seen to this new `file`, too")
	f.StringVar(&o.replay, "replay", "", "show what was recorded in this `file` in place of what is live")
	f.Float64Var(&o.speed, "speed", 1, "with --replay: so many times as fast as it was; 0 is without a pause")
}

func newWatch(e *env) *cobra.Command {
	var o watchOptions
	c := &cobra.Command{
		Use:   "watch",
		Short: "See how the pipeline is: load, lag, depths, failures, alarms, and what to do about them",
		Long: `Shows the whole pipeline at a glance, what is wrong first, since when, and what
to type next. By itself it changes nothing. Red is beyond the limits of the
configuration (60 s of iterator age, 1,000 messages, 5 % of failed deliveries
unless it says otherwise), anything in a queue of dead letters, refused records
and failed emergencies. What nobody knows is –, never 0; a value that is old says so.

Rates are those of whole minutes. CloudWatch has them about two minutes late;
queues, the stream's state and alarms are asked live. CloudWatch charges for
being asked: about four cents an hour for each open dashboard, which counts its
calls and shows what they cost.

On a terminal it is a screen: arrows select, enter opens, / filters, left and
right go back and forth in time, ? tells the rest, q quits. Redrive, test alert
and scale can be started from it in a sandbox, and on an account with --actions;
each shows its command and asks first.

Without a terminal, and with -o plain, it prints a line each time and one for
everything that happens; -o ndjson and -o table print all of it each time.
--once looks once and ends.

--record keeps what was seen, to be looked at later with --replay in any of the
same forms. A recording holds the addresses of subscribers.

Exit codes: 0 watched; 1 a recording can't be read or written; 2 wrong usage or
configuration; 4 not allowed; 8 something is red (only with --once
--exit-code); 130 ended by Ctrl-C where there is no screen.`,
		Example: `  ccsctl watch -c streaming.tf
  ccsctl watch --sandbox --every 2s
  ccsctl watch --once --exit-code            is anything red? 8 is yes
  ccsctl watch --once -o json | jq '.problems'
  ccsctl watch --for 1h --record incident.ndjson
  ccsctl watch --replay incident.ndjson --speed 60`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.given = given(c.Flags())
			return runWatch(c.Context(), e, o)
		},
	}
	o.flags(c.Flags())
	return c
}

func (o watchOptions) check() error {
	switch {
	case o.every < status.Shortest:
		return fault.As(fault.Usage, fmt.Errorf("--every %v is too often", o.every), fmt.Sprintf("give at least %v: what is shown does not change faster, and every look costs", status.Shortest))
	case o.during < 0:
		return fault.Usagef("--for %v is less than nothing", o.during)
	case o.exitCode && !o.once:
		return fault.As(fault.Usage, errors.New("--exit-code is about a single look"), "give --once with it")
	case o.record != "" && o.replay != "":
		return fault.Usagef("--record and --replay can't go together: what is replayed is recorded already")
	case o.speed < 0:
		return fault.Usagef("--speed %v is less than nothing", o.speed)
	}
	return nil
}

func runWatch(ctx context.Context, e *env, o watchOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.during > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeoutCause(ctx, o.during, errEnough)
		defer end()
	}
	f, err := e.feed(ctx, o)
	if err != nil {
		return err
	}
	defer f.close()
	if e.hasScreen(o) {
		err = e.showScreen(ctx, f, o)
	} else {
		err = e.showFeed(ctx, f, o)
	}
	if errors.Is(context.Cause(ctx), errEnough) && !o.once {
		err = nil
	}
	return errors.Join(err, f.close())
}

// errEnough ends a watch whose --for is over.
var errEnough = errors.New("the time of --for is over")

// feed is where Snapshots come from: AWS or a recording.
type feed struct {
	snapshots func(ctx context.Context) iter.Seq2[status.Snapshot, error]
	once      func(ctx context.Context) (status.Snapshot, error)
	target    *target             // nil for a recording
	pace      func(time.Duration) // changes the period, nil for a recording
	close     func() error        // may be repeated
}

func (e *env) feed(ctx context.Context, o watchOptions) (*feed, error) {
	if o.replay != "" {
		return replayed(o.replay, o.speed)
	}
	var recorder *recorder
	if o.record != "" {
		var err error
		if recorder, err = newRecorder(o.record); err != nil {
			return nil, err
		}
	}
	t, err := e.target(ctx, false)
	if err != nil {
		return nil, errors.Join(err, recorder.close())
	}
	spec := t.pipeline.Watched()
	spec.Identity.Endpoint, spec.Identity.Sandbox = t.session.Endpoint, t.inSandbox()
	g := status.New(spec, status.Options{AWS: t.session.Config, Lag: t.metricLag(), Explain: t.session.Explain})
	return &feed{
		snapshots: func(ctx context.Context) iter.Seq2[status.Snapshot, error] {
			return func(yield func(status.Snapshot, error) bool) {
				for s := range g.Watch(ctx, o.every) {
					recorder.write(e.console, s)
					if !yield(s, nil) {
						return
					}
				}
			}
		},
		once: func(ctx context.Context) (status.Snapshot, error) {
			s, err := g.Once(ctx)
			if err == nil {
				recorder.write(e.console, s)
			}
			return s, err
		},
		target: t, pace: g.SetPeriod, close: recorder.close,
	}, nil
}

// metricLag is how late CloudWatch is: a sandbox may have no lag.
func (t *target) metricLag() time.Duration {
	if t.inSandbox() && t.sandbox.Timing != "aws" {
		return 0
	}
	return status.Lag
}

// showFeed prints what comes in the form that is asked for.
func (e *env) showFeed(ctx context.Context, f *feed, o watchOptions) error {
	if o.once {
		s, err := f.once(ctx)
		if err != nil {
			return err
		}
		if err := e.console.Print(watchView{s}); err != nil {
			return err
		}
		if o.exitCode && s.Severity == status.Red {
			return fault.As(fault.Pending, fmt.Errorf("%s", s.Problems[0]), s.Problems[0].Fix)
		}
		return nil
	}
	lines := watchLines{}
	for s, err := range f.snapshots(ctx) {
		if err == nil && s.Loading {
			continue // only a screen has use for half of it
		}
		if err == nil {
			switch console.Format(e.flags.output) {
			case console.JSON, console.NDJSON, console.Table:
				err = e.console.Print(watchView{s})
			default:
				_, err = io.WriteString(e.console.Out, lines.next(s))
			}
		}
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// recorder writes a recording as long as it can be written. nil records
// nothing.
type recorder struct {
	file *os.File
	to   *status.Recorder
	err  error
}

// newRecorder makes the file. One that is there is somebody's recording.
func newRecorder(path string) (*recorder, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, fault.As(fault.Usage, fmt.Errorf("%s is there already", path), "choose another name for the recording, or remove the file")
	}
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	return &recorder{file: f, to: status.NewRecorder(f)}, nil
}

// write adds a Snapshot. When that fails the person goes on watching, and hears
// of it.
func (r *recorder) write(c *console.Console, s status.Snapshot) {
	if r == nil || r.err != nil {
		return
	}
	if r.err = r.to.Write(s); r.err != nil {
		c.Warnf("%v; nothing more is recorded", r.err)
	}
}

func (r *recorder) close() error {
	if r == nil || r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return errors.Join(r.err, err)
}

// replayed is the feed of a recording. --once shows its end.
func replayed(path string, speed float64) (*feed, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fault.As(fault.Usage, fmt.Errorf("recording: %w", err), "give a file that 'ccsctl watch --record' wrote")
	}
	p, err := status.NewPlayer(file)
	if err != nil {
		file.Close()
		return nil, fault.As(fault.Failed, fmt.Errorf("%s: %w", path, err), "give a file that 'ccsctl watch --record' wrote")
	}
	return &feed{
		snapshots: func(ctx context.Context) iter.Seq2[status.Snapshot, error] { return p.Play(ctx, speed) },
		once: func(ctx context.Context) (last status.Snapshot, err error) {
			for s, err := range p.Play(ctx, 0) {
				if err != nil {
					return last, err
				}
				last = s
			}
			return last, context.Cause(ctx)
		},
		close: func() error { file.Close(); return nil }, // it was only read
	}, nil
}
