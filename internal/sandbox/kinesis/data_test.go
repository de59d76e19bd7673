package kinesis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// sums is a bus.Metrics that adds up.
type sums struct {
	mu  sync.Mutex
	all map[string]bus.Samples
}

func (m *sums) Add(id bus.MetricID, s bus.Samples) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := id.Name + " " + id.Dims[0].Value
	if id.Dims[1].Name != "" {
		name += " " + id.Dims[1].Value
	}
	have, ok := m.all[name]
	if !ok {
		have = bus.Samples{Min: s.Min}
	}
	m.all[name] = bus.Samples{Count: have.Count + s.Count, Sum: have.Sum + s.Sum, Min: min(have.Min, s.Min), Max: max(have.Max, s.Max)}
}

func (m *sums) Gauge(func(point func(id bus.MetricID, v float64))) {}

func alone(t *testing.T, shards int32) (*Service, *sums) {
	t.Helper()
	m := &sums{all: map[string]bus.Samples{}}
	s := New(&bus.Bus{Account: "000000000000", Region: "eu-west-1", Metrics: m})
	if _, err := s.createStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: &shards}); err != nil {
		t.Fatal(err)
	}
	return s, m
}

func (s *Service) send(t *testing.T, from, n int) *kinesis.PutRecordsOutput {
	t.Helper()
	in := &kinesis.PutRecordsInput{StreamName: aws.String("s")}
	for i := from; i < from+n; i++ {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: fmt.Append(nil, i), PartitionKey: aws.String(fmt.Sprint("k", i%7))})
	}
	out, err := s.putRecords(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A reader that drains parents before it turns to their children sees every
// record once and each key's records in order, whatever the stream is resized
// to meanwhile.
func TestReadersSeeAllInOrderAcrossReshards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := alone(t, 4)
		arn := s.bus.ARN("kinesis", "stream/s")
		sent := 0
		for _, size := range []int32{8, 5, 3, 6} {
			s.send(t, sent, 100)
			sent += 100
			if _, err := s.updateShardCount(t.Context(), &kinesis.UpdateShardCountInput{StreamName: aws.String("s"), TargetShardCount: &size, ScalingType: types.ScalingTypeUniformScaling}); err != nil {
				t.Fatal(err)
			}
			s.send(t, sent, 100)
			sent += 100
			time.Sleep(time.Second)
		}
		shards, err := s.Shards(arn)
		if err != nil {
			t.Fatal(err)
		}
		seen, done := map[string][]string{}, map[string]bool{}
		for len(done) < len(shards) {
			progress := false
			for _, sh := range shards {
				ready := !slices.ContainsFunc(sh.Parents, func(p string) bool { return !done[p] })
				if done[sh.ID] || !ready {
					continue
				}
				progress = true
				r, err := s.Open(arn, sh.ID, bus.Position{Kind: "TRIM_HORIZON"})
				if err != nil {
					t.Fatal(err)
				}
				last := ""
				for got := (bus.Reading{}); !got.Drained; {
					if got, err = r.Read(3); err != nil {
						t.Fatal(err)
					}
					for _, rec := range got.Records {
						seen[rec.PartitionKey] = append(seen[rec.PartitionKey], string(rec.Data))
						last = rec.Sequence
					}
					if len(got.Records) == 0 && !sh.Closed {
						break
					}
				}
				done[sh.ID] = true
				if last == "" {
					continue
				}
				again, err := s.Open(arn, sh.ID, bus.Position{Kind: "AT_SEQUENCE_NUMBER", Sequence: last})
				if err != nil {
					t.Fatal(err)
				}
				if got, err := again.Read(10); err != nil || len(got.Records) != 1 || got.Records[0].Sequence != last {
					t.Errorf("reading on at the last record gave %v, %v", got, err)
				}
			}
			if !progress {
				t.Fatalf("the lineage of %v has no beginning", shards)
			}
		}
		total := 0
		for key, records := range seen {
			total += len(records)
			for i, data := range records {
				if want := fmt.Sprint(7*i + int(key[1]-'0')); data != want {
					t.Fatalf("record %d of %s is %s, want %s", i, key, data, want)
				}
			}
		}
		if total != sent {
			t.Errorf("%d records were sent, %d read", sent, total)
		}
	})
}

