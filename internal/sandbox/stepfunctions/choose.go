package stepfunctions

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"
)

// holds says whether a choice rule does.
func (s scope) holds(r *rule) (bool, *failure) {
	switch {
	case len(r.And) > 0:
		for _, sub := range r.And {
			if ok, f := s.holds(sub); !ok || f != nil {
				return false, f
			}
		}
		return true, nil
	case len(r.Or) > 0:
		for _, sub := range r.Or {
			if ok, f := s.holds(sub); ok || f != nil {
				return ok, f
			}
		}
		return false, nil
	case r.Not != nil:
		ok, f := s.holds(r.Not)
		return !ok, f
	}
	return s.compare(r)
}

func (s scope) compare(r *rule) (bool, *failure) {
	e, err := parseExpr(r.Variable)
	p, isPath := e.(path)
	if err != nil || !isPath {
		return false, runtimeFailure("Invalid path '%s'", r.Variable)
	}
	v, there := s.lookup(p)
	if r.operator == "IsPresent" {
		return there == (r.operand == true), nil
	}
	if !there {
		return false, runtimeFailure("Invalid path '%s': The choice state's condition path references an invalid value.", r.Variable)
	}
	operand, operator := r.operand, r.operator
	if name, ok := strings.CutSuffix(operator, "Path"); ok {
		text, _ := operand.(string)
		other, f := s.text(text)
		if f != nil {
			return false, f
		}
		operand, operator = other, name
	}
	if kind, ok := strings.CutPrefix(operator, "Is"); ok {
		return is(kind, v) == (operand == true), nil
	}
	return compares(operator, v, operand), nil
}

// is says whether a value is of a kind: IsNumeric asks for Numeric.
func is(kind string, v any) bool {
	switch kind {
	case "Boolean":
		_, ok := v.(bool)
		return ok
	case "Null":
		return v == nil
	case "Numeric":
		_, ok := number(v)
		return ok
	case "String":
		_, ok := v.(string)
		return ok
	default: // Timestamp
		_, ok := moment(v)
		return ok
	}
}

// compares compares two values of the type in the operator's name. Values of
// other types meet none.
func compares(operator string, v, operand any) bool {
	switch {
	case operator == "BooleanEquals":
		a, isBool := v.(bool)
		b, same := operand.(bool)
		return isBool && same && a == b
	case operator == "StringMatches":
		text, isText := v.(string)
		pattern, ok := operand.(string)
		return isText && ok && like(pattern, text)
	case strings.HasPrefix(operator, "String"):
		a, isText := v.(string)
		b, same := operand.(string)
		return isText && same && ordered(operator, cmp.Compare(a, b))
	case strings.HasPrefix(operator, "Numeric"):
		a, isNumber := number(v)
		b, same := number(operand)
		return isNumber && same && ordered(operator, cmp.Compare(a, b))
	default:
		a, isMoment := moment(v)
		b, same := moment(operand)
		return isMoment && same && ordered(operator, a.Compare(b))
	}
}

// ordered says whether an operator holds for an order: -1, 0 or 1.
func ordered(operator string, order int) bool {
	switch {
	case strings.HasSuffix(operator, "LessThanEquals"):
		return order <= 0
	case strings.HasSuffix(operator, "GreaterThanEquals"):
		return order >= 0
	case strings.HasSuffix(operator, "LessThan"):
		return order < 0
	case strings.HasSuffix(operator, "GreaterThan"):
		return order > 0
	default:
		return order == 0
	}
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		n, err := v.Float64()
		return n, err == nil
	default:
		return 0, false
	}
}

func moment(v any) (time.Time, bool) {
	text, _ := v.(string)
	t, err := time.Parse(time.RFC3339, text)
	return t, err == nil
}

// like matches a text with a pattern in which * is any text and a backslash
// takes the next character as it is.
func like(pattern, text string) bool {
	if pattern == "" {
		return text == ""
	}
	switch c := pattern[0]; {
	case c == '*':
		for i := range len(text) + 1 {
			if like(pattern[1:], text[i:]) {
				return true
			}
		}
		return false
	case c == '\\' && len(pattern) > 1:
		pattern = pattern[1:]
	}
	return text != "" && text[0] == pattern[0] && like(pattern[1:], text[1:])
}
