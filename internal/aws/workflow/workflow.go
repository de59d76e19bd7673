// Package workflow is a Step Functions state machine, and the definition of the
// one that tells the world about an emergency. It knows that creating a machine
// that is there already succeeds without taking over role and tags, and that
// deleting one only begins its end. What becomes of executions it leaves to
// others.
package workflow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Spec is the wanted state machine. It is of type STANDARD: only that one
// starts an execution once for each name, and remembers it.
type Spec struct {
	Name        string // within the pipeline, for people
	MachineName string
	ARN         string // of the machine; known before it exists
	RoleARN     string
	Definition  string // Amazon States Language
	Owner       resource.Owner
}

// Workflow is a state machine, live or still to be made.
type Workflow struct {
	sfn  *sfn.Client
	spec Spec
}

var _ resource.Resource = (*Workflow)(nil)

// New is the state machine of spec in the account of cfg.
func New(cfg aws.Config, spec Spec) *Workflow {
	return &Workflow{sfn: sfn.NewFromConfig(cfg), spec: spec}
}

// ID is workflow/NAME.
func (w *Workflow) ID() resource.ID { return resource.ID{Kind: "workflow", Name: w.spec.Name} }

// live is what AWS says of the machine.
type live struct {
	*sfn.DescribeStateMachineOutput
	tags map[string]string
}

// find reads the machine; nil is none.
func (w *Workflow) find(ctx context.Context) (*live, error) {
	out, err := w.sfn.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &w.spec.ARN})
	if apierr.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	tagged, err := w.sfn.ListTagsForResource(ctx, &sfn.ListTagsForResourceInput{ResourceArn: &w.spec.ARN})
	if apierr.NotFound(err) {
		return nil, nil // gone between the two
	}
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, t := range tagged.Tags {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return &live{out, tags}, nil
}

// Diff implements resource.Resource.
func (w *Workflow) Diff(ctx context.Context) (resource.Change, error) {
	l, err := w.find(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	switch {
	case l == nil:
		return w.creation(), nil
	case l.Status == types.StateMachineStatusDeleting: // whoever's it was
		c := w.creation()
		c.Reason = "the one before is still being deleted"
		c.Steps = append([]resource.Step{{Wait: w.waitGone}}, c.Steps...)
		return c, nil
	case !w.spec.Owner.Owns(l.tags):
		c := w.converge(l)
		c.Action, c.Reason = resource.Conflict, fmt.Sprintf("the state machine %s is somebody else's", w.spec.MachineName)
		return c, nil
	case l.Type != types.StateMachineTypeStandard:
		return resource.Change{
			Action:     resource.Replace,
			Reason:     "AWS can't change a state machine's type",
			Attributes: []resource.Attribute{{Name: "type", Old: string(l.Type), New: string(types.StateMachineTypeStandard), Replaces: true}},
			Steps:      []resource.Step{w.deleteStep(), w.createStep()},
		}, nil
	}
	return w.converge(l), nil
}

func (w *Workflow) creation() resource.Change {
	return resource.Change{
		Action: resource.Create,
		Attributes: []resource.Attribute{
			{Name: "machine_name", New: w.spec.MachineName},
			{Name: "type", New: string(types.StateMachineTypeStandard)},
			{Name: "role", New: w.spec.RoleARN},
		},
		Steps: []resource.Step{w.createStep()},
	}
}

// converge is what makes the live machine as wanted.
func (w *Workflow) converge(l *live) resource.Change {
	c := resource.Change{Action: resource.None}
	if tags := w.spec.Owner.DiffTags(l.tags); len(tags) > 0 {
		c.Attributes = append(c.Attributes, tags...)
		// First: what is marked as ours is found again by a run that follows a killed one.
		c.Steps = append(c.Steps, resource.Step{Call: "states:TagResource", Do: func(ctx context.Context) error {
			_, err := w.sfn.TagResource(ctx, &sfn.TagResourceInput{ResourceArn: &w.spec.ARN, Tags: w.tags()})
			return err
		}})
	}
	var update []resource.Attribute
	if old := aws.ToString(l.Definition); !same(old, w.spec.Definition) {
		update = append(update, resource.Attribute{Name: "definition", Old: compact(old), New: compact(w.spec.Definition)})
	}
	if old := aws.ToString(l.RoleArn); old != w.spec.RoleARN {
		update = append(update, resource.Attribute{Name: "role", Old: old, New: w.spec.RoleARN})
	}
	if len(update) > 0 {
		c.Attributes = append(c.Attributes, update...)
		c.Steps = append(c.Steps, w.updateStep())
	}
	if len(c.Steps) > 0 {
		c.Action = resource.Update
	}
	return c
}

func (w *Workflow) tags() []types.Tag {
	var tags []types.Tag
	for k, v := range w.spec.Owner.Tags() {
		tags = append(tags, types.Tag{Key: &k, Value: &v})
	}
	return tags
}

// The reads are eventually consistent. appearing bounds the wait for a new or
// changed machine, which takes seconds and usually none; spreading is how long
// a new one may be seen without its tags before they are somebody else's.
const (
	appearing = 3 * time.Minute
	spreading = 20 * time.Second
)

// errTaken is what creating finds when the name went to somebody else meanwhile.
var errTaken = errors.New("a state machine of this name has appeared meanwhile: make the plan again")

func (w *Workflow) createStep() resource.Step {
	return resource.Step{
		Call:     "states:CreateStateMachine",
		Patience: appearing,
		Do: func(ctx context.Context) error {
			_, err := w.sfn.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
				Name: &w.spec.MachineName, Type: types.StateMachineTypeStandard, RoleArn: &w.spec.RoleARN,
				Definition: &w.spec.Definition, Tags: w.tags(),
			})
			if apierr.Exists(err) {
				return nil // with another definition; the wait finds out whose it is
			}
			return err
		},
		// The call succeeds on a machine with the same definition whatever its
		// role and tags are (trap 25), so only a look shows what was made.
		Wait: func(ctx context.Context) error {
			start := time.Now()
			return resource.Poll(ctx, "waiting until the state machine can be seen", func(ctx context.Context) (bool, error) {
				l, err := w.find(ctx)
				if err != nil || l == nil {
					return false, err
				}
				made := len(w.converge(l).Steps) == 0
				if !made && time.Since(start) > spreading {
					return false, errTaken
				}
				return made, nil
			})
		},
	}
}

