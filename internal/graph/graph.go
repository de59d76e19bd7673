// Package graph orders things that need one another and walks them, those that
// need nothing from each other side by side. It knows nothing of what they are.
package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Graph is a set of nodes and what each needs. The zero value is empty. Nodes
// keep the order in which they were first named, and everything that lists or
// sorts follows it, so that the same program always prints the same plan.
type Graph[N comparable] struct {
	order []N
	needs map[N][]N
}

// ErrSkipped is the outcome of a node whose turn never came because something
// it needs failed or the walk was stopped.
var ErrSkipped = errors.New("skipped")

// Add adds a node and what it needs. Needs that were not added before are added
// with no needs of their own. Adding a node again adds to its needs.
func (g *Graph[N]) Add(n N, needs ...N) {
	if g.needs == nil {
		g.needs = map[N][]N{}
	}
	for _, need := range needs {
		g.insert(need)
	}
	g.insert(n)
	for _, need := range needs {
		if !slices.Contains(g.needs[n], need) {
			g.needs[n] = append(g.needs[n], need)
		}
	}
}

func (g *Graph[N]) insert(n N) {
	if _, ok := g.needs[n]; !ok {
		g.needs[n] = nil
		g.order = append(g.order, n)
	}
}

// Nodes are all nodes in the order they were added.
func (g *Graph[N]) Nodes() []N { return slices.Clone(g.order) }

// Needs are what n needs directly.
func (g *Graph[N]) Needs(n N) []N { return slices.Clone(g.needs[n]) }

// Reverse is the graph with every arrow turned round: what was needed first
// comes last. It is the order of taking down.
func (g *Graph[N]) Reverse() *Graph[N] {
	r := new(Graph[N])
	for _, n := range slices.Backward(g.order) {
		r.Add(n)
	}
	for _, n := range slices.Backward(g.order) {
		for _, need := range g.needs[n] {
			r.Add(need, n)
		}
	}
	return r
}

// Sort lists the nodes so that each comes after what it needs, otherwise in the
// order they were added. A cycle is an error that names its path.
func (g *Graph[N]) Sort() ([]N, error) {
	const (
		visiting = 1
		done     = 2
	)
	var (
		sorted []N
		path   []N
		state  = map[N]int{}
		visit  func(n N) error
	)
	visit = func(n N) error {
		switch state[n] {
		case done:
			return nil
		case visiting:
			return fmt.Errorf("cycle: %s", cycle(path, n))
		}
		state[n] = visiting
		path = append(path, n)
		for _, need := range g.needs[n] {
			if err := visit(need); err != nil {
				return err
			}
		}
		path = path[:len(path)-1]
		state[n] = done
		sorted = append(sorted, n)
		return nil
	}
	for _, n := range g.order {
		if err := visit(n); err != nil {
			return nil, err
		}
	}
	return sorted, nil
}

func cycle[N comparable](path []N, again N) string {
	var b strings.Builder
	for _, n := range path[slices.Index(path, again):] {
		fmt.Fprintf(&b, "%v -> ", n)
	}
	fmt.Fprintf(&b, "%v", again)
	return b.String()
}

// Walk calls visit once for each node, after all that it needs, at most limit
// at a time. A failure skips only what depends on the failed node. When ctx
// ends, calls under way go on to their end (they see the same ctx) and no other
// is started. The result has one entry a node: nil, what visit returned, or an
// error that wraps ErrSkipped and names the node it waited for.
//
// A graph with a cycle is refused before anything is visited.
func (g *Graph[N]) Walk(ctx context.Context, limit int, visit func(context.Context, N) error) (map[N]error, error) {
	if _, err := g.Sort(); err != nil {
		return nil, err
	}
	var (
		results = make(map[N]error, len(g.order))
		done    = make(map[N]chan struct{}, len(g.order))
		slots   = make(chan struct{}, limit)
		mu      sync.Mutex
		wg      sync.WaitGroup
	)
	for _, n := range g.order {
		done[n] = make(chan struct{})
	}
	outcome := func(n N) error {
		mu.Lock()
		defer mu.Unlock()
		return results[n]
	}
	turn := func(n N) error {
		for _, need := range g.needs[n] {
			<-done[need] // always closed in the end: each node's goroutine closes its own
			if outcome(need) != nil {
				return fmt.Errorf("%w: needs %v", ErrSkipped, need)
			}
		}
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ErrSkipped, context.Cause(ctx))
		}
		return visit(ctx, n)
	}
	for _, n := range g.order {
		wg.Go(func() {
			defer close(done[n])
			err := turn(n)
			mu.Lock()
			results[n] = err
			mu.Unlock()
		})
	}
	wg.Wait()
	return results, nil
}
