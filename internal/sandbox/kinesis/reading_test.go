package kinesis

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// An answer carries ten megabytes, and then the shard gives nothing for as long
// as that takes at two a second. (Without the wire: megabytes take it long.)
func TestALargeAnswerHoldsUpTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, name := New(&bus.Bus{Account: "000000000000", Region: "eu-west-1", Limits: true}), aws.String("events")
		_, err := s.createStream(t.Context(), &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)})
		must(t, err)
		for range 12 {
			_, err := s.putRecord(t.Context(), &kinesis.PutRecordInput{StreamName: name, Data: make([]byte, 1<<20-1), PartitionKey: aws.String("k")})
			must(t, err)
			time.Sleep(time.Second)
		}
		at, err := s.getShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: name, ShardId: aws.String("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		must(t, err)
		out, err := s.getRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at.ShardIterator})
		must(t, err)
		if len(out.Records) != 10 || *out.MillisBehindLatest != 2000 {
			t.Errorf("%d records, %d ms behind", len(out.Records), *out.MillisBehindLatest)
		}
		next := out.NextShardIterator
		for second := range 5 {
			if _, err := s.getRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: next}); err == nil {
				t.Errorf("read again after %d s", second)
			}
			time.Sleep(time.Second)
		}
		out, err = s.getRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: next})
		must(t, err)
		if len(out.Records) != 2 || *out.MillisBehindLatest != 0 {
			t.Errorf("then %d records, %d ms behind", len(out.Records), *out.MillisBehindLatest)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
