package stepfunctions

import (
	"fmt"
	"strconv"
	"strings"
)

// expr is what stands behind a key that ends in .$: a path, a call of an
// intrinsic function, or, as a call's argument, a literal.
type expr any

// path leads into the state's input, or into the context object. Its steps are
// names and indexes; of JSONPath the sandbox reads no more.
type path struct {
	context bool
	steps   []any // string or int
}

// call is an intrinsic function with its arguments.
type call struct {
	name string
	args []expr
}

// literal is a string, number, boolean or null.
type literal struct{ value any }

// intrinsics are the functions that the sandbox has, with how many arguments
// they take at least and at most; -1 is any number. AWS has more.
var intrinsics = map[string][2]int{
	"States.Array":        {0, -1},
	"States.Format":       {1, -1},
	"States.JsonToString": {1, 1},
	"States.StringToJson": {1, 1},
	"States.ArrayLength":  {1, 1},
	"States.UUID":         {0, 0},
}

// parseExpr reads an expression.
func parseExpr(text string) (expr, error) {
	p := &exprParser{text: text}
	e, err := p.expr()
	if err != nil {
		return nil, err
	}
	if p.skip(); p.at < len(p.text) {
		return nil, p.wrong("the end")
	}
	return e, nil
}

type exprParser struct {
	text string
	at   int
}

func (p *exprParser) wrong(want string) error {
	return fmt.Errorf("want %s at character %d of %q", want, p.at+1, p.text)
}

func (p *exprParser) skip() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

// take consumes token if it comes next.
func (p *exprParser) take(token string) bool {
	if strings.HasPrefix(p.text[p.at:], token) {
		p.at += len(token)
		return true
	}
	return false
}

// word consumes a name, or the characters of a number.
func (p *exprParser) word() string {
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c < 0x80 {
			break
		}
		p.at++
	}
	return p.text[start:p.at]
}

func (p *exprParser) expr() (expr, error) {
	p.skip()
	switch {
	case p.take("$"):
		return p.path()
	case p.take("'"):
		s, err := p.quoted()
		return literal{s}, err
	case p.take("States."):
		return p.call()
	}
	start := p.at
	for p.at < len(p.text) && !strings.ContainsRune(",) ", rune(p.text[p.at])) {
		p.at++
	}
	switch word := p.text[start:p.at]; word {
	case "true", "false":
		return literal{word == "true"}, nil
	case "null":
		return literal{nil}, nil
	default:
		n, err := strconv.ParseFloat(word, 64)
		if err != nil {
			p.at = start
			return nil, p.wrong("a path, a function or a literal")
		}
		return literal{n}, nil
	}
}

func (p *exprParser) path() (expr, error) {
	out := path{context: p.take("$")}
	for {
		switch {
		case p.take("['"):
			name, err := p.quoted()
			if err != nil {
				return nil, err
			}
			if !p.take("]") {
				return nil, p.wrong("]")
			}
			out.steps = append(out.steps, name)
		case p.take("["):
			i, err := strconv.Atoi(p.word())
			if err != nil || i < 0 || !p.take("]") {
				return nil, p.wrong("an index")
			}
			out.steps = append(out.steps, i)
		case p.take("."):
			name := p.word()
			if name == "" {
				return nil, p.wrong("a name")
			}
			out.steps = append(out.steps, name)
		default:
			return out, nil
		}
	}
}

// quoted reads the rest of a string in single quotes; a backslash takes the
// next character as it is.
func (p *exprParser) quoted() (string, error) {
	var out strings.Builder
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		switch {
		case c == '\'':
			return out.String(), nil
		case c == '\\' && p.at < len(p.text):
			out.WriteByte(p.text[p.at])
			p.at++
		default:
			out.WriteByte(c)
		}
	}
	return "", p.wrong("'")
}

func (p *exprParser) call() (expr, error) {
	c := call{name: "States." + p.word()}
	arity, ok := intrinsics[c.name]
	if !ok || !p.take("(") {
		return nil, p.wrong("an intrinsic function")
	}
	p.skip()
	if p.take(")") {
		return c, c.check(arity)
	}
	for {
		arg, err := p.expr()
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, arg)
		p.skip()
		switch {
		case p.take(","):
		case p.take(")"):
			return c, c.check(arity)
		default:
			return nil, p.wrong(", or )")
		}
	}
}

func (c call) check(arity [2]int) error {
	if n := len(c.args); n < arity[0] || arity[1] >= 0 && n > arity[1] {
		return fmt.Errorf("%s does not take %d arguments", c.name, n)
	}
	return nil
}
