package cmd

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/fault"
)

// An action is the command itself: with its arguments and none of the process's
// own, its questions answered, its words as lines, its error and hint told.
func TestActionIsTheCommand(t *testing.T) {
	outer := &env{flags: globalFlags{sandbox: true}}
	var got []string
	var inner *env
	broken := errors.New("2 of 3 were moved")
	a := &action{env: outer, path: "dlq redrive", args: []string{"emergency", "--canary", "10"}, given: []string{"--sandbox"},
		make: func(e *env) *cobra.Command {
			inner = e
			var canary int
			c := &cobra.Command{Use: "redrive", RunE: func(c *cobra.Command, args []string) error {
				got = append(args, c.Flag("canary").Value.String())
				if yes, err := e.console.Confirm(c.Context(), "Move them?", "--yes"); err != nil || !yes {
					t.Errorf("the question: %v, %v", yes, err)
				}
				e.console.Notef("moving")
				return errors.Join(e.console.Print(versionView{Version: "v1"}), fault.As(fault.Failed, broken, "look at the logs"))
			}}
			c.Flags().IntVar(&canary, "canary", 0, "")
			return c
		}}
	var lines []string
	err := a.Run(t.Context(), func(line string) { lines = append(lines, line) })
	if want := []string{"emergency", "10"}; !slices.Equal(got, want) {
		t.Errorf("ran with %v, want %v", got, want)
	}
	if !errors.Is(err, broken) || !slices.Contains(lines, "moving") || lines[len(lines)-1] != "hint: look at the logs" || len(lines) < 3 {
		t.Errorf("got %v and %q", err, lines)
	}
	if !inner.flags.sandbox || inner.flags.yes != true || outer.flags.yes || inner.console.Format() != console.Table {
		t.Errorf("the command's flags: %+v", inner.flags)
	}
	if want := "ccsctl dlq redrive emergency --canary 10 --sandbox"; a.Command() != want {
		t.Errorf("shows %q, want %q", a.Command(), want)
	}
}

func TestActionWithoutArgumentsTakesNoneOfTheProcess(t *testing.T) {
	ran := false
	a := &action{env: &env{}, path: "probe", make: func(*env) *cobra.Command {
		return &cobra.Command{Use: "probe", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { ran = true; return nil }}
	}}
	if err := a.Run(context.Background(), func(string) {}); err != nil || !ran {
		t.Errorf("ran %v, %v: go test has arguments that probe does not know", ran, err)
	}
}

func TestGivenSaysWhichPipeline(t *testing.T) {
	root := newRoot(&env{})
	c, rest, err := root.Find([]string{"watch", "-c", "a b.tf", "-c", "c.yaml", "--sandbox", "--yes", "--every", "2s", "--set", "autoscaling.max_shards=20"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	want := []string{`--config="a b.tf"`, "--config=c.yaml", "--sandbox", "--set=autoscaling.max_shards=20"}
	if got := given(c.Flags()); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
