package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// The sizes of payloads (Lambda quotas page), in bytes.
const (
	maxPayload = 6 << 20 // request and response of a synchronous invocation
	maxEvent   = 1 << 20 // request of an asynchronous one
	logTail    = 4 << 10
)

// outcome is how one invocation went.
type outcome struct {
	payload []byte
	failure []byte // the function's own account of its error; nil when it succeeded
	log     []byte
}

// run invokes a function once. An error says that it was not run at all.
func (s *Service) run(ctx context.Context, ref string, payload []byte) (outcome, error) {
	f, p, err := s.enter(ref)
	if err != nil {
		return outcome{}, err
	}
	defer s.leave(f)
	began := time.Now()
	in := invocation{id: bus.NewUUID(), payload: payload}
	out, ran, err := s.suffer(ctx, f, in.id)
	if err == nil && !ran {
		out, err = p.invoke(ctx, in)
	}
	if err != nil {
		return out, err
	}
	if len(out.payload) > maxPayload {
		out.failure = failure("Function.ResponseSizeTooLarge", fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxPayload))
	}
	s.measure(f.name, "Invocations", 1)
	s.measure(f.name, "Errors", map[bool]float64{true: 1}[out.failure != nil])
	s.measure(f.name, "Duration", milliseconds(time.Since(began)))
	return out, nil
}

// suffer has an invocation go wrong as somebody asked for. ran is whether that is
// all there is to it: a function that is too slow or fails does nothing else.
// One that is merely slow has its whole timeout for its code all the same.
func (s *Service) suffer(ctx context.Context, f *function, id string) (out outcome, ran bool, err error) {
	if s.bus.Trouble == nil {
		return out, false, nil
	}
	slow, fails := s.bus.Trouble.Invocation(f.name)
	s.mu.Lock()
	timeout := f.deployed().timeout
	s.mu.Unlock()
	if slow > 0 && !sleep(ctx, min(slow, timeout)) {
		return out, false, ctx.Err()
	}
	switch {
	case slow >= timeout && slow > 0:
		return outcome{failure: timedOut(id, timeout)}, true, nil
	case fails:
		return outcome{failure: failure("Sandbox.Fault", "The function fails on request.")}, true, nil
	}
	return out, false, nil
}

// enter counts an invocation in, unless the function has as many as it may.
func (s *Service) enter(ref string) (*function, *pool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(ref)
	if err != nil {
		return nil, nil, err
	}
	if err := f.notPending(); err != nil {
		return nil, nil, err
	}
	free := int32(accountConcurrency)
	for _, other := range s.functions {
		if other.reserved != nil {
			free -= *other.reserved
		} else {
			free -= other.running
		}
	}
	reason := types.ThrottleReason("")
	switch {
	case f.reserved != nil && f.running >= *f.reserved:
		reason = types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded
	case f.reserved == nil && free <= 0:
		reason = types.ThrottleReasonConcurrentInvocationLimitExceeded
	}
	if reason != "" {
		s.measure(f.name, "Throttles", 1)
		return nil, nil, &throttled{&wire.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Fields: map[string]any{"Reason": string(reason), "Type": "User"}}}
	}
	s.measure(f.name, "Throttles", 0)
	f.running++
	s.measure(f.name, "ConcurrentExecutions", float64(f.running))
	return f, s.poolOf(f), nil
}

// throttled is AWS's refusal for callers on the wire, and the bus's for others.
type throttled struct{ refusal *wire.Error }

func (t *throttled) Error() string   { return t.refusal.Error() }
func (t *throttled) Unwrap() []error { return []error{t.refusal, bus.ErrThrottled} }

func (s *Service) leave(f *function) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.running--
}

