package probe_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/functions/live"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/probe"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// world is a whole pipeline that runs, functions included, and a probe of it.
type world struct {
	*testing.T
	sandbox  *sandbox.Sandbox
	aws      aws.Config
	pipeline *pipeline.Pipeline
}

var configuration = sync.OnceValues(func() (*config.Config, error) {
	dir, err := os.MkdirTemp("", "probe")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "c.yaml")
	text := "project_name: ccs\nenvironment: prod\ns3_data_lake_bucket: ccs-lake\n" +
		"subscriptions:\n  authorities:\n    - {protocol: sms, endpoint: \"+4912345678\"}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return config.Load(config.Source{Files: []string{file}})
})

// code is a zip that Lambda takes; the functions run in process.
func code(context.Context) ([]byte, string, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "bootstrap"}
	h.SetMode(0o755)
	f, err := w.CreateHeader(h)
	if err == nil {
		_, err = f.Write([]byte("#!/bin/sh\n"))
	}
	if err != nil {
		return nil, "", err
	}
	err = w.Close()
	sum := sha256.Sum256(b.Bytes())
	return b.Bytes(), base64.StdEncoding.EncodeToString(sum[:]), err
}

// inPipeline runs a test in a bubble with a pipeline that is up and runs.
func inPipeline(t *testing.T, timing string, test func(w *world)) {
	t.Helper()
	c, err := configuration()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var cfg aws.Config
		s, cfg := sandboxtest.New(t, sandbox.Options{Timing: timing, Handlers: func(env map[string]string) (bus.Handler, error) {
			h, err := live.New(cfg, func(name string) string { return env[name] }, slog.New(slog.DiscardHandler))
			if err != nil {
				return nil, err
			}
			return h.Invoke, nil
		}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		defer func() { stop(); <-done }()
		w := &world{T: t, sandbox: s, aws: cfg, pipeline: pipeline.New(pipeline.Settings{
			Config: c, AWS: cfg, Account: sandbox.Account, Region: cfg.Region, Partition: "aws", Architecture: "arm64", Code: code,
		})}
		p, err := plan.Compute(t.Context(), w.pipeline.Graph())
		if err != nil {
			t.Fatal(err)
		}
		results, err := p.Apply(t.Context(), plan.Options{Sort: apierr.Sort})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil {
				t.Fatalf("up %s: %v", r.ID, r.Err)
			}
		}
		time.Sleep(time.Minute)
		test(w)
	})
}

func (w *world) probe() *probe.Probe {
	return probe.New(w.aws, w.pipeline.EmergencyPath(), w.pipeline.Owner())
}

// options are what the command gives by itself.
func options() probe.Options { return probe.Options{Promise: 2 * time.Second, Limit: 30 * time.Second} }

// run runs a probe that nothing keeps from trying.
func (w *world) run(o probe.Options) *probe.Report {
	w.Helper()
	report, err := w.probe().Run(w.Context(), w.Context(), o)
	w.must(err)
	return report
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// putRecord is how an event gets on the stream.
var putRecord = wire.Call{Service: "kinesis", Operation: "PutRecord"}

// letters are what people were sent about an event.
func (w *world) letters(event string) (about []bus.Letter) {
	w.Helper()
	synctest.Wait()
	answer := httptest.NewRecorder()
	w.sandbox.ServeHTTP(answer, httptest.NewRequest("GET", sandbox.ControlOutbox, nil))
	var all []bus.Letter
	w.must(json.NewDecoder(answer.Body).Decode(&all))
	for _, l := range all {
		if strings.Contains(l.Body, event) {
			about = append(about, l)
		}
	}
	return about
}

// left is what a probe made and is there, subscriptions included.
func (w *world) left() (arns []string) {
	w.Helper()
	time.Sleep(time.Minute) // AWS forgets slowly
	for _, thing := range w.sandbox.Tagged() {
		if strings.Contains(thing.ARN, "-probe-") {
			arns = append(arns, thing.ARN)
		}
	}
	out, err := sns.NewFromConfig(w.aws).ListSubscriptions(w.Context(), &sns.ListSubscriptionsInput{})
	w.must(err)
	for _, s := range out.Subscriptions {
		if strings.Contains(*s.Endpoint, "-probe-") {
			arns = append(arns, *s.SubscriptionArn)
		}
	}
	return arns
}

// clean fails the test when anything that a probe makes is left.
func (w *world) clean() {
	w.Helper()
	for _, arn := range w.left() {
		w.Errorf("left: %s", arn)
	}
}

// unsubscribeProbe ends the probe's subscription as somebody else might.
func (w *world) unsubscribeProbe() {
	client := sns.NewFromConfig(w.aws)
	out, err := client.ListSubscriptions(w.Context(), &sns.ListSubscriptionsInput{})
	if err != nil {
		w.Error(err)
		return
	}
	for _, s := range out.Subscriptions {
		if strings.Contains(*s.Endpoint, "-probe-") {
			if _, err := client.Unsubscribe(w.Context(), &sns.UnsubscribeInput{SubscriptionArn: s.SubscriptionArn}); err != nil {
				w.Error(err)
			}
		}
	}
}

// changeWorkflow makes the live workflow another one than the configuration's.
func (w *world) changeWorkflow() {
	w.Helper()
	_, err := sfn.NewFromConfig(w.aws).UpdateStateMachine(w.Context(), &sfn.UpdateStateMachineInput{
		StateMachineArn: aws.String(w.pipeline.EmergencyPath().Workflow),
		Definition:      aws.String(`{"StartAt":"X","States":{"X":{"Type":"Succeed"}}}`),
	})
	w.must(err)
}

// slow lets a function take so much longer.
func (w *world) slow(function, by string) {
	f, err := sandbox.ParseFault("function:" + function + " slow=" + by)
	w.must(err)
	w.sandbox.Faults.Add(f)
}
