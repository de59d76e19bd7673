package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/connect"
	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/functions/bundle"
	"github.com/ccs-platform/ccsctl/internal/graph"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// resourceSteps is what each resource goes through. All are created before the
// first is changed, and all are changed before the first is removed.
var resourceSteps = []string{"create", "settled", "drift", "repair", "retag", "remove", "gone"}

// stepPatience bounds one step of one resource, the emulator's delays and our
// own waits included.
const stepPatience = 15 * time.Second

// checkResources takes each resource from absent to present and back, on its
// own, so that a failure names one resource and one step. only are kinds, or
// single resources as kind/name; none means all.
func checkResources(only []string) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		s, err := w.session(ctx)
		if err != nil {
			return err
		}
		t := &trial{world: w, session: s, only: only, failed: map[resource.ID]bool{}, broken: map[resource.ID]bool{}, leftover: map[resource.ID][]string{}}
		order, g := t.resources()
		for _, r := range order {
			t.create(ctx, r, g.Needs(r))
		}
		for _, r := range order {
			t.drift(ctx, r.ID())
		}
		for _, r := range order {
			t.retag(ctx, r.ID())
		}
		for _, r := range slices.Backward(order) {
			t.remove(ctx, r.ID())
		}
		return nil
	}
}

// resourceChecks are the names of these checks.
func resourceChecks(only []string) func(*host) []string {
	return func(h *host) []string {
		t := &trial{world: &world{host: h}, only: only}
		order, _ := t.resources()
		var names []string
		for _, r := range order {
			for _, step := range resourceSteps {
				names = append(names, r.ID().String()+" "+step)
			}
		}
		return names
	}
}

// trial is the resources of one profile on their way.
type trial struct {
	*world
	session connect.Session
	only    []string
	failed  map[resource.ID]bool // not created, or can't be read
	broken  map[resource.ID]bool // no change of it comes to an end
	// leftover are the attributes that differ although nobody changed them:
	// what the emulator forgets. Drift is what comes on top.
	leftover map[resource.ID][]string
}

// resources are the chosen ones of the pipeline, made anew as in a new process,
// in the order of their needs.
func (t *trial) resources() ([]resource.Resource, *graph.Graph[resource.Resource]) {
	return t.resourcesOf(t.host.config)
}

func (t *trial) resourcesOf(c *config.Config) ([]resource.Resource, *graph.Graph[resource.Resource]) {
	g := pipeline.New(pipeline.Settings{
		Config: c, AWS: t.session.Config, Account: account, Region: region, Partition: "aws", Architecture: bundle.ARM64, Code: t.host.code,
	}).Graph()
	order, err := g.Sort()
	if err != nil {
		panic(err) // a pipeline that needs itself
	}
	return slices.DeleteFunc(order, func(r resource.Resource) bool { return !t.chosen(r.ID()) }), g
}

func (t *trial) chosen(id resource.ID) bool {
	return len(t.only) == 0 || slices.Contains(t.only, id.Kind) || slices.Contains(t.only, id.String())
}

// code is the functions' zip, built or found in the cache.
func (h *host) code(ctx context.Context) (zip []byte, sha256 string, err error) {
	p, err := bundle.Find(ctx, bundle.Options{Arch: bundle.ARM64, Cache: os.Getenv("CCSCTL_CACHE_DIR")})
	return p.Zip, p.SHA256, err
}

// fresh is a resource as a new process would make it.
func (t *trial) fresh(id resource.ID) resource.Resource {
	order, _ := t.resources()
	return find(order, id)
}

func find(all []resource.Resource, id resource.ID) resource.Resource {
	return all[slices.IndexFunc(all, func(r resource.Resource) bool { return r.ID() == id })]
}

func (t *trial) create(ctx context.Context, r resource.Resource, needs []resource.Resource) {
	id := r.ID()
	for _, n := range needs {
		if t.failed[n.ID()] {
			t.failed[id] = true
			t.skip(id.String()+" create", "needs "+n.ID().String())
			t.skip(id.String()+" settled", "needs "+n.ID().String())
			return
		}
	}
	err := t.step(ctx, func(ctx context.Context) error {
		c, err := r.Diff(ctx)
		if err != nil {
			return err
		}
		if c.Action != resource.Create {
			return fmt.Errorf("before anything is made the plan is to %s", c.Action)
		}
		return apply(ctx, r, c)
	})
	t.check(id.String()+" create", err)
	if err != nil {
		t.failed[id] = true
		t.skip(id.String()+" settled", "was not created")
		return
	}
	t.check(id.String()+" settled", t.step(ctx, func(ctx context.Context) error {
		c, err := t.fresh(id).Diff(ctx)
		if err != nil {
			t.failed[id] = true
			return err
		}
		t.leftover[id] = attributes(c.Attributes)
		return settled(c)
	}))
}

