package wire_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

var at = time.Date(2026, 11, 23, 15, 0, 0, 250_000_000, time.UTC)

// exchanges are requests of the SDK's own clients, and what is answered. Their
// bytes are in testdata.
var exchanges = map[string]struct {
	service wire.Service
	call    func(context.Context, aws.Config) error
	refused string // the code that the client must see
}{
	"json-1.1": {
		service: wire.Service{Name: "kinesis", Ops: map[string]wire.Op{"PutRecords": wire.Handle(
			func(_ context.Context, in *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error) {
				return &kinesis.PutRecordsOutput{FailedRecordCount: aws.Int32(1), Records: []kinesistypes.PutRecordsResultEntry{
					{SequenceNumber: aws.String(string(in.Records[0].Data)), ShardId: aws.String("shardId-000000000000")},
					{ErrorCode: aws.String("ProvisionedThroughputExceededException"), ErrorMessage: aws.String("Rate exceeded for shard \"<&>\"")},
				}}, nil
			})}},
		call: func(ctx context.Context, cfg aws.Config) error {
			_, err := kinesis.NewFromConfig(cfg).PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: []kinesistypes.PutRecordsRequestEntry{
				{Data: []byte("49"), PartitionKey: aws.String("véhicule")}, {Data: []byte{0, 255}, PartitionKey: aws.String("b")}}})
			return err
		},
	},
	"json-1.1-error": {
		service: wire.Service{Name: "kinesis", Ops: map[string]wire.Op{"DeleteStream": wire.Handle(
			func(context.Context, *kinesis.DeleteStreamInput) (*kinesis.DeleteStreamOutput, error) {
				return nil, wire.Errorf("ResourceNotFoundException", "Stream %s under account %s not found.", "s", "000000000000")
			})}},
		call: func(ctx context.Context, cfg aws.Config) error {
			_, err := kinesis.NewFromConfig(cfg).DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("s")})
			return err
		},
		refused: "ResourceNotFoundException",
	},
	"json-1.0-query-compatible-error": {
		service: wire.Service{Name: "sqs", Ops: map[string]wire.Op{"CreateQueue": wire.Handle(
			func(context.Context, *sqs.CreateQueueInput) (*sqs.CreateQueueOutput, error) {
				return nil, wire.Errorf("QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
			})}},
		call: func(ctx context.Context, cfg aws.Config) error {
			_, err := sqs.NewFromConfig(cfg).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("q"), Attributes: map[string]string{"VisibilityTimeout": "30"}})
			return err
		},
		refused: "AWS.SimpleQueueService.QueueDeletedRecently",
	},
	"query": {
		service: wire.Service{Name: "iam", Ops: map[string]wire.Op{"CreateRole": wire.Handle(
			func(_ context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
				return &iam.CreateRoleOutput{Role: &iamtypes.Role{Arn: aws.String("arn:aws:iam::000000000000:role/r"), CreateDate: aws.Time(at), Path: aws.String("/"),
					RoleId: aws.String("AROA"), RoleName: in.RoleName, AssumeRolePolicyDocument: aws.String("{\"a\":\"<&>\"}"), Tags: in.Tags, MaxSessionDuration: aws.Int32(3600)}}, nil
			})}},
		call: func(ctx context.Context, cfg aws.Config) error {
			_, err := iam.NewFromConfig(cfg).CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String("{}"),
				Tags: []iamtypes.Tag{{Key: aws.String("ccsctl:project"), Value: aws.String("a b+c")}, {Key: aws.String("Team"), Value: aws.String("")}}})
			return err
		},
	},
	"query-map": {
		service: wire.Service{Name: "sns", Ops: map[string]wire.Op{
			"CreateTopic": wire.Handle(func(context.Context, *sns.CreateTopicInput) (*sns.CreateTopicOutput, error) {
				return &sns.CreateTopicOutput{TopicArn: aws.String("arn:aws:sns:eu-west-1:000000000000:t")}, nil
			})}},
		call: func(ctx context.Context, cfg aws.Config) error {
			_, err := sns.NewFromConfig(cfg).CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("t"), Attributes: map[string]string{"KmsMasterKeyId": "alias/k"},
				Tags: []snstypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
			return err
		},
	},
	"query-error": {
		service: wire.Service{Name: "sns", Ops: map[string]wire.Op{
			"GetTopicAttributes": wire.Handle(func(context.Context, *sns.GetTopicAttributesInput) (*sns.GetTopicAttributesOutput, error) {
				return nil, wire.Errorf("NotFoundException", "Topic does not exist")
			})}},
		call: func(ctx context.Context, cfg aws.Config) error {
			_, err := sns.NewFromConfig(cfg).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: aws.String("arn:aws:sns:eu-west-1:000000000000:t")})
			return err
		},
		refused: "NotFound",
	},
	"rest-json": {
		service: wire.Service{Name: "lambda", Ops: map[string]wire.Op{"UpdateEventSourceMapping": wire.Handle(
			func(_ context.Context, in *lambda.UpdateEventSourceMappingInput) (*lambda.UpdateEventSourceMappingOutput, error) {
				return &lambda.UpdateEventSourceMappingOutput{UUID: in.UUID, BatchSize: in.BatchSize, State: aws.String("Updating"), LastModified: aws.Time(at)}, nil
			})}},
		call: func(ctx context.Context, cfg aws.Config) error {
			_, err := lambda.NewFromConfig(cfg).UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: aws.String("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"), BatchSize: aws.Int32(10), Enabled: aws.Bool(true)})
			return err
		},
	},
	"rest-json-error": {
		service: wire.Service{Name: "lambda", Ops: map[string]wire.Op{"ListFunctions": wire.Handle(
			func(context.Context, *lambda.ListFunctionsInput) (*lambda.ListFunctionsOutput, error) {
				return nil, &wire.Error{Code: "InvalidParameterValueException", Message: "no", Fields: map[string]any{"Type": "User"}}
			})}},
		call: func(ctx context.Context, cfg aws.Config) error {
			_, err := lambda.NewFromConfig(cfg).ListFunctions(ctx, &lambda.ListFunctionsInput{MaxItems: aws.Int32(5), Marker: aws.String("a/b=")})
			return err
		},
		refused: "InvalidParameterValueException",
	},
	"cbor": {
		service: wire.Service{Name: "cloudwatch", Ops: map[string]wire.Op{"DescribeAlarms": wire.Handle(
			func(context.Context, *cloudwatch.DescribeAlarmsInput) (*cloudwatch.DescribeAlarmsOutput, error) {
				return &cloudwatch.DescribeAlarmsOutput{MetricAlarms: []cwtypes.MetricAlarm{{AlarmName: aws.String("a"), Threshold: aws.Float64(0.5),
					Period: aws.Int32(60), ActionsEnabled: aws.Bool(true), StateUpdatedTimestamp: aws.Time(at)}}}, nil
			})}},
		call: func(ctx context.Context, cfg aws.Config) error {
			_, err := cloudwatch.NewFromConfig(cfg).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: aws.String("é"), MaxRecords: aws.Int32(100)})
			return err
		},
	},
	"cbor-empty": {
		service: wire.Service{Name: "cloudwatch", Ops: map[string]wire.Op{"PutMetricAlarm": wire.Handle(
			func(context.Context, *cloudwatch.PutMetricAlarmInput) (*cloudwatch.PutMetricAlarmOutput, error) {
				return &cloudwatch.PutMetricAlarmOutput{}, nil
			})}},
		call: func(ctx context.Context, cfg aws.Config) error {
			_, err := cloudwatch.NewFromConfig(cfg).PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{AlarmName: aws.String("a"), Threshold: aws.Float64(1000)})
			return err
		},
	},
	"cbor-error": {
		service: wire.Service{Name: "cloudwatch", Ops: map[string]wire.Op{"SetAlarmState": wire.Handle(
			func(context.Context, *cloudwatch.SetAlarmStateInput) (*cloudwatch.SetAlarmStateOutput, error) {
				return nil, wire.Errorf("InvalidFormatFault", "not JSON")
			})}},
		call: func(ctx context.Context, cfg aws.Config) error {
			_, err := cloudwatch.NewFromConfig(cfg).SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("a"), StateReason: aws.String("r"), StateValue: "OK"})
			return err
		},
		refused: "InvalidFormat",
	},
}

