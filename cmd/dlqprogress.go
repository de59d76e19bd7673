package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/redrive"
)

// stateDir is where this user's programs keep what outlives a run.
func stateDir(what string) string {
	if dir := os.Getenv("CCSCTL_STATE_DIR"); dir != "" {
		return filepath.Join(dir, what)
	}
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			home = os.TempDir()
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "ccsctl", what)
}

// redriveProgress shows how far a redrive is: a bar on a terminal, a line now and
// then elsewhere.
func (e *env) redriveProgress(name string) (show func(redrive.Progress), done func()) {
	if e.flags.quiet {
		return func(redrive.Progress) {}, func() {}
	}
	if e.console.Err.Terminal() && e.flags.verbose == 0 {
		drawn := false
		return func(p redrive.Progress) {
				drawn = true
				fmt.Fprintf(e.console.Err, "\r\x1b[K%s", clip(progressLine(name, p, true), e.console.Err.Width()-1))
			}, func() {
				if drawn {
					fmt.Fprint(e.console.Err, "\r\x1b[K")
				}
			}
	}
	var last time.Time
	var doing string
	return func(p redrive.Progress) {
		if time.Since(last) >= 10*time.Second || p.Doing != doing && !strings.HasPrefix(p.Doing, "watching") || doing == "" {
			last, doing = time.Now(), p.Doing
			e.console.Notef("%s", progressLine(name, p, false))
		}
	}, func() {}
}

// clip cuts a line of plain text to a width, 0 or less for any.
func clip(s string, width int) string {
	if r := []rune(s); width > 0 && len(r) > width {
		return string(r[:width])
	}
	return s
}

func progressLine(name string, p redrive.Progress, bar bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  ", name)
	if p.Total > 0 {
		const cells = 20
		part := min(1, float64(p.Moved)/float64(p.Total))
		if n := int(part * cells); bar {
			fmt.Fprintf(&b, "[%s%s] ", strings.Repeat("=", n), strings.Repeat(" ", cells-n))
		}
		fmt.Fprintf(&b, "%d of about %d", p.Moved, p.Total)
	} else {
		fmt.Fprintf(&b, "%d", p.Moved)
	}
	if s := p.Elapsed.Seconds(); s >= 1 && p.Moved > 0 {
		rate := float64(p.Moved) / s
		fmt.Fprintf(&b, ", %.0f/s", rate)
		if left := p.Total - p.Moved; left > 0 {
			fmt.Fprintf(&b, ", %s left", time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
		}
	}
	fmt.Fprintf(&b, "  %s", p.Doing)
	return b.String()
}
