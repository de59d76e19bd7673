package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

type planOptions struct {
	exitCode bool
}

func (o *planOptions) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.exitCode, "exit-code", false, "exit with 8 when there are changes to make")
}

func newPlan(e *env) *cobra.Command {
	var o planOptions
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show what 'up' would change, call by call",
		Long: `Reads what is live, compares it with the configuration attribute by attribute,
and shows what 'up' would do: what is made, changed, replaced and why, and the
API calls it takes. It changes nothing.

Exit codes: 0 read; 2 wrong usage or configuration; 4 not allowed; 8 changes are
pending (only with --exit-code).`,
		Example: `  ccsctl plan -c streaming.tf
  ccsctl plan --sandbox --exit-code          is there anything to do? 8 is yes
  ccsctl plan -o json | jq '.counts'`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runPlan(c.Context(), e, o) },
	}
	o.flags(c.Flags())
	return c
}

func runPlan(ctx context.Context, e *env, o planOptions) error {
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
	if e.console.Format() != console.Table {
		e.console.Notef("%s", v.summary(e.console.Err.Painter()))
	}
	if err := e.console.Print(v); err != nil {
		return err
	}
	if o.exitCode && v.pending() {
		return fault.As(fault.Pending, errors.New("changes are pending"), "run 'ccsctl up' to make them")
	}
	return nil
}

// refuse is the error of a plan that needs the person's leave for more than
// ordinary changes.
func refuse(p *plan.Plan, adopt, replace bool) error {
	var errs []error
	if !adopt {
		for _, it := range p.With(resource.Conflict) {
			errs = append(errs, fault.As(fault.Failed, fmt.Errorf("%s: %s", it.ID, it.Change.Reason), "look at it first; --adopt takes it over, tags and settings"))
		}
	}
	if !replace {
		for _, it := range p.With(resource.Replace) {
			errs = append(errs, fault.As(fault.Failed, fmt.Errorf("%s must be replaced: %s", it.ID, replaceReason(it.Change)), "--allow-replace deletes it and makes it anew"))
		}
	}
	return errors.Join(errs...)
}

func replaceReason(c resource.Change) string {
	if c.Reason != "" {
		return c.Reason
	}
	for _, a := range c.Attributes {
		if a.Replaces {
			return fmt.Sprintf("AWS can't change its %s from %s to %s", a.Name, orNone(a.Old), orNone(a.New))
		}
	}
	return "AWS can't change it in place"
}

func orNone(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
