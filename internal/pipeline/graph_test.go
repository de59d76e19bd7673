package pipeline_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// before says what must be made before what, as AWS demands or as nothing that
// happens meanwhile would be lost.
var before = []struct{ first, then string }{
	{"key/pipeline", "stream/telemetry"},
	{"key/pipeline", "topic/alarms"},
	{"key/pipeline", "bucket/data-lake"},
	{"queue/emergency-dlq.fifo", "queue/emergency.fifo"},
	{"queue/telemetry-dlq", "queue/telemetry"},
	{"stream/telemetry", "delivery/data-lake"},
	{"bucket/data-lake", "delivery/data-lake"},
	{"catalog/telemetry", "delivery/data-lake"},
	{"role/data-lake", "delivery/data-lake"},
	{"loggroup/data-lake", "delivery/data-lake"}, // or AWS makes one of its own, without an end (trap 42)
	{"loggroup/ingest", "function/ingest"},
	{"role/ingest", "function/ingest"},
	{"function/ingest", "mapping/ingest"},
	{"queue/stream-failures", "mapping/ingest"},
	{"queue/emergency.fifo", "mapping/ingest"}, // where ingest sends to, before it is fed
	{"queue/telemetry", "mapping/ingest"},
	{"workflow/emergency", "mapping/emergency"},
	{"topic/owner-alerts", "mapping/followup"},
	{"role/workflow", "workflow/emergency"},
	{"topic/alarms", "alarm/iterator-age"},
}

func TestGraphIsInOrder(t *testing.T) {
	for name, change := range map[string]func(*config.Config){
		"own key":   func(*config.Config) {},
		"given key": func(c *config.Config) { c.KMSKeyID = "arn:aws:kms:eu-west-1:000000000000:key/0" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "instant")
			change(&w.config)
			g := w.pipeline().Graph()
			sorted, err := g.Sort()
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, r := range sorted {
				if id := r.ID().String(); slices.Contains(ids, id) {
					t.Errorf("%s is there twice", id)
				} else {
					ids = append(ids, id)
				}
			}
			if w.config.KMSKeyID != "" && slices.ContainsFunc(sorted, func(r resource.Resource) bool { return r.ID().Kind == "key" }) {
				t.Error("a key that is not ours is in the graph")
			}
			for _, o := range before {
				first, then := slices.Index(ids, o.first), slices.Index(ids, o.then)
				if w.config.KMSKeyID != "" && strings.HasPrefix(o.first, "key/") {
					continue
				}
				if first < 0 || then < 0 || first > then {
					t.Errorf("%s is at %d and %s at %d", o.first, first, o.then, then)
				}
				if needs := reach(w, o.then); !slices.Contains(needs, o.first) {
					t.Errorf("%s does not need %s: it is before it by chance", o.then, o.first)
				}
			}
		})
	}
}

// reach is all that a resource needs, directly or not.
func reach(w *world, id string) []string {
	g := w.pipeline().Graph()
	var all []string
	var visit func(r resource.Resource)
	visit = func(r resource.Resource) {
		for _, need := range g.Needs(r) {
			if name := need.ID().String(); !slices.Contains(all, name) {
				all = append(all, name)
				visit(need)
			}
		}
	}
	for _, r := range g.Nodes() {
		if r.ID().String() == id {
			visit(r)
		}
	}
	return all
}

// Every name that the configuration takes, AWS takes: the sandbox holds them to
// the lengths and patterns of AWS's own models. The Region has the longest name
// that there is.
func TestTheLongestNamesWork(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ccsctl.yaml")
	load := func(project string) (*config.Config, error) {
		text := fmt.Sprintf("project_name: %s\nenvironment: production\ns3_data_lake_bucket: %s\n", project, strings.Repeat("b", 63))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.Load(config.Source{Files: []string{file}})
	}
	var longest *config.Config
	for n := 1; ; n++ {
		c, err := load(strings.Repeat("p", n))
		if err != nil {
			t.Logf("%d characters are too many: %v", n, err)
			break
		}
		longest = c
	}
	if longest == nil || len(longest.Project) < 20 {
		t.Fatalf("the longest project is %v", longest)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "instant")
		s, cfg := sandboxtest.New(t, sandbox.Options{Region: "ap-southeast-1"})
		w.sandbox, w.aws, w.config = s, cfg, *longest
		w.up()
		w.settled()
		w.down()
		w.gone()
	})
}
