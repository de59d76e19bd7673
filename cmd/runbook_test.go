package cmd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// A rehearsal is what a document's commands need around them to have something
// to do, and what they must then say: lines of a script after one command.
type rehearsal []struct {
	after, do string
	with      string // one more flag, for what nobody waits for in a test
}

// rehearsals are of the documents by their paths. Without dead letters the
// runbook's commands would all find nothing to do, and prove nothing.
func rehearsals() map[string]rehearsal {
	return map[string]rehearsal{
		"../docs/runbooks/redrive.md": {
			{after: "ccsctl up -c streaming.tf", do: `
letters ccs-prod-emergency-dlq.fifo emergencies.ndjson
dies telemetry followup alerts.ndjson
notice ccs-prod-telemetry ccs-prod-stream-failures records.ndjson
`},
			{after: "ccsctl dlq list -c streaming.tf", do: `
stdout '^emergency\t3\t0\t.*\tccs-prod-emergency.fifo\tccs-prod-emergency enabled'
stdout '^telemetry\t4\t0\t'
stdout '^stream-failures\t1\t0\t'
`},
			{after: "ccsctl dlq peek emergency -c streaming.tf", do: `stdout '^3\ta good crash event: what handles it failed\tmay succeed\t'`},
			{after: "ccsctl dlq peek emergency -c streaming.tf --full -o table", do: `stdout '"event_id": "c3"'`},
			{after: "ccsctl dlq peek telemetry -c streaming.tf --max 0 -o ndjson", do: `stdout -count=4 '"message_id"'`},
			{after: "ccsctl dlq redrive emergency -c streaming.tf --dry-run", do: `
stdout '^matched\t3$'
queued ccs-prod-emergency-dlq.fifo 3
`},
			{after: "ccsctl dlq redrive emergency -c streaming.tf --canary 5", do: `
stderr 'engine client'
stdout '^moved\t3$'
queued ccs-prod-emergency-dlq.fifo 0
`, with: "--canary-wait 3s"},
			{after: "ccsctl dlq redrive telemetry -c streaming.tf --rate 50", do: `
stderr 'engine native'
stdout '^moved\t4$'
queued ccs-prod-telemetry-dlq 0
`},
			{after: "ccsctl dlq peek stream-failures -c streaming.tf --full -o table", do: `stdout 'KinesisBatchInfo'`},
			{after: "ccsctl dlq redrive stream-failures -c streaming.tf", do: `
stdout '^moved\t1$'
queued ccs-prod-stream-failures 0
`},
			{after: "ccsctl dlq list -c streaming.tf --exit-code", do: `
stdout -count=3 '^(emergency|telemetry|stream-failures)\t0\t0\t'
letters ccs-prod-telemetry-dlq garbage.ndjson
`},
			{after: `ccsctl dlq purge telemetry -c streaming.tf --filter '!exists(body.event_id)' --confirm=ccs-prod-telemetry-dlq`, do: `
stdout '^ccs-prod-telemetry-dlq\t1\t1\t0\t'
queued ccs-prod-telemetry-dlq 1
`},
		},
	}
}

// script weaves the rehearsal into the commands of its document. A command that
// the document does not show any more fails the test.
func (r rehearsal) script(t *testing.T, commands string) string {
	t.Helper()
	for _, step := range r {
		command := " " + step.after + "\n"
		if strings.Count(commands, command) != 1 {
			t.Fatalf("the document shows %q %d times, want once", step.after, strings.Count(commands, command))
		}
		commands = strings.Replace(commands, command, strings.TrimRight(" "+step.after+" "+step.with, " ")+"\n"+strings.TrimPrefix(step.do, "\n")+"\n", 1)
	}
	return commands
}

