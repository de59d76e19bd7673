package kinesis_test

import (
	"crypto/md5"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// put sends n records with keys of their own and returns the answers.
func put(t *testing.T, c *kinesis.Client, from, n int, key func(i int) string) []types.PutRecordsResultEntry {
	t.Helper()
	in := &kinesis.PutRecordsInput{StreamName: name}
	for i := from; i < from+n; i++ {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: fmt.Append(nil, i), PartitionKey: aws.String(key(i))})
	}
	out, err := c.PutRecords(t.Context(), in)
	must(t, err)
	failed := 0
	for _, r := range out.Records {
		if r.ErrorCode != nil {
			failed++
		}
	}
	if failed != int(*out.FailedRecordCount) {
		t.Errorf("%d of the answers are refusals, FailedRecordCount says %d", failed, *out.FailedRecordCount)
	}
	return out.Records
}

func own(i int) string { return fmt.Sprint("vehicle-", i) }

func TestRecordsGoToTheShardOfTheirHash(t *testing.T) {
	bubble(t, 7, func(t *testing.T, c *kinesis.Client, _ aws.Config) {
		shards, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: name})
		must(t, err)
		of := func(h *big.Int) string {
			for _, sh := range shards.Shards {
				first, _ := new(big.Int).SetString(*sh.HashKeyRange.StartingHashKey, 10)
				last, _ := new(big.Int).SetString(*sh.HashKeyRange.EndingHashKey, 10)
				if h.Cmp(first) >= 0 && h.Cmp(last) <= 0 {
					return *sh.ShardId
				}
			}
			return "none"
		}
		for i, r := range put(t, c, 0, 300, own) {
			sum := md5.Sum([]byte(own(i)))
			if want := of(new(big.Int).SetBytes(sum[:])); *r.ShardId != want {
				t.Errorf("%s went to %s, want %s", own(i), *r.ShardId, want)
			}
		}
		const far = "340282366920938463463374607431768211455"
		one, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: name, Data: []byte("x"), PartitionKey: aws.String("k"), ExplicitHashKey: aws.String(far)})
		must(t, err)
		if *one.ShardId != "shardId-000000000006" {
			t.Errorf("the last hash key went to %s", *one.ShardId)
		}
		_, err = c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: name, Data: []byte("x"), PartitionKey: aws.String("k"), ExplicitHashKey: aws.String("340282366920938463463374607431768211456")})
		if !apierr.Is(err, "InvalidArgumentException") {
			t.Errorf("a hash key beyond the last: %v", err)
		}
	})
}

