package console

import (
	"fmt"
	"regexp"
	"strings"
)

// Painter colours text for one stream; without colour its functions give back
// what they are given. Colours nest.
type Painter struct {
	colour bool
	width  int
}

// Width is the number of columns to stay within, 0 when there is no limit.
func (p *Painter) Width() int { return p.width }

// Red is for what fails or goes away.
func (p *Painter) Red(s string) string { return p.paint(s, "31", "39") }

// Green is for what is well or comes to be.
func (p *Painter) Green(s string) string { return p.paint(s, "32", "39") }

// Yellow is for what changes or needs care.
func (p *Painter) Yellow(s string) string { return p.paint(s, "33", "39") }

// Cyan is for what to do next.
func (p *Painter) Cyan(s string) string { return p.paint(s, "36", "39") }

// Dim is for what matters least.
func (p *Painter) Dim(s string) string { return p.paint(s, "2", "22") }

// Bold is for what matters most.
func (p *Painter) Bold(s string) string { return p.paint(s, "1", "22") }

var word = regexp.MustCompile(`\S+`)

// paint colours word by word, which looks the same as the whole and lets a
// table break the text between any two words.
func (p *Painter) paint(s, on, off string) string {
	if !p.colour {
		return s
	}
	return word.ReplaceAllStringFunc(s, func(w string) string {
		return "\x1b[" + on + "m" + w + "\x1b[" + off + "m"
	})
}

var (
	control       = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f-\x{9f}]`)
	colourControl = regexp.MustCompile(`\x1b\[[0-9;]*m|` + control.String())
)

// printable shows control characters instead of sending them: text may quote
// what a device or a neighbour in the account wrote, and that must not drive
// somebody's terminal. Newlines, tabs and, when colour is on, colours stay.
func printable(s string, colour bool) string {
	controls := control
	if colour {
		controls = colourControl
	}
	return controls.ReplaceAllStringFunc(strings.ReplaceAll(s, "\r\n", "\n"), func(c string) string {
		if strings.HasSuffix(c, "m") {
			return c
		}
		return fmt.Sprintf(`\x%02x`, []rune(c)[0])
	})
}