// measure adds one sample to a metric of a function.
func (s *Service) measure(function, metric string, v float64) {
	if s.bus.Metrics != nil {
		s.bus.Metrics.Add(bus.ID("AWS/Lambda", metric, "FunctionName", function), bus.One(v))
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// failure is how Lambda words its own errors, in the form of a function's.
func failure(kind, message string) []byte {
	text, err := json.Marshal(map[string]string{"errorType": kind, "errorMessage": message})
	if err != nil {
		panic(err) // strings always marshal
	}
	return text
}

// Invoke implements bus.Invoker.
func (s *Service) Invoke(ctx context.Context, ref string, payload []byte) ([]byte, error) {
	out, err := s.run(ctx, ref, payload)
	if err != nil {
		return nil, err
	}
	if out.failure != nil {
		return nil, functionError(out.failure)
	}
	return out.payload, nil
}

// functionError reads a function's account of its error, as far as it has the
// usual form.
func functionError(text []byte) *bus.FunctionError {
	var said struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(text, &said) != nil || said.ErrorType == "" && said.ErrorMessage == "" {
		return &bus.FunctionError{Type: "Unhandled", Message: string(text)}
	}
	return &bus.FunctionError{Type: said.ErrorType, Message: said.ErrorMessage}
}

func (s *Service) invoke(ctx context.Context, in *lambda.InvokeInput) (*wire.Raw, error) {
	if err := firstUnserved(map[string]bool{"ClientContext": in.ClientContext != nil, "DurableExecutionName": in.DurableExecutionName != nil, "TenantId": in.TenantId != nil}); err != nil {
		return nil, err
	}
	ref := qualified(in.FunctionName, in.Qualifier)
	if in.InvocationType == types.InvocationTypeDryRun {
		s.mu.Lock()
		defer s.mu.Unlock()
		_, err := s.find(ref)
		return &wire.Raw{Status: http.StatusNoContent}, err
	}
	payload := in.Payload
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	most := maxPayload
	if in.InvocationType == types.InvocationTypeEvent {
		most = maxEvent
	}
	if len(payload) > most {
		return nil, wire.Errorf("RequestTooLargeException", "Request must be smaller than %d bytes for the InvokeFunction operation", most)
	}
	if !json.Valid(payload) {
		return nil, wire.Errorf("InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json")
	}
	if in.InvocationType == types.InvocationTypeEvent {
		if err := s.accept(ref, payload); err != nil {
			return nil, err
		}
		return &wire.Raw{Status: http.StatusAccepted}, nil
	}
	out, err := s.run(ctx, ref, payload)
	if err != nil {
		return nil, err
	}
	raw := &wire.Raw{Status: http.StatusOK, Body: out.payload, Header: http.Header{"X-Amz-Executed-Version": {"$LATEST"}, "Content-Type": {"application/json"}}}
	if out.failure != nil {
		raw.Body = out.failure
		raw.Header.Set("X-Amz-Function-Error", "Unhandled")
	}
	if in.LogType == types.LogTypeTail {
		raw.Header.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(out.log[max(0, len(out.log)-logTail):]))
	}
	return raw, nil
}

// event is an asynchronous invocation that was accepted.
type event struct {
	function string // ARN
	payload  []byte
}

// accept takes an asynchronous invocation, which runs when the sandbox does.
func (s *Service) accept(ref string, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(ref)
	if err != nil {
		return err
	}
	if err := f.notPending(); err != nil {
		return err
	}
	s.events = append(s.events, event{function: aws.ToString(f.settings.FunctionArn), payload: payload})
	wake(s.accepted)
	return nil
}

// Asynchronous invocations (Lambda guide, "Error handling for asynchronous
// invocations"): two more attempts when the function fails, and while it is
// throttled for six hours, the pauses growing from a second to five minutes.
var retryPauses = [...]time.Duration{time.Minute, 2 * time.Minute}

const (
	eventAge   = 6 * time.Hour
	leastPause = time.Second
	mostPause  = 5 * time.Minute
)

// runEvents invokes what was accepted until ctx ends.
func (s *Service) runEvents(ctx context.Context, work *works) {
	for {
		s.mu.Lock()
		events := s.events
		s.events = nil
		s.mu.Unlock()
		for _, e := range events {
			work.Go(func() { s.attempt(ctx, e) })
		}
		select {
		case <-s.accepted:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Service) attempt(ctx context.Context, e event) {
	since, failed, pause := time.Now(), 0, leastPause
	for {
		_, err := s.Invoke(ctx, e.function, e.payload)
		wait := pause
		if _, ok := errors.AsType[*bus.FunctionError](err); ok {
			if failed == len(retryPauses) {
				return
			}
			wait = retryPauses[failed]
			failed++
		} else if err == nil || time.Since(since) >= eventAge {
			return
		} else {
			pause = min(2*pause, mostPause)
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

// wake tells whoever listens on c, now or at its next look.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sleep waits and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
