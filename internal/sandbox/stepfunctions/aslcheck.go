package stepfunctions

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// object is a JSON object of a definition.
type object = map[string]any

// The fields that each type of state has in JSONPath style (Amazon States
// Language specification), beside Type, Comment and QueryLanguage. AWS has a few
// more, which the sandbox does not run and so does not take.
var stateFields = map[string][]string{
	"Task": {"Resource", "Parameters", "ResultSelector", "ResultPath", "InputPath", "OutputPath", "Retry", "Catch",
		"TimeoutSeconds", "HeartbeatSeconds", "Next", "End"},
	"Parallel": {"Branches", "Parameters", "ResultSelector", "ResultPath", "InputPath", "OutputPath", "Retry", "Catch", "Next", "End"},
	"Pass":     {"Result", "Parameters", "ResultPath", "InputPath", "OutputPath", "Next", "End"},
	"Choice":   {"Choices", "Default", "InputPath", "OutputPath"},
	"Wait":     {"Seconds", "InputPath", "OutputPath", "Next", "End"},
	"Succeed":  {"InputPath", "OutputPath"},
	"Fail":     {"Error", "Cause"},
}

// Fields of one style that are wrong in the other.
var (
	pathOnly    = []string{"InputPath", "Parameters", "ResultSelector", "ResultPath", "OutputPath"}
	jsonataOnly = []string{"Arguments", "Output"}
)

// checker collects what is wrong with a definition.
type checker struct {
	names map[string]bool // of all states: they must differ even between branches
	found []diagnostic
}

func (c *checker) add(code, location, format string, args ...any) {
	c.found = append(c.found, diagnostic{code: code, location: location, message: fmt.Sprintf(format, args...)})
}

func (c *checker) schema(location, format string, args ...any) {
	c.add(schemaInvalid, location, format, args...)
}

// fields refuses the fields of o that are not known.
func (c *checker) fields(at string, o object, known ...string) {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if !slices.Contains(known, name) {
			c.schema(at, "Field '%s' is not supported", name)
		}
	}
}

// text is a field that must be a string and there.
func (c *checker) text(at string, o object, name string) (string, bool) {
	v, ok := o[name]
	if !ok {
		c.schema(at, "These fields are required: [%s]", name)
		return "", false
	}
	s, ok := v.(string)
	if !ok {
		c.schema(at+"/"+name, "Expected value of type String")
	}
	return s, ok
}

// whole refuses a field that is there and no whole number of at least least.
func (c *checker) whole(at string, o object, name string, least int64) {
	v, ok := o[name]
	if !ok {
		return
	}
	if n, ok := v.(json.Number); ok {
		if i, err := n.Int64(); err == nil && i >= least {
			return
		}
	}
	c.schema(at+"/"+name, "Expected value of type Integer of at least %d", least)
}

// machine checks a whole definition.
func (c *checker) machine(o object) {
	c.fields("", o, "Comment", "StartAt", "States", "TimeoutSeconds", "Version", "QueryLanguage")
	c.whole("", o, "TimeoutSeconds", 1)
	language, ok := o["QueryLanguage"]
	if ok && language != "JSONPath" && language != "JSONata" {
		c.schema("/QueryLanguage", "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]")
		return
	}
	c.program("", o, language == "JSONata")
}

// program checks a definition's or branch's states and the ways between them.
func (c *checker) program(at string, o object, jsonata bool) {
	start, ok := c.text(at, o, "StartAt")
	states, isObject := o["States"].(object)
	if !isObject || len(states) == 0 {
		c.schema(at, "These fields are required: [States]")
		return
	}
	targets := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		here := at + "/States/" + name
		if n := utf8.RuneCountInString(name); n == 0 || n > 80 {
			c.schema(here, "State name must have 1 to 80 characters")
		}
		if c.names[name] {
			c.add(duplicateName, here, "Duplicate State name: %s", name)
		}
		c.names[name] = true
		st, ok := states[name].(object)
		if !ok {
			c.schema(here, "Expected value of type Object")
			continue
		}
		for location, target := range c.state(here, st, jsonata) {
			if _, ok := states[target]; !ok {
				c.add(missingTarget, location, "Missing 'Next' target: %s", target)
			}
			targets[name] = append(targets[name], target)
		}
	}
	if !ok {
		return
	}
	if _, ok := states[start]; !ok {
		c.add(missingTarget, at+"/StartAt", "Missing 'StartAt' target: %s", start)
		return
	}
	reached := map[string]bool{}
	reach(start, targets, reached)
	for _, name := range slices.Sorted(maps.Keys(states)) {
		if !reached[name] {
			c.add(missingTarget, at+"/States/"+name, "State \"%s\" is not reachable.", name)
		}
	}
}

