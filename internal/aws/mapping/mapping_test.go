package mapping_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/mapping"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/resource/resourcetest"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

const (
	functionName = "ccs-test-ingest"
	role         = "arn:aws:iam::" + sandbox.Account + ":role/ingest"
	streamName   = "ccs-test-telemetry"
	streamARN    = "arn:aws:kinesis:" + sandbox.Region + ":" + sandbox.Account + ":stream/" + streamName
	sqsARN       = "arn:aws:sqs:" + sandbox.Region + ":" + sandbox.Account + ":"
	fifoARN      = sqsARN + "emergency.fifo"
	queueARN     = sqsARN + "telemetry"
	failuresARN  = sqsARN + "stream-failures"
)

func owner() resource.Owner {
	return resource.Owner{Project: "ccs", Environment: "test", Extra: map[string]string{"Team": "data"}}
}

func ofStream() mapping.Spec {
	return mapping.Spec{
		Name: "stream-ingest", FunctionName: functionName, SourceARN: streamARN, BatchSize: 200, Window: time.Second, PartialResponses: true, Enabled: true,
		StartingPosition: "TRIM_HORIZON", BisectOnError: true, MaxRetries: 10, MaxRecordAge: time.Hour, OnFailureARN: failuresARN, ParallelizationFactor: 2,
		Owner: owner(),
	}
}

func ofFIFO() mapping.Spec {
	return mapping.Spec{Name: "emergency", FunctionName: functionName, SourceARN: fifoARN, BatchSize: 10, PartialResponses: true, Enabled: true, Owner: owner()}
}

func ofQueue() mapping.Spec {
	return mapping.Spec{Name: "telemetry", FunctionName: functionName, SourceARN: queueARN, BatchSize: 100, Window: 5 * time.Second, MaximumConcurrency: 20, Enabled: true, Owner: owner()}
}

func TestLifecycle(t *testing.T) {
	update := func(s mapping.Spec, in lambda.UpdateEventSourceMappingInput) func(*testing.T, aws.Config) {
		return func(t *testing.T, cfg aws.Config) {
			in.UUID = find(t, cfg, s).UUID
			_, err := lambda.NewFromConfig(cfg).UpdateEventSourceMapping(t.Context(), &in)
			must(t, err)
		}
	}
	tag := func(s mapping.Spec) func(*testing.T, aws.Config) {
		return func(t *testing.T, cfg aws.Config) {
			_, err := lambda.NewFromConfig(cfg).TagResource(t.Context(), &lambda.TagResourceInput{Resource: find(t, cfg, s).EventSourceMappingArn, Tags: map[string]string{"Team": "x"}})
			must(t, err)
		}
	}
	none := []types.FunctionResponseType{}
	stream, fifo, queue := ofStream(), ofFIFO(), ofQueue()
	silent := ofStream() // nobody is told of what was given up
	silent.OnFailureARN = ""
	cases := map[string]struct {
		spec    mapping.Spec
		foreign lambda.CreateEventSourceMappingInput
		drift   map[string]func(*testing.T, aws.Config)
	}{
		"stream": {stream, lambda.CreateEventSourceMappingInput{StartingPosition: types.EventSourcePositionTrimHorizon}, map[string]func(*testing.T, aws.Config){
			"batch_size":             update(stream, lambda.UpdateEventSourceMappingInput{BatchSize: aws.Int32(1)}),
			"window":                 update(stream, lambda.UpdateEventSourceMappingInput{MaximumBatchingWindowInSeconds: aws.Int32(9)}),
			"partial_responses":      update(stream, lambda.UpdateEventSourceMappingInput{FunctionResponseTypes: none}),
			"bisect_on_error":        update(stream, lambda.UpdateEventSourceMappingInput{BisectBatchOnFunctionError: aws.Bool(false)}),
			"max_retries":            update(stream, lambda.UpdateEventSourceMappingInput{MaximumRetryAttempts: aws.Int32(-1)}),
			"max_record_age":         update(stream, lambda.UpdateEventSourceMappingInput{MaximumRecordAgeInSeconds: aws.Int32(-1)}),
			"on_failure":             update(stream, lambda.UpdateEventSourceMappingInput{DestinationConfig: &types.DestinationConfig{}}),
			"parallelization_factor": update(stream, lambda.UpdateEventSourceMappingInput{ParallelizationFactor: aws.Int32(1)}),
			"state":                  update(stream, lambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(false)}),
			"tags.Team":              tag(stream),
			"starting_position": func(t *testing.T, cfg aws.Config) {
				client, old := lambda.NewFromConfig(cfg), find(t, cfg, stream)
				_, err := client.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: old.UUID})
				must(t, err)
				must(t, resource.Sleep(t.Context(), time.Minute))
				_, err = client.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
					EventSourceArn: aws.String(streamARN), FunctionName: aws.String(functionName), StartingPosition: types.EventSourcePositionLatest, Tags: owner().Tags(),
				})
				must(t, err)
			},
		}},
		"silent stream": {silent, lambda.CreateEventSourceMappingInput{StartingPosition: types.EventSourcePositionTrimHorizon}, map[string]func(*testing.T, aws.Config){
			"on_failure": update(silent, lambda.UpdateEventSourceMappingInput{DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String(failuresARN)}}}),
		}},
		"fifo": {fifo, lambda.CreateEventSourceMappingInput{}, map[string]func(*testing.T, aws.Config){
			"batch_size":          update(fifo, lambda.UpdateEventSourceMappingInput{BatchSize: aws.Int32(1)}),
			"maximum_concurrency": update(fifo, lambda.UpdateEventSourceMappingInput{ScalingConfig: &types.ScalingConfig{MaximumConcurrency: aws.Int32(2)}}),
			"partial_responses":   update(fifo, lambda.UpdateEventSourceMappingInput{FunctionResponseTypes: none}),
			"state":               update(fifo, lambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(false)}),
			"tags.Team":           tag(fifo),
		}},
		"queue": {queue, lambda.CreateEventSourceMappingInput{}, map[string]func(*testing.T, aws.Config){
			"window":              update(queue, lambda.UpdateEventSourceMappingInput{MaximumBatchingWindowInSeconds: aws.Int32(9)}),
			"maximum_concurrency": update(queue, lambda.UpdateEventSourceMappingInput{ScalingConfig: &types.ScalingConfig{}}),
			"state":               update(queue, lambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(false)}),
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			resourcetest.Lifecycle(t, resourcetest.Case{
				New:   func(cfg aws.Config) resource.Resource { return mapping.New(cfg, c.spec) },
				Setup: world,
				Drift: c.drift,
				Foreign: func(t *testing.T, cfg aws.Config) {
					in := c.foreign
					in.EventSourceArn, in.FunctionName = &c.spec.SourceARN, aws.String(functionName)
					_, err := lambda.NewFromConfig(cfg).CreateEventSourceMapping(t.Context(), &in)
					must(t, err)
				},
			})
		})
	}
}

