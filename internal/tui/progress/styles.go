package progress

import (
	"charm.land/lipgloss/v2"

	"github.com/ccs-platform/ccsctl/internal/plan"
)

// styles are of the terminal's own sixteen colours, which its owner has made
// readable. They only add to what words and marks say already.
type styles struct {
	title, running, done, failed, warn, dim lipgloss.Style
}

func newStyles(color bool) styles {
	if !color {
		return styles{}
	}
	s := lipgloss.NewStyle()
	return styles{
		title:   s.Bold(true),
		running: s.Foreground(lipgloss.Cyan),
		done:    s.Foreground(lipgloss.Green),
		failed:  s.Foreground(lipgloss.Red),
		warn:    s.Foreground(lipgloss.Yellow),
		dim:     s.Faint(true),
	}
}

func (s styles) of(o plan.Outcome) lipgloss.Style {
	switch o {
	case plan.Errored:
		return s.failed
	case plan.Skipped, plan.Stopped, plan.Left:
		return s.warn
	default:
		return s.done
	}
}