func reach(from string, targets map[string][]string, reached map[string]bool) {
	if reached[from] {
		return
	}
	reached[from] = true
	for _, to := range targets[from] {
		reach(to, targets, reached)
	}
}

// state checks one state and returns where it can lead to, by the location
// that says so.
func (c *checker) state(at string, o object, jsonata bool) map[string]string {
	kind, ok := c.text(at, o, "Type")
	if !ok {
		return nil
	}
	known, ok := stateFields[kind]
	switch {
	case kind == "Map":
		c.schema(at, "the sandbox runs no Map states")
		return nil
	case !ok:
		c.schema(at+"/Type", "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]")
		return nil
	}
	if !c.language(at, o, jsonata) {
		return nil
	}
	c.fields(at, o, append([]string{"Type", "Comment", "QueryLanguage"}, known...)...)
	for _, name := range []string{"InputPath", "OutputPath", "ResultPath"} {
		c.path(at, o, name)
	}
	c.template(at+"/Parameters", o["Parameters"])
	c.template(at+"/ResultSelector", o["ResultSelector"])
	c.retries(at, o)

	ways := map[string]string{}
	c.catches(at, o, ways)
	switch kind {
	case "Task":
		c.task(at, o)
	case "Parallel":
		c.branches(at, o)
	case "Choice":
		c.choices(at, o, ways)
	case "Wait":
		if _, ok := o["Seconds"]; !ok {
			c.schema(at, "These fields are required: [Seconds]")
		}
		c.whole(at, o, "Seconds", 0)
	}
	if slices.Contains(known, "Next") {
		c.onward(at, o, ways)
	}
	return ways
}

// language checks that a state keeps to one style, and that it is JSONPath: the
// one that the sandbox runs.
func (c *checker) language(at string, o object, jsonata bool) bool {
	switch own, ok := o["QueryLanguage"]; {
	case own == "JSONata":
		jsonata = true
	case own == "JSONPath" && jsonata:
		c.schema(at, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
		return false
	case ok && own != "JSONPath":
		c.schema(at+"/QueryLanguage", "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]")
		return false
	}
	set, other, wrong := "JSONPath", "JSONata", jsonataOnly
	if jsonata {
		set, other, wrong = other, set, pathOnly
	}
	clean := true
	for _, name := range wrong {
		if _, ok := o[name]; ok {
			clean = false
			c.schema(at, "The QueryLanguage is set to '%s', but field '%s' is only supported for the '%s' QueryLanguage", set, name, other)
		}
	}
	if jsonata && clean {
		c.schema(at, "the sandbox runs JSONPath only, not JSONata")
	}
	return clean && !jsonata
}

// onward checks Next and End, one of which must be there.
func (c *checker) onward(at string, o object, ways map[string]string) {
	next, hasNext := o["Next"]
	end, hasEnd := o["End"]
	switch {
	case hasNext && hasEnd && end == true:
		c.schema(at, "Only one of these fields is allowed: [Next, End]")
	case !hasNext && end != true:
		c.schema(at, "These fields are required: [Next] or [End]")
	case hasNext:
		if name, ok := next.(string); ok {
			ways[at+"/Next"] = name
		} else {
			c.schema(at+"/Next", "Expected value of type String")
		}
	}
}

func (c *checker) branches(at string, o object) {
	list, ok := o["Branches"].([]any)
	if !ok || len(list) == 0 {
		c.schema(at, "These fields are required: [Branches]")
		return
	}
	for i, b := range list {
		here := fmt.Sprintf("%s/Branches[%d]", at, i)
		branch, ok := b.(object)
		if !ok {
			c.schema(here, "Expected value of type Object")
			continue
		}
		c.fields(here, branch, "Comment", "StartAt", "States")
		c.program(here, branch, false)
	}
}
