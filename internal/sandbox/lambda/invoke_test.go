package lambda_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// Invoke in all its ways, and how each of them goes wrong.
func TestInvoke(t *testing.T) {
	var mu sync.Mutex
	var times []time.Time
	handle := func(ctx context.Context, payload []byte) ([]byte, error) {
		switch string(payload) {
		case `"sleep"`:
			time.Sleep(4 * time.Second)
		case `"hang"`:
			<-ctx.Done()
			return nil, ctx.Err()
		case `"fail"`:
			mu.Lock()
			defer mu.Unlock()
			times = append(times, time.Now())
			return nil, &bus.FunctionError{Type: "Mine", Message: "as told"}
		}
		return payload, nil
	}
	live(t, "instant", 1, handle, func(t *testing.T, w *living) {
		invoke := func(kind types.InvocationType, payload string) (*lambda.InvokeOutput, error) {
			return w.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("f"), InvocationType: kind, Payload: []byte(payload)}, func(o *lambda.Options) { o.Retryer = aws.NopRetryer{} })
		}
		out, err := invoke("", `{"a": 1}`)
		must(t, err)
		if out.StatusCode != 200 || string(out.Payload) != `{"a": 1}` || out.FunctionError != nil || *out.ExecutedVersion != "$LATEST" {
			t.Errorf("answered %+v", out)
		}
		out, err = invoke("", `"fail"`)
		must(t, err)
		if out.StatusCode != 200 || aws.ToString(out.FunctionError) != "Unhandled" || string(out.Payload) != `{"errorMessage":"as told","errorType":"Mine"}` {
			t.Errorf("a failure is %+v %s", out, out.Payload)
		}
		began := time.Now()
		out, err = invoke("", `"hang"`)
		must(t, err)
		if took := time.Since(began); took != 5*time.Second || !strings.Contains(string(out.Payload), "Task timed out after 5.00 seconds") {
			t.Errorf("after %s: %s", took, out.Payload)
		}
		out, err = invoke(types.InvocationTypeDryRun, `"fail"`)
		must(t, err)
		if out.StatusCode != 204 {
			t.Errorf("a dry run is %+v", out)
		}
		_, err = invoke("", `{`)
		refused(t, "no JSON", err, "InvalidRequestContentException", "Could not parse request body into json")
		_, err = invoke(types.InvocationTypeEvent, `"`+strings.Repeat("x", 1<<20)+`"`)
		refused(t, "a large event", err, "RequestTooLargeException", "1048576")

		_, err = w.lambda.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: aws.String("f"), ReservedConcurrentExecutions: aws.Int32(1)})
		must(t, err)
		var busy sync.WaitGroup
		busy.Go(func() { _, _ = invoke("", `"sleep"`) })
		time.Sleep(time.Second)
		_, err = invoke("", `1`)
		refused(t, "a second at once", err, "TooManyRequestsException", "Rate Exceeded.")
		if e, ok := errors.AsType[*types.TooManyRequestsException](err); !ok || e.Reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded {
			t.Errorf("the reason of %v", err)
		}
		busy.Wait()

		// An asynchronous call that fails is tried again after a minute and two.
		mu.Lock()
		times = nil
		mu.Unlock()
		began = time.Now()
		out, err = invoke(types.InvocationTypeEvent, `"fail"`)
		must(t, err)
		if out.StatusCode != 202 {
			t.Errorf("an event is %+v", out)
		}
		time.Sleep(time.Hour)
		mu.Lock()
		defer mu.Unlock()
		if len(times) != 3 || times[1].Sub(began) != time.Minute || times[2].Sub(began) != 3*time.Minute {
			t.Errorf("tried at %v", times)
		}
	})
}
