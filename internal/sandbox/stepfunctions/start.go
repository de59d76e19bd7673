package stepfunctions

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// startExecution starts an execution, or finds the running one of the same name
// and input. A name is held for 90 days after its execution closed (trap 26).
func (s *Service) startExecution(_ context.Context, in *sfn.StartExecutionInput) (*sfn.StartExecutionOutput, error) {
	name, input := aws.ToString(in.Name), aws.ToString(in.Input)
	if in.Name == nil {
		name = bus.NewUUID()
	}
	if in.Input == nil {
		input = "{}"
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	if _, err := decode(input); err != nil {
		return nil, wire.Errorf("InvalidExecutionInput", "Invalid State Machine Execution Input: '%v'", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.active(*in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	if m.kind == types.StateMachineTypeExpress {
		return nil, &wire.Error{Code: "UnsupportedOperationException", Status: http.StatusNotImplemented, Message: "the sandbox's Step Functions does not serve executions of EXPRESS machines"}
	}
	s.forget()
	arn := s.bus.ARN("states", "execution:"+m.name+":"+name)
	if old := s.executions[arn]; old != nil {
		if old.closed.IsZero() && old.input == input {
			return &sfn.StartExecutionOutput{ExecutionArn: &old.arn, StartDate: &old.started}, nil
		}
		return nil, wire.Errorf("ExecutionAlreadyExists", "Execution Already Exists: '%s'", arn)
	}
	p, _ := parse(m.definition) // good: it was checked when it was stored
	s.started++
	e := &execution{arn: arn, name: name, machine: m, role: m.role, program: p, input: input, started: time.Now(), number: s.started, status: types.ExecutionStatusRunning}
	s.record(e, 0, types.HistoryEvent{Type: types.HistoryEventTypeExecutionStarted, ExecutionStartedEventDetails: &types.ExecutionStartedEventDetails{
		Input: &e.input, InputDetails: whole(), RoleArn: &e.role,
	}})
	s.executions[arn] = e
	m.open++
	s.measure(e, "ExecutionsStarted", 1)
	s.line.Add(e)
	return &sfn.StartExecutionOutput{ExecutionArn: &e.arn, StartDate: &e.started}, nil
}

// execution is the execution of an ARN.
func (s *Service) execution(arn string) (*execution, error) {
	if _, ok := s.bus.Name(arn, "states", "execution:"); !ok || strings.Count(arn, ":") != 7 {
		return nil, wire.Errorf("InvalidArn", "Invalid Arn: '%s'", arn)
	}
	s.sweep()
	s.forget()
	if e := s.executions[arn]; e != nil {
		return e, nil
	}
	return nil, wire.Errorf("ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", arn)
}

func (s *Service) stopExecution(_ context.Context, in *sfn.StopExecutionInput) (*sfn.StopExecutionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.execution(*in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	why := stopped{aws.ToString(in.Error), aws.ToString(in.Cause)}
	s.close(e, 0, nil, why)
	if e.cancel != nil {
		e.cancel(why)
	}
	return &sfn.StopExecutionOutput{StopDate: aws.Time(e.closed)}, nil
}

func (s *Service) describeExecution(_ context.Context, in *sfn.DescribeExecutionInput) (*sfn.DescribeExecutionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.execution(*in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	included := &types.CloudWatchEventsExecutionDataDetails{Included: true}
	out := &sfn.DescribeExecutionOutput{
		ExecutionArn: &e.arn, StateMachineArn: &e.machine.arn, Name: &e.name, Status: e.status, StartDate: aws.Time(e.started),
		Input: &e.input, InputDetails: included, RedriveCount: aws.Int32(0),
	}
	if !e.closed.IsZero() {
		out.StopDate = aws.Time(e.closed)
	}
	if e.status == types.ExecutionStatusSucceeded {
		out.Output, out.OutputDetails = &e.output, included
	}
	if e.failure != nil {
		out.Error, out.Cause = given(e.failure.name), given(e.failure.cause)
	}
	return out, nil
}

// listExecutions lists the executions of a machine, the newest first.
func (s *Service) listExecutions(_ context.Context, in *sfn.ListExecutionsInput) (*sfn.ListExecutionsOutput, error) {
	if in.StateMachineArn == nil {
		return nil, wire.Errorf("ValidationException", "Must specify a state machine ARN or a map run ARN")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.existing(*in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	s.forget()
	var all []*execution
	for _, e := range s.executions {
		if e.machine == m && (in.StatusFilter == "" || e.status == in.StatusFilter) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *execution) int { return b.number - a.number })
	from, to, next, err := cut(len(all), in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &sfn.ListExecutionsOutput{Executions: []types.ExecutionListItem{}, NextToken: next}
	for _, e := range all[from:to] {
		item := types.ExecutionListItem{
			ExecutionArn: &e.arn, StateMachineArn: &m.arn, Name: &e.name, Status: e.status, StartDate: aws.Time(e.started), RedriveCount: aws.Int32(0),
		}
		if !e.closed.IsZero() {
			item.StopDate = aws.Time(e.closed)
		}
		out.Executions = append(out.Executions, item)
	}
	return out, nil
}
