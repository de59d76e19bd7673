package functions

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind is what a vehicle reports.
type Kind string

// The kinds of event. Those from Crash on are treated as emergencies whatever
// their severity.
const (
	Position     Kind = "position"
	Diagnostic   Kind = "diagnostic"
	HarshBraking Kind = "harsh_braking"
	Geofence     Kind = "geofence"
	Crash        Kind = "crash"
	Airbag       Kind = "airbag"
	SOS          Kind = "sos"
	Fire         Kind = "fire"
	Theft        Kind = "theft"
	// Test is what a test sends through the pipeline: nothing has happened. It
	// goes the way of an emergency, its word is in every text for people, and
	// programs that act on what happened know it from all that can happen.
	Test Kind = "[TEST]"
)

// TestVehicle begins the ids of the vehicles of tests. Only they report a Test.
const TestVehicle = "[TEST]-"

// Severity is how bad the vehicle thinks it is.
type Severity string

// The severities.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Event is one telemetry record. A measurement is nil when the vehicle did not
// send it, or sent something that can't be true.
type Event struct {
	ID         string    `json:"event_id"`
	Vehicle    string    `json:"vehicle_id"`
	Kind       Kind      `json:"type"`
	Severity   Severity  `json:"severity"`
	OccurredAt time.Time `json:"occurred_at"` // UTC

	Latitude  *float64 `json:"latitude,omitempty"`  // degrees, with Longitude or not at all
	Longitude *float64 `json:"longitude,omitempty"` // degrees
	Speed     *float64 `json:"speed_kmh,omitempty"`
	Heading   *float64 `json:"heading,omitempty"` // degrees from north
	Battery   *float64 `json:"battery_volts,omitempty"`
	Fuel      *float64 `json:"fuel_percent,omitempty"`
	Odometer  *float64 `json:"odometer_km,omitempty"`

	// Probe is what only a Test carries; nil for every other event.
	Probe *Probe `json:"probe,omitempty"`

	// Dropped names the measurements that were sent and left out; of several
	// that were no numbers, only the first.
	Dropped []string `json:"-"`
}

// Probe is what a Test carries: where its alert goes, and when it came where,
// by the clocks of AWS's services, noted by the functions that it passes.
type Probe struct {
	// Topic is the ARN of the topic that is told in place of all others; ""
	// tells those that a real emergency is told to.
	Topic string `json:"topic,omitempty"`

	Arrived  time.Time `json:"arrived,omitzero"`  // in the stream, by Kinesis
	Queued   time.Time `json:"queued,omitzero"`   // in the emergency queue, by SQS
	Received time.Time `json:"received,omitzero"` // from there, for the first time, by SQS
}

// Invalid is a record that no retry will make readable.
type Invalid struct {
	Reasons []string // never empty, in the order of the fields
}

func (e *Invalid) Error() string { return "invalid event: " + strings.Join(e.Reasons, "; ") }

// Decode reads one telemetry record. What it needs to identify and route an
// event must be right, or the error is an *Invalid with every reason. A wrong
// measurement is dropped instead: a crash is told even when the odometer lies.
// Fields it doesn't know are ignored, so that newer vehicles can add some.
func Decode(data []byte) (Event, error) {
	// The time is read as text because a bad one would end the decoding, and
	// with it the list of reasons.
	type fields Event
	raw := struct {
		*fields
		OccurredAt string `json:"occurred_at"`
	}{fields: new(fields)}
	err := json.Unmarshal(data, &raw)
	mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if err != nil && (!ok || mistyped.Field == "") {
		return Event{}, &Invalid{Reasons: []string{"not a JSON object: " + err.Error()}}
	}
	e := Event(*raw.fields)
	reasons := e.identify(raw.OccurredAt)
	if len(reasons) > 0 {
		return Event{}, &Invalid{Reasons: reasons}
	}
	if ok { // the decoder went on and left the field empty
		path := mistyped.Field // which goes through the embedded struct
		e.Dropped = append(e.Dropped, path[strings.LastIndexByte(path, '.')+1:])
	}
	if e.Kind != Test {
		e.Probe = nil // what happened is told to those whom it concerns, whatever else the record says
	} else if e.Probe == nil {
		e.Probe = new(Probe)
	}
	e.dropImplausible()
	return e, nil
}

