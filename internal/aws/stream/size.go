package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// SizeSpec is the wanted number of shards of one live stream.
type SizeSpec struct {
	Name, StreamName string // within the pipeline, and in AWS
	Shards           int    // at least 1
	Owner            resource.Owner
	// Resized is told of each resize that AWS has agreed to, before it is
	// waited for; nil for nobody.
	Resized func(from, to int)
}

// Size is the number of shards of a stream as a resource of its own, which can
// so be planned, shown, carried out and stopped as all others are. Unlike the
// Stream, which leaves any number within its bounds alone, it wants exactly one.
type Size struct {
	Stream
	want    int
	resized func(from, to int)
}

var _ resource.Resource = (*Size)(nil)

// NewSize is the size of spec in the account of cfg.
func NewSize(cfg aws.Config, spec SizeSpec) *Size {
	s := &Size{Stream: *New(cfg, Spec{Name: spec.Name, StreamName: spec.StreamName, Owner: spec.Owner}), want: spec.Shards, resized: spec.Resized}
	if s.resized == nil {
		s.resized = func(int, int) {}
	}
	return s
}

// What keeps a stream from being resized, besides AWS's own reasons.
var (
	// ErrOnDemand: on demand, AWS decides how many shards there are.
	ErrOnDemand = errors.New("the stream is on demand, where its shards are AWS's own affair")
	// ErrMoved: somebody else has resized the stream in between, to where the
	// next step can't go on from.
	ErrMoved = errors.New("somebody else resizes this stream, too")
)

// Settle waits until no change of the stream is under way, whoever began it, and
// returns what it is then. Before that nobody can say how many shards there will
// be. No such stream is an error that apierr.NotFound knows.
func (s *Size) Settle(ctx context.Context) (now Summary, err error) {
	r := &Reader{kinesis: s.kinesis, name: s.spec.StreamName}
	begun := time.Now()
	minutes := 0
	err = resource.Poll(ctx, "waiting until a change of the stream by somebody else ends", func(ctx context.Context) (bool, error) {
		if now, err = r.Summary(ctx); err != nil {
			return false, err
		}
		if m := int(time.Since(begun).Minutes()); m > minutes {
			minutes = m
			resource.Note(ctx, fmt.Sprintf("the stream is still %s after %d min", now.State, m))
		}
		return now.State == string(types.StreamStatusActive), nil
	})
	return now, err
}

// Diff lists the resizes that lead to the wanted size. A stream that is not there
// is an error that apierr.NotFound knows. One in the midst of a change is waited
// for first; the resizes are then those from the number that it has for now.
func (s *Size) Diff(ctx context.Context) (resource.Change, error) {
	live, err := s.live(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	tags, err := s.tags(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	switch {
	case !provisioned(live):
		return resource.Change{}, ErrOnDemand
	case live.StreamStatus == types.StreamStatusCreating: // it has no shards yet
		return resource.Change{}, errors.New("the stream is still being created")
	}
	c := resource.Change{Action: resource.None}
	if live.StreamStatus != types.StreamStatusActive {
		c.Steps = append(c.Steps, resource.Step{Wait: s.waitSettled, Patience: resizePatience})
	}
	if open := int(aws.ToInt32(live.OpenShardCount)); open != s.want {
		c.Action = resource.Update
		c.Attributes = []resource.Attribute{{Name: "shards", Old: fmt.Sprint(open), New: fmt.Sprint(s.want)}}
		steps := Steps(open, s.want)
		for i, n := range steps {
			c.Steps = append(c.Steps, s.resize(leg{from: open, to: n, last: i == len(steps)-1, name: fmt.Sprintf("resize %d of %d, %d to %d shards", i+1, len(steps), open, n)}))
			open = n
		}
	}
	if !s.spec.Owner.Owns(tags) {
		c.Action, c.Reason = resource.Conflict, fmt.Sprintf("a stream %s is there and carries other tags than ours", s.spec.StreamName)
	}
	return c, nil
}

// Removal keeps it: a stream has a size as long as it is there.
func (s *Size) Removal(context.Context) (resource.Change, error) {
	return resource.Change{Action: resource.Keep, Reason: "a size goes with its stream"}, nil
}

// live reads the stream, which must be there and stay.
func (s *Size) live(ctx context.Context) (*summary, error) {
	out, err := s.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &s.spec.StreamName})
	if err != nil {
		return nil, err
	}
	if out.StreamDescriptionSummary.StreamStatus == types.StreamStatusDeleting {
		return nil, errors.New("the stream is being deleted")
	}
	return out.StreamDescriptionSummary, nil
}

