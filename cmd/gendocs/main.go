// Command gendocs writes the reference and the completions from the commands
// and the configuration's table of keys. Run it from the root of the module; CI
// checks that what is committed is what it writes.
package main

import (
	"bytes"
	"errors"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/ccs-platform/ccsctl/cmd"
)

func main() {
	if err := errors.Join(reference("docs/reference"), completions("completions")); err != nil {
		log.Fatal(err)
	}
}

// reference writes one page a command and one of the configuration.
func reference(dir string) error {
	pages := map[string][]byte{"configuration.md": configuration()}
	commandPages(cmd.Root(), pages)
	return write(dir, pages)
}

func completions(dir string) error {
	files := map[string][]byte{}
	var errs []error
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		root, out := cmd.Root(), new(bytes.Buffer)
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
		errs = append(errs, err)
		files["ccsctl."+strings.Replace(shell, "powershell", "ps1", 1)] = out.Bytes()
	}
	return errors.Join(append(errs, write(dir, files))...)
}

// write makes a folder hold these files and no others, so that the page of a
// command that is gone goes too.
func write(dir string, files map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var errs []error
	for name, content := range files {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), content, 0o644))
	}
	return errors.Join(errs...)
}
