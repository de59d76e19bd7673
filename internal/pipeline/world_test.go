package pipeline_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
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

func load(t *testing.T, overrides map[string]any) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "streaming.tf")
	if err := os.WriteFile(file, []byte(module), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Source{Files: []string{file}, Overrides: overrides})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// code is a zip that Lambda takes; nothing here runs it.
var code = func() []byte {
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
	return b.Bytes()
}()

// settings are those of a new process working on the sandbox.
func settings(c *config.Config, cfg aws.Config) pipeline.Settings {
	return pipeline.Settings{
		Config: c, AWS: cfg, Account: sandbox.Account, Region: cfg.Region, Partition: "aws", Architecture: "arm64",
		Code: func(context.Context) ([]byte, string, error) {
			sum := sha256.Sum256(code)
			return code, base64.StdEncoding.EncodeToString(sum[:]), nil
		},
	}
}

func compute(t *testing.T, s pipeline.Settings) *plan.Plan {
	t.Helper()
	p, err := plan.Compute(t.Context(), pipeline.New(s).Graph())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func removal(t *testing.T, s pipeline.Settings) *plan.Plan {
	t.Helper()
	p, err := plan.Removal(t.Context(), pipeline.New(s).Graph())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// apply carries a plan out and fails the test on any failure.
func apply(t *testing.T, p *plan.Plan) {
	t.Helper()
	results, err := p.Apply(t.Context(), plan.Options{Sort: apierr.Sort})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Errorf("%s %s: %v", r.Action, r.ID, r.Err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// settled fails the test unless nothing is left to do.
func settled(t *testing.T, s pipeline.Settings) {
	t.Helper()
	for _, it := range compute(t, s).Items {
		if c := it.Change; c.Action != "none" || len(c.Calls()) > 0 || c.Problem != "" {
			t.Errorf("%s: %s %v %s", it.ID, c.Action, c.Attributes, c.Problem)
		}
	}
}
