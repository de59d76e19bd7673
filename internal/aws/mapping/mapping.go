// Package mapping is a Lambda event source mapping: what hands the records of a
// stream, or the messages of a queue, to a function. A mapping has no name and
// its creation no token, so that it is found by what it connects; it takes a
// while to settle after each change and refuses the next one meanwhile.
package mapping

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Spec is the wanted mapping. Its source is a stream or a queue, as the ARN says.
type Spec struct {
	Name         string // within the pipeline, for people
	FunctionName string
	SourceARN    string
	BatchSize    int32
	Window       time.Duration // to fill a batch, whole seconds; a FIFO queue has none
	// PartialResponses lets the function report which items of a batch failed.
	PartialResponses bool
	Enabled          bool
	Owner            resource.Owner

	// Of a stream.
	StartingPosition      string // TRIM_HORIZON or LATEST; can't be changed
	BisectOnError         bool
	MaxRetries            int32         // -1 is until the record is too old
	MaxRecordAge          time.Duration // whole seconds from 60; 0 is until the stream forgets
	OnFailureARN          string        // a standard queue or topic that is told of what was given up; "" for none
	ParallelizationFactor int32         // batches of one shard at a time, 1..10

	// Of a queue.
	MaximumConcurrency int32 // 2..1000; 0 is no bound
}

// Mapping is an event source mapping, live or still to be made.
type Mapping struct {
	lambda *lambda.Client
	spec   Spec
}

var _ resource.Resource = (*Mapping)(nil)

// New is the mapping of spec in the account of cfg.
func New(cfg aws.Config, spec Spec) *Mapping {
	return &Mapping{lambda: lambda.NewFromConfig(cfg), spec: spec}
}

// ID is mapping/NAME.
func (m *Mapping) ID() resource.ID { return resource.ID{Kind: "mapping", Name: m.spec.Name} }

func (m *Mapping) stream() bool { return strings.Contains(m.spec.SourceARN, ":kinesis:") }
func (m *Mapping) fifo() bool   { return strings.HasSuffix(m.spec.SourceARN, ".fifo") }

// The states of a mapping that the product acts on. Every other one is a
// transition.
const (
	enabled   = "Enabled"
	enabling  = "Enabling"
	disabled  = "Disabled"
	disabling = "Disabling"
	deleting  = "Deleting"
)

// live is what AWS says of the mapping.
type live struct {
	types.EventSourceMappingConfiguration
	tags map[string]string
}

func (l *live) state() string { return aws.ToString(l.State) }

// settled reports whether the mapping takes a change.
func (l *live) settled() bool { return l.state() == enabled || l.state() == disabled }

