package functions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Emergency starts the workflow that tells the authorities.
type Emergency struct {
	Workflow Workflow
	Log      *slog.Logger
}

// Handle starts one execution an event, whose name comes from the event, so
// that a message delivered again alerts nobody again.
func (h Emergency) Handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	return each(ctx, batch, func(ctx context.Context, m events.SQSMessage) error {
		e, err := Decode([]byte(m.Body))
		if err == nil {
			if e.Probe != nil {
				e.Probe.Queued, e.Probe.Received = stamp(m, "SentTimestamp"), stamp(m, "ApproximateFirstReceiveTimestamp")
			}
			err = h.Workflow.Start(ctx, e.ExecutionName(), e.Encode())
		}
		report(ctx, h.Log, m, e, err)
		return err
	}), nil
}

// stamp is one of the times that SQS gives a message, zero when it does not.
func stamp(m events.SQSMessage, attribute string) time.Time {
	ms, err := strconv.ParseInt(m.Attributes[attribute], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// FollowUp tells owners about their vehicle, and managers about driving.
type FollowUp struct {
	owners, managers Topic
	log              *slog.Logger
	told             recent
}

// NewFollowUp makes a handler that remembers what it told whom.
func NewFollowUp(owners, managers Topic, log *slog.Logger) *FollowUp {
	return &FollowUp{owners: owners, managers: managers, log: log}
}

// Handle publishes one alert an event and audience. Neither the queue nor the
// topics remove duplicates, so it remembers the last few thousand alerts: a
// message delivered again to this process alerts nobody again. Another process
// knows nothing of them (docs/adr/0009-who-is-alerted-once.md).
func (h *FollowUp) Handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	return each(ctx, batch, func(ctx context.Context, m events.SQSMessage) error {
		e, err := Decode([]byte(m.Body))
		if err == nil {
			err = h.tell(ctx, e)
		}
		report(ctx, h.log, m, e, err)
		return err
	}), nil
}

func (h *FollowUp) tell(ctx context.Context, e Event) error {
	var errs []error
	if e.Kind != HarshBraking { // how it is driven is the manager's concern
		errs = append(errs, h.once(ctx, "owners", h.owners, e))
	}
	if e.Kind == HarshBraking || e.Kind == Geofence {
		errs = append(errs, h.once(ctx, "managers", h.managers, e))
	}
	return errors.Join(errs...)
}

func (h *FollowUp) once(ctx context.Context, audience string, t Topic, e Event) error {
	key := audience + "\x00" + e.Vehicle + "\x00" + e.ID
	if !h.told.claim(key) {
		return nil
	}
	if err := t.Publish(ctx, alert(e)); err != nil {
		h.told.release(key)
		return fmt.Errorf("tell the %s: %w", audience, err)
	}
	return nil
}

// alert words an event for people.
func alert(e Event) Alert {
	what := strings.ReplaceAll(string(e.Kind), "_", " ")
	var text strings.Builder
	fmt.Fprintf(&text, "Vehicle %s reported %s (%s) at %s", e.Vehicle, what, e.Severity, e.OccurredAt.Format(time.RFC3339))
	if e.Latitude != nil {
		fmt.Fprintf(&text, ", position %.5f, %.5f", *e.Latitude, *e.Longitude)
	}
	if e.Speed != nil {
		fmt.Fprintf(&text, ", at %.0f km/h", *e.Speed)
	}
	fmt.Fprintf(&text, ".\nEvent %s", e.ID)
	return Alert{
		Subject: "CCS " + string(e.Severity) + ": " + what,
		Text:    text.String(),
		Attributes: map[string]string{
			"event_id": e.ID, "vehicle_id": e.Vehicle, "type": string(e.Kind), "severity": string(e.Severity),
		},
	}
}

func report(ctx context.Context, log *slog.Logger, m events.SQSMessage, e Event, err error) {
	if err != nil {
		log.ErrorContext(ctx, "message failed", "message_id", m.MessageId, "event_id", e.ID,
			"receives", m.Attributes["ApproximateReceiveCount"], "error", err.Error())
	}
}

// recent remembers the last keys claimed; its zero value is empty.
type recent struct {
	mu    sync.Mutex
	held  map[string]bool
	order [4096]string // a ring: the oldest claim makes room
	next  int
}

// claim takes key and reports whether it was free.
func (r *recent) claim(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held[key] {
		return false
	}
	if r.held == nil {
		r.held = make(map[string]bool)
	}
	delete(r.held, r.order[r.next])
	r.order[r.next] = key
	r.next = (r.next + 1) % len(r.order)
	r.held[key] = true
	return true
}

// release frees a key whose work failed.
func (r *recent) release(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, key)
	if i := slices.Index(r.order[:], key); i >= 0 {
		r.order[i] = "" // or the next claim of key would be forgotten in this one's turn
	}
}
