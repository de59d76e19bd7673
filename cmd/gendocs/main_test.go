package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWhatIsCommittedIsFresh compares the generated files with the committed
// ones. Writing them twice also shows that they come out the same every time.
func TestWhatIsCommittedIsFresh(t *testing.T) {
	for committed, generate := range map[string]func(dir string) error{
		"docs/reference": reference,
		"completions":    completions,
	} {
		dir := filepath.Join(t.TempDir(), "fresh")
		if err := generate(dir); err != nil {
			t.Fatal(err)
		}
		want, got := files(t, dir), files(t, filepath.Join("..", "..", committed))
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("%s: run 'make docs' and commit it: files (-fresh +committed):\n%s", committed, diff)
			continue
		}
		for name := range want {
			if diff := cmp.Diff(want[name], got[name]); diff != "" {
				t.Errorf("%s/%s: run 'make docs' and commit it (-fresh +committed):\n%s", committed, name, diff)
			}
		}
	}
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}