// look finds the mapping between source and function; nil is none. There is at
// most one, beside one that is being deleted. It asks by the source alone: a
// mapping outlives its function, and Lambda does not find functions that are
// gone.
func (m *Mapping) look(ctx context.Context) (*live, error) {
	var going *live
	pages := lambda.NewListEventSourceMappingsPaginator(m.lambda, &lambda.ListEventSourceMappingsInput{EventSourceArn: &m.spec.SourceARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, found := range page.EventSourceMappings {
			l := &live{EventSourceMappingConfiguration: found}
			if !m.feeds(aws.ToString(l.FunctionArn)) {
				continue
			}
			if l.state() != deleting {
				return l, nil
			}
			going = l
		}
	}
	return going, nil
}

// feeds says whether a mapping to the function of that ARN is meant.
func (m *Mapping) feeds(function string) bool {
	_, name, _ := strings.Cut(function, ":function:")
	return name == m.spec.FunctionName
}

// find is look with the tags.
func (m *Mapping) find(ctx context.Context) (*live, error) {
	l, err := m.look(ctx)
	if err != nil || l == nil {
		return nil, err
	}
	out, err := m.lambda.ListTags(ctx, &lambda.ListTagsInput{Resource: l.EventSourceMappingArn})
	if apierr.NotFound(err) {
		return nil, nil // gone between the two
	}
	if err != nil {
		return nil, err
	}
	l.tags = out.Tags
	return l, nil
}

// Diff implements resource.Resource.
func (m *Mapping) Diff(ctx context.Context) (resource.Change, error) {
	l, err := m.find(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	switch {
	case l == nil:
		return m.creation(), nil
	case l.state() == deleting: // whoever's it was
		c := m.creation()
		c.Reason = "the one before is still being deleted"
		c.Steps = append([]resource.Step{{Wait: m.waitGone(l.UUID)}}, c.Steps...)
		return c, nil
	case !m.spec.Owner.Owns(l.tags):
		c := m.converge(l)
		c.Action, c.Reason = resource.Conflict, fmt.Sprintf("the mapping %s between the same two is somebody else's", aws.ToString(l.UUID))
		return c, nil
	case m.stream() && string(l.StartingPosition) != m.spec.StartingPosition:
		c := resource.Change{
			Action: resource.Replace,
			Reason: "AWS can't change where a mapping starts",
			Attributes: []resource.Attribute{
				{Name: "starting_position", Old: string(l.StartingPosition), New: m.spec.StartingPosition, Replaces: true},
			},
			Problem: problem(l),
		}
		c.Steps = append(m.settle(l), m.deleteStep(l.UUID), m.createStep())
		return c, nil
	}
	return m.converge(l), nil
}

func (m *Mapping) creation() resource.Change {
	c := resource.Change{
		Action: resource.Create,
		Attributes: []resource.Attribute{
			{Name: "source", New: m.spec.SourceARN},
			{Name: "function", New: m.spec.FunctionName},
		},
		Steps: []resource.Step{m.createStep()},
	}
	for _, a := range m.diffSettings(&live{}) {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: a.Name, New: a.New})
	}
	return c
}

// converge is what makes the live mapping as wanted.
func (m *Mapping) converge(l *live) resource.Change {
	c := resource.Change{Action: resource.None, Problem: problem(l), Steps: m.settle(l)}
	if tags := m.spec.Owner.DiffTags(l.tags); len(tags) > 0 {
		c.Action = resource.Update
		c.Attributes = append(c.Attributes, tags...)
		// First: what is marked as ours is found again by a run that follows a killed one.
		c.Steps = append(c.Steps, resource.Step{Call: "lambda:TagResource", Do: func(ctx context.Context) error {
			_, err := m.lambda.TagResource(ctx, &lambda.TagResourceInput{Resource: l.EventSourceMappingArn, Tags: m.spec.Owner.Tags()})
			return err
		}})
	}
	if settings := m.diffSettings(l); len(settings) > 0 {
		c.Action = resource.Update
		c.Attributes = append(c.Attributes, settings...)
		c.Steps = append(c.Steps, m.updateStep(l.UUID))
	}
	return c
}

// settle waits out a transition, in which a mapping takes no change.
func (m *Mapping) settle(l *live) []resource.Step {
	if l.settled() {
		return nil
	}
	return []resource.Step{{Wait: m.waitSettled}}
}

// problem is what Lambda says when it reads in vain. The state is Enabled all
// the same; a missing right to the key of a stream shows nowhere else.
func problem(l *live) string {
	if result := aws.ToString(l.LastProcessingResult); strings.HasPrefix(result, "PROBLEM") {
		return result
	}
	return ""
}

// Removal implements resource.Resource.
func (m *Mapping) Removal(ctx context.Context) (resource.Change, error) {
	l, err := m.find(ctx)
	switch {
	case err != nil || l == nil:
		return resource.Change{Action: resource.None}, err
	case !m.spec.Owner.Owns(l.tags):
		return resource.Change{Action: resource.Keep, Reason: "not ours"}, nil
	case l.state() == deleting:
		return resource.Change{Action: resource.Delete, Steps: []resource.Step{{Wait: m.waitGone(l.UUID)}}}, nil
	}
	return resource.Change{Action: resource.Delete, Steps: append(m.settle(l), m.deleteStep(l.UUID))}, nil
}
