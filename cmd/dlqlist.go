package cmd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/aws/mapping"
	"github.com/ccs-platform/ccsctl/internal/aws/metric"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/deadletter"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/status"
)

type dlqListOptions struct {
	exitCode bool
}

func (o *dlqListOptions) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.exitCode, "exit-code", false, "exit with 8 when there are dead letters")
}

func newDLQList(e *env) *cobra.Command {
	var o dlqListOptions
	c := &cobra.Command{
		Use:   "list",
		Short: "Show every queue of dead letters: how many, since when, what feeds it",
		Long: `Reads each queue of dead letters of the pipeline and takes nothing out of any:

  messages   how many wait, and how many are in flight: received by somebody and
             not yet deleted. SQS's counts may be a minute old
  oldest     how long the oldest has been in the queue, by CloudWatch, some
             minutes late; – when that is not known, which says nothing of its age
  source     where the messages come from
  consumer   the function that failed on them; whether it is being given
             messages, and how Lambda's last read ended. none: nothing hands it
             any; –: that could not be read
  moving     SQS's own task that is at work on the queue, if there is one

Exit codes: 0 read; 1 a queue could not be read; 2 wrong usage or configuration;
4 not allowed; 8 there are dead letters (only with --exit-code).`,
		Example: `  ccsctl dlq list -c streaming.tf
  ccsctl dlq list --exit-code -q                  for a script: 8 is not empty
  ccsctl dlq list -o json | jq '.queues[] | {name, visible}'`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDLQList(c.Context(), e, o) },
	}
	o.flags(c.Flags())
	return c
}

