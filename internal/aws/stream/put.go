package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// What one Put may carry (API ref PutRecords).
const (
	MaxEntries = 500
	MaxBytes   = 10 << 20 // of data and keys together
)

// Entry is one record to put. Its key decides its shard.
type Entry struct {
	Key  string
	Data []byte
}

// Size is what the entry counts against MaxBytes and against its shard.
func (e Entry) Size() int { return len(e.Key) + len(e.Data) }

// Outcome is what became of one entry of a Put.
type Outcome int

// The outcomes. Only an Accepted entry is known to be in the stream; an
// Unanswered one may be, and is there twice when it is put again.
const (
	Accepted   Outcome = iota
	Throttled          // the shard, or the account, has had its share of this second
	Failed             // trouble of AWS's own
	Unanswered         // the call ended without an answer
)

// Answer is what became of the entries of one Put.
type Answer struct {
	Outcomes []Outcome // of each entry, in their order
	Reason   string    // of the first that was not accepted, in AWS's words
}

// Writer puts records into a stream, as devices do.
type Writer struct {
	kinesis *kinesis.Client
	name    string
}

// NewWriter writes to the stream of that name.
func NewWriter(cfg aws.Config, streamName string) *Writer {
	return &Writer{kinesis: kinesis.NewFromConfig(cfg), name: streamName}
}

// Shards is how many shards the stream takes records with. No such stream is an
// error that apierr.NotFound knows.
func (w *Writer) Shards(ctx context.Context) (int, error) {
	out, err := w.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &w.name})
	if err != nil {
		return 0, fmt.Errorf("stream %s: %w", w.name, err)
	}
	return int(aws.ToInt32(out.StreamDescriptionSummary.OpenShardCount)), nil
}

// answerWithin is how long one call may take. AWS answers in well under a
// second; a connection that has died in silence never does.
const answerWithin = 10 * time.Second

// Put makes one call with at most MaxEntries entries of MaxBytes in all and says
// what became of each: a call that succeeds may have refused some of them (trap
// 37). Nothing is tried again here, so that the caller knows how often AWS
// refused. AWS keeps no order among the entries of one call.
//
// An error is one that no repetition helps. A call that failed for a passing
// reason is an Answer in which no entry is accepted.
func (w *Writer) Put(ctx context.Context, entries []Entry) (Answer, error) {
	in := &kinesis.PutRecordsInput{StreamName: &w.name, Records: make([]types.PutRecordsRequestEntry, len(entries))}
	for i := range entries {
		in.Records[i] = types.PutRecordsRequestEntry{PartitionKey: &entries[i].Key, Data: entries[i].Data}
	}
	limited, done := context.WithTimeout(ctx, answerWithin)
	defer done()
	out, err := w.kinesis.PutRecords(limited, in, once)
	if err != nil {
		return w.refused(err, len(entries))
	}
	if len(out.Records) != len(entries) {
		return Answer{}, fmt.Errorf("stream %s: %d records were put and %d answered for", w.name, len(entries), len(out.Records))
	}
	answer := Answer{Outcomes: make([]Outcome, len(entries))}
	for i, r := range out.Records {
		if r.ErrorCode == nil {
			continue
		}
		answer.Outcomes[i] = Failed
		if *r.ErrorCode == "ProvisionedThroughputExceededException" {
			answer.Outcomes[i] = Throttled
		}
		if answer.Reason == "" {
			answer.Reason = *r.ErrorCode + ": " + aws.ToString(r.ErrorMessage)
		}
	}
	return answer, nil
}

// refused is the answer to a call that failed as a whole.
func (w *Writer) refused(err error, entries int) (Answer, error) {
	var all Outcome
	switch trouble := apierr.Sort(err); {
	case trouble == resource.Throttled, apierr.Is(err, "LimitExceeded"):
		all = Throttled
	case apierr.Code(err) != "" && trouble == resource.Unavailable:
		all = Failed
	case apierr.Code(err) == "" && !apierr.Denied(err): // lost on the way, there or back; or cut off by the caller
		all = Unanswered
	default:
		return Answer{}, fmt.Errorf("stream %s: %w", w.name, err)
	}
	answer := Answer{Outcomes: make([]Outcome, entries), Reason: err.Error()}
	for i := range answer.Outcomes {
		answer.Outcomes[i] = all
	}
	return answer, nil
}
