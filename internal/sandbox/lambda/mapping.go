package lambda

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// The states of a mapping.
const (
	creating  = "Creating"
	enabling  = "Enabling"
	enabled   = "Enabled"
	disabling = "Disabling"
	disabled  = "Disabled"
	updating  = "Updating"
	deleting  = "Deleting"
)

// mapping is one event source mapping. In transition it is what the transition
// is called; afterwards it is enabled or disabled, or gone.
type mapping struct {
	uuid     string
	function string // name
	source   source
	tags     bus.Tags
	enabled  bool
	settings types.EventSourceMappingConfiguration // all but the state

	transition string
	until      time.Time

	change   int // counts what was changed, so that its feeder begins anew
	progress *progress
}

func (m *mapping) state() string {
	switch {
	case time.Now().Before(m.until):
		return m.transition
	case m.enabled:
		return enabled
	default:
		return disabled
	}
}

func (m *mapping) move(transition string, d time.Duration) {
	m.change++
	m.transition, m.until = transition, time.Now().Add(d)
	m.settings.LastModified = aws.Time(time.Now())
}

// view is the mapping as AWS describes it.
func (s *Service) view(m *mapping) *types.EventSourceMappingConfiguration {
	v := m.settings
	v.State = aws.String(m.state())
	if m.source.kind == kinesis {
		v.LastProcessingResult = aws.String(s.lastResult(m))
	}
	return &v
}

// sweep forgets the mappings whose deletion is over.
func (s *Service) sweep() {
	now := time.Now()
	maps.DeleteFunc(s.mappings, func(_ string, m *mapping) bool { return m.transition == deleting && !now.Before(m.until) })
}

func (s *Service) mapping(uuid string) (*mapping, error) {
	s.sweep()
	m := s.mappings[uuid]
	if m == nil {
		return nil, notFound("The resource you requested does not exist.")
	}
	return m, nil
}

