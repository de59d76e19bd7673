package stepfunctions

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// operators compare the variable of a choice.
var operators = func() map[string]bool {
	all := map[string]bool{"StringMatches": true}
	for _, is := range []string{"Boolean", "Null", "Numeric", "Present", "String", "Timestamp"} {
		all["Is"+is] = true
	}
	for _, path := range []string{"", "Path"} {
		all["BooleanEquals"+path] = true
		for _, kind := range []string{"String", "Numeric", "Timestamp"} {
			for _, op := range []string{"Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals"} {
				all[kind+op+path] = true
			}
		}
	}
	return all
}()

func (c *checker) choices(at string, o object, ways map[string]string) {
	if v, ok := o["Default"]; ok {
		if name, ok := v.(string); ok {
			ways[at+"/Default"] = name
		} else {
			c.schema(at+"/Default", "Expected value of type String")
		}
	}
	list, ok := o["Choices"].([]any)
	if !ok || len(list) == 0 {
		c.schema(at, "These fields are required: [Choices]")
		return
	}
	for i, v := range list {
		here := fmt.Sprintf("%s/Choices[%d]", at, i)
		r, ok := v.(object)
		if !ok {
			c.schema(here, "Expected value of type Object")
			continue
		}
		if next, ok := c.text(here, r, "Next"); ok {
			ways[here+"/Next"] = next
		}
		c.rule(here, r, true)
	}
}

// rule checks one choice rule. Only those at the top lead anywhere.
func (c *checker) rule(at string, o object, top bool) {
	var tests []string
	for _, name := range slices.Sorted(maps.Keys(o)) {
		switch {
		case name == "And" || name == "Or" || name == "Not" || operators[name]:
			tests = append(tests, name)
		case name == "Variable" || name == "Comment" || name == "Next" && top:
		default:
			c.schema(at, "Field '%s' is not supported", name)
		}
	}
	if len(tests) != 1 {
		c.schema(at, "Exactly one comparison operator is required, found %v", tests)
		return
	}
	switch test := tests[0]; test {
	case "And", "Or":
		list, _ := o[test].([]any)
		if len(list) == 0 {
			c.schema(at+"/"+test, "Expected value of type non-empty Array")
		}
		for i, v := range list {
			c.nested(fmt.Sprintf("%s/%s[%d]", at, test, i), v)
		}
	case "Not":
		c.nested(at+"/Not", o[test])
	default:
		c.path(at, o, "Variable")
		if _, ok := o["Variable"]; !ok {
			c.schema(at, "These fields are required: [Variable]")
		}
		if strings.HasSuffix(test, "Path") {
			c.path(at, o, test)
		}
	}
}

func (c *checker) nested(at string, v any) {
	if o, ok := v.(object); ok {
		c.rule(at, o, false)
		return
	}
	c.schema(at, "Expected value of type Object")
}