// updateStep sets definition and role, and waits until they can be read.
func (w *Workflow) updateStep() resource.Step {
	return resource.Step{
		Call:     "states:UpdateStateMachine",
		Patience: appearing,
		Do: func(ctx context.Context) error {
			_, err := w.sfn.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{
				StateMachineArn: &w.spec.ARN, Definition: &w.spec.Definition, RoleArn: &w.spec.RoleARN,
			})
			return err
		},
		Wait: func(ctx context.Context) error {
			return resource.Poll(ctx, "waiting until the change can be seen", func(ctx context.Context) (bool, error) {
				out, err := w.sfn.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &w.spec.ARN})
				if err != nil {
					return false, err
				}
				return same(aws.ToString(out.Definition), w.spec.Definition) && aws.ToString(out.RoleArn) == w.spec.RoleARN, nil
			})
		},
	}
}

// Removal implements resource.Resource.
func (w *Workflow) Removal(ctx context.Context) (resource.Change, error) {
	l, err := w.find(ctx)
	switch {
	case err != nil || l == nil:
		return resource.Change{Action: resource.None}, err
	case !w.spec.Owner.Owns(l.tags):
		return resource.Change{Action: resource.Keep, Reason: "not ours"}, nil
	case l.Status == types.StateMachineStatusDeleting:
		return resource.Change{Action: resource.Delete, Steps: []resource.Step{{Wait: w.waitGone}}}, nil
	}
	return resource.Change{Action: resource.Delete, Steps: []resource.Step{w.deleteStep()}}, nil
}

func (w *Workflow) deleteStep() resource.Step {
	return resource.Step{
		Call: "states:DeleteStateMachine",
		Do: func(ctx context.Context) error {
			_, err := w.sfn.DeleteStateMachine(ctx, &sfn.DeleteStateMachineInput{StateMachineArn: &w.spec.ARN})
			if apierr.NotFound(err) {
				return nil
			}
			return err
		},
		Wait: w.waitGone,
	}
}

// waitGone returns when the machine is gone. It ends the executions that still
// run first.
func (w *Workflow) waitGone(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until the state machine and its executions are gone", func(ctx context.Context) (bool, error) {
		_, err := w.sfn.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &w.spec.ARN})
		if apierr.NotFound(err) {
			return true, nil
		}
		return false, err
	})
}

// same compares definitions by structure: AWS keeps the text, people reformat it.
func same(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	return reflect.DeepEqual(x, y)
}

// compact is a definition on one line.
func compact(definition string) string {
	var out bytes.Buffer
	if json.Compact(&out, []byte(definition)) != nil {
		return strings.TrimSpace(definition)
	}
	return out.String()
}
