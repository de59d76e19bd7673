package functions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var errThrottled = errors.New("throttled")

// box is a queue, a topic and a workflow that keeps what it is given, and takes
// only what it may.
type box struct {
	mu   sync.Mutex
	kept []string
	room int             // messages that Send still takes; ignored by the others
	no   map[string]bool // vehicles and topics refused
}

func (b *box) Send(_ context.Context, messages []Message) (int, error) {
	n := min(b.room, len(messages))
	b.room -= n
	for _, m := range messages[:n] {
		b.kept = append(b.kept, m.Group+"/"+m.Dedup+" "+idOf(m.Body))
	}
	if n < len(messages) {
		return n, errThrottled
	}
	return n, nil
}

func (b *box) Publish(_ context.Context, a Alert) error {
	return b.keep(a.Attributes["vehicle_id"], a.Attributes["event_id"])
}

func (b *box) Start(_ context.Context, _, input string) error {
	e, err := Decode([]byte(input))
	if err != nil {
		return err
	}
	return b.keep(e.Vehicle, e.ID)
}

func (b *box) keep(vehicle, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.no[vehicle] {
		return errThrottled
	}
	b.kept = append(b.kept, id)
	return nil
}

func idOf(body string) string {
	e, err := Decode([]byte(body))
	if err != nil {
		return err.Error()
	}
	return e.ID
}

func record(id, vehicle string, k Kind, s Severity) string {
	return fmt.Sprintf(`{"event_id":%q,"vehicle_id":%q,"type":%q,"severity":%q,"occurred_at":"2026-11-23T15:00:00Z"}`, id, vehicle, k, s)
}

func shard(records ...string) (batch events.KinesisEvent) {
	for i, r := range records {
		batch.Records = append(batch.Records, events.KinesisEventRecord{
			Kinesis: events.KinesisRecord{Data: []byte(r), SequenceNumber: fmt.Sprint(i)},
		})
	}
	return batch
}

func TestIngestSortsAndPassesOverWhatItCantRead(t *testing.T) {
	var log strings.Builder
	emergencies, followUps := &box{room: 10}, &box{room: 10}
	h := Ingest{emergencies, followUps, slog.New(slog.NewTextHandler(&log, nil))}
	out, err := h.Handle(t.Context(), shard(
		record("e0", "v1", Position, Info),
		record("e1", "v1", Geofence, Info),
		"poison",
		record("e3", "v2", Crash, Critical),
		record("e4", "v1", SOS, Critical),
	))
	if err != nil || out.BatchItemFailures == nil || len(out.BatchItemFailures) != 0 {
		t.Errorf("got %v, %v, want an empty list of failures", out, err)
	}
	if want := []string{"v2/e3 e3", "v1/e4 e4"}; !slices.Equal(emergencies.kept, want) {
		t.Errorf("emergencies: got %q, want %q", emergencies.kept, want)
	}
	if want := []string{"/ e1"}; !slices.Equal(followUps.kept, want) {
		t.Errorf("follow-ups: got %q, want %q", followUps.kept, want)
	}
	if !strings.Contains(log.String(), "sequence_number=2 ") || !strings.Contains(log.String(), "not a JSON object") {
		t.Errorf("the log does not say which record was passed over and why:\n%s", &log)
	}
}

// Whatever the queues refuse and however often, delivering again from the
// checkpoint, as Lambda does, brings every event to its queue in order.
func TestIngestLosesNothingUnderRefusals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var records, wantEmergencies, wantFollowUps []string
		for i, what := range rapid.SliceOfN(rapid.SampledFrom([]string{"position", "geofence", "crash", "poison"}), 1, 40).Draw(t, "records") {
			id := fmt.Sprint("e", i)
			records = append(records, record(id, "v", Kind(what), Info))
			switch what {
			case "crash":
				wantEmergencies = append(wantEmergencies, "v/"+id+" "+id)
			case "geofence":
				wantFollowUps = append(wantFollowUps, "/ "+id)
			}
		}
		emergencies, followUps := new(box), new(box)
		h := Ingest{emergencies, followUps, slog.New(slog.DiscardHandler)}
		batch := shard(records...)
		for len(batch.Records) > 0 {
			emergencies.room = rapid.IntRange(0, 5).Draw(t, "room for emergencies")
			followUps.room = rapid.IntRange(0, 5).Draw(t, "room for follow-ups")
			out, err := h.Handle(context.Background(), batch)
			if err != nil {
				t.Fatal(err)
			}
			if len(out.BatchItemFailures) == 0 {
				break
			}
			from := slices.IndexFunc(batch.Records, func(r events.KinesisEventRecord) bool {
				return r.Kinesis.SequenceNumber == out.BatchItemFailures[0].ItemIdentifier
			})
			if from < 0 || len(out.BatchItemFailures) != 1 {
				t.Fatalf("reported %v, want one record of the batch", out.BatchItemFailures)
			}
			batch.Records = batch.Records[from:]
		}
		// The FIFO queue removes duplicates; the order of first arrivals is what counts.
		if got := firsts(emergencies.kept); !slices.Equal(got, wantEmergencies) {
			t.Fatalf("emergencies: %s", cmp.Diff(wantEmergencies, got))
		}
		if got := firsts(followUps.kept); !slices.Equal(got, wantFollowUps) {
			t.Fatalf("follow-ups: %s", cmp.Diff(wantFollowUps, got))
		}
	})
}

