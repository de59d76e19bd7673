package plan_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/graph"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// thing is a resource in memory whose changes a test makes up.
type thing struct {
	name   string
	change resource.Change
	err    error // of reading
}

func (f *thing) ID() resource.ID { return resource.ID{Kind: "thing", Name: f.name} }

func (f *thing) Diff(context.Context) (resource.Change, error) { return f.change, f.err }

func (f *thing) Removal(context.Context) (resource.Change, error) {
	c := f.change
	c.Action = resource.Delete
	return c, f.err
}

// does is a thing that is created by the given steps.
func does(name string, steps ...resource.Step) *thing {
	return &thing{name: name, change: resource.Change{Action: resource.Create, Steps: steps}}
}

// step calls do under the name of a made-up API call.
func step(do func(context.Context) error) resource.Step {
	return resource.Step{Call: "test:Do", Do: do}
}

func ok(context.Context) error { return nil }

// compute plans things in a row; each entry of needs is "a: b c".
func compute(t *testing.T, things []*thing, needs ...string) *plan.Plan {
	t.Helper()
	p, err := plan.Compute(t.Context(), chain(things, needs...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func chain(things []*thing, needs ...string) *graph.Graph[resource.Resource] {
	g := new(graph.Graph[resource.Resource])
	named := map[string]resource.Resource{}
	for _, f := range things {
		named[f.name] = f
		g.Add(f)
	}
	for _, line := range needs {
		n, on, _ := strings.Cut(line, ":")
		for _, need := range strings.Fields(on) {
			g.Add(named[n], named[need])
		}
	}
	return g
}

func names(items []plan.Item) string {
	var all []string
	for _, it := range items {
		all = append(all, it.ID.Name)
	}
	return strings.Join(all, " ")
}

func TestComputeReadsAllAndOrders(t *testing.T) {
	var mu sync.Mutex
	calls := 0
	count := func(context.Context) error { mu.Lock(); calls++; mu.Unlock(); return nil }
	same := &thing{name: "same", change: resource.Change{Action: resource.None, Steps: []resource.Step{{Wait: ok}}}}
	theirs := &thing{name: "theirs", change: resource.Change{Action: resource.Conflict, Reason: "not ours", Steps: []resource.Step{step(count)}}}
	things := []*thing{does("app", step(count), step(count)), does("db", step(count)), same, theirs}
	p := compute(t, things, "app: db same")
	if got := names(p.Items); got != "db same app theirs" {
		t.Errorf("items %s", got)
	}
	if got := names(p.Changes()); got != "db app" {
		t.Errorf("changes %s", got)
	}
	if got := names(p.With(resource.Conflict)); got != "theirs" {
		t.Errorf("conflicts %s", got)
	}
	if p.Calls() != 3 || calls != 0 {
		t.Errorf("%d calls planned, %d made", p.Calls(), calls)
	}
	if got := fmt.Sprint(p.Needs(things[0].ID())); got != "[thing/db thing/same]" {
		t.Errorf("needs %s", got)
	}
	down, err := plan.Removal(t.Context(), chain(things, "app: db same"))
	if err != nil {
		t.Fatal(err)
	}
	if got := names(down.Items); got != "theirs app same db" {
		t.Errorf("a removal takes down %s", got)
	}
	text, err := json.Marshal(p.Items[3])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"thing/theirs","change":{"action":"conflict","reason":"not ours","calls":["test:Do"]}}`
	if d := cmp.Diff(want, string(text)); d != "" {
		t.Error(d)
	}
}

func TestComputeReportsEveryReadingThatFailed(t *testing.T) {
	a, b := does("a"), does("b")
	a.err, b.err = errors.New("denied"), errors.New("gone")
	p, err := plan.Compute(t.Context(), chain([]*thing{a, does("c"), b}, "c: a"))
	if p != nil || err == nil || err.Error() != "read thing/a: denied\nread thing/b: gone" {
		t.Errorf("got a plan %v, and %v", p, err)
	}
	if !errors.Is(err, a.err) || !errors.Is(err, b.err) {
		t.Error("the causes can not be asked for")
	}
}

func TestComputeRefuses(t *testing.T) {
	if _, err := plan.Compute(t.Context(), chain([]*thing{does("a"), does("a")})); err == nil || err.Error() != "two resources are called thing/a" {
		t.Errorf("two of one name: %v", err)
	}
	if _, err := plan.Compute(t.Context(), chain([]*thing{does("a"), does("b")}, "a: b", "b: a")); err == nil || !strings.Contains(err.Error(), "cycle") {
		t.Errorf("a cycle: %v", err)
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	if _, err := plan.Compute(ctx, chain([]*thing{does("a")})); !errors.Is(err, stopped) {
		t.Errorf("a reading that was stopped: %v", err)
	}
}
