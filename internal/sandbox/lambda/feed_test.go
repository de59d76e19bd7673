package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// living is a sandbox that runs, with one function whose code is a test's.
type living struct {
	lambda  *lambda.Client
	kinesis *kinesis.Client
	sqs     *sqs.Client
	iam     *iam.Client
}

// live runs test in a bubble with a sandbox that runs. The function f has five
// seconds, and a role that may do all it needs; there is a stream s with so
// many shards, the FIFO queue q.fifo with a dead-letter queue behind it, and
// the queue failures.
func live(t *testing.T, timing string, shards int32, handle bus.Handler, test func(t *testing.T, w *living)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, cfg := sandboxtest.New(t, sandbox.Options{Timing: timing, Handlers: func(map[string]string) (bus.Handler, error) { return handle, nil }})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		defer func() { stop(); <-done }()
		w := &living{lambda: lambda.NewFromConfig(cfg), kinesis: kinesis.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg)}
		_, err := w.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("reader"), AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
		must(t, err)
		w.allow(t, `["kinesis:*","sqs:*","logs:*"]`)
		for _, q := range []struct {
			name       string
			attributes map[string]string
		}{
			{"dead.fifo", map[string]string{"FifoQueue": "true"}},
			{"q.fifo", map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "30",
				"RedrivePolicy": `{"deadLetterTargetArn":"` + queues + `dead.fifo","maxReceiveCount":3}`}},
			{"failures", nil},
			{"q", nil},
		} {
			_, err := w.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &q.name, Attributes: q.attributes})
			must(t, err)
		}
		_, err = w.kinesis.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: &shards})
		must(t, err)
		time.Sleep(time.Minute)
		in := valid("f")
		in.Timeout = aws.Int32(5)
		_, err = w.lambda.CreateFunction(t.Context(), in)
		must(t, err)
		time.Sleep(10 * time.Second)
		test(t, w)
	})
}

func (w *living) allow(t *testing.T, actions string) {
	t.Helper()
	_, err := w.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("reader"), PolicyName: aws.String("p"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + actions + `,"Resource":"*"}]}`)})
	must(t, err)
}

// mapStream maps the stream to the function, from its beginning unless in says
// otherwise.
func (w *living) mapStream(t *testing.T, in lambda.CreateEventSourceMappingInput) *lambda.CreateEventSourceMappingOutput {
	t.Helper()
	in.FunctionName, in.EventSourceArn = aws.String("f"), aws.String(stream)
	if in.StartingPosition == "" {
		in.StartingPosition = types.EventSourcePositionTrimHorizon
	}
	out, err := w.lambda.CreateEventSourceMapping(t.Context(), &in)
	must(t, err)
	return out
}

// put sends records "key:n", counting each key's from next on.
func (w *living) put(t *testing.T, next map[string]int, n int) {
	t.Helper()
	in := &kinesis.PutRecordsInput{StreamName: aws.String("s")}
	for i := range n {
		key := fmt.Sprint("car-", i%9)
		in.Records = append(in.Records, kinesistypes.PutRecordsRequestEntry{PartitionKey: &key, Data: fmt.Appendf(nil, "%s:%d", key, next[key])})
		next[key]++
	}
	out, err := w.kinesis.PutRecords(t.Context(), in)
	must(t, err)
	if *out.FailedRecordCount != 0 {
		t.Fatalf("%d records were refused", *out.FailedRecordCount)
	}
}

func (w *living) queueURL(t *testing.T, name string) *string {
	t.Helper()
	out, err := w.sqs.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
	must(t, err)
	return out.QueueUrl
}

// bodies takes all messages out of a queue.
func (w *living) bodies(t *testing.T, name string) (all []string) {
	t.Helper()
	url := w.queueURL(t, name)
	for {
		out, err := w.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10})
		must(t, err)
		if len(out.Messages) == 0 {
			return all
		}
		for _, m := range out.Messages {
			all = append(all, *m.Body)
			_, err := w.sqs.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle})
			must(t, err)
		}
	}
}

// seen is a function that remembers what it was given, and fails when told to.
type seen struct {
	mu      sync.Mutex
	records []string
	calls   int
	fail    func(data []string) error
	answer  func(e events.KinesisEvent) any
}

func (s *seen) handle(_ context.Context, payload []byte) ([]byte, error) {
	var e events.KinesisEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	var data []string
	for _, r := range e.Records {
		data = append(data, string(r.Kinesis.Data))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.fail != nil {
		if err := s.fail(data); err != nil {
			return nil, err
		}
	}
	s.records = append(s.records, data...)
	if s.answer != nil {
		return json.Marshal(s.answer(e))
	}
	return []byte("null"), nil
}

func (s *seen) called() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *seen) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records)
}

