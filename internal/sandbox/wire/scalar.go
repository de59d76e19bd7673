package wire

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

func mistyped(v any, want string) error {
	return malformed{fmt.Errorf("%T can not be converted to a %s", v, want)}
}

func toBool(v any) (bool, error) {
	b, ok := v.(bool)
	if !ok {
		return false, mistyped(v, "Boolean")
	}
	return b, nil
}

func toNumber(v any) (float64, error) {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Float64(); err == nil {
			return n, nil
		}
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	}
	return 0, mistyped(v, "Number")
}

// toInteger is v, whose value is about n, as a whole number. What fits into 64
// bits keeps them all, which a float64 does not.
func toInteger(v any, n float64) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i, true
		}
	}
	whole := n == math.Trunc(n) && n >= -1<<63 && n < 1<<63
	return int64(n), whole
}

func toTime(v any) (time.Time, error) {
	switch v := v.(type) {
	case time.Time:
		return v.UTC(), nil
	case string:
		for _, layout := range []string{time.RFC3339Nano, time.RFC1123} {
			if t, err := time.Parse(layout, v); err == nil {
				return t.UTC(), nil
			}
		}
	default:
		if n, err := toNumber(v); err == nil {
			return time.UnixMilli(int64(math.Round(n * 1000))).UTC(), nil
		}
	}
	return time.Time{}, mistyped(v, "Timestamp")
}
