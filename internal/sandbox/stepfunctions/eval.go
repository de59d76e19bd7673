package stepfunctions

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// failure is an error of the States Language: its name, that retriers and
// catchers go by, and its cause in words.
type failure struct{ name, cause string }

func (f *failure) Error() string { return f.name + ": " + f.cause }

// runtimeFailure is what nothing retries or catches.
func runtimeFailure(format string, args ...any) *failure {
	return &failure{"States.Runtime", fmt.Sprintf(format, args...)}
}

// scope is what expressions of a state see: its input, and the context object.
// Values in it are JSON's and are never changed, for branches share them.
type scope struct {
	input   any
	context any
}

// eval is the value of an expression.
func (s scope) eval(e expr) (any, *failure) {
	switch e := e.(type) {
	case literal:
		return e.value, nil
	case path:
		v, ok := s.lookup(e)
		if !ok {
			return nil, runtimeFailure("The JSONPath '%s' could not be found in the input '%s'", e, encode(s.input))
		}
		return v, nil
	case call:
		var args []any
		for _, a := range e.args {
			v, f := s.eval(a)
			if f != nil {
				return nil, f
			}
			args = append(args, v)
		}
		v, err := apply(e.name, args)
		if err != nil {
			return nil, &failure{"States.IntrinsicFailure", fmt.Sprintf("%s: %v", e.name, err)}
		}
		return v, nil
	default:
		panic(fmt.Sprintf("stepfunctions: no value for %T", e)) // parseExpr makes no others
	}
}

// text is the value of an expression that was checked when it was stored.
func (s scope) text(text string) (any, *failure) {
	e, err := parseExpr(text)
	if err != nil {
		return nil, runtimeFailure("%v", err)
	}
	return s.eval(e)
}

// lookup is what a path leads to. ok is false when it leads nowhere.
func (s scope) lookup(p path) (v any, ok bool) {
	v = s.input
	if p.context {
		v = s.context
	}
	for _, step := range p.steps {
		switch step := step.(type) {
		case string:
			o, isObject := v.(object)
			if v, ok = o[step]; !isObject || !ok {
				return nil, false
			}
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil, false
			}
			v = list[step]
		}
	}
	return v, true
}

func (p path) String() string {
	var b strings.Builder
	b.WriteByte('$')
	if p.context {
		b.WriteByte('$')
	}
	for _, step := range p.steps {
		if i, ok := step.(int); ok {
			fmt.Fprintf(&b, "[%d]", i)
		} else {
			fmt.Fprintf(&b, "['%s']", step)
		}
	}
	return b.String()
}

// fill makes a payload of a template.
func (s scope) fill(template any) (any, *failure) {
	switch t := template.(type) {
	case object:
		out := make(object, len(t))
		for key, v := range t {
			name, isExpr := strings.CutSuffix(key, ".$")
			filled, f := s.fillField(v, isExpr)
			if f != nil {
				return nil, f
			}
			out[name] = filled
		}
		return out, nil
	case []any:
		out := make([]any, len(t))
		for i, v := range t {
			var f *failure
			if out[i], f = s.fill(v); f != nil {
				return nil, f
			}
		}
		return out, nil
	default:
		return template, nil
	}
}

func (s scope) fillField(v any, isExpr bool) (any, *failure) {
	if !isExpr {
		return s.fill(v)
	}
	text, _ := v.(string) // the checker saw to it
	return s.text(text)
}

// refer is what InputPath or OutputPath makes of a value.
func (s scope) refer(r reference) (any, *failure) {
	switch {
	case r.Null:
		return object{}, nil
	case r.Path == "" || r.Path == "$":
		return s.input, nil
	}
	return s.text(r.Path)
}

// place puts a result where ResultPath says in the state's input.
func place(r reference, input, result any) (any, *failure) {
	switch {
	case r.Null:
		return input, nil
	case r.Path == "" || r.Path == "$":
		return result, nil
	}
	e, err := parseExpr(r.Path)
	p, ok := e.(path)
	if err != nil || !ok || p.context {
		return nil, runtimeFailure("ResultPath '%s' is no reference path", r.Path)
	}
	out, ok := put(input, p.steps, result)
	if !ok {
		return nil, &failure{"States.ResultPathMatchFailure", fmt.Sprintf("Unable to apply step \"%s\" to input %s", r.Path, encode(input))}
	}
	return out, nil
}

// put is a copy of a value in which the place that the steps lead to holds v.
func put(in any, steps []any, v any) (any, bool) {
	if len(steps) == 0 {
		return v, true
	}
	switch step := steps[0].(type) {
	case string:
		o, ok := in.(object)
		if !ok && in != nil {
			return nil, false
		}
		below, ok := put(o[step], steps[1:], v)
		if !ok {
			return nil, false
		}
		out := maps.Clone(o)
		if out == nil {
			out = object{}
		}
		out[step] = below
		return out, true
	case int:
		list, _ := in.([]any)
		if step >= len(list) {
			return nil, false
		}
		below, ok := put(list[step], steps[1:], v)
		if !ok {
			return nil, false
		}
		out := append([]any(nil), list...)
		out[step] = below
		return out, true
	}
	return nil, false
}

// apply calls an intrinsic function.
func apply(name string, args []any) (any, error) {
	switch name {
	case "States.Array":
		return append([]any{}, args...), nil
	case "States.Format":
		return format(args)
	case "States.JsonToString":
		return encode(args[0]), nil
	case "States.StringToJson":
		text, ok := args[0].(string)
		if !ok {
			return nil, fmt.Errorf("the argument is no string")
		}
		return decode(text)
	case "States.ArrayLength":
		list, ok := args[0].([]any)
		if !ok {
			return nil, fmt.Errorf("the argument is no array")
		}
		return float64(len(list)), nil
	case "States.UUID":
		return bus.NewUUID(), nil
	default:
		return nil, fmt.Errorf("no such function")
	}
}

// format puts arguments in place of the {}s of a text.
func format(args []any) (any, error) {
	template, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("the first argument is no string")
	}
	parts := strings.Split(template, "{}")
	if len(parts) != len(args) {
		return nil, fmt.Errorf("%d values for %d places", len(args)-1, len(parts)-1)
	}
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			if s, ok := args[i].(string); ok {
				b.WriteString(s)
			} else {
				b.WriteString(encode(args[i]))
			}
		}
		b.WriteString(part)
	}
	return b.String(), nil
}

// encode writes a value as JSON, with <, > and & as they are.
func encode(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("stepfunctions: " + err.Error()) // it came from JSON
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// decode reads one JSON value. Numbers stay as they are written.
func decode(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}
