package status

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// None is what stands for a value that nobody knows.
const None = "–"

// String is the value with its unit as every face writes it: "8,214 records/s",
// "41 s", "0.2 %", and None when it is unknown.
func (m Measure) String() string {
	if m.Value == nil {
		return None
	}
	return Text(*m.Value, m.Unit)
}

// Text is a number with its unit.
func Text(v float64, u Unit) string {
	number, unit := Split(v, u)
	return strings.TrimSpace(number + " " + unit)
}

// Split is Text in two, for columns. The unit may be scaled: 2,100,000 bytes/s
// are "2.1" and "MB/s", 180 seconds "3.0" and "min".
func Split(v float64, u Unit) (number, unit string) {
	switch u {
	case BytesPerSecond, BytesPerHour:
		scale := 0
		for scales := "kMGT"; math.Abs(v) >= 999.5 && scale < len(scales); scale++ {
			v /= 1000
		}
		return digits(v, scale > 0), []string{"", "k", "M", "G", "T"}[scale] + "B" + strings.TrimPrefix(string(u), "bytes")
	case Seconds:
		switch {
		case math.Abs(v) < 119.5:
			return digits(v, true), "s"
		case math.Abs(v) < 119.5*60:
			return digits(v/60, true), "min"
		case math.Abs(v) < 47.5*3600:
			return digits(v/3600, true), "h"
		default:
			return digits(v/(24*3600), true), "days"
		}
	case Percent:
		return digits(v, true), "%"
	case Messages, Shards, Count:
		return digits(v, false), string(u)
	default: // rates: a part of one is worth telling, a whole number has no part
		return digits(v, v != math.Trunc(v)), string(u)
	}
}

// digits is a number with commas between thousands, and with one decimal when
// it is small and that is wanted.
func digits(v float64, decimal bool) string {
	if decimal && math.Abs(v) < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	text := strconv.FormatFloat(v, 'f', 0, 64)
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// Age is how old something of the time at is when it is now, in as few letters
// as do: 4s, 12m, 3h, 2d. It is "" for a time that is not known.
func Age(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	switch d := max(0, now.Sub(at)); {
	case d < 2*time.Minute:
		return strconv.Itoa(int(d/time.Second)) + "s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	default:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	}
}

// String is the problem in one line: "queue/telemetry: depth 1,204 messages,
// over 1,000 messages".
func (p Problem) String() string { return p.Part + ": " + p.Text }