func (s *Service) createEventSourceMapping(_ context.Context, in *lambda.CreateEventSourceMappingInput) (*types.EventSourceMappingConfiguration, error) {
	if err := servesMapping(in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	src, err := s.sourceOf(in.EventSourceArn)
	if err != nil {
		return nil, err
	}
	f, err := s.find(*in.FunctionName)
	if err != nil {
		return nil, err
	}
	w := wiring{
		batch: in.BatchSize, window: in.MaximumBatchingWindowInSeconds, bisect: in.BisectBatchOnFunctionError, retries: in.MaximumRetryAttempts,
		age: in.MaximumRecordAgeInSeconds, parallel: in.ParallelizationFactor, scaling: in.ScalingConfig, destination: in.DestinationConfig,
		responses: in.FunctionResponseTypes,
	}
	if err := src.checkStart(in); err != nil {
		return nil, err
	}
	m := &mapping{uuid: bus.NewUUID(), function: f.name, source: src, tags: map[string]string{}, enabled: in.Enabled == nil || *in.Enabled, settings: src.defaults(), progress: newProgress()}
	if err := retag(m.tags, in.Tags); err != nil {
		return nil, err
	}
	if err := s.connect(m, f, w); err != nil {
		return nil, err
	}
	if err := s.duplicate(m); err != nil {
		return nil, err
	}
	m.settings.UUID, m.settings.EventSourceMappingArn = &m.uuid, aws.String(s.mappingARN(m.uuid))
	m.settings.StartingPosition, m.settings.StartingPositionTimestamp = in.StartingPosition, in.StartingPositionTimestamp
	m.move(creating, s.bus.Timing.MappingChange)
	s.mappings[m.uuid] = m
	wake(s.rewired)
	return s.view(m), nil
}

func servesMapping(in *lambda.CreateEventSourceMappingInput) error {
	return firstUnserved(map[string]bool{
		"DocumentDBEventSourceConfig": in.DocumentDBEventSourceConfig != nil,
		"FilterCriteria":              in.FilterCriteria != nil && len(in.FilterCriteria.Filters) > 0,
		"KMSKeyArn":                   aws.ToString(in.KMSKeyArn) != "",
		"LoggingConfig":               in.LoggingConfig != nil,
		"MetricsConfig":               in.MetricsConfig != nil,
		"ProvisionedPollerConfig":     in.ProvisionedPollerConfig != nil,
		"Queues":                      len(in.Queues) > 0,
		"SelfManagedEventSource":      in.SelfManagedEventSource != nil,
		"SourceAccessConfigurations":  len(in.SourceAccessConfigurations) > 0,
		"Topics":                      len(in.Topics) > 0,
		"TumblingWindowInSeconds":     aws.ToInt32(in.TumblingWindowInSeconds) > 0,
	})
}

// duplicate refuses a second mapping of a source to a function. The wording
// depends on the kind of source.
func (s *Service) duplicate(m *mapping) error {
	s.sweep()
	for _, other := range s.mappings {
		if other.uuid == m.uuid || other.source.arn != m.source.arn || other.function != m.function {
			continue
		}
		what := `An event source mapping with SQS arn (" %s ") and function (" %s ") already exists.`
		if m.source.kind == kinesis {
			what = `The event source arn (" %s ") and function (" %s ") provided mapping already exists.`
		}
		return wire.Errorf("ResourceConflictException", what+" Please update or delete the existing mapping with UUID %s", m.source.arn, m.function, other.uuid)
	}
	return nil
}

func (s *Service) getEventSourceMapping(_ context.Context, in *lambda.GetEventSourceMappingInput) (*types.EventSourceMappingConfiguration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.mapping(*in.UUID)
	if err != nil {
		return nil, err
	}
	return s.view(m), nil
}

func (s *Service) listEventSourceMappings(_ context.Context, in *lambda.ListEventSourceMappingsInput) (*lambda.ListEventSourceMappingsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	var found []string
	for _, uuid := range slices.Sorted(maps.Keys(s.mappings)) {
		m := s.mappings[uuid]
		if in.EventSourceArn != nil && m.source.arn != *in.EventSourceArn || in.FunctionName != nil && !s.names(*in.FunctionName, m.function) {
			continue
		}
		found = append(found, uuid)
	}
	found, next := page(found, in.Marker, in.MaxItems, 100)
	out := &lambda.ListEventSourceMappingsOutput{NextMarker: next, EventSourceMappings: []types.EventSourceMappingConfiguration{}}
	for _, uuid := range found {
		out.EventSourceMappings = append(out.EventSourceMappings, *s.view(s.mappings[uuid]))
	}
	return out, nil
}

// names reports whether ref means the function name, which may be gone.
func (s *Service) names(ref, name string) bool {
	ref = strings.TrimSuffix(ref, ":$LATEST")
	return ref == name || ref == s.functionARN(name) || ref == s.bus.Account+":function:"+name
}

func (s *Service) updateEventSourceMapping(_ context.Context, in *lambda.UpdateEventSourceMappingInput) (*types.EventSourceMappingConfiguration, error) {
	if err := firstUnserved(map[string]bool{
		"DocumentDBEventSourceConfig": in.DocumentDBEventSourceConfig != nil,
		"FilterCriteria":              in.FilterCriteria != nil && len(in.FilterCriteria.Filters) > 0,
		"KMSKeyArn":                   aws.ToString(in.KMSKeyArn) != "",
		"LoggingConfig":               in.LoggingConfig != nil,
		"MetricsConfig":               in.MetricsConfig != nil,
		"ProvisionedPollerConfig":     in.ProvisionedPollerConfig != nil,
		"SourceAccessConfigurations":  len(in.SourceAccessConfigurations) > 0,
		"TumblingWindowInSeconds":     aws.ToInt32(in.TumblingWindowInSeconds) > 0,
	}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.idle(*in.UUID, "update")
	if err != nil {
		return nil, err
	}
	name := m.function
	if in.FunctionName != nil {
		name = *in.FunctionName
	}
	f, err := s.find(name)
	if err != nil {
		return nil, err
	}
	changed := *m
	changed.function = f.name
	w := wiring{
		batch: in.BatchSize, window: in.MaximumBatchingWindowInSeconds, bisect: in.BisectBatchOnFunctionError, retries: in.MaximumRetryAttempts,
		age: in.MaximumRecordAgeInSeconds, parallel: in.ParallelizationFactor, scaling: in.ScalingConfig, destination: in.DestinationConfig,
		responses: in.FunctionResponseTypes,
	}
	if err := s.connect(&changed, f, w); err != nil {
		return nil, err
	}
	if err := s.duplicate(&changed); err != nil {
		return nil, err
	}
	transition := updating
	if in.Enabled != nil && *in.Enabled != m.enabled {
		changed.enabled = *in.Enabled
		transition = map[bool]string{true: enabling, false: disabling}[changed.enabled]
	}
	changed.move(transition, s.bus.Timing.MappingChange)
	*m = changed
	wake(s.rewired)
	return s.view(m), nil
}

func (s *Service) deleteEventSourceMapping(_ context.Context, in *lambda.DeleteEventSourceMappingInput) (*types.EventSourceMappingConfiguration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.idle(*in.UUID, "delete")
	if err != nil {
		return nil, err
	}
	m.move(deleting, s.bus.Timing.MappingDelete)
	wake(s.rewired)
	out := s.view(m)
	out.State = aws.String(deleting)
	return out, nil
}

// idle finds a mapping that is in no transition (trap 17).
func (s *Service) idle(uuid, verb string) (*mapping, error) {
	m, err := s.mapping(uuid)
	if err != nil {
		return nil, err
	}
	if time.Now().Before(m.until) {
		return nil, wire.Errorf("ResourceInUseException", "Cannot %s the event source mapping because it is in use.", verb)
	}
	return m, nil
}
