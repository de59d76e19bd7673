package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/deadletter"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
)

type dlqPurgeOptions struct {
	filter   string
	most     int
	export   string
	noExport bool
	confirm  string
	force    bool
}

func (o *dlqPurgeOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.filter, "filter", "", "delete only messages for which this `expression` is true; see 'ccsctl help filters'")
	f.IntVar(&o.most, "max", 0, "delete no more than this `number` of messages; 0 for as many as there are when it begins")
	f.StringVar(&o.export, "export", "", "write the messages to this `file` first (QUEUE-TIME.ndjson here by default)")
	f.BoolVar(&o.noExport, "no-export", false, "keep no copy: what is deleted is gone")
	f.StringVar(&o.confirm, "confirm", "", "the `name` of the queue in AWS, in place of typing it")
	f.BoolVar(&o.force, "force", false, "look although the queue has a dead-letter queue of its own, into which looking may move messages")
}

func newDLQPurge(e *env) *cobra.Command {
	var o dlqPurgeOptions
	c := &cobra.Command{
		Use:   "purge QUEUE",
		Short: "Delete dead letters for good, a copy on disk first",
		Long: `Shows what would be deleted and asks for the queue's name. Then it writes each
message to a file, whole, and deletes it when the file is on the disk. What the
filter does not choose is put back. The file holds where vehicles were: it is
readable for its owner only.

Messages that come in meanwhile are left alone, and so is what somebody else has
in flight. SQS's own PurgeQueue is not used: it takes both, and tells nobody what
they were.

Of each group of a FIFO queue the first 10 can be looked at, so that what is
behind messages that the filter keeps can't be reached.

Ctrl-C ends it after the calls in flight. If it is killed, what it kept hidden is
visible again within five minutes. The file may hold messages that were then not
deleted, never the other way round.

Exit codes: 0 done, or nothing to do; 1 failed; 2 wrong usage or configuration,
or another name was typed; 3 some deleted, some not; 4 not allowed; 130
interrupted.`,
		Example: `  ccsctl dlq purge telemetry --filter 'age>7d'
  ccsctl dlq purge stream-failures --confirm=ccs-prod-stream-failures --export failures.ndjson
  ccsctl dlq purge telemetry --filter '!exists(body.event_id)' --no-export --confirm=ccs-prod-telemetry-dlq`,
		Args:              oneQueue,
		ValidArgsFunction: completeQueue,
		RunE:              func(c *cobra.Command, args []string) error { return runDLQPurge(c.Context(), e, args[0], o) },
	}
	o.flags(c.Flags())
	return c
}

// check finds what is wrong with the flags alone.
func (o dlqPurgeOptions) check() (deadletter.Filter, error) {
	switch {
	case o.noExport && o.export != "":
		return deadletter.Filter{}, fault.As(fault.Usage, errors.New("--export and --no-export say two things"), "give one of them")
	case o.most < 0:
		return deadletter.Filter{}, fault.As(fault.Usage, fmt.Errorf("--max %d is less than nothing", o.most), "leave it out for all")
	}
	return deadletter.ParseFilter(o.filter)
}

func runDLQPurge(ctx context.Context, e *env, name string, o dlqPurgeOptions) error {
	filter, err := o.check()
	if err != nil {
		return err
	}
	c, err := e.config()
	if err != nil {
		return err
	}
	d, err := pipeline.New(pipeline.Settings{Config: c}).FindDeadLetters(name)
	if err != nil {
		return err
	}
	if o.confirm == "" { // better told now than after the reading
		if err := e.console.CanAsk("--confirm=" + d.QueueName); err != nil {
			return err
		}
	} else if o.confirm != d.QueueName {
		return fault.As(fault.Usage, fmt.Errorf("--confirm=%s does not name the queue %s", o.confirm, d.QueueName), "give the name of the queue that you mean to empty")
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
	if o.confirm == "" {
		if any, err := e.confirmPurge(ctx, t, d, q, filter, o); err != nil || !any {
			return err
		}
	}
	return e.purge(ctx, t, d, q, filter, o)
}

// confirmPurge shows a sample of what would be deleted, and asks. It is false
// when there is nothing.
func (e *env) confirmPurge(ctx context.Context, t *target, d pipeline.DeadLetters, q *queue.Client, filter deadletter.Filter, o dlqPurgeOptions) (bool, error) {
	const sample = 100
	s, err := e.peek(ctx, q, deadletter.Look{Most: sample, Filter: filter})
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return false, err
	}
	if s.Before.Total() == 0 {
		e.console.Notef("%s is empty: nothing to delete", d.QueueName)
		return false, nil
	}
	e.console.Notef("%s", newDLQPeekView(t, d, q.Info(), s).Human(e.console.Err.Painter()))
	what := "every message"
	if !filter.All() {
		what = "what the filter chooses"
	}
	copies := "No copy is kept."
	if !o.noExport {
		copies = "A copy is written first."
	}
	return true, e.console.ConfirmName(ctx, fmt.Sprintf("This deletes %s of %s in %s. %s", what, d.QueueName, t.place(), copies), d.QueueName, "--confirm="+d.QueueName)
}

