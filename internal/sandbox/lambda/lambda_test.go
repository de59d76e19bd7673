package lambda_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

const (
	role      = "arn:aws:iam::" + sandbox.Account + ":role/"
	functions = "arn:aws:lambda:" + sandbox.Region + ":" + sandbox.Account + ":function:"
	stream    = "arn:aws:kinesis:" + sandbox.Region + ":" + sandbox.Account + ":stream/s"
	queues    = "arn:aws:sqs:" + sandbox.Region + ":" + sandbox.Account + ":"
)

// world has a role that may read, one that may not, a slow and a quick
// function, a stream and queues.
func world(t *testing.T, timing string) *lambda.Client {
	t.Helper()
	_, cfg := sandboxtest.New(t, sandbox.Options{Timing: timing})
	roles := iam.NewFromConfig(cfg)
	for _, name := range []string{"reader", "stranger", "notlambda"} {
		service := "lambda.amazonaws.com"
		if name == "notlambda" {
			service = "states.amazonaws.com"
		}
		_, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(fmt.Sprintf(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":%q},"Action":"sts:AssumeRole"}]}`, service))})
		must(t, err)
	}
	_, err := roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("reader"), PolicyName: aws.String("p"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kinesis:*","sqs:ReceiveMessage","sqs:DeleteMessage","sqs:GetQueueAttributes"],"Resource":"*"}]}`)})
	must(t, err)
	for _, name := range []string{"q", "q.fifo"} {
		in := &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{}}
		if name == "q.fifo" {
			in.Attributes["FifoQueue"] = "true"
		}
		_, err := sqs.NewFromConfig(cfg).CreateQueue(t.Context(), in)
		must(t, err)
	}
	_, err = kinesis.NewFromConfig(cfg).CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)})
	must(t, err)
	time.Sleep(time.Minute) // in a bubble: until the roles have spread
	client := lambda.NewFromConfig(cfg)
	for name, timeout := range map[string]int32{"quick": 5, "slow": 60} {
		in := valid(name)
		in.Timeout = &timeout
		_, err := client.CreateFunction(t.Context(), in)
		must(t, err)
	}
	in := valid("stranger")
	in.Role = aws.String(role + "stranger")
	_, err = client.CreateFunction(t.Context(), in)
	must(t, err)
	return client
}

func valid(name string) *lambda.CreateFunctionInput {
	return &lambda.CreateFunctionInput{
		FunctionName: &name, Role: aws.String(role + "reader"), Handler: aws.String("bootstrap"), Runtime: types.RuntimeProvidedal2023,
		Code: &types.FunctionCode{ZipFile: archive("bootstrap")},
	}
}

func archive(names ...string) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, n := range names {
		_, _ = w.Create(n) // a buffer takes everything
	}
	_ = w.Close()
	return out.Bytes()
}

func TestFunctionsThatAWSRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := world(t, "instant")
		tests := map[string]struct {
			change func(*lambda.CreateFunctionInput)
			code   string
			says   string
		}{
			"taken":            {func(in *lambda.CreateFunctionInput) { in.FunctionName = aws.String("quick") }, "ResourceConflictException", "Function already exist: quick"},
			"not a zip":        {func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = []byte("no") }, "InvalidParameterValueException", "Could not unzip"},
			"empty zip":        {func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = archive() }, "InvalidParameterValueException", "non-empty zip"},
			"no code":          {func(in *lambda.CreateFunctionInput) { in.Code = &types.FunctionCode{} }, "InvalidParameterValueException", "source for function code"},
			"large inside":     {func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = bomb(archive("bootstrap")) }, "InvalidParameterValueException", "Unzipped size"},
			"no handler":       {func(in *lambda.CreateFunctionInput) { in.Handler = nil }, "InvalidParameterValueException", "Runtime and Handler are mandatory"},
			"old runtime":      {func(in *lambda.CreateFunctionInput) { in.Runtime = types.RuntimeGo1x }, "InvalidParameterValueException", "no longer supported"},
			"role unknown":     {func(in *lambda.CreateFunctionInput) { in.Role = aws.String(role + "nobody") }, "InvalidParameterValueException", "cannot be assumed by Lambda"},
			"role of others":   {func(in *lambda.CreateFunctionInput) { in.Role = aws.String(role + "notlambda") }, "InvalidParameterValueException", "cannot be assumed by Lambda"},
			"long name":        {func(in *lambda.CreateFunctionInput) { in.FunctionName = aws.String(strings.Repeat("x", 65)) }, "ValidationException", "functionName"},
			"timeout":          {func(in *lambda.CreateFunctionInput) { in.Timeout = aws.Int32(901) }, "ValidationException", "timeout"},
			"memory":           {func(in *lambda.CreateFunctionInput) { in.MemorySize = aws.Int32(10241) }, "ValidationException", "memorySize"},
			"reserved name":    {env("AWS_REGION", "x"), "InvalidParameterValueException", "reserved keys"},
			"long environment": {env("LONG", strings.Repeat("x", 4096)), "InvalidParameterValueException", "4KB"},
			"log level": {func(in *lambda.CreateFunctionInput) {
				in.LoggingConfig = &types.LoggingConfig{ApplicationLogLevel: "DEBUG"}
			}, "InvalidParameterValueException", "LogLevel"},
			"system tag": {func(in *lambda.CreateFunctionInput) { in.Tags = map[string]string{"aws:x": ""} }, "InvalidParameterValueException", "reserved"},
			"bad tag":    {func(in *lambda.CreateFunctionInput) { in.Tags = map[string]string{"x": "a,b"} }, "ValidationException", "tags"},
			"image":      {func(in *lambda.CreateFunctionInput) { in.PackageType = types.PackageTypeImage }, "UnsupportedOperationException", "does not serve Code.ImageUri"},
		}
		for name, test := range tests {
			in := valid("new")
			test.change(in)
			_, err := client.CreateFunction(t.Context(), in)
			refused(t, name, err, test.code, test.says)
		}
		_, err := client.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("new")})
		refused(t, "after all", err, "ResourceNotFoundException", "Function not found: "+functions+"new")
	})
}

