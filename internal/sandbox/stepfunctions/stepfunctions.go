// Package stepfunctions is the sandbox's Step Functions: state machines, whose
// definitions it reads and checks as the Amazon States Language wants, with
// their tags and slow deletion, and their executions with their histories.
package stepfunctions

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// principal is how Step Functions assumes a role.
const principal = "states.amazonaws.com"

// Service is Step Functions.
type Service struct {
	bus *bus.Bus

	line *bus.Line[*execution]

	mu         sync.Mutex
	machines   map[string]*machine   // by name
	executions map[string]*execution // by ARN
	histories  []*execution          // closed ones that still have theirs, the first closed first
	started    int                   // executions
}

// machine is one state machine.
type machine struct {
	name       string
	arn        string
	kind       types.StateMachineType
	role       string
	definition string
	logging    *types.LoggingConfiguration
	tracing    *types.TracingConfiguration
	tags       bus.Tags
	created    time.Time
	revision   string
	gone       time.Time // the soonest end of DELETING; zero while ACTIVE
	open       int       // executions that run
}

// New is Step Functions with no state machines.
func New(b *bus.Bus) *Service {
	s := &Service{bus: b, machines: map[string]*machine{}, executions: map[string]*execution{}, line: bus.NewLine[*execution]()}
	b.Background(s.execute)
	b.ListTagged(s.tagged)
	return s
}

// Wire is what the service offers.
func (s *Service) Wire() wire.Service {
	return wire.Service{Name: "stepfunctions", Invalid: "ValidationException", Ops: map[string]wire.Op{
		"CreateStateMachine":             wire.Handle(s.createStateMachine),
		"DescribeStateMachine":           wire.Handle(s.describeStateMachine),
		"UpdateStateMachine":             wire.Handle(s.updateStateMachine),
		"DeleteStateMachine":             wire.Handle(s.deleteStateMachine),
		"ListStateMachines":              wire.Handle(s.listStateMachines),
		"ValidateStateMachineDefinition": wire.Handle(s.validateStateMachineDefinition),
		"StartExecution":                 wire.Handle(s.startExecution),
		"StopExecution":                  wire.Handle(s.stopExecution),
		"DescribeExecution":              wire.Handle(s.describeExecution),
		"ListExecutions":                 wire.Handle(s.listExecutions),
		"GetExecutionHistory":            wire.Handle(s.getExecutionHistory),
		"TagResource":                    wire.Handle(s.tagResource),
		"UntagResource":                  wire.Handle(s.untagResource),
		"ListTagsForResource":            wire.Handle(s.listTagsForResource),
	}}
}

func (s *Service) tagged(add func(arn string, tags bus.Tags)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	for _, m := range s.machines {
		add(s.arn(m.name), m.tags)
	}
}

func (s *Service) arn(name string) string { return s.bus.ARN("states", "stateMachine:"+name) }

// sweep forgets the machines whose deletion is over, with their executions. A
// deletion waits for what still runs.
func (s *Service) sweep() {
	now := time.Now()
	maps.DeleteFunc(s.machines, func(_ string, m *machine) bool {
		over := !m.gone.IsZero() && !now.Before(m.gone) && m.open == 0
		if over {
			maps.DeleteFunc(s.executions, func(_ string, e *execution) bool { return e.machine == m })
		}
		return over
	})
}

// find looks a machine up by its ARN. An unknown one is nil.
func (s *Service) find(arn string) (*machine, error) {
	if !strings.HasPrefix(arn, "arn:") || strings.Count(arn, ":") < 6 {
		return nil, wire.Errorf("InvalidArn", "Invalid Arn: '%s'", arn)
	}
	s.sweep()
	name, ok := s.bus.Name(arn, "states", "stateMachine:")
	if !ok {
		return nil, nil
	}
	return s.machines[name], nil
}

func (s *Service) existing(arn string) (*machine, error) {
	m, err := s.find(arn)
	if err == nil && m == nil {
		return nil, wire.Errorf("StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'", arn)
	}
	return m, err
}

// active is existing for calls that a machine on its way out refuses.
func (s *Service) active(arn string) (*machine, error) {
	m, err := s.existing(arn)
	if err == nil && !m.gone.IsZero() {
		return nil, deleting(arn)
	}
	return m, err
}

func deleting(arn string) error {
	return wire.Errorf("StateMachineDeleting", "State Machine is being deleted: '%s'", arn)
}

