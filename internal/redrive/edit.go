package redrive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/fault"
)

// ParseEdits makes an edit of assignments, nil of none:
//
//	body.location.speed_kmh=80   a member of a JSON body; values are JSON, or text
//	attr.priority=high           an attribute of type String, or of the type that it has
//
// Members on the way are made where they are missing. Of a body that is edited
// the meaning stays, the order of its members and its spaces do not. A body
// that is no JSON object is an error of the edit and leaves the message alone.
func ParseEdits(assignments []string) (func(*queue.Outgoing) error, error) {
	var edits []func(*queue.Outgoing) error
	for _, a := range assignments {
		path, value, ok := strings.Cut(a, "=")
		where, rest, deep := strings.Cut(path, ".")
		keys := strings.Split(rest, ".")
		for _, key := range keys {
			deep = deep && key != ""
		}
		switch {
		case ok && deep && where == "body":
			edits = append(edits, func(o *queue.Outgoing) error { return setMember(o, keys, value) })
		case ok && deep && where == "attr":
			edits = append(edits, func(o *queue.Outgoing) error { return setAttribute(o, rest, value) })
		default:
			return nil, fault.As(fault.Usage, fmt.Errorf("--edit %q: want body.MEMBER=VALUE or attr.NAME=VALUE", a), "as in --edit body.speed_kmh=80")
		}
	}
	if len(edits) == 0 {
		return nil, nil
	}
	return func(o *queue.Outgoing) error {
		for _, edit := range edits {
			if err := edit(o); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func setMember(o *queue.Outgoing, keys []string, value string) error {
	var body map[string]any
	in := json.NewDecoder(strings.NewReader(o.Body))
	in.UseNumber() // so that no digit is lost
	if err := in.Decode(&body); err != nil || body == nil || in.More() {
		return errors.New("the body is no JSON object")
	}
	at := body
	for _, key := range keys[:len(keys)-1] {
		if at[key] == nil {
			at[key] = map[string]any{}
		}
		next, ok := at[key].(map[string]any)
		if !ok {
			return fmt.Errorf("%s in the body is no object", key)
		}
		at = next
	}
	var v any = value
	if json.Valid([]byte(value)) {
		v = json.RawMessage(value)
	}
	at[keys[len(keys)-1]] = v
	var out bytes.Buffer
	to := json.NewEncoder(&out)
	to.SetEscapeHTML(false)
	if err := to.Encode(body); err != nil {
		return err
	}
	o.Body = strings.TrimSuffix(out.String(), "\n")
	return nil
}

func setAttribute(o *queue.Outgoing, name, value string) error {
	a, ok := o.Attributes[name]
	if !ok {
		a.Type = "String"
	}
	if a.Binary != nil {
		return fmt.Errorf("the attribute %s is binary", name)
	}
	if a.String = value; value == "" {
		return fmt.Errorf("the attribute %s may not be empty", name)
	}
	if o.Attributes == nil {
		o.Attributes = map[string]queue.Attribute{}
	}
	o.Attributes[name] = a
	return nil
}