// identify checks everything but the measurements and sets the time.
func (e *Event) identify(occurredAt string) (reasons []string) {
	check := func(ok bool, format string, args ...any) {
		if !ok {
			reasons = append(reasons, fmt.Sprintf(format, args...))
		}
	}
	check(legalID(e.ID), "event_id is not 1 to 128 visible ASCII characters")
	check(legalID(e.Vehicle), "vehicle_id is not 1 to 128 visible ASCII characters")
	switch e.Kind {
	case Position, Diagnostic, HarshBraking, Geofence, Crash, Airbag, SOS, Fire, Theft:
	case Test:
		check(strings.HasPrefix(e.Vehicle, TestVehicle), "type %q is for vehicles of tests, whose ids begin with %s", Test, TestVehicle)
	default:
		check(false, "type %.40q is unknown", e.Kind)
	}
	switch e.Severity {
	case Info, Warning, Critical:
	default:
		check(false, "severity %.40q is unknown", e.Severity)
	}
	at, err := time.Parse(time.RFC3339, occurredAt)
	check(err == nil, "occurred_at %.40q is not an RFC 3339 time", occurredAt)
	e.OccurredAt = at.UTC()
	check(err != nil || 2000 <= e.OccurredAt.Year() && e.OccurredAt.Year() < 2100,
		"occurred_at %.40q is not in this century", occurredAt)
	return reasons
}

func (e *Event) dropImplausible() {
	drop := func(name string, value **float64, least, most float64) {
		if *value != nil && (**value < least || **value > most) {
			*value = nil
			e.Dropped = append(e.Dropped, name)
		}
	}
	drop("latitude", &e.Latitude, -90, 90)
	drop("longitude", &e.Longitude, -180, 180)
	drop("speed_kmh", &e.Speed, 0, 500)
	drop("heading", &e.Heading, 0, 360)
	drop("battery_volts", &e.Battery, 0, 1500)
	drop("fuel_percent", &e.Fuel, 0, 100)
	drop("odometer_km", &e.Odometer, 0, 1e7)

	// Half a position is a wrong one.
	if e.Latitude != nil && e.Longitude == nil {
		e.Latitude, e.Dropped = nil, append(e.Dropped, "latitude")
	}
	if e.Longitude != nil && e.Latitude == nil {
		e.Longitude, e.Dropped = nil, append(e.Dropped, "longitude")
	}
}

// legalID holds for what SQS takes as message group and deduplication ids (API
// ref SendMessage), since both ids end there.
func legalID(id string) bool {
	if len(id) == 0 || len(id) > 128 {
		return false
	}
	return strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// Encode is the event as JSON: the same event gives the same text, made only of
// characters that SQS carries.
func (e Event) Encode() string {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // Decode lets nothing through that JSON can't say
	}
	return string(b)
}

// Emergency reports whether the authorities must know. A vehicle that calls its
// crash a mere warning has still crashed.
func (e Event) Emergency() bool {
	switch e.Kind {
	case Crash, Airbag, SOS, Fire, Theft, Test:
		return true
	}
	return e.Severity == Critical
}

// FollowUp reports whether the owner or a manager should know some time.
func (e Event) FollowUp() bool {
	if e.Emergency() {
		return false
	}
	return e.Kind == HarshBraking || e.Kind == Geofence || e.Severity == Warning
}

// ExecutionName names the workflow execution of this event: at most 80 of the
// characters that Step Functions and its logs both take. It begins like the
// event's id, for the eye; the digest keeps two vehicles apart that number
// their events alike.
func (e Event) ExecutionName() string {
	const prefix, digest = 47, 16
	legible := strings.Map(func(r rune) rune {
		switch {
		case '0' <= r && r <= '9', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', r == '-', r == '_':
			return r
		}
		return '-'
	}, e.ID)
	sum := sha256.Sum256([]byte(e.Vehicle + "\x00" + e.ID))
	return legible[:min(len(legible), prefix)] + "-" + hex.EncodeToString(sum[:digest])
}
