package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// cliParallel is how many AWS CLIs run at a time: each takes a core for most of
// a second to start.
const cliParallel = 3

// cliPatience bounds one call, on a machine that is busy.
const cliPatience = 30 * time.Second

// checkClients brings the pipeline up in the sandbox and lets the AWS CLI and
// boto3 look at it, and be refused.
func checkClients(ctx context.Context, w *world) error {
	run := &programRun{world: w}
	up := run.says(ctx, `done: \d+ changed`, "up", "--yes")
	w.check("up", up)
	if up != nil {
		for _, name := range clientChecks(w.host)[1:] {
			w.skip(name, "there is no pipeline")
		}
		return nil
	}
	cli(ctx, w)
	boto(ctx, w)
	return nil
}

func clientChecks(*host) []string {
	names := []string{"up"}
	for _, c := range cliCalls() {
		names = append(names, c.name())
	}
	return append(names, botoCheck)
}

func cli(ctx context.Context, w *world) {
	calls := cliCalls()
	results := make([]error, len(calls))
	slots := make(chan struct{}, cliParallel)
	var wg sync.WaitGroup
	for i, c := range calls {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results[i] = c.run(ctx, w.host)
		})
	}
	wg.Wait()
	for i, c := range calls {
		w.unless(c.name(), results[i])
	}
}

func (c cliCall) name() string { return "aws " + c.command }

func (c cliCall) run(ctx context.Context, h *host) error {
	program := h.python("aws")
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("the AWS CLI: %w", errAbsent)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cliPatience, fmt.Errorf("took longer than %s", cliPatience))
	defer cancel()
	// The CLI of the first generation does not look at the variable for SQS.
	args := append([]string{"--endpoint-url", os.Getenv(endpointVariable)}, strings.Fields(c.command)...)
	if c.query != "" {
		args = append(args, "--query", c.query, "--output", "text")
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = h.state, nowhereElse()
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	text := strings.TrimSpace(out.String())
	if c.refused != "" {
		if err == nil || !strings.Contains(errs.String(), c.refused) {
			return fmt.Errorf("want a refusal with %q, got %q %q", c.refused, text, errs.String())
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, errs.String())
	}
	if !regexp.MustCompile("^(?:" + c.want + ")$").MatchString(text) {
		return fmt.Errorf("got %q, want %q", text, c.want)
	}
	return nil
}

// nowhereElse is an environment that leads to this machine only: a client that
// overlooks the endpoint ends at a proxy that is not there, not at AWS.
func nowhereElse() []string {
	const nothing = "http://127.0.0.1:9"
	return append(os.Environ(), "HTTP_PROXY="+nothing, "HTTPS_PROXY="+nothing, "http_proxy="+nothing, "https_proxy="+nothing,
		"NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
}

const botoCheck = "boto3"

func boto(ctx context.Context, w *world) {
	err := w.script(ctx, 2*cliPatience, func(name string, failure error) { w.check("boto3 "+name, failure) }, "boto.py")
	w.unless(botoCheck, err)
}

// script runs one of the Python scripts and gives note what it prints: for each
// of its checks a line with its name, then a tab and what failed, if anything
// did. The failure is the script's own, errAbsent without a Python to run it.
func (w *world) script(ctx context.Context, patience time.Duration, note func(name string, failure error), args ...string) error {
	program := w.host.python("python")
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("boto3: %w", errAbsent)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("took longer than %s", patience))
	defer cancel()
	args[0] = filepath.Join(w.host.assets, args[0])
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = nowhereElse()
	out, err := cmd.Output()
	for line := range strings.Lines(string(out)) {
		name, problem, failed := strings.Cut(strings.TrimSpace(line), "\t")
		var failure error
		if failed {
			failure = errors.New(problem)
		}
		note(name, failure)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, stderr(err))
	}
	return nil
}
