// Package delivery is the Firehose delivery stream that carries the telemetry
// into the data lake as Parquet. It knows which of its settings change in place,
// that the source does not, and that a deleted one takes its time to be gone.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Spec is the wanted delivery stream.
type Spec struct {
	Name         string // within the pipeline, for people
	DeliveryName string // in Firehose
	StreamARN    string // where it reads, from the latest record on
	RoleARN      string // reads, converts and writes
	BucketARN    string
	Prefix       string // with expressions, ending in "/"
	ErrorPrefix  string // with !{firehose:error-output-type}
	// BufferMB is 64..128, because records are converted; BufferInterval is
	// 0..15 min in whole seconds.
	BufferMB       int32
	BufferInterval time.Duration
	// Database and Table say which columns the Parquet has; Region is theirs.
	Database, Table, Region string
	// LogGroup and LogStream get the errors. Firehose makes neither.
	LogGroup, LogStream string
	Owner               resource.Owner
}

// Stream is the delivery stream, live or still to be made.
type Stream struct {
	firehose *firehose.Client
	spec     Spec
}

var _ resource.Resource = (*Stream)(nil)

// attempts is how often a call is made while AWS asks for fewer: Firehose allows
// a whole account five a second of each kind, and colleagues have tools too.
const attempts = 6

// New is the delivery stream of spec in the account of cfg.
func New(cfg aws.Config, spec Spec) *Stream {
	client := firehose.NewFromConfig(cfg, func(o *firehose.Options) { o.RetryMaxAttempts = max(o.RetryMaxAttempts, attempts) })
	return &Stream{firehose: client, spec: spec}
}

// ID is delivery/NAME.
func (s *Stream) ID() resource.ID { return resource.ID{Kind: "delivery", Name: s.spec.Name} }

// Waits at Firehose are long, and a deletion is "low priority" (API ref
// DeleteDeliveryStream).
const patience = 30 * time.Minute

// describe reads the delivery stream; nil is none.
func (s *Stream) describe(ctx context.Context) (*types.DeliveryStreamDescription, error) {
	out, err := s.firehose.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: &s.spec.DeliveryName})
	if apierr.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.DeliveryStreamDescription, nil
}

// tags reads the tags of a delivery stream that may be gone.
func (s *Stream) tags(ctx context.Context) (map[string]string, error) {
	tags := map[string]string{}
	in := &firehose.ListTagsForDeliveryStreamInput{DeliveryStreamName: &s.spec.DeliveryName, Limit: aws.Int32(50)}
	for {
		out, err := s.firehose.ListTagsForDeliveryStream(ctx, in)
		if apierr.NotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, t := range out.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
			in.ExclusiveStartTagKey = t.Key
		}
		if !aws.ToBool(out.HasMoreTags) || len(out.Tags) == 0 {
			return tags, nil
		}
	}
}

// find reads both at once.
func (s *Stream) find(ctx context.Context) (live *types.DeliveryStreamDescription, tags map[string]string, err error) {
	var errTags error
	done := make(chan struct{})
	go func() {
		defer close(done)
		tags, errTags = s.tags(ctx)
	}()
	live, err = s.describe(ctx)
	<-done
	return live, tags, errors.Join(err, errTags)
}

// Diff implements resource.Resource.
func (s *Stream) Diff(ctx context.Context) (resource.Change, error) {
	live, tags, err := s.find(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	if live == nil {
		return s.fresh(), nil
	}
	if live.DeliveryStreamStatus == types.DeliveryStreamStatusDeleting {
		c := s.fresh()
		c.Reason = "the one before is still being deleted"
		c.Steps = append([]resource.Step{{Wait: s.waitForNone, Patience: patience}}, c.Steps...)
		return c, nil
	}
	c := s.diffLive(live, tags)
	if !s.spec.Owner.Owns(tags) {
		c.Action, c.Reason = resource.Conflict, fmt.Sprintf("%s is somebody else's delivery stream", s.spec.DeliveryName)
	}
	return c, nil
}

func (s *Stream) diffLive(live *types.DeliveryStreamDescription, tags map[string]string) resource.Change {
	c := resource.Change{Action: resource.None, Problem: problem(live)}
	if c.Problem != "" {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "state", Old: string(live.DeliveryStreamStatus), New: string(types.DeliveryStreamStatusActive), Replaces: true})
	}
	c.Attributes = append(c.Attributes, s.diffSource(live)...)
	if len(c.Attributes) > 0 {
		c.Action, c.Steps = resource.Replace, append(s.removal(live.DeliveryStreamStatus), s.fresh().Steps...)
		return c
	}
	if live.DeliveryStreamStatus == types.DeliveryStreamStatusCreating {
		c.Steps = append(c.Steps, resource.Step{Wait: s.waitForActive, Patience: patience})
	}
	if diff := s.spec.Owner.DiffTags(tags); len(diff) > 0 {
		c.Action = resource.Update
		c.Attributes = append(c.Attributes, diff...)
		c.Steps = append(c.Steps, resource.Step{Call: "firehose:TagDeliveryStream", Do: s.tag})
	}
	if diff := s.diffDestination(live); len(diff) > 0 {
		c.Action = resource.Update
		c.Attributes = append(c.Attributes, diff...)
		c.Steps = append(c.Steps, resource.Step{Call: "firehose:UpdateDestination", Do: s.update, Wait: s.waitForUpdate})
	}
	return c
}

