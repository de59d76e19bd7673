package sandbox_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

func TestParseFault(t *testing.T) {
	ms := func(n int) sandbox.Duration { return sandbox.Duration(time.Duration(n) * time.Millisecond) }
	for spec, want := range map[string]sandbox.Fault{
		"kinesis:PutRecords throttle=20%": {Service: "kinesis", Operation: "PutRecords", Throttle: 0.2},
		"sns down":                        {Service: "sns", Down: true},
		" latency=50ms ":                  {Latency: ms(50)},
		"down":                            {Down: true},
		"function:emergency slow=2s":      {Function: "emergency", Latency: ms(2000)},
		"function:ccs-prod-ingest fail=100% times=3":                       {Function: "ccs-prod-ingest", Fail: 1, Times: 3},
		"subscriber:https://127.0.0.1:9/hook?a=b down":                     {Subscriber: "https://127.0.0.1:9/hook?a=b", Fail: 1},
		"subscriber:email fail=12.5%":                                      {Subscriber: "email", Fail: 0.125},
		"mutating hold after=4":                                            {Mutating: true, Hold: true, After: 4},
		"*:TagResource error=1%":                                           {Operation: "TagResource", Error: 0.01},
		`s3 code=SlowDown status=503 message="not \"so\" fast" latency=1s`: {Service: "s3", Code: "SlowDown", Status: 503, Message: `not "so" fast`, Latency: ms(1000)},
	} {
		got, err := sandbox.ParseFault(spec)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", spec, err, diff)
		}
		again(t, got)
	}
	for spec, want := range map[string]string{
		"":                              `says nothing that goes wrong: want one of latency=, throttle=`,
		"kinesis":                       `want one of latency=, throttle=, error=, down, hold, code=`,
		"kinsis down":                   `no service "kinsis": did you mean "kinesis"?`,
		"dwon":                          `no service "dwon": did you mean "down"?`,
		"sns dwon":                      `"dwon" is not for calls: did you mean "down"?`,
		"sns throtle=5%":                `did you mean "throttle="?`,
		"sns throttle=5":                `throttle=5: "5" is no share: want one such as 20%`,
		"sns throttle=0%":               `is no share`,
		"sns throttle=101%":             `is no share`,
		"latency=50":                    `"50" is no time: want one such as 50ms or 2s`,
		"latency=-1s":                   `is no time`,
		"latency=0s":                    `no time at all`,
		"function:emergency latency=2s": `"latency=2s" is not for a function: want one of slow=, fail=`,
		"function: down":                `"function:" names nothing`,
		"subscriber:email slow=2s":      `is not for a subscriber`,
		"sns fail=5%":                   `"fail=5%" is not for calls`,
		"sns status=503":                `a message or a status needs a code`,
		"sns code=X status=200":         `want a number from 400 to 599`,
		"sns down times=0":              `want a number from 1`,
		`sns code=X message="open`:      `a quote in`,
		"sns mutating":                  `nothing goes wrong`,
	} {
		if _, err := sandbox.ParseFault(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", spec, err, want)
		}
	}
}

// again holds a fault to being read as it is written, as text and as JSON.
func again(t *testing.T, f sandbox.Fault) {
	t.Helper()
	got, err := sandbox.ParseFault(f.String())
	if err != nil || got.String() != f.String() {
		t.Errorf("%s is read again as %s, %v", f, got, err)
	}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var decoded sandbox.Fault
	if err := json.Unmarshal(text, &decoded); err != nil || decoded.String() != f.String() {
		t.Errorf("%s is %s in JSON, and again %s, %v", f, text, decoded, err)
	}
}

func FuzzParseFault(f *testing.F) {
	for _, spec := range []string{"kinesis:PutRecords throttle=20%", "subscriber:https://h/?a=b down", "function:x slow=2s fail=0.1%", `s3 code=A message="\x00 b" status=500`, "*:X hold after=1 times=2 mutating"} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		if fault, err := sandbox.ParseFault(spec); err == nil {
			again(t, fault)
		}
	})
}
