package stream_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/aws/stream"
)

func TestStepsGoAsFarAsAWSAllows(t *testing.T) {
	for _, c := range []struct {
		from, to int
		want     []int
	}{
		{10, 50, []int{20, 40, 50}},
		{50, 10, []int{25, 13, 10}},
		{3, 10, []int{6, 10}},
		{7, 7, nil},
		{1, 2, []int{2}},
		{2, 1, []int{1}},
	} {
		if got := stream.Steps(c.from, c.to); !cmp.Equal(got, c.want) {
			t.Errorf("Steps(%d, %d) = %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

func TestStepsAreLegalAndFew(t *testing.T) {
	count := rapid.IntRange(1, 10_000)
	rapid.Check(t, func(t *rapid.T) {
		from, to := count.Draw(t, "from"), count.Draw(t, "to")
		steps := stream.Steps(from, to)
		at := from
		for _, n := range steps {
			if n > 2*at || 2*n < at || n == at {
				t.Fatalf("%d -> %d in %v is no legal resize", at, n, steps)
			}
			at = n
		}
		if at != to {
			t.Fatalf("%v ends at %d", steps, at)
		}
		// k resizes at most double, or halve, k times: fewer can't reach to.
		fewest, reach := 0, min(from, to)
		for ; reach < max(from, to); fewest++ {
			reach *= 2
		}
		if len(steps) != fewest {
			t.Fatalf("%d steps %v, %d would do", len(steps), steps, fewest)
		}
		if back := stream.Steps(to, from); len(back) != len(steps) {
			t.Fatalf("%d steps there, %d back", len(steps), len(back))
		}
		if slices.Contains(steps, 0) {
			t.Fatal("a stream without shards")
		}
	})
}
