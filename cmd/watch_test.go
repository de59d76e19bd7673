package cmd

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/status"
)

// unlike is a Snapshot in which no two numbers are alike and every third is
// unknown.
func unlike() status.Snapshot {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := status.Snapshot{
		At:        at,
		Stream:    status.Stream{Name: "telemetry"},
		Functions: []status.Function{{Name: "ingest"}, {Name: "emergency"}},
		Queues:    []status.Queue{{Name: "emergency.fifo", DeadLetters: &status.DeadLetters{Name: "emergency-dlq.fifo"}}, {Name: "stream-failures"}},
		Topics:    []status.Topic{{Name: "owner-alerts"}, {Name: "alarms"}},
		Delivery:  status.Delivery{Name: "data-lake"}, Workflow: status.Workflow{Name: "emergency"},
		Problems: []status.Problem{{Part: "queue/stream-failures", What: "depth", Severity: status.Red, Text: "depth 3 messages", Since: at.Add(-3 * time.Minute), Fix: "ccsctl dlq peek stream-failures"}},
	}
	n := 0
	units := []status.Unit{status.RecordsPerSecond, status.BytesPerHour, status.Seconds, status.Percent, status.Messages, status.PerMinute}
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		switch {
		case v.Type() == reflect.TypeFor[status.Measure]():
			m := status.Measure{Unit: units[n%len(units)]}
			if n++; n%3 != 0 {
				m.Value, m.At, m.Severity = new(float64(n)*111.25), at, status.OK
			}
			v.Set(reflect.ValueOf(m))
		case v.Kind() == reflect.Pointer && !v.IsNil():
			fill(v.Elem())
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				fill(v.Index(i))
			}
		case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
			for i := range v.NumField() {
				fill(v.Field(i))
			}
		}
	}
	fill(reflect.ValueOf(&s).Elem())
	return s
}

// numbers are the texts of all measures in a JSON document, with how often each
// is there.
func numbers(v any, into map[string]int) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			numbers(x, into)
		}
	case map[string]any:
		if unit, ok := v["unit"].(string); ok {
			text := status.None
			if value, known := v["value"].(float64); known {
				text = status.Text(value, status.Unit(unit))
			}
			into[text]++
			return
		}
		for _, x := range v {
			numbers(x, into)
		}
	}
}

// Whoever quotes a number from the table, from plain lines or from JSON quotes
// the same one; what is unknown is so everywhere.
func TestFacesShowTheSameNumbers(t *testing.T) {
	v := watchView{unlike()}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	numbers(document, want)
	if len(want) < 30 || want[status.None] < 10 {
		t.Fatalf("only %d numbers, %d unknown ones", len(want), want[status.None])
	}

	plain := map[string]int{}
	for _, row := range v.Rows() {
		value, unit := row[2], status.Unit(row[3])
		n, err := strconv.ParseFloat(value, 64)
		if value == status.None {
			plain[status.None]++
			continue
		} else if err != nil {
			t.Fatalf("%v: %v", row, err)
		}
		plain[status.Text(n, unit)]++
	}
	if diff := cmp.Diff(want, plain); diff != "" {
		t.Errorf("JSON and plain differ (-json +plain):\n%s", diff)
	}

	table := v.Human(new(console.Painter))
	for _, text := range slices.Sorted(maps.Keys(want)) {
		if !strings.Contains(table, text) {
			t.Errorf("the table lacks %q:\n%s", text, table)
		}
	}
	if got := strings.Count(table, status.None); got != want[status.None] {
		t.Errorf("the table has %d unknowns, JSON %d", got, want[status.None])
	}
	line := new(watchLines).next(v.Snapshot)
	for _, text := range []string{v.Stream.Records.String(), v.Queues[0].Depth.String(), v.Queues[0].DeadLetters.Depth.String(), v.Topics[1].FailureRate.String(), v.Workflow.Failed.String()} {
		if !strings.Contains(line, text) {
			t.Errorf("the line lacks %q: %s", text, line)
		}
	}
}

// A log has each event once, and the newest state at its end.
func TestLinesTellEachEventOnce(t *testing.T) {
	s := unlike()
	var lines watchLines
	first := status.Event{At: s.At, Part: "alarm/emergency-dlq", Severity: status.Red, Text: "is ALARM"}
	second := status.Event{At: s.At.Add(time.Minute), Part: "alarm/emergency-dlq", Severity: status.OK, Text: "is OK"}
	s.Events = []status.Event{first}
	log := lines.next(s) + lines.next(s)
	s.Events = []status.Event{second, first}
	log += lines.next(s)
	if a, b := strings.Index(log, "is ALARM"), strings.Index(log, "is OK"); strings.Count(log, " event ") != 2 || a < 0 || b < a {
		t.Errorf("got\n%s", log)
	}
}
