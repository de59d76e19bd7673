// Package logs is the sandbox's CloudWatch Logs: groups with their retention
// and tags, streams, and the events put into them.
package logs

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// retentions are the only ones that AWS takes, in days.
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// Service is CloudWatch Logs.
type Service struct {
	bus *bus.Bus

	mu     sync.Mutex
	groups map[string]*group
}

type group struct {
	name      string
	created   time.Time
	class     types.LogGroupClass
	key       string // as it was given, "" for none
	retention int32  // days, 0 for ever
	protected bool   // against deletion
	tags      bus.Tags
	streams   map[string]*stream
}

type stream struct {
	name    string
	created time.Time
	taken   time.Time // when events were last put
	events  []types.OutputLogEvent
}

// New is CloudWatch Logs with no groups.
func New(b *bus.Bus) *Service {
	s := &Service{bus: b, groups: map[string]*group{}}
	b.Logs = s
	b.ListTagged(s.tagged)
	return s
}

// Wire is what the service offers.
func (s *Service) Wire() wire.Service {
	return wire.Service{Name: "logs", Invalid: "InvalidParameterException", Ops: map[string]wire.Op{
		"CreateLogGroup":        wire.Handle(s.createLogGroup),
		"DeleteLogGroup":        wire.Handle(s.deleteLogGroup),
		"DescribeLogGroups":     wire.Handle(s.describeLogGroups),
		"PutRetentionPolicy":    wire.Handle(s.putRetentionPolicy),
		"DeleteRetentionPolicy": wire.Handle(s.deleteRetentionPolicy),
		"CreateLogStream":       wire.Handle(s.createLogStream),
		"DeleteLogStream":       wire.Handle(s.deleteLogStream),
		"DescribeLogStreams":    wire.Handle(s.describeLogStreams),
		"PutLogEvents":          wire.Handle(s.putLogEvents),
		"GetLogEvents":          wire.Handle(s.getLogEvents),
		"TagResource":           wire.Handle(s.tagResource),
		"UntagResource":         wire.Handle(s.untagResource),
		"ListTagsForResource":   wire.Handle(s.listTagsForResource),
	}}
}

// Group implements bus.Logs.
func (s *Service) Group(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.groups[name] != nil
}

// Stream implements bus.Logs.
func (s *Service) Stream(name, stream string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[name]
	return g != nil && g.streams[stream] != nil
}

// Put implements bus.Logs.
func (s *Service) Put(name, streamName string, lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	g := s.groups[name]
	if g == nil {
		g = &group{name: name, created: now, class: types.LogGroupClassStandard, tags: bus.Tags{}, streams: map[string]*stream{}}
		s.groups[name] = g
	}
	st := g.streams[streamName]
	if st == nil {
		st = &stream{name: streamName, created: now}
		g.streams[streamName] = st
	}
	at := aws.Int64(now.UnixMilli())
	for _, line := range lines {
		st.events = append(st.events, types.OutputLogEvent{Message: &line, Timestamp: at, IngestionTime: at})
	}
	st.keep()
	st.taken = now
}

func (s *Service) tagged(add func(arn string, tags bus.Tags)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.groups {
		add(s.arn(g), g.tags)
	}
}

// arn is what AWS calls logGroupArn. The older one, arn, ends in ":*".
func (s *Service) arn(g *group) string { return s.bus.ARN("logs", "log-group:"+g.name) }

func invalid(format string, args ...any) error {
	return wire.Errorf("InvalidParameterException", format, args...)
}

func noGroup() error {
	return wire.Errorf("ResourceNotFoundException", "The specified log group does not exist.")
}

// find is the group of a name or, where the operation takes identifiers, of an
// ARN in either form.
func (s *Service) find(name *string) (*group, error) {
	ref := aws.ToString(name)
	if n, ok := s.bus.Name(ref, "logs", "log-group:"); ok {
		ref = strings.TrimSuffix(n, ":*")
	}
	g, ok := s.groups[ref]
	if !ok {
		return nil, noGroup()
	}
	return g, nil
}

// change calls f with a group under the lock. Reads use it too.
func (s *Service) change(name *string, f func(*group) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(name)
	if err != nil {
		return err
	}
	return f(g)
}

