// Package load is how many events a second are offered over time: steadily, on
// a ramp, in a surge, or as a recorded trace has it. It knows numbers and times
// and nothing of what is offered.
package load

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Load is a rate of events over time. The zero value offers nothing.
type Load struct {
	points  []point // by time; between two of them the rate is on a straight line
	endless bool    // the last rate goes on
}

// point is the rate at a time and what was offered until then.
type point struct {
	at   time.Duration
	rate float64 // events a second
	sum  float64
}

// mostRate bounds rates to what still makes sense: ten thousand shards' worth.
const mostRate = 1e7

// newLoad sums up what the points offer.
func newLoad(points []point) (Load, error) {
	for i := range points {
		p := &points[i]
		if !(p.rate >= 0 && p.rate <= mostRate) { // NaN is neither
			return Load{}, fmt.Errorf("a rate of %v events a second: want 0 to %.0f", p.rate, mostRate)
		}
		if i == 0 {
			continue
		}
		before := points[i-1]
		if p.at < before.at {
			return Load{}, fmt.Errorf("%v comes after %v", p.at, before.at)
		}
		p.sum = before.sum + (before.rate+p.rate)/2*(p.at-before.at).Seconds()
	}
	return Load{points: points}, nil
}

// Steady is rate events a second for a length of time, endlessly when it is 0.
func Steady(rate float64, length time.Duration) (Load, error) {
	l, err := newLoad([]point{{rate: rate}, {at: length, rate: rate}})
	l.endless = length == 0
	return l, err
}

// Ramp goes evenly from one rate to another.
func Ramp(from, to float64, length time.Duration) (Load, error) {
	return newLoad([]point{{rate: from}, {at: length, rate: to}})
}

// Surge is rate events a second, but peak in the middle third.
func Surge(rate, peak float64, length time.Duration) (Load, error) {
	third := length / 3
	return newLoad([]point{{rate: rate}, {at: third, rate: rate}, {at: third, rate: peak}, {at: 2 * third, rate: peak}, {at: 2 * third, rate: rate}, {at: length, rate: rate}})
}

// Scaled is the same shape with another highest rate. A load of nothing stays
// one.
func (l Load) Scaled(peak float64) (Load, error) {
	was := l.Peak()
	if was == 0 {
		return l, nil
	}
	return l.with(func(p point) point { return point{at: p.at, rate: p.rate * peak / was} })
}

// Faster goes through the load in a fraction of its time, at the same rates.
func (l Load) Faster(times float64) (Load, error) {
	if !(times > 0) || math.IsInf(times, 1) {
		return Load{}, fmt.Errorf("a speed of %v: want more than 0", times)
	}
	return l.with(func(p point) point { return point{at: time.Duration(float64(p.at) / times), rate: p.rate} })
}

func (l Load) with(change func(point) point) (Load, error) {
	points := make([]point, len(l.points))
	for i, p := range l.points {
		points[i] = change(p)
	}
	changed, err := newLoad(points)
	changed.endless = l.endless
	return changed, err
}

// First is the beginning of the load, all of it when it is no longer than that.
func (l Load) First(length time.Duration) Load {
	if length >= l.Length() && !l.endless {
		return l
	}
	cut := slices.Clone(l.points[:l.after(length)])
	cut = append(cut, point{at: length, rate: l.Rate(length), sum: l.offered(length)})
	return Load{points: cut}
}

// Length is how long there is something to offer, 0 for endlessly.
func (l Load) Length() time.Duration {
	if l.endless || len(l.points) == 0 {
		return 0
	}
	return l.points[len(l.points)-1].at
}

// Endless reports whether the load never ends.
func (l Load) Endless() bool { return l.endless }

// Peak is the highest rate.
func (l Load) Peak() float64 {
	if len(l.points) == 0 {
		return 0
	}
	return slices.MaxFunc(l.points, func(a, b point) int { return cmp.Compare(a.rate, b.rate) }).rate
}

// after is the index of the first point later than t.
func (l Load) after(t time.Duration) int {
	at, _ := slices.BinarySearchFunc(l.points, t, func(p point, t time.Duration) int {
		if p.at <= t {
			return -1
		}
		return 1
	})
	return at
}

// Rate is how many events a second are offered at a time; at a jump, what is
// after it.
func (l Load) Rate(t time.Duration) float64 {
	next := l.after(t)
	if next == 0 {
		return 0
	}
	a := l.points[next-1]
	if next == len(l.points) {
		if l.endless || t == a.at {
			return a.rate
		}
		return 0
	}
	b := l.points[next]
	return a.rate + (b.rate-a.rate)*(t-a.at).Seconds()/(b.at-a.at).Seconds()
}

// Offered is how many events are offered until a time. It never falls.
func (l Load) Offered(t time.Duration) int64 {
	const rounding = 1e-6 // or a thousand a second were 999 after the first
	return int64(l.offered(t) + rounding)
}

func (l Load) offered(t time.Duration) float64 {
	next := l.after(t)
	if next == 0 {
		return 0
	}
	a := l.points[next-1]
	if next == len(l.points) {
		if l.endless {
			return a.sum + a.rate*(t-a.at).Seconds()
		}
		return a.sum
	}
	return a.sum + (a.rate+l.Rate(t))/2*(t-a.at).Seconds()
}
