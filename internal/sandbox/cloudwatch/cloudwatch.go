// Package cloudwatch is the sandbox's CloudWatch: metrics of what the other
// services do, read with metric math, and alarms on them, which change their
// states, tell topics and keep a history. It knows which alarms AWS refuses to
// make, and how late AWS's metrics are.
package cloudwatch

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Service is CloudWatch.
type Service struct {
	bus     *bus.Bus
	metrics *store

	mu      sync.Mutex
	alarms  map[string]*alarm
	history []types.AlarmHistoryItem // oldest first; outlives the alarms
}

// alarm is one metric alarm.
type alarm struct {
	settings   cloudwatch.PutMetricAlarmInput // as last put
	enabled    bool                           // of its actions
	configured time.Time
	state      types.StateValue
	reason     string
	reasonData *string
	stated     time.Time
	tags       bus.Tags
}

// New is CloudWatch with no metrics and no alarms.
func New(b *bus.Bus) *Service {
	s := &Service{bus: b, metrics: newStore(b.Timing), alarms: map[string]*alarm{}}
	b.Metrics = s.metrics
	b.ListTagged(s.tagged)
	b.Background(s.run)
	return s
}

// Wire is what the service offers.
func (s *Service) Wire() wire.Service {
	return wire.Service{Name: "cloudwatch", Invalid: "ValidationError", Ops: map[string]wire.Op{
		"PutMetricAlarm":          wire.Handle(s.putMetricAlarm),
		"DescribeAlarms":          wire.Handle(s.describeAlarms),
		"DescribeAlarmsForMetric": wire.Handle(s.describeAlarmsForMetric),
		"DescribeAlarmHistory":    wire.Handle(s.describeAlarmHistory),
		"DeleteAlarms":            wire.Handle(s.deleteAlarms),
		"SetAlarmState":           wire.Handle(s.setAlarmState),
		"EnableAlarmActions":      wire.Handle(s.enableAlarmActions),
		"DisableAlarmActions":     wire.Handle(s.disableAlarmActions),
		"PutMetricData":           wire.Handle(s.putMetricData),
		"GetMetricData":           wire.Handle(s.getMetricData),
		"GetMetricStatistics":     wire.Handle(s.getMetricStatistics),
		"ListMetrics":             wire.Handle(s.listMetrics),
		"TagResource":             wire.Handle(s.tagResource),
		"UntagResource":           wire.Handle(s.untagResource),
		"ListTagsForResource":     wire.Handle(s.listTagsForResource),
	}}
}

func (s *Service) arn(name string) string { return s.bus.ARN("cloudwatch", "alarm:"+name) }

func (s *Service) tagged(add func(arn string, tags bus.Tags)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, a := range s.alarms {
		add(s.arn(name), a.tags)
	}
}

