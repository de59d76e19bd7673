package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/tui/progress"
)

// errDeclined ends a command whose question was answered with no.
var errDeclined = errors.New("nothing was changed")

// place names where a change goes, for questions.
func (t *target) place() string {
	switch {
	case t.inSandbox():
		return fmt.Sprintf("the sandbox (%s/%s)", t.config.Project, t.config.Environment)
	case !t.onAWS():
		return fmt.Sprintf("account %s at %s, %s (%s/%s)", t.session.Account, t.session.Endpoint, t.session.Region, t.config.Project, t.config.Environment)
	}
	return fmt.Sprintf("AWS account %s, %s (%s/%s)", t.session.Account, t.session.Region, t.config.Project, t.config.Environment)
}

// carryOut applies a plan with its progress on stderr and prints what became of
// it.
func (e *env) carryOut(ctx context.Context, t *target, p *plan.Plan, verb string) error {
	v, err := e.apply(ctx, t, p, verb)
	if err != nil {
		return err
	}
	return errors.Join(e.report(v), v.err(ctx, verb))
}

// report prints a run's outcome. Where stdout is for machines the closing line
// goes to stderr, so that a log of CI has it too.
func (e *env) report(v *outcomeView) error {
	if e.console.Format() != console.Table {
		e.console.Notef("%s", v.Human(e.console.Err.Painter()))
	}
	return e.console.Print(v)
}

// apply applies a plan with its progress on stderr, or as NDJSON events on
// stdout, and sums up.
func (e *env) apply(ctx context.Context, t *target, p *plan.Plan, verb string) (*outcomeView, error) {
	start := time.Now()
	observe, say, done := e.progress(t, p, verb)
	e.say.Store(&say)
	defer e.say.Store(nil)
	results, err := p.Apply(e.hard, plan.Options{Sort: apierr.Sort, Observe: observe, Stop: ctx})
	done()
	if err != nil {
		return nil, err
	}
	return newOutcomeView(t, results, time.Since(start)), nil
}

// progress is how the events of a run are shown: a live screen on a terminal,
// lines otherwise, NDJSON when asked for. What must be told meanwhile goes to
// say.
func (e *env) progress(t *target, p *plan.Plan, verb string) (observe func(plan.Event), say func(string), done func()) {
	note := func(text string) { e.console.Notef("%s", text) }
	nothing := func() {}
	switch {
	case e.console.Format() == console.NDJSON:
		enc := json.NewEncoder(e.console.Out)
		return func(ev plan.Event) {
			if err := enc.Encode(newEventView(ev)); err != nil {
				e.console.Warnf("print event: %v", err)
			}
		}, note, nothing
	case e.flags.quiet || len(stepped(p)) == 0:
		return func(plan.Event) {}, note, nothing
	case e.console.Err.Terminal() && e.console.Err.Width() > 0 && e.flags.verbose == 0:
		screen := progress.New(progress.Options{
			Out: e.console.Err, Width: e.console.Err.Width(), Color: e.console.Err.Color(),
			Items: stepped(p), Title: fmt.Sprintf("%s %s/%s", verb, t.config.Project, t.config.Environment),
		})
		return screen.Observe, screen.Note, screen.Close
	default:
		return progress.Lines(e.console.Err), note, nothing
	}
}

// stepped are the items that do something, waiting included.
func stepped(p *plan.Plan) []plan.Item {
	var items []plan.Item
	for _, it := range p.Items {
		if len(it.Change.Steps) > 0 {
			items = append(items, it)
		}
	}
	return items
}

// eventView is one event as a line of JSON.
type eventView struct {
	Time      time.Time       `json:"time"`
	Event     plan.EventKind  `json:"event"`
	Resource  resource.ID     `json:"resource"`
	Action    resource.Action `json:"action"`
	Text      string          `json:"text,omitempty"`
	Outcome   plan.Outcome    `json:"outcome,omitempty"`
	ElapsedMS int64           `json:"elapsed_ms,omitempty"`
	Error     string          `json:"error,omitempty"`
}

func newEventView(ev plan.Event) eventView {
	v := eventView{Time: ev.Time, Event: ev.Kind, Resource: ev.ID, Action: ev.Action, Text: ev.Text, Outcome: ev.Outcome, ElapsedMS: ev.Elapsed.Milliseconds()}
	if ev.Err != nil {
		v.Error = ev.Err.Error()
	}
	return v
}

// outcomeView is what became of a plan.
type outcomeView struct {
	where
	Counts    map[plan.Outcome]int `json:"counts"`
	Calls     int                  `json:"calls"`
	ElapsedMS int64                `json:"elapsed_ms"`
	Resources []resultView         `json:"resources"`
	// Left is, of a removal, what is still there although it should not be; nil
	// when nobody has looked.
	Left []string `json:"left"`

	results []plan.Result
}

type resultView struct {
	Resource  resource.ID     `json:"resource"`
	Action    resource.Action `json:"action"`
	Outcome   plan.Outcome    `json:"outcome"`
	Calls     int             `json:"calls"`
	ElapsedMS int64           `json:"elapsed_ms"`
	Reason    string          `json:"reason,omitempty"`
	Error     string          `json:"error,omitempty"`
}

