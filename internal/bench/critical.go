package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/bench/program"
	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/functions/bundle"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

// hop is one resource on the critical path and its calls one after another.
type hop struct {
	id     resource.ID
	rounds int
}

// timed is an 'up' with a latency added to every call.
type timed struct {
	elapsed  time.Duration
	critical time.Duration // of its own call graph: nothing can be quicker
	identity int           // rounds before anything is read
	read     hop           // the resource whose reading takes the most rounds
	path     []hop         // through what is changed
	calls    int
}

func (t timed) ratio() float64 { return float64(t.elapsed) / float64(t.critical) }

func (t timed) rounds() int {
	n := t.identity + t.read.rounds
	for _, h := range t.path {
		n += h.rounds
	}
	return n
}

func (t timed) String() string {
	parts := make([]string, 0, len(t.path)+2)
	parts = append(parts, fmt.Sprintf("identity %d", t.identity), fmt.Sprintf("read %s %d", t.read.id, t.read.rounds))
	for _, h := range t.path {
		parts = append(parts, fmt.Sprintf("%s %d", h.id, h.rounds))
	}
	return strings.Join(parts, " -> ")
}

// upWithLatency builds the whole pipeline in a fresh sandbox over loopback, in
// this process, so that every call's resource is known.
func upWithLatency(ctx context.Context, w program.World, latency time.Duration) (t timed, err error) {
	s, err := w.Serve(ctx, "instant")
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	c, err := config.Load(config.Source{Files: []string{filepath.Join(w.Dir, "streaming.tf")}})
	if err != nil {
		return t, err
	}
	const arch = bundle.ARM64 // nothing runs the functions here
	code, err := bundle.Find(ctx, bundle.Options{Arch: arch, Cache: os.Getenv("CCSCTL_CACHE_DIR")})
	if err != nil {
		return t, err
	}
	if err := s.Fault(ctx, sandbox.Fault{Latency: sandbox.Duration(latency)}); err != nil {
		return t, err
	}

	begin := time.Now()
	session, err := s.Session(ctx)
	if err != nil {
		return t, err
	}
	client, ok := session.Config.HTTPClient.(*http.Client)
	if !ok {
		return t, fmt.Errorf("an HTTP client of type %T", session.Config.HTTPClient)
	}
	defer client.CloseIdleConnections() // or the sandbox waits for them at its end
	calls := &recorder{next: client.Transport}
	client.Transport = calls
	known := time.Now()
	pl, err := plan.Compute(ctx, pipeline.New(pipeline.Settings{
		Config: c, AWS: session.Config, Account: session.Account, Region: session.Region, Partition: session.Partition,
		Architecture: arch, Code: func(context.Context) ([]byte, string, error) { return code.Zip, code.SHA256, nil },
	}).Graph())
	if err != nil {
		return t, err
	}
	read := time.Now()
	results, err := pl.Apply(ctx, plan.Options{Sort: apierr.Sort})
	if err != nil {
		return t, err
	}
	end := time.Now()
	for _, r := range results {
		err = errors.Join(err, r.Err)
	}
	if err != nil {
		return t, err
	}

	t = timed{elapsed: end.Sub(begin), identity: 1, calls: 1 + len(calls.calls)}
	for id, cs := range calls.between(known, read) {
		if n := rounds(cs); n > t.read.rounds || n == t.read.rounds && id.Compare(t.read.id) < 0 {
			t.read = hop{id, n}
		}
	}
	t.path = longest(pl, calls.between(read, end))
	t.critical = time.Duration(t.rounds()) * latency
	return t, nil
}

// longest is the path through what the plan's resources need that has the most
// rounds. The plan's items stand behind what they need.
func longest(p *plan.Plan, calls map[resource.ID][]call) []hop {
	type end struct {
		rounds int
		path   []hop
	}
	var best end
	ends := map[resource.ID]end{}
	for _, it := range p.Items {
		var before end
		for _, need := range p.Needs(it.ID) {
			if e := ends[need]; e.rounds > before.rounds {
				before = e
			}
		}
		h := hop{it.ID, rounds(calls[it.ID])}
		e := end{before.rounds + h.rounds, append(slices.Clone(before.path), h)}
		ends[it.ID] = e
		if e.rounds > best.rounds {
			best = e
		}
	}
	return best.path
}
