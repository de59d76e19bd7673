package cmd

import (
	"fmt"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/scale"
)

// scaleView is a resize, planned or done.
type scaleView struct {
	where
	Stream string `json:"stream"`
	From   int    `json:"from"`
	To     int    `json:"to"`
	// Shards are those open now, null when that could not be read.
	Shards *int        `json:"shards"`
	State  string      `json:"state"`
	DryRun bool        `json:"dry_run"`
	Steps  []scaleStep `json:"steps"`
	Calls  int         `json:"calls"` // that AWS agreed to
	// Left is how many resizes AWS takes today at most: as many as this machine
	// knows of are spent.
	Left       int        `json:"resizes_left_at_most"`
	NextFree   *time.Time `json:"next_resize_free,omitempty"`
	MonthlyUSD float64    `json:"monthly_usd_change"`
	ElapsedMS  int64      `json:"elapsed_ms"`

	reach int
	ran   bool
}

type scaleStep struct {
	scale.Step
	Call string `json:"call"`
	Made bool   `json:"made"`
}

func newScaleView(t *target, p *scale.Plan) *scaleView {
	v := &scaleView{
		where: t.where(), Stream: t.pipeline.StreamSize(p.To).StreamName, From: p.From, To: p.To, Shards: &p.From, State: p.State,
		Steps: []scaleStep{}, Left: p.Left(), MonthlyUSD: p.Monthly(), reach: p.Reach(),
	}
	for _, s := range p.Steps {
		v.Steps = append(v.Steps, scaleStep{Step: s, Call: "kinesis:UpdateShardCount"})
	}
	if free := p.Free(); !free.IsZero() {
		v.NextFree = &free
	}
	return v
}

// add writes down what became of the plan.
func (v *scaleView) add(r scale.Result) {
	v.Shards, v.State, v.Calls, v.ElapsedMS = r.Now, r.State, len(r.Made), r.Ran.Elapsed.Milliseconds()
	v.Left, v.ran = max(0, v.Left-v.Calls), true
	for i := range v.Steps {
		for _, made := range r.Made {
			v.Steps[i].Made = v.Steps[i].Made || made.To == v.Steps[i].To
		}
	}
}

// standing is where the stream is.
func (v *scaleView) standing() string {
	switch {
	case v.Shards == nil:
		return "how many shards there are could not be read"
	case v.State != "ACTIVE" && v.Calls > 0:
		return fmt.Sprintf("%s open, and AWS is at the resize to %d", count(*v.Shards, "shard"), v.Steps[v.Calls-1].To)
	}
	return fmt.Sprintf("%s, %s", count(*v.Shards, "shard"), v.State)
}

// Header and Rows are a line for each step.
func (v *scaleView) Header() []string { return []string{"step", "from", "to", "call", "made"} }

func (v *scaleView) Rows() [][]string {
	var rows [][]string
	for i, s := range v.Steps {
		made := "no"
		if s.Made {
			made = "yes"
		}
		rows = append(rows, []string{fmt.Sprint(i + 1), fmt.Sprint(s.From), fmt.Sprint(s.To), s.Call, made})
	}
	return rows
}

// Items is one line, behind the events of a run.
func (v *scaleView) Items() []any {
	return []any{struct {
		Event string `json:"event"`
		*scaleView
	}{"summary", v}}
}

// Human is the plan before a run, and what came of it after.
func (v *scaleView) Human(p *console.Painter) string {
	switch {
	case len(v.Steps) == 0:
		return fmt.Sprintf("%s %s has %s already, 0 calls made\n", p.Green("nothing to do:"), v.Stream, count(v.To, "shard"))
	case v.ran && v.Shards != nil && *v.Shards == v.To && v.State == "ACTIVE":
		return fmt.Sprintf("%s %s has %s · %s · %s · at most %s left today\n", p.Green("done:"), v.Stream, count(v.To, "shard"), count(v.Calls, "call"), seconds(v.ElapsedMS), count(v.Left, "resize"))
	case v.ran:
		return fmt.Sprintf("%s %s: %s · %s\n", p.Red("not done:"), v.Stream, v.standing(), count(v.Calls, "call"))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d to %s\n", p.Bold(v.Stream), v.From, count(v.To, "shard"))
	for i, s := range v.Steps {
		fmt.Fprintf(&b, "  %d. %s  %d to %d  %s\n", i+1, s.Call, s.From, s.To, p.Dim("a few minutes"))
	}
	fmt.Fprintf(&b, "%s · %s a month for shards · AWS takes at most %s more today, as far as this machine knows\n", count(len(v.Steps), "call"), dollars(v.MonthlyUSD), count(v.Left, "resize"))
	if v.reach != v.To {
		fmt.Fprintf(&b, "%s it will end at %d shards; the next resize is free after %s\n", p.Yellow("not all of it today:"), v.reach, v.NextFree.Local().Format("Mon 15:04"))
	}
	if v.DryRun {
		b.WriteString("nothing was changed\n")
		if v.State != "ACTIVE" {
			fmt.Fprintf(&b, "%s the stream is %s, so the steps may be others when that has ended\n", p.Yellow("note:"), v.State)
		}
	}
	return b.String()
}

// dollars is a change of cost: +$438.00, -$405.15.
func dollars(usd float64) string {
	if usd < 0 {
		return fmt.Sprintf("-$%.2f", -usd)
	}
	return fmt.Sprintf("+$%.2f", usd)
}