func (s *Service) createLogGroup(_ context.Context, in *cloudwatchlogs.CreateLogGroupInput) (*cloudwatchlogs.CreateLogGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := *in.LogGroupName
	if strings.HasPrefix(name, "aws/") {
		return nil, invalid("Log groups starting with aws/ are reserved for AWS.")
	}
	if s.groups[name] != nil {
		return nil, wire.Errorf("ResourceAlreadyExistsException", "The specified log group already exists")
	}
	tags, err := merge(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	if ref := aws.ToString(in.KmsKeyId); ref != "" {
		k, ok := s.bus.Keys.Key(ref)
		if !strings.HasPrefix(ref, "arn:") || !ok || k.State != "Enabled" || !s.bus.Keys.ServiceMay(ref, "logs."+s.bus.Region+".amazonaws.com", "kms:Encrypt") {
			return nil, invalid("The specified KMS key does not exist or is not allowed to be used with '%s'", s.bus.ARN("logs", "log-group:"+name))
		}
	}
	s.groups[name] = &group{
		name: name, created: time.Now(), class: cmp.Or(in.LogGroupClass, types.LogGroupClassStandard), key: aws.ToString(in.KmsKeyId),
		protected: aws.ToBool(in.DeletionProtectionEnabled), tags: tags, streams: map[string]*stream{},
	}
	return &cloudwatchlogs.CreateLogGroupOutput{}, nil
}

func (s *Service) deleteLogGroup(_ context.Context, in *cloudwatchlogs.DeleteLogGroupInput) (*cloudwatchlogs.DeleteLogGroupOutput, error) {
	return &cloudwatchlogs.DeleteLogGroupOutput{}, s.change(in.LogGroupName, func(g *group) error {
		if g.protected {
			return wire.Errorf("ValidationException", "The log group %s has deletion protection enabled.", g.name)
		}
		delete(s.groups, g.name)
		return nil
	})
}

func (s *Service) describeLogGroups(_ context.Context, in *cloudwatchlogs.DescribeLogGroupsInput) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	if in.LogGroupIdentifiers != nil && (in.LogGroupNamePrefix != nil || in.LogGroupNamePattern != nil) {
		return nil, invalid("LogGroup identifiers can not be given together with a prefix or pattern.")
	}
	var names []string
	for name, g := range s.groups {
		if strings.HasPrefix(name, aws.ToString(in.LogGroupNamePrefix)) && strings.Contains(name, aws.ToString(in.LogGroupNamePattern)) &&
			(in.LogGroupClass == "" || in.LogGroupClass == g.class) &&
			(in.LogGroupIdentifiers == nil || slices.Contains(in.LogGroupIdentifiers, name) || slices.Contains(in.LogGroupIdentifiers, s.arn(g))) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	page, next := wire.Page(names, in.NextToken, in.Limit, 50)
	out := &cloudwatchlogs.DescribeLogGroupsOutput{LogGroups: []types.LogGroup{}, NextToken: next}
	for _, name := range page {
		out.LogGroups = append(out.LogGroups, s.describe(s.groups[name]))
	}
	return out, nil
}

func (s *Service) describe(g *group) types.LogGroup {
	var bytes int64
	for _, st := range g.streams {
		for _, e := range st.events {
			bytes += size(e.Message)
		}
	}
	d := types.LogGroup{
		LogGroupName: aws.String(g.name), LogGroupArn: aws.String(s.arn(g)), Arn: aws.String(s.arn(g) + ":*"),
		CreationTime: aws.Int64(g.created.UnixMilli()), LogGroupClass: g.class, MetricFilterCount: aws.Int32(0),
		StoredBytes: aws.Int64(bytes), DeletionProtectionEnabled: aws.Bool(g.protected),
	}
	if g.retention > 0 {
		d.RetentionInDays = aws.Int32(g.retention)
	}
	if g.key != "" {
		d.KmsKeyId = aws.String(g.key)
	}
	return d
}

func (s *Service) putRetentionPolicy(_ context.Context, in *cloudwatchlogs.PutRetentionPolicyInput) (*cloudwatchlogs.PutRetentionPolicyOutput, error) {
	if !slices.Contains(retentions, *in.RetentionInDays) {
		return nil, invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: %v", *in.RetentionInDays, retentions)
	}
	return &cloudwatchlogs.PutRetentionPolicyOutput{}, s.change(in.LogGroupName, func(g *group) error {
		g.retention = *in.RetentionInDays
		return nil
	})
}

func (s *Service) deleteRetentionPolicy(_ context.Context, in *cloudwatchlogs.DeleteRetentionPolicyInput) (*cloudwatchlogs.DeleteRetentionPolicyOutput, error) {
	return &cloudwatchlogs.DeleteRetentionPolicyOutput{}, s.change(in.LogGroupName, func(g *group) error {
		g.retention = 0
		return nil
	})
}

// resource is the group that a tagging operation is about, which takes the ARN
// without ":*" only.
func (s *Service) resource(arn *string, f func(*group) error) error {
	name, ok := s.bus.Name(*arn, "logs", "log-group:")
	if !ok || strings.HasSuffix(name, ":*") {
		return invalid("The specified resource ARN %s is not valid.", *arn)
	}
	return s.change(&name, f)
}

func merge(old bus.Tags, add map[string]string) (bus.Tags, error) {
	for k := range add {
		if bus.ReservedTag(k) {
			return nil, invalid("Tag keys can not begin with aws:.")
		}
	}
	all := old.With(add)
	if len(all) > bus.MaxTags {
		return nil, wire.Errorf("TooManyTagsException", "A resource can have no more than %d tags.", bus.MaxTags)
	}
	return all, nil
}

func (s *Service) tagResource(_ context.Context, in *cloudwatchlogs.TagResourceInput) (*cloudwatchlogs.TagResourceOutput, error) {
	return &cloudwatchlogs.TagResourceOutput{}, s.resource(in.ResourceArn, func(g *group) error {
		tags, err := merge(g.tags, in.Tags)
		if err == nil {
			g.tags = tags
		}
		return err
	})
}

func (s *Service) untagResource(_ context.Context, in *cloudwatchlogs.UntagResourceInput) (*cloudwatchlogs.UntagResourceOutput, error) {
	return &cloudwatchlogs.UntagResourceOutput{}, s.resource(in.ResourceArn, func(g *group) error {
		g.tags.Remove(in.TagKeys)
		return nil
	})
}

func (s *Service) listTagsForResource(_ context.Context, in *cloudwatchlogs.ListTagsForResourceInput) (*cloudwatchlogs.ListTagsForResourceOutput, error) {
	out := &cloudwatchlogs.ListTagsForResourceOutput{}
	return out, s.resource(in.ResourceArn, func(g *group) error {
		out.Tags = maps.Clone(g.tags)
		return nil
	})
}
