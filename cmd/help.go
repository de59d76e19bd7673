package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// usage marks what cobra finds wrong with arguments as the person's mistake.
func usage(args cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, given []string) error {
		return fault.As(fault.Usage, args(c, given), seeHelp(c))
	}
}

func seeHelp(c *cobra.Command) string { return fmt.Sprintf("see '%s --help'", c.CommandPath()) }

// noArgs is for a command that takes flags only.
func noArgs(c *cobra.Command, given []string) error {
	if len(given) == 0 {
		return nil
	}
	return fault.As(fault.Usage, fmt.Errorf("%s takes no arguments, got %q", c.CommandPath(), strings.Join(given, " ")), seeHelp(c))
}

// subcommand is for a command that only leads to others: what is left of its
// arguments is none of them.
func subcommand(c *cobra.Command, given []string) error {
	if len(given) == 0 {
		return nil
	}
	hint := seeHelp(c)
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(given[0]); len(near) > 0 && len(given[0]) > 1 {
		hint = fmt.Sprintf("try '%s %s', or %s", c.CommandPath(), near[0], hint)
	}
	return fault.As(fault.Usage, fmt.Errorf("%s has no command %q", c.CommandPath(), given[0]), hint)
}

// newHelp is cobra's help command, but for a topic that is not there it fails.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Help about any command",
		Long:    "Prints the help of a command, or of 'exit-codes' or 'filters'.",
		Example: "  ccsctl help up\n  ccsctl help exit-codes",
		GroupID: "around",
		// Help needs no valid flags in the environment.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(c *cobra.Command, topic []string) error {
			about, rest, err := c.Root().Find(topic)
			if err == nil {
				err = subcommand(about, rest)
			}
			if err != nil {
				return err
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// plainSwitches takes out of every help what pflag adds to a switch's name, and
// keeps the columns.
func plainSwitches(root *cobra.Command) {
	const noise = "[=true|false]"
	print := root.UsageFunc()
	root.SetUsageFunc(func(c *cobra.Command) error {
		var text strings.Builder
		out := c.OutOrStdout()
		c.SetOut(&text)
		err := print(c)
		c.SetOut(out)
		fmt.Fprint(out, strings.ReplaceAll(text.String(), noise, strings.Repeat(" ", len(noise))))
		return err
	})
}
