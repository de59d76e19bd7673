package delivery

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Removal implements resource.Resource.
func (s *Stream) Removal(ctx context.Context) (resource.Change, error) {
	live, tags, err := s.find(ctx)
	if err != nil || live == nil {
		return resource.Change{Action: resource.None}, err
	}
	if !s.spec.Owner.Owns(tags) {
		return resource.Change{Action: resource.Keep, Reason: "not ours"}, nil
	}
	return resource.Change{Action: resource.Delete, Problem: problem(live), Steps: s.removal(live.DeliveryStreamStatus)}, nil
}

// removal deletes a delivery stream in the given state: one that is being made
// can't be deleted, one that is being deleted needs no second call.
func (s *Stream) removal(status types.DeliveryStreamStatus) []resource.Step {
	if status == types.DeliveryStreamStatusDeleting {
		return []resource.Step{{Wait: s.waitForNone, Patience: patience}}
	}
	remove := resource.Step{Call: "firehose:DeleteDeliveryStream", Do: s.delete, Wait: s.waitForNone, Patience: patience}
	if status != types.DeliveryStreamStatusCreating {
		return []resource.Step{remove}
	}
	return []resource.Step{{Wait: s.waitUntilMade, Patience: patience}, remove}
}

// waitUntilMade waits out CREATING, however it ends.
func (s *Stream) waitUntilMade(ctx context.Context) error {
	return s.poll(ctx, "waiting until the delivery stream is made, to delete it", func(live *types.DeliveryStreamDescription) (bool, error) {
		return live == nil || live.DeliveryStreamStatus != types.DeliveryStreamStatusCreating, nil
	})
}

func (s *Stream) delete(ctx context.Context) error {
	_, err := s.firehose.DeleteDeliveryStream(ctx, &firehose.DeleteDeliveryStreamInput{DeliveryStreamName: &s.spec.DeliveryName})
	if apierr.NotFound(err) {
		return nil
	}
	return err
}

func (s *Stream) waitForNone(ctx context.Context) error {
	return s.poll(ctx, "waiting until the delivery stream is gone (AWS takes minutes)", func(live *types.DeliveryStreamDescription) (bool, error) {
		if live != nil && live.DeliveryStreamStatus == types.DeliveryStreamStatusDeletingFailed {
			return false, errors.New(problem(live))
		}
		return live == nil, nil
	})
}
