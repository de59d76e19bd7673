package workflow

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
)

// Executions are the runs of one live state machine.
type Executions struct {
	sfn     *sfn.Client
	machine string
}

// ExecutionsOf are those of the state machine with the given ARN. It makes no
// call.
func ExecutionsOf(cfg aws.Config, machineARN string) *Executions {
	return &Executions{sfn: sfn.NewFromConfig(cfg), machine: machineARN}
}

// Execution is one run. All times are Step Functions' own.
type Execution struct {
	ARN     string
	Status  string // RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED, as AWS calls them
	Input   string
	Started time.Time
	Stopped time.Time // zero while it runs
	Failure string    // error and cause of one that failed
}

// Running says that it has not ended.
func (e Execution) Running() bool { return e.Status == string(types.ExecutionStatusRunning) }

// Succeeded says that it ended well.
func (e Execution) Succeeded() bool { return e.Status == string(types.ExecutionStatusSucceeded) }

// Find is the execution of that name; ok is false while there is none, which
// may last a moment longer than its start: the reads are eventually consistent.
func (x *Executions) Find(ctx context.Context, name string) (e Execution, ok bool, err error) {
	arn := strings.Replace(x.machine, ":stateMachine:", ":execution:", 1) + ":" + name
	out, err := x.sfn.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if apierr.Is(err, "ExecutionDoesNotExist", "StateMachineDoesNotExist") {
		return Execution{}, false, nil
	}
	if err != nil {
		return Execution{}, false, fmt.Errorf("execution %s: %w", name, err)
	}
	e = Execution{
		ARN: arn, Status: string(out.Status), Input: aws.ToString(out.Input),
		Started: aws.ToTime(out.StartDate), Stopped: aws.ToTime(out.StopDate), Failure: words(out.Error, out.Cause),
	}
	return e, true, nil
}

// Trouble is the newest failure of a task in an execution, "" when none has
// failed: what keeps it at its retries, or what it died of. It looks at the last
// events only.
func (x *Executions) Trouble(ctx context.Context, e Execution) (string, error) {
	out, err := x.sfn.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: &e.ARN, ReverseOrder: true, MaxResults: 100})
	if err != nil {
		return "", fmt.Errorf("history of the execution: %w", err)
	}
	for _, event := range out.Events {
		switch {
		case event.TaskFailedEventDetails != nil:
			return words(event.TaskFailedEventDetails.Error, event.TaskFailedEventDetails.Cause), nil
		case event.TaskSubmitFailedEventDetails != nil:
			return words(event.TaskSubmitFailedEventDetails.Error, event.TaskSubmitFailedEventDetails.Cause), nil
		case event.TaskStartFailedEventDetails != nil:
			return words(event.TaskStartFailedEventDetails.Error, event.TaskStartFailedEventDetails.Cause), nil
		case event.TaskTimedOutEventDetails != nil:
			return words(event.TaskTimedOutEventDetails.Error, event.TaskTimedOutEventDetails.Cause), nil
		}
	}
	return "", nil
}

// words are an error and its cause as one text.
func words(name, cause *string) string {
	if aws.ToString(name) != "" && aws.ToString(cause) != "" {
		return *name + ": " + *cause
	}
	return cmp.Or(aws.ToString(name), aws.ToString(cause))
}
