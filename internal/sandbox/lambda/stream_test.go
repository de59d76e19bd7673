package lambda_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestOrderOfKeysAcrossReshards(t *testing.T) {
	for _, factor := range []int32{1, 4} {
		f := &seen{}
		live(t, "aws", 2, f.handle, func(t *testing.T, w *living) {
			sent := map[string]int{}
			w.put(t, sent, 100)
			w.mapStream(t, lambda.CreateEventSourceMappingInput{ParallelizationFactor: &factor, BatchSize: aws.Int32(7), MaximumBatchingWindowInSeconds: aws.Int32(1)})
			for _, n := range []int32{4, 3, 6} {
				_, err := w.kinesis.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{StreamName: aws.String("s"), TargetShardCount: &n, ScalingType: kinesistypes.ScalingTypeUniformScaling})
				must(t, err)
				for range 4 {
					w.put(t, sent, 100)
					time.Sleep(40 * time.Second)
				}
			}
			time.Sleep(5 * time.Minute)
			inOrder(t, f.all(), sent)
		})
	}
}

// A record that always fails is found by halving, tried as often as the mapping
// says, told to the destination once and alone, and everything else comes
// through in order.
func TestPoisonIsFoundByHalving(t *testing.T) {
	attempts := 0
	f := &seen{fail: func(data []string) error {
		if slices.Contains(data, "car-4:3") {
			if len(data) == 1 {
				attempts++
			}
			return errors.New("poison")
		}
		return nil
	}}
	live(t, "instant", 1, f.handle, func(t *testing.T, w *living) {
		sent := map[string]int{}
		w.put(t, sent, 90)
		m := w.mapStream(t, lambda.CreateEventSourceMappingInput{
			BisectBatchOnFunctionError: aws.Bool(true), MaximumRetryAttempts: aws.Int32(2),
			DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String(queues + "failures")}},
		})
		time.Sleep(time.Minute)
		got := f.all()
		if slices.Contains(got, "car-4:3") || len(got) != 89 {
			t.Errorf("%d records came through", len(got))
		}
		at := slices.Index(got, "car-4:2")
		inOrder(t, slices.Insert(got, at+1, "car-4:3"), sent)
		if attempts != 3 {
			t.Errorf("the record alone was tried %d times, want 3", attempts)
		}
		reports := w.bodies(t, "failures")
		if len(reports) != 1 {
			t.Fatalf("%d reports: %v", len(reports), reports)
		}
		var report struct {
			RequestContext struct {
				FunctionArn, Condition string
				ApproximateInvokeCount int
			}
			ResponseContext struct {
				StatusCode                     int
				ExecutedVersion, FunctionError string
			}
			KinesisBatchInfo struct {
				ShardID, StartSequenceNumber, EndSequenceNumber, StreamArn string
				BatchSize                                                  int
			}
		}
		must(t, json.Unmarshal([]byte(reports[0]), &report))
		where, how := report.KinesisBatchInfo, report.RequestContext
		if how.Condition != "RetryAttemptsExhausted" || how.ApproximateInvokeCount != 3 || how.FunctionArn != functions+"f" || report.ResponseContext.FunctionError != "Unhandled" {
			t.Errorf("the report says %s", reports[0])
		}
		// What it names can be read: the poison and nothing else.
		if where.BatchSize != 1 || where.StartSequenceNumber != where.EndSequenceNumber || where.StreamArn != stream {
			t.Errorf("the report names %+v", where)
		}
		it, err := w.kinesis.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: &where.ShardID,
			ShardIteratorType: kinesistypes.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: &where.StartSequenceNumber})
		must(t, err)
		out, err := w.kinesis.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator, Limit: aws.Int32(1)})
		must(t, err)
		if string(out.Records[0].Data) != "car-4:3" {
			t.Errorf("at the named place is %s", out.Records[0].Data)
		}
		now, err := w.lambda.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: m.UUID})
		must(t, err)
		if *now.LastProcessingResult != "OK" {
			t.Errorf("the last result is %q", *now.LastProcessingResult)
		}
	})
}

// The first record that is reported is where the next attempt begins; a name
// that was not sent fails all of the batch.
func TestPartialResponsesOfAStream(t *testing.T) {
	for name, test := range map[string]struct {
		item  func(e events.KinesisEvent) string // reported at the first call
		again int                                // how many of 10 records came twice
	}{
		"lowest of two": {func(e events.KinesisEvent) string { return e.Records[6].Kinesis.SequenceNumber }, 4},
		"unknown":       {func(events.KinesisEvent) string { return "49" }, 10},
		"empty":         {func(events.KinesisEvent) string { return "" }, 10},
	} {
		t.Run(name, func(t *testing.T) {
			f := &seen{}
			f.answer = func(e events.KinesisEvent) any {
				var out events.KinesisEventResponse
				if f.calls == 1 {
					last := e.Records[len(e.Records)-1].Kinesis.SequenceNumber
					out.BatchItemFailures = []events.KinesisBatchItemFailure{{ItemIdentifier: last}, {ItemIdentifier: test.item(e)}}
				}
				return out
			}
			live(t, "instant", 1, f.handle, func(t *testing.T, w *living) {
				w.put(t, map[string]int{}, 10)
				w.mapStream(t, lambda.CreateEventSourceMappingInput{FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}})
				time.Sleep(time.Minute)
				got := f.all()
				if f.called() != 2 || len(got) != 10+test.again || got[len(got)-1] != "car-0:1" {
					t.Errorf("%d calls with %v", f.called(), got)
				}
			})
		})
	}
}

