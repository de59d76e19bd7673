// Package program builds the real ccsctl and runs it, as a person would, each
// world with a sandbox, a configuration and folders of its own. It knows how
// the program is called and killed; what that proves is its callers' business.
package program

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/functions/bundle"
)

// Program is a built ccsctl.
type Program struct {
	Path string
	// Built is the command that makes one like it.
	Built string
}

// zips are where a release has the functions, by architecture.
var zips = map[string]string{
	bundle.ARM64: "internal/functions/bundle/zips/bootstrap-arm64.zip",
	bundle.X86:   "internal/functions/bundle/zips/bootstrap-amd64.zip",
}

// compilerFlags are those of a release; the Makefile says why.
func compilerFlags() []string {
	const sdk = "github.com/aws/aws-sdk-go-v2/service"
	return []string{
		"-gcflags=" + sdk + "/...=-l", "-gcflags=" + sdk + "/kinesis/...=", "-gcflags=" + sdk + "/sqs/...=",
		"-gcflags=github.com/hashicorp/...=-l", "-gcflags=github.com/zclconf/...=-l",
	}
}

// Build builds the program into dir as a release is built, the functions in it.
// It must run within the module.
func Build(ctx context.Context, dir string) (Program, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return Program{}, fmt.Errorf("find the module: %w", err)
	}
	root := strings.TrimSpace(string(out))
	overlay, err := carry(ctx, root, dir)
	if err != nil {
		return Program{}, err
	}
	p := Program{Path: filepath.Join(dir, "ccsctl"), Built: "make build"}
	args := append([]string{"build", "-overlay", overlay, "-tags", "release", "-trimpath", "-ldflags", "-s -w", "-o", p.Path}, compilerFlags()...)
	c := exec.CommandContext(ctx, "go", append(args, ".")...)
	c.Dir = root
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return Program{}, fmt.Errorf("build: %w\n%s", err, out)
	}
	return p, nil
}

// carry puts the functions' zips where the build finds them without touching
// the source, and returns the overlay that says so.
func carry(ctx context.Context, root, dir string) (overlay string, err error) {
	replace := map[string]string{}
	for arch, at := range zips {
		code, err := bundle.Find(ctx, bundle.Options{Arch: arch, Cache: os.Getenv("CCSCTL_CACHE_DIR")})
		if err != nil {
			return "", err
		}
		file := filepath.Join(dir, arch+".zip")
		if err := os.WriteFile(file, code.Zip, 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, filepath.FromSlash(at))] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o600)
}

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

// World is where the program runs: a folder with the configuration, and one for
// the sandbox's runtime file.
type World struct {
	Dir     string // where streaming.tf is
	Sandbox string // the value of CCSCTL_SANDBOX_DIR
	program Program
}

// NewWorld makes a world in a new folder below dir.
func (p Program) NewWorld(dir string) (World, error) {
	dir, err := os.MkdirTemp(dir, "world")
	if err != nil {
		return World{}, err
	}
	w := World{Dir: dir, Sandbox: filepath.Join(dir, "sandbox"), program: p}
	return w, errors.Join(
		os.Mkdir(w.Sandbox, 0o700),
		os.WriteFile(filepath.Join(dir, "streaming.tf"), []byte(module), 0o600))
}

// Result is how one run ended.
type Result struct {
	Stdout, Stderr string
	Code           int // -1 when it was killed
	Elapsed        time.Duration
}

// Command is the program with the given arguments, not yet started.
func (w World) Command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, w.program.Path, args...)
	c.Dir = w.Dir
	c.Env = append(os.Environ(), "CCSCTL_SANDBOX_DIR="+w.Sandbox, "NO_COLOR=1")
	return c
}

// Run runs the program to its end. An exit code is no error.
func (w World) Run(ctx context.Context, args ...string) (Result, error) {
	run, err := w.Start(ctx, args...)
	if err != nil {
		return Result{}, err
	}
	return run.Wait()
}

// Want runs the program to its end, which must be exit code 0.
func (w World) Want(ctx context.Context, args ...string) (Result, error) {
	r, err := w.Run(ctx, args...)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("ccsctl %s: exit code %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r, err
}

// Running is a run under way.
type Running struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	started        time.Time
	ended          chan error
}

// Start begins a run. Wait must be called.
func (w World) Start(ctx context.Context, args ...string) (*Running, error) {
	r := &Running{cmd: w.Command(ctx, args...), started: time.Now(), ended: make(chan error, 1)}
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { r.ended <- r.cmd.Wait() }()
	return r, nil
}

// PID is the run's process.
func (r *Running) PID() int { return r.cmd.Process.Pid }

// Kill ends the run as a crash would: with no chance to clean up.
func (r *Running) Kill() error {
	err := r.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Ended reports without waiting whether the run has ended.
func (r *Running) Ended() bool { return len(r.ended) > 0 }

// Wait waits for the run's end.
func (r *Running) Wait() (Result, error) {
	err := <-r.ended
	res := Result{Stdout: r.stdout.String(), Stderr: r.stderr.String(), Code: r.cmd.ProcessState.ExitCode(), Elapsed: time.Since(r.started)}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = nil
	}
	return res, err
}
