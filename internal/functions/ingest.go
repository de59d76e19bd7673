package functions

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Ingest sorts the telemetry stream: emergencies to one queue, follow-ups to
// another, everything else is left to the data lake.
type Ingest struct {
	Emergencies Queue // FIFO: in order for each vehicle, an event once
	FollowUps   Queue
	Log         *slog.Logger
}

// Handle sorts one batch of one shard. A record that can't be read is logged
// with its reason and passed over, since a retry would hold up its shard and
// the data lake keeps the record anyway. When a send fails it reports the first
// record concerned, and Lambda delivers again from there.
func (h Ingest) Handle(ctx context.Context, batch events.KinesisEvent) (events.KinesisEventResponse, error) {
	var emergencies, followUps lane
	var patched []string // events that lost a measurement, told in one line a batch
	for i, r := range batch.Records {
		e, err := Decode(r.Kinesis.Data)
		switch {
		case err != nil:
			shard, _, _ := strings.Cut(r.EventID, ":") // with the number it is all that GetShardIterator needs
			h.Log.WarnContext(ctx, "record passed over", "shard", shard, "sequence_number", r.Kinesis.SequenceNumber,
				"partition_key", r.Kinesis.PartitionKey, "bytes", len(r.Kinesis.Data), "reason", err.Error())
		case e.Emergency():
			if e.Probe != nil {
				e.Probe.Arrived = r.Kinesis.ApproximateArrivalTimestamp.UTC().Round(time.Millisecond) // it comes as a float of seconds
			}
			emergencies.add(i, Message{Body: e.Encode(), Group: e.Vehicle, Dedup: e.ID})
		case e.FollowUp():
			followUps.add(i, Message{Body: e.Encode()})
		}
		if len(e.Dropped) > 0 {
			patched = append(patched, e.ID+" "+strings.Join(e.Dropped, ","))
		}
	}
	if len(patched) > 0 {
		h.Log.WarnContext(ctx, "measurements dropped", "events", len(patched), "first", patched[0])
	}
	first := len(batch.Records)
	first = min(first, h.send(ctx, h.Emergencies, emergencies, first)) // first, their seconds count
	first = min(first, h.send(ctx, h.FollowUps, followUps, first))

	out := events.KinesisEventResponse{BatchItemFailures: []events.KinesisBatchItemFailure{}}
	if first < len(batch.Records) {
		out.BatchItemFailures = append(out.BatchItemFailures,
			events.KinesisBatchItemFailure{ItemIdentifier: batch.Records[first].Kinesis.SequenceNumber})
	}
	return out, nil
}

// lane is what goes to one queue, each message with the place of its record.
type lane struct {
	records  []int
	messages []Message
}

func (l *lane) add(record int, m Message) {
	l.records = append(l.records, record)
	l.messages = append(l.messages, m)
}

// send sends what comes before record end, since the rest will be delivered
// again, and returns the first record that is not on its queue.
func (h Ingest) send(ctx context.Context, q Queue, l lane, end int) int {
	n := 0
	for n < len(l.records) && l.records[n] < end {
		n++
	}
	if n == 0 {
		return end
	}
	sent, err := q.Send(ctx, l.messages[:n])
	if err == nil {
		return end
	}
	h.Log.ErrorContext(ctx, "send", "messages", n, "sent", sent, "error", err.Error())
	return l.records[min(sent, n-1)]
}