func runDLQList(ctx context.Context, e *env, o dlqListOptions) error {
	t, err := e.target(ctx, false)
	if err != nil {
		return err
	}
	defer e.countCalls(ctx, t)()
	all := t.pipeline.DeadLetters()
	places := make([]deadletter.Place, len(all))
	for i, d := range all {
		places[i] = t.deadLetterPlace(d)
	}
	v := dlqListView{where: t.where()}
	var failed []error
	for i, s := range deadletter.Survey(ctx, places, metric.New(t.session.Config)) {
		v.Queues = append(v.Queues, newDLQRow(all[i], s))
		v.Total += s.Depth.Total()
		if s.Depth.At.IsZero() {
			failed = append(failed, s.Errs...)
			continue
		}
		for _, err := range s.Errs {
			e.console.Warnf("%s: %v", all[i].Name, err)
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err := e.console.Print(v); err != nil {
		return err
	}
	switch {
	case len(failed) > 0:
		return errors.Join(failed...)
	case o.exitCode && v.Total > 0:
		return fault.As(fault.Pending, fmt.Errorf("%d dead letters", v.Total), "'ccsctl dlq peek QUEUE' says why they failed")
	}
	return nil
}

func (t *target) deadLetterPlace(d pipeline.DeadLetters) deadletter.Place {
	return deadletter.Place{
		QueueName: d.QueueName, Moved: !d.OfStream(),
		Open: func(ctx context.Context) (deadletter.Watched, error) {
			return queue.Open(ctx, t.session.Config, d.QueueName)
		},
		Consumer: func(ctx context.Context) (mapping.State, bool, error) {
			return mapping.Find(ctx, t.session.Config, d.SourceARN, d.Function)
		},
	}
}

// dlqListView is every queue of dead letters.
type dlqListView struct {
	where
	Total  int      `json:"total"`
	Queues []dlqRow `json:"queues"`
}

// dlqRow is one queue. What is not known is absent.
type dlqRow struct {
	Name     string       `json:"name"`
	Queue    string       `json:"queue"`
	Source   string       `json:"source"`
	Visible  *int         `json:"visible,omitempty"`
	InFlight *int         `json:"in_flight,omitempty"`
	Delayed  *int         `json:"delayed,omitempty"`
	Oldest   *float64     `json:"oldest_seconds,omitempty"` // in this queue
	Consumer *dlqConsumer `json:"consumer,omitempty"`
	Moves    []dlqMove    `json:"moves"`
	Problems []string     `json:"problems,omitempty"`
}

type dlqConsumer struct {
	Function   string `json:"function"`
	State      string `json:"state"` // of what feeds it: none when nothing does
	LastResult string `json:"last_result,omitempty"`
	Problem    string `json:"problem,omitempty"`
}

// dlqMove is one of SQS's own tasks.
type dlqMove struct {
	State   string    `json:"state"`
	Moved   int       `json:"moved"`
	ToMove  int       `json:"to_move"`
	Started time.Time `json:"started"`
}

func newDLQRow(d pipeline.DeadLetters, s deadletter.State) dlqRow {
	r := dlqRow{Name: d.Name, Queue: d.QueueName, Source: d.Source, Moves: []dlqMove{}}
	if !s.Depth.At.IsZero() {
		r.Visible, r.InFlight, r.Delayed = &s.Depth.Visible, &s.Depth.InFlight, &s.Depth.Delayed
	}
	if s.Dead != nil {
		r.Oldest = new(s.Dead.Seconds())
	}
	switch c := s.Consumer; {
	case c != nil:
		r.Consumer = &dlqConsumer{Function: d.Function, State: c.State, LastResult: c.Result, Problem: c.Problem}
	case s.ConsumerErr == nil:
		r.Consumer = &dlqConsumer{Function: d.Function, State: "none"}
	}
	for _, m := range s.Moves {
		r.Moves = append(r.Moves, dlqMove{string(m.State), m.Moved, m.ToMove, m.Started.UTC()})
	}
	for _, err := range s.Errs {
		r.Problems = append(r.Problems, err.Error())
	}
	return r
}

func (v dlqListView) Header() []string {
	return []string{"name", "messages", "in flight", "oldest", "source", "consumer", "last result", "moving"}
}

func (v dlqListView) Rows() [][]string { return v.rows(status.None) }

func (v dlqListView) rows(unknown string) [][]string {
	var rows [][]string
	for _, r := range v.Queues {
		row := []string{r.Name, unknown, unknown, unknown, r.Source, unknown, "", ""}
		if r.Visible != nil {
			row[1], row[2] = strconv.Itoa(*r.Visible+*r.Delayed), strconv.Itoa(*r.InFlight)
		}
		if r.Oldest != nil {
			now := time.Now()
			row[3] = status.Age(now.Add(-time.Duration(*r.Oldest*float64(time.Second))), now)
		}
		if c := r.Consumer; c != nil {
			row[5], row[6] = c.Function+" "+strings.ToLower(c.State), c.LastResult
		}
		for _, m := range r.Moves {
			row[7] = fmt.Sprintf("%s, %d of about %d", strings.ToLower(m.State), m.Moved, m.ToMove)
		}
		rows = append(rows, row)
	}
	return rows
}

// Items are the queues, for NDJSON.
func (v dlqListView) Items() []any {
	items := make([]any, len(v.Queues))
	for i, r := range v.Queues {
		items[i] = r
	}
	return items
}

// Human is the table without its empty columns, and what to do next.
func (v dlqListView) Human(p *console.Painter) string {
	header, rows := v.Header(), v.Rows()
	short := func(name string) string { return strings.ReplaceAll(name, v.Project+"-"+v.Environment+"-", "") }
	for i, r := range v.Queues {
		rows[i][4], rows[i][5] = short(rows[i][4]), short(rows[i][5])
		if r.Visible != nil && *r.Visible+*r.InFlight+*r.Delayed > 0 {
			rows[i][1] = p.Red(rows[i][1])
		}
		if c := r.Consumer; c != nil && (c.State != "Enabled" || c.Problem != "") {
			rows[i][5] = p.Yellow(rows[i][5])
		}
	}
	for column := len(header) - 1; column >= 6; column-- {
		used := false
		for _, row := range rows {
			used = used || row[column] != ""
		}
		if !used {
			header = append(header[:column], header[column+1:]...)
			for i, row := range rows {
				rows[i] = append(row[:column], row[column+1:]...)
			}
		}
	}
	text := p.Table(header, rows)
	if v.Total == 0 {
		return text + "\nno dead letters\n"
	}
	next := ""
	for _, r := range v.Queues {
		if r.Visible != nil && *r.Visible > 0 {
			next = fmt.Sprintf("; %s says why", p.Cyan("ccsctl dlq peek "+r.Name))
			break
		}
	}
	return fmt.Sprintf("%s\n%d dead letters%s\n", text, v.Total, next)
}
