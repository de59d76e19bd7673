package stepfunctions

import (
	"reflect"
	"strings"
	"testing"
)

// good uses all that the sandbox knows of the language, in the order in which a
// reader would meet it.
const good = `{
  "Comment": "c", "StartAt": "Both", "TimeoutSeconds": 60, "QueryLanguage": "JSONPath",
  "States": {
    "Both": {"Type": "Parallel", "ResultPath": "$.both", "Next": "Ask",
      "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Bad"}],
      "Branches": [
        {"StartAt": "Tell", "States": {"Tell": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "TimeoutSeconds": 5, "End": true,
          "Parameters": {"TopicArn": "t", "Message.$": "States.Format('it\\'s {} {}', $.a['b c'][0], $$.Execution.Id)",
            "MessageAttributes": {"k": {"DataType": "String", "StringValue.$": "$.k"}}},
          "Retry": [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "BackoffRate": 1.5, "MaxAttempts": 0, "MaxDelaySeconds": 9, "JitterStrategy": "FULL"},
            {"ErrorEquals": ["States.ALL"]}]}}},
        {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 1, "End": true}}}]},
    "Ask": {"Type": "Choice", "Default": "Good", "Choices": [
      {"And": [{"Variable": "$.x", "IsPresent": true}, {"Not": {"Variable": "$.x", "StringEqualsPath": "$.y"}}], "Next": "Pass"}]},
    "Pass": {"Type": "Pass", "Result": {"n": 1}, "OutputPath": null, "Next": "Good"},
    "Good": {"Type": "Succeed"},
    "Bad": {"Type": "Fail", "Error": "E", "Cause": "C"}
  }
}`