func (e *env) purge(ctx context.Context, t *target, d pipeline.DeadLetters, q *queue.Client, filter deadletter.Filter, o dlqPurgeOptions) (err error) {
	p := deadletter.Purge{Filter: filter, Most: o.most, Stop: ctx.Done(), Observe: func(p deadletter.Purged) {
		e.console.Notef("%s deleted %d, looked at %d of about %d", time.Now().Format(time.TimeOnly), p.Deleted, p.Looked, p.Before.Total())
	}}
	v := dlqPurgeView{where: t.where(), Name: d.Name, Queue: d.QueueName, Failed: []dlqFailure{}}
	if !o.noExport {
		v.Export = cmp.Or(o.export, fmt.Sprintf("%s-%s.ndjson", d.QueueName, time.Now().UTC().Format("20060102T150405Z")))
		if p.Export, err = deadletter.NewExport(v.Export); err != nil {
			return fault.As(fault.Usage, err, "nothing was touched; give another --export, or --no-export")
		}
	}
	note := func(text string) { e.console.Notef("%s; what is not deleted yet is put back", text) }
	e.say.Store(&note)
	defer e.say.Store(nil)
	done, err := p.Run(e.hard, q)
	e.warnHidden(done.Hidden, deadletter.PurgeHold)
	if p.Export != nil {
		err = errors.Join(err, p.Export.Close())
		if v.Deleted = done.Deleted; v.Deleted+len(done.Failed) == 0 {
			v.Export = "" // an empty file is not left behind
		}
	}
	v.add(done)
	if e.console.Format() != console.Table {
		e.console.Notef("%s", v.Human(e.console.Err.Painter()))
	}
	printed := e.console.Print(v)
	switch {
	case err != nil && v.Deleted > 0:
		err = fault.As(fault.Partial, fmt.Errorf("%d are deleted: %w", v.Deleted, err), "run it again: what is deleted stays deleted")
	case err == nil && len(v.Failed) > 0:
		err = fault.As(fault.Partial, fmt.Errorf("%d are deleted, %d could not be: %w", v.Deleted, len(v.Failed), done.Failed[0].Err), "run it again: what is deleted stays deleted")
	case err == nil:
		err = context.Cause(ctx)
	}
	return errors.Join(printed, err)
}

// dlqPurgeView is what was deleted.
type dlqPurgeView struct {
	where
	Name    string            `json:"name"`
	Queue   string            `json:"queue"`
	Deleted int               `json:"deleted"`
	Kept    int               `json:"kept"` // looked at, and not chosen
	Failed  []dlqFailure      `json:"failed"`
	Ended   deadletter.Ending `json:"ended"`
	Export  string            `json:"export,omitempty"`
}

// dlqFailure is a message that is still there.
type dlqFailure struct {
	MessageID string `json:"message_id"`
	Error     string `json:"error"`
}

func (v *dlqPurgeView) add(done deadletter.Purged) {
	v.Deleted, v.Ended, v.Kept = done.Deleted, done.Ended, done.Looked-done.Deleted-len(done.Failed)
	for _, f := range done.Failed {
		v.Failed = append(v.Failed, dlqFailure{f.ID, f.Err.Error()})
	}
}

func (v dlqPurgeView) Header() []string {
	return []string{"queue", "deleted", "kept", "failed", "export"}
}

func (v dlqPurgeView) Rows() [][]string {
	return [][]string{{v.Queue, strconv.Itoa(v.Deleted), strconv.Itoa(v.Kept), strconv.Itoa(len(v.Failed)), v.Export}}
}

// Human is one line, and one for each message that could not be deleted.
func (v dlqPurgeView) Human(p *console.Painter) string {
	text := fmt.Sprintf("%s: deleted %d, kept %d", v.Queue, v.Deleted, v.Kept)
	if v.Export != "" {
		text += "; the copy is in " + v.Export
	}
	for _, f := range v.Failed {
		text += fmt.Sprintf("\n%s %s: %s", p.Red("still there:"), f.MessageID, f.Error)
	}
	return text + "\n"
}
