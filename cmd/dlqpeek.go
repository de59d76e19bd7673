package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/deadletter"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/status"
)

type dlqPeekOptions struct {
	filter string
	most   int
	full   bool
	force  bool
}

func (o *dlqPeekOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.filter, "filter", "", "show only messages for which this `expression` is true; see 'ccsctl help filters'")
	f.IntVar(&o.most, "max", 100, "look at no more than this `number` of messages; 0 for as many as 40 seconds allow")
	f.BoolVar(&o.full, "full", false, "show the messages themselves, whole, their bodies indented")
	f.BoolVar(&o.force, "force", false, "look although the queue has a dead-letter queue of its own, into which looking may move messages")
}

func newDLQPeek(e *env) *cobra.Command {
	var o dlqPeekOptions
	c := &cobra.Command{
		Use:   "peek QUEUE",
		Short: "Look at dead letters without taking them away, grouped by why they failed",
		Long: `Receives messages, shows why they failed, and puts every one back: also after
Ctrl-C. If it is killed, they are visible again within a minute.

Why is read from the message: the error that Lambda or SNS wrote to it, or one
that its body tells of. SQS itself leaves no reason when it moves a message; then
our functions' own decoder is asked what it would say to the body. What it
refuses fails again however often it is sent. A good event failed for a reason
outside of it: the function's log has that.

What a look is not: SQS has no reading without receiving. So each message counts
as received once more, and nobody else can receive it meanwhile, in a FIFO queue
nor what is behind it in its group. Of each group of a FIFO queue the first 10
can be looked at, fewer where one receive brings several groups. A queue that has
a dead-letter queue of its own might move messages there because of the look, and
is refused without --force.

Exit codes: 0 looked, also when there was nothing; 1 failed; 2 wrong usage or
configuration; 4 not allowed; 130 interrupted (what was seen is shown).`,
		Example: `  ccsctl dlq peek emergency -c streaming.tf
  ccsctl dlq peek telemetry --filter 'body.type=="geofence"&&age>2h' --full
  ccsctl dlq peek telemetry --max 0 -o ndjson > messages.ndjson      whole messages, a line each`,
		Args:              oneQueue,
		ValidArgsFunction: completeQueue,
		RunE:              func(c *cobra.Command, args []string) error { return runDLQPeek(c.Context(), e, args[0], o) },
	}
	o.flags(c.Flags())
	return c
}

func runDLQPeek(ctx context.Context, e *env, name string, o dlqPeekOptions) error {
	filter, err := deadletter.ParseFilter(o.filter)
	if err != nil {
		return err
	}
	if o.most < 0 {
		return fault.As(fault.Usage, fmt.Errorf("--max %d is less than nothing", o.most), "0 looks at as many as there is time for")
	}
	t, d, err := e.deadLetters(ctx, name)
	if err != nil {
		return err
	}
	defer e.countCalls(ctx, t)()
	q, err := queue.Open(ctx, t.session.Config, d.QueueName)
	if err != nil {
		return err
	}
	if err := mayLook(q.Info(), o.force); err != nil {
		return err
	}
	s, err := e.peek(ctx, q, deadletter.Look{Most: o.most, Filter: filter})
	if err != nil {
		return err
	}
	v := newDLQPeekView(t, d, q.Info(), s)
	if o.full || e.console.Format() == console.NDJSON {
		v.withMessages(s)
	}
	var result any = v
	if o.full && e.console.Format() == console.Plain {
		result = bodies{v} // whole messages have no row: 'peek --full | less' is for eyes
	}
	if err := e.console.Print(result); err != nil {
		return err
	}
	e.explainLook(q.Info(), s)
	return context.Cause(ctx) // what was seen before the interruption was worth showing
}

// mayLook refuses a queue where receiving is not as good as looking.
func mayLook(q queue.Info, force bool) error {
	if q.DeadLetter == nil || force {
		return nil
	}
	return fault.As(fault.Usage,
		fmt.Errorf("%s moves what is received %d times to %s, and a look counts as a receive", q.Name, q.DeadLetter.MaxReceives, queue.NameOf(q.DeadLetter.QueueARN)),
		"a queue of dead letters should have none of its own: compare it with 'ccsctl plan', or pass --force")
}

// peek looks into a queue, and warns of what could not be put back.
func (e *env) peek(ctx context.Context, q *queue.Client, l deadletter.Look) (deadletter.Sample, error) {
	note := func(text string) { e.console.Notef("%s; what was seen is put back", text) }
	e.say.Store(&note)
	defer e.say.Store(nil)
	l.Stop = ctx.Done()
	s, err := deadletter.Peek(e.hard, q, l)
	e.warnHidden(s.Hidden, deadletter.Hold)
	return s, err
}

func (e *env) warnHidden(hidden []error, hold time.Duration) {
	if n := len(hidden); n > 0 {
		e.console.Warnf("%d messages could not be put back at once and are hidden until %s at the latest: %v",
			n, time.Now().Add(hold).Format(time.TimeOnly), hidden[0])
	}
}

// explainLook says what a look can't show, and what it did to the messages.
func (e *env) explainLook(i queue.Info, s deadletter.Sample) {
	if s.Looked == 0 {
		return
	}
	e.console.Notef("these %d messages now count as received once more", s.Looked)
	if s.Looked < s.Before.Visible {
		switch {
		case s.Ended == deadletter.Enough:
			e.console.Notef("it is a sample: --max raises how many are looked at")
		case i.FIFO && s.Ended == deadletter.Dry:
			e.console.Notef("it is a sample: the first %d of each group can be looked at, fewer where one receive brings several groups", queue.MaxBatch)
		case s.Ended == deadletter.Late:
			e.console.Notef("it is a sample: what is looked at is hidden from others, so that a look ends after 40 seconds")
		}
	}
}

