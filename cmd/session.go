package cmd

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"

	"github.com/ccs-platform/ccsctl/internal/aws/connect"
	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/functions/bundle"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
)

// target is what a command works on: one pipeline in one account.
type target struct {
	config   *config.Config
	session  connect.Session
	sandbox  *connect.SandboxEndpoint // nil on AWS
	pipeline *pipeline.Pipeline
}

func (t *target) inSandbox() bool { return t.sandbox != nil }

// onAWS reports whether calls go to AWS by its own names. With an endpoint of
// somebody's choice what answers may be AWS, an emulator or anything else.
func (t *target) onAWS() bool { return t.session.Endpoint == "AWS" }

// target opens the session and makes the pipeline, and says on stderr what
// will be worked on, before anything else happens there.
func (e *env) target(ctx context.Context, purge bool) (*target, error) {
	c, err := e.config()
	if err != nil {
		return nil, err
	}
	t := &target{config: c}
	if e.flags.sandbox {
		if t.sandbox, err = e.sandboxEndpoint(ctx); err != nil {
			return nil, err
		}
	}
	s, err := connect.Open(ctx, connect.Options{
		Profile: e.flags.profile, Region: e.flags.region, EndpointURL: e.flags.endpointURL,
		ExpectAccount: e.flags.expectAccount, Version: version(), Sandbox: t.sandbox, Log: e.console.Logger(),
	})
	if err != nil {
		return nil, err
	}
	t.session = s
	e.announce(t)
	t.pipeline = pipeline.New(pipeline.Settings{
		Config: c, AWS: s.Config, Account: s.Account, Region: s.Region, Partition: s.Partition,
		Architecture: t.architecture(), Code: e.code(t), PurgeData: purge,
	})
	return t, nil
}

// announce names what is worked on. A sandbox, AWS, and an endpoint that may be
// either differ in word and in colour.
func (e *env) announce(t *target) {
	p := e.console.Err.Painter()
	place := p.Bold(p.Yellow("AWS account " + t.session.Account))
	switch {
	case t.inSandbox():
		place = p.Bold(p.Green("SANDBOX")) + " account " + t.session.Account
	case !t.onAWS():
		place = p.Bold(p.Red("CUSTOM ENDPOINT")) + " account " + t.session.Account
	}
	e.console.Notef("%s · %s · environment %s · %s", place, t.session.Region, p.Bold(t.config.Project+"/"+t.config.Environment), t.session.Endpoint)
}

// architecture is what functions run on unless the configuration says: in a
// sandbox, however it was named, this machine's own, where they are really run;
// on AWS the cheaper one.
func (t *target) architecture() string {
	if isSandbox(t.session.Account) {
		return localArchitecture()
	}
	return bundle.ARM64
}

// localArchitecture is what functions run on here.
func localArchitecture() string {
	if runtime.GOARCH == "amd64" {
		return bundle.X86
	}
	return bundle.ARM64
}

// code finds the functions' zip once, when the first function is compared.
func (e *env) code(t *target) func(context.Context) ([]byte, string, error) {
	arch := cmp.Or(t.config.Functions.Architecture, t.architecture())
	var (
		once  sync.Once
		found bundle.Package
		err   error
	)
	return func(ctx context.Context) ([]byte, string, error) {
		once.Do(func() {
			found, err = bundle.Find(ctx, bundle.Options{
				Arch: arch, File: t.config.Functions.Package, Cache: e.cacheDir(),
				Progress: func(text string) { e.console.Notef("%s", text) },
			})
			if err != nil {
				err = fmt.Errorf("functions: %w", err)
			}
		})
		return found.Zip, found.SHA256, err
	}
}

// cacheDir is where the functions' builds are kept, "" for the usual place.
func (e *env) cacheDir() string { return os.Getenv("CCSCTL_CACHE_DIR") }
