package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/fault"
)

func newConfig(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Start, show or check a configuration",
		Long: `A configuration is one or more files (YAML, JSON, TOML, a Terraform file with the
module block, or a .tfvars), with CCSCTL_* variables and flags over them.`,
		Example: "  ccsctl config init\n  ccsctl config show -c streaming.tf",
		Args:    subcommand,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newConfigInit(e), newConfigShow(e), newConfigValidate(e))
	return c
}

func newConfigInit(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented configuration to start from",
		Long: `Writes a YAML file with every key, its default and what it is for: ccsctl.yaml
unless another name is given, stdout for "-". A file that is there already is
never overwritten.`,
		Example: "  ccsctl config init\n  ccsctl config init - | less",
		Args:    usage(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			name := "ccsctl.yaml"
			if len(args) > 0 {
				name = args[0]
			}
			return writeExample(e, name)
		},
	}
}

func writeExample(e *env, name string) error {
	if name == "-" {
		_, err := e.console.Out.Write(config.Example())
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fault.As(fault.Usage, fmt.Errorf("%s is there already", name), "give another name, or move it away")
	}
	if err != nil {
		return err
	}
	_, err = f.Write(config.Example())
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	e.console.Notef("wrote %s: edit it, then try 'ccsctl up --sandbox -c %s'", name, name)
	return nil
}

// settingsView is the configuration with where each value came from.
type settingsView struct {
	config *config.Config
}

func (v settingsView) Header() []string { return []string{"key", "value", "from"} }

func (v settingsView) Rows() [][]string {
	var rows [][]string
	for _, s := range v.config.Settings() {
		rows = append(rows, []string{s.Key, fmt.Sprint(s.Value), s.Origin})
	}
	return rows
}

// Items are the settings, for NDJSON.
func (v settingsView) Items() []any {
	var items []any
	for _, s := range v.config.Settings() {
		items = append(items, s)
	}
	return items
}

// MarshalJSON is a file that would give this same configuration.
func (v settingsView) MarshalJSON() ([]byte, error) { return v.config.MarshalJSON() }

func newConfigShow(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Print every setting and where it came from",
		Long: `Prints the configuration as it is after all files, variables and flags, with the
origin of each value. With -o json it prints a file that gives the same.`,
		Example: "  ccsctl config show -c streaming.tf\n  ccsctl config show -e prod -o json > prod.json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := e.config()
			if err != nil {
				return err
			}
			return e.console.Print(settingsView{c})
		},
	}
}

func newConfigValidate(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check the configuration and list all that is wrong with it",
		Long: `Reads the configuration as every command would and reports all problems at once.
It asks AWS nothing.

Exit codes: 0 valid; 2 not.`,
		Example: "  ccsctl config validate -c streaming.tf -e prod",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := e.config()
			if err != nil {
				return err
			}
			e.console.Notef("valid: %s/%s from %v", c.Project, c.Environment, c.Files)
			return nil
		},
	}
}