// TestGoldenExchanges pins down the bytes of each protocol, over a socket.
func TestGoldenExchanges(t *testing.T) {
	for name, x := range exchanges {
		t.Run(name, func(t *testing.T) {
			x.service.Invalid = "ValidationException"
			server := httptest.NewServer(wire.NewServer([]wire.Service{x.service}, nil, http.NotFoundHandler()))
			defer server.Close()
			rec := &recorder{}
			err := x.call(t.Context(), aws.Config{
				Region: "eu-west-1", BaseEndpoint: &server.URL, HTTPClient: rec, Credentials: credentials.NewStaticCredentialsProvider("k", "s", ""),
				Retryer: func() aws.Retryer { return aws.NopRetryer{} },
			})
			switch e, ok := errors.AsType[smithy.APIError](err); {
			case x.refused == "" && err != nil, x.refused != "" && (!ok || e.ErrorCode() != x.refused):
				t.Errorf("the client says %v, want %q", err, x.refused)
			}
			golden(t, name, rec.text.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("run with -update if this is meant:\n%s", d)
	}
}

// recorder writes down what goes over the wire, CBOR in its diagnostic notation.
type recorder struct{ text bytes.Buffer }

var requestID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	body := []byte{}
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	fmt.Fprintf(&r.text, "%s %s\n", req.Method, req.URL.RequestURI())
	r.write(req.Header, body, "Content-Type", "X-Amz-Target", "Smithy-Protocol", "X-Amzn-Query-Mode")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, _ = io.ReadAll(res.Body)
	res.Body = io.NopCloser(bytes.NewReader(body))
	fmt.Fprintf(&r.text, "\n%s\n", res.Status)
	r.write(res.Header, body, "Content-Type", "Smithy-Protocol", "X-Amzn-Query-Error", "X-Amzn-Errortype", "X-Amzn-Requestid")
	return res, nil
}

func (r *recorder) write(h http.Header, body []byte, names ...string) {
	for _, n := range names {
		if v := h.Get(n); v != "" {
			fmt.Fprintf(&r.text, "%s: %s\n", n, requestID.ReplaceAllString(v, "ID"))
		}
	}
	text := string(body)
	if strings.Contains(h.Get("Content-Type"), "cbor") {
		var err error
		if text, err = cbor.Diagnose(body); err != nil {
			text = err.Error()
		}
	}
	fmt.Fprintf(&r.text, "\n%s\n", requestID.ReplaceAllString(text, "ID"))
}
