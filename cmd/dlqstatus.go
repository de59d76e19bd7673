package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/redrive"
)

func newDLQStatus(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "status QUEUE",
		Short: "Show SQS's own redrives of a queue, and follow the one that runs",
		Long: `Lists the tasks of SQS that moved the queue's dead letters, the newest first. On a
terminal it follows one that runs to its end; Ctrl-C leaves it running.

A redrive by the client engine lives where it was started, and is not listed.

Exit codes: 0 listed, or the task ended well; 1 the task failed; 2 wrong usage or
configuration; 3 it moved some and failed; 4 not allowed; 130 left running.`,
		Example:           "  ccsctl dlq status telemetry\n  ccsctl dlq status telemetry -o json",
		Args:              oneQueue,
		ValidArgsFunction: completeQueue,
		RunE:              func(c *cobra.Command, args []string) error { return runDLQStatus(c.Context(), e, args[0]) },
	}
}

func runDLQStatus(ctx context.Context, e *env, name string) error {
	t, d, err := e.deadLetters(ctx, name)
	if err != nil {
		return err
	}
	q, err := queue.Open(ctx, t.session.Config, d.QueueName)
	if err != nil {
		return notBuilt(err)
	}
	moves, err := q.Moves(ctx)
	if err != nil {
		return err
	}
	var followed error
	if len(moves) > 0 && !moves[0].State.Over() && e.console.Err.Terminal() && e.console.Format() == console.Table {
		show, done := e.redriveProgress(d.QueueName)
		_, followed = redrive.FollowTask(ctx, q, ctx.Done(), show)
		done()
		if ctx.Err() != nil {
			return leftRunning(d)
		}
		if moves, err = q.Moves(ctx); err != nil {
			return err
		}
	}
	v := movesView{where: t.where(), Queue: d.QueueName, Tasks: []moveView{}}
	for _, m := range moves {
		v.Tasks = append(v.Tasks, newMoveView(t, d.QueueName, m))
	}
	if len(moves) == 0 {
		e.console.Notef("SQS knows of no task that moved the messages of %s", d.QueueName)
	}
	if err := e.console.Print(v); err != nil {
		return err
	}
	return followed
}

func newDLQCancel(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel QUEUE",
		Short: "End SQS's own redrive of a queue",
		Long: `Asks SQS to end the task that moves the queue's dead letters, and waits until it
has. What was moved stays moved; the others stay where they are.

Exit codes: 0 ended; 1 failed, or there is no task that runs; 2 wrong usage or
configuration; 4 not allowed; 130 interrupted.`,
		Example:           "  ccsctl dlq cancel telemetry",
		Args:              oneQueue,
		ValidArgsFunction: completeQueue,
		RunE:              func(c *cobra.Command, args []string) error { return runDLQCancel(c.Context(), e, args[0]) },
	}
}

func runDLQCancel(ctx context.Context, e *env, name string) error {
	t, d, err := e.deadLetters(ctx, name)
	if err != nil {
		return err
	}
	q, err := queue.Open(ctx, t.session.Config, d.QueueName)
	if err != nil {
		return notBuilt(err)
	}
	m, err := redrive.CancelTask(ctx, q)
	if err != nil {
		return err
	}
	return e.console.Print(newMoveView(t, d.QueueName, m))
}

// leftRunning is a task that nobody watches any more.
func leftRunning(d pipeline.DeadLetters) error {
	return fault.As(fault.Interrupted, fmt.Errorf("left: SQS goes on moving the messages of %s", d.QueueName),
		fmt.Sprintf("come back with 'ccsctl dlq status %s', or end it with 'ccsctl dlq cancel %s'", d.Name, d.Name))
}
