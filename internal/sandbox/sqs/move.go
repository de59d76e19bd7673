package sqs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// What is known of a queue's tasks, and at once running in an account (API ref
// ListMessageMoveTasks, StartMessageMoveTask).
const (
	maxTasks  = 10
	maxActive = 100
)

// The states of a task.
const (
	running    = "RUNNING"
	completed  = "COMPLETED"
	cancelling = "CANCELLING"
	cancelled  = "CANCELLED"
	broken     = "FAILED"
)

// task moves the messages of a dead-letter queue. The tasks' lock guards it.
type task struct {
	handle      string
	source      string // ARN
	destination string // ARN, "" for where each message came from
	rate        int    // messages a second, 0 for as many as can be
	toMove      int    // when it started
	started     time.Time

	status string
	reason string // of a failure
	moved  int
}

func (t *task) active() bool { return t.status == running || t.status == cancelling }

// tasks are all move tasks, by source. Those of one source that nobody can ask
// for any more are forgotten.
type tasks struct {
	mu       sync.Mutex
	bySource map[string][]*task // the newest last
	waiting  []*task
	arrived  chan struct{} // holds one token while something waits
}

func newTasks() *tasks {
	return &tasks{bySource: map[string][]*task{}, arrived: make(chan struct{}, 1)}
}

func (s *Service) startMessageMoveTask(_ context.Context, in *sqs.StartMessageMoveTaskInput) (*sqs.StartMessageMoveTaskOutput, error) {
	if err := within("MaxNumberOfMessagesPerSecond", in.MaxNumberOfMessagesPerSecond, 1, 500, "Must be between 1 and 500, if provided."); err != nil {
		return nil, err
	}
	t := &task{source: *in.SourceArn, destination: aws.ToString(in.DestinationArn), rate: int(aws.ToInt32(in.MaxNumberOfMessagesPerSecond)), started: time.Now(), status: running}
	var err error
	if t.toMove, err = s.movable(t); err != nil {
		return nil, err
	}
	t.handle = newHandle(t.source)
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	active := 0
	for source, list := range s.tasks.bySource {
		if !slices.ContainsFunc(list, (*task).active) {
			continue
		}
		if active++; source == t.source {
			return nil, wire.Errorf("InvalidParameterValue", "There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
		}
	}
	if active >= maxActive {
		return nil, wire.Errorf("RequestThrottled", "There are already %d active message move tasks in this account.", maxActive)
	}
	list := append(s.tasks.bySource[t.source], t)
	s.tasks.bySource[t.source] = list[max(0, len(list)-maxTasks):]
	s.tasks.waiting = append(s.tasks.waiting, t)
	select {
	case s.tasks.arrived <- struct{}{}:
	default:
	}
	return &sqs.StartMessageMoveTaskOutput{TaskHandle: &t.handle}, nil
}

// movable refuses a task that can't be (trap 13), and says how many messages
// there are to move.
func (s *Service) movable(t *task) (int, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	source := s.byARN(t.source)
	if source == nil {
		return 0, absent("SourceArn")
	}
	fed := false
	for _, q := range s.queues {
		fed = fed || q.deleted.IsZero() && q.settings.redrive.Target == t.source
	}
	if !fed {
		return 0, wire.Errorf("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
	}
	if t.destination != "" {
		destination := s.byARN(t.destination)
		switch {
		case destination == nil:
			return 0, absent("DestinationArn")
		case destination == source:
			return 0, wire.Errorf("InvalidParameterValue", "Source queue arn and destination queue arn cannot be the same.")
		case destination.settings.fifo != source.settings.fifo:
			return 0, wire.Errorf("InvalidParameterValue", "Source and destination queues must be of the same type.")
		}
	}
	source.mu.Lock()
	defer source.mu.Unlock()
	source.tick(t.started)
	return len(source.messages), nil
}

func absent(parameter string) error {
	return &wire.Error{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: "The resource that you specified for the " + parameter + " parameter doesn't exist."}
}

// taskHandle is what a handle says, as AWS's do: which task of which queue.
type taskHandle struct {
	ID     string `json:"taskId"`
	Source string `json:"sourceArn"`
}

func newHandle(source string) string {
	return base64.StdEncoding.EncodeToString(mustJSON(taskHandle{bus.NewUUID(), source}))
}

// listMessageMoveTasks lists a source's newest tasks, one unless asked for more.
// Their handles are there only while they run (trap 14).
func (s *Service) listMessageMoveTasks(_ context.Context, in *sqs.ListMessageMoveTasksInput) (*sqs.ListMessageMoveTasksOutput, error) {
	if err := within("MaxResults", in.MaxResults, 1, maxTasks, "Must be between 1 and 10, if provided."); err != nil {
		return nil, err
	}
	s.mu.RLock()
	known := s.byARN(*in.SourceArn) != nil
	s.mu.RUnlock()
	if !known {
		return nil, absent("SourceArn")
	}
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	out := &sqs.ListMessageMoveTasksOutput{Results: []types.ListMessageMoveTasksResultEntry{}}
	most := 1
	if in.MaxResults != nil {
		most = int(*in.MaxResults)
	}
	for _, t := range slices.Backward(s.tasks.bySource[*in.SourceArn]) {
		if len(out.Results) == most {
			break
		}
		e := types.ListMessageMoveTasksResultEntry{
			Status: aws.String(t.status), SourceArn: &t.source, StartedTimestamp: t.started.UnixMilli(),
			ApproximateNumberOfMessagesMoved: int64(t.moved), ApproximateNumberOfMessagesToMove: aws.Int64(int64(t.toMove)),
		}
		if t.status == running {
			e.TaskHandle = &t.handle
		}
		if t.destination != "" {
			e.DestinationArn = &t.destination
		}
		if t.rate > 0 {
			e.MaxNumberOfMessagesPerSecond = aws.Int32(int32(t.rate))
		}
		if t.reason != "" {
			e.FailureReason = aws.String(t.reason)
		}
		out.Results = append(out.Results, e)
	}
	return out, nil
}

// cancelMessageMoveTask stops a running task. What it moved stays moved.
func (s *Service) cancelMessageMoveTask(_ context.Context, in *sqs.CancelMessageMoveTaskInput) (*sqs.CancelMessageMoveTaskOutput, error) {
	var h taskHandle
	text, err := base64.StdEncoding.DecodeString(*in.TaskHandle)
	if err != nil || json.Unmarshal(text, &h) != nil || h.ID == "" {
		return nil, wire.Errorf("InvalidParameterValue", "Value for parameter TaskHandle is invalid.")
	}
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	list := s.tasks.bySource[h.Source]
	i := slices.IndexFunc(list, func(t *task) bool { return t.handle == *in.TaskHandle })
	if i < 0 {
		return nil, &wire.Error{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: "Task does not exist."}
	}
	t := list[i]
	if t.status != running {
		return nil, wire.Errorf("InvalidParameterValue", "Only active tasks can be cancelled.")
	}
	t.status = cancelling
	return &sqs.CancelMessageMoveTaskOutput{ApproximateNumberOfMessagesMoved: int64(t.moved)}, nil
}
