package scale

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Whatever the file holds, the lines that are whole count, and only those of the
// last day of this stream.
func FuzzLedger(f *testing.F) {
	f.Add("2026-11-23T11:50:00Z 4 8\n2026-11-23T09:00:00Z 8 16\n")
	f.Add("2026-11-23T11:59:00Z 4")
	f.Add("\n\x00 \n2026-11-23T11:59:00Z -1 8 9\n")
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	born, made := now.Add(-time.Hour), now.Add(-time.Minute)
	line := made.Format(time.RFC3339Nano) + " 1 2\n"
	f.Fuzz(func(t *testing.T, text string) {
		before, err := readSpent(strings.NewReader(text), now, born)
		if err != nil {
			t.Fatal(err)
		}
		after, err := readSpent(strings.NewReader(line+text), now, born)
		if err != nil || len(after) != len(before)+1 || !slices.ContainsFunc(after, made.Equal) {
			t.Errorf("%v with a line more than %v: %v", after, before, err)
		}
		for _, at := range after {
			if at.After(now) || at.Before(born) || now.Sub(at) >= day {
				t.Errorf("%v counts at %v for a stream of %v", at, now, born)
			}
		}
	})
}
