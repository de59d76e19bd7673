package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

func ask(t *testing.T, s *sandbox.Sandbox, spec string) (id string) {
	t.Helper()
	f, err := sandbox.ParseFault(spec)
	if err != nil {
		t.Fatal(err)
	}
	return s.Faults.Add(f)
}

// Each service refuses with the code and status that AWS has for it, as its
// client understands them.
func TestServicesRefuseEachInTheirWay(t *testing.T) {
	s, cfg := sandboxtest.New(t, sandbox.Options{})
	cfg = once(cfg)
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"kinesis LimitExceededException/400 InternalFailure/500":              func() error { _, err := kinesis.NewFromConfig(cfg).ListStreams(ctx, nil); return err },
		"sqs RequestThrottled/400 InternalFailure/500":                        func() error { _, err := sqs.NewFromConfig(cfg).ListQueues(ctx, nil); return err },
		"sns Throttling/400 InternalError/500":                                func() error { _, err := sns.NewFromConfig(cfg).ListTopics(ctx, nil); return err },
		"lambda TooManyRequestsException/429 ServiceException/500":            func() error { _, err := lambda.NewFromConfig(cfg).ListFunctions(ctx, nil); return err },
		"stepfunctions ThrottlingException/400 InternalFailure/500":           func() error { _, err := sfn.NewFromConfig(cfg).ListStateMachines(ctx, nil); return err },
		"cloudwatch Throttling/400 InternalServiceError/500":                  func() error { _, err := cloudwatch.NewFromConfig(cfg).DescribeAlarms(ctx, nil); return err },
		"firehose LimitExceededException/400 ServiceUnavailableException/503": func() error { _, err := firehose.NewFromConfig(cfg).ListDeliveryStreams(ctx, nil); return err },
		"kms ThrottlingException/400 KMSInternalException/500":                func() error { _, err := kms.NewFromConfig(cfg).ListKeys(ctx, nil); return err },
		"iam Throttling/400 ServiceFailure/500":                               func() error { _, err := iam.NewFromConfig(cfg).ListRoles(ctx, nil); return err },
		"sts Throttling/400 InternalFailure/500":                              func() error { _, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil); return err },
		"glue ThrottlingException/400 InternalServiceException/500":           func() error { _, err := glue.NewFromConfig(cfg).GetDatabases(ctx, nil); return err },
		"s3 SlowDown/503 InternalError/500":                                   func() error { _, err := s3.NewFromConfig(cfg).ListBuckets(ctx, nil); return err },
	} {
		service, want, _ := strings.Cut(name, " ")
		var got []string
		for _, trouble := range []string{"throttle=100%", "error=100%", "down"} {
			id := ask(t, s, service+" "+trouble)
			err := call()
			if re, ok := errors.AsType[*awshttp.ResponseError](err); ok {
				got = append(got, fmt.Sprintf("%s/%d", code(err), re.HTTPStatusCode()))
			} else {
				got = append(got, fmt.Sprint(err))
			}
			s.Faults.Clear(id)
		}
		if got, want := strings.Join(got, " "), want+" ServiceUnavailable/503"; got != want {
			t.Errorf("%s refuses with\n%s, want\n%s", service, got, want)
		}
		if err := call(); err != nil {
			t.Errorf("%s afterwards: %v", service, err)
		}
	}
}

// Of the records of a call the share is refused, record by record, the same ones
// in every run; the stream's metric counts them.
func TestRecordsAreThrottledOneByOne(t *testing.T) {
	refused := func() (text string) {
		s, cfg := sandboxtest.New(t, sandbox.Options{})
		client := kinesis.NewFromConfig(once(cfg))
		name := aws.String("telemetry")
		if _, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(2)}); err != nil {
			t.Fatal(err)
		}
		ask(t, s, "kinesis:PutRecords throttle=20%")
		in := &kinesis.PutRecordsInput{StreamName: name}
		for i := range 500 {
			in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: []byte("x"), PartitionKey: aws.String(fmt.Sprint(i))})
		}
		out, err := client.PutRecords(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for i, r := range out.Records {
			if r.ErrorCode != nil {
				n++
				text += fmt.Sprintf("%d %s\n", i, *r.ErrorCode)
			}
		}
		if n < 70 || n > 130 || int32(n) != *out.FailedRecordCount {
			t.Errorf("%d of 500 are refused, the answer says %d", n, *out.FailedRecordCount)
		}
		ask(t, s, "kinesis:PutRecord throttle=100%")
		if _, err := client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: name, Data: []byte("x"), PartitionKey: aws.String("k")}); code(err) != "ProvisionedThroughputExceededException" {
			t.Errorf("PutRecord: %v", err)
		}
		return text
	}
	first := refused()
	if !strings.Contains(first, " ProvisionedThroughputExceededException\n") || refused() != first {
		t.Errorf("refused were\n%s", first)
	}
}

