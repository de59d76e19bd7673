// Package resourcetest is one suite that every resource of the pipeline passes:
// from absent to present and back, every step twice, killed between any two
// steps, changed behind its back, and in the way of somebody else's.
package resourcetest

import (
	"context"
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/graph"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// Case is one resource under test.
type Case struct {
	// New is the resource as a new process would make it.
	New func(cfg aws.Config) resource.Resource
	// Setup makes what the resource needs; nil for nothing.
	Setup func(t *testing.T, cfg aws.Config)
	// Drift changes one managed attribute of the live thing through the SDK,
	// by the attribute's name in Change.Attributes.
	Drift map[string]func(t *testing.T, cfg aws.Config)
	// Foreign makes a thing of the same name that is not ours; nil where names
	// can't clash.
	Foreign func(t *testing.T, cfg aws.Config)
	// Immortal says that a removal does not make the thing absent (a KMS key
	// is only ever scheduled for deletion), so that what is left is not counted.
	Immortal bool
}

// Lifecycle runs the suite, in bubbles, at instant timing and at AWS's.
func Lifecycle(t *testing.T, c Case) {
	for _, timing := range []string{"instant", "aws"} {
		t.Run(timing, func(t *testing.T) {
			o := sandbox.Options{Timing: timing}
			run(t, "RoundTrip", func(t *testing.T) { c.roundTrip(t, o) })
			for _, name := range slices.Sorted(maps.Keys(c.Drift)) {
				run(t, "Drift/"+name, func(t *testing.T) { c.drift(t, o, name) })
			}
			run(t, "KilledCreating", func(t *testing.T) { c.killedCreating(t, o) })
			run(t, "KilledRemoving", func(t *testing.T) { c.killedRemoving(t, o) })
			if c.Foreign != nil {
				run(t, "Foreign", func(t *testing.T) { c.foreign(t, o) })
			}
		})
	}
}

func run(t *testing.T, name string, f func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func (c Case) world(t *testing.T, o sandbox.Options) (*sandbox.Sandbox, aws.Config) {
	t.Helper()
	s, cfg := sandboxtest.New(t, o)
	if c.Setup != nil {
		c.Setup(t, cfg)
	}
	s.Calls.Reset()
	return s, cfg
}

func (c Case) roundTrip(t *testing.T, o sandbox.Options) {
	s, cfg := c.world(t, o)
	expect(t, removal(t, c.New(cfg)), resource.None)
	create := diff(t, c.New(cfg))
	expect(t, create, resource.Create)
	if n := s.Calls.Mutating(); n != 0 {
		t.Errorf("reading made %d mutating calls", n)
	}

	r := c.New(cfg)
	mustApply(t, r, diff(t, r))
	if got, want := s.Calls.Mutating(), len(create.Calls()); o.Timing == "instant" && got != want {
		t.Errorf("made %d mutating calls, planned %d: %v", got, want, create.Calls())
	}
	settled(t, c.New(cfg))

	// A plan that is carried out twice, as when its answer got lost.
	mustApply(t, r, create)
	settled(t, c.New(cfg))

	r = c.New(cfg)
	gone := removal(t, r)
	expect(t, gone, resource.Delete)
	mustApply(t, r, gone)
	mustApply(t, r, gone)
	expect(t, removal(t, c.New(cfg)), resource.None)

	// And up again, through whatever AWS keeps of the name.
	r = c.New(cfg)
	again := diff(t, r)
	expect(t, again, resource.Create)
	mustApply(t, r, again)
	settled(t, c.New(cfg))
}

func (c Case) drift(t *testing.T, o sandbox.Options, name string) {
	_, cfg := c.world(t, o)
	r := c.New(cfg)
	mustApply(t, r, diff(t, r))
	c.Drift[name](t, cfg)

	r = c.New(cfg)
	found := diff(t, r)
	var names []string
	for _, a := range found.Attributes {
		names = append(names, a.Name)
	}
	if !cmp.Equal(names, []string{name}) {
		t.Errorf("the drift of %s shows as %v (%s)", name, found.Attributes, found.Action)
	}
	if found.Action != resource.Update && found.Action != resource.Replace {
		t.Errorf("the drift of %s gives %s", name, found.Action)
	}
	mustApply(t, r, found)
	settled(t, c.New(cfg))
}

func (c Case) killedCreating(t *testing.T, o sandbox.Options) {
	s, cfg := c.world(t, o)
	r := c.New(cfg)
	whole := diff(t, r)
	mustApply(t, r, whole)
	want := len(s.Tagged())

	for k := range whole.Steps {
		s, cfg := c.world(t, o)
		r := c.New(cfg)
		kill(t, r, diff(t, r), k)
		next := c.New(cfg)
		mustApply(t, next, diff(t, next))
		settled(t, c.New(cfg))
		if got := len(s.Tagged()); got != want {
			t.Errorf("killed after call %d: %d tagged things in the end, want %d", k+1, got, want)
		}
	}
}

func (c Case) killedRemoving(t *testing.T, o sandbox.Options) {
	_, cfg := c.world(t, o)
	r := c.New(cfg)
	mustApply(t, r, diff(t, r))
	steps := len(removal(t, r).Steps)

	for k := range steps {
		s, cfg := c.world(t, o)
		before := len(s.Tagged())
		r := c.New(cfg)
		mustApply(t, r, diff(t, r))
		r = c.New(cfg)
		kill(t, r, removal(t, r), k)
		next := c.New(cfg)
		mustApply(t, next, removal(t, next))
		expect(t, removal(t, c.New(cfg)), resource.None)
		if got := len(s.Tagged()); got != before && !c.Immortal {
			t.Errorf("killed after call %d: %d tagged things left", k+1, got-before)
		}
	}
}

func (c Case) foreign(t *testing.T, o sandbox.Options) {
	s, cfg := c.world(t, o)
	c.Foreign(t, cfg)
	s.Calls.Reset()
	expect(t, removal(t, c.New(cfg)), resource.Keep)
	r := c.New(cfg)
	conflict := diff(t, r)
	expect(t, conflict, resource.Conflict)
	if conflict.Reason == "" {
		t.Error("a conflict without a reason")
	}
	if n := s.Calls.Mutating(); n != 0 {
		t.Errorf("a conflict made %d mutating calls", n)
	}
	mustApply(t, r, conflict) // adopt
	settled(t, c.New(cfg))
	expect(t, removal(t, c.New(cfg)), resource.Delete)
}

func diff(t *testing.T, r resource.Resource) resource.Change {
	t.Helper()
	c, err := r.Diff(t.Context())
	if err != nil {
		t.Fatalf("Diff: %v", err)
	}
	return c
}

func removal(t *testing.T, r resource.Resource) resource.Change {
	t.Helper()
	c, err := r.Removal(t.Context())
	if err != nil {
		t.Fatalf("Removal: %v", err)
	}
	return c
}

func expect(t *testing.T, c resource.Change, want resource.Action) {
	t.Helper()
	if c.Action != want {
		t.Fatalf("got %s (%s) %v, want %s", c.Action, c.Reason, c.Attributes, want)
	}
}

// settled fails unless the live thing is as wanted and asks for no more calls.
func settled(t *testing.T, r resource.Resource) {
	t.Helper()
	c := diff(t, r)
	if c.Action != resource.None || len(c.Calls()) > 0 || len(c.Attributes) > 0 || c.Problem != "" {
		t.Fatalf("not settled: %s (%s) %v, calls %v, problem %q", c.Action, c.Reason, c.Attributes, c.Calls(), c.Problem)
	}
}

func mustApply(t *testing.T, r resource.Resource, c resource.Change) {
	t.Helper()
	g := new(graph.Graph[resource.Resource])
	g.Add(&fixed{r, c})
	p, err := plan.Compute(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	results, err := p.Apply(t.Context(), plan.Options{Sort: apierr.Sort})
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range results {
		if res.Err != nil {
			t.Fatalf("apply: %v", res.Err)
		}
	}
}

// fixed is a resource with a change that was computed before.
type fixed struct {
	resource.Resource
	change resource.Change
}

func (f *fixed) Diff(context.Context) (resource.Change, error) { return f.change, nil }

// kill carries out the steps up to and including the k-th call and stops dead
// before its wait.
func kill(t *testing.T, r resource.Resource, c resource.Change, k int) {
	t.Helper()
	mustApply(t, r, resource.Change{Action: c.Action, Steps: c.Steps[:k]})
	if do := c.Steps[k].Do; do != nil {
		if err := do(t.Context()); err != nil && apierr.Sort(err) == resource.Lasting {
			t.Fatalf("step %d: %v", k+1, err)
		}
	}
}
