package config

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// kind is how a value is written and read.
type kind int

const (
	text kind = iota
	number
	duration // a bare number is seconds
	hours    // a bare number is hours
	labels
	list
)

func (k kind) String() string {
	return [...]string{"text", "whole number", "duration", "hours", "map of text", "list of protocol and endpoint"}[k]
}

func (k kind) scalar() bool { return k < labels }

// reference is an expression in a Terraform file that needs more than the file.
type reference struct{ text string }

// elsewhere is the format of the problem with a reference.
const elsewhere = "%s cannot be resolved from this file; write the value itself"

// read converts what a file, a variable or a flag holds to the type of the
// key's field. On failure it says why, once for each bad part of the value
// (part is appended to the key), and returns nil.
func (k key) read(v any, fail func(part, format string, args ...any)) any {
	if r, ok := v.(reference); ok {
		fail("", elsewhere, r.text)
		return nil
	}
	switch k.kind {
	case number:
		if n, ok := whole(v); ok {
			return n
		}
		fail("", "want a whole number, got %s", describe(v))
	case duration:
		if d, ok := span(v, time.Second); ok {
			return d
		}
		fail("", "want a duration such as 30s or 5m, or a number of seconds, got %s", describe(v))
	case hours:
		if d, ok := span(v, time.Hour); ok {
			return d
		}
		fail("", "want a number of hours, or a duration such as 7d, got %s", describe(v))
	case labels:
		return readLabels(v, fail)
	case list:
		return readList(v, fail)
	default:
		return readText(v, func(format string, args ...any) { fail("", format, args...) })
	}
	return nil
}

// readText takes numbers only from formats that keep them as written: YAML
// turns 1.10 into 1.1 and 0042 into 34, and nobody would notice.
func readText(v any, fail func(format string, args ...any)) any {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case reference:
		fail(elsewhere, v.text)
	case bool, int, int64, uint64, float64:
		fail("want text, got %s; put it in quotes", describe(v))
	default:
		fail("want text, got %s", describe(v))
	}
	return nil
}

func readLabels(v any, fail func(part, format string, args ...any)) any {
	tree, ok := v.(map[string]any)
	if !ok {
		fail("", "want a map of text, got %s", describe(v))
		return nil
	}
	out := make(map[string]string, len(tree))
	for _, name := range sorted(tree) {
		value, ok := readText(tree[name], func(format string, args ...any) { fail("."+name, format, args...) }).(string)
		if ok {
			out[name] = value
		}
	}
	if len(out) < len(tree) {
		return nil
	}
	return out
}

func readList(v any, fail func(part, format string, args ...any)) any {
	items, ok := v.([]any)
	if !ok {
		fail("", "want a list of protocol and endpoint, got %s", describe(v))
		return nil
	}
	out, good := []Subscription{}, true
	for i, item := range items {
		at := fmt.Sprintf("[%d]", i)
		tree, ok := item.(map[string]any)
		if !ok {
			fail(at, "want protocol and endpoint, got %s", describe(item))
			good = false
			continue
		}
		part := map[string]string{"protocol": "", "endpoint": ""}
		for _, name := range sorted(tree) {
			if _, ok := part[name]; !ok {
				fail(at+"."+name, "unknown key%s", didYouMean(fault.Nearest(name, []string{"protocol", "endpoint"})))
				good = false
				continue
			}
			value, ok := readText(tree[name], func(format string, args ...any) { fail(at+"."+name, format, args...) }).(string)
			part[name], good = value, good && ok
		}
		out = append(out, Subscription{part["protocol"], part["endpoint"]})
	}
	if !good {
		return nil
	}
	return out
}

func whole(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case int64:
		return int(v), true
	case uint64:
		return int(v), v <= math.MaxInt64
	case float64:
		return int(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n), true
		}
		f, err := v.Float64()
		return int(f), err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53
	case string:
		n, err := strconv.Atoi(strings.TrimSpace(v))
		return n, err == nil
	}
	return 0, false
}

func span(v any, unit time.Duration) (time.Duration, bool) {
	if d, ok := v.(time.Duration); ok {
		return d, true
	}
	if n, ok := whole(v); ok {
		limit := int(math.MaxInt64 / unit)
		return time.Duration(n) * unit, -limit <= n && n <= limit
	}
	s, ok := v.(string)
	if !ok {
		return 0, false
	}
	s = strings.TrimSpace(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(s)
	return d, err == nil
}

// describe is a value as an error shows it.
func describe(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case map[string]any:
		return "a group of keys"
	case []any:
		return "a list"
	case reference:
		return v.text
	}
	return fmt.Sprint(v)
}

// short is a duration as a person writes it: 30s, 5m, 14d.
func short(d time.Duration) string {
	if d != 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// plain is a field's value as a file would have it, so that what is shown can
// be loaded again.
func (k key) plain(v any) any {
	switch v := v.(type) {
	case time.Duration:
		if k.kind == hours {
			return int(v / time.Hour)
		}
		return short(v)
	case map[string]string:
		if v == nil {
			return map[string]string{}
		}
	case []Subscription:
		if v == nil {
			return []Subscription{}
		}
	case nil:
		if k.kind == labels {
			return map[string]string{}
		}
		return []Subscription{}
	}
	return v
}

// literal is plain in the notation that YAML and JSON share.
func (k key) literal(v any) string {
	if d, ok := v.(time.Duration); ok && k.kind == duration {
		return short(d)
	}
	b, err := json.Marshal(k.plain(v))
	if err != nil {
		panic(err) // strings, numbers, maps and lists of them always marshal
	}
	return string(b)
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