func env(name, value string) func(*lambda.CreateFunctionInput) {
	return func(in *lambda.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{name: value}}
	}
}

// bomb claims, in the directory of an archive of one file, a size beyond all
// limits.
func bomb(archive []byte) []byte {
	i := bytes.LastIndex(archive, []byte("PK\x01\x02"))
	copy(archive[i+24:], []byte{0, 0, 0, 0x20})
	return archive
}

// Lambda makes one change at a time (trap 35).
func TestOneChangeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := world(t, "aws")
		name := aws.String("quick")
		configure := func() error {
			_, err := client.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: name, MemorySize: aws.Int32(256)})
			return err
		}
		_, err := client.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: name})
		refused(t, "delete while pending", err, "ResourceConflictException", "in the following state: Pending")
		refused(t, "update while pending", configure(), "ResourceConflictException", "in the following state: Pending")
		must(t, lambda.NewFunctionActiveV2Waiter(client).Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: name}, time.Minute))
		must(t, configure())
		_, err = client.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: archive("other")})
		refused(t, "code right after", err, "ResourceConflictException", "An update is in progress for resource: "+functions+"quick")
		must(t, lambda.NewFunctionUpdatedV2Waiter(client).Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: name}, time.Minute))
		out, err := client.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(functions + "quick"), ZipFile: archive("other")})
		must(t, err)
		if out.LastUpdateStatus != types.LastUpdateStatusInProgress || *out.MemorySize != 256 {
			t.Errorf("got %s, %d MB", out.LastUpdateStatus, *out.MemorySize)
		}
	})
}

func TestMappingsThatAWSRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := world(t, "instant")
		const invalid = "InvalidParameterValueException"
		trim := types.EventSourcePositionTrimHorizon
		tests := map[string]struct {
			function, source string
			in               lambda.CreateEventSourceMappingInput
			code, says       string
		}{
			"no such function":      {"nobody", stream, lambda.CreateEventSourceMappingInput{StartingPosition: trim}, "ResourceNotFoundException", "Function not found"},
			"no such stream":        {"quick", stream + "x", lambda.CreateEventSourceMappingInput{StartingPosition: trim}, invalid, "Stream not found: " + stream + "x"},
			"no such queue":         {"quick", queues + "x", lambda.CreateEventSourceMappingInput{}, invalid, "AWS.SimpleQueueService.NonExistentQueue"},
			"no source at all":      {"quick", "arn:aws:iam::" + sandbox.Account + ":role/reader", lambda.CreateEventSourceMappingInput{}, invalid, "Unrecognized event source"},
			"no start":              {"quick", stream, lambda.CreateEventSourceMappingInput{}, invalid, "'startingPosition'"},
			"start of a queue":      {"quick", queues + "q", lambda.CreateEventSourceMappingInput{StartingPosition: trim}, invalid, "StartingPosition"},
			"bisect on a queue":     {"quick", queues + "q", lambda.CreateEventSourceMappingInput{BisectBatchOnFunctionError: aws.Bool(true)}, invalid, "Unsupported BisectBatchOnFunctionError"},
			"retries on a queue":    {"quick", queues + "q", lambda.CreateEventSourceMappingInput{MaximumRetryAttempts: aws.Int32(1)}, invalid, "Unsupported MaximumRetryAttempts"},
			"scaling of a stream":   {"quick", stream, lambda.CreateEventSourceMappingInput{StartingPosition: trim, ScalingConfig: &types.ScalingConfig{MaximumConcurrency: aws.Int32(2)}}, invalid, "Unsupported ScalingConfig"},
			"window on FIFO":        {"quick", queues + "q.fifo", lambda.CreateEventSourceMappingInput{MaximumBatchingWindowInSeconds: aws.Int32(1)}, invalid, "Batching window is not supported for FIFO queues"},
			"batch on FIFO":         {"quick", queues + "q.fifo", lambda.CreateEventSourceMappingInput{BatchSize: aws.Int32(11)}, invalid, "FIFO"},
			"batch without window":  {"quick", queues + "q", lambda.CreateEventSourceMappingInput{BatchSize: aws.Int32(11)}, invalid, "Maximum batch window in seconds must be greater than 0"},
			"slow function":         {"slow", queues + "q", lambda.CreateEventSourceMappingInput{}, invalid, "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"},
			"no rights to a stream": {"stranger", stream, lambda.CreateEventSourceMappingInput{StartingPosition: trim}, invalid, "Cannot access stream " + stream},
			"no rights to a queue":  {"stranger", queues + "q", lambda.CreateEventSourceMappingInput{}, invalid, "does not have permissions to call ReceiveMessage on SQS"},
			"no right to report": {"quick", stream, lambda.CreateEventSourceMappingInput{StartingPosition: trim, DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String(queues + "q")}}},
				invalid, "does not have permissions to call SendMessage on SQS"},
			"report to FIFO": {"quick", stream, lambda.CreateEventSourceMappingInput{StartingPosition: trim, DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String(queues + "q.fifo")}}},
				invalid, "destination"},
			"nowhere to report": {"quick", stream, lambda.CreateEventSourceMappingInput{StartingPosition: trim, DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{}}},
				invalid, "The Destination field is required"},
			"young age":   {"quick", stream, lambda.CreateEventSourceMappingInput{StartingPosition: trim, MaximumRecordAgeInSeconds: aws.Int32(59)}, "ValidationException", "maximumRecordAgeInSeconds"},
			"large batch": {"quick", stream, lambda.CreateEventSourceMappingInput{StartingPosition: trim, BatchSize: aws.Int32(10001)}, "ValidationException", "batchSize"},
			"filters":     {"quick", stream, lambda.CreateEventSourceMappingInput{StartingPosition: trim, FilterCriteria: &types.FilterCriteria{Filters: []types.Filter{{}}}}, "UnsupportedOperationException", "FilterCriteria"},
		}
		for name, test := range tests {
			test.in.FunctionName, test.in.EventSourceArn = &test.function, &test.source
			_, err := client.CreateEventSourceMapping(t.Context(), &test.in)
			refused(t, name, err, test.code, test.says)
		}
		out, err := client.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})
		must(t, err)
		if len(out.EventSourceMappings) != 0 {
			t.Errorf("%d mappings were made all the same", len(out.EventSourceMappings))
		}
	})
}

// A mapping refuses what comes while it changes (trap 17), a second one between
// the same two is refused with the name of the first, and a function that goes
// leaves its mappings behind.
func TestLifeOfAMapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := world(t, "aws")
		in := &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("quick"), EventSourceArn: aws.String(queues + "q")}
		made, err := client.CreateEventSourceMapping(t.Context(), in)
		must(t, err)
		state := func() string {
			out, err := client.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: made.UUID})
			must(t, err)
			return *out.State
		}
		disable := func() error {
			_, err := client.UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: made.UUID, Enabled: aws.Bool(false)})
			return err
		}
		remove := func() error {
			_, err := client.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: made.UUID})
			return err
		}
		want := func(s string) {
			t.Helper()
			if got := state(); got != s {
				t.Errorf("the mapping is %s, want %s", got, s)
			}
		}
		_, err = client.CreateEventSourceMapping(t.Context(), in)
		refused(t, "second", err, "ResourceConflictException", "existing mapping with UUID "+*made.UUID)
		want("Creating")
		refused(t, "early update", disable(), "ResourceInUseException", "Cannot update the event source mapping because it is in use.")
		time.Sleep(time.Minute)
		want("Enabled")
		must(t, disable())
		want("Disabling")
		refused(t, "early delete", remove(), "ResourceInUseException", "Cannot delete the event source mapping because it is in use.")
		time.Sleep(time.Minute)
		want("Disabled")
		_, err = client.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("quick")})
		must(t, err)
		want("Disabled")
		must(t, remove())
		want("Deleting")
		_, err = client.ListTags(t.Context(), &lambda.ListTagsInput{Resource: made.EventSourceMappingArn})
		must(t, err)
		time.Sleep(time.Minute)
		_, err = client.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: made.UUID})
		refused(t, "gone", err, "ResourceNotFoundException", "does not exist")
	})
}

func TestConcurrencyLeavesRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := world(t, "instant")
		reserve := func(name string, n int32) error {
			_, err := client.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: &name, ReservedConcurrentExecutions: &n})
			return err
		}
		must(t, reserve("quick", 800))
		refused(t, "too much", reserve("slow", 101), "InvalidParameterValueException", "minimum value of [100]")
		must(t, reserve("slow", 100))
		must(t, reserve("quick", 10))
	})
}

func refused(t *testing.T, what string, err error, code, says string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), says) {
		t.Errorf("%s: got %v, want %s with %q", what, err, code, says)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