// Trap 37: a hot key's shard refuses within an answer that says 200, and the
// others go on.
func TestAShardTakesAThousandRecordsASecond(t *testing.T) {
	bubble(t, 4, func(t *testing.T, c *kinesis.Client, _ aws.Config) {
		hot := func(int) string { return "hot" }
		taken := func(answers []types.PutRecordsResultEntry) (n int) {
			for _, a := range answers {
				if a.ErrorCode == nil {
					n++
				} else if *a.ErrorCode != "ProvisionedThroughputExceededException" || a.SequenceNumber != nil {
					t.Errorf("refused with %s, number %v", *a.ErrorCode, a.SequenceNumber)
				}
			}
			return n
		}
		for range 2 {
			got := taken(put(t, c, 0, 500, hot)) + taken(put(t, c, 0, 500, hot)) + taken(put(t, c, 0, 500, hot))
			if got != 1000 {
				t.Errorf("a shard took %d records in a second", got)
			}
			if got := taken(put(t, c, 0, 500, own)); got < 300 || got == 500 {
				t.Errorf("of 500 with keys of their own %d were taken, want all but the hot shard's", got)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestAShardTakesAMegabyteASecond(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *kinesis.Client, _ aws.Config) {
		send := func(size int) error {
			_, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: name, Data: make([]byte, size-1), PartitionKey: aws.String("k")})
			return err
		}
		must(t, send(1<<20))
		if err := send(10); !apierr.Is(err, "ProvisionedThroughputExceededException") {
			t.Errorf("a byte more: %v", err)
		}
		time.Sleep(time.Second)
		must(t, send(10))
		time.Sleep(time.Second)
		if err := send(1<<20 + 1); !apierr.Is(err, "InvalidArgumentException") {
			t.Errorf("a record larger than the stream's: %v", err)
		}
		_, err := c.UpdateMaxRecordSize(t.Context(), &kinesis.UpdateMaxRecordSizeInput{StreamARN: arn, MaxRecordSizeInKiB: aws.Int32(10 << 10)})
		must(t, err)
		time.Sleep(settle)
		must(t, send(4<<20))
		time.Sleep(2 * time.Second)
		if err := send(10); !apierr.Is(err, "ProvisionedThroughputExceededException") {
			t.Errorf("two seconds after four megabytes: %v", err)
		}
		time.Sleep(2 * time.Second)
		must(t, send(10))
	})
}

// A reader that follows the lineage, parents before children, sees each record
// once, and each key's in order, whatever is resharded meanwhile.
func TestReadersFollowAReshard(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *kinesis.Client, _ aws.Config) {
		key := func(i int) string { return fmt.Sprint("vehicle-", i%25) }
		const batch = 400
		sent := 0
		for _, n := range []int32{0, 4, 3, 2} {
			if n > 0 {
				must(t, resize(t.Context(), c, n))
				sent += len(put(t, c, sent, batch, key)) // the parents still take records
				time.Sleep(settle)
			}
			sent += len(put(t, c, sent, batch, key))
			time.Sleep(time.Second)
		}

		shards, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: name})
		must(t, err)
		seen, last := 0, map[string]string{}
		for _, sh := range shards.Shards { // ids grow from parent to child
			it := iteratorAt(t, c, &kinesis.GetShardIteratorInput{ShardId: sh.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
			for previous := ""; it != nil; {
				out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it, Limit: aws.Int32(100)})
				must(t, err)
				for _, r := range out.Records {
					if *r.SequenceNumber <= previous {
						t.Fatalf("%s after %s", *r.SequenceNumber, previous)
					}
					previous = *r.SequenceNumber
					if k := *r.PartitionKey; len(string(r.Data)) < len(last[k]) || len(r.Data) == len(last[k]) && string(r.Data) <= last[k] {
						t.Fatalf("%s: %s after %s", k, r.Data, last[k])
					}
					last[*r.PartitionKey] = string(r.Data)
					seen++
				}
				closed := sh.SequenceNumberRange.EndingSequenceNumber != nil
				if out.NextShardIterator == nil && (!closed || len(out.ChildShards) == 0) {
					t.Errorf("%s ends, closed: %v, children: %v", *sh.ShardId, closed, out.ChildShards)
				}
				if !closed && len(out.Records) == 0 {
					if *out.MillisBehindLatest != 0 {
						t.Errorf("%d ms behind with nothing left", *out.MillisBehindLatest)
					}
					break
				}
				it = out.NextShardIterator
				time.Sleep(time.Second)
			}
		}
		if seen != sent {
			t.Errorf("sent %d, read %d", sent, seen)
		}
	})
}

func iteratorAt(t *testing.T, c *kinesis.Client, in *kinesis.GetShardIteratorInput) *string {
	t.Helper()
	in.StreamName = name
	if in.ShardId == nil {
		in.ShardId = aws.String("shardId-000000000000")
	}
	out, err := c.GetShardIterator(t.Context(), in)
	must(t, err)
	return out.ShardIterator
}

