package demo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/metric"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/workflow"
	"github.com/ccs-platform/ccsctl/internal/deadletter"
	"github.com/ccs-platform/ccsctl/internal/functions"
	"github.com/ccs-platform/ccsctl/internal/redrive"
)

const (
	// strandings is how many emergencies are sent while their function fails.
	strandings = 5
	// strandedOnes chooses them among the dead letters, as an operator would
	// who knows what failed: by what the messages say.
	strandedOnes = `body.type == "sos"`
)

// outage breaks the emergency function and sends emergencies, each of a vehicle
// of its own. It leaves the function broken: redrive mends it.
func outage(ctx context.Context, s *Stage) (string, error) {
	q, err := queue.Open(ctx, s.AWS, s.Pipeline.EmergencyPath().Queue)
	if err != nil {
		return "", err
	}
	if s.mend, err = s.Break(ctx, "emergency"); err != nil {
		return "", err
	}
	var messages []queue.Outgoing
	for n := range strandings {
		e := functions.Event{ID: fmt.Sprint("stranded-", n), Vehicle: fmt.Sprint("vehicle-stranded-", n), Kind: functions.SOS, Severity: functions.Critical, OccurredAt: time.Now().UTC()}
		messages = append(messages, queue.Outgoing{Body: e.Encode(), Group: e.Vehicle, Dedup: e.ID})
		s.stranded = append(s.stranded, e)
	}
	for _, sent := range q.Send(ctx, messages) {
		if sent.Err != nil {
			return "", sent.Err
		}
	}
	s.lastSent = time.Now()
	return fmt.Sprintf("%d calls for help of as many vehicles sent; from here on every invocation fails", len(messages)), nil
}

// again mends the function and sends through once more what failed on it, and
// nothing else.
func again(ctx context.Context, s *Stage) (measured string, err error) {
	if s.mend == nil || len(s.stranded) == 0 {
		return "", errors.New("nothing was stranded")
	}
	early, err := s.arrived(ctx)
	if err != nil {
		return "", err
	}
	if early > 0 {
		return "", fmt.Errorf("%d of %d had started their workflows although the function failed", early, len(s.stranded))
	}
	if err := s.mend(ctx); err != nil {
		return "", err
	}
	before, err := s.workflows(ctx)
	if err != nil {
		return "", err
	}
	summary, err := s.redrive(ctx)
	moved, left := summary.Counts[redrive.Moved], summary.Counts[redrive.Unmatched]
	measured = fmt.Sprintf("%d of %d sent through again in %s, %d perhaps twice; %d that nobody can read left", moved, len(s.stranded), seconds(summary.Took), len(summary.Duplicates), left)
	switch {
	case err != nil:
		return measured, err
	case moved != len(s.stranded) || left != poisons:
		return measured, fmt.Errorf("%d sent through again and %d left, want %d and %d", moved, left, len(s.stranded), poisons)
	case len(summary.Duplicates) > 0:
		return measured, errors.New("some may have been sent twice")
	}
	there := 0
	err = until(ctx, "waiting for the workflows of what was sent again", func(ctx context.Context) (bool, error) {
		there, err = s.arrived(ctx)
		return there == len(s.stranded), err
	})
	if err != nil {
		return measured + fmt.Sprintf("; %d workflows", there), err
	}
	started := 0.0
	err = until(ctx, "counting workflows", func(ctx context.Context) (bool, error) {
		now, err := s.workflows(ctx)
		started = now - before
		return started >= float64(len(s.stranded)), err
	})
	measured += fmt.Sprintf("; %.0f workflows started, each emergency's own", started)
	if err == nil && started != float64(len(s.stranded)) {
		err = fmt.Errorf("%.0f workflows for %d emergencies", started, len(s.stranded))
	}
	return measured, err
}

// redrive moves the stranded ones back with the engine that can choose.
func (s *Stage) redrive(ctx context.Context) (redrive.Summary, error) {
	path := s.Pipeline.EmergencyPath()
	from, err := queue.Open(ctx, s.AWS, path.DeadLetters)
	if err != nil {
		return redrive.Summary{}, err
	}
	to, err := queue.Open(ctx, s.AWS, path.Queue)
	if err != nil {
		return redrive.Summary{}, err
	}
	filter, err := deadletter.ParseFilter(strandedOnes)
	if err != nil {
		return redrive.Summary{}, err
	}
	journal, err := redrive.OpenJournal(filepath.Join(s.Folder, "redrive"), from.Info().ARN)
	if err != nil {
		return redrive.Summary{}, err
	}
	job := redrive.Job{From: from, Sources: map[string]redrive.Queue{path.Queue: to}, Filter: filter.Match, Journal: journal}
	summary, err := job.Run(ctx)
	return summary, errors.Join(err, journal.Close())
}

// arrived is how many of the stranded emergencies have a workflow.
func (s *Stage) arrived(ctx context.Context) (n int, err error) {
	executions := workflow.ExecutionsOf(s.AWS, s.Pipeline.EmergencyPath().Workflow)
	for _, e := range s.stranded {
		_, ok, err := executions.Find(ctx, e.ExecutionName())
		if err != nil {
			return n, err
		}
		if ok {
			n++
		}
	}
	return n, nil
}

// workflows is how many have started since the demo began.
func (s *Stage) workflows(ctx context.Context) (float64, error) {
	return s.sum(ctx, metric.Query{Namespace: "AWS/States", Name: "ExecutionsStarted", Dimensions: map[string]string{"StateMachineArn": s.Pipeline.EmergencyPath().Workflow}})
}
