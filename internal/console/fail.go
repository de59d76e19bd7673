package console

import (
	"errors"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// Fail says why the command failed: a line for each of the errors joined in
// err, and after an error, or after a run of errors that share it, the hint.
// A nil err is no failure and says nothing.
func (c *Console) Fail(err error) {
	if err == nil {
		return
	}
	p := c.Err.Painter()
	var lines []string
	failures := explain(err)
	for i, f := range failures {
		if f.message != "" {
			message := strings.ReplaceAll(printable(strings.TrimSpace(f.message), false), "\n", "\n  ")
			lines = append(lines, "ccsctl: "+p.Bold(p.Red("error:"))+" "+message)
		}
		if shared := i+1 < len(failures) && failures[i+1].hint == f.hint; f.hint != "" && !shared {
			lines = append(lines, "ccsctl: "+p.Cyan("hint:")+" "+f.hint)
		}
	}
	c.say(strings.Join(lines, "\n"))
}

type failure struct{ message, hint string }

// explain takes joined errors apart, also below others that wrap the whole:
// each then begins with what those add. A hint given to several errors at once
// comes as a failure without a message after them.
func explain(err error) []failure {
	switch e := err.(type) { //nolint:errorlint // the tree itself is wanted, not a kind of error in it
	case interface{ Unwrap() []error }:
		if children := e.Unwrap(); err.Error() == errors.Join(children...).Error() {
			var all []failure
			for _, child := range children {
				all = append(all, explain(child)...)
			}
			return all
		}
	case interface{ Unwrap() error }:
		inner := e.Unwrap()
		if inner == nil {
			break
		}
		prefix, ok := strings.CutSuffix(err.Error(), inner.Error())
		if !ok {
			break
		}
		return within(err, prefix, explain(inner))
	}
	return []failure{{err.Error(), fault.HintOf(err)}}
}

// within adds to failures what err, which wraps them, knows more.
func within(err error, prefix string, failures []failure) []failure {
	for i := range failures {
		if failures[i].message != "" {
			failures[i].message = prefix + failures[i].message
		}
	}
	f, ok := err.(*fault.Error) //nolint:errorlint // this error only, not those in it
	switch {
	case !ok || f.Hint == "":
	case len(failures) == 1:
		failures[0].hint = f.Hint // the outermost knows best
	default:
		failures = append(failures, failure{hint: f.Hint})
	}
	return failures
}
