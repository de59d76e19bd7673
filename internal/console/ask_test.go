package console

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

const tty = "CCSCTL_FORCE_TTY=80"

func TestConfirm(t *testing.T) {
	for _, test := range []struct {
		typed string
		yes   bool
		want  bool
	}{
		{"y\n", false, true}, {"YES\r\n", false, true}, {"y", false, true},
		{"n\n", false, false}, {"\n", false, false}, {"yep\n", false, false}, {"", false, false},
		{"n\n", true, true}, // not asked
	} {
		c, out, stderr := newTest(Options{In: strings.NewReader(test.typed), Yes: test.yes}, tty)
		got, err := c.Confirm(t.Context(), "Make 3 changes?", "--yes")
		if err != nil || got != test.want {
			t.Errorf("%q: got %v, %v, want %v", test.typed, got, err, test.want)
		}
		if asked := strings.HasPrefix(stderr.String(), "Make 3 changes? [y/N] "); asked == test.yes {
			t.Errorf("%q: asked %q", test.typed, stderr)
		}
		if out.Len() > 0 {
			t.Errorf("%q: a question on stdout", test.typed)
		}
	}
}

func TestConfirmNameTakesOnlyTheName(t *testing.T) {
	for typed, want := range map[string]fault.Kind{"prod\n": 0, " prod \r\n": 0, "Prod\n": fault.Usage, "y\n": fault.Usage, "": fault.Usage} {
		c, _, stderr := newTest(Options{In: strings.NewReader(typed), Yes: true}, tty) // Yes is not enough
		err := c.ConfirmName(t.Context(), "This deletes 23 resources.", "prod", "--confirm=prod")
		if got := fault.KindOf(err); got != want {
			t.Errorf("%q: got %v, want kind %d", typed, err, want)
		}
		if !strings.Contains(stderr.String(), "This deletes 23 resources.\nType prod to go on: ") {
			t.Errorf("%q: asked %q", typed, stderr)
		}
	}
}

// A read ahead for one answer does not swallow the next.
func TestTwoQuestions(t *testing.T) {
	c, _, _ := newTest(Options{In: strings.NewReader("y\nprod\n")}, tty)
	if ok, err := c.Confirm(t.Context(), "Sure?", "--yes"); !ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
	if err := c.ConfirmName(t.Context(), "Really?", "prod", "--confirm=prod"); err != nil {
		t.Error(err)
	}
}

func TestNobodyToAsk(t *testing.T) {
	for name, o := range map[string]struct {
		options Options
		env     string
	}{
		"pipe":       {Options{}, ""},
		"--no-input": {Options{NoInput: true}, tty},
	} {
		t.Run(name, func(t *testing.T) {
			o.options.In = strings.NewReader("y\nprod\n")
			c, _, stderr := newTest(o.options, o.env)
			ok, err := c.Confirm(t.Context(), "Sure?", "--yes")
			if ok || fault.KindOf(err) != fault.Usage || fault.HintOf(err) != "pass --yes" {
				t.Errorf("got %v, %v, hint %q", ok, err, fault.HintOf(err))
			}
			err = c.ConfirmName(t.Context(), "Sure?", "prod", "--confirm=prod")
			if fault.KindOf(err) != fault.Usage || fault.HintOf(err) != "pass --confirm=prod" {
				t.Errorf("got %v, hint %q", err, fault.HintOf(err))
			}
			if stderr.Len() > 0 {
				t.Errorf("asked %q", stderr)
			}
		})
	}
}

func TestCancelEndsTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, keyboard := io.Pipe()
		c, _, stderr := newTest(Options{In: in}, tty)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.ConfirmName(ctx, "This deletes all.", "prod", "--confirm=prod") }()
		synctest.Wait() // it waits for the keyboard
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		if !strings.HasSuffix(stderr.String(), ": \n") {
			t.Errorf("what follows %q does not start a line", stderr)
		}

		// The next question gets the next line, though an old read waits for it.
		go func() { _, _ = io.WriteString(keyboard, "prod\n") }()
		if err := c.ConfirmName(t.Context(), "This deletes all.", "prod", "--confirm=prod"); err != nil {
			t.Error(err)
		}
	})
}
