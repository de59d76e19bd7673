package main

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A gap is a check that is known to fail, for a reason that is not ours.
type gap struct {
	checks *regexp.Regexp // the full names of the checks
	line   string         // as it stands in the table, for people
	seen   string         // what the failure must say
	reason string
}

var tableRow = regexp.MustCompile(`^\|(.+)\|(.+)\|(.+)\|(.+)\|\s*$`)

// parseGaps reads the tables of docs/compat.md with the header below: the
// checks, where * stands for anything, what is seen, and why it is not ours.
func parseGaps(page string) ([]gap, error) {
	const header = "| profile | check | seen | reason |"
	var gaps []gap
	inTable, found := false, false
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		switch {
		case line == header:
			inTable, found = true, true
		case !inTable || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| ---"):
		case line == "":
			inTable = false
		default:
			cells := tableRow.FindStringSubmatch(line)
			if cells == nil {
				return nil, fmt.Errorf("not a row of four cells: %s", line)
			}
			for i := range cells {
				cells[i] = strings.Trim(cells[i], " `")
			}
			if slices.Contains(cells[1:], "") {
				return nil, fmt.Errorf("a gap needs its check, what is seen and a reason: %s", line)
			}
			name := cells[1] + ": " + cells[2]
			pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(name), `\*`, `.*`) + "$"
			gaps = append(gaps, gap{regexp.MustCompile(pattern), name, cells[3], cells[4]})
		}
	}
	if !found {
		return nil, fmt.Errorf("no table with the header %q", header)
	}
	return gaps, nil
}

// A report counts checks and prints them as they come.
type report struct {
	out  io.Writer
	gaps []gap

	passed, failed, skipped int
	results                 map[string]outcome // by the check's name
}

type outcome int

const (
	pass outcome = iota
	fail
	skip
)

func (r *report) note(name string, o outcome) {
	if r.results == nil {
		r.results = map[string]outcome{}
	}
	r.results[name] = o
}

// check counts one check: passed without an error. A failure that a gap knows
// counts as skipped.
func (r *report) check(name string, err error) {
	if err == nil {
		r.passed++
		r.note(name, pass)
		fmt.Fprintf(r.out, "ok    %s\n", name)
		return
	}
	r.note(name, fail)
	text := strings.Join(strings.Fields(err.Error()), " ")
	for _, g := range r.gaps {
		if g.checks.MatchString(name) && strings.Contains(text, g.seen) {
			r.skipped++
			fmt.Fprintf(r.out, "gap   %s: %s\n", name, g.reason)
			return
		}
	}
	r.failed++
	fmt.Fprintf(r.out, "FAIL  %s: %s\n", name, text)
}

// skip counts one check that could not be made.
func (r *report) skip(name, why string) {
	r.skipped++
	r.note(name, skip)
	fmt.Fprintf(r.out, "SKIP  %s: %s\n", name, why)
}

// close fails every gap that is none any more, prints the last line and gives
// the exit code. In a whole run every gap must know a check; a check that was
// skipped proves nothing either way.
func (r *report) close(whole bool) int {
	for _, g := range r.gaps {
		known := false
		for _, name := range slices.Sorted(maps.Keys(r.results)) {
			if !g.checks.MatchString(name) {
				continue
			}
			known = true
			if r.results[name] == pass {
				r.failed++
				fmt.Fprintf(r.out, "FAIL  %s passes, although a known gap: remove %q from the list\n", name, g.line)
			}
		}
		if !known && whole {
			r.failed++
			fmt.Fprintf(r.out, "FAIL  there is no check %q: remove it from the list of gaps\n", g.line)
		}
	}
	fmt.Fprintf(r.out, "compat: %d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	if r.failed > 0 {
		return 1
	}
	return 0
}
