package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/graph"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// attributes are the names of what differs, sorted.
func attributes(differ []resource.Attribute) []string {
	var names []string
	for _, a := range differ {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return names
}

// settled fails unless the change is none.
func settled(c resource.Change) error {
	var problems []error
	if c.Action != resource.None {
		problems = append(problems, fmt.Errorf("after its creation the plan is to %s it: %v", c.Action, c.Attributes))
	}
	if c.Problem != "" {
		problems = append(problems, errors.New(c.Problem))
	}
	if calls := c.Calls(); len(calls) > 0 && c.Action == resource.None {
		problems = append(problems, fmt.Errorf("calls are left: %s", strings.Join(calls, ", ")))
	}
	return errors.Join(problems...)
}

// apply carries out one change as the planner does, with its retries.
func apply(ctx context.Context, r resource.Resource, c resource.Change) error {
	g := new(graph.Graph[resource.Resource])
	g.Add(&computed{r, c})
	p, err := plan.Compute(ctx, g)
	if err != nil {
		return err
	}
	results, err := p.Apply(ctx, plan.Options{Sort: apierr.Sort})
	for _, res := range results {
		err = errors.Join(err, res.Err)
	}
	return err
}

// computed is a resource whose change is known already.
type computed struct {
	resource.Resource
	change resource.Change
}

func (c *computed) Diff(context.Context) (resource.Change, error) { return c.change, nil }
