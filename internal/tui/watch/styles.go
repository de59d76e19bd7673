package watch

import (
	"image/color"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// styles only add to what words and marks say already.
type styles struct {
	title, accent, dim, ok, warn, red, past lipgloss.Style
}

// background is what is known of the terminal's.
type background int8

const (
	anyBackground background = iota
	darkBackground
	lightBackground
)

// newStyles takes the terminal's own sixteen colours, which its owner has made
// readable, unless there are more and it is known what they stand on.
func newStyles(p colorprofile.Profile, b background) styles {
	s := lipgloss.NewStyle()
	switch {
	case p < colorprofile.ANSI:
		return styles{}
	case p < colorprofile.ANSI256 || b == anyBackground:
		return styles{
			title: s.Bold(true), accent: s.Bold(true).Foreground(lipgloss.Cyan), dim: s.Faint(true), past: s.Reverse(true),
			ok: s.Foreground(lipgloss.Green), warn: s.Foreground(lipgloss.Yellow), red: s.Bold(true).Foreground(lipgloss.Red),
		}
	}
	of := func(light, dark string) color.Color {
		return lipgloss.LightDark(b == darkBackground)(lipgloss.Color(light), lipgloss.Color(dark))
	}
	return styles{
		title:  s.Bold(true),
		accent: s.Bold(true).Foreground(of("#005f87", "#5fafd7")),
		dim:    s.Foreground(of("#6c6c6c", "#8a8a8a")),
		ok:     s.Foreground(of("#2e7d32", "#5faf5f")),
		warn:   s.Foreground(of("#875f00", "#ffaf00")),
		red:    s.Bold(true).Foreground(of("#c62828", "#ff5f5f")),
		past:   s.Reverse(true),
	}
}

// of is how something of a severity is written.
func (s styles) of(v status.Severity) lipgloss.Style {
	switch v {
	case status.Red:
		return s.red
	case status.Warn:
		return s.warn
	case status.Unknown:
		return s.dim
	default:
		return lipgloss.Style{}
	}
}

// mark is the shape of a severity, in its colour.
func (s styles) mark(v status.Severity) string {
	switch v {
	case status.Red:
		return s.red.Render("✖")
	case status.Warn:
		return s.warn.Render("!")
	case status.Unknown:
		return s.dim.Render("?")
	default:
		return s.ok.Render("·")
	}
}
