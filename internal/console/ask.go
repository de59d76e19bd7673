package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// Confirm asks a question that is answered by y or n; anything but yes is no,
// as is the end of the input. With Yes it is true and nothing is asked. Where
// nobody can be asked it is a fault of usage whose hint names flag, the way to
// answer beforehand. When ctx ends, so does the question, with its error.
func (c *Console) Confirm(ctx context.Context, question, flag string) (bool, error) {
	if c.opts.Yes {
		return true, nil
	}
	reply, err := c.ask(ctx, question+" [y/N] ", flag)
	if err != nil {
		return false, err
	}
	switch strings.ToLower(reply) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// ConfirmName shows what is about to happen and asks for a name to be typed,
// for acts too severe for a y. It is nil only when name was typed; Yes does
// not answer it. Otherwise it fails as Confirm does, and with a fault of usage
// when something else was typed.
func (c *Console) ConfirmName(ctx context.Context, what, name, flag string) error {
	reply, err := c.ask(ctx, fmt.Sprintf("%s\nType %s to go on: ", what, name), flag)
	if err != nil {
		return err
	}
	if reply != name {
		return fault.As(fault.Usage, fmt.Errorf("confirm: %q typed, not %q", reply, name), "nothing was touched; run the command again to try again")
	}
	return nil
}

type answer struct {
	line string
	err  error
}

// CanAsk is nil where questions can be answered, and otherwise the fault of
// usage with which they fail; its hint names flag.
func (c *Console) CanAsk(flag string) error {
	if c.canAsk {
		return nil
	}
	reason := "not a terminal"
	if c.opts.NoInput {
		reason = "--no-input was given"
	}
	return fault.As(fault.Usage, fmt.Errorf("ask for confirmation: %s", reason), "pass "+flag)
}

// ask reads one line. A read can't be taken back, so a cancelled question
// leaves its own to the next one.
func (c *Console) ask(ctx context.Context, prompt, flag string) (string, error) {
	if err := c.CanAsk(flag); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c.Err, printable(prompt, c.Err.colour)); err != nil {
		return "", fmt.Errorf("ask for confirmation: %w", err)
	}
	if c.pending == nil {
		pending := make(chan answer, 1)
		c.pending = pending
		go func() {
			line, err := c.in.ReadString('\n')
			pending <- answer{line, err}
		}()
	}
	select {
	case <-ctx.Done():
		c.say("") // what follows starts on a line of its own
		return "", ctx.Err()
	case a := <-c.pending:
		c.pending = nil
		if a.err != nil {
			c.say("")
		}
		if a.err != nil && !errors.Is(a.err, io.EOF) {
			return "", fmt.Errorf("read the answer: %w", a.err)
		}
		return strings.TrimSpace(a.line), nil
	}
}
