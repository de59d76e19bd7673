package deadletter

import (
	"cmp"
	"encoding/json"
	"math/big"
	"strings"
	"time"
)

// equal compares a field with a value of the filter. Two types are neither
// equal nor unequal, but that everything is null or is not.
func equal(f field, s *subject, want any) truth {
	v, ok := f.of(s)
	if !ok {
		return unknown
	}
	if want == nil {
		return truthOf(v == nil)
	}
	if b, isBool := v.(bool); isBool {
		if w, both := want.(bool); both {
			return truthOf(b == w)
		}
		return unknown
	}
	order, ok := compare(v, want)
	if !ok {
		return unknown
	}
	return truthOf(order == 0)
}

func ordered(op string, f field, s *subject, want any) truth {
	v, ok := f.of(s)
	if !ok {
		return unknown
	}
	order, ok := compare(v, want)
	if !ok {
		return unknown
	}
	switch op {
	case "<":
		return truthOf(order < 0)
	case "<=":
		return truthOf(order <= 0)
	case ">":
		return truthOf(order > 0)
	default:
		return truthOf(order >= 0)
	}
}

// contains looks for a text in a text, or for a value in a list.
func contains(f field, s *subject, want any) truth {
	v, ok := f.of(s)
	if !ok {
		return unknown
	}
	switch v := v.(type) {
	case string:
		if w, isText := want.(string); isText {
			return truthOf(strings.Contains(v, w))
		}
	case []any:
		for _, element := range v {
			here := field{get: func(*subject) (any, bool) { return element, true }}
			if equal(here, s, want) == yes {
				return yes
			}
		}
		return no
	}
	return unknown
}

// compare orders two values of one type; ok is false for two that have no order.
func compare(v, want any) (order int, ok bool) {
	switch v := v.(type) {
	case string:
		w, same := want.(string)
		return cmp.Compare(v, w), same
	case time.Duration:
		w, same := want.(time.Duration)
		return cmp.Compare(v, w), same
	case time.Time:
		w, same := want.(time.Time)
		return v.Compare(w), same
	case numeral:
		if w, isText := want.(string); isText {
			return cmp.Compare(string(v), w), true
		}
		return compare(json.Number(v), want)
	case json.Number:
		w, same := want.(json.Number)
		if !same {
			return 0, false
		}
		return compareNumbers(v, w)
	}
	return 0, false
}

// compareNumbers is exact: an id of 19 digits is not its neighbour.
func compareNumbers(a, b json.Number) (order int, ok bool) {
	const most = 64 // digits that are worth exactness; 1e999999999 is not
	if len(a) > most || len(b) > most || exponent(a) || exponent(b) {
		x, errX := a.Float64()
		y, errY := b.Float64()
		return cmp.Compare(x, y), errX == nil && errY == nil
	}
	x, okX := new(big.Rat).SetString(string(a))
	y, okY := new(big.Rat).SetString(string(b))
	if !okX || !okY {
		return 0, false
	}
	return x.Cmp(y), true
}

func exponent(n json.Number) bool { return strings.ContainsAny(string(n), "eE") }
