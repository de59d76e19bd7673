//go:build unix

package lambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	runtimeapi "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/functions/bundle"
	"github.com/ccs-platform/ccsctl/internal/functions/environment"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// asFunction makes this test program a Lambda function.
const asFunction = "CCSCTL_TEST_FUNCTION"

func TestMain(m *testing.M) {
	if os.Getenv(asFunction) != "" {
		runtimeapi.Start(obey)
		return
	}
	os.Exit(m.Run())
}

// obey does what its payload says.
func obey(_ context.Context, what string) (string, error) {
	fmt.Println("told to " + what)
	switch what {
	case "sleep":
		time.Sleep(time.Minute)
	case "exit":
		os.Exit(3)
	case "fail":
		return "", errors.New("as told")
	}
	return os.Getenv("AWS_LAMBDA_FUNCTION_NAME") + " of " + os.Getenv("OWNER") + " in process " + fmt.Sprint(os.Getpid()), nil
}

// script is a zip whose bootstrap is a shell script.
func script(t *testing.T, text string, mode os.FileMode) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	h := &zip.FileHeader{Name: "bootstrap"}
	h.SetMode(mode)
	f, err := w.CreateHeader(h)
	must(t, err)
	_, err = f.Write([]byte("#!/bin/sh\n" + text + "\n"))
	must(t, err)
	must(t, w.Close())
	return out.Bytes()
}

// machine is a sandbox that listens and runs, in a folder of its own for what
// is temporary, and has the role reader.
func machine(t *testing.T) (cfg aws.Config, stop func()) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	server := httptest.NewUnstartedServer(nil)
	s, cfg := sandboxtest.New(t, sandbox.Options{Endpoint: "http://" + server.Listener.Addr().String()})
	server.Config.Handler = s
	server.Start()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	stop = func() { cancel(); <-done; server.Close() }
	t.Cleanup(stop)
	roles := iam.NewFromConfig(cfg)
	_, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("reader"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	must(t, err)
	_, err = roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("reader"), PolicyName: aws.String("p"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kinesis:*","sqs:*","logs:*"],"Resource":"*"}]}`)})
	must(t, err)
	return cfg, stop
}

// What AWS tells of a function whose process answers, fails, hangs or dies, and
// what is left of it afterwards: nothing.
func TestProcesses(t *testing.T) {
	cfg, stop := machine(t)
	client := lambda.NewFromConfig(cfg)
	self, err := os.Executable()
	must(t, err)
	for name, code := range map[string][]byte{
		"obedient":   script(t, "exec '"+self+"'", 0o755),
		"broken":     script(t, "exit 3", 0o755),
		"forbidden":  script(t, "exit 3", 0o644),
		"nothing":    archive("other"),
		"no-program": archive("bootstrap"),
	} {
		in := valid(name)
		in.Code.ZipFile, in.Timeout = code, aws.Int32(1)
		in.Environment = &types.Environment{Variables: map[string]string{asFunction: "1", "OWNER": "ccs"}}
		_, err := client.CreateFunction(t.Context(), in)
		must(t, err)
	}
	invoke := func(name, what string) (string, string, *lambda.InvokeOutput) {
		payload, err := json.Marshal(what)
		must(t, err)
		out, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &name, Payload: payload, LogType: types.LogTypeTail})
		must(t, err)
		return aws.ToString(out.FunctionError), string(out.Payload), out
	}
	_, first, out := invoke("obedient", "work")
	_, second, _ := invoke("obedient", "work")
	if !strings.Contains(first, "obedient of ccs in process") || first != second {
		t.Errorf("two calls one after the other: %s, %s", first, second)
	}
	tail, err := base64.StdEncoding.DecodeString(*out.LogResult)
	must(t, err)
	if log := string(tail); !strings.HasPrefix(log, "START RequestId: ") || !strings.Contains(log, "\ntold to work\n") || !strings.Contains(log, "Memory Size: 128 MB") {
		t.Errorf("the log is %q", log)
	}
	logs := cloudwatchlogs.NewFromConfig(cfg)
	streams, err := logs.DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("/aws/lambda/obedient")})
	must(t, err)
	if len(streams.LogStreams) != 1 || !strings.Contains(*streams.LogStreams[0].LogStreamName, "/[$LATEST]") {
		t.Errorf("log streams: %v", streams.LogStreams)
	}
	for _, test := range []struct{ function, what, says string }{
		{"obedient", "fail", `{"errorMessage":"as told","errorType":"errorString"}`},
		{"obedient", "sleep", "Task timed out after 1.00 seconds"},
		{"obedient", "exit", "Runtime exited with error: exit status 3"},
		{"broken", "", `"errorType":"Runtime.ExitError"`},
		{"forbidden", "", "Runtime.InvalidEntrypoint"},
		{"nothing", "", "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"},
		{"no-program", "", "Runtime.InvalidEntrypoint"},
	} {
		if kind, got, _ := invoke(test.function, test.what); kind != "Unhandled" || !strings.Contains(got, test.says) {
			t.Errorf("%s told to %q: %s %s, want %s", test.function, test.what, kind, got, test.says)
		}
	}
	_, third, _ := invoke("obedient", "work")
	if third == first || !strings.Contains(third, "obedient of ccs") {
		t.Errorf("after its process ended it said %s", third)
	}
	stop()
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if fields := strings.Fields(strings.Trim(third, `"`)); exec.Command("kill", "-0", fields[len(fields)-1]).Run() == nil {
		t.Error("a process outlived the sandbox")
	}
}

