// Package fault holds errors meant for a person: what kind of failure it is,
// which decides the exit code, and what to type next. It knows nothing of AWS;
// the packages that do say which kind an error is.
package fault

import (
	"errors"
	"fmt"
)

// Kind is the sort of failure, which is also the exit code of the process.
type Kind int

// The exit codes, listed for people in 'ccsctl help exit-codes'.
const (
	Failed      Kind = 1   // something went wrong
	Usage       Kind = 2   // a wrong flag, argument or configuration; nothing was touched
	Partial     Kind = 3   // some resources changed, some failed
	Denied      Kind = 4   // no credentials, or not allowed
	Leftover    Kind = 5   // something was left behind
	Pending     Kind = 8   // changes, drift or bad health; only from commands that say so
	Interrupted Kind = 130 // stopped by the person
)

// Error is an error with a kind and, when there is one, a hint: a single
// imperative line that says what to do next.
type Error struct {
	Kind Kind
	Hint string
	err  error
}

// As gives err a kind and a hint ("" for none). A nil err stays nil.
func As(kind Kind, err error, hint string) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Hint: hint, err: err}
}

// Usagef is a failure of usage with no further hint.
func Usagef(format string, args ...any) error {
	return &Error{Kind: Usage, err: fmt.Errorf(format, args...)}
}

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// KindOf is the kind of the outermost Error in err's chain, Failed when there
// is none, and 0 for nil.
func KindOf(err error) Kind {
	if err == nil {
		return 0
	}
	if f, ok := errors.AsType[*Error](err); ok {
		return f.Kind
	}
	return Failed
}

// HintOf is the first hint found in err's tree, "" when there is none.
func HintOf(err error) string {
	switch e := err.(type) { //nolint:errorlint // this is the walk along the tree
	case *Error:
		if e.Hint != "" {
			return e.Hint
		}
		return HintOf(e.err)
	case interface{ Unwrap() error }:
		return HintOf(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			if hint := HintOf(err); hint != "" {
				return hint
			}
		}
	}
	return ""
}
