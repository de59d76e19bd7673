package stepfunctions

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// maxPayload bounds what passes from one state to the next in bytes.
const maxPayload = 256 << 10

// Why an execution ends that its states do not end.
var (
	errTimedOut = errors.New("timed out")
	errDeleted  = errors.New("the state machine is being deleted")
)

// stopped is the end of an execution by StopExecution.
type stopped struct{ name, cause string }

func (stopped) Error() string { return "stopped" }

// thread is one line of control: an execution, or a branch of it.
type thread struct {
	service   *Service
	execution *execution
	last      int64 // the event that the next one follows
}

// run takes a program from its start to an end. The error is a *failure, or
// what ended the execution from outside.
func (t *thread) run(ctx context.Context, p *program, input any) (any, error) {
	for name := p.StartAt; ; {
		if err := t.interrupted(ctx); err != nil {
			return nil, err
		}
		st := p.States[name]
		t.entered(st.Type, name, input)
		output, next, err := t.state(ctx, name, st, input)
		if err == nil && len(encode(output)) > maxPayload {
			err = &failure{"States.DataLimitExceeded", fmt.Sprintf("The state '%s' returned a result with a size exceeding the maximum number of bytes service limit.", name)}
		}
		if err != nil {
			return nil, err
		}
		t.exited(st.Type, name, output)
		if next == "" {
			return output, nil
		}
		name, input = next, output
	}
}

// interrupted is what ends the execution from outside, nil for nothing. A
// deletion ends it between two states only.
func (t *thread) interrupted(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if t.service.deleting(t.execution) {
		return errDeleted
	}
	return nil
}

// state runs one state. next is "" at an end.
func (t *thread) state(ctx context.Context, name string, st *state, input any) (output any, next string, err error) {
	s := scope{input, t.execution.object(name)}
	if st.Type == "Fail" {
		return nil, "", &failure{st.Error, st.Cause}
	}
	in, f := s.refer(st.InputPath)
	if f != nil {
		return nil, "", f
	}
	s.input = in
	next = st.Next
	result := in
	switch st.Type {
	case "Choice":
		if next, f = s.choose(st); f != nil {
			return nil, "", f
		}
	case "Wait":
		if !sleep(ctx, time.Duration(st.Seconds)*time.Second) {
			return nil, "", context.Cause(ctx)
		}
	case "Task", "Parallel":
		result, err = t.work(ctx, st, s)
		if f, ok := errors.AsType[*failure](err); ok {
			if c := st.catcher(f); c != nil {
				output, f = place(c.ResultPath, input, object{"Error": f.name, "Cause": f.cause})
				return output, c.Next, fail(f)
			}
		}
		if err != nil {
			return nil, "", err
		}
		if st.ResultSelector != nil {
			result, f = scope{result, s.context}.fill(st.ResultSelector)
		}
	case "Pass":
		if st.Parameters != nil {
			result, f = s.fill(st.Parameters)
		}
		if st.Result != nil {
			result = st.Result
		}
	}
	if f != nil {
		return nil, "", f
	}
	output = result
	if st.Type == "Task" || st.Type == "Parallel" || st.Type == "Pass" {
		if output, f = place(st.ResultPath, input, result); f != nil {
			return nil, "", f
		}
	}
	output, f = scope{output, s.context}.refer(st.OutputPath)
	return output, next, fail(f)
}

// fail makes an error of a failure: a nil one is none.
func fail(f *failure) error {
	if f == nil {
		return nil
	}
	return f
}

// choose is the state that the first rule that holds leads to.
func (s scope) choose(st *state) (string, *failure) {
	for _, r := range st.Choices {
		ok, f := s.holds(r)
		if f != nil {
			return "", f
		}
		if ok {
			return r.Next, nil
		}
	}
	if st.Default == "" {
		return "", &failure{"States.NoChoiceMatched", "No Choice rule matched and no Default state was specified"}
	}
	return st.Default, nil
}

// work does what a task or parallel state does, as often as its retriers want.
func (t *thread) work(ctx context.Context, st *state, s scope) (result any, err error) {
	in := s.input
	if st.Parameters != nil {
		filled, f := s.fill(st.Parameters)
		if f != nil {
			return nil, f
		}
		in = filled
	}
	used := make([]int, len(st.Retry))
	for {
		if st.Type == "Task" {
			result, err = t.task(st, in)
		} else {
			result, err = t.parallel(ctx, st, in)
		}
		f, failed := errors.AsType[*failure](err)
		if !failed {
			return result, err
		}
		i := slices.IndexFunc(st.Retry, func(r retrier) bool { return f.among(r.ErrorEquals) })
		if i < 0 || used[i] >= st.Retry[i].attempts() {
			return nil, f
		}
		if !sleep(ctx, st.Retry[i].delay(used[i])) {
			return nil, context.Cause(ctx)
		}
		used[i]++
	}
}

// parallel runs the branches side by side. The first that fails ends the
// others.
func (t *thread) parallel(ctx context.Context, st *state, in any) (any, error) {
	t.event(types.HistoryEventTypeParallelStateStarted, nil)
	branches, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make([]any, len(st.Branches))
	var all sync.WaitGroup
	for i, p := range st.Branches {
		branch := &thread{service: t.service, execution: t.execution, last: t.last}
		all.Go(func() {
			out, err := branch.run(branches, p, in)
			if err != nil {
				cancel(err) // the first counts
			}
			results[i] = out
		})
	}
	all.Wait()
	if branches.Err() != nil {
		err := context.Cause(branches)
		if f, ok := errors.AsType[*failure](err); ok {
			t.event(types.HistoryEventTypeParallelStateFailed, nil)
			return nil, f
		}
		return nil, err
	}
	t.event(types.HistoryEventTypeParallelStateSucceeded, nil)
	return results, nil
}

// among says whether a list of error names is about the failure ("Handling
// errors in Step Functions workflows", Step Functions guide).
func (f *failure) among(names []string) bool {
	switch f.name {
	case "States.Runtime":
		return false
	case "States.DataLimitExceeded":
		return slices.Contains(names, f.name)
	}
	return slices.ContainsFunc(names, func(name string) bool {
		return name == f.name || name == "States.ALL" || name == "States.TaskFailed" && f.name != "States.Timeout"
	})
}

// catcher is the first that catches the failure, nil for none.
func (st *state) catcher(f *failure) *catcher {
	for i := range st.Catch {
		if f.among(st.Catch[i].ErrorEquals) {
			return &st.Catch[i]
		}
	}
	return nil
}

func (r retrier) attempts() int {
	if r.MaxAttempts == nil {
		return 3
	}
	return *r.MaxAttempts
}

// delay is how long to wait before a retry, the first being number 0.
func (r retrier) delay(n int) time.Duration {
	interval, rate := 1.0, 2.0
	if r.IntervalSeconds != nil {
		interval = float64(*r.IntervalSeconds)
	}
	if r.BackoffRate != nil {
		rate = *r.BackoffRate
	}
	seconds := interval * math.Pow(rate, float64(n))
	if most := float64(r.MaxDelaySeconds); most > 0 {
		seconds = min(seconds, most)
	}
	if r.JitterStrategy == "FULL" {
		seconds *= rand.Float64()
	}
	return time.Duration(min(seconds, 31622400) * float64(time.Second)) // the most that AWS allows
}

// sleep is false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