// problem is AWS's reason for a delivery stream that will never work.
func problem(live *types.DeliveryStreamDescription) string {
	switch live.DeliveryStreamStatus {
	case types.DeliveryStreamStatusCreatingFailed, types.DeliveryStreamStatusDeletingFailed:
	default:
		return ""
	}
	if f := live.FailureDescription; f != nil {
		return fmt.Sprintf("%s: %s: %s", live.DeliveryStreamStatus, f.Type, aws.ToString(f.Details))
	}
	return string(live.DeliveryStreamStatus)
}

func (s *Stream) fresh() resource.Change {
	c := resource.Change{
		Action:     resource.Create,
		Attributes: []resource.Attribute{{Name: "source", New: s.spec.StreamARN}},
		Steps:      []resource.Step{{Call: "firehose:CreateDeliveryStream", Do: s.create, Wait: s.waitForActive, Patience: patience}},
	}
	for _, set := range s.settings(nil) {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: set.name, New: set.want})
	}
	return c
}

func (s *Stream) create(ctx context.Context) error {
	_, err := s.firehose.CreateDeliveryStream(ctx, &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName:                 &s.spec.DeliveryName,
		DeliveryStreamType:                 types.DeliveryStreamTypeKinesisStreamAsSource,
		KinesisStreamSourceConfiguration:   &types.KinesisStreamSourceConfiguration{KinesisStreamARN: &s.spec.StreamARN, RoleARN: &s.spec.RoleARN},
		ExtendedS3DestinationConfiguration: s.configuration(),
		Tags:                               s.wantTags(),
	})
	if !apierr.Exists(err) {
		return err
	}
	if tags, tagErr := s.tags(ctx); tagErr != nil {
		return tagErr
	} else if !s.spec.Owner.Owns(tags) {
		return fmt.Errorf("%s was made meanwhile, and not by us: %w", s.spec.DeliveryName, err)
	}
	return nil
}

func (s *Stream) tag(ctx context.Context) error {
	_, err := s.firehose.TagDeliveryStream(ctx, &firehose.TagDeliveryStreamInput{DeliveryStreamName: &s.spec.DeliveryName, Tags: s.wantTags()})
	return err
}

func (s *Stream) wantTags() []types.Tag {
	var tags []types.Tag
	for k, v := range s.spec.Owner.Tags() {
		tags = append(tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	return tags
}

// poll waits until ready says so of the delivery stream, nil when there is none.
// Five calls a second for a whole account are soon too many; that answer only
// slows the poll down.
func (s *Stream) poll(ctx context.Context, note string, ready func(*types.DeliveryStreamDescription) (bool, error)) error {
	return resource.Poll(ctx, note, func(ctx context.Context) (bool, error) {
		live, err := s.describe(ctx)
		if apierr.Sort(err) == resource.Throttled {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		return ready(live)
	})
}

func (s *Stream) waitForActive(ctx context.Context) error {
	return s.poll(ctx, "waiting until the delivery stream is ACTIVE", func(live *types.DeliveryStreamDescription) (bool, error) {
		if live == nil {
			return false, nil // made a moment ago and not known everywhere
		}
		if p := problem(live); p != "" {
			return false, errors.New(p)
		}
		return live.DeliveryStreamStatus == types.DeliveryStreamStatusActive, nil
	})
}

func (s *Stream) waitForUpdate(ctx context.Context) error {
	return s.poll(ctx, "waiting until the new settings are known", func(live *types.DeliveryStreamDescription) (bool, error) {
		if live == nil {
			return false, fmt.Errorf("%s is gone", s.spec.DeliveryName)
		}
		return len(s.diffDestination(live)) == 0, nil
	})
}
