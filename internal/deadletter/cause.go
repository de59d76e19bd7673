package deadletter

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/functions"
)

// Origin is where the reason of a failure was found.
type Origin string

// The origins, in the order in which they are looked for.
const (
	Notice    Origin = "notice"    // the record that Lambda writes of what it gave up on
	Attribute Origin = "attribute" // an attribute such as ErrorMessage, as Lambda and SNS add it
	Payload   Origin = "payload"   // an error that the body tells of
	Body      Origin = "body"      // what our functions say of a body that they can't read
	Sound     Origin = "sound"     // nothing is wrong with the message itself
)

// Cause is why a message failed, as far as the message tells.
type Cause struct {
	Origin Origin
	// Text is one line without what only this one message has: ids, times,
	// numbers. Messages that failed alike have the same.
	Text string
	// Certain says that the message fails again however often it is sent,
	// until the functions or the message are changed.
	Certain bool
}

// CauseOf reads a message for the reason of its failure. SQS itself leaves none
// when it moves a message, so that most often our functions are asked what they
// would say to the body.
func CauseOf(m queue.Message) Cause {
	body, isJSON := decodeJSON(m.Body)
	object, _ := body.(map[string]any)
	if text := noticeText(object); text != "" {
		return Cause{Origin: Notice, Text: alike(text)}
	}
	if text := attributeText(m); text != "" {
		return Cause{Origin: Attribute, Text: alike(text)}
	}
	if text := payloadText(object); text != "" {
		return Cause{Origin: Payload, Text: alike(text)}
	}
	if !isJSON || object == nil {
		return Cause{Origin: Body, Text: shape(m.Body, body, isJSON), Certain: true}
	}
	if text := refusal(m.Body, object); text != "" {
		return Cause{Origin: Body, Text: text, Certain: true}
	}
	return Cause{Origin: Sound, Text: fmt.Sprintf("a good %v event: what handles it failed", object["type"])}
}

// errorText is what a message or its sender says of the failure, word for word.
func errorText(m queue.Message) string {
	if text := attributeText(m); text != "" {
		return text
	}
	body, _ := decodeJSON(m.Body)
	object, _ := body.(map[string]any)
	if text := noticeText(object); text != "" {
		return text
	}
	return payloadText(object)
}

// noticeText reads the record that Lambda sends to a destination of failures:
// of a batch of a stream, or of an asynchronous invocation with its result
// ("Retain discarded batch records for a Kinesis Data Streams event source" and
// "Capturing records of Lambda asynchronous invocations").
func noticeText(body map[string]any) string {
	request, _ := body["requestContext"].(map[string]any)
	condition := str(request["condition"])
	if condition == "" {
		return ""
	}
	_, function, _ := strings.Cut(str(request["functionArn"]), ":function:")
	function, _, _ = strings.Cut(function, ":")
	parts := []string{strings.TrimSpace(function + " " + condition)}
	if response, _ := body["responseContext"].(map[string]any); str(response["functionError"]) != "" {
		parts = append(parts, str(response["functionError"]))
	}
	if payload, _ := body["responsePayload"].(map[string]any); payload != nil {
		parts = append(parts, payloadText(payload))
	}
	return strings.Join(slices.DeleteFunc(parts, empty), ": ")
}

// attributeText joins the kind of an error and its words, from the attributes
// that Lambda and SNS give to dead letters and those usual elsewhere.
func attributeText(m queue.Message) string {
	var parts []string
	for _, names := range [][]string{{"errortype", "exceptiontype", "exception"}, {"errorcode"}, {"errormessage", "exceptionmessage", "error", "errorreason"}} {
		for _, want := range names {
			if i := findAttribute(m, want); i != "" {
				parts = append(parts, i)
				break
			}
		}
	}
	return strings.Join(parts, ": ")
}

// findAttribute ignores case and what stands between words in names.
func findAttribute(m queue.Message, want string) string {
	var found []string // map order must not decide
	for name, a := range m.Attributes {
		if plain := strings.Map(letters, name); plain == want && a.Binary == nil && a.String != "" {
			found = append(found, a.String)
		}
	}
	slices.Sort(found)
	return strings.Join(found, ", ")
}

