package bundle

import (
	"bufio"
	"bytes"
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
)

const (
	module = "github.com/ccs-platform/ccsctl"
	main   = module + "/internal/functions/bootstrap"
)

// goarch are the architectures in Go's words.
var goarch = map[string]string{ARM64: "arm64", X86: "amd64"}

// buildArgs make the smallest program, the same one wherever it is built.
var buildArgs = []string{"build", "-trimpath", "-buildvcs=false", "-tags=lambda.norpc", "-ldflags=-s -w -buildid="}

// Build compiles the functions for one architecture and packs them. It needs
// the Go tool and this module's source where this program was compiled from.
func Build(ctx context.Context, arch string) ([]byte, error) {
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
	program := filepath.Join(dir, entry)

	cmd := exec.CommandContext(ctx, tool, append(slices.Clone(buildArgs), "-o", program, main)...)
	cmd.Dir = root
	// Whatever of a person's settings would change the program is overruled.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch[arch],
		"GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("go build: %w: %s", err, lastLine(out))
	}
	content, err := os.ReadFile(program)
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

// digest stands for everything that decides the program: the Go version, the
// architecture, the versions of the modules, and the files of our own packages
// that it links, found by following their imports.
func digest(root, arch string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), arch, buildArgs)
	add := func(name string, content []byte) { fmt.Fprintf(h, "%s %d\n%s", name, len(content), content) }
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return "", err
		}
		add(name, content)
	}
	todo := []string{main}
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

func lastLine(out []byte) []byte {
	out = bytes.TrimSpace(out)
	return out[bytes.LastIndexByte(out, '\n')+1:]
}
