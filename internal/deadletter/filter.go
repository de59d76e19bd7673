package deadletter

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/fault"
)

// Filter chooses messages. The zero value chooses all of them.
type Filter struct {
	text string
	test test
}

// test is a compiled part of a filter.
type test func(*subject) truth

// truth has three values. What can't be told of a message, since it lacks the
// field or has something of another type there, is unknown, and so is its
// opposite: neither chooses the message.
type truth int8

const (
	no      truth = -1
	unknown truth = 0
	yes     truth = 1
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// mostFilter bounds a filter's length, and with it how deep it can nest.
const mostFilter = 4096

// ParseFilter compiles an expression; "" chooses everything. What it can't read
// is a fault of usage around a *SyntaxError.
func ParseFilter(text string) (Filter, error) {
	if strings.TrimSpace(text) == "" {
		return Filter{}, nil
	}
	if len(text) > mostFilter {
		return Filter{}, fault.Usagef("filter: %d bytes are more than %d", len(text), mostFilter)
	}
	p := &parser{filter: text}
	p.advance()
	t := p.either()
	if p.err == nil && p.token.kind != end {
		p.fail(p.token.at, "expected and, or, or the end, found %s%s", p.token.text, p.alike(p.token.text, "and", "or"))
	}
	if p.err != nil {
		return Filter{}, fault.As(fault.Usage, p.err, "'ccsctl help filters' has the fields and what can be asked of them")
	}
	return Filter{text: text, test: t}, nil
}

// String is the filter as it was written.
func (f Filter) String() string { return f.text }

// All says whether the filter chooses every message.
func (f Filter) All() bool { return f.test == nil }

// Match says whether a message is chosen, now. It needs nothing of the message:
// a field that is not there chooses nothing and is no error.
func (f Filter) Match(m queue.Message) (bool, error) {
	if f.test == nil {
		return true, nil
	}
	return f.test(&subject{message: m, now: time.Now()}) == yes, nil
}

// parser reads a filter by recursive descent. After the first mistake it reads
// no further, and what it returns has no meaning.
type parser struct {
	filter string
	token  token // under the eye
	after  int   // where the next begins
	err    *SyntaxError
}

func (p *parser) advance() token {
	was := p.token
	if p.err != nil {
		return was
	}
	t, err := next(p.filter, p.after)
	if err != nil {
		p.err, p.token = err, token{at: err.At}
		return was
	}
	p.token, p.after = t, t.at+len(t.text)
	return was
}

func (p *parser) fail(at int, format string, args ...any) test {
	if p.err == nil {
		p.err = &SyntaxError{p.filter, at, fmt.Sprintf(format, args...)}
	}
	return func(*subject) truth { return unknown }
}

// alike suggests what a word may have been meant to be.
func (p *parser) alike(given string, known ...string) string {
	if near := fault.Nearest(given, known); near != "" && given != "" {
		return ": did you mean " + near + "?"
	}
	return ""
}

// found is the token under the eye in words.
func (p *parser) found() string {
	if p.token.kind == end {
		return "the end"
	}
	return p.token.text
}

// accept takes the next token when it is one of these words or signs.
func (p *parser) accept(words ...string) bool {
	for _, w := range words {
		if p.err == nil && p.token.text == w && (p.token.kind == word || p.token.kind == sign) {
			p.advance()
			return true
		}
	}
	return false
}

func (p *parser) expect(sign, after string) bool {
	if p.accept(sign) {
		return true
	}
	p.fail(p.token.at, "expected %s %s, found %s", sign, after, p.found())
	return false
}

func (p *parser) either() test {
	left := p.both()
	for p.accept("or", "||") {
		a, b := left, p.both()
		left = func(s *subject) truth { return max(a(s), b(s)) }
	}
	return left
}

func (p *parser) both() test {
	left := p.opposite()
	for p.accept("and", "&&") {
		a, b := left, p.opposite()
		left = func(s *subject) truth { return min(a(s), b(s)) }
	}
	return left
}

func (p *parser) opposite() test {
	if p.accept("not", "!") {
		t := p.opposite()
		return func(s *subject) truth { return -t(s) }
	}
	return p.single()
}

func (p *parser) single() test {
	switch {
	case p.err != nil:
		return p.fail(0, "")
	case p.accept("("):
		t := p.either()
		p.expect(")", "to close the group")
		return t
	case p.accept("exists"):
		if !p.expect("(", "after exists") {
			return nil
		}
		f := p.field()
		p.expect(")", "after the field")
		return func(s *subject) truth { _, ok := f.of(s); return truthOf(ok) }
	}
	return p.comparison()
}

// operators are what stands between a field and a value.
var operators = [...]string{"==", "!=", "<", "<=", ">", ">=", "=~", "!~", "contains", "in"}

// comparison is a field, an operator and a value; or a field alone, which must
// then be true.
func (p *parser) comparison() test {
	f := p.field()
	if p.err != nil {
		return p.fail(0, "")
	}
	at, op := p.token.at, p.token.text
	if !p.accept(operators[:]...) {
		if p.token.kind == word && op != "and" && op != "or" {
			return p.fail(at, "%s is no operator%s", op, p.alike(op, "and", "or", "contains", "in"))
		}
		if f.kind != anything {
			return p.fail(at, "%s is %s: compare it with something, as in %s", f.name, f.kind, f.example())
		}
		return func(s *subject) truth { return equal(f, s, true) }
	}
	switch op {
	case "=~", "!~":
		return p.pattern(f, op)
	case "in":
		return p.membership(f)
	}
	if ordered := strings.HasPrefix(op, "<") || strings.HasPrefix(op, ">"); ordered && f.kind == words {
		return p.fail(at, "%s is %s, which has no order: use == or =~", f.name, f.kind)
	}
	if op == "contains" && f.kind != words && f.kind != anything {
		return p.fail(at, "%s is %s: contains is for texts", f.name, f.kind)
	}
	want := p.value(f)
	switch {
	case p.err != nil:
		return nil
	case op == "contains":
		return func(s *subject) truth { return contains(f, s, want) }
	case op == "==":
		return func(s *subject) truth { return equal(f, s, want) }
	case op == "!=":
		return func(s *subject) truth { return -equal(f, s, want) }
	}
	return func(s *subject) truth { return ordered(op, f, s, want) }
}

func (p *parser) pattern(f field, op string) test {
	t := p.token
	if t.kind != text || f.kind != words && f.kind != anything {
		if f.kind != words && f.kind != anything {
			return p.fail(t.at, "%s is %s: patterns are for texts", f.name, f.kind)
		}
		return p.fail(t.at, `expected a pattern in quotes, as "^veh-1", found %s`, p.found())
	}
	p.advance()
	re, err := regexp.Compile(t.str)
	if err != nil {
		return p.fail(t.at, "%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	sense := truthOf(op == "=~")
	return func(s *subject) truth {
		v, ok := f.of(s)
		if str, isText := v.(string); ok && isText {
			return sense * truthOf(re.MatchString(str))
		}
		return unknown
	}
}

// membership is a list of values in parentheses.
func (p *parser) membership(f field) test {
	if !p.expect("(", `before the values, as in body.type in ("crash", "sos")`) {
		return nil
	}
	var list []any
	for {
		list = append(list, p.value(f))
		if p.err != nil || !p.accept(",") {
			break
		}
	}
	p.expect(")", "after the values")
	return func(s *subject) truth {
		best := no
		for _, want := range list {
			best = max(best, equal(f, s, want))
		}
		return best
	}
}

// value reads what a field is compared with, of the field's own type.
func (p *parser) value(f field) any {
	t := p.token
	if t.kind == end || t.kind == sign {
		p.fail(t.at, "expected %s after the operator, found %s", f.wanted(), p.found())
		return nil
	}
	p.advance()
	if t.kind == word {
		switch t.text {
		case "true", "false":
			if f.kind == anything {
				return t.text == "true"
			}
		case "null":
			if f.kind == anything {
				return nil
			}
		default:
			p.fail(t.at, `a text stands in quotes: "%s"`, t.text)
			return nil
		}
	}
	v, ok := f.kind.read(t)
	if !ok {
		p.fail(t.at, "%s is %s: write %s, not %s", f.name, f.kind, f.wanted(), t.text)
	}
	return v
}
