package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/aws/connect"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/daemon"
)

type sandboxOptions struct {
	timing string
	addr   string
	limits bool
}

func (o *sandboxOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.timing, "timing", "", "how long things take: instant, fast (the default) or aws")
	f.StringVar(&o.addr, "addr", "", "listen on this loopback `address` (127.0.0.1 and any free port by default)")
	f.BoolVar(&o.limits, "limits", false, "refuse calls beyond AWS's documented rates, as timing aws does")
}

func (o sandboxOptions) daemon(region string) daemon.Options {
	return daemon.Options{Addr: o.addr, Timing: o.timing, Region: region, Limits: o.limits, Version: version()}
}

func newSandbox(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Run the local AWS by hand",
		Long: `The sandbox is a local AWS for exactly what the pipeline uses. It listens on
loopback only and forgets everything when it stops. --sandbox on any other
command finds the running one, or starts one in the background.

Any AWS client can use it:

  export AWS_ENDPOINT_URL=$(ccsctl sandbox start -o plain | cut -f1)
  export AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox
  aws kinesis describe-stream-summary --stream-name ccs-prod-telemetry`,
		Example: "  ccsctl sandbox start --timing aws\n  ccsctl sandbox status\n  ccsctl sandbox stop",
		Args:    subcommand,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newSandboxStart(e), newSandboxStop(e), newSandboxStatus(e), newSandboxFault(e), newSandboxServe(e))
	return c
}

// sandboxView is a running sandbox.
type sandboxView struct{ daemon.Info }

func (v sandboxView) Header() []string {
	return []string{"url", "timing", "region", "account", "pid", "up for", "memory"}
}

func (v sandboxView) Rows() [][]string {
	return [][]string{{
		v.URL, v.Timing, v.Region, v.Account, fmt.Sprint(v.PID),
		time.Since(v.Started).Round(time.Second).String(), fmt.Sprintf("%.1f MiB", float64(v.Memory)/(1<<20)),
	}}
}

func newSandboxStart(e *env) *cobra.Command {
	var (
		o      sandboxOptions
		faults []string
	)
	c := &cobra.Command{
		Use:   "start",
		Short: "Start the sandbox in the background, or say where it runs",
		Long: `Starts a sandbox in the background unless one runs already, and prints where it
listens. One that runs with other settings is left alone: stop it first.`,
		Example: "  ccsctl sandbox start\n  ccsctl sandbox start --timing aws --addr 127.0.0.1:4566\n  ccsctl sandbox start --fault latency=50ms",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := parseFaults(faults); err != nil {
				return err
			}
			info, err := startSandbox(c.Context(), o.daemon(e.flags.region))
			if err != nil {
				return err
			}
			for _, spec := range faults {
				if _, err := addFault(c.Context(), info.URL, spec); err != nil {
					return err
				}
			}
			return e.console.Print(sandboxView{info})
		},
	}
	o.flags(c.Flags())
	c.Flags().StringArrayVar(&faults, "fault", nil, "have this go wrong, as 'ccsctl sandbox fault add' takes it; repeatable `spec`")
	return c
}

// startSandbox finds the running sandbox or starts one. One that differs from
// what was asked for is an error: its state is somebody's work.
func startSandbox(ctx context.Context, o daemon.Options) (daemon.Info, error) {
	info, err := daemon.Start(ctx, o)
	if err != nil {
		return info, fmt.Errorf("sandbox: %w", err)
	}
	if info.Mismatch != "" {
		return info, fault.As(fault.Usage, fmt.Errorf("sandbox: one runs at %s with %s", info.URL, info.Mismatch),
			"'ccsctl sandbox stop' ends it and all that is in it; or ask for what it is")
	}
	return info, nil
}

func newSandboxStop(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "stop",
		Short:   "Stop the sandbox and forget all that is in it",
		Long:    "Stops the running sandbox. It holds its state in memory: all of it is gone.",
		Example: "  ccsctl sandbox stop",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			stopped, err := daemon.Stop(c.Context(), daemon.Dir())
			if err != nil {
				return fmt.Errorf("sandbox: %w", err)
			}
			if stopped {
				e.console.Notef("the sandbox is stopped")
			} else {
				e.console.Notef("no sandbox was running")
			}
			return forgetFiles()
		},
	}
}

