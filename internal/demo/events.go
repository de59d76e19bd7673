package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/metric"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/workflow"
	"github.com/ccs-platform/ccsctl/internal/functions"
	"github.com/ccs-platform/ccsctl/internal/traffic"
	"github.com/ccs-platform/ccsctl/internal/traffic/load"
)

// The load. perShard is what one shard takes in a second.
const (
	perShard = 1000
	everyday = 500 // events a second
	driving  = 4 * time.Second
	surging  = 2 * time.Second
	// The surge is above what a shard takes, and well below what two do: the
	// vehicles do not spread evenly.
	surgeRate     = perShard * 3 / 2 // for each shard
	surgers       = 1000             // vehicles
	surgeSeed     = 2
	surgePatience = 15 * time.Second
)

// poisons is how many messages are sent that nobody can read.
const poisons = 3

// poison sends them, and behind them an emergency of another vehicle.
func poison(ctx context.Context, s *Stage) (string, error) {
	path := s.Pipeline.EmergencyPath()
	q, err := queue.Open(ctx, s.AWS, path.Queue)
	if err != nil {
		return "", err
	}
	var messages []queue.Outgoing
	for n := range poisons {
		messages = append(messages, queue.Outgoing{Body: fmt.Sprintf(`{"event_id":"broken-%d","vehicle_id":`, n), Group: "vehicle-broken", Dedup: fmt.Sprint("broken-", n)})
	}
	healthy := functions.Event{ID: "healthy-1", Vehicle: "vehicle-healthy", Kind: functions.Crash, Severity: functions.Critical, OccurredAt: time.Now().UTC()}
	messages = append(messages, queue.Outgoing{Body: healthy.Encode(), Group: healthy.Vehicle, Dedup: healthy.ID})
	s.poisoned = time.Now()
	s.lastSent = s.poisoned
	for _, sent := range q.Send(ctx, messages) {
		if sent.Err != nil {
			return "", sent.Err
		}
	}
	var e workflow.Execution
	err = until(ctx, "waiting for the workflow of the vehicle behind the broken one", func(ctx context.Context) (ok bool, err error) {
		e, ok, err = workflow.ExecutionsOf(s.AWS, path.Workflow).Find(ctx, healthy.ExecutionName())
		return ok, err
	})
	if err != nil {
		return "", err
	}
	s.emergencies++
	return fmt.Sprintf("%d sent for one vehicle; the crash of another, sent behind them, started its workflow after %d ms",
		poisons, max(0, e.Started.Sub(s.poisoned).Milliseconds())), nil
}

// drive sends everyday traffic, within what the stream takes.
func drive(ctx context.Context, s *Stage) (string, error) {
	everyday, err := load.Steady(everyday, driving)
	if err != nil {
		return "", err
	}
	totals, err := traffic.Run(ctx, s.Pipeline.Devices(), traffic.Options{Load: everyday, Vehicles: 200, Critical: 0.01, FollowUps: 0.02, Seed: 1})
	if err != nil {
		return "", err
	}
	s.emergencies += totals.Critical
	measured := fmt.Sprintf("%d offered, %d accepted, %d lost", totals.Offered, totals.Accepted, totals.Lost)
	if totals.Accepted != totals.Offered {
		return measured, fmt.Errorf("%d events were not accepted: %s", totals.Offered-totals.Accepted, totals.Reason)
	}
	started := 0.0
	err = until(ctx, "counting workflows", func(ctx context.Context) (bool, error) {
		started, err = s.workflows(ctx)
		return started >= float64(s.emergencies), err
	})
	measured += fmt.Sprintf("; %d emergencies so far, %.0f workflows", s.emergencies, started)
	if err == nil && started != float64(s.emergencies) {
		err = fmt.Errorf("%.0f workflows for %d emergencies", started, s.emergencies)
	}
	return measured, err
}

// surge sends half as much again as the shards take.
func surge(ctx context.Context, s *Stage) (string, error) {
	rate := float64(surgeRate * s.Shards)
	steep, err := load.Steady(rate, surging)
	if err != nil {
		return "", err
	}
	before, err := s.throttled(ctx)
	if err != nil {
		return "", err
	}
	totals, err := traffic.Run(ctx, s.Pipeline.Devices(), traffic.Options{Load: steep, Vehicles: surgers, Seed: surgeSeed, Patience: surgePatience})
	if err != nil {
		return "", err
	}
	s.emergencies += totals.Critical
	// What a call without an answer was refused only CloudWatch knows.
	least, most := float64(totals.Throttled), float64(totals.Throttled+totals.Unanswered)
	counted := 0.0
	err = until(ctx, "waiting for CloudWatch", func(ctx context.Context) (bool, error) {
		now, err := s.throttled(ctx)
		counted = now - before
		return counted >= least, err
	})
	measured := fmt.Sprintf("%.0f/s to %d shards that take %d/s: %d offered, %d accepted, %d lost; %d refusals, CloudWatch counts %.0f",
		rate, s.Shards, perShard*s.Shards, totals.Offered, totals.Accepted, totals.Lost, totals.Throttled, counted)
	if totals.Unanswered > 0 {
		measured += fmt.Sprintf(" (%d events had no answer)", totals.Unanswered)
	}
	switch {
	case totals.Throttled == 0:
		return measured, fmt.Errorf("nothing was refused")
	case totals.Accepted != totals.Offered:
		return measured, fmt.Errorf("%d events were lost", totals.Offered-totals.Accepted)
	case err == nil && (counted < least || counted > most):
		err = fmt.Errorf("CloudWatch counts %.0f refusals of %.0f to %.0f", counted, least, most)
	}
	return measured, err
}

// throttled is how many records the stream has refused since the beginning.
func (s *Stage) throttled(ctx context.Context) (float64, error) {
	return s.sum(ctx, metric.Query{Namespace: "AWS/Kinesis", Name: "WriteProvisionedThroughputExceeded", Dimensions: map[string]string{"StreamName": s.Pipeline.EmergencyPath().Stream}})
}

// sum is what a metric has come to since the demo began, the minute under way
// included.
func (s *Stage) sum(ctx context.Context, q metric.Query) (float64, error) {
	q.Statistic = "Sum"
	series, err := metric.New(s.AWS).Fetch(ctx, []metric.Query{q}, s.began, time.Now().Add(time.Minute), time.Minute)
	if err != nil {
		return 0, err
	}
	total := 0.0
	for _, p := range series[0] {
		total += p.Value
	}
	return total, nil
}
