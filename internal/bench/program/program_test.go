package program

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// What is measured is what 'make build' and a release build: the three places
// that say how to compile it agree.
func TestTheSameFlagsEverywhere(t *testing.T) {
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile("../../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const sdk = "github.com/aws/aws-sdk-go-v2/service"
	var inMake []string
	for _, word := range strings.Fields(strings.ReplaceAll(read("Makefile"), "$(SDK)", sdk)) {
		if strings.HasPrefix(word, "-gcflags=") {
			inMake = append(inMake, word)
		}
	}
	_, list, _ := strings.Cut(read(".goreleaser.yml"), "gcflags:")
	list, _, _ = strings.Cut(list, "mod_timestamp")
	var inRelease []string
	for line := range strings.Lines(list) {
		if flag, ok := strings.CutPrefix(strings.TrimSpace(line), "- "); ok {
			inRelease = append(inRelease, "-gcflags="+flag)
		}
	}
	if want := compilerFlags(); !slices.Equal(inMake, want) || !slices.Equal(inRelease, want) {
		t.Errorf("got %q in the Makefile and %q in .goreleaser.yml, want %q", inMake, inRelease, want)
	}
}