// The repository's own functions, built and run as AWS would: a crash in the
// stream is an item in the emergency queue. Built for another processor they
// can't start (trap 34).
func TestIngestAsAProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Lambda's programs are for Linux")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go tool to build the functions with")
	}
	arch, other := types.ArchitectureX8664, types.ArchitectureArm64
	if runtime.GOARCH == "arm64" {
		arch, other = other, arch
	}
	code, err := bundle.Find(t.Context(), bundle.Options{Arch: string(arch)})
	must(t, err)
	cfg, _ := machine(t)
	messages, client := sqs.NewFromConfig(cfg), lambda.NewFromConfig(cfg)
	variables := map[string]string{environment.Handler: environment.Ingest}
	for name, variable := range map[string]string{"q": environment.TelemetryQueue, "q.fifo": environment.EmergencyQueue} {
		in := &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{}}
		if strings.HasSuffix(name, ".fifo") {
			in.Attributes["FifoQueue"] = "true"
		}
		out, err := messages.CreateQueue(t.Context(), in)
		must(t, err)
		variables[variable] = *out.QueueUrl
	}
	for name, arch := range map[string]types.Architecture{"ingest": arch, "elsewhere": other} {
		in := valid(name)
		in.Code.ZipFile, in.Architectures = code.Zip, []types.Architecture{arch}
		in.Environment = &types.Environment{Variables: variables}
		_, err = client.CreateFunction(t.Context(), in)
		must(t, err)
	}
	out, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("elsewhere")})
	must(t, err)
	if !strings.Contains(string(out.Payload), "exec format error") {
		t.Errorf("on the wrong processor: %s", out.Payload)
	}

	data := kinesis.NewFromConfig(cfg)
	_, err = data.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(2)})
	must(t, err)
	_, err = client.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("ingest"), EventSourceArn: aws.String(stream),
		StartingPosition: types.EventSourcePositionTrimHorizon, FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}})
	must(t, err)
	for _, record := range []string{"not JSON", `{"event_id":"e-1","vehicle_id":"car-1","type":"crash","severity":"critical","occurred_at":"2026-11-23T16:00:00Z"}`} {
		_, err = data.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("car-1"), Data: []byte(record)})
		must(t, err)
	}
	got, err := messages.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(variables[environment.EmergencyQueue]), WaitTimeSeconds: 20, MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{"All"}})
	must(t, err)
	if len(got.Messages) != 1 || !strings.Contains(*got.Messages[0].Body, `"event_id":"e-1"`) || got.Messages[0].Attributes["MessageGroupId"] != "car-1" {
		t.Errorf("the emergency queue has %v", got.Messages)
	}
}