func TestParseReadsTheWholeLanguage(t *testing.T) {
	p, found := parse(good)
	if len(found) > 0 {
		t.Fatalf("found wrong: %v", found)
	}
	both := p.States["Both"]
	tell := both.Branches[0].States["Tell"]
	ask := p.States["Ask"].Choices[0]
	got := []any{p.StartAt, p.TimeoutSeconds, both.ResultPath, both.Catch[0].Next, tell.Resource, *tell.Retry[0].BackoffRate, *tell.Retry[0].MaxAttempts,
		tell.Retry[1].MaxAttempts == nil, ask.Next, ask.And[0].operator, ask.And[0].operand, ask.And[1].Not.operator, p.States["Pass"].OutputPath}
	want := []any{"Both", 60, reference{Path: "$.both"}, "Bad", publish, 1.5, 0,
		true, "Pass", "IsPresent", true, "StringEqualsPath", reference{Null: true}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestParseExpr(t *testing.T) {
	tests := map[string]expr{
		"$":                            path{},
		"$$.Execution.Id":              path{context: true, steps: []any{"Execution", "Id"}},
		"$.a['b c'][0].d":              path{steps: []any{"a", "b c", 0, "d"}},
		`States.Format('a\'{}', $.b )`: call{name: "States.Format", args: []expr{literal{"a'{}"}, path{steps: []any{"b"}}}},
		"States.Array(1.5,true, null,States.JsonToString($))": call{name: "States.Array",
			args: []expr{literal{1.5}, literal{true}, literal{nil}, call{name: "States.JsonToString", args: []expr{path{}}}}},
		"States.UUID()": call{name: "States.UUID"},
	}
	for text, want := range tests {
		if got, err := parseExpr(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v, want %#v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "$.", "$x", "$[", "$[-1]", "$['a", "$..a", "$[*]", "States.Format()", "States.Nothing(1)", "States.Array(1", "'a' 'b'", "States.JsonToString($, $)"} {
		if got, err := parseExpr(text); err == nil {
			t.Errorf("%q reads as %#v", text, got)
		}
	}
}

// Each change to a good definition is one that AWS refuses; the words are those
// that it was heard to use.
func TestParseRefuses(t *testing.T) {
	tests := []struct{ old, new, want string }{
		{`"StartAt": "Both"`, `"StartAt": "Nowhere"`, "MISSING_TRANSITION_TARGET: Missing 'StartAt' target: Nowhere at /StartAt"},
		{`"Next": "Pass"}`, `"Next": "Gone"}`, "MISSING_TRANSITION_TARGET: Missing 'Next' target: Gone at /States/Ask/Choices[0]/Next"},
		{`"Next": "Pass"}`, `"Next": "Good"}`, `MISSING_TRANSITION_TARGET: State "Pass" is not reachable. at /States/Pass`},
		{`"Default": "Good"`, `"Default": "Gone"`, "Missing 'Next' target: Gone at /States/Ask/Default"},
		{`"Rest": {"Type": "Wait"`, `"Rest": {"Type": "Sleep"`, "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/Both/Branches[1]/States/Rest/Type"},
		{`"States": {"Rest"`, `"Output": 1, "States": {"Rest"`, "Field 'Output' is not supported at /States/Both/Branches[1]"},
		{`"Rest", "States": {"Rest"`, `"Good", "States": {"Good"`, "DUPLICATE_STATE_NAME"},
		{`"Seconds": 1`, `"Seconds": "1"`, "/States/Both/Branches[1]/States/Rest/Seconds"},
		{`"Seconds": 1, "End": true`, `"Seconds": 1`, "[Next] or [End]"},
		{`"Type": "Pass",`, `"Type": "Pass", "Output": 1,`, "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/Pass"},
		{`"Type": "Pass",`, `"Type": "Pass", "QueryLanguage": "JSONata",`, "The QueryLanguage is set to 'JSONata', but field 'OutputPath' is only supported for the 'JSONPath' QueryLanguage at /States/Pass"},
		{`"QueryLanguage": "JSONPath"`, `"QueryLanguage": "JSONata"`, "but field 'ResultPath' is only supported for the 'JSONPath'"},
		{`"Result": {"n": 1}`, `"Resource": "x"`, "Field 'Resource' is not supported at /States/Pass"},
		{"arn:aws:states:::sns:publish", "sns:publish", "Value is not a valid resource ARN at /States/Both/Branches[0]/States/Tell/Resource"},
		{"states:::sns:publish", "states:::sns:shout", "The resource provided arn:aws:states:::sns:shout is not recognized."},
		{`"TopicArn": "t"`, `"Topic": "t"`, "The field 'Topic' is not supported by Step Functions"},
		{`"Message.$": "States`, `"Subject.$": "States`, "The field 'Message' is required but was missing"},
		{`"StringValue.$": "$.k"`, `"StringValue.$": "k"`, "The value for the field 'StringValue.$' must be a valid JSONPath or a valid intrinsic function call at /States/Both/Branches[0]/States/Tell/Parameters/MessageAttributes/k"},
		{`"ResultPath": "$.both"`, `"ResultPath": "both"`, "Value is not a valid JSONPath at /States/Both/ResultPath"},
		{`["States.TaskFailed"]`, `["States.ALL"]`, "'States.ALL' must appear alone and in the last position"},
		{`"BackoffRate": 1.5`, `"BackoffRate": 0.5`, "/States/Both/Branches[0]/States/Tell/Retry[0]/BackoffRate"},
		{`"JitterStrategy": "FULL"`, `"JitterStrategy": "SOME"`, "[FULL, NONE]"},
		{`"IsPresent": true`, `"IsThere": true`, "Field 'IsThere' is not supported"},
		{`"Variable": "$.x", "StringEqualsPath"`, `"StringEqualsPath"`, "These fields are required: [Variable]"},
		{`"Error": "E"`, `"Error": 1`, "/States"},
	}
	for _, test := range tests {
		text := strings.Replace(good, test.old, test.new, 1)
		if text == good {
			t.Fatalf("%q is not in the definition", test.old)
		}
		_, found := parse(text)
		var all []string
		for _, d := range found {
			all = append(all, d.String())
		}
		if got := strings.Join(all, "\n"); !strings.Contains(got, test.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", test.new, got, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add(`{"StartAt":"X","States":{"X":{"Type":"Choice","Choices":[{"Variable":"$","IsNull":true,"Next":"X"}]}}}`)
	f.Add(`{"States":[],"StartAt":{}}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, found := parse(text)
		if (p == nil) == (len(found) == 0) {
			t.Fatalf("a program %t, and %v wrong", p != nil, found)
		}
		if p != nil && p.States[p.StartAt] == nil {
			t.Fatalf("nothing at %q", p.StartAt)
		}
	})
}