// A reader that waits is woken by a record and by the end of its shard, and by
// nothing else.
func TestReadersWaitForNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := alone(t, 1)
		r, err := s.Open(s.bus.ARN("kinesis", "stream/s"), shardID(0), bus.Position{Kind: "LATEST"})
		if err != nil {
			t.Fatal(err)
		}
		waited := func() time.Duration {
			began := time.Now()
			r.Wait(t.Context(), time.Hour)
			return time.Since(began)
		}
		if d := waited(); d != time.Hour {
			t.Errorf("with nothing to come it waited %s", d)
		}
		time.AfterFunc(time.Minute, func() { s.send(t, 0, 1) })
		if d := waited(); d != time.Minute {
			t.Errorf("for a record it waited %s", d)
		}
		if d := waited(); d != 0 {
			t.Errorf("for a record that it had not read it waited %s", d)
		}
		if got, err := r.Read(10); err != nil || len(got.Records) != 1 {
			t.Fatalf("got %v, %v", got, err)
		}
		time.AfterFunc(time.Minute, func() {
			two := int32(2)
			_, _ = s.updateShardCount(context.Background(), &kinesis.UpdateShardCountInput{StreamName: aws.String("s"), TargetShardCount: &two, ScalingType: types.ScalingTypeUniformScaling})
			_, _ = s.Shards(s.bus.ARN("kinesis", "stream/s")) // shows the change
		})
		if d := waited(); d != time.Minute {
			t.Errorf("for the end of the shard it waited %s", d)
		}
	})
}

// Readers inside share AWS's limits with those outside, and a stream made anew
// is not the one that they read.
func TestReadersAreThrottledAndLoseAStreamThatGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := alone(t, 1)
		s.bus.Limits = true
		s.send(t, 0, 3)
		arn := s.bus.ARN("kinesis", "stream/s")
		r, err := s.Open(arn, shardID(0), bus.Position{Kind: "TRIM_HORIZON"})
		if err != nil {
			t.Fatal(err)
		}
		for range readCalls {
			if _, err := r.Read(1); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Read(1); !errors.Is(err, bus.ErrThrottled) {
			t.Errorf("one read too many: %v", err)
		}
		if got := m.all["ReadProvisionedThroughputExceeded s"]; got.Sum != 1 {
			t.Errorf("the metric of it is %v", got)
		}
		time.Sleep(time.Second)
		if _, err := r.Read(1); err != nil {
			t.Errorf("a second later: %v", err)
		}
		if _, err := s.deleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: aws.String("s")}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.createStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(1); err == nil {
			t.Error("a reader outlived its stream")
		}
	})
}

func TestMetricsOfAStreamAndItsShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := alone(t, 1)
		_, err := s.enableMonitoring(t.Context(), &kinesis.EnableEnhancedMonitoringInput{StreamName: aws.String("s"),
			ShardLevelMetrics: []types.MetricsName{types.MetricsNameIncomingRecords, types.MetricsNameIteratorAgeMilliseconds}})
		if err != nil {
			t.Fatal(err)
		}
		s.send(t, 0, 500)
		s.send(t, 0, 500)
		s.send(t, 0, 10) // beyond what the shard takes in a second
		time.Sleep(3 * time.Second)
		r, err := s.Open(s.bus.ARN("kinesis", "stream/s"), shardID(0), bus.Position{Kind: "TRIM_HORIZON"})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := r.Read(800); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]bus.Samples{
			"IncomingRecords s":                              {Count: 2, Sum: 1000, Min: 500, Max: 500},
			"IncomingRecords s shardId-000000000000":         {Count: 2, Sum: 1000, Min: 500, Max: 500},
			"IncomingBytes s":                                {Count: 2, Sum: 2 * (10 + 90*2 + 400*3 + 500*2), Min: 2390, Max: 2390},
			"WriteProvisionedThroughputExceeded s":           {Count: 3, Sum: 10, Max: 10},
			"PutRecords.Success s":                           {Count: 3, Sum: 2, Max: 1},
			"PutRecords.TotalRecords s":                      {Count: 3, Sum: 1010, Min: 10, Max: 500},
			"PutRecords.ThrottledRecords s":                  {Count: 3, Sum: 10, Max: 10},
			"GetRecords.Records s":                           {Count: 3, Sum: 1000, Max: 800},
			"GetRecords.IteratorAgeMilliseconds s":           {Count: 3, Sum: 6000, Max: 3000},
			"IteratorAgeMilliseconds s shardId-000000000000": {Count: 3, Sum: 6000, Max: 3000},
			"ReadProvisionedThroughputExceeded s":            {Count: 3},
		}
		for name, w := range want {
			if got := m.all[name]; got != w {
				t.Errorf("%s is %+v, want %+v", name, got, w)
			}
		}
		for name := range maps.Keys(m.all) {
			if name == "OutgoingRecords s shardId-000000000000" {
				t.Error("a shard's metric that nobody asked for")
			}
		}
	})
}
