package workflow

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// Run is one execution of a machine.
type Run struct {
	Name    string
	State   string // RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED, PENDING_REDRIVE
	Started time.Time
	Stopped time.Time // zero while it runs
}

// Recent are the newest executions of the machine with that ARN, at most most
// of them, the newest first. A machine that does not exist is an error that
// apierr.NotFound knows.
func Recent(ctx context.Context, cfg aws.Config, arn string, most int) ([]Run, error) {
	out, err := sfn.NewFromConfig(cfg).ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &arn, MaxResults: int32(most)})
	if err != nil {
		return nil, fmt.Errorf("executions: %w", err)
	}
	runs := make([]Run, len(out.Executions))
	for i, e := range out.Executions {
		runs[i] = Run{Name: aws.ToString(e.Name), State: string(e.Status), Started: aws.ToTime(e.StartDate), Stopped: aws.ToTime(e.StopDate)}
	}
	return runs, nil
}
