package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/aws/sweep"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

type downOptions struct {
	confirm string
	purge   bool
}

func (o *downOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.confirm, "confirm", "", "the `name` of the environment, in place of typing it")
	f.BoolVar(&o.purge, "purge-data", false, "delete the data lake's objects too, and with them the key")
}

func newDown(e *env) *cobra.Command {
	var o downOptions
	c := &cobra.Command{
		Use:   "down",
		Short: "Take the pipeline down and prove that nothing is left",
		Long: `Shows what would be deleted and asks for the environment's name. Then it deletes
in order, waits until each thing is really gone, and looks through the account
for anything that still carries the pipeline's tags.

The data lake stays as long as it holds data, and so does the key that the data
is encrypted with; --purge-data deletes both (the key is scheduled for deletion,
which AWS makes final after 30 days). Things that are not ours are never
touched, whatever their names.

Exit codes: 0 done, 0 left; 1 failed; 2 wrong usage or configuration; 3 some
deleted, some failed; 4 not allowed; 5 something is left that should not be; 130
interrupted.`,
		Example: `  ccsctl down -c streaming.tf                       look, then type the name
  ccsctl down --sandbox --confirm=prod -c streaming.tf
  ccsctl down --confirm=dev --purge-data -e dev      nothing stays`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDown(c.Context(), e, o) },
	}
	o.flags(c.Flags())
	return c
}

func runDown(ctx context.Context, e *env, o downOptions) error {
	c, err := e.config()
	if err != nil {
		return err
	}
	if o.confirm == "" { // better told now than after the reading
		if err := e.console.CanAsk("--confirm=" + c.Environment); err != nil {
			return err
		}
	} else if o.confirm != c.Environment {
		return fault.As(fault.Usage, fmt.Errorf("--confirm=%s does not name the environment %s", o.confirm, c.Environment),
			"give the name of the environment that you mean to take down")
	}
	t, err := e.target(ctx, o.purge)
	if err != nil {
		return err
	}
	defer e.countCalls(ctx, t)()
	p, err := plan.Removal(ctx, t.pipeline.Graph())
	if err != nil {
		return err
	}
	v := newPlanView(t, p)
	if v.Counts[resource.Delete] > 0 {
		e.console.Notef("%s", v.Human(e.console.Err.Painter()))
		if o.confirm == "" {
			if err := e.console.ConfirmName(ctx, fmt.Sprintf("This deletes %d things in %s.", v.Counts[resource.Delete], t.place()), c.Environment, "--confirm="+c.Environment); err != nil {
				return err
			}
		}
	}
	out, err := e.apply(ctx, t, p, "down")
	if err != nil {
		return err
	}
	runErr := out.err(ctx, "down")
	if runErr == nil {
		runErr = e.proveGone(ctx, t, out)
	}
	return errors.Join(e.report(out), runErr)
}

// sweepPatience is how long the tagging API may go on listing what is gone. It
// is eventually consistent and lists deleted things for a while.
const sweepPatience = 2 * time.Minute

// proveGone looks for whatever still carries the pipeline's tags and is not
// kept on purpose.
func (e *env) proveGone(ctx context.Context, t *target, out *outcomeView) error {
	found, err := sweep.New(t.session.Config, t.pipeline.Owner()).Left(ctx, sweepPatience)
	if cause := cut(err, ctx); errors.Is(cause, errSignal) {
		return fault.As(fault.Interrupted, fmt.Errorf("%w while looking for what is left", cause), "run 'ccsctl down' again to look")
	}
	if err != nil {
		return fmt.Errorf("look for what is left: %w", err)
	}
	kept, err := t.pipeline.Kept(ctx)
	if err != nil {
		return fmt.Errorf("look for what is kept: %w", err)
	}
	out.Left = []string{}
	for _, thing := range found {
		if !kept[thing.ARN] {
			out.Left = append(out.Left, thing.ARN)
		}
	}
	if n := len(out.Left); n > 0 {
		return fault.As(fault.Leftover, fmt.Errorf("%d left: %s", n, strings.Join(out.Left, ", ")),
			"look at each; what has the pipeline's tags and is not known to this version must be deleted by hand")
	}
	return nil
}
