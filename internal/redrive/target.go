package redrive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/function"
	"github.com/ccs-platform/ccsctl/internal/aws/stream"
)

// IntoStream puts records into their stream again, under the same keys. Every
// reader of the stream gets them, and so the data lake has them twice.
type IntoStream struct {
	Writer interface {
		Put(ctx context.Context, entries []stream.Entry) (stream.Answer, error)
	}
	Stop <-chan struct{}
}

// Replay implements Target. AWS keeps no order among the records of one call, so
// that a call has one record of a key at most.
func (t IntoStream) Replay(ctx context.Context, _ Notice, records []stream.Record) []error {
	errs := make([]error, len(records))
	todo := make([]int, len(records))
	for i := range todo {
		todo[i] = i
	}
	for try := 0; len(todo) > 0; {
		call, rest := onePerKey(records, todo)
		entries := make([]stream.Entry, len(call))
		for n, i := range call {
			entries[n] = stream.Entry{Key: records[i].Key, Data: records[i].Data}
		}
		answer, err := t.Writer.Put(ctx, entries)
		if err != nil {
			return fillWith(errs, todo, err)
		}
		var again []int
		lost := false
		for n, i := range call {
			switch answer.Outcomes[n] {
			case stream.Accepted:
				errs[i] = nil
			case stream.Unanswered:
				errs[i] = fmt.Errorf("%s: %w", answer.Reason, ErrMaybe)
				lost = true
			default:
				errs[i] = errors.New(answer.Reason)
				again = append(again, i)
			}
		}
		if try++; len(again) == 0 {
			try = 0
		}
		if lost || try == attempts || try > 0 && !sleep(backOff(try), t.Stop) {
			return fillWith(errs, rest, errBehind)
		}
		todo = append(again, rest...)
	}
	return errs
}

// errBehind is a record that was not tried.
var errBehind = errors.New("behind one that was not taken")

// onePerKey picks what one call may carry, the first of each key.
func onePerKey(records []stream.Record, todo []int) (call, rest []int) {
	keys, bytes := map[string]bool{}, 0
	for _, i := range todo {
		size := len(records[i].Key) + len(records[i].Data)
		if keys[records[i].Key] || len(call) == stream.MaxEntries || len(call) > 0 && bytes+size > stream.MaxBytes {
			keys[records[i].Key] = true // what is behind it stays behind it
			rest = append(rest, i)
			continue
		}
		keys[records[i].Key] = true
		bytes += size
		call = append(call, i)
	}
	return call, rest
}

func fillWith(errs []error, which []int, err error) []error {
	for _, i := range which {
		errs[i] = err
	}
	return errs
}

// ToFunction hands records to a function as its stream would.
type ToFunction struct {
	Caller interface {
		Call(ctx context.Context, payload []byte) ([]byte, error)
	}
	Region string
}

// What one call carries: as many records as a mapping gives by itself, and no
// more than a call may have once they are text.
const (
	batchRecords = 100
	batchBytes   = function.MaxPayload / 2
)

type kinesisEvent struct {
	Records []kinesisRecord `json:"Records"`
}

type kinesisRecord struct {
	Kinesis struct {
		SchemaVersion string  `json:"kinesisSchemaVersion"`
		Key           string  `json:"partitionKey"`
		Sequence      string  `json:"sequenceNumber"`
		Data          []byte  `json:"data"`
		Arrived       float64 `json:"approximateArrivalTimestamp"`
	} `json:"kinesis"`
	Source    string `json:"eventSource"`
	Version   string `json:"eventVersion"`
	ID        string `json:"eventID"`
	Name      string `json:"eventName"`
	Region    string `json:"awsRegion"`
	StreamARN string `json:"eventSourceARN"`
}

// Replay implements Target. After a record that the function reports as failed
// nothing of the notice follows, as in a stream.
func (t ToFunction) Replay(ctx context.Context, n Notice, records []stream.Record) []error {
	errs := make([]error, len(records))
	for from := 0; from < len(records); {
		to, bytes := from, 0
		for to < len(records) && to-from < batchRecords && (to == from || bytes+len(records[to].Data) <= batchBytes*3/4) {
			bytes += len(records[to].Data)
			to++
		}
		taken, err := t.call(ctx, n, records[from:to])
		if err != nil {
			for i := from + taken; i < len(records); i++ {
				errs[i] = err
			}
			return errs
		}
		from = to
	}
	return errs
}

// call hands over one batch, and says how many of its records were taken when
// that was not all.
func (t ToFunction) call(ctx context.Context, n Notice, records []stream.Record) (taken int, err error) {
	event := kinesisEvent{Records: make([]kinesisRecord, len(records))}
	for i, rec := range records {
		e := &event.Records[i]
		e.Kinesis.SchemaVersion, e.Kinesis.Key, e.Kinesis.Sequence, e.Kinesis.Data = "1.0", rec.Key, rec.Sequence, rec.Data
		e.Kinesis.Arrived = float64(rec.Arrived.UnixMilli()) / float64(time.Second/time.Millisecond)
		e.Source, e.Version, e.Name, e.Region = "aws:kinesis", "1.0", "aws:kinesis:record", t.Region
		e.ID, e.StreamARN = n.Shard+":"+rec.Sequence, n.StreamARN
	}
	payload, err := json.Marshal(event)
	if err != nil {
		return 0, err
	}
	text, err := t.Caller.Call(ctx, payload)
	if err != nil {
		// What the function did before it failed nobody knows.
		return 0, fmt.Errorf("%w: %w", err, ErrMaybe)
	}
	var answer struct {
		Failures []struct {
			Item string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			return 0, fmt.Errorf("the function's answer: %w: %w", err, ErrMaybe)
		}
	}
	first := len(records)
	for _, f := range answer.Failures {
		at := 0
		for at < len(records) && records[at].Sequence != f.Item {
			at++
		}
		if at == len(records) {
			at = 0 // one that was not sent fails all, as in Lambda
		}
		first = min(first, at)
	}
	if first < len(records) {
		return first, fmt.Errorf("the function reports %s as failed", records[first].Sequence)
	}
	return first, nil
}
