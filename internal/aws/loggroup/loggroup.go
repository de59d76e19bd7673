// Package loggroup is a group of CloudWatch Logs with its retention and the
// streams that must be there before somebody writes to them. Groups are made
// first, because one that a service makes by itself never expires and belongs
// to nobody (trap 42).
package loggroup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Spec is the wanted group.
type Spec struct {
	Name          string // within the pipeline, for people
	GroupName     string
	RetentionDays int32    // one of those that AWS takes; 0 keeps events for ever
	Streams       []string // that must exist; others are left alone
	Owner         resource.Owner
}

// Group is one log group, live or still to be made.
type Group struct {
	logs *cloudwatchlogs.Client
	spec Spec
}

var _ resource.Resource = (*Group)(nil)

// New is the group of spec in the account of cfg.
func New(cfg aws.Config, spec Spec) *Group {
	return &Group{logs: cloudwatchlogs.NewFromConfig(cfg), spec: spec}
}

// ID is loggroup/NAME.
func (g *Group) ID() resource.ID { return resource.ID{Kind: "loggroup", Name: g.spec.Name} }

// live is what CloudWatch Logs says of the group.
type live struct {
	arn       string // in the form that tags want
	retention int32
	streams   []string // of those wanted, the ones that are there
	tags      map[string]string
}

// describe finds the group itself; nil is no such group. The API searches by
// prefix only; the name itself comes first among those that begin with it.
func (g *Group) describe(ctx context.Context) (*types.LogGroup, error) {
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(g.logs, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &g.spec.GroupName})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, found := range page.LogGroups {
			if aws.ToString(found.LogGroupName) == g.spec.GroupName {
				return &found, nil
			}
		}
	}
	return nil, nil
}

// owner is the group with its tags; nil is no such group.
func (g *Group) owner(ctx context.Context) (*live, error) {
	found, err := g.describe(ctx)
	if err != nil || found == nil {
		return nil, err
	}
	// Old servers give one ARN only, the one with ":*", which tags don't take.
	l := &live{arn: strings.TrimSuffix(aws.ToString(found.Arn), ":*"), retention: aws.ToInt32(found.RetentionInDays)}
	if found.LogGroupArn != nil {
		l.arn = *found.LogGroupArn
	}
	out, err := g.logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: &l.arn})
	if apierr.NotFound(err) {
		return nil, nil // gone since
	}
	if err != nil {
		return nil, err
	}
	l.tags = out.Tags
	return l, nil
}

// hasStream asks by prefix, as for groups: the name itself comes first.
func (g *Group) hasStream(ctx context.Context, name string) (bool, error) {
	pages := cloudwatchlogs.NewDescribeLogStreamsPaginator(g.logs, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: &g.spec.GroupName, LogStreamNamePrefix: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if apierr.NotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(page.LogStreams, func(s types.LogStream) bool { return aws.ToString(s.LogStreamName) == name }) {
			return true, nil
		}
	}
	return false, nil
}

// Diff implements resource.Resource.
func (g *Group) Diff(ctx context.Context) (resource.Change, error) {
	l, err := g.owner(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	if l == nil {
		return g.creation(), nil
	}
	for _, name := range g.spec.Streams {
		there, err := g.hasStream(ctx, name)
		if err != nil {
			return resource.Change{}, err
		}
		if there {
			l.streams = append(l.streams, name)
		}
	}
	c := resource.Change{Action: resource.None}
	if diff := g.spec.Owner.DiffTags(l.tags); len(diff) > 0 {
		c.Attributes = append(c.Attributes, diff...)
		c.Steps = append(c.Steps, resource.Step{Call: "logs:TagResource", Do: func(ctx context.Context) error {
			_, err := g.logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: &l.arn, Tags: g.spec.Owner.Tags()})
			return err
		}})
	}
	if l.retention != g.spec.RetentionDays {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "retention", Old: days(l.retention), New: days(g.spec.RetentionDays)})
		c.Steps = append(c.Steps, g.retentionStep())
	}
	if len(l.streams) < len(g.spec.Streams) {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "streams", Old: strings.Join(l.streams, ", "), New: strings.Join(g.spec.Streams, ", ")})
		for _, name := range g.spec.Streams {
			if !slices.Contains(l.streams, name) {
				c.Steps = append(c.Steps, g.streamStep(name))
			}
		}
	}
	if len(c.Steps) > 0 {
		c.Action = resource.Update
	}
	if !g.spec.Owner.Owns(l.tags) {
		c.Action, c.Reason = resource.Conflict, fmt.Sprintf("the log group %s is not ours", g.spec.GroupName)
	}
	return c, nil
}

