// Package stream is the pipeline's Kinesis data stream. It knows in which order
// AWS takes a stream's settings and that each has to end before the next may
// begin, how far one resize may go, and that the number of shards within its
// bounds is the autoscaler's. Which key and which bounds it leaves to the
// pipeline.
package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Spec is the wanted stream.
type Spec struct {
	Name       string // within the pipeline, for people
	StreamName string
	// Shards is how many the stream is born with. Later any number from
	// MinShards to MaxShards is as wanted.
	Shards, MinShards, MaxShards int
	Retention                    time.Duration // whole hours, 24 h to 8760 h
	// Key is what to encrypt with, by any name that KMS knows. SameKey says
	// whether the name that AWS reports is that key's.
	Key     string
	SameKey func(ctx context.Context, live string) (bool, error)
	Owner   resource.Owner
}

// Stream is one data stream, live or still to be made.
type Stream struct {
	kinesis *kinesis.Client
	spec    Spec
}

var _ resource.Resource = (*Stream)(nil)

// New is the stream of spec in the account of cfg.
func New(cfg aws.Config, spec Spec) *Stream {
	return &Stream{kinesis: kinesis.NewFromConfig(cfg), spec: spec}
}

// ID is stream/NAME.
func (s *Stream) ID() resource.ID { return resource.ID{Kind: "stream", Name: s.spec.Name} }

// summary is AWS's own.
type summary = types.StreamDescriptionSummary

// describe reads the stream. nil is no such stream. It is asked for by name,
// never by ARN: an ARN sends the request to another host, which closed networks
// do not know (trap 40).
func (s *Stream) describe(ctx context.Context) (*summary, error) {
	out, err := s.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &s.spec.StreamName})
	if apierr.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.StreamDescriptionSummary, nil
}

// tags reads all tags, which AWS gives in pages.
func (s *Stream) tags(ctx context.Context) (map[string]string, error) {
	tags := map[string]string{}
	in := &kinesis.ListTagsForStreamInput{StreamName: &s.spec.StreamName}
	for {
		out, err := s.kinesis.ListTagsForStream(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, t := range out.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		if !aws.ToBool(out.HasMoreTags) || len(out.Tags) == 0 {
			return tags, nil
		}
		in.ExclusiveStartTagKey = out.Tags[len(out.Tags)-1].Key
	}
}

// find reads the stream and its tags. A stream that is going away counts as
// there: its name is not free yet.
func (s *Stream) find(ctx context.Context) (*summary, map[string]string, error) {
	live, err := s.describe(ctx)
	if err != nil || live == nil || live.StreamStatus == types.StreamStatusDeleting {
		return live, nil, err
	}
	tags, err := s.tags(ctx)
	if apierr.NotFound(err) {
		return nil, nil, nil // gone in between
	}
	return live, tags, err
}

// Diff implements resource.Resource.
func (s *Stream) Diff(ctx context.Context) (resource.Change, error) {
	live, tags, err := s.find(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	if live == nil {
		return s.creation(), nil
	}
	if live.StreamStatus == types.StreamStatusDeleting {
		c := s.creation()
		c.Reason = "the one of this name is still being deleted"
		c.Steps = append([]resource.Step{{Wait: s.waitGone}}, c.Steps...)
		return c, nil
	}
	c := resource.Change{Action: resource.None}
	if live.StreamStatus != types.StreamStatusActive {
		c.Steps = append(c.Steps, resource.Step{Wait: s.waitSettled})
	}
	if err := s.diff(ctx, &c, live, tags); err != nil {
		return resource.Change{}, err
	}
	if len(c.Calls()) > 0 {
		c.Action = resource.Update
	}
	if !s.spec.Owner.Owns(tags) {
		c.Action, c.Reason = resource.Conflict, fmt.Sprintf("a stream %s is there and carries other tags than ours", s.spec.StreamName)
	}
	return c, nil
}

func (s *Stream) creation() resource.Change {
	c := resource.Change{
		Action: resource.Create,
		Attributes: []resource.Attribute{
			{Name: "shards", New: fmt.Sprint(s.spec.Shards)},
			{Name: "retention", New: hours(s.retention())},
			{Name: "encryption", New: s.spec.Key},
		},
		Steps: []resource.Step{{Call: "kinesis:CreateStream", Do: s.create, Wait: s.waitCreated}},
	}
	// CreateStream knows neither retention nor encryption, and takes each only
	// when what came before has settled (trap 2).
	if s.retention() != bornRetention {
		c.Steps = append(c.Steps, s.retentionStep("kinesis:IncreaseStreamRetentionPeriod"))
	}
	c.Steps = append(c.Steps, s.encryptionStep())
	return c
}

// bornRetention is what every stream begins with, in hours.
const bornRetention = 24

func (s *Stream) retention() int32 { return int32(s.spec.Retention / time.Hour) }

func hours(n int32) string { return resource.Duration(time.Duration(n) * time.Hour) }

// create makes the stream. One of ours that is there already is the effect of
// a call whose answer got lost.
func (s *Stream) create(ctx context.Context) error {
	_, err := s.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{
		StreamName:        &s.spec.StreamName,
		ShardCount:        aws.Int32(int32(s.spec.Shards)),
		StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeProvisioned},
		Tags:              s.spec.Owner.Tags(),
	}, once)
	if !apierr.Is(err, "ResourceInUse") {
		return err
	}
	if _, tags, lookErr := s.find(ctx); lookErr != nil || !s.spec.Owner.Owns(tags) {
		return err
	}
	return nil
}

