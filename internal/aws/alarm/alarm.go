// Package alarm knows CloudWatch alarms: one on a metric or on an expression
// over several, its settings and its tags. Which alarms a pipeline needs, and
// whom they tell, it leaves to others.
package alarm

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Spec is the wanted alarm. It watches either Metric or, when that is not nil,
// Math.
type Spec struct {
	Name        string // within the pipeline, for people
	AlarmName   string // in AWS; begins with the prefix of the Set
	Description string

	Metric Metric
	Math   *Math

	Comparison        string // "GreaterThanThreshold", as AWS spells it
	Threshold         float64
	EvaluationPeriods int32
	DatapointsToAlarm int32  // of EvaluationPeriods; 0 is all of them
	TreatMissingData  string // breaching, notBreaching, ignore, missing; "" is missing

	// ActionARNs are the topics told when the alarm goes off and when it is
	// over, at most five.
	ActionARNs []string

	Owner resource.Owner
}

// Metric is one metric as it is looked at.
type Metric struct {
	Namespace  string
	Name       string
	Dimensions map[string]string
	Statistic  string // Average, Maximum, Minimum, SampleCount or Sum
	Period     time.Duration
}

// Math is an expression over metrics. AWS takes up to ten, all of one period.
type Math struct {
	Expression string            // "100 * failed / (failed + sent)"
	Label      string            // of the result, for people; "" for none
	Metrics    map[string]Metric // by the names in the expression, which begin with a lower-case letter
}

// resultID names the expression among the metrics of a math alarm.
const resultID = "result"

// Alarm is one alarm, live or still to be made.
type Alarm struct {
	set  *Set
	spec Spec
}

var _ resource.Resource = (*Alarm)(nil)

// Alarm is the alarm of spec, read together with the others of the set.
func (s *Set) Alarm(spec Spec) *Alarm { return &Alarm{set: s, spec: spec} }

// ID is alarm/NAME.
func (a *Alarm) ID() resource.ID { return resource.ID{Kind: "alarm", Name: a.spec.Name} }

// live is what AWS says of the alarm.
type live struct {
	types.MetricAlarm
	tags map[string]string
}

// find reads the alarm; nil is no such alarm.
func (a *Alarm) find(ctx context.Context) (*live, error) {
	found, ok, err := a.set.find(ctx, a.spec.AlarmName)
	if err != nil || !ok {
		return nil, err
	}
	out, err := a.set.cw.ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: found.AlarmArn})
	switch {
	case apierr.NotFound(err):
		return nil, nil // deleted in between
	case err != nil:
		return nil, err
	}
	l := &live{MetricAlarm: found, tags: map[string]string{}}
	for _, t := range out.Tags {
		l.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return l, nil
}

// Diff implements resource.Resource.
func (a *Alarm) Diff(ctx context.Context) (resource.Change, error) {
	l, err := a.find(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	want := settings(a.spec.input())
	put := resource.Step{Call: "cloudwatch:PutMetricAlarm", Do: a.put}
	if l == nil {
		return resource.Change{Action: resource.Create, Attributes: a.spec.summary(), Steps: []resource.Step{put}}, nil
	}
	c := resource.Change{Action: resource.None, Attributes: compare(settings(asPut(l.MetricAlarm)), want)}
	if len(c.Attributes) > 0 {
		c.Steps = append(c.Steps, put)
	}
	if diff := a.spec.Owner.DiffTags(l.tags); len(diff) > 0 {
		c.Attributes = append(c.Attributes, diff...)
		c.Steps = append(c.Steps, resource.Step{Call: "cloudwatch:TagResource", Do: func(ctx context.Context) error {
			return a.tag(ctx, l.AlarmArn)
		}})
	}
	if len(c.Steps) > 0 {
		c.Action = resource.Update
	}
	if !a.spec.Owner.Owns(l.tags) {
		c.Action, c.Reason = resource.Conflict, fmt.Sprintf("%s is somebody else's alarm", a.spec.AlarmName)
	}
	return c, nil
}

// summary is what is worth reading of an alarm that is not there yet: when it
// goes off, and whom it tells.
func (s Spec) summary() []resource.Attribute {
	what, period := s.Metric.Statistic+" of "+s.Metric.Name, s.Metric.Period
	if s.Math != nil {
		what = s.Math.Expression
		for _, m := range s.Math.Metrics {
			period = m.Period // they are all the same
		}
	}
	points := s.DatapointsToAlarm
	if points == 0 {
		points = s.EvaluationPeriods
	}
	return []resource.Attribute{
		{Name: "alarms_when", New: fmt.Sprintf("%s > %v for %d of %d × %.0f s", what, s.Threshold, points, s.EvaluationPeriods, period.Seconds())},
		{Name: "tells", New: list(s.ActionARNs)},
	}
}

// put makes the alarm or overwrites all of its settings. The tags count only
// when it makes it (trap 27).
func (a *Alarm) put(ctx context.Context) error {
	in := a.spec.input()
	in.Tags = a.tags()
	_, err := a.set.cw.PutMetricAlarm(ctx, in)
	return err
}

func (a *Alarm) tag(ctx context.Context, arn *string) error {
	_, err := a.set.cw.TagResource(ctx, &cloudwatch.TagResourceInput{ResourceARN: arn, Tags: a.tags()})
	return err
}

func (a *Alarm) tags() []types.Tag {
	var tags []types.Tag
	for k, v := range a.spec.Owner.Tags() {
		tags = append(tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	return tags
}

// Removal implements resource.Resource.
func (a *Alarm) Removal(ctx context.Context) (resource.Change, error) {
	l, err := a.find(ctx)
	switch {
	case err != nil:
		return resource.Change{}, err
	case l == nil:
		return resource.Change{Action: resource.None}, nil
	case !a.spec.Owner.Owns(l.tags):
		return resource.Change{Action: resource.Keep, Reason: "not ours"}, nil
	}
	return resource.Change{Action: resource.Delete, Steps: []resource.Step{{Call: "cloudwatch:DeleteAlarms", Do: func(ctx context.Context) error {
		_, err := a.set.cw.DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{a.spec.AlarmName}})
		if apierr.NotFound(err) {
			return nil
		}
		return err
	}}}}, nil
}
