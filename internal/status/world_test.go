package status_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/functions/live"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
	"github.com/ccs-platform/ccsctl/internal/status"
)

// base is the configuration of the tests.
const base = `project_name: ccs
environment: prod
kinesis_shard_count: 2
s3_data_lake_bucket: ccs-data-lake-prod
`

// world is a sandbox that lives, and the pipeline that was built in it.
type world struct {
	t       testing.TB
	sandbox *sandbox.Sandbox
	aws     aws.Config
	spec    status.Spec
	config  *config.Config
}

// code is a zip that Lambda takes; handlers in process answer for it.
func code() ([]byte, string, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "bootstrap"}
	h.SetMode(0o755)
	f, err := w.CreateHeader(h)
	if err != nil {
		return nil, "", err
	}
	if _, err := f.Write([]byte("#!/bin/sh\n")); err != nil {
		return nil, "", err
	}
	err = w.Close()
	sum := sha256.Sum256(b.Bytes())
	return b.Bytes(), base64.StdEncoding.EncodeToString(sum[:]), err
}

// load reads a configuration.
func load(t testing.TB, text string) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ccsctl.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Source{Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newWorld builds the pipeline, unless empty, and lets the sandbox live until
// the test ends. It is called in a bubble.
func newWorld(t testing.TB, timing, text string, empty bool) *world {
	t.Helper()
	w := &world{t: t, config: load(t, text)}
	w.sandbox, w.aws = sandboxtest.New(t, sandbox.Options{Timing: timing, Handlers: func(env map[string]string) (bus.Handler, error) {
		h, err := live.New(w.aws, func(key string) string { return env[key] }, slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, err
		}
		return h.Invoke, nil
	}})
	p := pipeline.New(pipeline.Settings{
		Config: w.config, AWS: w.aws, Account: sandbox.Account, Region: w.aws.Region, Partition: "aws", Architecture: "arm64",
		Code: func(context.Context) ([]byte, string, error) { return code() },
	})
	w.spec = p.Watched()
	if !empty {
		up, err := plan.Compute(t.Context(), p.Graph())
		if err != nil {
			t.Fatal(err)
		}
		results, err := up.Apply(t.Context(), plan.Options{Sort: apierr.Sort, Observe: func(plan.Event) {}})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil {
				t.Fatalf("%s: %v", r.ID, r.Err)
			}
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); w.sandbox.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	w.sandbox.Calls.Reset()
	return w
}

// in runs a test in a bubble whose sandbox is gone at its end.
func in(t *testing.T, timing, text string, empty bool, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		f(t, newWorld(t, timing, text, empty))
	})
}

func (w *world) gatherer(lag time.Duration) *status.Gatherer {
	return status.New(w.spec, status.Options{AWS: w.aws, Lag: lag})
}

// put sends n records, a thousand bytes each, evenly over the shards.
func (w *world) put(n int) (refused int) {
	w.t.Helper()
	client := kinesis.NewFromConfig(w.aws)
	for n > 0 {
		some := min(n, 500)
		n -= some
		in := &kinesis.PutRecordsInput{StreamName: aws.String(w.spec.Stream.StreamName)}
		for i := range some {
			in.Records = append(in.Records, kinesistypes.PutRecordsRequestEntry{
				PartitionKey: aws.String(fmt.Sprint("veh-", i)),
				Data: fmt.Appendf(nil, `{"event_id":"e-%d-%d","vehicle_id":"veh-%d","type":"position","severity":"info","occurred_at":%q,"latitude":1,"longitude":1}`,
					time.Now().UnixNano(), i, i, time.Now().UTC().Format(time.RFC3339)),
			})
		}
		out, err := client.PutRecords(w.t.Context(), in)
		if err != nil {
			w.t.Fatal(err)
		}
		refused += int(aws.ToInt32(out.FailedRecordCount))
	}
	return refused
}

// send puts messages into a queue of the pipeline.
func (w *world) send(queue string, n int) {
	w.t.Helper()
	client := sqs.NewFromConfig(w.aws)
	url, err := client.GetQueueUrl(w.t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("ccs-prod-" + queue)})
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range n {
		in := &sqs.SendMessageInput{QueueUrl: url.QueueUrl, MessageBody: aws.String(fmt.Sprintf("message %d at %v", i, time.Now().UnixNano()))}
		if strings.HasSuffix(queue, ".fifo") {
			in.MessageGroupId = aws.String(fmt.Sprint("veh-", i))
		}
		if _, err := client.SendMessage(w.t.Context(), in); err != nil {
			w.t.Fatal(err)
		}
	}
}

// once is one look.
func (w *world) once(g *status.Gatherer) status.Snapshot {
	w.t.Helper()
	s, err := g.Once(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// problem finds a problem, nil when there is none.
func problem(s status.Snapshot, part, what string) *status.Problem {
	for _, p := range s.Problems {
		if p.Part == part && p.What == what {
			return &p
		}
	}
	return nil
}

func queueOf(t testing.TB, s status.Snapshot, name string) status.Queue {
	t.Helper()
	for _, q := range s.Queues {
		if q.Name == name {
			return q
		}
	}
	t.Fatalf("no queue %s", name)
	return status.Queue{}
}
