package lambda_test

import (
	"context"
	"encoding/json"
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
