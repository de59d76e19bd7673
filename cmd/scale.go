package cmd

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/scale"
)

type scaleOptions struct {
	dryRun bool
}

func (o *scaleOptions) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.dryRun, "dry-run", false, "show the steps, and change nothing")
}

func newScale(e *env) *cobra.Command {
	var o scaleOptions
	c := &cobra.Command{
		Use:   "scale SHARDS",
		Short: "Give the stream this number of shards, in the steps that AWS allows",
		Long: `Resizes the pipeline's stream and waits until it is done. One resize goes at most
to double or to half of what there is, so that 10 to 50 shards takes three: 20,
40, 50. Each takes AWS a few minutes; meanwhile the stream is read and written as
always. A shard costs about $11 a month; the calls are free.

AWS resizes a stream 10 times in 24 hours, whoever asks, and does not tell how
often it has. The command counts what was resized from this machine: there are at
most so many left as it says.

SHARDS must be within autoscaling.min_shards and max_shards of the configuration:
beyond them the next 'ccsctl up', or the autoscaler, would take it back. An
emergency beyond them is '--set autoscaling.max_shards=N', which holds for one
run.

It asks before it makes the stream smaller, and before any change in an account.
Ctrl-C leaves the stream at a size that it can stay at: AWS ends the resize that
is under way, and the same command goes on from there. A change by somebody else
that is under way is waited for.

Exit codes: 0 the stream has that many shards; 1 failed; 2 wrong usage or
configuration; 3 some of the steps are done; 4 not allowed; 130 interrupted.`,
		Example: `  ccsctl scale 40 --dry-run                           the steps, and what they cost
  ccsctl scale 40 --yes -c streaming.tf               for a runbook
  ccsctl scale 80 --set autoscaling.max_shards=80     beyond the range, this once
  ccsctl scale 20 --sandbox -o json`,
		Args: func(c *cobra.Command, given []string) error {
			return fault.As(fault.Usage, cobra.ExactArgs(1)(c, given), "give the number of shards that the stream is to have; "+seeHelp(c))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, args []string) error { return runScale(c.Context(), e, args[0], o) },
	}
	o.flags(c.Flags())
	return c
}

func runScale(ctx context.Context, e *env, size string, o scaleOptions) error {
	shards, err := strconv.Atoi(size)
	if err != nil || shards < 1 {
		return fault.As(fault.Usage, fmt.Errorf("%q is no number of shards", size), "give a whole number, 1 at least")
	}
	c, err := e.config()
	if err != nil {
		return err
	}
	if err := inRange(c, shards); err != nil {
		return err
	}
	if !o.dryRun && !e.flags.yes && !e.flags.sandbox { // better told now than after the reading
		if err := e.console.CanAsk("--yes"); err != nil {
			return err
		}
	}
	t, err := e.target(ctx, false)
	if err != nil {
		return err
	}
	defer e.countCalls(ctx, t)()
	s := t.scale(shards)
	p, err := s.Plan(resource.WithNotes(ctx, func(note string) { e.console.Notef("%s", note) }), !o.dryRun)
	if err != nil {
		return noPipeline(t, fmt.Errorf("scale: %w", err))
	}
	v := newScaleView(t, p)
	if v.DryRun = o.dryRun; o.dryRun || len(p.Steps) == 0 {
		return e.printScale(v)
	}
	if err := p.Check(); err != nil {
		return fmt.Errorf("scale: %w", err)
	}
	e.console.Notef("%s", v.Human(e.console.Err.Painter()))
	if shards < p.From || t.people() {
		yes, err := e.console.Confirm(ctx, fmt.Sprintf("Resize from %d to %d shards in %s?", p.From, shards, t.place()), "--yes")
		if err == nil && !yes {
			err = fault.As(fault.Interrupted, errDeclined, "")
		}
		if err != nil {
			return err
		}
	}
	return e.carryOutScale(ctx, t, s, p, v)
}

// inRange refuses what would not last.
func inRange(c *config.Config, shards int) error {
	hint := "'ccsctl up' and the autoscaler would take it back; change the configuration, or add '--set %s=" + strconv.Itoa(shards) + "' for this run alone"
	switch a := c.Autoscaling; {
	case shards < a.MinShards:
		return fault.As(fault.Usage, fmt.Errorf("%s are less than autoscaling.min_shards, %d", count(shards, "shard"), a.MinShards), fmt.Sprintf(hint, "autoscaling.min_shards"))
	case shards > a.MaxShards:
		return fault.As(fault.Usage, fmt.Errorf("%s are more than autoscaling.max_shards, %d", count(shards, "shard"), a.MaxShards), fmt.Sprintf(hint, "autoscaling.max_shards"))
	}
	return nil
}

// scale is the way to a number of shards, the same for the command and the
// dashboard.
func (t *target) scale(shards int) *scale.Scale {
	return scale.New(t.session.Config, t.pipeline.StreamSize(shards), scale.NewLedger(stateDir("resizes"), t.pipeline.StreamARN()))
}

// carryOutScale resizes, with its progress on stderr, and prints what came of it.
func (e *env) carryOutScale(ctx context.Context, t *target, s *scale.Scale, p *scale.Plan, v *scaleView) error {
	observe, say, done := e.progress(t, p.Run, "scale")
	e.say.Store(&say)
	r, err := s.Run(e.hard, ctx, p, observe)
	e.say.Store(nil)
	done()
	v.add(r)
	if r.Unkept != nil {
		e.console.Warnf("%v: this machine does not know of all that it has resized", r.Unkept)
	}
	return errors.Join(e.printScale(v), scaleErr(ctx, v, err))
}

// printScale prints a resize. Where stdout is for machines people are told, too.
func (e *env) printScale(v *scaleView) error {
	if e.console.Format() != console.Table {
		e.console.Notef("%s", v.Human(e.console.Err.Painter()))
	}
	return e.console.Print(v)
}

// scaleErr says where an interruption or the time limit has left the stream.
func scaleErr(ctx context.Context, v *scaleView, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("scale: %w", err)
	cause := cut(err, ctx)
	if cause == nil {
		return err
	}
	kind := fault.Failed
	switch {
	case errors.Is(cause, errSignal):
		kind = fault.Interrupted
	case v.Calls > 0:
		kind = fault.Partial
	}
	return fault.As(kind, fmt.Errorf("scale: %w: %s", cause, v.standing()), fmt.Sprintf("the stream can stay so; 'ccsctl scale %d' goes on", v.To))
}

// noPipeline adds what builds one.
func noPipeline(t *target, err error) error {
	if !apierr.NotFound(err) {
		return err
	}
	up := "ccsctl up"
	if t.inSandbox() {
		up += " --sandbox"
	}
	return fault.As(fault.Failed, err, fmt.Sprintf("'%s' builds the pipeline", up))
}
