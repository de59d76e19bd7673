//go:build compat

package firehose_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
)

// TestAnotherReader lets pyarrow read what was delivered. It needs a Python that
// has it, named by COMPAT_PYTHON.
func TestAnotherReader(t *testing.T) {
	python := os.Getenv("COMPAT_PYTHON")
	if python == "" {
		t.Skip("COMPAT_PYTHON names no Python with pyarrow")
	}
	folder := t.TempDir()
	manifest := filepath.Join(folder, "manifest.json")
	var rows []map[string]any
	synctest.Test(t, func(t *testing.T) { rows = deliverAllTypes(t, filepath.Join(folder, "lake")) })
	text, err := json.Marshal(map[string]any{
		"columns": [][]string{
			{"event_id", "string"}, {"speed", "double"}, {"ratio", "float"}, {"gear", "int32"}, {"odometer", "int64"}, {"moving", "bool"},
			{"at", "timestamp[ns]"}, {"tags", "list<element: string>"}, {"limits", "map<string, int32 ('limits')>"}, {"place", "struct<lat: double, name: string>"},
			{"fare", "decimal128(10, 2)"}, {"built", "date32[day]"}, {"doors", "int8"}, {"trips", "list<element: struct<km: decimal128(5, 1), stops: list<element: string>>>"},
		},
		"codec": "GZIP", "rows": rows, "partitions": map[string]string{"year": "2000", "month": "01", "day": "01"}, // when bubbles begin
	})
	must(t, err)
	must(t, os.WriteFile(manifest, text, 0o600))
	out, err := exec.CommandContext(t.Context(), python, "../../../.ci/compat.d/parquet.py", manifest, filepath.Join(folder, "lake")).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "ok: 2002 rows in 2 files") {
		t.Errorf("%v: %s", err, out)
	}
}

// deliverAllTypes delivers rows of every type in two objects, and writes the
// lake into a folder.
func deliverAllTypes(t *testing.T, folder string) (rows []map[string]any) {
	w := live(t, "fast")
	var columns []gluetypes.Column
	for _, c := range [][2]string{
		{"event_id", "string"}, {"speed", "double"}, {"ratio", "float"}, {"gear", "int"}, {"odometer", "bigint"}, {"moving", "boolean"},
		{"at", "timestamp"}, {"tags", "array<string>"}, {"limits", "map<string,int>"}, {"place", "struct<lat:double,name:string>"},
		{"fare", "decimal(10,2)"}, {"built", "date"}, {"doors", "tinyint"}, {"trips", "array<struct<km:decimal(5,1),stops:array<string>>>"},
	} {
		columns = append(columns, gluetypes.Column{Name: aws.String(c[0]), Type: aws.String(c[1])})
	}
	_, err := glue.NewFromConfig(w.cfg).UpdateTable(t.Context(), &glue.UpdateTableInput{DatabaseName: aws.String("db"),
		TableInput: &gluetypes.TableInput{Name: aws.String("events"), StorageDescriptor: &gluetypes.StorageDescriptor{Columns: columns}}})
	must(t, err)
	in := good()
	in.ExtendedS3DestinationConfiguration.Prefix = aws.String("year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/")
	w.create(in)
	time.Sleep(time.Second)
	for object := range 2 {
		for batch := range 2 {
			var records []string
			for i := range 500 {
				n := object*1000 + batch*500 + i
				row := map[string]any{
					"event_id": fmt.Sprintf("e%04d é\"\n", n), "speed": float64(n) / 3, "ratio": float64(n) / 4, "gear": n % 6, "odometer": int64(n) << 33, "moving": n%2 == 0,
					"at":   time.Date(2026, 2, 28, 23, 59, n%60, 125_000_000, time.UTC).Format("2006-01-02T15:04:05.000000"),
					"tags": []any{"a", nil, fmt.Sprint(n)}, "limits": []any{[]any{"max", n}, []any{"min", nil}}, "place": map[string]any{"lat": float64(n) / 7, "name": nil},
					"fare": fmt.Sprintf("%d.%02d", -n, n%100), "built": "2026-02-28", "doors": n%256 - 128,
					"trips": []any{nil, map[string]any{"km": fmt.Sprintf("%d.5", n), "stops": []any{}}, map[string]any{"km": nil, "stops": []any{"a", fmt.Sprint(n)}}},
				}
				rows = append(rows, row)
				records = append(records, asJSON(t, row))
			}
			w.put(records...)
			time.Sleep(time.Second) // a shard takes a thousand
		}
		null := map[string]any{"event_id": fmt.Sprintf("null %d", object)}
		w.put(asJSON(t, null))
		for _, c := range columns[1:] {
			null[*c.Name] = nil
		}
		rows = append(rows, null)
		time.Sleep(10 * time.Second)
	}
	for key, data := range w.lake() {
		path := filepath.Join(folder, filepath.FromSlash(key))
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, data, 0o600))
	}
	return rows
}

// asJSON is the record of a row: its map is an object there, its time ends in Z.
func asJSON(t *testing.T, row map[string]any) string {
	record := map[string]any{}
	for k, v := range row {
		switch pairs, ok := v.([]any); {
		case k == "limits" && ok:
			object := map[string]any{}
			for _, p := range pairs {
				object[p.([]any)[0].(string)] = p.([]any)[1]
			}
			v = object
		case k == "at":
			v = v.(string) + "Z"
		}
		record[strings.ToUpper(k)] = v
	}
	text, err := json.Marshal(record)
	must(t, err)
	return string(text)
}
