package watch

import (
	"testing"
	"time"

	"github.com/ccs-platform/ccsctl/internal/status"
)

func TestBarShowsLoadAndWhatWasRefused(t *testing.T) {
	for _, test := range []struct {
		load, refused int
		want          string
	}{
		{0, 0, "░░░░░░░░"}, {4, 0, "████░░░░"}, {8, 0, "████████"}, {99, 0, "████████"},
		{8, 1, "███████╳"}, {8, 99, "██████╳╳"}, {4, 99, "████╳╳╳╳"}, {0, 99, "╳╳╳╳╳╳╳╳"}, {4, 2, "████╳╳░░"},
	} {
		if got := (styles{}).bar(test.load, test.refused, 8, status.OK); got != test.want {
			t.Errorf("load %d, refused %d: got %s, want %s", test.load, test.refused, got, test.want)
		}
	}
}

func TestSparkIsAsHighAsItsLimit(t *testing.T) {
	at := func(values ...float64) (points []status.Point) {
		for i, v := range values {
			if v >= 0 { // below zero: a minute that nobody knows
				points = append(points, status.Point{At: noon.Add(time.Duration(i) * time.Minute), Value: v})
			}
		}
		return points
	}
	partial := append(at(0, 4), status.Point{At: noon.Add(2 * time.Minute), Value: 1, Partial: true})
	for _, test := range []struct {
		limit  float64
		points []status.Point
		want   string
	}{
		{0, nil, "    "},
		{8, at(0, 1, 4, 8), "▁▂▄█"}, // a little is more than nothing
		{8, at(8, 9, 0.1, 8), "█▲▂█"},
		{8, at(4, -1, -1, 4), "▄  ▄"},
		{8, at(1, 2, 8, 8, 8, 8), "████"}, // the newest
		{8, partial, "  ▁▄"},              // a minute that is not over is no fall
		{-1, at(1, 2, 4, 8), "▂▂▄█"},      // no limit: the greatest is full
		{-2, at(0, 0, 1, 2), "▁▁▄█"},      // a limit of none: what there is, is too much
	} {
		m := status.Measure{History: test.points}
		switch {
		case test.limit > 0:
			m.Limit = &test.limit
		case test.limit == -2:
			m.Limit = new(0.0)
		}
		if got := (styles{}).spark(m, 4); got != test.want {
			t.Errorf("%v of %v: got %q, want %q", test.points, test.limit, got, test.want)
		}
	}
}
