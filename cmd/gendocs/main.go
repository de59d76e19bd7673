// Command gendocs writes the command reference and the completions from the
// commands themselves. Run it from the root of the module; CI checks that what
// is committed is what it writes.
package main

import (
	"bytes"
	"errors"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra/doc"

	"github.com/ccs-platform/ccsctl/cmd"
)

func main() {
	if err := errors.Join(reference("docs/reference"), completions("completions")); err != nil {
		log.Fatal(err)
	}
}

// reference writes one page a command.
func reference(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root := cmd.Root()
	root.DisableAutoGenTag = true // the same commands give the same pages on any day
	return doc.GenMarkdownTree(root, dir)
}

func completions(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var errs []error
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		root, out := cmd.Root(), new(bytes.Buffer)
		root.SetOut(out)
		var err error
		switch shell {
		case "bash":
			err = root.GenBashCompletionV2(out, true)
		case "zsh":
			err = root.GenZshCompletion(out)
		case "fish":
			err = root.GenFishCompletion(out, true)
		case "powershell":
			err = root.GenPowerShellCompletionWithDesc(out)
		}
		name := "ccsctl." + strings.Replace(shell, "powershell", "ps1", 1)
		errs = append(errs, err, os.WriteFile(filepath.Join(dir, name), out.Bytes(), 0o644))
	}
	return errors.Join(errs...)
}
