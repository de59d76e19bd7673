package functions

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

const test = `{"event_id":"probe-1","vehicle_id":"[TEST]-1","type":"[TEST]","severity":"critical","occurred_at":"2026-11-23T15:00:00Z"`

// A vehicle that has crashed is heard by those whom it concerns, whatever a bug
// or somebody else wrote into its record.
func TestOnlyATestDivertsItsAlert(t *testing.T) {
	const probe = `,"probe":{"topic":"arn:aws:sns:eu-west-1:111122223333:elsewhere"}}`
	diverted, err := Decode([]byte(test + probe))
	if err != nil || diverted.Probe == nil || diverted.Probe.Topic == "" || !diverted.Emergency() || diverted.FollowUp() {
		t.Errorf("a test with a topic of its own: %+v, %v", diverted, err)
	}
	real := strings.NewReplacer(`"type":"[TEST]"`, `"type":"crash"`).Replace(test)
	if e, err := Decode([]byte(real + probe)); err != nil || e.Probe != nil || strings.Contains(e.Encode(), "elsewhere") {
		t.Errorf("a crash diverts its alert: %s, %v", e.Encode(), err)
	}
	_, err = Decode([]byte(strings.Replace(test, `"vehicle_id":"[TEST]-1"`, `"vehicle_id":"v-1"`, 1) + probe))
	if invalid, ok := errors.AsType[*Invalid](err); !ok || !strings.Contains(invalid.Error(), "begin with [TEST]-") {
		t.Errorf("a test by a vehicle that may be real: %v", err)
	}
}

// inputs keeps what executions were started with.
type inputs []string

func (in *inputs) Start(_ context.Context, _, input string) error {
	*in = append(*in, input)
	return nil
}

func TestATestIsToldWhenItCameWhere(t *testing.T) {
	arrived, queued := time.UnixMilli(1_795_446_000_123).UTC(), time.UnixMilli(1_795_446_001_456).UTC()
	emergencies := bodies{}
	_, err := Ingest{Emergencies: &emergencies, Log: slog.New(slog.DiscardHandler)}.Handle(t.Context(), events.KinesisEvent{Records: []events.KinesisEventRecord{
		{Kinesis: events.KinesisRecord{Data: []byte(test + "}"), ApproximateArrivalTimestamp: events.SecondsEpochTime{Time: arrived.Add(-200 * time.Nanosecond)}}}, // as floats are
	}})
	if err != nil || len(emergencies) != 1 {
		t.Fatalf("ingest sent %q, %v", emergencies, err)
	}
	var started inputs
	_, err = Emergency{Workflow: &started, Log: slog.New(slog.DiscardHandler)}.Handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{
		Body: emergencies[0], Attributes: map[string]string{
			"SentTimestamp": strconv.FormatInt(queued.UnixMilli(), 10), "ApproximateFirstReceiveTimestamp": strconv.FormatInt(queued.UnixMilli()+7, 10)},
	}}})
	if err != nil || len(started) != 1 {
		t.Fatalf("started %q, %v", started, err)
	}
	e, err := Decode([]byte(started[0]))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Probe{Arrived: arrived, Queued: queued, Received: queued.Add(7 * time.Millisecond)}); *e.Probe != want {
		t.Errorf("got %+v, want %+v", *e.Probe, want)
	}
}

// bodies keeps what was sent.
type bodies []string

func (b *bodies) Send(_ context.Context, messages []Message) (int, error) {
	for _, m := range messages {
		*b = append(*b, m.Body)
	}
	return len(messages), nil
}
