package cloudwatch

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// value is what a part of an expression comes to: a number, a series, or an
// array of series.
type value struct {
	kind   kind
	number float64
	all    []series // one when it is not an array
}

type kind int

const (
	scalar kind = iota
	single
	array
)

// series is points by time, oldest first. Where nothing was measured there is
// no point.
type series struct {
	label  string
	window // that was asked for
	points []point
}

type point struct {
	at int64
	v  float64
}

func numeric(v float64) value { return value{number: v} }
func one(s series) value      { return value{kind: single, all: []series{s}} }

// at is the value at a time, and whether there is one.
func (s series) at(at int64) (float64, bool) {
	i, ok := slices.BinarySearchFunc(s.points, at, before)
	if !ok {
		return 0, false
	}
	return s.points[i].v, true
}

func before(p point, at int64) int { return cmp.Compare(p.at, at) }

// wider is the window of the longer periods.
func wider(a, b window) window {
	if a.step < b.step {
		return b
	}
	return a
}

// put adds a point, but none for what is not a number: a division by zero drops
// the point.
func (s *series) put(at int64, v float64) {
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		s.points = append(s.points, point{at, v})
	}
}

func (n number) value(*scope) (value, error) { return numeric(float64(n)), nil }
func (n name) value(s *scope) (value, error) { return s.query(string(n)) }
func (t text) value(*scope) (value, error) {
	return value{}, fmt.Errorf("unexpected text %q", string(t))
}
func (k keyword) value(*scope) (value, error) { return value{}, fmt.Errorf("unexpected %s", string(k)) }
func (c call) value(s *scope) (value, error)  { return c.apply(s, c.args) }

func (l list) value(s *scope) (value, error) {
	all := value{kind: array}
	for _, n := range l {
		v, err := n.value(s)
		if err != nil {
			return value{}, err
		}
		if v.kind == scalar {
			return value{}, fmt.Errorf("an array holds series, not numbers")
		}
		all.all = append(all.all, v.all...)
	}
	return all, nil
}

func (n negation) value(s *scope) (value, error) {
	v, err := n.of.value(s)
	if err != nil || v.kind != scalar {
		return each(v, func(v float64) float64 { return -v }), err
	}
	return numeric(-v.number), nil
}

// each changes every point of the series.
func each(v value, change func(float64) float64) value {
	return mapped(v, func(s series) series {
		out := series{label: s.label, window: s.window}
		for _, p := range s.points {
			out.put(p.at, change(p.v))
		}
		return out
	})
}

func mapped(v value, change func(series) series) value {
	out := value{kind: v.kind, number: v.number}
	for _, s := range v.all {
		out.all = append(out.all, change(s))
	}
	return out
}

func (b binary) value(s *scope) (value, error) {
	left, err := b.left.value(s)
	if err != nil {
		return value{}, err
	}
	right, err := b.right.value(s)
	if err != nil {
		return value{}, err
	}
	calculate := operators[b.op]
	switch {
	case left.kind == scalar && right.kind == scalar:
		return numeric(calculate(left.number, right.number)), nil
	case left.kind == scalar:
		return each(right, func(v float64) float64 { return calculate(left.number, v) }), nil
	case right.kind == scalar:
		return each(left, func(v float64) float64 { return calculate(v, right.number) }), nil
	case left.kind == array && right.kind == array:
		if len(left.all) != len(right.all) {
			return value{}, fmt.Errorf("arrays of %d and of %d series don't go together", len(left.all), len(right.all))
		}
		out := value{kind: array}
		for i := range left.all {
			out.all = append(out.all, joined(left.all[i], right.all[i], calculate))
		}
		return out, nil
	case left.kind == array:
		return mapped(left, func(s series) series { return joined(s, right.all[0], calculate) }), nil
	case right.kind == array:
		return mapped(right, func(s series) series { return joined(left.all[0], s, calculate) }), nil
	}
	return one(joined(left.all[0], right.all[0], calculate)), nil
}

// joined calculates point by point. Where one series has no point it counts as
// 0, where neither has there is none.
func joined(a, b series, calculate func(a, b float64) float64) series {
	out := series{label: a.label, window: wider(a.window, b.window)}
	for _, at := range times([]series{a, b}) {
		x, _ := a.at(at)
		y, _ := b.at(at)
		out.put(at, calculate(x, y))
	}
	return out
}

// times are all at which one of the series has a point.
func times(all []series) []int64 {
	var at []int64
	for _, s := range all {
		for _, p := range s.points {
			at = append(at, p.at)
		}
	}
	slices.Sort(at)
	return slices.Compact(at)
}

var operators = map[string]func(a, b float64) float64{
	"+":   func(a, b float64) float64 { return a + b },
	"-":   func(a, b float64) float64 { return a - b },
	"*":   func(a, b float64) float64 { return a * b },
	"/":   func(a, b float64) float64 { return a / b },
	"^":   math.Pow,
	"==":  func(a, b float64) float64 { return truth(a == b) },
	"!=":  func(a, b float64) float64 { return truth(a != b) },
	"<":   func(a, b float64) float64 { return truth(a < b) },
	"<=":  func(a, b float64) float64 { return truth(a <= b) },
	">":   func(a, b float64) float64 { return truth(a > b) },
	">=":  func(a, b float64) float64 { return truth(a >= b) },
	"AND": func(a, b float64) float64 { return truth(a != 0 && b != 0) },
	"&&":  func(a, b float64) float64 { return truth(a != 0 && b != 0) },
	"OR":  func(a, b float64) float64 { return truth(a != 0 || b != 0) },
	"||":  func(a, b float64) float64 { return truth(a != 0 || b != 0) },
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
