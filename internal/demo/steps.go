package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/sweep"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/probe"
)

// Steps are what the demo shows, in order. What is to fail is sent early: it
// takes three receives until it is given up on, and meanwhile the stream, which
// does without the emergency function, has its turn.
func Steps() []Step {
	return []Step{
		{Name: "up", Proves: "the pipeline is built from nothing, and a second run has nothing to do", Within: 30 * time.Second, Vital: true, Run: up},
		{Name: "poison", Proves: "messages that nobody can read hold up no other vehicle", Within: 10 * time.Second, Run: poison},
		{Name: "traffic", Proves: "what devices send arrives, and each emergency starts its workflow once", Within: 20 * time.Second, Run: drive},
		{Name: "outage", Proves: "the emergency function fails while vehicles call for help", Within: 10 * time.Second, Run: outage},
		{Name: "surge", Proves: "what is above the shards' capacity is refused, counted, sent again and not lost", Within: 25 * time.Second, Run: surge},
		{Name: "scale", Proves: "with twice the shards the surge's rate is taken without a refusal", Within: 20 * time.Second, Run: grow},
		{Name: "data lake", Proves: "the stream is delivered as Parquet", Within: 15 * time.Second, Run: lake},
		{Name: "dead letters", Proves: "what fails is set aside after exactly three receives", Within: 30 * time.Second, Run: deadLetters},
		{Name: "alarm", Proves: "the alarm fires and its subscriber is told", Within: 20 * time.Second, Run: alarmed},
		{Name: "redrive", Proves: "once the function is mended, what failed on it arrives, once, and none is lost", Within: 12 * time.Second, Run: again},
		{Name: "alert", Proves: "an alert reaches its subscribers within the promise", Within: 15 * time.Second, Run: alert},
		{Name: "recovery", Proves: "the alarm goes back to OK once no dead letter is left", Within: 25 * time.Second, Run: recovery},
		{Name: "down", Proves: "nothing stays behind", Within: 30 * time.Second, Always: true, Run: down},
	}
}

func up(ctx context.Context, s *Stage) (string, error) {
	start := time.Now()
	p, err := plan.Compute(ctx, s.Pipeline.Graph())
	if err != nil {
		return "", err
	}
	calls, err := apply(ctx, p)
	if err != nil {
		return "", err
	}
	took := time.Since(start)
	again, err := plan.Compute(ctx, s.Pipeline.Graph())
	if err != nil {
		return "", err
	}
	left := 0
	for _, it := range again.Items {
		left += len(it.Change.Calls())
	}
	measured := fmt.Sprintf("%d resources with %d calls in %s; a second run has %d calls to make", len(p.Items), calls, seconds(took), left)
	if left > 0 {
		return measured, fmt.Errorf("a second run would make %d calls", left)
	}
	return measured, nil
}

// apply carries a plan out and fails with its first failure.
func apply(ctx context.Context, p *plan.Plan) (calls int, err error) {
	results, err := p.Apply(ctx, plan.Options{Sort: apierr.Sort})
	for _, r := range results {
		calls += r.Calls
		if r.Err != nil && err == nil {
			err = fmt.Errorf("%s %s: %w", r.Action, r.ID, r.Err)
		}
	}
	return calls, err
}

func alert(ctx context.Context, s *Stage) (string, error) {
	p := probe.New(s.AWS, s.Pipeline.EmergencyPath(), s.Pipeline.Owner())
	const promise = 2 * time.Second
	report, err := p.Run(ctx, ctx, probe.Options{Promise: promise, Limit: 10 * time.Second})
	if err != nil {
		return "", err
	}
	if f := report.Failure; f != nil {
		return "", fmt.Errorf("%s: %s", f.Hop, f.Reason)
	}
	measured := fmt.Sprintf("%d ms from the stream to a subscriber of the authorities' topic, %d promised", *report.TotalMS, report.PromiseMS)
	switch {
	case len(report.Left) > 0:
		return measured, fmt.Errorf("the probe left behind: %s", report.Left[0])
	case !report.Kept:
		return measured, fmt.Errorf("it took %d ms", *report.TotalMS)
	}
	to, err := s.letter(ctx, "the letter to the authorities", "authorities-alerts", report.Event)
	if err != nil {
		return measured, err
	}
	s.emergencies++
	return measured + "; " + to.To + " was sent it, marked [TEST]", nil
}

func lake(ctx context.Context, s *Stage) (string, error) {
	path := s.Pipeline.EmergencyPath()
	objects, bytes := 0, int64(0)
	err := until(ctx, "waiting for Firehose", func(ctx context.Context) (bool, error) {
		objects, bytes = 0, 0
		for _, day := range []time.Time{s.began, time.Now()} { // two at midnight
			found, err := path.Lake.Objects(ctx, path.LakeDay(day))
			if err != nil {
				return false, err
			}
			if objects = len(found); objects > 0 {
				for _, o := range found {
					bytes += o.Bytes
				}
				break
			}
		}
		return objects > 0, nil
	})
	if err != nil {
		return "", err
	}
	spoilt, err := path.Lake.Objects(ctx, path.LakeErrors(s.began))
	if err != nil {
		return "", err
	}
	measured := fmt.Sprintf("%d Parquet objects, %d KiB, %d under the error prefix", objects, bytes>>10, len(spoilt))
	if len(spoilt) > 0 {
		return measured, fmt.Errorf("records could not be converted: %s", spoilt[0].Key)
	}
	return measured, nil
}

func down(ctx context.Context, s *Stage) (string, error) {
	p, err := plan.Removal(ctx, s.Pipeline.Graph())
	if err != nil {
		return "", err
	}
	start := time.Now()
	calls, err := apply(ctx, p)
	if err != nil {
		return "", err
	}
	took := time.Since(start)
	found, err := sweep.New(s.AWS, s.Pipeline.Owner()).Left(ctx, 10*time.Second)
	if err != nil {
		return "", err
	}
	measured := fmt.Sprintf("%d calls in %s, %d left", calls, seconds(took), len(found))
	if len(found) > 0 {
		return measured, fmt.Errorf("left: %s", found[0].ARN)
	}
	return measured, nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
