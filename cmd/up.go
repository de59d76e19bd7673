package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

type upOptions struct {
	adopt   bool
	replace bool
}

func (o *upOptions) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.adopt, "adopt", false, "take over things that have our names but not our tags")
	f.BoolVar(&o.replace, "allow-replace", false, "delete and make anew what AWS can't change in place")
}

func newUp(e *env) *cobra.Command {
	var o upOptions
	c := &cobra.Command{
		Use:   "up",
		Short: "Build the pipeline, or bring it to what the configuration says",
		Long: `Builds the whole pipeline, or changes what differs from the configuration. Run
again it changes nothing; killed at any moment, run again, it finishes. It shows
the plan first and asks, unless --yes.

Things of the same name that carry other tags are somebody else's: up stops
before it touches anything, unless --adopt. What AWS can't change in place is
replaced only with --allow-replace. The number of shards belongs to the
autoscaler and is left alone within its bounds.

Ctrl-C finishes the calls in flight and starts no others; a second one stops at
once.

Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 some resources
changed, some failed; 4 not allowed; 130 interrupted.`,
		Example: `  ccsctl up --sandbox --yes -c streaming.tf
  ccsctl up -c ccsctl.yaml -e prod --expect-account 123456789012
  ccsctl up --yes -o ndjson > up.log       one event a line, for CI`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runUp(c.Context(), e, o) },
	}
	o.flags(c.Flags())
	return c
}

func runUp(ctx context.Context, e *env, o upOptions) error {
	if _, err := e.config(); err != nil {
		return err
	}
	if !e.flags.yes { // better told now than after the reading
		if err := e.console.CanAsk("--yes"); err != nil {
			return err
		}
	}
	t, err := e.target(ctx, false)
	if err != nil {
		return err
	}
	defer e.countCalls(ctx, t)()
	p, err := plan.Compute(ctx, t.pipeline.Graph())
	if err != nil {
		return err
	}
	v := newPlanView(t, p)
	if o.adopt { // a plan does not count them, since they wait for this word
		for _, it := range p.With(resource.Conflict) {
			v.Calls += len(it.Change.Calls())
		}
	}
	if v.pending() {
		e.console.Notef("%s", v.Human(e.console.Err.Painter()))
	}
	if err := refuse(p, o.adopt, o.replace); err != nil {
		return err
	}
	if v.pending() {
		ok, err := e.console.Confirm(ctx, fmt.Sprintf("Make %s in %s?", count(v.Calls, "call"), t.place()), "--yes")
		if err != nil {
			return err
		}
		if !ok {
			return fault.As(fault.Interrupted, errDeclined, "")
		}
	}
	if t.inSandbox() {
		rememberFiles(t.config.Files)
	}
	return e.carryOut(ctx, t, p, "up")
}
