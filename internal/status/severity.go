package status

import (
	"fmt"
	"slices"
)

var severities = []string{Unknown: "unknown", OK: "ok", Warn: "warn", Red: "red"}

// String is the severity's word: unknown, ok, warn or red.
func (s Severity) String() string {
	if s < 0 || int(s) >= len(severities) {
		return fmt.Sprintf("severity %d", int8(s))
	}
	return severities[s]
}

// MarshalText is String, for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the words of String and nothing else.
func (s *Severity) UnmarshalText(text []byte) error {
	i := slices.Index(severities, string(text))
	if i < 0 {
		return fmt.Errorf("no severity is called %q", text)
	}
	*s = Severity(i)
	return nil
}

// rank orders severities: not to know is worse than fine, better than bad.
func (s Severity) rank() int {
	switch s {
	case OK:
		return 0
	case Unknown:
		return 1
	default:
		return int(s)
	}
}

// Worse reports whether s is worse than t. Unknown is worse than OK and better
// than Warn.
func (s Severity) Worse(t Severity) bool { return s.rank() > t.rank() }

// worst is the worst of all, OK of none.
func worst(all ...Severity) Severity {
	w := OK
	for _, s := range all {
		if s.Worse(w) {
			w = s
		}
	}
	return w
}
