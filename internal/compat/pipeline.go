package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/resource"
)

// pipelineChecks are what the program itself goes through, in order. Each needs
// those before it.
var pipelineChecks = []string{"plan", "up", "up again", "drift", "up after drift", "no drift", "down", "nothing left"}

// commandPatience bounds one run of the program, but for the time to build the
// functions, which is paid once.
const commandPatience = 60 * time.Second

// standIn makes, at one server, what the profile has at another, for services
// that look their neighbours up: Lambda and Firehose refuse a stream or queue
// that they don't see. It has no tags, so it is nobody's and stays.
type standIn struct {
	at   string // the server's name
	make func(ctx context.Context, cfg aws.Config, url string) error
}

func checkPipeline(standIns []standIn) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		s, err := w.session(ctx)
		if err != nil {
			return err
		}
		for _, in := range standIns {
			if err := in.make(ctx, s.Config, w.servers[in.at].url); err != nil {
				return fmt.Errorf("a stand-in at %s: %w", in.at, err)
			}
		}
		run := &programRun{world: w, cfg: s.Config}
		steps := []func(context.Context) error{
			run.planCreates,
			func(ctx context.Context) error { return run.says(ctx, `done: \d+ changed, 0 unchanged`, "up", "--yes") },
			func(ctx context.Context) error {
				return run.says(ctx, `nothing to do: .*, 0 calls made`, "up", "--yes")
			},
			run.drift,
			func(ctx context.Context) error {
				return run.says(ctx, fmt.Sprintf(`done: %d changed`, len(drifts())), "up", "--yes")
			},
			func(ctx context.Context) error { return run.says(ctx, `no changes`, "plan", "--exit-code") },
			func(ctx context.Context) error { return run.says(ctx, `0 left`, "down", "--confirm=prod") },
			run.planCreates,
		}
		var failed string
		for i, name := range pipelineChecks {
			if failed != "" {
				w.skip(name, failed+" failed")
				continue
			}
			err := steps[i](ctx)
			w.check(name, err)
			if err != nil {
				failed = name
			}
		}
		return nil
	}
}

// programRun runs the program in one profile.
type programRun struct {
	*world
	cfg aws.Config
}

// ccsctl runs the program and wants an exit code.
func (p *programRun) ccsctl(ctx context.Context, code int, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, commandPatience, fmt.Errorf("took longer than %s", commandPatience))
	defer cancel()
	var out, errs strings.Builder
	c := exec.CommandContext(ctx, p.host.ccsctl(), append(args, "--no-input", "-c", p.host.file)...)
	c.Stdout, c.Stderr = &out, &errs
	err = c.Run()
	if cause := context.Cause(ctx); cause != nil {
		return "", "", cause
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = nil
		if exit.ExitCode() == code {
			return out.String(), errs.String(), nil
		}
	}
	if got := c.ProcessState.ExitCode(); err == nil && got != code {
		err = fmt.Errorf("ccsctl %s: exit code %d, want %d: %s %s", args[0], got, code, summary(out.String()), failures(errs.String()))
	}
	return out.String(), errs.String(), err
}

// failures are the lines of stderr that tell what went wrong.
func failures(stderr string) string {
	var lines []string
	for line := range strings.Lines(stderr) {
		if strings.Contains(line, "error:") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, " ")
}

// summary is what the program's result says beyond what went well.
func summary(stdout string) string {
	var lines []string
	for line := range strings.Lines(stdout) {
		if !strings.Contains(line, "\tdone\t") && !strings.Contains(line, "\tunchanged\t") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, " ")
}

// says wants success and a line that matches.
func (p *programRun) says(ctx context.Context, pattern string, args ...string) error {
	stdout, stderr, err := p.ccsctl(ctx, 0, args...)
	if err != nil {
		return err
	}
	if !regexp.MustCompile(pattern).MatchString(stdout + stderr) {
		return fmt.Errorf("ccsctl %s says nothing like %q: %s %s", args[0], pattern, summary(stdout), stderr)
	}
	return nil
}

// pendingItem is one resource of the program's plan, as it prints it.
type pendingItem struct {
	ID         string               `json:"resource"` // kind/name
	Action     resource.Action      `json:"action"`
	Attributes []resource.Attribute `json:"attributes"`
}

// pending is the program's plan as data, which must have changes.
func (p *programRun) pending(ctx context.Context) ([]pendingItem, error) {
	stdout, _, err := p.ccsctl(ctx, 8, "plan", "--exit-code", "-o", "json")
	if err != nil {
		return nil, err
	}
	var view struct {
		Resources []pendingItem `json:"resources"`
	}
	err = json.Unmarshal([]byte(stdout), &view)
	return view.Resources, err
}

// planCreates wants a plan that makes everything, the one before the first up
// and after the last down.
func (p *programRun) planCreates(ctx context.Context) error {
	items, err := p.pending(ctx)
	if err != nil {
		return err
	}
	order, _ := (&trial{world: p.world}).resources()
	if len(items) != len(order) {
		return fmt.Errorf("the plan has %d resources, the pipeline %d", len(items), len(order))
	}
	for _, it := range items {
		if it.Action != resource.Create {
			return fmt.Errorf("%s is to be made, but the plan is to %s it: %v", it.ID, it.Action, it.Attributes)
		}
	}
	return nil
}

// drift changes one attribute of one resource of every kind, and wants the plan
// to show exactly these.
func (p *programRun) drift(ctx context.Context) error {
	order, _ := (&trial{world: p.world}).resources()
	want := map[string]string{}
	for kind, d := range drifts() {
		i := slices.IndexFunc(order, func(r resource.Resource) bool { return r.ID().Kind == kind })
		if i < 0 {
			return fmt.Errorf("the pipeline has no %s", kind)
		}
		id := order[i].ID()
		if err := d.make(ctx, p.cfg, id.Name); err != nil {
			return fmt.Errorf("change %s of %s behind its back: %w", d.attribute, id, err)
		}
		want[id.String()] = d.attribute
	}
	items, err := p.pending(ctx)
	if err != nil {
		return err
	}
	got := map[string]string{}
	for _, it := range items {
		if it.Action != resource.None {
			got[it.ID] = strings.Join(attributes(it.Attributes), ",")
		}
	}
	if !maps.Equal(got, want) {
		return fmt.Errorf("changed %v, and the plan shows %v", want, got)
	}
	return nil
}

// streamStandIn is a stream of the same name.
func streamStandIn(ctx context.Context, cfg aws.Config, url string) error {
	client := kinesis.NewFromConfig(cfg, func(o *kinesis.Options) { o.BaseEndpoint = &url })
	_, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String(base + "-telemetry"), ShardCount: aws.Int32(1)})
	return err
}

// queueStandIns are the queues that the functions read and report to.
func queueStandIns(ctx context.Context, cfg aws.Config, url string) error {
	client := sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.BaseEndpoint = &url })
	for _, name := range []string{"telemetry", "stream-failures", "emergency.fifo"} {
		in := &sqs.CreateQueueInput{QueueName: aws.String(base + "-" + name)}
		if strings.HasSuffix(name, ".fifo") {
			in.Attributes = map[string]string{"FifoQueue": "true"}
		}
		if _, err := client.CreateQueue(ctx, in); err != nil {
			return err
		}
	}
	return nil
}
