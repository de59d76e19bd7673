package cmd

import (
	"encoding"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/demo"

	"github.com/ccs-platform/ccsctl/internal/alert"
	"github.com/ccs-platform/ccsctl/internal/deadletter"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// results are all that the commands print with -o json and -o ndjson.
var results = map[string][]any{
	"alert test":                       {alertTestView{}},
	"alert test, a line of ndjson":     {alert.Report{}},
	"dlq list":                         {dlqListView{}},
	"dlq list, a line of ndjson":       {dlqRow{}},
	"dlq peek":                         {dlqPeekView{}},
	"dlq peek, a line of ndjson":       {deadletter.Record{}},
	"dlq purge":                        {dlqPurgeView{}},
	"demo":                             {&demoView{}},
	"demo, the lines of ndjson":        append((&demoView{}).Items(), demo.Outcome{}),
	"plan":                             {planView{}},
	"plan, a line of ndjson":           {planRow{}},
	"scale":                            {&scaleView{}},
	"scale, the end of ndjson":         (&scaleView{}).Items(),
	"status":                           {statusView{}},
	"status, a line of ndjson":         {statusRow{}},
	"probe":                            {probeView{}},
	"up and down":                      {outcomeView{}},
	"up and down, an event of ndjson":  {eventView{}},
	"up and down, the end of ndjson":   (&outcomeView{}).Items(),
	"dlq redrive":                      {redriveView{}},
	"dlq cancel":                       {moveView{}},
	"dlq status":                       {movesView{}},
	"sandbox start and sandbox status": {sandboxView{}},
	"watch":                            {watchView{}},
	"sandbox fault":                    {faultsView{}},
	"sandbox fault, a line of ndjson":  {faultView{}},
	"traffic":                          {trafficView{}},
	"version":                          {versionView{}},
}

// TestJSONKeepsItsFields holds the results to their fields: programs read them,
// so that fields are only ever added.
func TestJSONKeepsItsFields(t *testing.T) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(results)) {
		for _, v := range results[name] {
			b.WriteString(name + "\n")
			for _, field := range fields(t, reflect.TypeOf(v), "") {
				b.WriteString("  " + field + "\n")
			}
		}
	}
	golden := filepath.Join("testdata", "json-fields.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("fields (-promised +now); a new one is written down with -update, none may go:\n%s", diff)
	}
}

// fields are the paths of a type's JSON: "resources[].attributes[].name string".
func fields(t *testing.T, of reflect.Type, path string) []string {
	const optional = ", optional"
	text := reflect.TypeFor[encoding.TextMarshaler]()
	switch own := reflect.TypeFor[json.Marshaler](); {
	case of == reflect.TypeFor[time.Time]():
		return []string{path + " time"}
	case of.Implements(text):
		return []string{path + " string"}
	case of.Implements(own):
		t.Fatalf("%v writes JSON of its own, which its fields don't tell", of)
	}
	switch of.Kind() {
	case reflect.Pointer:
		return fields(t, of.Elem(), path)
	case reflect.Slice:
		return fields(t, of.Elem(), path+"[]")
	case reflect.Map:
		return fields(t, of.Elem(), path+"{}")
	case reflect.Struct:
		var all []string
		for f := range of.Fields() {
			name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous && name == "":
				all = append(all, fields(t, f.Type, path)...)
			case !f.IsExported() || name == "-":
			case name == "":
				t.Errorf("%v.%s has no name in JSON", of, f.Name)
			default:
				at := name
				if path != "" {
					at = path + "." + name
				}
				for _, line := range fields(t, f.Type, at) {
					if option == "omitempty" && !strings.HasSuffix(line, optional) {
						line += optional
					}
					all = append(all, line)
				}
			}
		}
		return all
	default:
		return []string{path + " " + of.Kind().String()}
	}
}
