package cmd

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// released is set by the release's linker flags.
var released string

// version is what this program calls itself.
func version() string {
	if released != "" {
		return released
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

type versionView struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (v versionView) Header() []string { return []string{"version", "go", "platform"} }
func (v versionView) Rows() [][]string { return [][]string{{v.Version, v.Go, v.Platform}} }

func newVersion(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Prints the version of ccsctl, of Go, and the platform it was built for.",
		Example: "  ccsctl version -o json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			return e.console.Print(versionView{version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
		},
	}
}

// newExitCodes is a help topic: cobra lists a command without Run apart.
func newExitCodes() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `The exit codes of ccsctl:

  0    done, or nothing to do
  1    failed
  2    wrong flag, argument or configuration; nothing was touched
  3    partial: some resources changed, some failed
  4    no credentials, or not allowed
  5    something was left behind
  8    changes are pending, or something is not healthy (where the help says so)
  130  interrupted`,
	}
}
