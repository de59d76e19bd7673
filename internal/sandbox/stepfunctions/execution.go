package stepfunctions

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// nameLife is how long a closed execution is remembered and holds its name.
const nameLife = 90 * 24 * time.Hour

// maxHistories is how many closed executions keep their history.
const maxHistories = 10000

// execution is one execution of a state machine, as the machine was when it
// started. The service's lock guards it but for what never changes.
type execution struct {
	arn     string
	name    string
	machine *machine
	role    string
	program *program
	input   string
	started time.Time
	number  int // in the order of starting

	status  types.ExecutionStatus
	closed  time.Time
	output  string
	failure *failure
	history []types.HistoryEvent
	cancel  context.CancelCauseFunc // nil until it runs
}

// object is the context object of a state.
func (e *execution) object(state string) any {
	return object{
		"Execution":    object{"Id": e.arn, "Name": e.name, "RoleArn": e.role, "StartTime": stamp(e.started), "Input": e.read(), "RedriveCount": 0.0},
		"StateMachine": object{"Id": e.machine.arn, "Name": e.machine.name},
		"State":        object{"Name": state, "EnteredTime": stamp(time.Now())},
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// read is the input as a value.
func (e *execution) read() any {
	v, err := decode(e.input)
	if err != nil {
		panic("stepfunctions: " + err.Error()) // StartExecution read it
	}
	return v
}

// execute executes what is started until ctx ends. What runs then stays RUNNING
// for ever.
func (s *Service) execute(ctx context.Context) {
	var busy sync.WaitGroup
	defer busy.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.line.Arrived():
		}
		for _, e := range s.line.All() {
			busy.Go(func() { s.carryOut(ctx, e) })
		}
	}
}

// carryOut runs one execution from its start to its end.
func (s *Service) carryOut(ctx context.Context, e *execution) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if n := e.program.TimeoutSeconds; n > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithDeadlineCause(ctx, e.started.Add(time.Duration(n)*time.Second), errTimedOut)
		defer stop()
	}
	s.mu.Lock()
	open := e.closed.IsZero()
	e.cancel = cancel
	s.mu.Unlock()
	if !open {
		return // stopped before it began
	}
	t := &thread{service: s, execution: e, last: 1}
	output, err := t.run(ctx, e.program, e.read())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close(e, t.last, output, err)
}

// close ends an execution as its run ended. One that the sandbox's own end cut
// short stays open.
func (s *Service) close(e *execution, last int64, output any, err error) {
	if !e.closed.IsZero() {
		return
	}
	f, failed := errors.AsType[*failure](err)
	halt, halted := errors.AsType[stopped](err)
	event := types.HistoryEvent{}
	switch {
	case err == nil:
		e.status, e.output = types.ExecutionStatusSucceeded, encode(output)
		event.ExecutionSucceededEventDetails = &types.ExecutionSucceededEventDetails{Output: &e.output, OutputDetails: whole()}
	case failed:
		e.status, e.failure = types.ExecutionStatusFailed, f
		event.ExecutionFailedEventDetails = &types.ExecutionFailedEventDetails{Error: &f.name, Cause: &f.cause}
	case errors.Is(err, errTimedOut):
		e.status = types.ExecutionStatusTimedOut
		event.ExecutionTimedOutEventDetails = &types.ExecutionTimedOutEventDetails{}
	case halted, errors.Is(err, errDeleted):
		e.status, e.failure = types.ExecutionStatusAborted, &failure{halt.name, halt.cause}
		event.ExecutionAbortedEventDetails = &types.ExecutionAbortedEventDetails{Error: given(halt.name), Cause: given(halt.cause)}
	default:
		return
	}
	e.closed = time.Now()
	event.Type = endings[e.status]
	s.record(e, last, event)
	e.machine.open--
	s.histories = append(s.histories, e)
	if len(s.histories) > maxHistories {
		s.histories[0].history = nil
		s.histories = s.histories[1:]
	}
	s.measure(e, metrics[e.status], 1)
	s.measure(e, "ExecutionTime", float64(e.closed.Sub(e.started).Milliseconds()))
}

// How executions end: the event, and the metric ("Monitoring Step Functions
// metrics using Amazon CloudWatch", Step Functions guide).
var (
	endings = map[types.ExecutionStatus]types.HistoryEventType{
		types.ExecutionStatusSucceeded: types.HistoryEventTypeExecutionSucceeded, types.ExecutionStatusFailed: types.HistoryEventTypeExecutionFailed,
		types.ExecutionStatusTimedOut: types.HistoryEventTypeExecutionTimedOut, types.ExecutionStatusAborted: types.HistoryEventTypeExecutionAborted,
	}
	metrics = map[types.ExecutionStatus]string{
		types.ExecutionStatusSucceeded: "ExecutionsSucceeded", types.ExecutionStatusFailed: "ExecutionsFailed",
		types.ExecutionStatusTimedOut: "ExecutionsTimedOut", types.ExecutionStatusAborted: "ExecutionsAborted",
	}
)

func (s *Service) measure(e *execution, name string, v float64) {
	if s.bus.Metrics != nil {
		s.bus.Metrics.Add(bus.ID("AWS/States", name, "StateMachineArn", e.machine.arn), bus.One(v))
	}
}

// deleting says whether the execution's machine is on its way out.
func (s *Service) deleting(e *execution) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !e.machine.gone.IsZero()
}

// forget drops the executions that hold their names no longer.
func (s *Service) forget() {
	maps.DeleteFunc(s.executions, func(_ string, e *execution) bool {
		return !e.closed.IsZero() && time.Since(e.closed) >= nameLife
	})
}

// given is a text, nil when it is empty.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return aws.String(text)
}
