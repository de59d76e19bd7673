package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const page = `Some prose.

| profile | check | seen | reason |
| --- | --- | --- | --- |
| ` + "`moto` | `queue/*-dlq* settled` | `redrive_allowed_from`" + ` | it forgets the attribute (API reference) |

| another | table |
`

// TestVerdicts holds the list to its two sides: what is not on it fails, and
// what is on it without need fails too.
func TestVerdicts(t *testing.T) {
	const dlq, forgets = "moto: queue/telemetry-dlq settled", "update: [redrive_allowed_from]"
	for name, x := range map[string]struct {
		run  func(*report)
		want string
		code int
	}{
		"a known gap is skipped": {func(r *report) { r.check(dlq, errors.New(forgets)) }, "compat: 0 passed, 0 failed, 1 skipped", 0},
		"the same check that fails otherwise is a new gap": {func(r *report) { r.check(dlq, errors.New("no such queue")) },
			"compat: 0 passed, 1 failed, 0 skipped", 1},
		"another profile's is a new gap": {func(r *report) {
			r.check(dlq, errors.New(forgets))
			r.check("fauxqs: queue/telemetry-dlq settled", errors.New(forgets))
		}, "compat: 0 passed, 1 failed, 1 skipped", 1},
		"a gap that passes must go": {func(r *report) { r.check(dlq, nil) }, "compat: 1 passed, 1 failed, 0 skipped", 1},
		"a gap that passes for one of several must be told more exactly": {func(r *report) {
			r.check(dlq, errors.New(forgets))
			r.check("moto: queue/emergency-dlq.fifo settled", nil)
		}, "compat: 1 passed, 1 failed, 1 skipped", 1},
		"a gap that knows no check must go":      {func(*report) {}, "compat: 0 passed, 1 failed, 0 skipped", 1},
		"what could not be tried proves nothing": {func(r *report) { r.skip(dlq, "not installed") }, "compat: 0 passed, 0 failed, 1 skipped", 0},
	} {
		t.Run(name, func(t *testing.T) {
			gaps, err := parseGaps(page)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			r := &report{out: &out, gaps: gaps}
			x.run(r)
			code := r.close(true)
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if last := lines[len(lines)-1]; last != x.want || code != x.code {
				t.Errorf("got %q and %d, want %q and %d", last, code, x.want, x.code)
			}
		})
	}
}

func TestGapsNeedTheirReason(t *testing.T) {
	for name, text := range map[string]string{
		"no table":  "| check | reason |",
		"no reason": strings.Replace(page, "it forgets the attribute (API reference)", "", 1),
		"no cell":   strings.Replace(page, "| it forgets the attribute (API reference) |", "", 1),
	} {
		if gaps, err := parseGaps(text); err == nil {
			t.Errorf("%s: accepted as %v", name, gaps)
		}
	}
}

// TestTheListIsRead keeps docs/compat.md and the program in step: every gap is
// of a profile that is run.
func TestTheListIsRead(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "compat.md"))
	if err != nil {
		t.Fatal(err)
	}
	gaps, err := parseGaps(string(text))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, p := range profiles() {
		known[p.name] = true
	}
	for _, g := range gaps {
		if profile, _, _ := strings.Cut(g.line, ": "); !known[profile] {
			t.Errorf("%q is of no profile", g.line)
		}
	}
}
