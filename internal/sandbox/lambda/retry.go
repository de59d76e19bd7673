package lambda

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// mostRetryPause bounds the growing pauses between two attempts at a batch.
const mostRetryPause = 30 * time.Second

// batch is consecutive records of a shard on their way through the function.
type batch struct {
	records  []bus.Record
	failures int // that count against the retries
	invoked  int
	last     response
}

// process takes one batch through the function: again after a failure, in
// halves if the mapping says so, until each record is done or given up. It
// returns the records that are left when soft ends.
//
// A half is a batch of its own: splitting consumes no retries ("Retain discarded
// batch records for a Kinesis Data Streams event source").
func (f *feeder) process(shard string, records []bus.Record) (left []bus.Record) {
	c := &f.mapping.settings
	retries, halve := int(*c.MaximumRetryAttempts), aws.ToBool(c.BisectBatchOnFunctionError)
	first := max(f.service.bus.Timing.StreamPoll, 10*time.Millisecond)
	pause := first
	again := func() {
		sleep(f.soft, pause)
		pause = min(2*pause, mostRetryPause)
	}
	for todo := []batch{{records: records}}; len(todo) > 0; {
		b := &todo[0]
		if n := f.tooOld(b.records); n > 0 {
			f.discard(shard, b, n)
			b.records = b.records[n:]
		}
		if len(b.records) == 0 {
			todo = todo[1:]
			continue
		}
		if f.soft.Err() != nil {
			for _, b := range todo {
				left = append(left, b.records...)
			}
			return left
		}
		f.service.measure(f.mapping.function, "IteratorAge", milliseconds(time.Since(b.records[len(b.records)-1].Arrived)))
		r, err := f.call(f.streamEvent(shard, b.records))
		if err != nil { // it was not invoked, which no number of retries bounds
			again()
			continue
		}
		b.invoked++
		b.last = r
		done := r.done(b.records)
		b.records = b.records[done:]
		switch {
		case len(b.records) == 0:
			todo, pause = todo[1:], first
		case halve && done > 0:
			todo[0] = batch{records: b.records}
		case halve && len(b.records) > 1:
			half := len(b.records) / 2
			todo = append([]batch{{records: b.records[:half]}, {records: b.records[half:]}}, todo[1:]...)
		case retries >= 0 && b.failures >= retries:
			f.discard(shard, b, len(b.records))
			todo, pause = todo[1:], first
		default:
			b.failures++
			again()
		}
	}
	return nil
}

// done is how many of the records came through: those before the first that is
// reported, none when a report names what was not sent.
func (r response) done(records []bus.Record) int {
	if r.failed {
		return 0
	}
	first := len(records)
	for _, item := range r.items {
		i := slices.IndexFunc(records, func(rec bus.Record) bool { return rec.Sequence == item })
		if i < 0 {
			return 0
		}
		first = min(first, i)
	}
	return first
}

// tooOld is how many of the first records are past the mapping's maximum age or
// the stream's retention.
func (f *feeder) tooOld(records []bus.Record) int {
	stream, ok := f.service.bus.Streams.Stream(f.mapping.source.arn)
	most := stream.Retention
	if age := *f.mapping.settings.MaximumRecordAgeInSeconds; age > 0 {
		most = min(most, time.Duration(age)*time.Second)
	}
	if !ok || most == 0 {
		return 0
	}
	oldest := time.Now().Add(-most)
	n := slices.IndexFunc(records, func(r bus.Record) bool { return r.Arrived.After(oldest) })
	if n < 0 {
		n = len(records)
	}
	return n
}

// discard gives up the first n records of a batch and tells the mapping's
// destination where they are. AWS documents one condition for all reasons.
func (f *feeder) discard(shard string, b *batch, n int) {
	c := &f.mapping.settings
	if c.DestinationConfig == nil || c.DestinationConfig.OnFailure == nil || aws.ToString(c.DestinationConfig.OnFailure.Destination) == "" {
		return
	}
	first, last := &b.records[0], &b.records[n-1]
	d := discarded{Version: "1.0", Time: stamp(time.Now())}
	d.Request.ID, d.Request.Function = b.last.requestID, *c.FunctionArn
	d.Request.Condition, d.Request.Invokes = "RetryAttemptsExhausted", b.invoked
	if b.invoked > 0 {
		d.Response = &discardedResponse{Status: 200, Version: "$LATEST"}
		if b.last.failed {
			d.Response.FunctionError = "Unhandled"
		}
	} else {
		d.Request.ID = bus.NewUUID()
	}
	d.Batch.Shard, d.Batch.Stream, d.Batch.Size = shard, f.mapping.source.arn, n
	d.Batch.Start, d.Batch.End = first.Sequence, last.Sequence
	d.Batch.Oldest, d.Batch.Newest = stamp(first.Arrived), stamp(last.Arrived)
	if !f.send(*c.DestinationConfig.OnFailure.Destination, string(encode(d))) {
		f.service.measure(f.mapping.function, "DestinationDeliveryFailures", 1)
	}
}

// send tells a destination and reports whether it took it.
func (f *feeder) send(destination, body string) bool {
	b, role := f.service.bus, f.role()
	if strings.HasPrefix(destination, b.ARN("sns", "")) {
		_, err := b.Publisher.Publish(role, destination, bus.Notification{Message: body})
		return err == nil
	}
	return b.Roles.Allowed(role, "sqs:SendMessage", destination) && b.QueueData.Send(destination, bus.Outgoing{Body: body}) == nil
}
