package bundle

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	module  = "github.com/ccs-platform/ccsctl"
	program = module + "/internal/functions/bootstrap"
	packer  = module + "/internal/functions/bundle"
)

// goarch are the architectures in Go's words.
var goarch = map[string]string{ARM64: "arm64", X86: "amd64"}

// buildArgs make the smallest program, the same one wherever it is built. HTTP/2
// is left out: all that it talks to speaks HTTP/1.1, where one call follows another.
var buildArgs = []string{"build", "-trimpath", "-buildvcs=false", "-tags=lambda.norpc,nethttpomithttp2", "-ldflags=-s -w -buildid="}

// Build compiles the functions for one architecture and packs them. It needs
// the Go tool and this module's source where this program was compiled from.
func Build(ctx context.Context, arch string) ([]byte, error) {
	if err := checkArch(arch); err != nil {
		return nil, err
	}
	root, err := sourceRoot()
	if err != nil {
		return nil, err
	}
	return build(ctx, root, arch)
}

func build(ctx context.Context, root, arch string) ([]byte, error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "ccsctl-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, entry)

	cmd := exec.CommandContext(ctx, tool, append(slices.Clone(buildArgs), "-o", out, program)...)
	cmd.Dir = root
	// Whatever of a person's settings would change the program is overruled.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch[arch],
		"GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it cleans up
	cmd.WaitDelay = 5 * time.Second
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, complaint(said))
	}
	content, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	return Zip(content)
}

// makeOne is the hint for whoever has neither a release nor a source tree.
func makeOne(arch string) string {
	return "install a released ccsctl, or in its source run" +
		" 'go run ./internal/functions/pack -arch " + arch + " -o functions.zip' and set functions.package to that file"
}

// sourceRoot is the folder of the module that this program was compiled from.
// A program built with -trimpath, or away from its source, has none.
func sourceRoot() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		return "", errors.New("this binary was built without the path of its source")
	}
	root := filepath.Join(filepath.Dir(file), "..", "..", "..")
	mod, err := os.Open(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("source of ccsctl: %w", err)
	}
	defer mod.Close()
	for lines := bufio.NewScanner(mod); lines.Scan(); {
		if strings.TrimSpace(lines.Text()) == "module "+module {
			return root, nil
		}
	}
	return "", fmt.Errorf("%s is not the source of ccsctl", root)
}

// digest stands for everything that decides the zip: the Go version, the
// architecture, the versions of the modules, and the files of our own packages
// that the program links and that build and pack it, found by their imports.
func digest(root, arch string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), arch)
	add := func(name string, content []byte) { fmt.Fprintf(h, "%s %d\n%s", name, len(content), content) }
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return "", err
		}
		add(name, content)
	}
	todo := []string{program, packer}
	for i := 0; i < len(todo); i++ {
		dir := filepath.Join(root, filepath.FromSlash(strings.TrimPrefix(todo[i], module)))
		files, err := filepath.Glob(filepath.Join(dir, "*.go")) // sorted
		if err != nil {
			return "", err
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			content, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			add(todo[i]+"/"+filepath.Base(file), content)
			f, err := parser.ParseFile(token.NewFileSet(), file, content, parser.ImportsOnly)
			if err != nil {
				return "", err
			}
			for _, spec := range f.Imports {
				p, err := strconv.Unquote(spec.Path.Value)
				if err == nil && strings.HasPrefix(p, module+"/") && !slices.Contains(todo, p) {
					todo = append(todo, p)
				}
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// complaint is the first line of the Go tool's output that says what is wrong.
func complaint(said []byte) string {
	for line := range strings.Lines(string(said)) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "go: downloading") {
			return strings.TrimSpace(line)
		}
	}
	return "it said nothing"
}