// letters keeps the letters of a name, in lower case.
func letters(r rune) rune {
	switch {
	case 'A' <= r && r <= 'Z':
		return r + 'a' - 'A'
	case 'a' <= r && r <= 'z':
		return r
	}
	return -1
}

// payloadText reads an error as Lambda runtimes write it, or under the one name
// error.
func payloadText(body map[string]any) string {
	kind, words := str(body["errorType"]), str(body["errorMessage"])
	switch e := body["error"].(type) {
	case string:
		words = or(words, e)
	case map[string]any:
		kind, words = or(kind, or(str(e["type"]), str(e["code"]))), or(words, str(e["message"]))
	}
	return strings.Join(slices.DeleteFunc([]string{kind, words}, empty), ": ")
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func empty(s string) bool { return s == "" }

func str(v any) string { s, _ := v.(string); return s }

// shape says what a body is that is no JSON object.
func shape(text string, body any, isJSON bool) string {
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return "the body is empty"
	case isJSON:
		names := map[byte]string{'[': "a list", '"': "a text", 't': "true", 'f': "false", 'n': "null"}
		return "the body is JSON, but no object: " + or(names[trimmed[0]], "a number")
	case trimmed[0] == '{':
		var syntax *json.SyntaxError
		err := json.Unmarshal([]byte(text), &body)
		if errors.As(err, &syntax) && syntax.Offset >= int64(len(text)) {
			return "the body is JSON that was cut off"
		}
		return "the body is broken JSON"
	case trimmed[0] == '<':
		return "the body is XML or HTML, not JSON"
	}
	return "the body is not JSON"
}

// required are what every event has.
var required = [...]string{"event_id", "vehicle_id", "type", "severity", "occurred_at"}

// refusal is what our functions say to a body, "" when they take it. What is
// missing is named as such: that the id of an event is not 1 to 128 characters
// is true, and no help.
func refusal(text string, body map[string]any) string {
	var missing []string
	for _, key := range required {
		if _, ok := body[key]; !ok {
			missing = append(missing, key)
		}
	}
	if len(missing) == len(required) {
		return "not a telemetry event: it has none of " + strings.Join(missing, ", ")
	}
	if len(missing) > 0 {
		return "no " + strings.Join(missing, ", no ")
	}
	_, err := functions.Decode([]byte(text))
	var invalid *functions.Invalid
	if !errors.As(err, &invalid) {
		return ""
	}
	return alike(strings.Join(invalid.Reasons, "; "))
}

// varying is what differs between failures that are alike, the longest forms
// first. A number that can be a status of HTTP stays: it tells 404 from 500.
var varying = regexp.MustCompile(`(?i)` + strings.Join([]string{
	`\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?`,    // a time
	`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`,                  // a UUID
	`\b[0-9a-f]*\d[0-9a-f]*[a-f][0-9a-f]*\b|\b[0-9a-f]*[a-f][0-9a-f]*\d[0-9a-f]*\b`, // hexadecimal
	`\d+(?:\.\d+)?`,
}, "|"))

var status = regexp.MustCompile(`^[45]\d\d$`)

// mostCause bounds a cause's text, in runes: it is a line of a table.
const mostCause = 160

// alike takes out of an error's text what only one failure has.
func alike(text string) string {
	text = varying.ReplaceAllStringFunc(strings.Join(strings.Fields(text), " "), func(found string) string {
		switch {
		case status.MatchString(found):
			return found
		case strings.Count(found, "-") == 4:
			return "<id>"
		case len(found) >= 10 && found[4] == '-' && found[7] == '-':
			return "<time>"
		case strings.Trim(found, "0123456789.") == "":
			return "<n>"
		case len(found) >= 8:
			return "<id>"
		}
		return found
	})
	if runes := []rune(text); len(runes) > mostCause {
		text = string(runes[:mostCause-1]) + "…"
	}
	return text
}
