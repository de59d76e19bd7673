package deadletter_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/deadletter"
	"github.com/ccs-platform/ccsctl/internal/fault"
)

func parse(t *testing.T, text string) deadletter.Filter {
	t.Helper()
	f, err := deadletter.ParseFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func chooses(t *testing.T, filter string, m queue.Message) bool {
	t.Helper()
	ok, err := parse(t, filter).Match(m)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// For each question either it chooses the message, or its opposite does, or
// neither: then nothing can be told.
func TestFiltersChooseWhatIsTrueAndNothingThatIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := queue.Message{
			ID: "5f0c", Group: "veh-17", Receives: 3, Sent: time.Now().Add(-3 * time.Hour),
			Source: "arn:aws:sqs:eu-west-1:000000000000:ccs-prod-telemetry",
			Body: `{"type":"crash","speed_kmh":120.5,"id":9007199254740993,"flag":true,"none":null,"code":"500",
			        "tags":["night","rain"],"at":{"lat":1,"odd name":{"x":2}},"list":[{"n":1},{"n":2}]}`,
			Attributes: map[string]queue.Attribute{
				"ErrorCode": {Type: "Number", String: "500"}, "ErrorMessage": {Type: "String", String: "Task timed out after 5.00 seconds: timeout"},
				"a.b": {Type: "String", String: "dots"}, "raw": {Type: "Binary", Binary: []byte("x")},
			},
		}
		const yes, no, unknown = "yes", "no", "unknown"
		for question, want := range map[string]string{
			`body.type == "crash" && age > 2h && receives >= 3`:      yes,
			`body.type == "crash" and age > 4h`:                      no,
			`body.type == 'crash' or body.nowhere == 1`:              yes,
			`body.type == "fire" or body.nowhere == 1`:               unknown,
			`body.type == "crash" and body.nowhere == 1`:             unknown,
			`body.type == "fire" and body.nowhere == 1`:              no,
			`body.speed_kmh > 120 or not exists(body.vehicle_id)`:    yes,
			`exists(body.vehicle_id)`:                                no,
			`exists(body.none)`:                                      yes,
			`exists(body.at.lat)`:                                    yes,
			`exists(body.at.lat.deeper)`:                             no,
			`exists(attr.raw)`:                                       yes,
			`body.nowhere == null`:                                   unknown, // it is not null, it is not there
			`body.none == null`:                                      yes,
			`body.type != null`:                                      yes,
			`body.none == 1`:                                         unknown,
			`body.nowhere != "x"`:                                    unknown,
			`body.nowhere.deeper[3] =~ "x"`:                          unknown,
			`body.code == 500`:                                       unknown, // a text is no number
			`body.code != 500`:                                       unknown,
			`body.code == "500"`:                                     yes,
			`attr.ErrorCode == "500"`:                                yes, // as people write it
			`attr.ErrorCode >= 500`:                                  yes,
			`attr.errorcode == 500`:                                  unknown, // names are SQS's, to the letter
			`attr.a.b == "dots"`:                                     yes,
			`attr["a.b"] == "dots"`:                                  yes,
			`attr.raw == "x"`:                                        unknown,
			`error contains "timeout"`:                               yes,
			`error contains "Timeout"`:                               no,
			`error =~ "(?i)TIMEOUT"`:                                 yes,
			`group =~ "^veh-1"`:                                      yes,
			`group !~ "^veh-1"`:                                      no,
			`source contains "telemetry"`:                            yes,
			`body.tags contains "rain"`:                              yes,
			`body.tags contains "snow"`:                              no,
			`body.list[1].n == 2`:                                    yes,
			`body.list[2].n == 2`:                                    unknown,
			`body.at["odd name"].x == 2`:                             yes,
			`body.id == 9007199254740993`:                            yes,
			`body.id == 9007199254740992`:                            no, // which as a float it would be
			`body.flag`:                                              yes,
			`not body.flag`:                                          no,
			`body.type`:                                              unknown, // neither true nor false
			`body.type in ("sos", "crash")`:                          yes,
			`body.type in ("sos", 3)`:                                unknown,
			`body.type < "d"`:                                        yes,
			`age >= 3h`:                                              yes,
			`age < 0.5d`:                                             yes,
			`age > 2h59m59s`:                                         yes,
			`sent < "2100-01-01T00:00:00Z"`:                          yes,
			`received < "2100-01-01T00:00:00Z"`:                      unknown,
			`text contains "rain" && id == "5f0c"`:                   yes,
			`!(receives < 3) && (group == "x" || group == "veh-17")`: yes,
			`!!body.flag`:                                            yes,
		} {
			got := unknown
			if chooses(t, question, m) {
				got = yes
			}
			if chooses(t, "not ("+question+")", m) {
				if got == yes {
					t.Errorf("%s: it and its opposite choose the message", question)
				}
				got = no
			}
			if got != want {
				t.Errorf("%s: got %s, want %s", question, got, want)
			}
		}
		for _, question := range []string{`body.type == "crash"`, `body.type != "crash"`, `exists(body.type)`, `body[0] == 1`} {
			for _, body := range []string{"", "{", "null", "[]", "3", `{"type":`, `{"type":"x"} {}`} {
				if chooses(t, question, queue.Message{Body: body}) {
					t.Errorf("%s chooses the body %q", question, body)
				}
			}
		}
	})
}

