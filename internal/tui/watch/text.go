package watch

import (
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// fit is text in exactly width columns.
func fit(text string, width int) string {
	text = cut(text, width)
	return text + strings.Repeat(" ", max(0, width-widthOf(text)))
}

// fitRight is fit with the text on the right.
func fitRight(text string, width int) string {
	text = cut(text, width)
	return strings.Repeat(" ", max(0, width-widthOf(text))) + text
}

// cut is text in at most width columns.
func cut(text string, width int) string { return ansi.Truncate(text, max(0, width), "…") }

// sides puts one text on the left and one on the right of a line; when they do
// not fit the left one is cut.
func sides(left, right string, width int) string {
	right = cut(right, width)
	room := width - widthOf(right)
	if right != "" {
		room--
	}
	if room <= 0 {
		return right
	}
	return fit(left, room) + strings.Repeat(" ", width-room-widthOf(right)) + right
}

// wrapped is text in lines of at most width columns. A line ends between words,
// never at a hyphen: what is to be typed must be whole.
func wrapped(text string, width int) []string {
	const hyphen = "\u2011" // which does not break
	lines := strings.Split(ansi.Wrap(strings.ReplaceAll(text, "-", hyphen), max(1, width), ""), "\n")
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(line, hyphen, "-")
	}
	return lines
}

// clean makes text safe to stand within a line, with single spaces.
func clean(text string) string { return safe(strings.Join(strings.Fields(text), " ")) }

// safe makes text harmless: what AWS, a proxy or a neighbour in the account
// wrote must not drive the terminal.
func safe(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// plural is "1 alarm", "2 alarms".
func plural(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return status.Text(float64(n), status.Unit(many))
}

// since is "since 12:01 (3m)", or "" for a time that nobody knows.
func since(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	layout := "15:04"
	if now.Sub(t) > 20*time.Hour {
		layout = "2 Jan 15:04"
	}
	return "since " + t.In(now.Location()).Format(layout) + " (" + status.Age(t, now) + ")"
}

// trimmed is text without the spaces at its end, also where they are styled.
func trimmed(text string) string {
	return ansi.Truncate(text, widthOf(strings.TrimRight(ansi.Strip(text), " ")), "")
}

// widthOf is how many columns a text takes.
func widthOf(text string) int { return ansi.StringWidth(text) }

// joined leaves out what shows nothing, styled or not.
func joined(separator string, parts ...string) string {
	var full []string
	for _, p := range parts {
		if widthOf(p) > 0 {
			full = append(full, p)
		}
	}
	return strings.Join(full, separator)
}