// putMetricAlarm makes an alarm or overwrites all of its settings. An alarm
// that is there keeps its state and its tags, whatever tags are sent (trap 27).
func (s *Service) putMetricAlarm(_ context.Context, in *cloudwatch.PutMetricAlarmInput) (*cloudwatch.PutMetricAlarmOutput, error) {
	if err := s.check(in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	name := *in.AlarmName
	a := s.alarms[name]
	verb := "updated"
	if a == nil {
		verb = "created"
		a = &alarm{state: types.StateValueInsufficientData, reason: "Unchecked: Initial alarm creation", stated: now, tags: tagMap(in.Tags)}
		s.alarms[name] = a
	}
	a.settings, a.enabled, a.configured = *in, in.ActionsEnabled == nil || *in.ActionsEnabled, now
	s.record(name, types.HistoryItemTypeConfigurationUpdate, `Alarm "`+name+`" `+verb, "")
	return &cloudwatch.PutMetricAlarmOutput{}, nil
}

// deleteAlarms deletes those that are there, then complains of those that are
// not (API ref DeleteAlarms: correct names are deleted whatever the others).
func (s *Service) deleteAlarms(_ context.Context, in *cloudwatch.DeleteAlarmsInput) (*cloudwatch.DeleteAlarmsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var missing []string
	for _, name := range in.AlarmNames {
		if s.alarms[name] == nil {
			missing = append(missing, name)
			continue
		}
		delete(s.alarms, name)
		s.record(name, types.HistoryItemTypeConfigurationUpdate, `Alarm "`+name+`" deleted`, "")
	}
	if len(missing) > 0 {
		return nil, wire.Errorf("ResourceNotFound", "Alarm(s) %s do not exist", strings.Join(missing, ", "))
	}
	return &cloudwatch.DeleteAlarmsOutput{}, nil
}

func (s *Service) enableAlarmActions(_ context.Context, in *cloudwatch.EnableAlarmActionsInput) (*cloudwatch.EnableAlarmActionsOutput, error) {
	s.switchActions(in.AlarmNames, true)
	return &cloudwatch.EnableAlarmActionsOutput{}, nil
}

func (s *Service) disableAlarmActions(_ context.Context, in *cloudwatch.DisableAlarmActionsInput) (*cloudwatch.DisableAlarmActionsOutput, error) {
	s.switchActions(in.AlarmNames, false)
	return &cloudwatch.DisableAlarmActionsOutput{}, nil
}

// switchActions passes over names that are not there: neither call has an error
// for them.
func (s *Service) switchActions(names []string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		if a := s.alarms[name]; a != nil && a.enabled != on {
			a.enabled, a.configured = on, time.Now()
			s.record(name, types.HistoryItemTypeConfigurationUpdate, `Alarm "`+name+`" updated`, "")
		}
	}
}

func tagMap(tags []types.Tag) bus.Tags {
	m := bus.Tags{}
	for _, t := range tags {
		m[*t.Key] = *t.Value
	}
	return m
}

func checkTags(tags bus.Tags) error {
	for k := range tags {
		if bus.ReservedTag(k) {
			return wire.Errorf("InvalidParameterValueException", "Tag keys starting with 'aws:' are reserved for system use: %s", k)
		}
	}
	if len(tags) > bus.MaxTags {
		return wire.Errorf("InvalidParameterValueException", "A resource can have at most 50 tags")
	}
	return nil
}

// byARN finds an alarm by its ARN. It is called with the lock held.
func (s *Service) byARN(arn string) (*alarm, error) {
	name, ok := s.bus.Name(arn, "cloudwatch", "alarm:")
	if !ok {
		return nil, wire.Errorf("InvalidParameterValueException", "%s is not the ARN of an alarm of this account and region", arn)
	}
	a := s.alarms[name]
	if a == nil {
		return nil, &wire.Error{Code: "ResourceNotFoundException", Message: "Unknown resource: " + arn,
			Fields: map[string]any{"ResourceType": "alarm", "ResourceId": name}}
	}
	return a, nil
}

func (s *Service) tagResource(_ context.Context, in *cloudwatch.TagResourceInput) (*cloudwatch.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.byARN(*in.ResourceARN)
	if err != nil {
		return nil, err
	}
	tags := a.tags.With(tagMap(in.Tags))
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	a.tags = tags
	return &cloudwatch.TagResourceOutput{}, nil
}

func (s *Service) untagResource(_ context.Context, in *cloudwatch.UntagResourceInput) (*cloudwatch.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.byARN(*in.ResourceARN)
	if err != nil {
		return nil, err
	}
	a.tags.Remove(in.TagKeys)
	return &cloudwatch.UntagResourceOutput{}, nil
}

func (s *Service) listTagsForResource(_ context.Context, in *cloudwatch.ListTagsForResourceInput) (*cloudwatch.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.byARN(*in.ResourceARN)
	if err != nil {
		return nil, err
	}
	out := &cloudwatch.ListTagsForResourceOutput{}
	for _, k := range a.tags.Keys() {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(a.tags[k])})
	}
	return out, nil
}
