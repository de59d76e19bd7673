package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

func newStatus(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show whether each resource is there, as wanted and healthy",
		Long: `Reads every resource of the pipeline and says what state it is in:

  ok        there and as the configuration says
  settling  there and right, but AWS is still at work on it
  missing   not there
  drifted   there, but changed: the attributes are listed
  conflict  a thing of that name is there, but not ours
  failed    there, but AWS says that it does not work, and why

Exit codes: 0 all is well; 2 wrong usage or configuration; 4 not allowed; 8
something is not.`,
		Example: `  ccsctl status -c streaming.tf
  ccsctl status --sandbox -o json | jq '.resources[] | select(.state != "ok")'`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runStatus(c.Context(), e) },
	}
}

func runStatus(ctx context.Context, e *env) error {
	t, err := e.target(ctx, false)
	if err != nil {
		return err
	}
	defer e.countCalls(ctx, t)()
	p, err := plan.Compute(ctx, t.pipeline.Graph())
	if err != nil {
		return err
	}
	v := newStatusView(t, p)
	if err := e.console.Print(v); err != nil {
		return err
	}
	if bad := len(v.Resources) - v.Counts["ok"] - v.Counts["settling"]; bad > 0 {
		return fault.As(fault.Pending, fmt.Errorf("%d of %d resources are not as they should be", bad, len(v.Resources)), "'ccsctl plan' says what would put it right")
	}
	return nil
}

// statusView is the state of every resource.
type statusView struct {
	where
	Counts    map[string]int `json:"counts"`
	Resources []statusRow    `json:"resources"`
}

type statusRow struct {
	Resource   resource.ID          `json:"resource"`
	State      string               `json:"state"`
	Reason     string               `json:"reason,omitempty"`
	Attributes []resource.Attribute `json:"attributes,omitempty"`
}

func newStatusView(t *target, p *plan.Plan) statusView {
	v := statusView{where: t.where(), Counts: map[string]int{}}
	for _, it := range p.Items {
		row := statusRow{Resource: it.ID, State: state(it.Change), Reason: it.Change.Reason, Attributes: it.Change.Attributes}
		if row.State == "missing" {
			row.Attributes = nil
		}
		if it.Change.Problem != "" {
			row.Reason = it.Change.Problem
		}
		v.Counts[row.State]++
		v.Resources = append(v.Resources, row)
	}
	return v
}

func state(c resource.Change) string {
	switch {
	case c.Problem != "":
		return "failed"
	case c.Action == resource.Create:
		return "missing"
	case c.Action == resource.Update, c.Action == resource.Replace:
		return "drifted"
	case c.Action == resource.Conflict:
		return "conflict"
	case len(c.Steps) > 0:
		return "settling"
	default:
		return "ok"
	}
}

func (r statusRow) why() string {
	var parts []string
	if r.Reason != "" {
		parts = append(parts, r.Reason)
	}
	for _, a := range r.Attributes {
		if _, isDocument := indented(a.New); isDocument {
			parts = append(parts, a.Name+" differs")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s is %s, want %s", a.Name, orNone(a.Old), orNone(a.New)))
	}
	return strings.Join(parts, "; ")
}

func (v statusView) Header() []string { return []string{"state", "resource", "why"} }

func (v statusView) Rows() [][]string {
	rows := make([][]string, len(v.Resources))
	for i, r := range v.Resources {
		rows[i] = []string{r.State, r.Resource.String(), r.why()}
	}
	return rows
}

// Items are the resources, for NDJSON.
func (v statusView) Items() []any {
	items := make([]any, len(v.Resources))
	for i, r := range v.Resources {
		items[i] = r
	}
	return items
}

// Human is the table with what is wrong first, and a line that sums up.
func (v statusView) Human(p *console.Painter) string {
	marks := map[string]string{
		"ok": p.Green("✔ ok"), "settling": p.Cyan("… settling"), "missing": p.Yellow("○ missing"),
		"drifted": p.Yellow("~ drifted"), "conflict": p.Red("! conflict"), "failed": p.Red("✖ failed"),
	}
	var rows [][]string
	for _, good := range []bool{false, true} {
		for _, r := range v.Resources {
			if (r.State == "ok") == good {
				rows = append(rows, []string{marks[r.State], r.Resource.String(), r.why()})
			}
		}
	}
	text := p.Table([]string{"state", "resource", "why"}, rows)
	var parts []string
	for _, s := range []string{"ok", "settling", "missing", "drifted", "conflict", "failed"} {
		if n := v.Counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return text + "\n" + strings.Join(parts, ", ") + "\n"
}
