package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of behaviours")

// TestTheTableOfBehaviours keeps docs/compat.md and the scripts in step: the
// page's table is theirs, and a known gap of a behaviour names one.
func TestTheTableOfBehaviours(t *testing.T) {
	all, err := readBehaviours(filepath.Join("..", "..", ".ci", "compat.d"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("..", "..", "docs", "compat.md")
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- behaviours -->\n", "<!-- /behaviours -->"
	before, rest, found := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", file)
	}
	var table strings.Builder
	table.WriteString("| behaviour | seen |\n| --- | --- |\n")
	for _, b := range all {
		if strings.ContainsAny(b.name+b.want, "|`") {
			t.Errorf("%q has a character that a table cell can't hold", b.name)
		}
		fmt.Fprintf(&table, "| %s | `%s` |\n", b.name, b.want)
	}
	want := before + begin + table.String() + end + after
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(page) {
		t.Errorf("%s has another table of behaviours than the scripts: run 'go test ./internal/compat -update'", file)
	}

	gaps, err := parseGaps(want)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range gaps {
		profile, check, _ := strings.Cut(g.line, ": ")
		if strings.HasSuffix(profile, " behaviours") && !slices.ContainsFunc(all, func(b behaviour) bool { return b.name == check }) {
			t.Errorf("%q is of no behaviour", g.line)
		}
	}
}

func TestARowOfBehavioursIsTwoTexts(t *testing.T) {
	for name, text := range map[string]string{
		"none":         "import table\n",
		"not literal":  "\n@behaviour(name, \"seen\")\n",
		"over lines":   "\n@behaviour(\n    \"a/b\", \"seen\")\n",
		"one of twice": "\n@behaviour(\"a/b\", \"seen\")\n\n@behaviour(\"a/b\", 'other')\n",
	} {
		assets := t.TempDir()
		if err := os.Mkdir(filepath.Join(assets, behavioursFolder), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(assets, behavioursFolder, "a.py"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := readBehaviours(assets); err == nil {
			t.Errorf("%s: read as %v", name, got)
		}
	}
}
