package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/connect"
)

// A profile is one set of endpoints and what is checked there. Each starts
// servers of its own.
type profile struct {
	name string
	// serve says who serves what: an emulator by the name that the SDK's
	// endpoint variable has for the service; "" is all others.
	serve map[string]string
	check func(ctx context.Context, w *world) error
	// planned are the names of the checks, for when none can be made.
	planned func(*host) []string
	// patience bounds the whole profile.
	patience time.Duration
}

// profiles are all that is run, in order.
func profiles() []profile {
	const ours, kinesisLocal = "sandbox", "kinesis-local"
	resources := func(name string, serve map[string]string, only ...string) profile {
		return profile{name: name, serve: serve, check: checkResources(only), planned: resourceChecks(only), patience: 3 * time.Minute}
	}
	pipeline := func(name string, serve map[string]string, standIns ...standIn) profile {
		return profile{name: name + " pipeline", serve: serve, check: checkPipeline(standIns), planned: func(*host) []string { return pipelineChecks }, patience: 3 * time.Minute}
	}
	deadLetters := func(name string, serve map[string]string) profile {
		return profile{name: name + " dead letters", serve: serve, check: checkDeadLetters, planned: func(*host) []string { return deadLetterChecks }, patience: 3 * time.Minute}
	}
	// Each server that is looked at serves all that it is asked for by itself.
	behaviours := func(server string, services ...string) profile {
		return profile{name: server + " behaviours", serve: map[string]string{"": server}, check: checkBehaviours(services), planned: behaviourChecks(services), patience: 3 * time.Minute}
	}
	all := map[string]string{"": ours}
	return []profile{
		resources("sandbox", all),
		pipeline("sandbox", all),

		// The sandbox serves what moto can't, which the two narrow profiles
		// after it hold moto to: without the key's policy no role can be
		// planned, and without CloudWatch nothing can.
		resources("moto", map[string]string{"": "moto", "CLOUDWATCH": ours, "KMS": ours}),
		resources("moto kms", map[string]string{"": "moto"}, "key"),
		resources("moto cloudwatch", map[string]string{"": "moto"}, "alarm/iterator-age"),

		resources(kinesisLocal, map[string]string{"": ours, "KINESIS": kinesisLocal}, "key", "stream"),
		pipeline(kinesisLocal, map[string]string{"": ours, "KINESIS": kinesisLocal}, standIn{ours, streamStandIn}),

		resources("fauxqs", map[string]string{"": ours, "SQS": "fauxqs", "SNS": "fauxqs"}, "key", "queue", "topic"),
		pipeline("fauxqs", map[string]string{"": ours, "SQS": "fauxqs", "SNS": "fauxqs"}, standIn{ours, queueStandIns}),

		// As little of ours as a whole pipeline can do with.
		pipeline("moto, kinesis-local, fauxqs", map[string]string{"": "moto", "KINESIS": kinesisLocal, "SQS": "fauxqs", "CLOUDWATCH": ours, "KMS": ours},
			standIn{"moto", streamStandIn}, standIn{"moto", queueStandIns}),

		deadLetters("sandbox", all),
		deadLetters("moto", map[string]string{"": "moto", "CLOUDWATCH": ours, "KMS": ours}),

		{name: "clients", serve: all, check: checkClients, planned: clientChecks, patience: 3 * time.Minute},

		behaviours(ours),
		behaviours("moto"),
		behaviours(kinesisLocal, "kinesis"),
		behaviours("fauxqs", "sqs", "sqs fifo", "sns"),

		{name: "lake", check: checkLake, planned: func(*host) []string { return []string{lakeCheck} }, patience: 3 * time.Minute},
	}
}

// world is what a profile's checks run against.
type world struct {
	*report
	host    *host
	profile string
	servers map[string]*server
}

// run starts the profile's servers, checks, and stops them.
func (p profile) run(ctx context.Context, h *host, r *report) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.patience, fmt.Errorf("took longer than %s", p.patience))
	defer cancel()
	began := time.Now()
	w := &world{report: r, host: h, profile: p.name, servers: map[string]*server{}}
	defer w.stop()
	if err := w.start(ctx, p.serve); err != nil {
		for _, name := range p.planned(h) {
			w.unless(name, err)
		}
		return
	}
	fmt.Fprintf(r.out, "\n%s: %s\n", p.name, w.where(p.serve))
	for _, name := range slices.Sorted(maps.Keys(w.servers)) {
		if runtime.GOOS != "linux" {
			w.skip("listens on loopback only/"+name, "only Linux tells")
			continue
		}
		w.check("listens on loopback only/"+name, w.servers[name].loopbackOnly())
	}
	if err := p.check(ctx, w); err != nil {
		w.check("the profile itself", err)
	}
	fmt.Fprintf(r.out, "%s: %.1f s\n", p.name, time.Since(began).Seconds())
}

// check is the report's, under the profile's name.
func (w *world) check(name string, err error) { w.report.check(w.profile+": "+name, err) }

func (w *world) skip(name, why string) { w.report.skip(w.profile+": "+name, why) }

// unless skips what could not be tried because something is not installed, and
// fails it for anything else.
func (w *world) unless(name string, err error) {
	if errors.Is(err, errAbsent) {
		w.skip(name, err.Error())
		return
	}
	w.check(name, err)
}

// start starts every server that is named and points the SDK's variables at
// them, in this process and in those it starts.
func (w *world) start(ctx context.Context, serve map[string]string) error {
	forgetEndpoints()
	for _, name := range serve {
		if w.servers[name] != nil {
			continue
		}
		s, err := w.host.start(ctx, name)
		if err != nil {
			return err
		}
		w.servers[name] = s
	}
	for service, name := range serve {
		if err := os.Setenv(variable(service), w.servers[name].url); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) stop() {
	for _, s := range w.servers {
		s.stop()
	}
	forgetEndpoints()
}

func (w *world) where(serve map[string]string) string {
	var parts []string
	for _, service := range slices.Sorted(maps.Keys(serve)) {
		parts = append(parts, fmt.Sprintf("%s=%s", variable(service), serve[service]))
	}
	return strings.Join(parts, " ")
}

// session is what ccsctl itself would open.
func (w *world) session(ctx context.Context) (connect.Session, error) {
	return connect.Open(ctx, connect.Options{ExpectAccount: account, Version: "compat"})
}

const endpointVariable = "AWS_ENDPOINT_URL"

func variable(service string) string {
	if service == "" {
		return endpointVariable
	}
	return endpointVariable + "_" + service
}

func forgetEndpoints() { unset(endpointVariable) }

// forgetEnvironment removes whatever would lead to an account, or make this
// run differ from the next machine's.
func forgetEnvironment() {
	unset("AWS_", "CCSCTL_", "KINESIS_MOCK_", "FAUXQS_", "MOTO_", "PYTHONPATH", "NODE_OPTIONS")
}

func unset(prefixes ...string) {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			_ = os.Unsetenv(name) // can't fail for a name that is there
		}
	}
}
