package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/fault"
)

// env is what the commands share. What costs something is made when it is
// first asked for.
type env struct {
	hard    context.Context              // ends at the second Ctrl-C
	soft    context.Context              // ends at the first, and when --timeout is over
	say     atomic.Pointer[func(string)] // where to say something while changes are made
	flags   globalFlags
	console *console.Console
	loaded  *config.Config
}

type globalFlags struct {
	files         []string
	environment   string
	profile       string
	region        string
	endpointURL   string
	sandbox       bool
	expectAccount string
	output        string
	yes           bool
	noInput       bool
	timeout       time.Duration
	verbose       int
	quiet         bool
	noColor       bool
	kmsKeyID      string
	set           []string
}

func (g *globalFlags) flags(f *pflag.FlagSet) {
	f.StringArrayVarP(&g.files, "config", "c", nil, "read this configuration `file` (yaml, json, toml, tf, tfvars); repeat to lay one over another")
	f.StringVarP(&g.environment, "environment", "e", "", "use this `environment` of the configuration")
	f.StringVar(&g.profile, "profile", "", "use this AWS `profile`")
	f.StringVar(&g.region, "region", "", "use this AWS `region`")
	f.StringVar(&g.endpointURL, "endpoint-url", "", "send every AWS request to this `url`")
	f.BoolVar(&g.sandbox, "sandbox", false, "use the local sandbox; it is started when it does not run")
	f.StringVar(&g.expectAccount, "expect-account", "", "refuse to work in any other AWS `account`")
	f.StringVarP(&g.output, "output", "o", "", "print results as `form`: table, plain, json or ndjson")
	f.BoolVar(&g.yes, "yes", false, "answer yes to every question that --yes may answer")
	f.BoolVar(&g.noInput, "no-input", false, "never ask; fail instead")
	f.DurationVar(&g.timeout, "timeout", 0, "give up after this `time` (no limit by default)")
	f.CountVarP(&g.verbose, "verbose", "v", "say more; twice for every AWS call, with its time and what it was for")
	f.BoolVarP(&g.quiet, "quiet", "q", false, "print results and errors only")
	f.BoolVar(&g.noColor, "no-color", false, "no colours")
	f.StringVar(&g.kmsKeyID, "kms-key-id", "", "encrypt with this KMS `key` (id, ARN or alias) in place of a key of ccsctl's own")
	f.StringArrayVar(&g.set, "set", nil, "set one configuration `key=value` over all files; repeatable")
}

func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "ccsctl",
		Short: "Operate the CCS streaming pipeline",
		Long: `ccsctl builds the CCS streaming pipeline on AWS, shows it, and takes it down
without leaving anything behind. Every command works with --sandbox: a local
AWS endpoint in this same program, no account needed.`,
		Example: `  ccsctl up --sandbox --yes -c streaming.tf     build the whole pipeline in a sandbox
  ccsctl plan -c streaming.tf                   what would change, call by call
  ccsctl status -c streaming.tf                 what is there, drifted or broken
  ccsctl down --sandbox -c streaming.tf         take it down again`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              subcommand,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return e.prepare(c) },
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	e.flags.flags(root.PersistentFlags())
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fault.As(fault.Usage, err, fmt.Sprintf("see '%s --help'", c.CommandPath()))
	})
	root.AddGroup(&cobra.Group{ID: "pipeline", Title: "The pipeline:"}, &cobra.Group{ID: "around", Title: "Around it:"})
	for _, c := range []*cobra.Command{newPlan(e), newUp(e), newStatus(e), newWatch(e), newProbe(e), newDLQ(e), newScale(e), newAlert(e), newTraffic(e), newDown(e)} {
		c.GroupID = "pipeline"
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{newDemo(e), newSandbox(e), newConfig(e), newVersion(e)} {
		c.GroupID = "around"
		root.AddCommand(c)
	}
	root.AddCommand(newExitCodes(), newFilters())
	root.SetCompletionCommandGroupID("around")
	root.SetHelpCommand(newHelp())
	plainSwitches(root)
	return root
}