// rehearsed are the files of the rehearsals.
func rehearsed() string {
	var b strings.Builder
	event := func(id, vehicle, kind, severity string) string {
		return fmt.Sprintf(`{"event_id":%q,"vehicle_id":%q,"type":%q,"severity":%q,"occurred_at":%q}`, id, vehicle, kind, severity, time.Now().UTC().Format(time.RFC3339))
	}
	file := func(name string, group bool, bodies ...string) {
		fmt.Fprintf(&b, "-- %s --\n", name)
		for _, body := range bodies {
			letter := map[string]string{"body": body}
			if group {
				letter["group"] = "veh-1"
			}
			line, _ := json.Marshal(letter) // strings always can be
			fmt.Fprintf(&b, "%s\n", line)
		}
	}
	file("emergencies.ndjson", true, event("c1", "veh-1", "crash", "critical"), event("c2", "veh-1", "crash", "critical"), event("c3", "veh-1", "crash", "critical"))
	file("alerts.ndjson", false, event("g1", "veh-1", "geofence", "warning"), event("g2", "veh-2", "geofence", "warning"),
		event("g3", "veh-3", "geofence", "warning"), event("g4", "veh-1", "geofence", "warning"))
	file("records.ndjson", false, event("r1", "veh-7", "geofence", "warning"))
	file("garbage.ndjson", false, `{"x":1}`, event("g5", "veh-1", "geofence", "warning"))
	return b.String()
}

// dies sends messages to a queue and receives each as often as it may be, while
// its function is not given any, so that SQS itself moves them to the dead
// letters and knows where they came from.
//
//	dies telemetry followup letters.ndjson
func dies(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: dies QUEUE FUNCTION FILE")
	}
	ctx := context.Background()
	resume := pauseFunction(ts, "ccs-prod-"+args[1])
	letters(ts, false, []string{"ccs-prod-" + args[0], args[2]})
	c := sqs.NewFromConfig(client(ts))
	url := queueURL(ts, c, "ccs-prod-"+args[0])
	for {
		out, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
		ts.Check(err)
		if len(out.Messages) == 0 {
			break
		}
		var again []types.ChangeMessageVisibilityBatchRequestEntry
		for i, m := range out.Messages {
			again = append(again, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
		}
		_, err = c.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &url, Entries: again})
		ts.Check(err)
	}
	resume()
}

// pauseFunction has a function be given nothing until resume is called.
func pauseFunction(ts *testscript.TestScript, name string) (resume func()) {
	ctx, c := context.Background(), lambda.NewFromConfig(client(ts))
	out, err := c.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{FunctionName: &name})
	ts.Check(err)
	if len(out.EventSourceMappings) != 1 {
		ts.Fatalf("%d mappings of %s, want one", len(out.EventSourceMappings), name)
	}
	id := out.EventSourceMappings[0].UUID
	enable := func(on bool, want string) {
		_, err := c.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: id, Enabled: &on})
		ts.Check(err)
		for {
			m, err := c.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: id})
			ts.Check(err)
			if aws.ToString(m.State) == want {
				return
			}
		}
	}
	enable(false, "Disabled")
	return func() { enable(true, "Enabled") }
}

// notice puts a record into a stream and sends the notice that Lambda writes
// when it gives up on it.
//
//	notice ccs-prod-telemetry ccs-prod-stream-failures records.ndjson
func notice(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: notice STREAM QUEUE FILE")
	}
	var record struct{ Body string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[2])), &record))
	ctx, cfg := context.Background(), client(ts)
	put, err := kinesis.NewFromConfig(cfg).PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &args[0], PartitionKey: aws.String("veh-7"), Data: []byte(record.Body)})
	ts.Check(err)
	c := sqs.NewFromConfig(cfg)
	body := fmt.Sprintf(`{"requestContext":{"functionArn":"arn:aws:lambda:%[1]s:000000000000:function:ccs-prod-ingest","condition":"RetryAttemptsExhausted"},`+
		`"KinesisBatchInfo":{"shardId":%[2]q,"startSequenceNumber":%[3]q,"endSequenceNumber":%[3]q,"batchSize":1,"streamArn":"arn:aws:kinesis:%[1]s:000000000000:stream/%[4]s"}}`,
		cfg.Region, *put.ShardId, *put.SequenceNumber, args[0])
	_, err = c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(queueURL(ts, c, args[1])), MessageBody: &body})
	ts.Check(err)
}
