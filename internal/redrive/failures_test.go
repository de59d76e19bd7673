package redrive_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/redrive"
)

// notice is what Lambda writes of n records (Lambda guide, "Retain discarded
// batch records for a Kinesis Data Streams event source").
func notice(shard, first, last string, n int) string {
	return fmt.Sprintf(`{"requestContext":{"requestId":"c9b8fa9f","functionArn":"arn:aws:lambda:eu-west-1:1:function:ingest","condition":"RetryAttemptsExhausted","approximateInvokeCount":3},
"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"version":"1.0","timestamp":"2026-03-14T00:38:06.021Z",
"KinesisBatchInfo":{"shardId":%q,"startSequenceNumber":%q,"endSequenceNumber":%q,"approximateArrivalOfFirstRecord":"2026-03-14T00:38:04.835Z",
"approximateArrivalOfLastRecord":"2026-03-14T00:38:05.580Z","batchSize":%d,"streamArn":"arn:aws:kinesis:eu-west-1:1:stream/telemetry"}}`, shard, first, last, n)
}

// ingest is a function that fails on a record as often as told, as Lambda shows
// it to a caller.
type ingest struct {
	fails map[string]int // by data
	got   []string
}

func (f *ingest) Call(_ context.Context, payload []byte) ([]byte, error) {
	var event struct {
		Records []struct {
			Kinesis struct {
				Data     []byte
				Sequence string `json:"sequenceNumber"`
			}
		}
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	for _, r := range event.Records {
		data := string(r.Kinesis.Data)
		if f.fails[data] > 0 {
			f.fails[data]--
			return json.Marshal(map[string]any{"batchItemFailures": []any{map[string]string{"itemIdentifier": r.Kinesis.Sequence}}})
		}
		f.got = append(f.got, data)
	}
	return []byte(`{"batchItemFailures":[]}`), nil
}

// The records of a notice are handed over once each, however many runs it takes.
// The notice goes when all of them were taken, or what is lost is given up.
func TestStreamFailuresAreReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, false)
		k := kinesis.NewFromConfig(w.cfg)
		_, err := k.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("telemetry"), ShardCount: aws.Int32(1)})
		must(t, err)
		time.Sleep(time.Minute)
		put := func(n int) (sequences []string) {
			for i := range n {
				out, err := k.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("telemetry"), PartitionKey: aws.String("veh-1"), Data: fmt.Appendf(nil, "%d", i)})
				must(t, err)
				sequences = append(sequences, *out.SequenceNumber)
			}
			return sequences
		}
		const shard = "shardId-000000000000"
		old := put(4)
		time.Sleep(25 * time.Hour) // which is past the stream's retention
		fresh := put(6)
		for _, s := range w.dlq.Send(t.Context(), []queue.Outgoing{
			{Body: notice(shard, old[0], old[3], 4)}, {Body: notice(shard, fresh[1], fresh[4], 4)}, {Body: `{"hello":"there"}`},
		}) {
			must(t, s.Err)
		}
		f := &ingest{fails: map[string]int{"3": 1}}
		reader := stream.NewReader(w.cfg, "telemetry")
		run := func(change func(*redrive.Failures)) redrive.Summary {
			t.Helper()
			journal, err := redrive.OpenJournal(w.folder, "failures")
			must(t, err)
			job := redrive.Failures{From: w.dlq, To: redrive.ToFunction{Caller: f, Region: "eu-west-1"}, Journal: journal,
				Read: func(ctx context.Context, n redrive.Notice) ([]stream.Record, error) {
					return reader.Range(ctx, n.Shard, n.First, n.Last)
				}}
			if change != nil {
				change(&job)
			}
			sum, err := job.Run(t.Context())
			must(t, journal.Close())
			if sum.Counts == nil {
				t.Fatal(err)
			}
			return sum
		}
		want := func(sum redrive.Summary, counts map[redrive.Outcome]int, left int, got ...string) {
			t.Helper()
			for o, n := range counts {
				if sum.Counts[o] != n {
					t.Errorf("%s: got %d records, want %d: %+v", o, sum.Counts[o], n, sum)
				}
			}
			if d := w.depth(w.dlq); d.Visible != left {
				t.Errorf("got %+v notices, want %d to see", d, left)
			}
			if d := cmp.Diff(got, f.got); d != "" {
				t.Error(d)
			}
		}
		want(run(func(j *redrive.Failures) { j.DryRun = true }), map[redrive.Outcome]int{redrive.Matched: 4, redrive.Expired: 4}, 3)
		want(run(nil), map[redrive.Outcome]int{redrive.Moved: 2, redrive.Failed: 3, redrive.Expired: 4}, 3, "1", "2")
		want(run(nil), map[redrive.Outcome]int{redrive.Moved: 2, redrive.Expired: 4}, 2, "1", "2", "3", "4")
		want(run(func(j *redrive.Failures) { j.GiveUp = true }), map[redrive.Outcome]int{redrive.Expired: 4}, 1, "1", "2", "3", "4")
	})
}

// refusing is a stream that refuses the first tries of each key, and takes one
// record of a key in a call at most.
type refusing struct {
	t     *testing.T
	tries map[string]int
	got   map[string]string
	lose  bool
}

func (s *refusing) Put(_ context.Context, entries []stream.Entry) (stream.Answer, error) {
	keys := map[string]bool{}
	a := stream.Answer{Outcomes: make([]stream.Outcome, len(entries)), Reason: "busy"}
	for i, e := range entries {
		if keys[e.Key] {
			s.t.Errorf("one call has %s twice, whose order is then anybody's guess", e.Key)
		}
		keys[e.Key] = true
		switch {
		case s.lose:
			a.Outcomes[i] = stream.Unanswered
		case s.tries[e.Key] > 0:
			s.tries[e.Key]--
			a.Outcomes[i] = stream.Throttled
		default:
			s.got[e.Key] += string(e.Data)
		}
	}
	return a, nil
}

func TestIntoStreamKeepsTheOrderOfKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &refusing{t: t, tries: map[string]int{"a": 2, "b": 1}, got: map[string]string{}}
		var records []stream.Record
		for i := range 9 {
			records = append(records, stream.Record{Key: string("abc"[i%3]), Data: fmt.Append(nil, i)})
		}
		for i, err := range (redrive.IntoStream{Writer: s}).Replay(t.Context(), redrive.Notice{}, records) {
			if err != nil {
				t.Errorf("record %d: %v", i, err)
			}
		}
		if d := cmp.Diff(map[string]string{"a": "036", "b": "147", "c": "258"}, s.got); d != "" {
			t.Error(d)
		}
		s.lose = true
		errs := (redrive.IntoStream{Writer: s}).Replay(t.Context(), redrive.Notice{}, records)
		if !errors.Is(errs[0], redrive.ErrMaybe) || errs[3] == nil || errors.Is(errs[3], redrive.ErrMaybe) {
			t.Errorf("got %v for one whose answer was lost and %v for the one behind it", errs[0], errs[3])
		}
	})
}

func FuzzNotice(f *testing.F) {
	f.Add(notice("shardId-000000000006", "49601189658422359378836298521827638475320189012309704722", "49601189658422359378836298522902373528957594348623495186", 500))
	f.Add(`{"KinesisBatchInfo":{}}`)
	f.Fuzz(func(t *testing.T, body string) {
		n, err := redrive.ParseNotice(body)
		if err == nil && (n.Shard == "" || n.First == "" || n.Last == "" || n.Records < 1) {
			t.Errorf("%q gives %+v", body, n)
		}
	})
}
