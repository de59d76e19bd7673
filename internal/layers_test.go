package internal_test

import (
	"go/build"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ccs-platform/ccsctl/"

// layer says what the product files of the packages under a folder may import.
// The first entry that fits a package counts. Patterns end in /... for a folder
// and all below it.
type layer struct {
	packages string
	ours     []string // import paths below the module
	libs     []string // import paths of libraries
}

const sdk = "github.com/aws/..."

// layers is the import table of docs/architecture.md. Data flows down: commands,
// features, AWS things, SDK. Siblings never import one another: the pipeline
// connects AWS things, the bus connects sandbox services.
var layers = []layer{
	{".", []string{"cmd"}, nil},
	{"cmd", []string{
		"internal/pipeline", "internal/plan", "internal/resource", "internal/config", "internal/console", "internal/fault", "internal/tui/...",
		"internal/deadletter", "internal/redrive", "internal/scale",
		"internal/probe", "internal/demo", "internal/alert", "internal/inbox",
		"internal/status",
		"internal/functions/bundle", "internal/functions/live", "internal/aws/connect", "internal/aws/apierr", "internal/aws/sweep",
		"internal/traffic/...",
		"internal/aws/queue", "internal/aws/mapping", "internal/aws/metric", "internal/aws/stream", "internal/aws/function",
	}, []string{"github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/aymanbagabas/go-udiff"}},
	{"cmd/gendocs", []string{"cmd", "internal/config"}, []string{"github.com/spf13/cobra"}},
	{"internal/bench/...", []string{"internal/..."}, []string{sdk}}, // programs that measure the product: not in it

	{"internal/pipeline", []string{"internal/config", "internal/graph", "internal/resource", "internal/fault", "internal/status", "internal/probe", "internal/aws/...", "internal/functions/environment"}, []string{"github.com/aws/aws-sdk-go-v2/aws"}},
	{"internal/deadletter", []string{"internal/fault", "internal/functions", "internal/aws/..."}, nil},
	{"internal/inbox", []string{"internal/resource", "internal/aws/..."}, []string{"github.com/aws/aws-sdk-go-v2/aws"}},
	{"internal/alert", []string{"internal/inbox", "internal/resource", "internal/aws/..."}, []string{"github.com/aws/aws-sdk-go-v2/aws"}},
	{"internal/probe", []string{"internal/inbox", "internal/functions", "internal/resource", "internal/fault", "internal/aws/..."}, []string{"github.com/aws/aws-sdk-go-v2/aws"}},
	// It shows the features together, as a person would use them.
	{"internal/demo", []string{"internal/pipeline", "internal/plan", "internal/resource", "internal/probe", "internal/deadletter", "internal/redrive", "internal/scale", "internal/traffic/...", "internal/functions", "internal/aws/..."}, []string{"github.com/aws/aws-sdk-go-v2/aws"}},
	{"internal/plan", []string{"internal/graph", "internal/resource"}, nil},
	{"internal/redrive", []string{"internal/fault", "internal/resource", "internal/aws/..."}, nil},
	{"internal/scale", []string{"internal/plan", "internal/graph", "internal/resource", "internal/fault", "internal/aws/..."}, []string{"github.com/aws/aws-sdk-go-v2/aws"}},
	{"internal/status", []string{"internal/aws/...", "internal/fault", "internal/resource"}, []string{"github.com/aws/aws-sdk-go-v2/aws"}},
	{"internal/traffic/load", nil, nil},
	{"internal/traffic", []string{"internal/traffic/load", "internal/aws/stream"}, nil},
	{"internal/tui/...", []string{"internal/plan", "internal/resource", "internal/status"}, []string{"charm.land/...", "github.com/charmbracelet/..."}},

	{"internal/resource/resourcetest", []string{"internal/..."}, []string{sdk, "github.com/google/go-cmp/cmp"}},
	{"internal/resource", nil, nil},
	{"internal/graph", nil, nil},
	{"internal/fault", nil, []string{"github.com/agext/levenshtein"}},
	{"internal/config", []string{"internal/fault"}, []string{
		"github.com/spf13/viper", "github.com/hashicorp/hcl/v2/...", "github.com/zclconf/go-cty/...",
		"github.com/pelletier/go-toml/v2/...", "go.yaml.in/yaml/v3",
	}},
	{"internal/console", []string{"internal/fault"}, []string{"github.com/olekukonko/tablewriter/...", "golang.org/x/term"}},

	{"internal/aws/connect", []string{"internal/aws/apierr", "internal/fault", "internal/resource"}, []string{sdk}},
	{"internal/aws/apierr", []string{"internal/resource"}, []string{sdk}},
	{"internal/aws/policy", nil, nil},
	{"internal/aws/...", []string{"internal/resource", "internal/aws/connect", "internal/aws/apierr", "internal/aws/policy"}, []string{sdk}},

	// The functions' program must stay small: nothing of the tool in it.
	{"internal/functions", nil, []string{"github.com/aws/aws-lambda-go/..."}},
	{"internal/functions/environment", nil, nil},
	{"internal/functions/live", []string{"internal/functions", "internal/functions/environment"}, []string{sdk}},
	{"internal/functions/bootstrap", []string{"internal/functions/live"}, []string{sdk}},
	{"internal/functions/bundle", []string{"internal/fault"}, nil},
	{"internal/functions/pack", []string{"internal/functions/bundle", "internal/fault"}, nil},

	// Not of the product: it holds the product against what others wrote, and
	// reaches the sandbox as a program alone.
	{"internal/compat", []string{
		"internal/pipeline", "internal/plan", "internal/resource", "internal/graph", "internal/config", "internal/functions/bundle",
		"internal/aws/connect", "internal/aws/apierr",
	}, []string{sdk}},

	{"internal/sandbox", []string{"internal/sandbox/..."}, nil},
	{"internal/sandbox/daemon", []string{"internal/sandbox", "internal/sandbox/bus", "internal/fault"}, nil},
	{"internal/sandbox/sandboxtest", []string{"internal/sandbox"}, []string{sdk}},
	{"internal/sandbox/bus", nil, nil},
	{"internal/sandbox/policy", nil, nil},
	{"internal/sandbox/wire/model/...", []string{"internal/sandbox/wire/model"}, nil},
	{"internal/sandbox/wire", []string{"internal/sandbox/wire/model"}, []string{sdk, "github.com/fxamacker/cbor/v2"}},
	{"internal/sandbox/s3", []string{"internal/sandbox/wire", "internal/sandbox/bus", "internal/sandbox/policy"}, []string{sdk, "github.com/johannesboyne/gofakes3/..."}},
	{"internal/sandbox/firehose/parquet", nil, nil},
	{"internal/sandbox/firehose/convert", []string{"internal/sandbox/bus", "internal/sandbox/firehose/parquet"}, nil},
	{"internal/sandbox/firehose", []string{"internal/sandbox/wire", "internal/sandbox/bus", "internal/sandbox/firehose/convert"}, []string{sdk}},
	{"internal/sandbox/...", []string{"internal/sandbox/wire", "internal/sandbox/bus", "internal/sandbox/policy"}, []string{sdk}},
}

// sandboxFiles are the only product files outside the sandbox that may name it.
const sandboxFiles = "cmd/sandbox"

func TestImportsFollowTheLayers(t *testing.T) {
	for _, dir := range packages(t) {
		i := slices.IndexFunc(layers, func(l layer) bool { return fits(l.packages, dir) })
		if i < 0 {
			t.Errorf("%s: in no layer: add it to the table, and to docs/architecture.md", dir)
			continue
		}
		p, err := build.Default.ImportDir(filepath.Join("..", dir), 0)
		if err != nil {
			t.Fatal(err)
		}
		for path, positions := range p.ImportPos {
			for _, at := range positions {
				if file := filepath.ToSlash(filepath.Join(dir, filepath.Base(at.Filename))); !layers[i].allows(path, file) {
					t.Errorf("%s: imports %s", file, path)
				}
			}
		}
	}
}

func (l layer) allows(path, file string) bool {
	if ours, ok := strings.CutPrefix(path, module); ok {
		if strings.HasPrefix(ours, "internal/sandbox") && strings.HasPrefix(file, sandboxFiles) {
			return true
		}
		return slices.ContainsFunc(l.ours, func(pattern string) bool { return fits(pattern, ours) })
	}
	host, _, _ := strings.Cut(path, "/")
	if !strings.Contains(host, ".") {
		return true // the standard library
	}
	return slices.ContainsFunc(l.libs, func(pattern string) bool { return fits(pattern, path) })
}

func fits(pattern, path string) bool {
	if folder, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == folder || strings.HasPrefix(path, folder+"/")
	}
	return pattern == path
}

// packages are the folders of the module that hold product files, below its
// root.
func packages(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != ".." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel("..", filepath.Dir(path))
		if dir := filepath.ToSlash(rel); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}
