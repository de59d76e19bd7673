package wire_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Whatever the limit, the pages together are the list, even when the name that
// a token stands for is deleted before the token is used.
func TestPagesAreTheWholeList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.StringMatching(`[a-d]{1,4}`), rapid.ID).Draw(t, "names")
		slices.Sort(names)
		limit := rapid.Ptr(rapid.Int32Range(0, 5), true).Draw(t, "limit")
		most := rapid.IntRange(1, 5).Draw(t, "most")
		left := slices.Clone(names)
		var got, deleted []string
		for from, page := (*string)(nil), 0; ; page++ {
			names, next := wire.Page(left, from, limit, most)
			if limit != nil && *limit > 0 && len(names) > int(*limit) || (limit == nil || *limit == 0) && len(names) > most {
				t.Fatalf("a page of %d", len(names))
			}
			got = append(got, names...)
			if next == nil {
				break
			}
			if from = next; rapid.Bool().Draw(t, "delete") {
				i, _ := slices.BinarySearch(left, *next)
				left, deleted = slices.Concat(left[:i], left[i+1:]), append(deleted, *next)
			}
		}
		if want := slices.DeleteFunc(names, func(n string) bool { return slices.Contains(deleted, n) }); !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