// prepare runs before every command: variables that stand for flags, the
// console, the time limit.
func (e *env) prepare(c *cobra.Command) error {
	endpoint := c.Flags().Changed("endpoint-url") // on the command line, not by a variable
	if err := e.flagsFromEnvironment(c.Flags()); err != nil {
		return err
	}
	if endpoint && e.flags.sandbox {
		return fault.As(fault.Usage, errors.New("--sandbox and --endpoint-url name two places"), "give one of them")
	}
	format, err := console.ParseFormat(e.flags.output)
	if err != nil {
		return err
	}
	e.console = e.newConsole(format)
	switch limit := e.flags.timeout; {
	case limit < 0:
		return fault.As(fault.Usage, fmt.Errorf("--timeout %v is less than nothing", limit), "leave it out for no limit")
	case limit > 0:
		ctx, cancel := context.WithTimeoutCause(c.Context(), limit, &timeoutError{limit})
		context.AfterFunc(e.hard, cancel) // the process ends with the command
		// A call in flight is finished, unless it never is.
		hard, kill := context.WithCancelCause(e.hard)
		context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { kill(context.Cause(ctx)) }) })
		e.hard, e.soft = hard, ctx
		c.SetContext(ctx)
	}
	return nil
}

// grace is how long a call in flight may still take when --timeout is over.
const grace = 10 * time.Second

func (e *env) newConsole(f console.Format) *console.Console {
	return console.New(console.Options{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Format: f, NoColor: e.flags.noColor,
		Quiet: e.flags.quiet, Verbose: e.flags.verbose, NoInput: e.flags.noInput, Yes: e.flags.yes,
	})
}

// flagVariables are the CCSCTL_* variables that stand for flags of the same
// name. Flags that are configuration keys are left to package config.
var flagVariables = map[string]string{
	"config": "CCSCTL_CONFIG", "profile": "CCSCTL_PROFILE", "region": "CCSCTL_REGION", "endpoint-url": "CCSCTL_ENDPOINT_URL",
	"sandbox": "CCSCTL_SANDBOX", "expect-account": "CCSCTL_EXPECT_ACCOUNT", "output": "CCSCTL_OUTPUT", "yes": "CCSCTL_YES",
	"no-input": "CCSCTL_NO_INPUT", "timeout": "CCSCTL_TIMEOUT", "verbose": "CCSCTL_VERBOSE", "quiet": "CCSCTL_QUIET", "no-color": "CCSCTL_NO_COLOR",
}

func (e *env) flagsFromEnvironment(f *pflag.FlagSet) error {
	var errs []error
	for name, variable := range flagVariables {
		value := os.Getenv(variable)
		if flag := f.Lookup(name); value == "" || flag == nil || flag.Changed {
			continue
		}
		if err := f.Set(name, value); err != nil {
			errs = append(errs, fault.Usagef("%s: %w", variable, err))
		}
	}
	return errors.Join(errs...)
}

// config loads the configuration once and prints its notes.
func (e *env) config() (*config.Config, error) {
	if e.loaded != nil {
		return e.loaded, nil
	}
	var overrides []config.Override
	if e.flags.kmsKeyID != "" {
		overrides = append(overrides, config.Override{Key: "kms_key_id", Value: e.flags.kmsKeyID, Flag: "--kms-key-id"})
	}
	for _, pair := range e.flags.set {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fault.Usagef("--set %s: want key=value", strconv.Quote(pair))
		}
		overrides = append(overrides, config.Override{Key: key, Value: value, Flag: "--set " + key})
	}
	source := config.Source{Files: e.flags.files, Environment: e.flags.environment, Env: os.Environ(), Overrides: overrides}
	c, err := config.Load(source)
	if e.flags.sandbox && errors.Is(err, config.ErrNoFile) {
		if source.Files = rememberedFiles(); len(source.Files) > 0 {
			e.console.Notef("no configuration file is named or found: taking %s, which this sandbox was built from", strings.Join(source.Files, ", "))
			c, err = config.Load(source)
		}
	}
	if err != nil {
		return nil, err
	}
	for _, note := range c.Notes {
		e.console.Notef("%s", note)
	}
	e.loaded = c
	return c, nil
}

// Root is the command tree, for what is generated from it.
func Root() *cobra.Command {
	root := newRoot(&env{})
	root.InitDefaultCompletionCmd()
	return root
}