func TestFilterMistakesAreShownWhereTheyAre(t *testing.T) {
	for filter, want := range map[string]string{ // the caret stands below the first ^ here
		`recieves > 3`:                      "^did you mean receives",
		`body.type = "crash"`:               "          ^write ==",
		`body.type == crash`:                `             ^a text stands in quotes: "crash"`,
		`age > 5`:                           "      ^a time span",
		`age > 5y`:                          "      ^neither a number nor a time span",
		`receives >= "3"`:                   "            ^a number",
		`group > 3`:                         "      ^no order",
		`group == 3`:                        "         ^a text in quotes",
		`sent > "yesterday"`:                "       ^a time in quotes",
		`group =~ "("`:                      "         ^missing closing )",
		`age =~ "x"`:                        "       ^patterns are for texts",
		`"crash" == body.type`:              "^begins with a field",
		`body.type == "crash`:               "             ^no closing quote",
		`body.type == "crash" & age`:        "                     ^write &&",
		`body.type == "crash" adn age > 1h`: "                     ^did you mean and?",
		`body.type conatins "x"`:            "          ^did you mean contains?",
		`(body.flag`:                        "          ^expected )",
		`body.flag)`:                        "         ^expected and, or, or the end",
		`exists body.flag`:                  "       ^expected (",
		`attr == 1`:                         "^name one",
		`group.x == "y"`:                    "^nothing below it",
		`body. == 1`:                        "      ^expected a name after the dot",
		`body.x ==`:                         "         ^expected",
		`body.x in "a"`:                     "          ^expected (",
		`group`:                             "     ^compare it",
		`é.x`:                               "^there is no field",
		`text contains "é" ; age > 1h`:      "                  ^no meaning in a filter",
		`not`:                               "   ^expected a field, as body.type or age, found the end",
	} {
		_, err := deadletter.ParseFilter(filter)
		syntax, ok := errors.AsType[*deadletter.SyntaxError](err)
		if !ok || fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%s: got %v, want a mistake of usage with a place and a hint", filter, err)
			continue
		}
		place, say, _ := strings.Cut(want, "^")
		lines := strings.Split(syntax.Error(), "\n")
		if lines[1] != filter || lines[2] != place+"^" || !strings.Contains(lines[0], say) {
			t.Errorf("want %q below\n%s", want, syntax)
		}
	}
	if _, err := deadletter.ParseFilter(strings.Repeat("(", 5000)); fault.KindOf(err) != fault.Usage {
		t.Errorf("got %v, want that it is too long", err)
	}
	if f := parse(t, " "); !f.All() {
		t.Error("an empty filter does not choose everything")
	}
}

// No filter and no message bring it down, a message is never chosen by a
// question and its opposite, and a mistake's place is within the filter.
func FuzzFilter(f *testing.F) {
	for _, seed := range [][2]string{
		{`body.type == "crash" && age > 2h && receives >= 3`, `{"type":"crash"}`},
		{`not (body.a[0]["b c"] in (1, 2.5, "x", null)) or exists(attr.ErrorCode)`, `{"a":[{"b c":1e400}]}`},
		{`error =~ "time" and sent > "2026-11-23T03:00:00Z" or text contains 'x'`, `{"errorMessage":"timed out"}`},
		{`body.x <= -1.5e3 || !body.y`, `[`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, filter, body string) {
		m := queue.Message{Body: body, ID: "id", Receives: 1, Attributes: map[string]queue.Attribute{"ErrorCode": {Type: "Number", String: body}}}
		is, err := deadletter.ParseFilter(filter)
		if syntax, ok := errors.AsType[*deadletter.SyntaxError](err); ok {
			if syntax.At < 0 || syntax.At > len(filter) || strings.Count(syntax.Error(), "\n") != 2 {
				t.Fatalf("a mistake at %d of %d: %q", syntax.At, len(filter), syntax.Error())
			}
		}
		if err != nil {
			return
		}
		not, err := deadletter.ParseFilter("not (" + filter + ")")
		if err != nil {
			if len(filter)+len("not ()") > 4096 || is.All() {
				return
			}
			t.Fatalf("%q is a filter and its opposite is not: %v", filter, err)
		}
		a, _ := is.Match(m)
		if b, _ := not.Match(m); a && b {
			t.Fatalf("%q and its opposite choose %q", filter, body)
		}
		deadletter.CauseOf(m)
	})
}
