// Package policy writes and compares IAM policy documents. AWS rewrites what it
// is given (single-element lists become strings, keys are reordered), so
// documents are compared by meaning.
package policy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
)

// Document is a policy.
type Document struct {
	Version   string
	ID        string `json:"Id,omitempty"`
	Statement []Statement
}

// Statement is one statement of a policy. Condition maps operators to keys to
// values.
type Statement struct {
	Sid          string `json:",omitempty"`
	Effect       string
	Principal    map[string]any `json:",omitempty"`
	Action       []string
	Resource     []string                  `json:",omitempty"`
	NotPrincipal map[string]any            `json:",omitempty"`
	Condition    map[string]map[string]any `json:",omitempty"`
}

// JSON is the document's text, the same for the same document.
func (d Document) JSON() string {
	if d.Version == "" {
		d.Version = "2012-10-17"
	}
	text, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("policy: %v", err)) // only our own values get here
	}
	return string(text)
}

// Allow is a statement that allows actions on resources.
func Allow(sid string, actions []string, resources ...string) Statement {
	return Statement{Sid: sid, Effect: "Allow", Action: actions, Resource: resources}
}

// To narrows the statement to an AWS service as principal.
func (s Statement) To(service string) Statement {
	s.Principal = map[string]any{"Service": service}
	return s
}

// If adds a condition: s.If("StringEquals", "aws:SourceAccount", account).
func (s Statement) If(operator, key string, value any) Statement {
	c := make(map[string]map[string]any, len(s.Condition)+1)
	for op, keys := range s.Condition {
		c[op] = keys
	}
	keys := map[string]any{key: value}
	for k, v := range c[operator] {
		keys[k] = v
	}
	c[operator] = keys
	s.Condition = c
	return s
}

// Same reports whether two documents mean the same: equal but for the order of
// keys and of lists, and for single values standing for lists of one. Texts
// that are not JSON are the same only when equal.
func Same(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	return reflect.DeepEqual(normal(x), normal(y))
}

// normal brings a value to one form: lists sorted by their text, lists of one
// unpacked, numbers and booleans as the strings that IAM takes them for.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, item := range v {
			m[k] = normal(item)
		}
		return m
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = normal(item)
		}
		if len(items) == 1 {
			return items[0]
		}
		slices.SortFunc(items, func(a, b any) int { return slices.Compare(text(a), text(b)) })
		return items
	case string:
		return v
	default:
		return string(text(v))
	}
}

func text(v any) []byte {
	t, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("policy: %v", err)) // it came from JSON
	}
	return t
}
