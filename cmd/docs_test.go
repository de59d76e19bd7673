package cmd_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/ccs-platform/ccsctl/cmd"
)

// documents are the pages that people write, by their paths from here.
func documents(t *testing.T) []string {
	t.Helper()
	all := []string{"../README.md", "../CONTRIBUTING.md"}
	err := filepath.WalkDir("../docs", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "reference" {
			return filepath.SkipDir
		}
		if err == nil && filepath.Ext(path) == ".md" {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDocumentedCommandsWork runs the commands that the documents show, each
// document's in a sandbox of its own, in their order, beside streaming.tf.
//
// They are the lines of ```sh blocks that begin with ccsctl or 'go run .'. A
// comment "# exit 8" says how a command ends that does not end with 0. What is
// for an account runs in the sandbox all the same: the script's environment
// says so. What follows a | or > is the reader's and left out. A rehearsal gives
// the commands of a document something to do, and says what must come of it.
func TestDocumentedCommandsWork(t *testing.T) {
	config := read(t, "../streaming.tf")
	dir := t.TempDir()
	var files []string
	for _, document := range documents(t) {
		script := commands(read(t, document))
		if script == "" {
			continue
		}
		script = rehearsals()[filepath.ToSlash(document)].script(t, script)
		name := strings.ReplaceAll(strings.TrimPrefix(filepath.ToSlash(document), "../"), "/", "-")
		file := filepath.Join(dir, strings.TrimSuffix(name, ".md")+".txtar")
		if err := os.WriteFile(file, []byte(script+rehearsed()+"-- streaming.tf --\n"+config), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) < 3 {
		t.Fatalf("found commands in %d documents only: the README, the runbook and the sandbox's page have some", len(files))
	}
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: func(env *testscript.Env) error {
			env.Setenv("CCSCTL_SANDBOX", "true")
			env.Setenv("CCSCTL_YES", "true") // who tries a command at a terminal is asked
			return setup(env)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "letters": letters, "dies": dies, "notice": notice, "queued": queued,
		},
	})
}

var (
	shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")
	exitNote   = regexp.MustCompile(`# exit (\d+)`)
	readers    = regexp.MustCompile(`\s+([|>]|# |2>).*`)
)

// commands is a script of a document's commands, "" when it shows none.
func commands(text string) string {
	var b strings.Builder
	for _, block := range shellBlock.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSpace(line)
			if rest, ok := strings.CutPrefix(line, "go run . "); ok {
				line = "ccsctl " + rest
			}
			if !strings.HasPrefix(line, "ccsctl ") {
				continue
			}
			code := "0"
			if note := exitNote.FindStringSubmatch(line); note != nil {
				code = note[1]
			}
			line = readers.ReplaceAllString(line, "")
			line = strings.ReplaceAll(line, "123456789012", "000000000000") // AWS's example of an account, and the sandbox's
			fmt.Fprintf(&b, "exits %s %s\n", code, line)
		}
	}
	return b.String()
}

// TestTheREADMEShowsTheFile keeps the file of the first run and the one that the
// README prints the same.
func TestTheREADMEShowsTheFile(t *testing.T) {
	if readme := read(t, "../README.md"); !strings.Contains(readme, "```hcl\n"+read(t, "../streaming.tf")+"```") {
		t.Error("the README's hcl block is not streaming.tf")
	}
}

var link = regexp.MustCompile(`\]\(([^)#: ]+)(#[^)]*)?\)`)

func TestLinksOfDocumentsLead(t *testing.T) {
	for _, document := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, document), -1) {
			if !exists(filepath.Join(filepath.Dir(document), m[1])) {
				t.Errorf("%s: a link to %s, which is not there", document, m[1])
			}
		}
	}
}

// TestExamplesOfTheHelpParse keeps the examples from naming commands and flags
// that are gone.
func TestExamplesOfTheHelpParse(t *testing.T) {
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			args := strings.Fields(readers.ReplaceAllString(regexp.MustCompile(`\s{3,}\S.*`).ReplaceAllString(strings.TrimSpace(line), ""), ""))
			if len(args) == 0 || args[0] != "ccsctl" {
				continue
			}
			found, rest, err := cmd.Root().Find(args[1:])
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err == nil {
				err = found.ValidateArgs(found.Flags().Args())
			}
			if err != nil {
				t.Errorf("the help of %s shows %q: %v", c.CommandPath(), strings.TrimSpace(line), err)
			}
		}
		for _, sub := range c.Commands() {
			check(sub)
		}
	}
	check(cmd.Root())
}
