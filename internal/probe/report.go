package probe

import (
	"time"
)

// hop is one stage of the way, by its place in hops.
type hop int

const (
	hopStream hop = iota
	hopIngest
	hopQueue
	hopEmergency
	hopWorkflow
	hopTopic
	hopLake
)

// hops are the stages in order: who does something, what, and what tells when it
// is done.
var hops = [...]struct{ name, does, clock string }{
	hopStream:    {"stream/telemetry", "takes the record", "Kinesis: arrival in the stream"},
	hopIngest:    {"function/ingest", "reads it and sends it on", "SQS: SentTimestamp in the emergency queue"},
	hopQueue:     {"queue/emergency.fifo", "hands the message out", "SQS: ApproximateFirstReceiveTimestamp"},
	hopEmergency: {"function/emergency", "starts the workflow", "Step Functions: startDate"},
	hopWorkflow:  {"workflow/emergency", "tells the topic", "SNS: Timestamp of the notification"},
	hopTopic:     {"topic/authorities-alerts", "delivers to a subscriber", "SQS: SentTimestamp in the probe's queue"},
	hopLake:      {"delivery/data-lake", "writes an object", "S3: LastModified, in whole seconds"},
}

// times are when a hop was done, by the clock of hops; zero is not seen.
type times [len(hops)]time.Time

// State is what became of a hop.
type State string

// The states of a hop.
const (
	Reached State = "reached"
	Unseen  State = "unseen"  // it was passed, but nothing tells when
	Missed  State = "missed"  // the event did not get past it in time
	Untried State = "untried" // what comes before was missed
)

// Hop is one stage of the way as the event went it.
type Hop struct {
	Name  string `json:"name"`
	Does  string `json:"does"`
	State State  `json:"state"`
	// At is when it was done, by Clock.
	At *time.Time `json:"at,omitempty"`
	// TookMS is since the hop before was done; of the first one, how long the
	// call took by our own clock.
	TookMS *int64 `json:"took_ms,omitempty"`
	Clock  string `json:"clock"`
	Note   string `json:"note,omitempty"`
}

// Failure is where the event was lost, and what to do about it.
type Failure struct {
	Hop      string   `json:"hop"`
	Reason   string   `json:"reason"`
	LastSeen string   `json:"last_seen"`
	Causes   []string `json:"causes"` // what is not as it should be there
	Next     string   `json:"next"`   // the command to type
}

// Report is what became of one event. Durations are in milliseconds.
type Report struct {
	Event   string `json:"event"` // its event_id
	Vehicle string `json:"vehicle"`
	Silent  bool   `json:"silent"`
	Hops    []Hop  `json:"hops"`
	// TotalMS is from the event's arrival to its delivery to a subscriber,
	// without the lake; absent when it was not delivered.
	TotalMS   *int64   `json:"total_ms,omitempty"`
	PromiseMS int64    `json:"promise_ms"`
	Kept      bool     `json:"kept"` // the promise, and every hop was passed
	Failure   *Failure `json:"failure,omitempty"`
	Swept     []string `json:"swept"` // what earlier probes had left behind and is gone now
	Left      []string `json:"left"`  // what this one could not take away
}

func newReport(r *run) *Report {
	report := &Report{
		Event: r.event.ID, Vehicle: r.event.Vehicle, Silent: r.Silent, PromiseMS: r.Promise.Milliseconds(),
		Hops: []Hop{}, Swept: []string{}, Left: []string{},
	}
	for h := r.first(); h <= r.final(); h++ {
		report.Hops = append(report.Hops, Hop{Name: r.name(h), Does: hops[h].does, Clock: hops[h].clock, State: Untried})
	}
	return report
}

// name is who does something at a hop.
func (r *run) name(h hop) string {
	if h == hopTopic && r.Silent {
		return "topic of the probe"
	}
	return hops[h].name
}

// first is the first hop that this run tries.
func (r *run) first() hop {
	if r.FromQueue {
		return hopQueue
	}
	return hopStream
}

func (r *run) final() hop {
	if r.Deep {
		return hopLake
	}
	return hopTopic
}

// began is when the way that the promise is about begins.
func (r *run) began() time.Time {
	if r.FromQueue {
		return r.times[hopIngest]
	}
	return r.times[hopStream]
}

// fill writes down where the event came when, and at which hop it was lost.
func (report *Report) fill(r *run, lost *lost) {
	before := r.times[hopIngest] // of a run from the queue
	for h := r.first(); h <= hopTopic; h++ {
		if lost != nil && h == lost.hop {
			report.Hops[h-r.first()].State = Missed
			report.Failure = lost.failure(r)
			return
		}
		if lost != nil && lost.unsent {
			continue
		}
		report.Hops[h-r.first()].pass(r.times[h], before)
		if h == hopStream {
			report.Hops[0].TookMS = ms(r.put)
		}
		if at := r.times[h]; !at.IsZero() {
			before = at
		}
	}
	total := max(0, r.times[hopTopic].Sub(r.began()))
	report.TotalMS = ms(total)
	report.Kept = total <= r.Promise
}

// pass notes that a hop was passed at a time, after another.
func (h *Hop) pass(at, before time.Time) {
	h.State = Unseen
	if at.IsZero() {
		return
	}
	at = at.UTC()
	h.State, h.At = Reached, &at
	if !before.IsZero() {
		h.TookMS = ms(max(0, at.Sub(before)))
	}
}

func ms(d time.Duration) *int64 {
	n := d.Milliseconds()
	return &n
}
