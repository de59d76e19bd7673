package stream

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Record is one record of a shard.
type Record struct {
	Key      string
	Sequence string
	Data     []byte
	Arrived  time.Time
}

// emptyPause keeps a reader below the 5 reads a second that a shard allows all
// its readers together.
const emptyPause = 250 * time.Millisecond

// Range reads a shard's records from one sequence number to another, both
// included. What is past the stream's retention is missing from the answer,
// which has nothing at all when the shard itself is gone: whoever asks knows how
// many there should be.
func (r *Reader) Range(ctx context.Context, shard, from, to string) ([]Record, error) {
	at, err := r.kinesis.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &r.name, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: &from,
	})
	if apierr.NotFound(err) || apierr.Is(err, "InvalidArgument") { // a shard that is gone; a number that is no longer known
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("stream %s, %s: %w", r.name, shard, err)
	}
	var records []Record
	for next := at.ShardIterator; next != nil; {
		out, err := r.kinesis.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: next})
		if err != nil {
			return nil, fmt.Errorf("stream %s, %s: %w", r.name, shard, err)
		}
		for _, rec := range out.Records {
			sequence := aws.ToString(rec.SequenceNumber)
			if later(sequence, to) {
				return records, nil
			}
			if !later(from, sequence) {
				records = append(records, Record{Key: aws.ToString(rec.PartitionKey), Sequence: sequence, Data: rec.Data, Arrived: aws.ToTime(rec.ApproximateArrivalTimestamp)})
			}
			if sequence == to {
				return records, nil
			}
		}
		if len(out.Records) == 0 && aws.ToInt64(out.MillisBehindLatest) == 0 {
			return records, nil
		}
		next = out.NextShardIterator
		if len(out.Records) == 0 { // which does not mean that there are no more
			if err := resource.Sleep(ctx, emptyPause); err != nil {
				return nil, err
			}
		}
	}
	return records, nil
}

// later reports whether one sequence number comes after another: they are
// numbers of up to 128 bits.
func later(a, b string) bool {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}
