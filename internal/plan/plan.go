// Package plan computes what to change in a graph of resources and changes it:
// in parallel along the graph, with bounded patience, stopping only what
// depends on a failure. It knows resources by their contract alone, nothing of
// AWS, and keeps no state: a crash at any moment is recovered by computing the
// plan again.
package plan

import (
	"context"
	"errors"
	"fmt"

	"github.com/ccs-platform/ccsctl/internal/graph"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Parallel is how many resources are read or changed at a time unless Options
// says otherwise. The pipeline is wider than this nowhere but in its alarms.
const Parallel = 32

// Item is one resource of a plan.
type Item struct {
	ID     resource.ID     `json:"id"`
	Change resource.Change `json:"change"`
}

// Plan is a list of changes in an order in which they could run one by one.
type Plan struct {
	Items []Item

	graph *graph.Graph[resource.ID]
}

// Compute reads every resource of g and returns what it takes to bring all of
// them to what is wanted. It only reads. Resources that could not be read are
// errors, all of them joined; there is no partial plan.
func Compute(ctx context.Context, g *graph.Graph[resource.Resource]) (*Plan, error) {
	return compute(ctx, g, resource.Resource.Diff)
}

// Removal reads every resource of g and returns what it takes to take all of
// them down, those that need others first. It only reads.
func Removal(ctx context.Context, g *graph.Graph[resource.Resource]) (*Plan, error) {
	return compute(ctx, g.Reverse(), resource.Resource.Removal)
}

func compute(ctx context.Context, g *graph.Graph[resource.Resource],
	read func(resource.Resource, context.Context) (resource.Change, error)) (*Plan, error) {
	sorted, err := g.Sort()
	if err != nil {
		return nil, err
	}
	if err := distinct(sorted); err != nil {
		return nil, err
	}
	changes := make([]resource.Change, len(sorted))
	index := make(map[resource.Resource]int, len(sorted))
	flat := new(graph.Graph[resource.Resource]) // reading needs no order
	for i, r := range sorted {
		index[r] = i
		flat.Add(r)
	}
	results, err := flat.Walk(ctx, Parallel, func(ctx context.Context, r resource.Resource) error {
		c, err := read(r, resource.For(ctx, r.ID()))
		changes[index[r]] = c
		return err
	})
	if err != nil {
		return nil, err
	}
	p := &Plan{graph: new(graph.Graph[resource.ID])}
	var errs []error
	for i, r := range sorted {
		if err := results[r]; err != nil && !errors.Is(err, graph.ErrSkipped) {
			errs = append(errs, fmt.Errorf("read %s: %w", r.ID(), err))
		}
		p.Items = append(p.Items, Item{ID: r.ID(), Change: changes[i]})
		var needs []resource.ID
		for _, need := range g.Needs(r) {
			needs = append(needs, need.ID())
		}
		p.graph.Add(r.ID(), needs...)
	}
	if len(errs) == 0 && ctx.Err() != nil {
		errs = append(errs, context.Cause(ctx))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return p, nil
}

// distinct refuses two resources of one name: a plan knows them by it.
func distinct(resources []resource.Resource) error {
	seen := make(map[resource.ID]bool, len(resources))
	for _, r := range resources {
		if seen[r.ID()] {
			return fmt.Errorf("two resources are called %s", r.ID())
		}
		seen[r.ID()] = true
	}
	return nil
}

// Changes are the items that would make at least one call.
func (p *Plan) Changes() []Item {
	var items []Item
	for _, it := range p.Items {
		if it.Change.Action != resource.Conflict && len(it.Change.Calls()) > 0 {
			items = append(items, it)
		}
	}
	return items
}

// With are the items of the given action.
func (p *Plan) With(a resource.Action) []Item {
	var items []Item
	for _, it := range p.Items {
		if it.Change.Action == a {
			items = append(items, it)
		}
	}
	return items
}

// Calls counts the mutating calls that the plan makes.
func (p *Plan) Calls() int {
	n := 0
	for _, it := range p.Changes() {
		n += len(it.Change.Calls())
	}
	return n
}

// Needs are the resources that id needs directly, within this plan's direction:
// for a removal, those that must be gone first.
func (p *Plan) Needs(id resource.ID) []resource.ID { return p.graph.Needs(id) }
