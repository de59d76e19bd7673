package stepfunctions

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// record appends an event that follows the one with the id last, and returns
// its own.
func (s *Service) record(e *execution, last int64, event types.HistoryEvent) int64 {
	event.Id, event.PreviousEventId, event.Timestamp = int64(len(e.history))+1, last, aws.Time(time.Now())
	e.history = append(e.history, event)
	return event.Id
}

// event adds an event to the history. set may add details to it.
func (t *thread) event(kind types.HistoryEventType, set func(*types.HistoryEvent)) {
	event := types.HistoryEvent{Type: kind}
	if set != nil {
		set(&event)
	}
	t.service.mu.Lock()
	defer t.service.mu.Unlock()
	if t.execution.closed.IsZero() {
		t.last = t.service.record(t.execution, t.last, event)
	}
}

// entered notes that a state began: TaskStateEntered for a Task.
func (t *thread) entered(kind, name string, input any) {
	t.event(types.HistoryEventType(kind+"StateEntered"), func(e *types.HistoryEvent) {
		e.StateEnteredEventDetails = &types.StateEnteredEventDetails{Name: &name, Input: aws.String(encode(input)), InputDetails: whole()}
	})
}

func (t *thread) exited(kind, name string, output any) {
	t.event(types.HistoryEventType(kind+"StateExited"), func(e *types.HistoryEvent) {
		e.StateExitedEventDetails = &types.StateExitedEventDetails{Name: &name, Output: aws.String(encode(output)), OutputDetails: whole()}
	})
}

// whole says that data is not cut short.
func whole() *types.HistoryEventExecutionDataDetails {
	return &types.HistoryEventExecutionDataDetails{Truncated: false}
}

func (s *Service) getExecutionHistory(_ context.Context, in *sfn.GetExecutionHistoryInput) (*sfn.GetExecutionHistoryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.execution(*in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	events := e.history
	if in.ReverseOrder {
		events = slices.Clone(events)
		slices.Reverse(events)
	}
	from, to, next, err := cut(len(events), in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &sfn.GetExecutionHistoryOutput{Events: append([]types.HistoryEvent{}, events[from:to]...), NextToken: next}, nil
}

// cut is a page of a list that only grows at its end, or begins anew: its token
// is a place. Pages hold a hundred unless a request says otherwise.
func cut(n int, token *string, most int32) (from, to int, next *string, err error) {
	if token != nil {
		if from, err = strconv.Atoi(*token); err != nil || from < 0 || from > n {
			return 0, 0, nil, wire.Errorf("InvalidToken", "Invalid Token: '%s'", *token)
		}
	}
	if most == 0 {
		most = 100
	}
	if to = min(n, from+int(most)); to < n {
		next = aws.String(strconv.Itoa(to))
	}
	return from, to, next, nil
}
