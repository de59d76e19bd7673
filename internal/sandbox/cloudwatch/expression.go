package cloudwatch

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Metric math (CloudWatch user guide, "Using metric math"): this file reads an
// expression, compute.go works it out.

// node is a part of an expression.
type node interface {
	value(*scope) (value, error)
}

type (
	number   float64
	text     string // for METRICS
	name     string // of a query
	keyword  string // REPEAT, LINEAR
	list     []node // [m1, m2]
	negation struct{ of node }
	binary   struct {
		op          string
		left, right node
	}
	call struct {
		function
		args []node
	}
)

// longest is how long the API lets an expression be. It bounds how deep one can
// be nested, too.
const longest = 2048

// parse reads an expression.
func parse(expression string) (node, error) {
	if len(expression) > longest {
		return nil, fmt.Errorf("it is longer than %d characters", longest)
	}
	words, err := scan(expression)
	if err != nil {
		return nil, err
	}
	p := &parser{words: words}
	n, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	if p.next() != "" {
		return nil, fmt.Errorf("unexpected %s", p.next())
	}
	return n, nil
}

var wordPattern = wire.Pattern(`^(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+|[a-zA-Z][a-zA-Z0-9_]*|'[^']*'|"[^"]*"|==|!=|<=|>=|&&|\|\||[-+*/^<>()\[\],])`)

func scan(s string) ([]string, error) {
	var words []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		w := wordPattern().FindString(s)
		if w == "" {
			return nil, fmt.Errorf("unexpected %q", []rune(s)[0])
		}
		words = append(words, w)
		s = s[len(w):]
	}
	return words, nil
}

type parser struct {
	words []string
	at    int
}

// next is the word that comes next, "" at the end.
func (p *parser) next() string {
	if p.at < len(p.words) {
		return p.words[p.at]
	}
	return ""
}

func (p *parser) take() string {
	w := p.next()
	p.at++
	return w
}

func (p *parser) expect(w string) error {
	if got := p.take(); got != w {
		return fmt.Errorf("expected %s, not %s", w, cmp.Or(got, "the end"))
	}
	return nil
}

// levels are the operators of two operands, loosest first.
var levels = [][]string{
	{"OR", "||"}, {"AND", "&&"}, {"==", "!=", "<", "<=", ">", ">="}, {"+", "-"}, {"*", "/"},
}

// binary reads operands joined by operators of the level, from left to right.
func (p *parser) binary(level int) (node, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	for err == nil && slices.Contains(levels[level], p.next()) {
		op := p.take()
		var right node
		right, err = p.binary(level + 1)
		left = binary{op, left, right}
	}
	return left, err
}

// unary reads a sign, which binds looser than a power: -2^2 is -4.
func (p *parser) unary() (node, error) {
	if p.next() == "-" {
		p.take()
		of, err := p.unary()
		return negation{of}, err
	}
	base, err := p.primary()
	if err != nil || p.next() != "^" {
		return base, err
	}
	p.take()
	exponent, err := p.unary()
	return binary{"^", base, exponent}, err
}

func (p *parser) primary() (node, error) {
	w := p.take()
	switch {
	case w == "(":
		n, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		return n, p.expect(")")
	case w == "[":
		items, err := p.items("]")
		return list(items), err
	case w == "":
		return nil, fmt.Errorf("unexpected end")
	case w[0] == '"' || w[0] == '\'':
		return text(w[1 : len(w)-1]), nil
	case w[0] == '.' || w[0] >= '0' && w[0] <= '9':
		v, err := strconv.ParseFloat(w, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is not a number", w)
		}
		return number(v), nil
	case w[0] >= 'a' && w[0] <= 'z':
		return name(w), nil
	case w == "REPEAT" || w == "LINEAR":
		return keyword(w), nil
	case w[0] >= 'A' && w[0] <= 'Z' && p.next() == "(":
		p.take()
		return p.call(w)
	}
	return nil, fmt.Errorf("unexpected %s", w)
}

func (p *parser) call(called string) (node, error) {
	f, ok := functions()[called]
	if !ok {
		if slices.Contains(strings.Fields(unservedFunctions), called) {
			return nil, unserved("the function " + called + " of metric math")
		}
		return nil, fmt.Errorf("unknown function %s", called)
	}
	args, err := p.items(")")
	if err != nil {
		return nil, err
	}
	if len(args) < f.least || len(args) > f.most {
		return nil, fmt.Errorf("%s does not take %d arguments", called, len(args))
	}
	return call{f, args}, nil
}

// items reads what stands between commas up to the word that closes them.
func (p *parser) items(closing string) ([]node, error) {
	var items []node
	for p.next() != closing {
		if len(items) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		n, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		items = append(items, n)
	}
	p.take()
	return items, nil
}
