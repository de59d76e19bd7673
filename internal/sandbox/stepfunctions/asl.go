package stepfunctions

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// program is a definition in the Amazon States Language, in JSONPath style, or
// one branch of a parallel state.
type program struct {
	StartAt        string
	States         map[string]*state
	TimeoutSeconds int
}

// state is one state of any type. The fields that its type lacks are zero.
type state struct {
	Type string
	Next string
	End  bool

	InputPath      reference
	OutputPath     reference
	ResultPath     reference
	Parameters     any
	ResultSelector any
	Result         any // of Pass

	Resource         string // of Task
	TimeoutSeconds   int
	HeartbeatSeconds int
	Retry            []retrier
	Catch            []catcher

	Branches []*program // of Parallel
	Choices  []*rule    // of Choice
	Default  string
	Seconds  int // of Wait

	Error string // of Fail
	Cause string
}

// reference is a path that may also be null, which stands for nothing at all.
// Absent it is "$".
type reference struct {
	Path string
	Null bool
}

func (r *reference) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*r = reference{Null: true}
		return nil
	}
	return json.Unmarshal(text, &r.Path)
}

type retrier struct {
	ErrorEquals     []string
	IntervalSeconds *int     // nil is 1
	MaxAttempts     *int     // nil is 3
	BackoffRate     *float64 // nil is 2
	MaxDelaySeconds int      // 0 is no bound
	JitterStrategy  string
}

type catcher struct {
	ErrorEquals []string
	Next        string
	ResultPath  reference
}

// rule is a choice: a comparison of Variable, or And, Or, Not of others.
type rule struct {
	Next     string
	And, Or  []*rule
	Not      *rule
	Variable string
	operator string // "BooleanEquals"
	operand  any
}

func (r *rule) UnmarshalJSON(text []byte) error {
	type plain rule
	if err := json.Unmarshal(text, (*plain)(r)); err != nil {
		return err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	for name, v := range fields {
		if operators[name] {
			r.operator, r.operand = name, v
		}
	}
	return nil
}

// The codes of diagnostics that AWS uses (API ref ValidateStateMachineDefinition).
const (
	invalidJSON   = "INVALID_JSON_DESCRIPTION"
	schemaInvalid = "SCHEMA_VALIDATION_FAILED"
	missingTarget = "MISSING_TRANSITION_TARGET"
	duplicateName = "DUPLICATE_STATE_NAME"
)

// diagnostic is one thing that is wrong with a definition.
type diagnostic struct {
	code     string
	message  string
	location string // "/States/Notify/Resource"
}

func (d diagnostic) String() string {
	if d.location == "" {
		return d.code + ": " + d.message
	}
	return d.code + ": " + d.message + " at " + d.location
}

// parse reads a definition, or says all that is wrong with it.
func parse(text string) (*program, []diagnostic) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, []diagnostic{{code: invalidJSON, message: err.Error()}}
	}
	fields, ok := tree.(map[string]any)
	if !ok || d.More() {
		return nil, []diagnostic{{code: invalidJSON, message: "the definition must be one JSON object"}}
	}
	c := &checker{names: map[string]bool{}}
	c.machine(fields)
	if len(c.found) > 0 {
		return nil, c.found
	}
	p := new(program)
	err := json.Unmarshal([]byte(text), p)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil, []diagnostic{{code: schemaInvalid, message: fmt.Sprintf("Expected value of type %s", wrong.Type), location: "/" + strings.ReplaceAll(wrong.Field, ".", "/")}}
	}
	if err != nil {
		return nil, []diagnostic{{code: schemaInvalid, message: err.Error()}}
	}
	return p, nil
}