func firsts(all []string) (out []string) {
	for _, s := range all {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// item is a queue message of a group ("" on a standard queue), named by its body's event.
func item(id, group, body string) events.SQSMessage {
	m := events.SQSMessage{MessageId: id, Body: body, Attributes: map[string]string{"ApproximateReceiveCount": "1"}}
	if group != "" {
		m.Attributes["MessageGroupId"] = group
	}
	return m
}

func failures(out events.SQSEventResponse) (ids []string) {
	for _, f := range out.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

func TestEmergencyHoldsBackOnlyTheVehicleThatFailed(t *testing.T) {
	w := &box{no: map[string]bool{"v1": true}}
	h := Emergency{w, slog.New(slog.DiscardHandler)}
	out, err := h.Handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{
		item("m0", "v1", record("e0", "v1", Crash, Critical)), // refused
		item("m1", "v2", record("e1", "v2", Crash, Critical)),
		item("m2", "v1", record("e2", "v3", Crash, Critical)), // behind m0, though it would succeed
		item("m3", "v4", "poison"),
		item("m4", "v4", record("e4", "v4", Crash, Critical)), // poison is no reason to let a crash wait
	}})
	slices.Sort(w.kept)
	if err != nil || !slices.Equal(failures(out), []string{"m0", "m2", "m3"}) || !slices.Equal(w.kept, []string{"e1", "e4"}) {
		t.Errorf("got failures %v (%v) and started %v, want m0 m2 m3 and e1 e4", failures(out), err, w.kept)
	}
	out, _ = h.Handle(t.Context(), events.SQSEvent{})
	if out.BatchItemFailures == nil {
		t.Error("no failures must be an empty list, not null")
	}
}

func TestFollowUpTellsEachAudienceOnce(t *testing.T) {
	owners, managers := new(box), &box{no: map[string]bool{"v2": true}}
	h := NewFollowUp(owners, managers, slog.New(slog.DiscardHandler))
	batch := events.SQSEvent{Records: []events.SQSMessage{
		item("m0", "", record("e0", "v1", Diagnostic, Warning)),
		item("m1", "", record("e1", "v1", HarshBraking, Info)),
		item("m2", "", record("e2", "v2", Geofence, Info)),      // the managers' half is refused
		item("m3", "", record("e0", "v1", Diagnostic, Warning)), // sent twice
		item("m4", "", "poison"),
	}}
	out, err := h.Handle(t.Context(), batch)
	if err != nil || !slices.Equal(failures(out), []string{"m2", "m4"}) {
		t.Errorf("got failures %v (%v), want m2 and m4", failures(out), err)
	}
	managers.no = nil
	out, err = h.Handle(t.Context(), batch) // all of it again, as a queue may
	if err != nil || !slices.Equal(failures(out), []string{"m4"}) {
		t.Errorf("second time: got failures %v (%v), want m4", failures(out), err)
	}
	slices.Sort(owners.kept)
	slices.Sort(managers.kept)
	if !slices.Equal(owners.kept, []string{"e0", "e2"}) || !slices.Equal(managers.kept, []string{"e1", "e2"}) {
		t.Errorf("owners were told %v, managers %v, want e0 e2 and e1 e2", owners.kept, managers.kept)
	}
}

func TestRecentForgetsTheOldestOnly(t *testing.T) {
	var r recent
	r.claim("failed")
	r.release("failed") // its place in the ring must not make it forgotten early
	for i := range r.order {
		r.claim(fmt.Sprint(i))
		if i == 0 {
			r.claim("failed")
		}
	}
	if r.claim("failed") {
		t.Error("a key claimed again after a release was forgotten before its turn")
	}
	if !r.claim("0") {
		t.Error("remembers more than it has room for")
	}
	if len(r.held) > len(r.order) {
		t.Errorf("holds %d keys, room for %d", len(r.held), len(r.order))
	}
}

func TestAlertsCanBePublished(t *testing.T) {
	e, err := Decode([]byte(strings.Replace(crash, "crash", "harsh_braking", 1)))
	if err != nil {
		t.Fatal(err)
	}
	a := alert(e)
	want := "Vehicle v-1 reported harsh braking (critical) at 2026-11-23T15:00:00Z, position 48.10000, 11.60000, at 0 km/h.\nEvent e-1"
	if a.Subject != "CCS critical: harsh braking" || a.Text != want {
		t.Errorf("got %q\n%s\nwant\n%s", a.Subject, a.Text, want)
	}
}