func (t *trial) drift(ctx context.Context, id resource.ID) {
	if t.failed[id] {
		t.skip(id.String()+" drift", "was not created, or can't be read")
		t.skip(id.String()+" repair", "was not created, or can't be read")
		return
	}
	d := drifts()[id.Kind]
	want := append([]string{d.attribute}, t.leftover[id]...)
	slices.Sort(want)
	var (
		r     = t.fresh(id)
		found resource.Change
	)
	err := t.step(ctx, func(ctx context.Context) error {
		if err := d.make(ctx, t.session.Config, id.Name); err != nil {
			return fmt.Errorf("change it behind its back: %w", err)
		}
		var err error
		if found, err = r.Diff(ctx); err != nil {
			return err
		}
		if got := attributes(found.Attributes); !slices.Equal(got, slices.Compact(want)) {
			return fmt.Errorf("%s was changed, and %v shows (%s)", d.attribute, found.Attributes, found.Action)
		}
		return nil
	})
	t.check(id.String()+" drift", err)
	if err != nil {
		t.skip(id.String()+" repair", "has no drift")
		return
	}
	err = t.step(ctx, func(ctx context.Context) error {
		if err := apply(ctx, r, found); err != nil {
			return err
		}
		c, err := t.fresh(id).Diff(ctx)
		if err != nil {
			return err
		}
		for _, name := range attributes(c.Attributes) { // a repair may mend more than the drift
			if !slices.Contains(t.leftover[id], name) {
				return fmt.Errorf("still differs after its repair: %v", c.Attributes)
			}
		}
		return nil
	})
	t.check(id.String()+" repair", err)
	t.broken[id] = err != nil
}

// newTag is a tag that the configuration gets later.
const newTag = "Compat"

// retag asks for one more tag, which every kind of thing has a call of its own
// for.
func (t *trial) retag(ctx context.Context, id resource.ID) {
	if t.failed[id] {
		t.skip(id.String()+" retag", "was not created, or can't be read")
		return
	}
	if t.broken[id] {
		t.skip(id.String()+" retag", "can't be repaired")
		return
	}
	c := *t.host.config
	c.Tags = maps.Clone(c.Tags)
	c.Tags[newTag] = "yes"
	order, _ := t.resourcesOf(&c)
	r := find(order, id)
	t.check(id.String()+" retag", t.step(ctx, func(ctx context.Context) error {
		before, err := r.Diff(ctx)
		if err != nil {
			return err
		}
		if !slices.Contains(attributes(before.Attributes), "tags."+newTag) {
			return fmt.Errorf("a new tag shows as %v (%s)", before.Attributes, before.Action)
		}
		if err := apply(ctx, r, before); err != nil {
			return err
		}
		after, err := r.Diff(ctx)
		if err == nil && slices.Contains(attributes(after.Attributes), "tags."+newTag) {
			err = fmt.Errorf("the tag does not show after its call: %v", after.Attributes)
		}
		return err
	}))
}

func (t *trial) remove(ctx context.Context, id resource.ID) {
	r := t.fresh(id)
	err := t.step(ctx, func(ctx context.Context) error {
		c, err := r.Removal(ctx)
		if err != nil {
			return err
		}
		if c.Action != resource.Delete {
			return fmt.Errorf("the removal is to %s: %s", c.Action, c.Reason)
		}
		return apply(ctx, r, c)
	})
	if err != nil && t.failed[id] {
		t.skip(id.String()+" remove", "was not created, or can't be read")
		t.skip(id.String()+" gone", "was not created, or can't be read")
		return
	}
	t.check(id.String()+" remove", err)
	t.check(id.String()+" gone", t.step(ctx, func(ctx context.Context) error {
		c, err := t.fresh(id).Removal(ctx)
		if err == nil && c.Action != resource.None {
			err = fmt.Errorf("after its removal it is to %s: %s", c.Action, c.Reason)
		}
		return err
	}))
}

func (t *trial) step(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, stepPatience, fmt.Errorf("took longer than %s", stepPatience))
	defer cancel()
	return f(ctx)
}