// A consumer can be slow, too slow for its timeout, or fail.
func TestFunctionsSuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ran := 0
		s, cfg := sandboxtest.New(t, sandbox.Options{Handlers: func(map[string]string) (bus.Handler, error) {
			return func(context.Context, []byte) ([]byte, error) { ran++; return []byte(`"done"`), nil }, nil
		}})
		newFunction(t, cfg, "ccs-prod-emergency", 3)
		client := lambda.NewFromConfig(once(cfg))
		invoke := func() (string, time.Duration) {
			t.Helper()
			began := time.Now()
			out, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("ccs-prod-emergency")})
			if err != nil {
				t.Fatal(err)
			}
			return aws.ToString(out.FunctionError) + string(out.Payload), time.Since(began)
		}
		for _, c := range []struct {
			spec, says string
			took       time.Duration
			runs       int
		}{
			{"function:emergency slow=2s", `"done"`, 2 * time.Second, 1},
			{"function:ccs-prod-emergency slow=10s", `Unhandled{"errorMessage":"RequestId: `, 3 * time.Second, 0},
			{"function:emergency fail=100%", `Unhandled{"errorMessage":"The function fails on request.","errorType":"Sandbox.Fault"}`, 0, 0},
			{"function:ingest fail=100%", `"done"`, 0, 1},
			{"function:emergency fail=100% after=1 times=1", `"done"`, 0, 1},
		} {
			ran = 0
			id := ask(t, s, c.spec)
			if says, took := invoke(); !strings.HasPrefix(says, c.says) || took != c.took || ran != c.runs {
				t.Errorf("%s: %s after %v, ran %d times", c.spec, says, took, ran)
			}
			s.Faults.Clear(id)
		}
	})
}

// Faults can be asked for, seen and taken back over the sandbox's own path.
func TestFaultsOverThePath(t *testing.T) {
	s, _ := sandboxtest.New(t, sandbox.Options{})
	do := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	for body, want := range map[string]string{
		"sns dwon":                                     "did you mean",
		"sns:Publsh down":                              `sns has no operation "Publsh" here: did you mean "Publish"?`,
		`{"service":"sns","downn":true}`:               `unknown field "downn"`,
		`{"service":"sns","latency":50}`:               "latency",
		`{"service":"sns"}`:                            "nothing goes wrong",
		`{"function":"x","service":"kms","fail":"5%"}`: "about calls, a function or a subscriber",
	} {
		if status, says := do("POST", sandbox.ControlFaults, body); status != http.StatusBadRequest || !strings.Contains(says, want) {
			t.Errorf("%s: %d %s", body, status, says)
		}
	}
	do("POST", sandbox.ControlFaults, "sns:Publish throttle=20%")
	do("POST", sandbox.ControlFaults, `{"service":"kms","latency":"50ms","times":2}`)
	if status, says := do("GET", sandbox.ControlFaults, ""); status != 200 || says != `[{"id":"1","service":"sns","operation":"Publish","throttle":"20%"},{"id":"2","service":"kms","times":2,"latency":"50ms"}]` {
		t.Errorf("%d %s", status, says)
	}
	if _, says := do("DELETE", sandbox.ControlFaults+"?id=1&id=7", ""); says != `{"cleared":1}` {
		t.Errorf("cleared: %s", says)
	}
	var left []sandbox.Fault
	_, says := do("GET", sandbox.ControlFaults, "")
	if err := json.Unmarshal([]byte(says), &left); err != nil || len(left) != 1 || left[0].String() != "kms latency=50ms times=2" {
		t.Errorf("left: %s, %v", says, err)
	}
}
