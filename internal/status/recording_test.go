package status

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Every measure of the type is visited, and no clone shares one: a field that
// is added and forgotten would not be recorded or printed.
func TestMeasuresAreAll(t *testing.T) {
	s := Snapshot{
		Stream: Stream{PerShard: make([]Shard, 1)}, Functions: make([]Function, 1), Topics: make([]Topic, 1),
		Queues: []Queue{{DeadLetters: &DeadLetters{}}},
	}
	want := 0
	var count func(v reflect.Value)
	count = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				count(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				count(v.Index(i))
			}
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[Measure]() {
				want++
				return
			}
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					count(v.Field(i))
				}
			}
		}
	}
	count(reflect.ValueOf(s))
	seen := map[*Measure]bool{}
	s.measures(func(_, _ string, m *Measure) { seen[m] = true })
	copied := s.clone()
	copied.measures(func(part, name string, m *Measure) {
		if seen[m] {
			t.Errorf("a clone shares %s %s", part, name)
		}
	})
	if len(seen) != want {
		t.Errorf("%d measures are visited, there are %d", len(seen), want)
	}
	parts := s.Parts()
	for _, f := range s.Facts() {
		if !slices.ContainsFunc(parts, func(p Part) bool { return p.Name == f.Part }) {
			t.Errorf("%s %s is of no part", f.Part, f.Name)
		}
	}
}

// film is any sequence of Snapshots: histories that grow, slide, change their
// newest point, vanish and come back.
func film(t *rapid.T) []Snapshot {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var all []Snapshot
	var points []Point
	for i := range rapid.IntRange(1, 8).Draw(t, "frames") {
		switch rapid.IntRange(0, 4).Draw(t, "change") {
		case 0:
			points = nil
		case 1:
			points = slices.Clone(points[len(points)/2:])
		case 2:
			if n := len(points); n > 0 {
				points = slices.Clone(points)
				points[n-1].Value, points[n-1].Partial = rapid.Float64Range(0, 9).Draw(t, "value"), rapid.Bool().Draw(t, "partial")
			}
		default:
			for range rapid.IntRange(1, 3).Draw(t, "more") {
				at := start
				if n := len(points); n > 0 {
					at = points[n-1].At.Add(time.Minute)
				}
				points = append(slices.Clone(points), Point{At: at, Value: rapid.Float64Range(0, 9).Draw(t, "value")})
			}
		}
		s := Snapshot{At: start.Add(time.Duration(i) * time.Second), Severity: Red, Identity: Identity{Project: "ccs"}}
		s.Stream.Records = Measure{Unit: RecordsPerSecond, History: points, Limit: new(3.0)}
		if rapid.Bool().Draw(t, "queue") {
			s.Queues = []Queue{{Name: "telemetry", Depth: Measure{Value: new(float64(i)), History: points}, DeadLetters: &DeadLetters{Oldest: Measure{History: points}}}}
		}
		all = append(all, s)
	}
	return all
}

// What was recorded is played back frame for frame, as far as the file is whole,
// wherever it was cut; and nobody's Snapshot is changed by it.
func TestRecordingIsPlayedBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frames := film(t)
		text := func(s Snapshot) string {
			b, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		var want []string
		for _, f := range frames {
			want = append(want, text(f))
		}
		var file bytes.Buffer
		r := NewRecorder(&file)
		for i, f := range frames {
			if err := r.Write(f); err != nil {
				t.Fatal(err)
			}
			if text(f) != want[i] {
				t.Fatalf("recording changed frame %d", i)
			}
		}
		cut := rapid.IntRange(0, file.Len()).Draw(t, "cut")
		whole := max(0, bytes.Count(file.Bytes()[:cut], []byte("\n"))-1)
		p, err := NewPlayer(bytes.NewReader(file.Bytes()[:cut]))
		if err != nil {
			if whole > 0 || bytes.Contains(file.Bytes()[:cut], []byte("\n")) {
				t.Fatal(err)
			}
			return
		}
		for i := range whole {
			s, err := p.Next()
			if err != nil {
				t.Fatalf("frame %d of %d: %v", i, whole, err)
			}
			if got := text(s); got != want[i] {
				t.Fatalf("frame %d is\n%s\nwant\n%s", i, got, want[i])
			}
		}
		if _, err := p.Next(); !errors.Is(err, io.EOF) && !errors.Is(err, ErrCut) {
			t.Fatalf("after the last frame: %v", err)
		}
	})
}

func TestWhatIsNoRecording(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "the recording is empty",
		"hello\n":                          "this is no recording of 'ccsctl watch --record'",
		`{"a":1}` + "\n":                   "this is no recording of 'ccsctl watch --record'",
		`{"ccsctl_recording":99}` + "\n":   "the recording has version 99, this program knows 1",
		`{"ccsctl_recording":1,"identity"`: "the recording is empty",
	} {
		if _, err := NewPlayer(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	const begin = `{"ccsctl_recording":1}` + "\n"
	for _, line := range []string{`{"snapshot":{},"kept":[1,2]}`, `{"snapshot":{}}`, `{"snapshot":{"severity":"pink"}}`, `nonsense`} {
		p, err := NewPlayer(strings.NewReader(begin + line + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Next(); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%s: got %v, want an error that names the line", line, err)
		}
	}
}

func FuzzPlayer(f *testing.F) {
	var file bytes.Buffer
	r := NewRecorder(&file)
	for i := range 3 {
		s := Snapshot{At: time.Unix(int64(i), 0).UTC(), Queues: []Queue{{Name: "q", Depth: Measure{History: []Point{{At: time.Unix(0, 0).UTC()}, {At: time.Unix(60, 0).UTC(), Value: float64(i)}}}}}}
		if err := r.Write(s); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(file.Bytes())
	f.Add([]byte(`{"ccsctl_recording":1}` + "\n" + `{"snapshot":{},"kept":[-1,9]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := NewPlayer(bytes.NewReader(data))
		if err != nil {
			return
		}
		var again bytes.Buffer
		r := NewRecorder(&again)
		for {
			s, err := p.Next()
			if err != nil {
				return
			}
			s.Facts() // what is taken can be shown, and be recorded
			if err := r.Write(s); err != nil && !strings.Contains(err.Error(), "year outside of range") {
				t.Fatalf("it can be read and not be written: %v", err)
			}
		}
	})
}