func (g *Group) creation() resource.Change {
	c := resource.Change{
		Action:     resource.Create,
		Attributes: []resource.Attribute{{Name: "name", New: g.spec.GroupName}, {Name: "retention", New: days(g.spec.RetentionDays)}},
		Steps:      []resource.Step{{Call: "logs:CreateLogGroup", Do: g.create, Wait: g.waitFor(true)}},
	}
	if g.spec.RetentionDays > 0 {
		c.Steps = append(c.Steps, g.retentionStep())
	}
	for _, name := range g.spec.Streams {
		c.Steps = append(c.Steps, g.streamStep(name))
	}
	if len(g.spec.Streams) > 0 {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "streams", New: strings.Join(g.spec.Streams, ", ")})
	}
	return c
}

func days(n int32) string {
	if n == 0 {
		return "for ever"
	}
	return resource.Duration(time.Duration(n) * 24 * time.Hour)
}

// create makes the group. One of ours that is there already is what was asked
// for; anybody else's is not.
func (g *Group) create(ctx context.Context) error {
	_, err := g.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &g.spec.GroupName, Tags: g.spec.Owner.Tags()})
	if !apierr.Exists(err) {
		return err
	}
	l, readErr := g.owner(ctx)
	if readErr != nil {
		return readErr
	}
	if l == nil || !g.spec.Owner.Owns(l.tags) {
		return err
	}
	return nil
}

func (g *Group) waitFor(there bool) func(context.Context) error {
	note := "waiting until the log group is known"
	if !there {
		note = "waiting until the log group is gone"
	}
	return func(ctx context.Context) error {
		return resource.Poll(ctx, note, func(ctx context.Context) (bool, error) {
			found, err := g.describe(ctx)
			return (found != nil) == there, err
		})
	}
}

func (g *Group) retentionStep() resource.Step {
	if g.spec.RetentionDays == 0 {
		return resource.Step{Call: "logs:DeleteRetentionPolicy", Do: func(ctx context.Context) error {
			_, err := g.logs.DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: &g.spec.GroupName})
			return err
		}}
	}
	return resource.Step{Call: "logs:PutRetentionPolicy", Do: func(ctx context.Context) error {
		_, err := g.logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &g.spec.GroupName, RetentionInDays: &g.spec.RetentionDays})
		return err
	}}
}

func (g *Group) streamStep(name string) resource.Step {
	return resource.Step{Call: "logs:CreateLogStream", Do: func(ctx context.Context) error {
		_, err := g.logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &g.spec.GroupName, LogStreamName: &name})
		if apierr.Exists(err) {
			return nil
		}
		return err
	}}
}

// Removal implements resource.Resource. The events go with the group.
func (g *Group) Removal(ctx context.Context) (resource.Change, error) {
	l, err := g.owner(ctx)
	if err != nil || l == nil {
		return resource.Change{Action: resource.None}, err
	}
	if !g.spec.Owner.Owns(l.tags) {
		return resource.Change{Action: resource.Keep, Reason: "not ours"}, nil
	}
	return resource.Change{Action: resource.Delete, Steps: []resource.Step{{Call: "logs:DeleteLogGroup", Do: func(ctx context.Context) error {
		_, err := g.logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &g.spec.GroupName})
		if apierr.NotFound(err) {
			return nil
		}
		return err
	}, Wait: g.waitFor(false)}}}, nil
}
