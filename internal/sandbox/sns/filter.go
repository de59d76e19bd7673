package sns

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// filter is a filter policy: every key must have a value that one of its
// conditions accepts ("Subscription filter policies", SNS developer guide).
type filter struct {
	conditions map[string][]condition
	nested     map[string]filter // of a policy on the body
}

// condition accepts or refuses a value: a string, a float64, a bool or nil.
// there is false for a key that the message lacks.
type condition func(value any, there bool) bool

// parseFilter reads a filter policy. Only one on the body may be nested.
func parseFilter(text string, body bool) (filter, error) {
	var o map[string]any
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return filter{}, err
	}
	return newFilter(o, body)
}

func newFilter(o map[string]any, body bool) (filter, error) {
	f := filter{conditions: map[string][]condition{}, nested: map[string]filter{}}
	for _, key := range slices.Sorted(maps.Keys(o)) {
		switch v := o[key].(type) {
		case map[string]any:
			if !body {
				return f, fmt.Errorf("Filter policy scope MessageAttributes does not support nested filter policy")
			}
			nested, err := newFilter(v, true)
			if err != nil {
				return f, err
			}
			f.nested[key] = nested
		case []any:
			for _, item := range v {
				c, err := newCondition(item)
				if err != nil {
					return f, err
				}
				f.conditions[key] = append(f.conditions[key], c)
			}
		default:
			return f, fmt.Errorf("%q must be an object or an array", key)
		}
	}
	return f, nil
}

func newCondition(v any) (condition, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return func(value any, there bool) bool { return there && value == v }, nil
	}
	if len(o) != 1 {
		return nil, fmt.Errorf("Only one key allowed in match expression")
	}
	for name, operand := range o {
		text, isText := operand.(string)
		switch {
		case name == "exists":
			want, ok := operand.(bool)
			if !ok {
				return nil, fmt.Errorf("exists match pattern must be either true or false.")
			}
			return func(_ any, there bool) bool { return there == want }, nil
		case name == "prefix" && isText:
			return onText(func(s string) bool { return strings.HasPrefix(s, text) }), nil
		case name == "suffix" && isText:
			return onText(func(s string) bool { return strings.HasSuffix(s, text) }), nil
		case name == "equals-ignore-case" && isText:
			return onText(func(s string) bool { return strings.EqualFold(s, text) }), nil
		case name == "anything-but":
			return anythingBut(operand)
		case name == "numeric":
			return numeric(operand)
		default:
			return nil, fmt.Errorf("Unrecognized match type %s", name)
		}
	}
	return nil, nil
}

func onText(accept func(string) bool) condition {
	return func(value any, there bool) bool {
		s, ok := value.(string)
		return there && ok && accept(s)
	}
}

// anythingBut is the opposite of a value, of a list of them, or of a prefix or
// suffix, among the keys that are there.
func anythingBut(operand any) (condition, error) {
	list, ok := operand.([]any)
	if !ok {
		list = []any{operand}
	}
	var not []condition
	for _, item := range list {
		c, err := newCondition(item)
		if err != nil {
			return nil, err
		}
		not = append(not, c)
	}
	return func(value any, there bool) bool {
		return there && !slices.ContainsFunc(not, func(c condition) bool { return c(value, true) })
	}, nil
}

// numeric is a list of pairs of an operator and a number, all of which must
// hold.
func numeric(operand any) (condition, error) {
	list, ok := operand.([]any)
	if !ok || len(list) == 0 || len(list)%2 != 0 {
		return nil, fmt.Errorf("Value of numeric must be a list of operators and numbers")
	}
	var all []func(float64) bool
	for i := 0; i < len(list); i += 2 {
		than, ok := list[i+1].(float64)
		if !ok {
			return nil, fmt.Errorf("Value of %v must be numeric", list[i])
		}
		switch list[i] {
		case "=":
			all = append(all, func(n float64) bool { return n == than })
		case "<":
			all = append(all, func(n float64) bool { return n < than })
		case "<=":
			all = append(all, func(n float64) bool { return n <= than })
		case ">":
			all = append(all, func(n float64) bool { return n > than })
		case ">=":
			all = append(all, func(n float64) bool { return n >= than })
		default:
			return nil, fmt.Errorf("Unrecognized numeric range operator: %v", list[i])
		}
	}
	return func(value any, there bool) bool {
		n, ok := value.(float64)
		return there && ok && !slices.ContainsFunc(all, func(holds func(float64) bool) bool { return !holds(n) })
	}, nil
}

// accepts says whether the values of keys pass. Of a list, one value is enough.
func (f filter) accepts(values map[string]any) bool {
	for key, conditions := range f.conditions {
		v, there := values[key]
		list, many := v.([]any)
		if !many {
			list = []any{v}
		}
		if !slices.ContainsFunc(conditions, func(c condition) bool {
			return slices.ContainsFunc(list, func(v any) bool { return c(v, there) })
		}) {
			return false
		}
	}
	for key, nested := range f.nested {
		o, _ := values[key].(map[string]any)
		if !nested.accepts(o) {
			return false
		}
	}
	return true
}

// wants says whether the subscription's filter lets a notification through. A
// filter on the body lets nothing through that is no JSON object.
func (s *subscription) wants(n *notification) bool {
	switch {
	case s.attributes["FilterPolicy"] == "":
		return true
	case s.attributes["FilterPolicyScope"] != "MessageBody":
		return s.filter.accepts(values(n.attributes))
	}
	var body map[string]any
	return json.Unmarshal([]byte(n.message), &body) == nil && s.filter.accepts(body)
}

// values are message attributes as filters compare them.
func values(attributes map[string]types.MessageAttributeValue) map[string]any {
	out := map[string]any{}
	for name, v := range attributes {
		var value any = aws.ToString(v.StringValue)
		switch kind := aws.ToString(v.DataType); {
		case kind == "String.Array", strings.HasPrefix(kind, "Number"):
			var parsed any
			if json.Unmarshal([]byte(aws.ToString(v.StringValue)), &parsed) == nil {
				value = parsed
			}
		case v.StringValue == nil:
			continue // Binary is not compared
		}
		out[name] = value
	}
	return out
}
