package mapping

import (
	"context"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

func (m *Mapping) createStep() resource.Step {
	return resource.Step{
		Call: "lambda:CreateEventSourceMapping",
		Do: func(ctx context.Context) error {
			_, err := m.lambda.CreateEventSourceMapping(ctx, m.createInput())
			if apierr.Exists(err) {
				return m.ours(ctx, err)
			}
			return err
		},
		Wait: m.waitSettled,
	}
}

// named finds the mapping that is in the way in the error that tells of it.
var named = regexp.MustCompile(`UUID ([0-9a-fA-F-]{36})`)

// ours is nil when the mapping that is in the way is our own, made by a call
// whose answer got lost, and taken when it is not. The
// error names it; the list may not show it yet.
func (m *Mapping) ours(ctx context.Context, taken error) error {
	uuid := named.FindStringSubmatch(apierr.Message(taken))
	if uuid == nil {
		return taken
	}
	l, err := m.lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &uuid[1]})
	if err != nil {
		return err
	}
	out, err := m.lambda.ListTags(ctx, &lambda.ListTagsInput{Resource: l.EventSourceMappingArn})
	if err != nil {
		return err
	}
	if !m.spec.Owner.Owns(out.Tags) {
		return taken
	}
	return nil
}

func (m *Mapping) updateStep(uuid *string) resource.Step {
	return resource.Step{
		Call: "lambda:UpdateEventSourceMapping",
		Do: func(ctx context.Context) error {
			_, err := m.lambda.UpdateEventSourceMapping(ctx, m.updateInput(uuid))
			return err
		},
		Wait: m.waitSettled,
	}
}

// waitSettled returns when the mapping is Enabled or Disabled.
func (m *Mapping) waitSettled(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until the mapping has settled", func(ctx context.Context) (bool, error) {
		l, err := m.look(ctx)
		return l != nil && l.settled(), err
	})
}

func (m *Mapping) deleteStep(uuid *string) resource.Step {
	return resource.Step{
		Call: "lambda:DeleteEventSourceMapping",
		Do: func(ctx context.Context) error {
			// A mapping that is being deleted refuses with ResourceInUseException
			// until it is gone, which is a kind of trouble that passes.
			_, err := m.lambda.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: uuid})
			if apierr.NotFound(err) {
				return nil
			}
			return err
		},
		Wait: m.waitGone(uuid),
	}
}

func (m *Mapping) waitGone(uuid *string) func(context.Context) error {
	return func(ctx context.Context) error {
		return resource.Poll(ctx, "waiting until the mapping is gone", func(ctx context.Context) (bool, error) {
			_, err := m.lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: uuid})
			if apierr.NotFound(err) {
				return true, nil
			}
			return false, err
		})
	}
}
