package sandbox

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// TestTheConformanceTableIsComplete holds the tables of docs/sandbox.md to what
// is served: no operation is missing there, and none is promised that is not.
func TestTheConformanceTableIsComplete(t *testing.T) {
	wired, _ := services(&bus.Bus{Account: Account, Region: Region}, nil)
	served := map[string][]string{"s3": s3Operations(t)}
	for _, s := range wired {
		served[s.Name] = slices.Sorted(maps.Keys(s.Ops))
	}
	if diff := cmp.Diff(served, documented(t)); diff != "" {
		t.Errorf("operations (-served +docs/sandbox.md):\n%s", diff)
	}
}

// s3Operations are those of the table in package s3, which has no list to ask
// for: S3's requests are known by method and path. CopyObject is a PutObject
// with a header.
func s3Operations(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("s3/operations.go")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"CopyObject"}
	for _, m := range regexp.MustCompile(`: +\{"([A-Z]\w+)", `).FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return names
}

// documented are the operations in the first column of each service's table.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	var (
		heading   = regexp.MustCompile("^### `(\\w+)`$")
		operation = regexp.MustCompile("`([A-Z]\\w+)`")
		found     = map[string][]string{}
		service   string
	)
	for line := range strings.Lines(string(text)) {
		if m := heading.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			service = m[1]
		}
		if cells := strings.Split(line, "|"); service != "" && len(cells) > 2 {
			for _, m := range operation.FindAllStringSubmatch(cells[1], -1) {
				found[service] = append(found[service], m[1])
			}
		}
	}
	for _, names := range found {
		slices.Sort(names)
	}
	return found
}