// leg is one resize of those that lead to the wanted size.
type leg struct {
	from, to int
	last     bool
	name     string
}

// done reports whether a stream that is ACTIVE with so many open shards needs
// this leg no more: the last one has to end exactly where it is to, but on the
// way there somebody else may have gone further.
func (l leg) done(open int) bool {
	switch {
	case l.last:
		return open == l.to
	case l.to > l.from:
		return open >= l.to
	}
	return open <= l.to
}

// settling is how long a stream may be ACTIVE with a number of shards that is
// not the one asked for before that is somebody else's doing: a read may be
// older than the call (trap 3).
const settling = 30 * time.Second

func (s *Size) resize(l leg) resource.Step {
	return resource.Step{
		Call:     "kinesis:UpdateShardCount",
		Patience: resizePatience,
		Do:       func(ctx context.Context) error { return s.update(ctx, l) },
		Wait: func(ctx context.Context) error {
			var (
				begun   = time.Now()
				strange time.Time // since when it is ACTIVE elsewhere
				told    string
			)
			return resource.Poll(ctx, l.name+": waiting until the stream is ACTIVE", func(ctx context.Context) (bool, error) {
				live, err := s.live(ctx)
				if err != nil {
					return false, err
				}
				open, active := int(aws.ToInt32(live.OpenShardCount)), live.StreamStatus == types.StreamStatusActive
				switch {
				case active && l.done(open):
					return true, nil
				case !active:
					strange = time.Time{}
				case strange.IsZero():
					strange = time.Now()
				case time.Since(strange) > settling:
					return false, fmt.Errorf("%w: it has %d shards after a resize to %d", ErrMoved, open, l.to)
				}
				// Once a minute, and whenever there are other shards than before.
				text := fmt.Sprintf("%s: %s, %d shards open", l.name, live.StreamStatus, open)
				if m := int(time.Since(begun).Minutes()); m > 0 {
					text += fmt.Sprintf(", %d min so far", m)
				}
				if told != "" && text != told {
					resource.Note(ctx, text)
				}
				told = text
				return false, nil
			})
		},
	}
}

// update makes one resize. Where it can't be made because somebody else has
// been there it makes no call, which might count against the day's.
func (s *Size) update(ctx context.Context, l leg) error {
	live, err := s.live(ctx)
	if err != nil {
		return err
	}
	open, active := int(aws.ToInt32(live.OpenShardCount)), live.StreamStatus == types.StreamStatusActive
	switch {
	case active && l.done(open):
		return nil // an earlier call whose answer got lost, or somebody else
	case active && (l.to > 2*open || 2*l.to < open):
		return fmt.Errorf("%w: it has %d shards, from which AWS goes to %d to %d at once, not to %d", ErrMoved, open, (open+1)/2, 2*open, l.to)
	}
	_, err = s.kinesis.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{
		StreamName: &s.spec.StreamName, TargetShardCount: aws.Int32(int32(l.to)), ScalingType: types.ScalingTypeUniformScaling,
	}, once)
	if err != nil {
		return fmt.Errorf("%s: %w", l.name, err)
	}
	s.resized(open, l.to)
	return nil
}

// Account is how many shards an account may have in a region, and has.
type Account struct{ Open, Limit int }

// Account asks for the account's shards. AWS answers it once a second.
func (r *Reader) Account(ctx context.Context) (Account, error) {
	out, err := r.kinesis.DescribeLimits(ctx, &kinesis.DescribeLimitsInput{})
	if err != nil {
		return Account{}, fmt.Errorf("limits of the account: %w", err)
	}
	return Account{Open: int(aws.ToInt32(out.OpenShardCount)), Limit: int(aws.ToInt32(out.ShardLimit))}, nil
}

// Refused reports whether err is AWS's refusal of a resize by a limit that
// stays: the day's resizes, the account's shards, double or half.
func Refused(err error) bool { return apierr.Is(err, "LimitExceeded") }