func newOutcomeView(t *target, results []plan.Result, elapsed time.Duration) *outcomeView {
	v := &outcomeView{where: t.where(), Counts: map[plan.Outcome]int{}, ElapsedMS: elapsed.Milliseconds(), results: results}
	for _, r := range results {
		v.Counts[r.Outcome]++
		v.Calls += r.Calls
		row := resultView{Resource: r.ID, Action: r.Action, Outcome: r.Outcome, Calls: r.Calls, ElapsedMS: r.Elapsed.Milliseconds(), Reason: r.Reason}
		if r.Err != nil {
			row.Error = r.Err.Error()
		}
		v.Resources = append(v.Resources, row)
	}
	return v
}

// Header and Rows list what changed, for tables and pipes.
func (v *outcomeView) Header() []string {
	return []string{"resource", "action", "outcome", "calls", "seconds", "reason"}
}

func (v *outcomeView) Rows() [][]string {
	var rows [][]string
	for _, r := range v.Resources {
		if r.Outcome == plan.Unchanged {
			continue
		}
		reason := r.Reason
		if r.Error != "" {
			reason = r.Error
		}
		rows = append(rows, []string{r.Resource.String(), string(r.Action), string(r.Outcome),
			fmt.Sprint(r.Calls), fmt.Sprintf("%.1f", float64(r.ElapsedMS)/1000), reason})
	}
	return rows
}

// Items is one summary line behind the events of NDJSON.
func (v *outcomeView) Items() []any {
	type summary struct {
		Event string `json:"event"`
		where
		Counts    map[plan.Outcome]int `json:"counts"`
		Calls     int                  `json:"calls"`
		ElapsedMS int64                `json:"elapsed_ms"`
		Left      []string             `json:"left"`
	}
	return []any{summary{"summary", v.where, v.Counts, v.Calls, v.ElapsedMS, v.Left}}
}

// Human is the closing line; what happened stands above it already.
func (v *outcomeView) Human(p *console.Painter) string {
	if v.Calls == 0 && v.Counts[plan.Unchanged] == len(v.Resources) {
		if v.Left != nil {
			return fmt.Sprintf("%s %d resources are not there or not ours to delete · %s\n", p.Green("nothing to do:"), len(v.Resources), v.left(p))
		}
		return fmt.Sprintf("%s all %d resources are as wanted, 0 calls made\n", p.Green("nothing to do:"), len(v.Resources))
	}
	text := fmt.Sprintf("%s %d changed, %d unchanged", p.Green("done:"), v.Counts[plan.Done], v.Counts[plan.Unchanged])
	if v.bad() > 0 {
		text = fmt.Sprintf("%s %d changed, %d unchanged", p.Red("not done:"), v.Counts[plan.Done], v.Counts[plan.Unchanged])
	}
	for _, o := range []plan.Outcome{plan.Left, plan.Errored, plan.Skipped, plan.Stopped} {
		if n := v.Counts[o]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, o)
		}
	}
	text = fmt.Sprintf("%s · %s · %s", text, count(v.Calls, "call"), seconds(v.ElapsedMS))
	if v.Left != nil {
		text += " · " + v.left(p)
	}
	return text + "\n"
}

// seconds is a duration as the live screen shows it.
func seconds(ms int64) string {
	if ms < 100_000 {
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	}
	return fmt.Sprintf("%d min %02d s", ms/60_000, ms/1000%60)
}

// count is a number and what is counted: "1 call", "2 calls".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// left is the sweep's finding.
func (v *outcomeView) left(p *console.Painter) string {
	if len(v.Left) == 0 {
		return p.Green("0 left")
	}
	return p.Red(fmt.Sprintf("%d left", len(v.Left)))
}

func (v *outcomeView) bad() int {
	return v.Counts[plan.Errored] + v.Counts[plan.Skipped] + v.Counts[plan.Stopped]
}

// err is the run's error: every failure in plan order, as a partial one when
// anything was done. What an interruption or the time limit cut short is no
// failure of its own; it is counted.
func (v *outcomeView) err(ctx context.Context, verb string) error {
	var (
		errs  []error
		cause error
	)
	for _, r := range v.results {
		switch {
		case r.Outcome == plan.Stopped && ctx.Err() != nil:
			cause = context.Cause(ctx)
		case r.Outcome == plan.Skipped && errors.Is(r.Err, context.Cause(ctx)):
			cause = context.Cause(ctx)
		case r.Outcome == plan.Errored && cut(r.Err, ctx) != nil:
			cause = context.Cause(ctx)
		case r.Outcome == plan.Errored:
			errs = append(errs, explain(fmt.Errorf("%s %s: %w", verb, r.ID, r.Err), ctx))
		}
	}
	kind := fault.Failed
	if v.Counts[plan.Done] > 0 {
		kind = fault.Partial
	}
	again := fmt.Sprintf("run 'ccsctl %s' again", verb)
	if cause != nil {
		if errors.Is(cause, errSignal) {
			kind = fault.Interrupted
		}
		errs = append(errs, fmt.Errorf("%s: %w: %d changed, %d not finished", verb, cause, v.Counts[plan.Done], v.bad()-len(errs)))
		return fault.As(kind, errors.Join(errs...), again+" to go on: what is done stays done")
	}
	if kind == fault.Partial {
		return fault.As(kind, errors.Join(errs...), "fix the cause and "+again+": what is done stays done")
	}
	return errors.Join(errs...)
}
