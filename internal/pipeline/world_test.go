package pipeline_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// module is the configuration that teams come with.
const module = `module "streaming" {
  source = "./modules/streaming"

  project_name             = "ccs"
  environment              = "prod"
  kinesis_shard_count      = 10
  kinesis_retention_period = 24
  s3_data_lake_bucket      = "ccs-data-lake-prod"
  kms_key_id               = module.security.kms_key_id

  tags = {
    Project = "CCS"
  }
}
`

// base is the module's configuration, read once: nothing changes it.
var base = sync.OnceValues(func() (*config.Config, error) {
	dir, err := os.MkdirTemp("", "pipeline")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "streaming.tf")
	if err := os.WriteFile(file, []byte(module), 0o600); err != nil {
		return nil, err
	}
	return config.Load(config.Source{Files: []string{file}})
})

// code is a zip that Lambda takes, and its digest; nothing here runs it.
var code, digest = func() ([]byte, string) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "bootstrap"}
	h.SetMode(0o755)
	f, err := w.CreateHeader(h)
	if err == nil {
		_, err = f.Write([]byte("#!/bin/sh\n"))
	}
	if err != nil || w.Close() != nil {
		panic("zip")
	}
	sum := sha256.Sum256(b.Bytes())
	return b.Bytes(), base64.StdEncoding.EncodeToString(sum[:])
}()

// world is a sandbox and what a person does there. Every call of a method is a
// new process: it remembers nothing of the one before.
type world struct {
	t       testing.TB
	sandbox *sandbox.Sandbox
	aws     aws.Config
	config  config.Config // may be changed between calls
	purge   bool
}

func newWorld(t testing.TB, timing string) *world {
	t.Helper()
	c, err := base()
	if err != nil {
		t.Fatal(err)
	}
	s, cfg := sandboxtest.New(t, sandbox.Options{Timing: timing})
	return &world{t: t, sandbox: s, aws: cfg, config: *c}
}

// newConfig is that of another process on the same sandbox.
func (w *world) newConfig() aws.Config { return sandboxtest.Config(w.sandbox, w.sandbox) }

func (w *world) pipeline() *pipeline.Pipeline {
	return pipeline.New(pipeline.Settings{
		Config: &w.config, AWS: w.aws, Account: sandbox.Account, Region: w.aws.Region, Partition: "aws", Architecture: "arm64",
		Code:      func(context.Context) ([]byte, string, error) { return code, digest, nil },
		PurgeData: w.purge,
	})
}

// compute is the plan of up.
func (w *world) compute() *plan.Plan {
	w.t.Helper()
	p, err := plan.Compute(w.t.Context(), w.pipeline().Graph())
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// removal is the plan of down.
func (w *world) removal() *plan.Plan {
	w.t.Helper()
	p, err := plan.Removal(w.t.Context(), w.pipeline().Graph())
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// apply carries a plan out and ends the test on any failure. It returns what
// the resources said that they wait for.
func (w *world) apply(p *plan.Plan) (notes []string) {
	w.t.Helper()
	results, err := p.Apply(w.t.Context(), plan.Options{Sort: apierr.Sort, Observe: func(e plan.Event) {
		if e.Kind == plan.Waiting {
			notes = append(notes, e.ID.String()+": "+e.Text)
		}
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	failed := false
	for _, r := range results {
		if r.Err != nil {
			failed = true
			w.t.Errorf("%s %s: %v", r.Action, r.ID, r.Err)
		}
	}
	if failed {
		w.t.FailNow()
	}
	return notes
}

func (w *world) up() (notes []string)   { w.t.Helper(); return w.apply(w.compute()) }
func (w *world) down() (notes []string) { w.t.Helper(); return w.apply(w.removal()) }

// settled fails the test unless nothing is left to do or to wait for.
func (w *world) settled() {
	w.t.Helper()
	for _, it := range w.compute().Items {
		if c := it.Change; c.Action != resource.None || len(c.Calls()) > 0 || c.Problem != "" {
			w.t.Errorf("%s: %s %v %s", it.ID, c.Action, c.Attributes, c.Problem)
		}
	}
}

// gone fails the test unless the pipeline is down and nothing with its tags is
// left but a key that waits for its end.
func (w *world) gone() {
	w.t.Helper()
	for _, it := range w.removal().Items {
		if it.Change.Action != resource.None {
			w.t.Errorf("%s: %s %s", it.ID, it.Change.Action, it.Change.Reason)
		}
	}
	for _, thing := range w.sandbox.Tagged() {
		if !strings.Contains(thing.ARN, ":key/") {
			w.t.Errorf("left: %s", thing.ARN)
		}
	}
}

// find is one item of a plan.
func find(t testing.TB, p *plan.Plan, id string) plan.Item {
	t.Helper()
	for _, it := range p.Items {
		if it.ID.String() == id {
			return it
		}
	}
	t.Fatalf("no %s in the plan", id)
	return plan.Item{}
}

// planned are the calls of a plan, by name.
func planned(items []plan.Item) map[string]int {
	names := map[string]int{}
	for _, it := range items {
		for _, call := range it.Change.Calls() {
			_, name, _ := strings.Cut(call, ":")
			names[name]++
		}
	}
	return names
}

// quiet waits until what was changed a while ago is known everywhere.
func (w *world) quiet() { time.Sleep(time.Hour) }
