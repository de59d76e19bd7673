package redrive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/fault"
)

// Mover is what SQS's own engine needs of a queue; *queue.Client is one.
type Mover interface {
	Info() queue.Info
	StartMove(ctx context.Context, destination string, rate int) (handle string, err error)
	Moves(ctx context.Context) ([]queue.Move, error)
	CancelMove(ctx context.Context, handle string) (moved int, err error)
}

var _ Mover = (*queue.Client)(nil)

// ErrLeft is a task that goes on without anybody watching it.
var ErrLeft = errors.New("left: SQS goes on with the task")

// StartTask starts SQS's task for a queue: to the queue of the given ARN, ""
// for where each message came from, at up to rate messages a second, 0 for what
// SQS thinks best. A task that runs already is a fault that says how far it is.
func StartTask(ctx context.Context, q Mover, to string, rate int) (queue.Move, error) {
	name, before := q.Info().Name, time.Now()
	handle, err := q.StartMove(ctx, to, rate)
	switch {
	case err == nil, passing(err): // of the latter it may have been started all the same
	case apierr.MoveRunning(err):
		running := "a task of SQS moves its messages already"
		if m, e := newest(ctx, q); e == nil && !m.State.Over() {
			running = fmt.Sprintf("a task of SQS moves its messages already: %d of about %d, since %s", m.Moved, m.ToMove, m.Started.Format(time.TimeOnly))
		}
		return queue.Move{}, fault.As(fault.Failed, fmt.Errorf("%s: %s; it has one at a time", name, running),
			fmt.Sprintf("follow it with 'ccsctl dlq status %s', or end it with 'ccsctl dlq cancel %s'", name, name))
	case apierr.NotDeadLetterQueue(err):
		return queue.Move{}, fault.As(fault.Failed, err, "name where the messages go with --to; the engine of our own moves them")
	default:
		return queue.Move{}, unstarted(ctx, name, err)
	}
	m, listErr := newest(ctx, q)
	switch {
	case listErr == nil && (err == nil && m.Handle == handle || err != nil && !m.State.Over() && m.Started.After(before.Add(-time.Minute))):
		return m, nil
	case err != nil:
		return queue.Move{}, unstarted(ctx, name, err)
	}
	return queue.Move{Handle: handle, State: queue.MoveRunning, Destination: to, Rate: rate, Started: before}, nil // or over already
}

// unstarted is a task that SQS did not take, or did not say that it took, for a
// reason that says nothing of the queue: a refusal of the caller and an
// interruption explain themselves.
func unstarted(ctx context.Context, name string, err error) error {
	if apierr.Denied(err) || ctx.Err() != nil {
		return err
	}
	return fault.As(fault.Failed, err,
		fmt.Sprintf("see with 'ccsctl dlq status %s' whether the task runs all the same; where SQS takes none, --engine client moves them", name))
}

// newest is a queue's newest task.
func newest(ctx context.Context, q Mover) (queue.Move, error) {
	moves, err := q.Moves(ctx)
	if err == nil && len(moves) == 0 {
		err = fmt.Errorf("%s: SQS knows of no task", q.Info().Name)
	}
	if err != nil {
		return queue.Move{}, err
	}
	return moves[0], nil
}

// FollowTask watches a queue's newest task until it is over, and says how it
// went. Once stop is closed it leaves the task alone, with ErrLeft. A task that
// failed, or was cancelled, is a fault with its reason.
func FollowTask(ctx context.Context, q Mover, stop <-chan struct{}, observe func(Progress)) (queue.Move, error) {
	pause := 200 * time.Millisecond
	for {
		m, err := newest(ctx, q)
		if err != nil {
			return m, err
		}
		if m.State.Over() {
			return m, TaskVerdict(q.Info().Name, m)
		}
		if observe != nil {
			observe(Progress{Doing: "SQS moves them", Moved: m.Moved, Total: m.ToMove, Elapsed: time.Since(m.Started)})
		}
		if !sleep(pause, stop) {
			return m, ErrLeft
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// TaskVerdict is nil for a task that ended well, and otherwise a fault.
func TaskVerdict(name string, m queue.Move) error {
	kind := fault.Failed
	if m.Moved > 0 {
		kind = fault.Partial
	}
	switch {
	case m.State == queue.MoveCancelled:
		return fault.As(kind, fmt.Errorf("%s: the task was cancelled after %d of about %d messages, which stay moved", name, m.Moved, m.ToMove), "start another for the others")
	case m.State != queue.MoveFailed:
		return nil
	}
	err := fmt.Errorf("%s: the task failed after %d of about %d messages: %s", name, m.Moved, m.ToMove, m.Reason)
	switch m.Reason {
	case "CouldNotDetermineMessageSource":
		return fault.As(kind, err, "a message was sent there by hand, and SQS does not know where to; name a queue with --to")
	case "AWS.SimpleQueueService.NonExistentQueue":
		return fault.As(kind, err, "the queue that they came from is gone; build it with 'ccsctl up', or name another with --to")
	}
	return fault.As(kind, err, "see the reason, then run the command again")
}

// CancelTask asks the task that runs to stop, and waits until it has. What it
// moved stays moved. No task that runs is a fault.
func CancelTask(ctx context.Context, q Mover) (queue.Move, error) {
	moves, err := q.Moves(ctx)
	if err != nil {
		return queue.Move{}, err
	}
	i := slices.IndexFunc(moves, func(m queue.Move) bool { return !m.State.Over() })
	if i < 0 {
		return queue.Move{}, fault.As(fault.Failed, fmt.Errorf("%s: no task of SQS moves its messages", q.Info().Name),
			"a redrive by the engine of our own is stopped with Ctrl-C where it runs")
	}
	if moves[i].Handle != "" { // which one that is being cancelled has no more
		if _, err := q.CancelMove(ctx, moves[i].Handle); err != nil && !overAlready(err) {
			return queue.Move{}, err
		}
	}
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		m, err := newest(ctx, q)
		if err != nil || m.State.Over() {
			return m, err
		}
		if !sleep(pause, ctx.Done()) {
			return m, context.Cause(ctx)
		}
	}
}

// overAlready reports whether a task was not cancelled because it has ended.
func overAlready(err error) bool {
	return apierr.NotFound(err) || apierr.Is(err, "InvalidParameterValue")
}
