// Package living is the whole pipeline alive in one process: a sandbox that
// runs, the pipeline built in it as 'up' builds it, and the real functions
// behind it as goroutines. Nothing of it needs a socket or a process, so it may
// live in a synctest bubble. What is sent through it, and what must come of
// that, is its callers' business.
package living

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/functions/environment"
	"github.com/ccs-platform/ccsctl/internal/functions/live"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// Options shape a world. The zero value is the pipeline that teams come with,
// at instant timing.
type Options struct {
	Timing string
	Shards int          // of the stream; 0 is 10
	Log    *slog.Logger // of the functions; nil discards
	// Observe, when set, sees every invocation of a function (environment.Ingest
	// and so on) before the function does. It may be called from many goroutines
	// at once.
	Observe func(function string, payload []byte)
}

// World is a pipeline that is up.
type World struct {
	Sandbox *sandbox.Sandbox
	AWS     aws.Config // of clients that the sandbox answers in process

	stop  context.CancelFunc
	lived chan struct{}
}

// Up builds the pipeline and lets it live until Close. In a bubble it takes the
// virtual time that its timing says.
func Up(ctx context.Context, o Options) (*World, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &World{lived: make(chan struct{})}
	s, err := sandbox.New(sandbox.Options{Timing: o.Timing, Handlers: func(variables map[string]string) (bus.Handler, error) { return w.handler(o, variables) }})
	if err != nil {
		return nil, err
	}
	w.Sandbox, w.AWS = s, sandboxtest.Config(s, s)
	c, err := configuration()
	if err != nil {
		return nil, err
	}
	settings := *c
	if o.Shards > 0 {
		settings.Stream.Shards = o.Shards
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stop = stop
	go func() {
		defer close(w.lived)
		s.Run(background)
	}()
	if err := w.build(ctx, &settings); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Close ends everything that lives. It returns when nothing is left running.
func (w *World) Close() {
	w.stop()
	<-w.lived
}

// Name is the name of one of the pipeline's things in AWS.
func (w *World) Name(what string) string { return "ccs-prod-" + what }

// QueueURL is the address of one of its queues.
func (w *World) QueueURL(what string) *string {
	return aws.String(fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", w.AWS.Region, sandbox.Account, w.Name(what)))
}

// ARN is the ARN of a thing of one of its services.
func (w *World) ARN(service, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, w.AWS.Region, sandbox.Account, resource)
}

func (w *World) build(ctx context.Context, c *config.Config) error {
	code, digest, err := empty()
	if err != nil {
		return err
	}
	p, err := plan.Compute(ctx, pipeline.New(pipeline.Settings{
		Config: c, AWS: w.AWS, Account: sandbox.Account, Region: w.AWS.Region, Partition: "aws", Architecture: "arm64",
		Code: func(context.Context) ([]byte, string, error) { return code, digest, nil },
	}).Graph())
	if err != nil {
		return err
	}
	results, err := p.Apply(ctx, plan.Options{Sort: apierr.Sort})
	for _, r := range results {
		err = errors.Join(err, r.Err)
	}
	return err
}

// handler is one of the real functions, with a client of its own.
func (w *World) handler(o Options, variables map[string]string) (bus.Handler, error) {
	h, err := live.New(sandboxtest.Config(w.Sandbox, w.Sandbox), func(key string) string { return variables[key] }, o.Log)
	if err != nil {
		return nil, err
	}
	name := variables[environment.Handler]
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		if o.Observe != nil {
			o.Observe(name, payload)
		}
		return h.Invoke(ctx, payload)
	}, nil
}

// empty is a zip that Lambda takes, and its digest. Nothing runs it.
func empty() (code []byte, digest string, err error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "bootstrap"}
	h.SetMode(0o755)
	f, err := w.CreateHeader(h)
	if err == nil {
		_, err = f.Write([]byte("#!/bin/sh\n"))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(b.Bytes())
	return b.Bytes(), base64.StdEncoding.EncodeToString(sum[:]), nil
}

// module is the configuration that teams come with.
const module = `module "streaming" {
  source              = "./modules/streaming"
  project_name        = "ccs"
  environment         = "prod"
  kinesis_shard_count = 10
  s3_data_lake_bucket = "ccs-data-lake-prod"
}
`

// configuration reads the module, once: nothing changes it.
var configuration = sync.OnceValues(func() (*config.Config, error) {
	dir, err := os.MkdirTemp("", "living")
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