// dlqPeekView is what was seen of a queue.
type dlqPeekView struct {
	where
	Name     string              `json:"name"`
	Queue    string              `json:"queue"`
	Visible  int                 `json:"visible"` // about, before the look
	InFlight int                 `json:"in_flight"`
	Looked   int                 `json:"looked_at"`
	Chosen   int                 `json:"chosen"`
	Ended    deadletter.Ending   `json:"ended"`
	Expires  *time.Time          `json:"first_expires,omitempty"` // of the chosen ones
	Groups   []dlqGroup          `json:"groups"`
	Messages []deadletter.Record `json:"messages,omitempty"`
}

// dlqGroup is messages that failed alike.
type dlqGroup struct {
	Count    int                    `json:"count"`
	Cause    deadletter.RecordCause `json:"cause"`
	First    *time.Time             `json:"first_sent,omitempty"`
	Last     *time.Time             `json:"last_sent,omitempty"`
	Receives int                    `json:"receives"`
	Example  string                 `json:"example"`
}

func newDLQPeekView(t *target, d pipeline.DeadLetters, i queue.Info, s deadletter.Sample) *dlqPeekView {
	v := &dlqPeekView{
		where: t.where(), Name: d.Name, Queue: d.QueueName, Visible: s.Before.Visible, InFlight: s.Before.InFlight,
		Looked: s.Looked, Chosen: len(s.Messages), Ended: s.Ended, Groups: []dlqGroup{},
	}
	for _, g := range deadletter.GroupByCause(s.Messages) {
		row := dlqGroup{Count: g.Count, Cause: deadletter.RecordCause(g.Cause), Receives: g.Receives, Example: g.Example}
		if !g.First.IsZero() {
			row.First, row.Last = new(g.First.UTC()), new(g.Last.UTC())
			if at := row.First.Add(i.Retention); i.Retention > 0 && (v.Expires == nil || at.Before(*v.Expires)) {
				v.Expires = &at
			}
		}
		v.Groups = append(v.Groups, row)
	}
	return v
}

func (v *dlqPeekView) withMessages(s deadletter.Sample) {
	for _, m := range s.Messages {
		v.Messages = append(v.Messages, deadletter.RecordOf(v.Queue, m))
	}
}

func (v *dlqPeekView) Header() []string {
	return []string{"count", "why", "again", "oldest", "newest", "received", "example"}
}

func (v *dlqPeekView) Rows() [][]string {
	rows := make([][]string, len(v.Groups))
	now := time.Now()
	for i, g := range v.Groups {
		again, first, last := "may succeed", status.None, status.None
		if g.Cause.Certain {
			again = "fails"
		}
		if g.First != nil {
			first, last = status.Age(*g.First, now), status.Age(*g.Last, now)
		}
		rows[i] = []string{strconv.Itoa(g.Count), g.Cause.Text, again, first, last, strconv.Itoa(g.Receives), g.Example}
	}
	return rows
}

// Items are the messages, for NDJSON.
func (v *dlqPeekView) Items() []any {
	items := make([]any, len(v.Messages))
	for i, m := range v.Messages {
		items[i] = m
	}
	return items
}

// bodies is what was seen, for people only.
type bodies struct{ view *dlqPeekView }

func (b bodies) Human(p *console.Painter) string { return b.view.Human(p) }

// Human says how much of the queue was seen, then why it is there.
func (v *dlqPeekView) Human(p *console.Painter) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: looked at %d of about %d messages", v.Queue, v.Looked, v.Visible)
	if v.InFlight > 0 {
		fmt.Fprintf(&b, "; about %d more are in flight, which no look can show", v.InFlight)
	}
	if v.Chosen != v.Looked {
		fmt.Fprintf(&b, "; %d are chosen", v.Chosen)
	}
	b.WriteString("\n")
	if len(v.Groups) > 0 {
		rows := v.Rows()
		for i, g := range v.Groups {
			if rows[i][0] = p.Bold(rows[i][0]); g.Cause.Certain {
				rows[i][2] = p.Red(rows[i][2])
			}
		}
		b.WriteString("\n" + p.Table(v.Header(), rows))
	}
	for _, m := range v.Messages {
		b.WriteString("\n" + wholeMessage(p, m))
	}
	if v.Expires != nil {
		fmt.Fprintf(&b, "\nSQS deletes the oldest of these at %s\n", v.Expires.Local().Format("Mon 2 Jan 15:04"))
	}
	return b.String()
}

// wholeMessage is a message for eyes: what SQS knows of it, then its body.
func wholeMessage(p *console.Painter, r deadletter.Record) string {
	var rows [][]string
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{p.Dim(name), value})
		}
	}
	add("message", p.Bold(r.MessageID))
	add("why", r.Cause.Text)
	add("group", r.Group)
	if r.Sent != nil {
		add("sent", r.Sent.Format(time.RFC3339))
	}
	add("received", strconv.Itoa(r.Receives)+" times")
	add("source", r.Source)
	for _, name := range slices.Sorted(maps.Keys(r.Attrs)) {
		a := r.Attrs[name]
		value := a.String
		if a.Binary != nil {
			value = fmt.Sprintf("%d bytes", len(a.Binary))
		}
		add("attr."+name, value)
	}
	body := r.Body
	var indented bytes.Buffer
	if json.Indent(&indented, []byte(r.Body), "", "  ") == nil {
		body = indented.String()
	}
	return p.Table(nil, rows) + body + "\n"
}