// once keeps the SDK from repeating a call. It takes every
// LimitExceededException for haste, but from Kinesis that is most often a limit
// that stays: more than double the shards, the eleventh resize of the day, the
// account's quota (trap 4). What does pass, the planner repeats.
func once(o *kinesis.Options) { o.RetryMaxAttempts = 1 }

// Removal implements resource.Resource.
func (s *Stream) Removal(ctx context.Context) (resource.Change, error) {
	live, tags, err := s.find(ctx)
	if err != nil || live == nil {
		return resource.Change{Action: resource.None}, err
	}
	if live.StreamStatus == types.StreamStatusDeleting {
		return resource.Change{Action: resource.None, Steps: []resource.Step{{Wait: s.waitGone}}}, nil
	}
	if !s.spec.Owner.Owns(tags) {
		return resource.Change{Action: resource.Keep, Reason: "not ours"}, nil
	}
	c := resource.Change{Action: resource.Delete}
	if live.StreamStatus != types.StreamStatusActive {
		c.Steps = append(c.Steps, resource.Step{Wait: s.waitSettled}) // AWS deletes nothing that is in a change
	}
	c.Steps = append(c.Steps, resource.Step{Call: "kinesis:DeleteStream", Do: s.delete, Wait: s.waitGone})
	return c, nil
}

func (s *Stream) delete(ctx context.Context) error {
	_, err := s.kinesis.DeleteStream(ctx, &kinesis.DeleteStreamInput{
		StreamName: &s.spec.StreamName, EnforceConsumerDeletion: aws.Bool(true),
	}, once)
	if apierr.NotFound(err) {
		return nil
	}
	if apierr.Is(err, "ResourceInUse") {
		if live, lookErr := s.describe(ctx); lookErr == nil && (live == nil || live.StreamStatus == types.StreamStatusDeleting) {
			return nil // an earlier call is at it
		}
	}
	return err
}

// waitCreated bears that the stream is not known yet.
func (s *Stream) waitCreated(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until the stream is ACTIVE", func(ctx context.Context) (bool, error) {
		live, err := s.describe(ctx)
		return live != nil && live.StreamStatus == types.StreamStatusActive, err
	})
}

// waitSettled returns when no change is under way any more. A deletion is none
// that ends here.
func (s *Stream) waitSettled(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until a change of the stream under way ends", func(ctx context.Context) (bool, error) {
		live, err := s.describe(ctx)
		return live == nil || live.StreamStatus == types.StreamStatusActive || live.StreamStatus == types.StreamStatusDeleting, err
	})
}

func (s *Stream) waitGone(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until the stream is deleted", func(ctx context.Context) (bool, error) {
		live, err := s.describe(ctx)
		return live == nil, err
	})
}
