package convert

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// deepest is how deep JSON may nest before it is refused.
const deepest = 500

// scanner walks through JSON texts that follow one another. It copies nothing:
// what it returns is part of the data, unless a string has escapes.
type scanner struct {
	data []byte
	at   int
}

// peek is the next byte that is not white space, 0 at the end.
func (s *scanner) peek() byte {
	for s.at < len(s.data) {
		switch c := s.data[s.at]; c {
		case ' ', '\n', '\t', '\r':
			s.at++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) unexpected() error {
	if s.at >= len(s.data) {
		return malformed("Unexpected end-of-input at offset %d", s.at)
	}
	return malformed("Unexpected character (%q) at offset %d", s.data[s.at], s.at)
}

// expect takes c, which may have white space before it.
func (s *scanner) expect(c byte) error {
	if s.peek() != c || s.at >= len(s.data) {
		return s.unexpected()
	}
	s.at++
	return nil
}

// more says whether another element follows in a list that ends with end, and
// takes the comma or the end.
func (s *scanner) more(end byte) (bool, error) {
	switch s.peek() {
	case ',':
		s.at++
		return true, nil
	case end:
		s.at++
		return false, nil
	}
	return false, s.unexpected()
}

func (s *scanner) literal(word string) error {
	if len(s.data)-s.at < len(word) || string(s.data[s.at:s.at+len(word)]) != word {
		return s.unexpected()
	}
	s.at += len(word)
	return nil
}

// text takes a string, without its quotes and escapes.
func (s *scanner) text() ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	start, ascii := s.at, true
	for s.at < len(s.data) {
		switch c := s.data[s.at]; {
		case c == '"':
			text := s.data[start:s.at]
			if !ascii && !utf8.Valid(text) {
				return nil, malformed("Invalid UTF-8 in the string at offset %d", start)
			}
			s.at++
			return text, nil
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			return nil, s.unexpected()
		case c >= utf8.RuneSelf:
			ascii = false
		}
		s.at++
	}
	return nil, s.unexpected()
}

// escaped takes the rest of a string that began at start and has an escape
// where the scanner is.
func (s *scanner) escaped(start int) ([]byte, error) {
	text := append([]byte(nil), s.data[start:s.at]...)
	for s.at < len(s.data) {
		c := s.data[s.at]
		switch {
		case c == '"':
			if !utf8.Valid(text) {
				return nil, malformed("Invalid UTF-8 in the string at offset %d", start)
			}
			s.at++
			return text, nil
		case c < ' ':
			return nil, s.unexpected()
		case c != '\\':
			text = append(text, c)
			s.at++
			continue
		}
		r, err := s.escape()
		if err != nil {
			return nil, err
		}
		text = utf8.AppendRune(text, r)
	}
	return nil, s.unexpected()
}

// escape takes one escape sequence, or the two of a surrogate pair. Half a pair
// stands for nothing and becomes the replacement character.
func (s *scanner) escape() (rune, error) {
	s.at++ // the backslash
	if s.at >= len(s.data) {
		return 0, s.unexpected()
	}
	c := s.data[s.at]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		first, err := s.hex()
		if err != nil || !utf16.IsSurrogate(first) {
			return first, err
		}
		if s.at+1 < len(s.data) && s.data[s.at] == '\\' && s.data[s.at+1] == 'u' {
			back := s.at
			s.at++
			second, err := s.hex()
			if err != nil {
				return 0, err
			}
			if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
				return r, nil
			}
			s.at = back
		}
		return utf8.RuneError, nil
	default:
		return 0, s.unexpected()
	}
	s.at++
	return rune(c), nil
}

// hex takes the u and the four digits behind it.
func (s *scanner) hex() (rune, error) {
	s.at++
	if len(s.data)-s.at < 4 {
		s.at = len(s.data)
		return 0, s.unexpected()
	}
	n, err := strconv.ParseUint(string(s.data[s.at:s.at+4]), 16, 16)
	if err != nil || s.data[s.at] == '+' {
		return 0, s.unexpected()
	}
	s.at += 4
	return rune(n), nil
}

// number takes a number as it is written.
func (s *scanner) number() ([]byte, error) {
	start := s.at
	if s.is('-') {
		s.at++
	}
	if s.is('0') {
		s.at++
	} else if err := s.digits(); err != nil {
		return nil, err
	}
	if s.is('.') {
		s.at++
		if err := s.digits(); err != nil {
			return nil, err
		}
	}
	if s.is('e') || s.is('E') {
		s.at++
		if s.is('+') || s.is('-') {
			s.at++
		}
		if err := s.digits(); err != nil {
			return nil, err
		}
	}
	return s.data[start:s.at], nil
}

func (s *scanner) is(c byte) bool { return s.at < len(s.data) && s.data[s.at] == c }

func (s *scanner) digits() error {
	start := s.at
	for s.at < len(s.data) && '0' <= s.data[s.at] && s.data[s.at] <= '9' {
		s.at++
	}
	if s.at == start {
		return s.unexpected()
	}
	return nil
}

// scalar takes a string, a number or a literal. ok is false, and nothing taken,
// before an object or an array.
func (s *scanner) scalar() (text []byte, ok bool, err error) {
	c := s.peek()
	start := s.at
	switch c {
	case '{', '[':
		return nil, false, nil
	case '"':
		text, err = s.text()
		return text, true, err
	case 't':
		err = s.literal("true")
	case 'f':
		err = s.literal("false")
	case 'n':
		err = s.literal("null")
	default:
		_, err = s.number()
	}
	return s.data[start:s.at], true, err
}

// skip takes a value of any kind and returns it as it is written.
func (s *scanner) skip(depth int) (raw []byte, err error) {
	c := s.peek()
	start := s.at
	switch c {
	case '{', '[':
		if depth >= deepest {
			return nil, malformed("Nesting deeper than %d at offset %d", deepest, s.at)
		}
		err = s.skipAll(c, depth)
	default:
		_, _, err = s.scalar()
	}
	return s.data[start:s.at], err
}

// skipAll takes an object or an array.
func (s *scanner) skipAll(open byte, depth int) error {
	s.at++
	end := open + 2 // '}' and ']' both come two after what they close
	if s.peek() == end {
		s.at++
		return nil
	}
	for more := true; more; {
		if open == '{' {
			if _, err := s.text(); err != nil {
				return err
			}
			if err := s.expect(':'); err != nil {
				return err
			}
		}
		_, err := s.skip(depth + 1)
		if err != nil {
			return err
		}
		if more, err = s.more(end); err != nil {
			return err
		}
	}
	return nil
}

func malformed(format string, args ...any) error {
	return &Failure{Code: ParseError, Message: "Encountered malformed JSON. " + fmt.Sprintf(format, args...)}
}
