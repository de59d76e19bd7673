package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// MaxMoveRate is the most messages a second that a move task can be held to.
const MaxMoveRate = 500

// MoveState is where a move task is.
type MoveState string

// The states of a move task. One that is Running or Cancelling keeps others of
// its queue from starting.
const (
	MoveRunning    MoveState = "RUNNING"
	MoveCompleted  MoveState = "COMPLETED"
	MoveCancelling MoveState = "CANCELLING"
	MoveCancelled  MoveState = "CANCELLED"
	MoveFailed     MoveState = "FAILED"
)

// Over reports whether a task in this state moves nothing any more.
func (s MoveState) Over() bool { return s != MoveRunning && s != MoveCancelling }

// Move is one of SQS's own tasks that moves a dead-letter queue's messages.
type Move struct {
	// Handle is what CancelMove takes. SQS tells it only while the task is
	// Running.
	Handle string
	State  MoveState
	// Destination is an ARN, "" for where each message came from.
	Destination string
	Rate        int // messages a second, 0 for what SQS thinks best
	Moved       int // approximately
	ToMove      int // approximately, when it started
	Started     time.Time
	Reason      string // of a Failed one
}

// StartMove starts a task that moves all messages to the queue with the given
// ARN, "" for back to where each came from. SQS does the work: it goes on for
// up to 36 hours, whoever watches. It sends the messages as new ones. A queue
// that is nobody's dead-letter queue, or one that has a task already, is
// refused: see apierr.NotDeadLetterQueue and apierr.MoveRunning. rate is 1 to
// MaxMoveRate, 0 for what SQS thinks best.
func (c *Client) StartMove(ctx context.Context, destination string, rate int) (handle string, err error) {
	in := &sqs.StartMessageMoveTaskInput{SourceArn: &c.info.ARN}
	if destination != "" {
		in.DestinationArn = &destination
	}
	if rate > 0 {
		in.MaxNumberOfMessagesPerSecond = aws.Int32(int32(rate))
	}
	out, err := c.sqs.StartMessageMoveTask(ctx, in, once) // a second try would be refused by its own first
	if err != nil {
		return "", fmt.Errorf("start a move task for %s: %w", c.info.Name, err)
	}
	return aws.ToString(out.TaskHandle), nil
}

// Moves are the queue's tasks that SQS remembers, at most ten, the newest first.
func (c *Client) Moves(ctx context.Context) ([]Move, error) {
	out, err := c.sqs.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &c.info.ARN, MaxResults: aws.Int32(10)})
	if err != nil {
		return nil, fmt.Errorf("move tasks of %s: %w", c.info.Name, err)
	}
	moves := make([]Move, len(out.Results))
	for i, r := range out.Results {
		moves[i] = move(r)
	}
	return moves, nil
}

func move(r types.ListMessageMoveTasksResultEntry) Move {
	return Move{
		Handle: aws.ToString(r.TaskHandle), State: MoveState(aws.ToString(r.Status)), Destination: aws.ToString(r.DestinationArn),
		Rate: int(aws.ToInt32(r.MaxNumberOfMessagesPerSecond)), Moved: int(r.ApproximateNumberOfMessagesMoved),
		ToMove: int(aws.ToInt64(r.ApproximateNumberOfMessagesToMove)), Started: time.UnixMilli(r.StartedTimestamp),
		Reason: aws.ToString(r.FailureReason),
	}
}

// CancelMove asks a running task to stop, and says how many messages it has
// moved, which stay moved. One that is over already is refused.
func (c *Client) CancelMove(ctx context.Context, handle string) (moved int, err error) {
	out, err := c.sqs.CancelMessageMoveTask(ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: &handle})
	if err != nil {
		return 0, fmt.Errorf("cancel the move task of %s: %w", c.info.Name, err)
	}
	return int(out.ApproximateNumberOfMessagesMoved), nil
}
