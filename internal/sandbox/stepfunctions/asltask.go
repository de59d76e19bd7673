package stepfunctions

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// publish is the service integration that the pipeline uses (Step Functions
// guide, "Call Amazon SNS with Step Functions"), with the parameters it has.
const publish = "arn:aws:states:::sns:publish"

var publishParameters = []string{"Message", "MessageAttributes", "MessageDeduplicationId", "MessageGroupId", "MessageStructure",
	"PhoneNumber", "Subject", "TargetArn", "TopicArn"}

func (c *checker) task(at string, o object) {
	c.whole(at, o, "TimeoutSeconds", 1)
	c.whole(at, o, "HeartbeatSeconds", 1)
	resource, ok := c.text(at, o, "Resource")
	switch {
	case !ok:
		return
	case strings.Count(resource, ":") < 5 || !strings.HasPrefix(resource, "arn:"):
		c.schema(at+"/Resource", "Value is not a valid resource ARN")
		return
	case resource != publish:
		c.schema(at+"/Resource", "The resource provided %s is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.", resource)
		return
	}
	parameters, ok := o["Parameters"].(object)
	if !ok {
		c.schema(at, "These fields are required: [Parameters]")
		return
	}
	has := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(parameters)) {
		name := strings.TrimSuffix(key, ".$")
		has[name] = true
		if !slices.Contains(publishParameters, name) {
			c.schema(at+"/Parameters", "The field '%s' is not supported by Step Functions", key)
		}
	}
	if !has["Message"] {
		c.schema(at+"/Parameters", "The field 'Message' is required but was missing")
	}
	if !has["TopicArn"] && !has["TargetArn"] && !has["PhoneNumber"] {
		c.schema(at+"/Parameters", "The field 'TopicArn' is required but was missing")
	}
}

// retries checks the list of retriers. The one for everything comes last and
// alone.
func (c *checker) retries(at string, o object) {
	for i, r := range c.handlers(at, o, "Retry") {
		here := fmt.Sprintf("%s/Retry[%d]", at, i)
		c.fields(here, r, "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment")
		c.whole(here, r, "IntervalSeconds", 1)
		c.whole(here, r, "MaxAttempts", 0)
		c.whole(here, r, "MaxDelaySeconds", 1)
		if v, ok := r["BackoffRate"]; ok {
			n, isNumber := v.(json.Number)
			rate, err := n.Float64()
			if !isNumber || err != nil || rate < 1 {
				c.schema(here+"/BackoffRate", "Expected value of type Number of at least 1.0")
			}
		}
		if v, ok := r["JitterStrategy"]; ok && v != "FULL" && v != "NONE" {
			c.schema(here+"/JitterStrategy", "The field 'JitterStrategy' should have one of these values: [FULL, NONE]")
		}
	}
}

// catches checks the list of catchers and adds where they lead to.
func (c *checker) catches(at string, o object, ways map[string]string) {
	for i, r := range c.handlers(at, o, "Catch") {
		here := fmt.Sprintf("%s/Catch[%d]", at, i)
		c.fields(here, r, "ErrorEquals", "Next", "ResultPath", "Comment")
		c.path(here, r, "ResultPath")
		if next, ok := c.text(here, r, "Next"); ok {
			ways[here+"/Next"] = next
		}
	}
}

// handlers reads the list of retriers or catchers and checks which errors they
// are for.
func (c *checker) handlers(at string, o object, name string) []object {
	v, ok := o[name]
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		c.schema(at+"/"+name, "Expected value of type Array")
		return nil
	}
	var out []object
	for i, v := range list {
		here := fmt.Sprintf("%s/%s[%d]", at, name, i)
		r, ok := v.(object)
		if !ok {
			c.schema(here, "Expected value of type Object")
			r = object{"ErrorEquals": []any{""}}
		}
		out = append(out, r)
		errs, ok := r["ErrorEquals"].([]any)
		if !ok || len(errs) == 0 {
			c.schema(here, "These fields are required: [ErrorEquals]")
		}
		if slices.Contains(errs, any("States.ALL")) && (len(errs) > 1 || i < len(list)-1) {
			c.schema(here+"/ErrorEquals", "'States.ALL' must appear alone and in the last position")
		}
	}
	return out
}

// path checks a field that is a path, or null.
func (c *checker) path(at string, o object, name string) {
	v, ok := o[name]
	if !ok || v == nil {
		return
	}
	text, _ := v.(string)
	e, err := parseExpr(text)
	if _, isPath := e.(path); err != nil || !isPath {
		c.schema(at+"/"+name, "Value is not a valid JSONPath")
	}
}

// template checks a payload template: in it, what a key ending in .$ holds is
// a path or an intrinsic function.
func (c *checker) template(at string, v any) {
	switch v := v.(type) {
	case object:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if !strings.HasSuffix(key, ".$") {
				c.template(at+"/"+key, v[key])
				continue
			}
			text, _ := v[key].(string)
			e, err := parseExpr(text)
			if _, isLiteral := e.(literal); err != nil || isLiteral {
				c.schema(at, "The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call", key)
			}
		}
	case []any:
		for i, item := range v {
			c.template(fmt.Sprintf("%s[%d]", at, i), item)
		}
	}
}
