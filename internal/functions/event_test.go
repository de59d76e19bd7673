package functions

import (
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const crash = `{"event_id":"e-1","vehicle_id":"v-1","type":"crash","severity":"critical","occurred_at":"2026-11-23T16:00:00.5+01:00",
	"latitude":48.1,"longitude":11.6,"speed_kmh":0,"heading":90,"battery_volts":12.6,"fuel_percent":40,"odometer_km":12000}`

func TestDecodeReadsEveryField(t *testing.T) {
	e, err := Decode([]byte(crash))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"event_id":"e-1","vehicle_id":"v-1","type":"crash","severity":"critical","occurred_at":"2026-11-23T15:00:00.5Z",` +
		`"latitude":48.1,"longitude":11.6,"speed_kmh":0,"heading":90,"battery_volts":12.6,"fuel_percent":40,"odometer_km":12000}`
	if got := e.Encode(); got != want || len(e.Dropped) > 0 {
		t.Errorf("got  %s\nwant %s\n(dropped %v)", got, want, e.Dropped)
	}
}

func TestDecodeNamesEveryReason(t *testing.T) {
	for _, tt := range []struct {
		record string
		want   []string // the beginning of each reason
	}{
		{``, []string{"not a JSON object: unexpected end"}},
		{`{"event_id":"e"`, []string{"not a JSON object"}},
		{crash + `x`, []string{"not a JSON object"}},
		{`[]`, []string{"not a JSON object"}},
		{`"crash"`, []string{"not a JSON object"}},
		{`null`, []string{"event_id", "vehicle_id", `type ""`, `severity ""`, `occurred_at ""`}},
		{`{"event_id":7,"vehicle_id":"v 1","type":"boom","severity":"Critical","occurred_at":"yesterday"}`,
			[]string{"event_id", "vehicle_id", `type "boom"`, `severity "Critical"`, `occurred_at "yesterday" is not`}},
		{strings.Replace(crash, "2026", "1970", 1), []string{`occurred_at "1970-11-23T16:00:00.5+01:00" is not in this`}},
		{strings.Replace(crash, "e-1", strings.Repeat("e", 129), 1), []string{"event_id"}},
		{strings.Replace(crash, "v-1", "vé", 1), []string{"vehicle_id"}},
	} {
		_, err := Decode([]byte(tt.record))
		invalid, ok := errors.AsType[*Invalid](err)
		if !ok || !slices.EqualFunc(invalid.Reasons, tt.want, strings.HasPrefix) {
			t.Errorf("%s\ngot  %v\nwant %q", tt.record, err, tt.want)
		}
	}
}

func TestAWrongMeasurementDoesNotHideACrash(t *testing.T) {
	for record, want := range map[string][]string{
		strings.Replace(crash, `"odometer_km":12000`, `"odometer_km":-1`, 1):                     {"odometer_km"},
		strings.Replace(crash, `"heading":90`, `"heading":"north"`, 1):                           {"heading"},
		strings.Replace(crash, `"fuel_percent":40`, `"fuel_percent":1e999`, 1):                   {"fuel_percent"},
		strings.Replace(crash, `"latitude":48.1,`, ``, 1):                                        {"longitude"},
		strings.Replace(crash, `48.1,"longitude":11.6`, `91,"longitude":11.6`, 1):                {"latitude", "longitude"},
		strings.Replace(crash, `"speed_kmh":0`, `"speed_kmh":null,"a newer field":{"x":[1]}`, 1): nil,
	} {
		e, err := Decode([]byte(record))
		if err != nil || !slices.Equal(e.Dropped, want) {
			t.Errorf("%s\ngot %v, dropped %v, want %v dropped", record, err, e.Dropped, want)
		}
		if !e.Emergency() || (e.Latitude == nil) != (e.Longitude == nil) {
			t.Errorf("%s\nbecame %s", record, e.Encode())
		}
	}
}

func TestEveryEventHasItsPlace(t *testing.T) {
	for _, tt := range []struct {
		kind      Kind
		severity  Severity
		emergency bool
		followUp  bool
	}{
		{Position, Info, false, false},
		{Diagnostic, Info, false, false},
		{Diagnostic, Warning, false, true},
		{Diagnostic, Critical, true, false},
		{HarshBraking, Info, false, true},
		{Geofence, Info, false, true},
		{Crash, Info, true, false}, // it has crashed, whatever it calls it
		{Theft, Warning, true, false},
	} {
		e := Event{Kind: tt.kind, Severity: tt.severity}
		if e.Emergency() != tt.emergency || e.FollowUp() != tt.followUp {
			t.Errorf("%s %s: emergency %v, follow-up %v, want %v, %v",
				tt.severity, tt.kind, e.Emergency(), e.FollowUp(), tt.emergency, tt.followUp)
		}
	}
}

func TestExecutionNamesKeepEventsApart(t *testing.T) {
	long := strings.Repeat("x", 100)
	seen := make(map[string]Event)
	for _, e := range []Event{
		{Vehicle: "v", ID: "1"}, {Vehicle: "w", ID: "1"}, // vehicles that number alike
		{Vehicle: "v", ID: "a:b"}, {Vehicle: "v", ID: "a/b"}, {Vehicle: "v", ID: "a-b"}, // alike once made legal
		{Vehicle: "v", ID: long + "1"}, {Vehicle: "v", ID: long + "2"}, // alike once cut
	} {
		name := e.ExecutionName()
		if other, taken := seen[name]; taken {
			t.Errorf("%s %s and %s %s are both named %s", e.Vehicle, e.ID, other.Vehicle, other.ID, name)
		}
		seen[name] = e
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		crash, `null`, `{}`, `[1]`, `{"occurred_at":5}`, `{"EVENT_ID":"e","event_id":"f"}`,
		strings.Replace(crash, `90`, `-0.0`, 1), strings.Replace(crash, `"e-1"`, `"\u0065\ud800"`, 1),
		strings.Replace(crash, `+01:00`, `-23:59`, 1), strings.Replace(crash, `2026-11-23T16:00:00.5+01:00`, `2099-12-31T23:59:59-10:00`, 1),
	} {
		f.Add([]byte(seed))
	}
	legalName := regexp.MustCompile(`^[0-9A-Za-z_-]{1,80}$`)
	legalBody := regexp.MustCompile(`^[ -~]{1,1000}$`) // far inside what SQS and Step Functions carry
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Decode(data)
		if err != nil {
			if invalid, ok := errors.AsType[*Invalid](err); !ok || len(invalid.Reasons) == 0 {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		body := e.Encode()
		if !legalBody.MatchString(body) || !legalName.MatchString(e.ExecutionName()) {
			t.Fatalf("AWS would refuse %s named %s", body, e.ExecutionName())
		}
		e.Dropped = nil // the queue carries the event, not its history
		again, err := Decode([]byte(body))
		if err != nil || !reflect.DeepEqual(again, e) || again.Encode() != body {
			t.Fatalf("%s came back from the queue as %s (%v)", body, again.Encode(), err)
		}
	})
}
