package lambda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// BenchmarkStream is how fast records go from PutRecords through 50 shards and
// a mapping to a function that decodes its events, all in one process.
func BenchmarkStream(b *testing.B) {
	var got atomic.Int64
	handle := func(_ context.Context, payload []byte) ([]byte, error) {
		var e events.KinesisEvent
		if err := json.Unmarshal(payload, &e); err != nil {
			return nil, err
		}
		got.Add(int64(len(e.Records)))
		return nil, nil
	}
	s, cfg := sandboxtest.New(b, sandbox.Options{Handlers: func(map[string]string) (bus.Handler, error) { return handle, nil }})
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	roles, streams, functions := iam.NewFromConfig(cfg), kinesis.NewFromConfig(cfg), lambda.NewFromConfig(cfg)
	_, err := roles.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("reader"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	check(err)
	_, err = roles.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("reader"), PolicyName: aws.String("p"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kinesis:*","Resource":"*"}]}`)})
	check(err)
	_, err = streams.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(50)})
	check(err)
	_, err = functions.CreateFunction(ctx, valid("f"))
	check(err)
	_, err = functions.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("f"), EventSourceArn: aws.String(stream),
		StartingPosition: types.EventSourcePositionTrimHorizon, BatchSize: aws.Int32(500), MaximumBatchingWindowInSeconds: aws.Int32(1)})
	check(err)
	in := &kinesis.PutRecordsInput{StreamName: aws.String("s")}
	for i := range 500 {
		in.Records = append(in.Records, kinesistypes.PutRecordsRequestEntry{Data: fmt.Appendf(nil, "%0250d", i), PartitionKey: aws.String(fmt.Sprint("car-", i))})
	}
	sent := int64(0)
	for b.Loop() {
		out, err := streams.PutRecords(ctx, in)
		check(err)
		sent += int64(500 - *out.FailedRecordCount)
	}
	for got.Load() < sent {
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "records/s")
}
