package wire

import (
	"regexp"
	"sync"
)

// Pattern is a regular expression for what the models leave unsaid. It is
// compiled at its first use: the tool starts many times for each time that it is
// a sandbox.
func Pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
