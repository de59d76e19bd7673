package deadletter

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
)

// kind is the type of a field, as far as it is known before a message is seen.
type kind int

const (
	anything kind = iota // what JSON has, or an attribute
	words
	count
	period
	moment
)

func (k kind) String() string {
	return [...]string{"whatever the message has there", "a text", "a number", "a time span", "a point in time"}[k]
}

// read is a token's value for a field of the kind.
func (k kind) read(t token) (any, bool) {
	switch {
	case t.kind == span && (k == period || k == anything):
		return t.span, k == period
	case t.kind == number && (k == count || k == anything):
		return json.Number(t.text), true
	case t.kind == text && k == moment:
		at, err := time.Parse(time.RFC3339, t.str)
		return at, err == nil
	case t.kind == text && (k == words || k == anything):
		return t.str, true
	}
	return nil, false
}

// field is something of a message that a filter asks about.
type field struct {
	name string // as it was written
	kind kind
	get  func(*subject) (any, bool)
	path []any // below it: names and, in lists, numbers
}

// wanted says how a value for the field is written.
func (f field) wanted() string {
	return [...]string{`a text in quotes, a number, true, false or null`, `a text in quotes, as "veh-1"`, "a number, as 3",
		"a time span, as 90s, 2h or 3d", `a time in quotes, as "2026-11-23T03:00:00Z"`}[f.kind]
}

func (f field) example() string {
	return f.name + [...]string{" == true", ` == "…"`, " >= 3", " > 2h", ` < "2026-11-23T03:00:00Z"`}[f.kind]
}

// subject is one message under a filter's eye.
type subject struct {
	message queue.Message
	now     time.Time
	decoded bool
	body    any
	isJSON  bool
}

// document is the body as JSON; numbers stay as they are written.
func (s *subject) document() (any, bool) {
	if !s.decoded {
		s.decoded = true
		s.body, s.isJSON = decodeJSON(s.message.Body)
	}
	return s.body, s.isJSON
}

// decodeJSON is a text that is one JSON value and nothing else.
func decodeJSON(text string) (any, bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return nil, false
	}
	return v, true
}

// roots are the fields that every path begins with.
func roots() map[string]field {
	str := func(get func(queue.Message) string) field {
		return field{kind: words, get: func(s *subject) (any, bool) { v := get(s.message); return v, v != "" }}
	}
	at := func(get func(queue.Message) time.Time) field {
		return field{kind: moment, get: func(s *subject) (any, bool) { v := get(s.message); return v, !v.IsZero() }}
	}
	return map[string]field{
		"body":     {kind: anything, get: (*subject).document},
		"attr":     {kind: anything}, // its first name is the attribute's
		"text":     {kind: words, get: func(s *subject) (any, bool) { return s.message.Body, true }},
		"id":       str(func(m queue.Message) string { return m.ID }),
		"group":    str(func(m queue.Message) string { return m.Group }),
		"source":   str(func(m queue.Message) string { return m.Source }),
		"error":    str(errorText),
		"sent":     at(func(m queue.Message) time.Time { return m.Sent }),
		"received": at(func(m queue.Message) time.Time { return m.FirstReceived }),
		"receives": {kind: count, get: func(s *subject) (any, bool) {
			return json.Number(strconv.Itoa(s.message.Receives)), s.message.Receives > 0
		}},
		"age": {kind: period, get: func(s *subject) (any, bool) { return s.now.Sub(s.message.Sent), !s.message.Sent.IsZero() }},
	}
}

// field reads a root and the path below it.
func (p *parser) field() field {
	t := p.token
	all := roots()
	f, ok := all[t.text]
	switch {
	case p.err != nil:
		return field{}
	case t.kind == text || t.kind == number || t.kind == span:
		p.fail(t.at, "a comparison begins with a field, as body.type or age: write %s on the right", t.text)
	case t.kind != word:
		p.fail(t.at, "expected a field, as body.type or age, found %s", p.found())
	case !ok:
		names := slices.Sorted(maps.Keys(all))
		p.fail(t.at, "there is no field %s%s; the fields are %s", t.text, strings.Replace(p.alike(t.text, names...), "?", "", 1), strings.Join(names, ", "))
	}
	if p.err != nil {
		return field{}
	}
	p.advance()
	for p.err == nil && (p.token.text == "." || p.token.text == "[") && p.token.kind == sign {
		p.step(&f)
	}
	if f.name = strings.TrimSpace(p.filter[t.at:p.token.at]); p.err != nil {
		return field{}
	}
	switch {
	case t.text == "attr" && len(f.path) == 0:
		p.fail(t.at, `attr is all attributes: name one, as attr.ErrorCode or attr["trace id"]`)
	case t.text == "attr":
		f.get, f.path = attribute(f.path), nil
	case f.kind != anything && len(f.path) > 0:
		p.fail(t.at, "%s is %s and has nothing below it", t.text, f.kind)
	}
	return f
}

// step reads .name, ["name"] or [number].
func (p *parser) step(f *field) {
	if p.accept(".") {
		if p.token.kind != word {
			p.fail(p.token.at, `expected a name after the dot, found %s; a name with other characters is written ["…"]`, p.found())
			return
		}
		f.path = append(f.path, p.advance().text)
		return
	}
	p.advance()
	t := p.token
	if i, err := strconv.Atoi(t.text); t.kind == number && err == nil && i >= 0 {
		f.path = append(f.path, i)
	} else if t.kind == text {
		f.path = append(f.path, t.str)
	} else {
		p.fail(t.at, `expected a place in a list, as [0], or a name, as ["a b"], found %s`, p.found())
		return
	}
	p.advance()
	p.expect("]", "after it")
}

// attribute is the value of a message attribute: a number where SQS says so.
// Names may have dots in them.
func attribute(path []any) func(*subject) (any, bool) {
	var names []string
	for _, step := range path {
		if i, isIndex := step.(int); isIndex {
			step = strconv.Itoa(i)
		}
		names = append(names, step.(string))
	}
	name := strings.Join(names, ".")
	return func(s *subject) (any, bool) {
		a, ok := s.message.Attributes[name]
		if !ok || a.Binary != nil {
			return nil, ok
		}
		if strings.HasPrefix(a.Type, "Number") {
			return numeral(a.String), true
		}
		return a.String, true
	}
}

// numeral is a number of an attribute, which a filter may compare with a number
// and with a text: people don't see which of the two ErrorCode is.
type numeral string

// of is the field's value in a message; false when it has none.
func (f field) of(s *subject) (any, bool) {
	v, ok := f.get(s)
	for _, step := range f.path {
		if !ok {
			return nil, false
		}
		switch at := step.(type) {
		case string:
			var object map[string]any
			if object, ok = v.(map[string]any); ok {
				v, ok = object[at]
			}
		case int:
			list, _ := v.([]any)
			if ok = at < len(list); ok {
				v = list[at]
			}
		}
	}
	return v, ok
}