func newSandboxStatus(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Say whether a sandbox runs, and where",
		Long:    "Prints the running sandbox. Exit codes: 0 one runs; 8 none does.",
		Example: "  ccsctl sandbox status -o json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			info, ok, err := daemon.Find(c.Context(), daemon.Dir())
			if err != nil {
				return fmt.Errorf("sandbox: %w", err)
			}
			if !ok {
				return fault.As(fault.Pending, errors.New("no sandbox is running"), "'ccsctl sandbox start' starts one, and so does --sandbox")
			}
			return e.console.Print(sandboxView{info})
		},
	}
}

// newSandboxServe is the process that start leaves behind.
func newSandboxServe(e *env) *cobra.Command {
	var o sandboxOptions
	c := &cobra.Command{
		Use:    "serve",
		Short:  "Serve a sandbox in the foreground",
		Long:   "Serves a sandbox until it is interrupted or told to stop.",
		Hidden: true,
		Args:   noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d := o.daemon(e.flags.region)
			d.Ready = func(i daemon.Info) { e.console.Notef("the sandbox listens on %s", i.URL) }
			return daemon.Serve(c.Context(), d)
		},
	}
	o.flags(c.Flags())
	return c
}

// sandboxEndpoint is where the sandbox of --sandbox answers, started when it
// does not run.
func (e *env) sandboxEndpoint(ctx context.Context) (*connect.SandboxEndpoint, error) {
	_, ran, err := daemon.Find(ctx, daemon.Dir())
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	info, err := startSandbox(ctx, daemon.Options{Region: e.flags.region})
	if err != nil {
		return nil, err
	}
	if !ran {
		e.console.Notef("started a sandbox at %s; 'ccsctl sandbox stop' ends it", info.URL)
	}
	return &connect.SandboxEndpoint{URL: info.URL, Region: info.Region, Account: info.Account, Timing: info.Timing}, nil
}

// isSandbox says whether an account is the one that every sandbox pretends to
// be, which no AWS account has the number of.
func isSandbox(account string) bool { return account == sandbox.Account }

// countCalls returns what says, with -v, how many calls the sandbox has counted
// meanwhile: its word, not ours.
func (e *env) countCalls(ctx context.Context, t *target) func() {
	if !t.inSandbox() || e.flags.verbose == 0 {
		return func() {}
	}
	before, err := sandboxCalls(ctx, t.sandbox.URL)
	return func() {
		after, err2 := sandboxCalls(ctx, t.sandbox.URL)
		if err := errors.Join(err, err2); err != nil {
			e.console.Warnf("ask the sandbox for its count of calls: %v", err)
			return
		}
		e.console.Verbosef("the sandbox counted %d calls in this run, %d of them mutating", after.Total-before.Total, after.Mutating-before.Mutating)
	}
}

func sandboxCalls(ctx context.Context, url string) (sandbox.CallCounts, error) {
	var counts sandbox.CallCounts
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+sandbox.ControlCalls, nil)
	if err != nil {
		return counts, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return counts, err
	}
	defer res.Body.Close()
	return counts, json.NewDecoder(res.Body).Decode(&counts)
}

// memory is where the files are written down that the sandbox's pipeline was
// built from, beside the sandbox's own runtime file. It is a convenience of the
// sandbox alone: on AWS the configuration is always named or found.
func memory() string { return filepath.Join(daemon.Dir(), "configuration.json") }

// rememberFiles writes down the configuration of a pipeline that is about to be
// built. It is worth no error: who names the files does not need it.
func rememberFiles(files []string) {
	var absolute []string
	for _, f := range files {
		abs, err := filepath.Abs(f)
		if err != nil {
			return
		}
		absolute = append(absolute, abs)
	}
	if text, err := json.Marshal(absolute); err == nil {
		_ = os.WriteFile(memory(), text, 0o600)
	}
}

// rememberedFiles are the files last written down, none when there are none.
func rememberedFiles() []string {
	text, err := os.ReadFile(memory())
	if err != nil {
		return nil
	}
	var files []string
	_ = json.Unmarshal(text, &files)
	return files
}

func forgetFiles() error {
	if err := os.Remove(memory()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