func TestIteratorsBeginWhereTheyAreAsked(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *kinesis.Client, _ aws.Config) {
		empty := iteratorAt(t, c, &kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeLatest})
		first := put(t, c, 0, 10, own)
		time.Sleep(time.Minute)
		middle := time.Now()
		put(t, c, 10, 10, own)
		latest := iteratorAt(t, c, &kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeLatest})
		time.Sleep(time.Minute)
		put(t, c, 20, 1, own)
		for _, r := range []struct {
			what string
			it   *string
			want string
		}{
			{"LATEST of the empty shard", empty, "0"},
			{"TRIM_HORIZON", iteratorAt(t, c, &kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeTrimHorizon}), "0"},
			{"AT_SEQUENCE_NUMBER", iteratorAt(t, c, &kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: first[3].SequenceNumber}), "3"},
			{"AFTER_SEQUENCE_NUMBER", iteratorAt(t, c, &kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeAfterSequenceNumber, StartingSequenceNumber: first[3].SequenceNumber}), "4"},
			{"AT_TIMESTAMP", iteratorAt(t, c, &kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeAtTimestamp, Timestamp: &middle}), "10"},
			{"LATEST", latest, "20"},
		} {
			time.Sleep(time.Second) // five reads a second
			out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: r.it, Limit: aws.Int32(1)})
			must(t, err)
			if len(out.Records) != 1 || string(out.Records[0].Data) != r.want {
				t.Errorf("%s begins with %v, want %s", r.what, out.Records, r.want)
			}
			if behind := *out.MillisBehindLatest > 0; behind != (r.what != "LATEST") {
				t.Errorf("%s is %d ms behind", r.what, *out.MillisBehindLatest)
			}
		}
		time.Sleep(5 * time.Minute)
		if _, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: latest}); !apierr.Is(err, "ExpiredIteratorException") {
			t.Errorf("an old iterator: %v", err)
		}
		_, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: name, ShardId: aws.String("shardId-000000000000"),
			ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: aws.String("12345")})
		if !apierr.Is(err, "InvalidArgumentException") {
			t.Errorf("a number of nobody's: %v", err)
		}
		time.Sleep(24 * time.Hour)
		it := iteratorAt(t, c, &kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
		must(t, err)
		if len(out.Records) != 0 {
			t.Errorf("%d records outlived their retention", len(out.Records))
		}
	})
}

// Trap 31: a stream whose key is about to go takes and gives nothing.
func TestRecordsNeedTheKey(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *kinesis.Client, cfg aws.Config) {
		keys := kms.NewFromConfig(cfg)
		k, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
		must(t, err)
		must(t, encrypt(t.Context(), c, *k.KeyMetadata.Arn))
		time.Sleep(settle)
		put(t, c, 0, 1, own)
		it := iteratorAt(t, c, &kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
		must(t, err)
		if len(out.Records) != 1 || out.Records[0].EncryptionType != types.EncryptionTypeKms {
			t.Errorf("read %v", out.Records)
		}
		_, err = keys.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: k.KeyMetadata.KeyId})
		must(t, err)
		if _, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: name, Data: []byte("x"), PartitionKey: aws.String("k")}); !apierr.Is(err, "KMSInvalidStateException") {
			t.Errorf("a put: %v", err)
		}
		if _, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it}); !apierr.Is(err, "KMSInvalidStateException") {
			t.Errorf("a read: %v", err)
		}
	})
}

// BenchmarkPutRecords sends batches of 500 to 50 shards through the whole
// client and server, in one process.
func BenchmarkPutRecords(b *testing.B) {
	_, cfg := sandboxtest.New(b, sandbox.Options{})
	c := kinesis.NewFromConfig(cfg)
	_, err := c.CreateStream(b.Context(), &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(50)})
	if err != nil {
		b.Fatal(err)
	}
	in := &kinesis.PutRecordsInput{StreamName: name}
	for i := range 500 {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: slices.Repeat([]byte("telemetry "), 20), PartitionKey: aws.String(own(i))})
	}
	accepted := 0
	for b.Loop() {
		out, err := c.PutRecords(b.Context(), in)
		if err != nil {
			b.Fatal(err)
		}
		accepted += 500 - int(*out.FailedRecordCount)
	}
	b.ReportMetric(float64(500*b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(accepted)/b.Elapsed().Seconds(), "accepted/s")
}
