package demo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/scale"
	"github.com/ccs-platform/ccsctl/internal/traffic"
	"github.com/ccs-platform/ccsctl/internal/traffic/load"
)

// grow doubles the shards and sends at the surge's rate again.
func grow(ctx context.Context, s *Stage) (string, error) {
	want := 2 * s.Shards
	growth := scale.New(s.AWS, s.Pipeline.StreamSize(want), scale.NewLedger(filepath.Join(s.Folder, "resizes"), s.Pipeline.StreamARN()))
	p, err := growth.Plan(ctx, true)
	if err != nil {
		return "", err
	}
	start := time.Now()
	r, err := growth.Run(ctx, ctx, p, nil)
	if err != nil {
		return "", err
	}
	measured := fmt.Sprintf("%d to %d shards in %s with %d resize", p.From, want, seconds(time.Since(start)), len(r.Made))
	open, err := stream.NewReader(s.AWS, s.Pipeline.EmergencyPath().Stream).OpenShards(ctx)
	if err != nil {
		return measured, err
	}
	if err := even(open, want); err != nil {
		return measured, err
	}
	return s.roomy(ctx, measured, want)
}

// even says that there are so many open shards, each with the same share of the
// keys, and none of the keys without one.
func even(open []stream.OpenShard, want int) error {
	if len(open) != want {
		return fmt.Errorf("%d shards are open, want %d", len(open), want)
	}
	for _, shard := range open {
		if math.Abs(shard.Share*float64(want)-1) > 0.01 {
			return fmt.Errorf("%s has %.0f %% of the keys", shard.ID, 100*shard.Share)
		}
	}
	return nil
}

// roomyTries is how often the rate is tried: a machine that stalls sends what it
// owes at once, and then it is that burst that is refused.
const roomyTries = 3

// roomy sends at the surge's rate and wants none of it refused.
func (s *Stage) roomy(ctx context.Context, measured string, shards int) (string, error) {
	rate := float64(surgeRate * s.Shards)
	for try := 1; ; try++ {
		steep, err := load.Steady(rate, surging)
		if err != nil {
			return measured, err
		}
		totals, err := traffic.Run(ctx, s.Pipeline.Devices(), traffic.Options{Load: steep, Vehicles: surgers, Seed: surgeSeed, Patience: surgePatience})
		if err != nil {
			return measured, err
		}
		s.emergencies += totals.Critical
		told := fmt.Sprintf("%s, each open with a like share of the keys; %.0f/s again: %d offered, %d accepted, %d refusals", measured, rate, totals.Offered, totals.Accepted, totals.Throttled)
		if try > 1 {
			told += fmt.Sprintf(" at try %d", try)
		}
		switch {
		case totals.Accepted != totals.Offered:
			return told, fmt.Errorf("%d events were lost", totals.Offered-totals.Accepted)
		case totals.Throttled == 0:
			return told, nil
		case try == roomyTries:
			return told, errors.New("it was refused all the same")
		}
	}
}
