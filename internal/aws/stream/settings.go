package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/resource"
)

// diff adds what differs: the tags first, so that what follows is done to a
// stream of ours, and the mode before the shards, which on demand are AWS's.
func (s *Stream) diff(ctx context.Context, c *resource.Change, live *summary, tags map[string]string) error {
	if diff := s.spec.Owner.DiffTags(tags); len(diff) > 0 {
		c.Attributes = append(c.Attributes, diff...)
		c.Steps = append(c.Steps, resource.Step{Call: "kinesis:AddTagsToStream", Do: s.tag})
	}
	if !provisioned(live) {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "mode", Old: string(live.StreamModeDetails.StreamMode), New: string(types.StreamModeProvisioned)})
		c.Steps = append(c.Steps, s.modeStep())
	}
	// A stream has no shards while it is CREATING.
	if live.StreamStatus != types.StreamStatusCreating {
		s.diffShards(c, live)
	}
	if old := aws.ToInt32(live.RetentionPeriodHours); old != s.retention() {
		call := "kinesis:IncreaseStreamRetentionPeriod"
		if old > s.retention() {
			call = "kinesis:DecreaseStreamRetentionPeriod"
		}
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "retention", Old: hours(old), New: hours(s.retention())})
		c.Steps = append(c.Steps, s.retentionStep(call))
	}
	same, err := s.encrypted(ctx, live)
	if err != nil {
		return err
	}
	if !same {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "encryption", Old: aws.ToString(live.KeyId), New: s.spec.Key})
		c.Steps = append(c.Steps, s.encryptionStep())
	}
	return nil
}

// step is one call that changes the stream and takes AWS a while. done says
// whether its effect shows; a call whose effect is there already is not made,
// for several of them count against limits of the day.
func (s *Stream) step(call string, done func(ctx context.Context, live *summary) (bool, error), do func(ctx context.Context, live *summary) error) resource.Step {
	look := func(ctx context.Context) (live *summary, ok bool, err error) {
		if live, err = s.describe(ctx); err != nil {
			return nil, false, err
		}
		if live == nil {
			return nil, false, fmt.Errorf("stream %s is gone", s.spec.StreamName)
		}
		ok, err = done(ctx, live)
		return live, ok, err
	}
	return resource.Step{
		Call: call,
		Do: func(ctx context.Context) error {
			live, ok, err := look(ctx)
			if err != nil || ok {
				return err
			}
			return do(ctx, live)
		},
		// ACTIVE alone is not enough: a read may be older than the call (trap 3).
		Wait: func(ctx context.Context) error {
			return resource.Poll(ctx, "waiting until the stream is ACTIVE again", func(ctx context.Context) (bool, error) {
				live, ok, err := look(ctx)
				return ok && live.StreamStatus == types.StreamStatusActive, err
			})
		},
	}
}

func (s *Stream) tag(ctx context.Context) error {
	_, err := s.kinesis.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: &s.spec.StreamName, Tags: s.spec.Owner.Tags()}, once)
	return err
}

// provisioned reports the capacity mode. AWS leaves it out for streams from
// before there were two.
func provisioned(live *summary) bool {
	return live.StreamModeDetails == nil || live.StreamModeDetails.StreamMode == types.StreamModeProvisioned
}

// modeStep leaves on-demand capacity. UpdateStreamMode alone takes no name.
func (s *Stream) modeStep() resource.Step {
	return s.step("kinesis:UpdateStreamMode",
		func(_ context.Context, live *summary) (bool, error) { return provisioned(live), nil },
		func(ctx context.Context, live *summary) error {
			_, err := s.kinesis.UpdateStreamMode(ctx, &kinesis.UpdateStreamModeInput{
				StreamARN: live.StreamARN, StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeProvisioned},
			}, once)
			return err
		})
}

func (s *Stream) retentionStep(call string) resource.Step {
	return s.step(call,
		func(_ context.Context, live *summary) (bool, error) {
			return aws.ToInt32(live.RetentionPeriodHours) == s.retention(), nil
		},
		func(ctx context.Context, _ *summary) (err error) {
			if call == "kinesis:IncreaseStreamRetentionPeriod" {
				_, err = s.kinesis.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{
					StreamName: &s.spec.StreamName, RetentionPeriodHours: aws.Int32(s.retention()),
				}, once)
			} else {
				_, err = s.kinesis.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{
					StreamName: &s.spec.StreamName, RetentionPeriodHours: aws.Int32(s.retention()),
				}, once)
			}
			return err
		})
}

// encrypted reports whether records are encrypted with the wanted key.
func (s *Stream) encrypted(ctx context.Context, live *summary) (bool, error) {
	if live.EncryptionType != types.EncryptionTypeKms {
		return false, nil
	}
	return s.spec.SameKey(ctx, aws.ToString(live.KeyId))
}

// encryptionStep begins encryption, or goes over to another key: for AWS that
// is the same call.
func (s *Stream) encryptionStep() resource.Step {
	return s.step("kinesis:StartStreamEncryption", s.encrypted, func(ctx context.Context, _ *summary) error {
		_, err := s.kinesis.StartStreamEncryption(ctx, &kinesis.StartStreamEncryptionInput{
			StreamName: &s.spec.StreamName, EncryptionType: types.EncryptionTypeKms, KeyId: &s.spec.Key,
		}, once)
		return err
	})
}

// resizePatience bounds one resize. AWS publishes only "a few minutes"; large
// streams have been seen to take far longer.
const resizePatience = 2 * time.Hour

// diffShards brings a number of shards beyond its bounds to the nearest bound.
func (s *Stream) diffShards(c *resource.Change, live *summary) {
	open := int(aws.ToInt32(live.OpenShardCount))
	want := min(max(open, s.spec.MinShards), s.spec.MaxShards)
	if want == open {
		return
	}
	c.Attributes = append(c.Attributes, resource.Attribute{Name: "shards", Old: fmt.Sprint(open), New: fmt.Sprint(want)})
	for _, n := range Steps(open, want) {
		c.Steps = append(c.Steps, s.resizeStep(n, n > open))
	}
}

// resizeStep is done as soon as the stream is that far: whoever else resizes
// it, the autoscaler above all, may have gone further.
func (s *Stream) resizeStep(n int, up bool) resource.Step {
	step := s.step("kinesis:UpdateShardCount",
		func(_ context.Context, live *summary) (bool, error) {
			open := int(aws.ToInt32(live.OpenShardCount))
			return up && open >= n || !up && open <= n, nil
		},
		func(ctx context.Context, _ *summary) error {
			_, err := s.kinesis.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{
				StreamName: &s.spec.StreamName, TargetShardCount: aws.Int32(int32(n)), ScalingType: types.ScalingTypeUniformScaling,
			}, once)
			if err != nil {
				return fmt.Errorf("resize to %d shards: %w", n, err)
			}
			return nil
		})
	step.Patience = resizePatience
	return step
}
