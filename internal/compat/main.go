// Command compat holds ccsctl against what others wrote: the real program and
// every resource of the pipeline against emulators of AWS, and the AWS CLI and
// boto3 against our own sandbox. .ci/compat installs these and starts it.
//
// It knows the emulators, the checks and how to judge them by the list of known
// gaps in docs/compat.md. What ccsctl should do is asked of ccsctl itself, and
// where something should go is said by the SDK's own variables, as a user would.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"

	"github.com/ccs-platform/ccsctl/internal/config"
)

func main() { os.Exit(run()) }

// run gives the exit code: 0 when nothing failed, 1 otherwise.
func run() int {
	var (
		work   = flag.String("work", ".compat", "`folder` with the installed emulators, for logs and state")
		assets = flag.String("assets", ".ci/compat.d", "`folder` with what is given to Node and Python")
		list   = flag.String("gaps", "docs/compat.md", "`file` with the table of known gaps")
		only   = flag.String("run", "", "only the profiles whose name matches this `regexp`")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	r := &report{out: os.Stdout}
	if err := runAll(ctx, r, *work, *assets, *list, *only); err != nil {
		r.check("the run itself", err)
	}
	return r.close(*only == "")
}

func runAll(ctx context.Context, r *report, work, assets, list, only string) error {
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	if r.gaps, err = parseGaps(string(text)); err != nil {
		return fmt.Errorf("%s: %w", list, err)
	}
	chosen, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	h, err := newHost(work, assets)
	if err != nil {
		return err
	}
	_, _, err = h.code(ctx) // which takes long only once, and is in nobody's time
	r.check("the functions can be built", err)
	for _, p := range profiles() {
		if chosen.MatchString(p.name) {
			p.run(ctx, h, r)
		}
	}
	return context.Cause(ctx)
}

// newHost prepares this process, and with it all that it starts: credentials
// that open nothing, no profile of whoever runs this, and no way to a real
// account.
func newHost(work, assets string) (*host, error) {
	var errs []error
	abs := func(path string) string {
		path, err := filepath.Abs(path)
		errs = append(errs, err)
		return path
	}
	h := &host{work: abs(work), assets: abs(assets)}
	h.state = filepath.Join(h.work, "run")
	errs = append(errs, os.RemoveAll(h.state), os.MkdirAll(h.state, 0o700))
	forgetEnvironment()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "compat", "AWS_SECRET_ACCESS_KEY": "compat", "AWS_REGION": region, "AWS_DEFAULT_REGION": region,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "", "NO_COLOR": "1",
		"AWS_CONFIG_FILE": filepath.Join(h.state, "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(h.state, "none"),
		"CCSCTL_CACHE_DIR": filepath.Join(h.work, "cache"), "CCSCTL_SANDBOX_DIR": filepath.Join(h.state, "sandbox"),
		"CCSCTL_STATE_DIR":        filepath.Join(h.state, "state"),
		"PYTHONDONTWRITEBYTECODE": "1",
	} {
		errs = append(errs, os.Setenv(name, value))
	}
	h.file = filepath.Join(h.state, "streaming.tf")
	errs = append(errs, os.WriteFile(h.file, []byte(module), 0o600))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var err error
	h.config, err = config.Load(config.Source{Files: []string{h.file}})
	return h, err
}

// module is the configuration of every run: the block that teams come from.
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
