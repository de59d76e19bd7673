package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

func TestKindAndHint(t *testing.T) {
	inner := fault.As(fault.Denied, io.EOF, "log in")
	outer := fault.As(fault.Partial, fmt.Errorf("apply: %w", inner), "")
	for _, c := range []struct {
		name string
		err  error
		kind fault.Kind
		hint string
		text string
	}{
		{"nothing", nil, 0, "", ""},
		{"nothing with a kind", fault.As(fault.Denied, nil, "log in"), 0, "", ""},
		{"a plain error", io.EOF, fault.Failed, "", "EOF"},
		{"usage", fault.Usagef("no such flag: %s", "-x"), fault.Usage, "", "no such flag: -x"},
		{"a fault", inner, fault.Denied, "log in", "EOF"},
		{"the outermost kind, the first hint", outer, fault.Partial, "log in", "apply: EOF"},
		{"a hint that replaces", fault.As(fault.Partial, inner, "run it again"), fault.Partial, "run it again", "EOF"},
		{"several failures", errors.Join(io.EOF, inner), fault.Denied, "log in", "EOF\nEOF"},
		{"a hint behind others without one", errors.Join(fault.Usagef("flag"), inner), fault.Usage, "log in", "flag\nEOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fault.KindOf(c.err); got != c.kind {
				t.Errorf("kind %d, want %d", got, c.kind)
			}
			if got := fault.HintOf(c.err); got != c.hint {
				t.Errorf("hint %q, want %q", got, c.hint)
			}
			if c.err != nil && c.err.Error() != c.text {
				t.Errorf("says %q, want %q", c.err, c.text)
			}
		})
	}
	if !errors.Is(outer, io.EOF) {
		t.Error("the cause can't be asked for")
	}
}
