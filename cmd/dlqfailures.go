package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/ccs-platform/ccsctl/internal/aws/function"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/redrive"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// refuseForStream refuses flags that mean nothing for notices of the stream's
// failures.
func (o *redriveOptions) refuseForStream() error {
	for flag, set := range map[string]bool{"--edit": len(o.edits) > 0, "--rate": o.rate > 0, "--canary": o.canary > 0, "--engine native": o.engine == "native"} {
		if set {
			return fault.As(fault.Usage, fmt.Errorf("%s: the notices of the stream's failures hold no messages to move", flag), "leave it out; --max 1 replays the records of one notice")
		}
	}
	switch o.to {
	case "", "function", "function/ingest", "stream":
		return nil
	}
	return fault.As(fault.Usage, fmt.Errorf("--to %s: records of the stream go to the function or the stream", o.to), "one of function, stream")
}

// runStreamFailures replays the records that the stream's function failed on.
func runStreamFailures(ctx context.Context, e *env, t *target, d pipeline.DeadLetters, o redriveOptions) error {
	if err := o.refuseForStream(); err != nil {
		return err
	}
	filter, _, err := o.parse()
	if err != nil {
		return err
	}
	from, err := queue.Open(ctx, t.session.Config, d.QueueName)
	if err != nil {
		return notBuilt(err)
	}
	depth, err := from.Depth(ctx)
	if err != nil {
		return err
	}
	if depth.Total() == 0 {
		e.console.Notef("%s is empty: nothing to replay", d.QueueName)
		return e.console.Print(newRedriveView(t, d.QueueName, string(redrive.Client), redrive.Summary{}))
	}
	reader := stream.NewReader(t.session.Config, d.Source)
	job := redrive.Failures{
		From: from, Filter: filter, Max: o.max, DryRun: o.dryRun, GiveUp: o.giveUp, Stop: ctx.Done(),
		Read: func(ctx context.Context, n redrive.Notice) ([]stream.Record, error) {
			return reader.Range(ctx, n.Shard, n.First, n.Last)
		},
	}
	where := "function " + d.Function
	job.To = redrive.ToFunction{Caller: function.NewCaller(t.session.Config, d.Function), Region: t.session.Region}
	if o.to == "stream" {
		where = "stream " + d.Source + ", and so once more to all of its readers, the data lake among them"
		job.To = redrive.IntoStream{Writer: stream.NewWriter(t.session.Config, d.Source), Stop: ctx.Done()}
	}
	e.console.Notef("%s: about %s of records that are read from stream %s and go to %s", d.QueueName, count(depth.Total(), "notice"), d.Source, where)
	if !o.dryRun {
		ok, err := e.console.Confirm(ctx, fmt.Sprintf("Replay them in %s?", t.place()), "--yes")
		if err != nil {
			return err
		}
		if !ok {
			return fault.As(fault.Interrupted, errDeclined, "")
		}
		journal, err := redrive.OpenJournal(stateDir("redrive"), from.Info().ARN)
		if err != nil {
			return err
		}
		defer journal.Close()
		job.Journal = journal
	}
	show, done := e.redriveProgress(d.QueueName)
	job.Observe = show
	s, err := job.Run(resource.Until(e.hard, ctx))
	done()
	return e.endRedrive(ctx, newRedriveView(t, d.QueueName, string(redrive.Client), s), job.Journal, err)
}

// endRedrive prints what a run from here came to.
func (e *env) endRedrive(ctx context.Context, v *redriveView, journal *redrive.Journal, err error) error {
	if errors.Is(err, redrive.ErrStopped) {
		err = fault.As(fault.Interrupted, fmt.Errorf("%w: what was in hand was put back", context.Cause(ctx)), "run the same command again: what was done is not done twice")
	}
	if len(v.Counts) == 0 {
		return err
	}
	if journal != nil {
		v.Journal = journal.Path()
	}
	return errors.Join(e.console.Print(v), err)
}