// createStateMachine is idempotent, but not the way one expects: a request that
// differs only in role or tags succeeds and changes nothing (trap 25).
func (s *Service) createStateMachine(_ context.Context, in *sfn.CreateStateMachineInput) (*sfn.CreateStateMachineOutput, error) {
	if err := serves(in.EncryptionConfiguration, in.LoggingConfiguration, in.Publish); err != nil {
		return nil, err
	}
	if err := checkName(*in.Name); err != nil {
		return nil, err
	}
	if err := checkDefinition(*in.Definition); err != nil {
		return nil, err
	}
	m := &machine{
		name: *in.Name, arn: s.arn(*in.Name), kind: in.Type, role: *in.RoleArn, definition: *in.Definition, tags: map[string]string{}, created: time.Now(),
		logging: in.LoggingConfiguration, tracing: in.TracingConfiguration, revision: bus.NewUUID(),
	}
	if m.kind == "" {
		m.kind = types.StateMachineTypeStandard
	}
	if err := retag(m.tags, in.Tags, s.arn(m.name)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	if live := s.machines[m.name]; live != nil {
		switch {
		case !live.gone.IsZero():
			return nil, deleting(s.arn(m.name))
		case live.definition == m.definition && live.kind == m.kind && live.traced() == m.traced():
			return s.made(live), nil
		}
		return nil, wire.Errorf("StateMachineAlreadyExists", "State Machine Already Exists: '%s'", s.arn(m.name))
	}
	if err := s.assume(m.role, m.name); err != nil {
		return nil, err
	}
	s.machines[m.name] = m
	return s.made(m), nil
}

func (s *Service) made(m *machine) *sfn.CreateStateMachineOutput {
	return &sfn.CreateStateMachineOutput{StateMachineArn: aws.String(s.arn(m.name)), CreationDate: aws.Time(m.created)}
}

func (m *machine) traced() bool { return m.tracing != nil && m.tracing.Enabled }

// assume checks that Step Functions may act as a role for a machine (trap 1).
func (s *Service) assume(role, machine string) error {
	if err := s.bus.Roles.Assume(role, principal, s.arn(machine)); err != nil {
		return wire.Errorf("AccessDeniedException", "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.")
	}
	return nil
}

func (s *Service) describeStateMachine(_ context.Context, in *sfn.DescribeStateMachineInput) (*sfn.DescribeStateMachineOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.existing(*in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	out := &sfn.DescribeStateMachineOutput{
		StateMachineArn: aws.String(s.arn(m.name)), Name: &m.name, Type: m.kind, RoleArn: &m.role, Definition: &m.definition,
		CreationDate: aws.Time(m.created), RevisionId: &m.revision, Status: types.StateMachineStatusActive,
		LoggingConfiguration:    m.logging,
		TracingConfiguration:    &types.TracingConfiguration{Enabled: m.traced()},
		EncryptionConfiguration: &types.EncryptionConfiguration{Type: types.EncryptionTypeAwsOwnedKey},
	}
	if out.LoggingConfiguration == nil {
		out.LoggingConfiguration = &types.LoggingConfiguration{Level: types.LogLevelOff}
	}
	if !m.gone.IsZero() {
		out.Status = types.StateMachineStatusDeleting
	}
	return out, nil
}

func (s *Service) updateStateMachine(_ context.Context, in *sfn.UpdateStateMachineInput) (*sfn.UpdateStateMachineOutput, error) {
	if err := serves(in.EncryptionConfiguration, in.LoggingConfiguration, in.Publish); err != nil {
		return nil, err
	}
	if in.Definition == nil && in.RoleArn == nil && in.LoggingConfiguration == nil && in.TracingConfiguration == nil {
		return nil, wire.Errorf("MissingRequiredParameter", "Either the definition, the role ARN, the LoggingConfiguration, the EncryptionConfiguration or the TracingConfiguration must be specified")
	}
	if in.Definition != nil {
		if err := checkDefinition(*in.Definition); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.active(*in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	if in.RoleArn != nil {
		if err := s.assume(*in.RoleArn, m.name); err != nil {
			return nil, err
		}
		m.role = *in.RoleArn
	}
	if in.Definition != nil {
		m.definition = *in.Definition
	}
	if in.LoggingConfiguration != nil {
		m.logging = in.LoggingConfiguration
	}
	if in.TracingConfiguration != nil {
		m.tracing = in.TracingConfiguration
	}
	m.revision = bus.NewUUID()
	return &sfn.UpdateStateMachineOutput{UpdateDate: aws.Time(time.Now()), RevisionId: &m.revision}, nil
}

// deleteStateMachine starts a deletion. What runs ends at its next transition;
// what has not begun to run ends at once. An unknown machine is no error.
func (s *Service) deleteStateMachine(_ context.Context, in *sfn.DeleteStateMachineInput) (*sfn.DeleteStateMachineOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.find(*in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	if m != nil && m.gone.IsZero() {
		m.gone = time.Now().Add(s.bus.Timing.MachineDelete)
		for _, e := range s.executions {
			if e.machine == m && e.cancel == nil {
				s.close(e, 0, nil, errDeleted)
			}
		}
	}
	return &sfn.DeleteStateMachineOutput{}, nil
}

func (s *Service) listStateMachines(_ context.Context, in *sfn.ListStateMachinesInput) (*sfn.ListStateMachinesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	names, next := wire.Page(slices.Sorted(maps.Keys(s.machines)), in.NextToken, &in.MaxResults, 100)
	out := &sfn.ListStateMachinesOutput{StateMachines: []types.StateMachineListItem{}, NextToken: next}
	for _, n := range names {
		m := s.machines[n]
		out.StateMachines = append(out.StateMachines, types.StateMachineListItem{
			StateMachineArn: aws.String(s.arn(n)), Name: &m.name, Type: m.kind, CreationDate: aws.Time(m.created),
		})
	}
	return out, nil
}
