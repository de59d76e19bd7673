package deadletter

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// token is one word of a filter.
type token struct {
	kind tokenKind
	text string // as it was written
	at   int    // where, in bytes
	str  string // of a text
	span time.Duration
}

type tokenKind int

const (
	end    tokenKind = iota
	word             // body, and, true
	text             // "crash"
	number           // -1.5
	span             // 2h30m
	sign             // == ( .
)

// signs are all of them, longer ones before those they begin with.
var signs = [...]string{"==", "!=", "<=", ">=", "=~", "!~", "&&", "||", "<", ">", "!", "(", ")", "[", "]", ".", ","}

// spelled are signs of other languages, and what they are here.
var spelled = map[rune]string{'=': "==", '&': "&&", '|': "||", '~': "=~", '“': `"`, '”': `"`, '‘': `"`, '’': `"`}

// SyntaxError is what is wrong with a filter, and where.
type SyntaxError struct {
	Filter  string
	At      int // in bytes
	Problem string
}

// Error has three lines: what is wrong, the filter, and a caret below the place.
func (e *SyntaxError) Error() string {
	oneLine := strings.Map(func(r rune) rune { // so that the caret is below what it means
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, e.Filter)
	return fmt.Sprintf("filter: %s\n%s\n%s^", e.Problem, oneLine, strings.Repeat(" ", utf8.RuneCountInString(e.Filter[:e.At])))
}

// next reads one token from text at a place.
func next(filter string, at int) (token, *SyntaxError) {
	rest := strings.TrimLeftFunc(filter[at:], unicode.IsSpace)
	at = len(filter) - len(rest)
	if rest == "" {
		return token{at: at}, nil
	}
	wrong := func(format string, args ...any) (token, *SyntaxError) {
		return token{}, &SyntaxError{filter, at, fmt.Sprintf(format, args...)}
	}
	first, _ := utf8.DecodeRuneInString(rest)
	switch {
	case first == '"' || first == '\'':
		return quoted(filter, at)
	case isDigit(first) || first == '-' && len(rest) > 1 && isDigit(rune(rest[1])):
		t := token{kind: number, at: at, text: rest[:1+prefix(rest[1:], func(r rune) bool { return isDigit(r) || r == '.' || unicode.IsLetter(r) })]}
		if strings.IndexFunc(t.text, unicode.IsLetter) >= 0 {
			var ok bool
			t.kind = span
			if t.span, ok = parseSpan(t.text); !ok {
				return wrong("%s is neither a number nor a time span like 90s, 15m, 2h, 1h30m or 3d", t.text)
			}
			return t, nil
		}
		if _, err := strconv.ParseFloat(t.text, 64); err != nil {
			return wrong("%s is no number", t.text)
		}
		return t, nil
	case unicode.IsLetter(first) || first == '_':
		return token{kind: word, at: at, text: rest[:prefix(rest, func(r rune) bool { return unicode.IsLetter(r) || isDigit(r) || r == '_' || r == '-' })]}, nil
	}
	for _, s := range signs {
		if strings.HasPrefix(rest, s) {
			return token{kind: sign, at: at, text: s}, nil
		}
	}
	if right, ok := spelled[first]; ok {
		return wrong("%q has no meaning here: write %s", first, right)
	}
	return wrong("%q has no meaning in a filter", first)
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

// prefix is the length of the longest prefix whose runes all fit, in bytes.
func prefix(s string, fits func(rune) bool) int {
	if i := strings.IndexFunc(s, func(r rune) bool { return !fits(r) }); i >= 0 {
		return i
	}
	return len(s)
}

// quoted reads a text in double or single quotes. A backslash keeps the next
// quote or backslash as it is; before anything else it is itself, so that
// patterns need no doubling.
func quoted(filter string, at int) (token, *SyntaxError) {
	var b strings.Builder
	quote := filter[at]
	for i := at + 1; i < len(filter); i++ {
		switch c := filter[i]; {
		case c == quote:
			return token{kind: text, at: at, text: filter[at : i+1], str: b.String()}, nil
		case c == '\\' && i+1 < len(filter) && (filter[i+1] == quote || filter[i+1] == '\\'):
			i++
			b.WriteByte(filter[i])
		default:
			b.WriteByte(c)
		}
	}
	return token{}, &SyntaxError{filter, at, "the text that begins here has no closing quote"}
}

// parseSpan is time.ParseDuration with days, and nothing below zero.
func parseSpan(s string) (time.Duration, bool) {
	var days time.Duration
	if strings.HasPrefix(s, "-") {
		return 0, false
	}
	if before, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseFloat(before, 64)
		if err != nil || n > 36500 {
			return 0, false
		}
		days = time.Duration(n * 24 * float64(time.Hour))
		if s = after; s == "" {
			return days, true
		}
	}
	d, err := time.ParseDuration(s)
	return days + d, err == nil
}
