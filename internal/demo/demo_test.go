package demo_test

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
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/demo"
	"github.com/ccs-platform/ccsctl/internal/functions/live"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// onStage runs a test in a bubble with a stage that lives.
func onStage(t *testing.T, test func(t *testing.T, stage *demo.Stage, s *sandbox.Sandbox)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "demo.yaml")
	if err := os.WriteFile(file, []byte(demo.Configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Source{Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Stream.Shards != demo.Shards {
		t.Fatalf("the configuration has %d shards, the demo counts with %d", c.Stream.Shards, demo.Shards)
	}
	synctest.Test(t, func(t *testing.T) {
		var cfg aws.Config
		s, cfg := sandboxtest.New(t, sandbox.Options{Timing: "fast", Handlers: func(env map[string]string) (bus.Handler, error) {
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
		test(t, &demo.Stage{
			AWS: cfg, Shards: demo.Shards, Name: c.Name,
			Pipeline: pipeline.New(pipeline.Settings{
				Config: c, AWS: cfg, Account: sandbox.Account, Region: cfg.Region, Partition: "aws", Architecture: "arm64", Code: code, PurgeData: true,
			}),
			Folder: t.TempDir(),
			Break: func(_ context.Context, function string) (func(context.Context) error, error) {
				id := s.Faults.Add(sandbox.Fault{Function: function, Fail: 1})
				return func(context.Context) error { s.Faults.Clear(id); return nil }, nil
			},
			Letters: func(context.Context) (letters []demo.Letter, err error) {
				answer := httptest.NewRecorder()
				s.ServeHTTP(answer, httptest.NewRequest("GET", sandbox.ControlOutbox, nil))
				return letters, json.NewDecoder(answer.Body).Decode(&letters)
			},
		}, s)
	})
}

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

func run(ctx context.Context, t *testing.T, stage *demo.Stage, steps []demo.Step) []demo.Outcome {
	t.Helper()
	return demo.Run(ctx, t.Context(), stage, steps, func(demo.Step) {}, func(o demo.Outcome) {
		t.Logf("%-13s %5d ms  %s %s", o.Step, o.TookMS, o.Measured, o.Error)
	})
}

// only are the steps of these names.
func only(names ...string) []demo.Step {
	return slices.DeleteFunc(demo.Steps(), func(s demo.Step) bool { return !slices.Contains(names, s.Name) })
}

// empty fails the test when anything of a pipeline is left but its dying key.
func empty(t *testing.T, s *sandbox.Sandbox) {
	t.Helper()
	time.Sleep(time.Minute)
	for _, thing := range s.Tagged() {
		if !strings.Contains(thing.ARN, ":key/") {
			t.Errorf("left: %s", thing.ARN)
		}
	}
}

func TestEveryStepHolds(t *testing.T) {
	onStage(t, func(t *testing.T, stage *demo.Stage, s *sandbox.Sandbox) {
		start := time.Now()
		all := run(t.Context(), t, stage, demo.Steps())
		if !demo.Held(all) || len(all) != len(demo.Steps()) {
			t.Errorf("%+v", all)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("took %v", took)
		}
		for _, o := range all {
			if o.Measured == "" || o.Proves == "" {
				t.Errorf("%s is decoration: %+v", o.Step, o)
			}
		}
		empty(t, s)
	})
}

// What does not hold is told, and the rest is shown all the same; nothing stays.
func TestAStepThatDoesNotHoldIsTold(t *testing.T) {
	for name, tt := range map[string]struct {
		fault sandbox.Fault
		steps []demo.Step
		fails []string
	}{
		"emergencies start no workflow": {
			fault: sandbox.Fault{Service: "stepfunctions", Operation: "StartExecution", Code: "AccessDeniedException", Status: 400},
			steps: only("up", "poison", "alert", "dead letters", "alarm", "recovery", "down"),
			fails: []string{"poison", "dead letters", "alert", "recovery"}, // where the emergencies are, too
		},
		"the stream takes nothing": {
			fault: sandbox.Fault{Service: "kinesis", Operation: "PutRecords", Code: "AccessDeniedException", Status: 400},
			steps: only("up", "traffic", "surge", "down"),
			fails: []string{"traffic", "surge"},
		},
		"the stream can't be resized": {
			fault: sandbox.Fault{Service: "kinesis", Operation: "UpdateShardCount", Code: "LimitExceededException", Status: 400},
			steps: only("up", "scale", "down"),
			fails: []string{"scale"},
		},
		"more shards are no more room": {
			fault: sandbox.Fault{Service: "kinesis", Operation: "PutRecords", Throttle: 0.05},
			steps: only("up", "scale", "down"),
			fails: []string{"scale"},
		},
		"what is sent through again is not taken": { // the sends of poison and outage are the first two
			fault: sandbox.Fault{Service: "sqs", Operation: "SendMessageBatch", After: 2, Code: "AccessDeniedException", Status: 403},
			steps: only("up", "poison", "outage", "dead letters", "redrive", "recovery", "down"),
			fails: []string{"redrive", "recovery"},
		},
		"nothing can be built": {
			fault: sandbox.Fault{Service: "kms", Operation: "CreateKey", Code: "AccessDeniedException", Status: 400},
			steps: demo.Steps(),
			fails: []string{"up", "poison", "traffic", "outage", "surge", "scale", "data lake", "dead letters", "alarm", "redrive", "alert", "recovery"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(t *testing.T, stage *demo.Stage, s *sandbox.Sandbox) {
				s.Faults.Add(tt.fault)
				all := run(t.Context(), t, stage, tt.steps)
				if failed := failed(all); demo.Held(all) || !slices.Equal(failed, tt.fails) {
					t.Errorf("%q did not hold, want %q", failed, tt.fails)
				}
				s.Faults.Clear()
				empty(t, s)
			})
		})
	}
}

// An outage that is none, and one that does not end, are both told: what
// redrive shows is that it was needed, and that it helped.
func TestRedriveNeedsAnOutageThatEnds(t *testing.T) {
	mend := func(context.Context) error { return nil }
	for name, tt := range map[string]struct {
		change func(*demo.Stage)
		fails  []string
	}{
		"no outage": {
			func(s *demo.Stage) {
				s.Break = func(context.Context, string) (func(context.Context) error, error) { return mend, nil }
			},
			[]string{"dead letters", "redrive"},
		},
		"no end": {
			func(s *demo.Stage) {
				breaks := s.Break
				s.Break = func(ctx context.Context, function string) (func(context.Context) error, error) {
					_, err := breaks(ctx, function)
					return mend, err
				}
			},
			[]string{"redrive"}, // they are tried still when it gives up on them
		},
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(t *testing.T, stage *demo.Stage, _ *sandbox.Sandbox) {
				tt.change(stage)
				all := run(t.Context(), t, stage, only("up", "outage", "poison", "dead letters", "redrive", "recovery", "down"))
				if failed := failed(all); !slices.Equal(failed, tt.fails) {
					t.Errorf("%q did not hold, want %q", failed, tt.fails)
				}
			})
		})
	}
}

func failed(all []demo.Outcome) (names []string) {
	for _, o := range all {
		if !o.Held {
			names = append(names, o.Step)
		}
	}
	return names
}

func TestAnInterruptedDemoLeavesNothing(t *testing.T) {
	for _, after := range []time.Duration{500 * time.Millisecond, 4 * time.Second, 14 * time.Second} {
		onStage(t, func(t *testing.T, stage *demo.Stage, s *sandbox.Sandbox) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(after, cancel)
			all := run(ctx, t, stage, demo.Steps())
			last := all[len(all)-1]
			if demo.Held(all) || last.Step != "down" || !last.Held {
				t.Errorf("after %v: %+v", after, all)
			}
			empty(t, s)
		})
	}
}