// A mapping has no name: what keeps a repeated creation from making a second
// one is AWS's refusal, which names the first.
func TestCreateAdoptsOnlyItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, ours := range []bool{true, false} {
			_, cfg := sandboxtest.New(t, sandbox.Options{})
			world(t, cfg)
			m := mapping.New(cfg, ofStream())
			c, err := m.Diff(t.Context())
			must(t, err)
			in := &lambda.CreateEventSourceMappingInput{EventSourceArn: aws.String(streamARN), FunctionName: aws.String(functionName), StartingPosition: types.EventSourcePositionTrimHorizon}
			if ours {
				in.Tags = owner().Tags()
			}
			_, err = lambda.NewFromConfig(cfg).CreateEventSourceMapping(t.Context(), in)
			must(t, err)
			if err := c.Steps[0].Do(t.Context()); (err == nil) != ours || !ours && !apierr.Exists(err) {
				t.Errorf("ours %t: creating gives %v", ours, err)
			}
		}
	})
}

// Enabled does not mean working (API ref, LastProcessingResult).
func TestProblemOfAnEnabledMapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{})
		world(t, cfg)
		key, err := kms.NewFromConfig(cfg).CreateKey(t.Context(), &kms.CreateKeyInput{})
		must(t, err)
		_, err = kinesis.NewFromConfig(cfg).StartStreamEncryption(t.Context(), &kinesis.StartStreamEncryptionInput{
			StreamName: aws.String(streamName), EncryptionType: kinesistypes.EncryptionTypeKms, KeyId: key.KeyMetadata.Arn})
		must(t, err)
		m := mapping.New(cfg, ofStream())
		c, err := m.Diff(t.Context())
		must(t, err)
		must(t, c.Steps[0].Do(t.Context()))
		if c, err = m.Diff(t.Context()); err != nil || !strings.HasPrefix(c.Problem, "PROBLEM") || c.Action != resource.None {
			t.Errorf("got %s, problem %q, %v", c.Action, c.Problem, err)
		}
	})
}

// world makes what the mappings connect, and waits until all of it has spread.
func world(t *testing.T, cfg aws.Config) {
	t.Helper()
	roles := iam.NewFromConfig(cfg)
	_, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("ingest"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	must(t, err)
	_, err = roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("ingest"), PolicyName: aws.String("p"), PolicyDocument: aws.String(fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kinesis:ListStreams","Resource":"*"},
		{"Effect":"Allow","Action":["kinesis:GetRecords","kinesis:GetShardIterator","kinesis:DescribeStream","kinesis:ListShards"],"Resource":%q},
		{"Effect":"Allow","Action":["sqs:ReceiveMessage","sqs:DeleteMessage","sqs:GetQueueAttributes","sqs:SendMessage"],"Resource":%q}]}`, streamARN, sqsARN+"*"))})
	must(t, err)
	queues := sqs.NewFromConfig(cfg)
	for _, arn := range []string{fifoARN, queueARN, failuresARN} {
		in := &sqs.CreateQueueInput{QueueName: aws.String(strings.TrimPrefix(arn, sqsARN)), Attributes: map[string]string{}}
		if arn == fifoARN {
			in.Attributes["FifoQueue"] = "true"
		}
		_, err := queues.CreateQueue(t.Context(), in)
		must(t, err)
	}
	_, err = kinesis.NewFromConfig(cfg).CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String(streamName), ShardCount: aws.Int32(1)})
	must(t, err)
	must(t, resource.Sleep(t.Context(), 2*time.Minute))

	var code bytes.Buffer
	w := zip.NewWriter(&code)
	_, err = w.Create("bootstrap")
	must(t, err)
	must(t, w.Close())
	_, err = lambda.NewFromConfig(cfg).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String(functionName), Role: aws.String(role), Handler: aws.String("bootstrap"), Runtime: types.RuntimeProvidedal2023,
		Code: &types.FunctionCode{ZipFile: code.Bytes()}, Timeout: aws.Int32(5),
	})
	must(t, err)
	must(t, resource.Sleep(t.Context(), time.Minute))
}

func find(t *testing.T, cfg aws.Config, s mapping.Spec) types.EventSourceMappingConfiguration {
	t.Helper()
	out, err := lambda.NewFromConfig(cfg).ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{EventSourceArn: &s.SourceARN})
	must(t, err)
	if len(out.EventSourceMappings) != 1 {
		t.Fatalf("%d mappings of %s, want 1", len(out.EventSourceMappings), s.SourceARN)
	}
	return out.EventSourceMappings[0]
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