// inOrder checks that each key's records came once and in their order.
func inOrder(t *testing.T, got []string, sent map[string]int) {
	t.Helper()
	next := map[string]int{}
	for _, record := range got {
		key, _, _ := strings.Cut(record, ":")
		if want := fmt.Sprint(key, ":", next[key]); record != want {
			t.Fatalf("got %s where %s was next", record, want)
		}
		next[key]++
	}
	for key, n := range sent {
		if next[key] != n {
			t.Errorf("%d of %d records of %s came", next[key], n, key)
		}
	}
}

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

// A message that poisons its batch is received three times and is then in the
// dead-letter queue; the other vehicles' messages are not held up by it.
func TestPoisonInAQueue(t *testing.T) {
	var mu sync.Mutex
	done, tries := map[string]time.Time{}, 0
	handle := func(_ context.Context, payload []byte) ([]byte, error) {
		var e events.SQSEvent
		if err := json.Unmarshal(payload, &e); err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		out := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
		held := map[string]bool{}
		for _, m := range e.Records {
			group := m.Attributes["MessageGroupId"]
			if m.Body == "poison" {
				tries++
			}
			if m.Body == "poison" || held[group] {
				held[group] = true
				out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
				continue
			}
			if _, twice := done[m.Body]; twice {
				t.Errorf("%s came twice", m.Body)
			}
			done[m.Body] = time.Now()
		}
		return json.Marshal(out)
	}
	live(t, "instant", 1, handle, func(t *testing.T, w *living) {
		_, err := w.lambda.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("f"), EventSourceArn: aws.String(queues + "q.fifo"),
			FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}})
		must(t, err)
		began := time.Now()
		url := w.queueURL(t, "q.fifo")
		send := func(group, body string) {
			_, err := w.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageGroupId: &group, MessageBody: &body})
			must(t, err)
		}
		send("bad", "poison")
		time.Sleep(time.Second) // or it would be received as often, and go with it
		send("bad", "after the poison")
		for i := range 40 {
			send(fmt.Sprint("good-", i%8), fmt.Sprint("good ", i))
		}
		time.Sleep(5 * time.Minute)
		if tries != 3 {
			t.Errorf("the poison was tried %d times, want 3", tries)
		}
		if dead := w.bodies(t, "dead.fifo"); !slices.Equal(dead, []string{"poison"}) {
			t.Errorf("in the dead-letter queue: %v", dead)
		}
		if len(done) != 41 {
			t.Errorf("%d of 41 messages were done", len(done))
		}
		for body, at := range done {
			if late := at.Sub(began); strings.HasPrefix(body, "good") && late > time.Second {
				t.Errorf("%s was held up for %s", body, late)
			}
		}
		out, err := w.sqs.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []sqstypes.QueueAttributeName{"All"}})
		must(t, err)
		if out.Attributes["ApproximateNumberOfMessages"] != "0" || out.Attributes["ApproximateNumberOfMessagesNotVisible"] != "0" {
			t.Errorf("left in the queue: %v", out.Attributes)
		}
	})
}

// A standard queue's batches grow with the window, no more run at once than the
// mapping allows, and none is lost when the function fails for a while.
func TestAStandardQueue(t *testing.T) {
	var mu sync.Mutex
	running, most, largest, calls := 0, 0, 0, 0
	done := map[string]int{}
	handle := func(_ context.Context, payload []byte) ([]byte, error) {
		var e events.SQSEvent
		if err := json.Unmarshal(payload, &e); err != nil {
			return nil, err
		}
		mu.Lock()
		running++
		calls++
		most, largest = max(most, running), max(largest, len(e.Records))
		fails := calls%3 == 0
		mu.Unlock()
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		running--
		if fails {
			return nil, errors.New("now and then")
		}
		for _, m := range e.Records {
			done[m.Body]++
		}
		return nil, nil
	}
	live(t, "instant", 1, handle, func(t *testing.T, w *living) {
		_, err := w.lambda.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("f"), EventSourceArn: aws.String(queues + "q"),
			BatchSize: aws.Int32(25), MaximumBatchingWindowInSeconds: aws.Int32(2), ScalingConfig: &types.ScalingConfig{MaximumConcurrency: aws.Int32(3)}})
		must(t, err)
		url := w.queueURL(t, "q")
		for i := range 500 {
			_, err := w.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String(fmt.Sprint(i))})
			must(t, err)
		}
		time.Sleep(10 * time.Minute)
		if len(done) != 500 || most != 3 || largest != 25 {
			t.Errorf("%d of 500 messages done, at most %d batches at once, the largest of %d", len(done), most, largest)
		}
		for body, n := range done {
			if n != 1 {
				t.Errorf("message %s was done %d times", body, n)
			}
		}
	})
}
