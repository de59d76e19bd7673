// Package policy reads policy documents, IAM's and those that keys, queues,
// topics and buckets have of their own: what a statement says, whom and what it
// is about, and whether its conditions are met.
//
// What a service refuses in a document, in which words, and what follows from
// the statements it leaves to the services.
package policy

import (
	"encoding/json"
	"slices"
	"strings"
)

// Document is a policy. Members that are absent are nil or "".
type Document struct {
	Version   string
	Statement Statements
}

// Statement is one statement of a policy.
type Statement struct {
	Sid          string
	Effect       string
	Principal    Principals
	NotPrincipal Principals
	Action       Words
	NotAction    Words
	Resource     Words
	NotResource  Words
	Condition    map[string]map[string]Words // operator -> key -> any of these values
}

// Parse reads a document. It checks the types of its members, nothing else.
func Parse(text string) (Document, error) {
	var d Document
	err := json.Unmarshal([]byte(text), &d)
	return d, err
}

// Does says whether the statement is about an action, a name such as
// kms:Decrypt. Case does not count.
func (st Statement) Does(action string) bool {
	action = strings.ToLower(action)
	among := func(w Words) bool {
		return slices.ContainsFunc(w, func(p string) bool { return match(strings.ToLower(p), action) })
	}
	if len(st.NotAction) > 0 {
		return !among(st.NotAction)
	}
	return among(st.Action)
}

// Concerns says whether the statement is about an action on a resource, an ARN.
func (st Statement) Concerns(action, resource string) bool {
	if !st.Does(action) {
		return false
	}
	if len(st.NotResource) > 0 {
		return !st.NotResource.match(resource)
	}
	return st.Resource.match(resource)
}

// Statements is one statement or a list of them.
type Statements []Statement

// UnmarshalJSON implements json.Unmarshaler.
func (s *Statements) UnmarshalJSON(text []byte) error {
	if strings.HasPrefix(string(text), "{") {
		*s = make(Statements, 1)
		return json.Unmarshal(text, &(*s)[0])
	}
	return json.Unmarshal(text, (*[]Statement)(s))
}

// Words is one scalar or a list of them, as strings.
type Words []string

// UnmarshalJSON implements json.Unmarshaler.
func (w *Words) UnmarshalJSON(text []byte) error {
	var items []json.RawMessage
	if json.Unmarshal(text, &items) != nil {
		items = []json.RawMessage{text}
	}
	*w = Words{}
	for _, item := range items {
		var s string
		if json.Unmarshal(item, &s) != nil {
			s = string(item) // true and 10 stand for "true" and "10"
		}
		*w = append(*w, s)
	}
	return nil
}

// match says whether text fits one of the words, which may have wildcards.
func (w Words) match(text string) bool {
	return slices.ContainsFunc(w, func(p string) bool { return match(p, text) })
}

// Principals are the kinds of principals (AWS, Service) and who of each. The
// kind "*" stands for a bare "*".
type Principals map[string]Words

// UnmarshalJSON implements json.Unmarshaler.
func (p *Principals) UnmarshalJSON(text []byte) error {
	if string(text) == `"*"` {
		*p = Principals{"*": {"*"}}
		return nil
	}
	return json.Unmarshal(text, (*map[string]Words)(p))
}

// Has says whether the principals hold one of the names, of the given kind, or
// everybody of that kind. Without names it is about everybody alone.
func (p Principals) Has(kind string, names ...string) bool {
	return slices.Contains(p["*"], "*") || slices.ContainsFunc(p[kind], func(who string) bool {
		return who == "*" || slices.Contains(names, who)
	})
}

// match compares text with a pattern in which * is any text and ? any one
// character. It looks back to the last star only, which is enough.
func match(pattern, text string) bool {
	p, t := 0, 0
	star, from := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
