package graph_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/graph"
)

// parse makes a graph of lines "node: need need".
func parse(lines ...string) *graph.Graph[string] {
	g := new(graph.Graph[string])
	for _, line := range lines {
		n, needs, _ := strings.Cut(line, ":")
		g.Add(n, strings.Fields(needs)...)
	}
	return g
}

func TestSort(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"empty", nil, ""},
		{"as added when nothing is needed", []string{"c", "a", "b"}, "c a b"},
		{"needs first, and in the order they were named", []string{"app: db net", "db: net", "log"}, "net db app log"},
		{"needs that are added later", []string{"a: b", "b: c", "c"}, "c b a"},
		{"needs added in two goes, one of them twice", []string{"a: b", "a: c b"}, "b c a"},
		{"a diamond once", []string{"top: left right", "left: base", "right: base"}, "base left right top"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sorted, err := parse(c.lines...).Sort()
			if got := strings.Join(sorted, " "); got != c.want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestCycleNamesItsPath(t *testing.T) {
	for _, c := range []struct {
		want  string
		lines []string
	}{
		{"cycle: a -> a", []string{"a: a"}},
		{"cycle: b -> c -> d -> b", []string{"a: b", "b: c", "c: d", "d: b"}},
	} {
		g := parse(c.lines...)
		if _, err := g.Sort(); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
		visited := false
		if _, err := g.Walk(t.Context(), 1, func(context.Context, string) error { visited = true; return nil }); err == nil || visited {
			t.Errorf("a cycle was walked: %v", err)
		}
	}
}

func TestReverse(t *testing.T) {
	g := parse("net", "db: net", "app: db net", "log")
	r := g.Reverse()
	for _, n := range r.Nodes() {
		for _, need := range r.Needs(n) {
			if !slices.Contains(g.Needs(need), n) {
				t.Errorf("reversed, %s needs %s, which did not need it", n, need)
			}
		}
	}
	sorted, err := r.Sort()
	if got := strings.Join(sorted, " "); got != "log app db net" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if again := r.Reverse(); !slices.Equal(again.Nodes(), g.Nodes()) {
		t.Errorf("reversed twice: %v, want %v", again.Nodes(), g.Nodes())
	}
}

// TestListsAreCopies guards a graph against who looks at it.
func TestListsAreCopies(t *testing.T) {
	g := parse("a: b c")
	g.Nodes()[0], g.Needs("a")[0] = "x", "x"
	if g.Nodes()[0] != "b" || g.Needs("a")[0] != "b" {
		t.Error("a list that was handed out is the graph's own")
	}
}

// random draws a graph without cycles, of up to 20 nodes that need only lower ones.
func random(t *rapid.T) *graph.Graph[int] {
	g := new(graph.Graph[int])
	n := rapid.IntRange(0, 20).Draw(t, "nodes")
	for i := range n {
		g.Add(i, rapid.SliceOfNDistinct(rapid.IntRange(0, max(i-1, 0)), 0, min(i, 4), rapid.ID).Draw(t, fmt.Sprintf("needs of %d", i))...)
	}
	return g
}

func TestSortIsTopologicalAndStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := random(t)
		for _, g := range []*graph.Graph[int]{g, g.Reverse()} {
			sorted, err := g.Sort()
			if err != nil {
				t.Fatal(err)
			}
			if len(sorted) != len(g.Nodes()) {
				t.Fatalf("%d of %d nodes sorted", len(sorted), len(g.Nodes()))
			}
			for i, n := range sorted {
				for _, need := range g.Needs(n) {
					if slices.Index(sorted, need) > i {
						t.Fatalf("%d comes before %d, which it needs, in %v", n, need, sorted)
					}
				}
			}
			if again, _ := g.Sort(); !slices.Equal(again, sorted) {
				t.Fatalf("sorted %v, then %v", sorted, again)
			}
		}
	})
}

var errVisit = errors.New("visit")

// TestWalk holds every walk to its contract: who runs, after whom, how many at
// a time, and what becomes of the others.
func TestWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := random(t)
		nodes := g.Nodes()
		limit := rapid.IntRange(1, 6).Draw(t, "limit")
		fails := map[int]bool{}
		for _, n := range nodes {
			fails[n] = rapid.IntRange(0, 5).Draw(t, "fate") == 0
		}
		var (
			mu      sync.Mutex
			running int
			ended   = map[int]bool{}
		)
		results, err := g.Walk(context.Background(), limit, func(_ context.Context, n int) error {
			mu.Lock()
			defer mu.Unlock()
			if running++; running > limit {
				t.Errorf("%d at a time, want at most %d", running, limit)
			}
			for _, need := range g.Needs(n) {
				if !ended[need] || fails[need] {
					t.Errorf("%d began before %d was done", n, need)
				}
			}
			if ended[n] {
				t.Errorf("%d was visited twice", n)
			}
			mu.Unlock()
			runtime.Gosched() // lets others in, were there more than the limit
			mu.Lock()
			running--
			ended[n] = true
			if fails[n] {
				return errVisit
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		sorted, _ := g.Sort()
		skipped := map[int]bool{}
		for _, n := range sorted {
			for _, need := range g.Needs(n) {
				skipped[n] = skipped[n] || fails[need] || skipped[need]
			}
			want := error(nil)
			switch {
			case skipped[n]:
				want = graph.ErrSkipped
			case fails[n]:
				want = errVisit
			}
			if got := results[n]; !errors.Is(got, want) || ended[n] == skipped[n] {
				t.Fatalf("%d: got %v (visited %v), want %v", n, got, ended[n], want)
			}
		}
		if got := slices.Sorted(maps.Keys(results)); len(got) != len(nodes) {
			t.Fatalf("%d results of %d nodes", len(got), len(nodes))
		}
	})
}

func TestSkippedNamesWhatItNeeded(t *testing.T) {
	results, err := parse("a", "b: a", "c: b").Walk(t.Context(), 4, func(context.Context, string) error { return errVisit })
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(results["b"], "; ", results["c"]); got != "skipped: needs a; skipped: needs b" {
		t.Errorf("got %s", got)
	}
}

// TestWalkIsAsParallelAsTheGraph times a walk: a diamond of one second a node
// takes three.
func TestWalkIsAsParallelAsTheGraph(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := parse("base", "l: base", "m: base", "r: base", "top: l m r").Walk(t.Context(), 8, func(context.Context, string) error {
			time.Sleep(time.Second)
			return nil
		})
		if took := time.Since(start); took != 3*time.Second || err != nil {
			t.Errorf("took %v, %v", took, err)
		}
	})
}

// TestCancelledWalk ends: what runs ends by itself, what waits for a slot or
// for others is skipped with the cause.
func TestCancelledWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		var started []string
		var mu sync.Mutex
		time.AfterFunc(time.Second, func() { cancel(enough) })
		results, err := parse("a", "b", "c", "after: a").Walk(ctx, 2, func(_ context.Context, n string) error {
			mu.Lock()
			started = append(started, n)
			mu.Unlock()
			time.Sleep(time.Minute) // a visit that pays no attention
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(started) != 2 {
			t.Errorf("started %v, want two of them", started)
		}
		for n, err := range results {
			if ran := slices.Contains(started, n); ran != (err == nil) {
				t.Errorf("%s ran %v and ended with %v", n, ran, err)
			}
			if err != nil && (!errors.Is(err, graph.ErrSkipped) || !errors.Is(err, enough)) {
				t.Errorf("%s: %v, want skipped, and why", n, err)
			}
		}
	})
}