// Without bounds a failing batch is tried until its records are too old, then
// given up; a function that has no concurrency left uses up no retries.
func TestAgeBoundsWhatRetriesDoNot(t *testing.T) {
	f := &seen{fail: func([]string) error { return errors.New("down") }}
	live(t, "aws", 1, f.handle, func(t *testing.T, w *living) {
		w.put(t, map[string]int{}, 5)
		w.mapStream(t, lambda.CreateEventSourceMappingInput{MaximumRecordAgeInSeconds: aws.Int32(600),
			DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String(queues + "failures")}}})
		time.Sleep(9 * time.Minute)
		if reports := w.bodies(t, "failures"); len(reports) != 0 || f.called() < 10 {
			t.Errorf("after 9 minutes: %d calls, %v", f.called(), reports)
		}
		time.Sleep(3 * time.Minute)
		if reports := w.bodies(t, "failures"); len(reports) != 1 || !strings.Contains(reports[0], `"batchSize":5`) {
			t.Errorf("after 12 minutes: %v", reports)
		}
	})
	f = &seen{}
	live(t, "aws", 1, f.handle, func(t *testing.T, w *living) {
		reserve := func(n int32) {
			_, err := w.lambda.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: aws.String("f"), ReservedConcurrentExecutions: &n})
			must(t, err)
		}
		reserve(0)
		sent := map[string]int{}
		w.put(t, sent, 5)
		w.mapStream(t, lambda.CreateEventSourceMappingInput{MaximumRetryAttempts: aws.Int32(0)})
		time.Sleep(10 * time.Minute)
		if f.called() != 0 {
			t.Errorf("a function without concurrency was called")
		}
		reserve(1)
		time.Sleep(time.Minute)
		inOrder(t, f.all(), sent)
	})
}

// What a mapping has done it does not do again when it is changed, and what it
// began from LATEST it does not miss meanwhile; a new mapping begins anew.
func TestAMappingRemembersWhereItIs(t *testing.T) {
	f := &seen{}
	live(t, "aws", 2, f.handle, func(t *testing.T, w *living) {
		w.put(t, map[string]int{}, 50) // before it
		m := w.mapStream(t, lambda.CreateEventSourceMappingInput{StartingPosition: types.EventSourcePositionLatest})
		time.Sleep(time.Minute)
		set := func(in lambda.UpdateEventSourceMappingInput) {
			in.UUID = m.UUID
			_, err := w.lambda.UpdateEventSourceMapping(t.Context(), &in)
			must(t, err)
			time.Sleep(time.Minute)
		}
		set(lambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(false)})
		sent := map[string]int{}
		w.put(t, sent, 50)
		time.Sleep(time.Minute)
		if got := f.all(); len(got) != 0 {
			t.Errorf("%v came while it was disabled", got)
		}
		set(lambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(true)})
		w.put(t, sent, 50)
		set(lambda.UpdateEventSourceMappingInput{BatchSize: aws.Int32(3), ParallelizationFactor: aws.Int32(2)})
		w.put(t, sent, 50)
		time.Sleep(time.Minute)
		inOrder(t, f.all(), sent)
		_, err := w.lambda.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: m.UUID})
		must(t, err)
		time.Sleep(time.Minute)
		w.mapStream(t, lambda.CreateEventSourceMappingInput{})
		time.Sleep(time.Minute)
		if got := f.all(); len(got) != 150+200 {
			t.Errorf("%d records came in all", len(got))
		}
	})
}

// A role that loses its rights stops the mapping, which stays Enabled and says
// so in one place.
func TestARoleIsAskedAtEveryPoll(t *testing.T) {
	f := &seen{}
	live(t, "instant", 1, f.handle, func(t *testing.T, w *living) {
		m := w.mapStream(t, lambda.CreateEventSourceMappingInput{})
		time.Sleep(time.Minute)
		w.allow(t, `"kinesis:ListShards"`)
		time.Sleep(time.Minute)
		sent := map[string]int{}
		w.put(t, sent, 10)
		time.Sleep(time.Minute)
		now, err := w.lambda.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: m.UUID})
		must(t, err)
		if len(f.all()) != 0 || *now.State != "Enabled" || !strings.HasPrefix(*now.LastProcessingResult, "PROBLEM: Lambda is not authorized") {
			t.Errorf("without rights %d records came, %s %q", len(f.all()), *now.State, *now.LastProcessingResult)
		}
		w.allow(t, `"kinesis:*"`)
		time.Sleep(time.Minute)
		inOrder(t, f.all(), sent)
	})
}
