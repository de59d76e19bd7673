package progress

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Lines observes by writing one line for each call, wait and end, for logs and
// terminals that can't move the cursor. It takes one event at a time, as
// plan.Options promises, and writes each line at once. That w fails is ignored.
func Lines(w io.Writer) func(plan.Event) {
	return func(e plan.Event) {
		text := oneLine(e.Text)
		switch {
		case e.Kind == plan.Started:
			return // its first call or wait follows
		case e.Kind == plan.Ended && e.Outcome == plan.Done:
			text = verdict(e) + " in " + seconds(e.Elapsed)
		case e.Kind == plan.Ended:
			text = verdict(e)
		}
		_, _ = fmt.Fprintf(w, "%s: %s\n", e.ID, text)
	}
}

// verdict says how a resource ended: "created", "failed: no such bucket".
func verdict(e plan.Event) string {
	reason := e.Text
	if e.Err != nil {
		reason = e.Err.Error()
	}
	switch {
	case e.Outcome == plan.Done:
		return past(e.Action)
	case errors.Is(e.Err, plan.ErrStopped):
		return oneLine(reason) // says so itself
	}
	// The error of a skipped resource begins with that very word.
	word := string(e.Outcome)
	if reason = strings.TrimPrefix(oneLine(reason), word+": "); reason == "" {
		return word
	}
	return word + ": " + reason
}

// past is what was done, in one word.
func past(a resource.Action) string {
	switch a {
	case resource.Create:
		return "created"
	case resource.Update:
		return "updated"
	case resource.Replace:
		return "replaced"
	case resource.Delete:
		return "deleted"
	case resource.Conflict:
		return "adopted"
	case resource.None:
		return "settled"
	default:
		return "done"
	}
}

// oneLine makes text safe to stand within a line: errors quote what AWS, a proxy
// or a neighbour in the account wrote, and that must not drive the terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.Join(strings.Fields(text), " "))
}
