package kinesis

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// Metrics of streams, and of shards where enhanced monitoring asks for them
// (developer guide, "Monitoring the Kinesis Data Streams service with Amazon
// CloudWatch"). Each call is one sample; what was refused is a sample too, of 0
// when nothing was.

// tally counts what a call wrote.
type tally struct{ taken, bytes, refused int }

func (t *tally) add(size int, refused bool) {
	if refused {
		t.refused++
		return
	}
	t.taken++
	t.bytes += size
}

// written is what a call wrote, and to which shards when they are monitored.
type written struct {
	tally
	shards map[*shard]*tally
}

func (w *written) count(p pass, sh *shard, size int, refused bool) {
	w.add(size, refused)
	if len(p.metrics) == 0 {
		return
	}
	if w.shards == nil {
		w.shards = map[*shard]*tally{}
	}
	if w.shards[sh] == nil {
		w.shards[sh] = &tally{}
	}
	w.shards[sh].add(size, refused)
}

// wrote tells the metrics of one PutRecord or PutRecords.
func (s *Service) wrote(p pass, op string, t written, began time.Time) {
	if s.bus.Metrics == nil {
		return
	}
	add := func(name string, v float64) {
		s.bus.Metrics.Add(bus.ID("AWS/Kinesis", name, "StreamName", p.name), bus.One(v))
	}
	success := 0.0
	if t.taken > 0 {
		success = 1
		add("IncomingRecords", float64(t.taken))
		add("IncomingBytes", float64(t.bytes))
	}
	add("WriteProvisionedThroughputExceeded", float64(t.refused))
	add(op+".Success", success)
	add(op+".Bytes", float64(t.bytes))
	add(op+".Latency", milliseconds(time.Since(began)))
	if op == "PutRecords" {
		add("PutRecords.TotalRecords", float64(t.taken+t.refused))
		add("PutRecords.SuccessfulRecords", float64(t.taken))
		add("PutRecords.ThrottledRecords", float64(t.refused))
		add("PutRecords.FailedRecords", 0) // those are AWS's own failures
	}
	for sh, t := range t.shards {
		if t.taken > 0 {
			s.ofShard(p, sh, types.MetricsNameIncomingRecords, float64(t.taken))
			s.ofShard(p, sh, types.MetricsNameIncomingBytes, float64(t.bytes))
		}
		s.ofShard(p, sh, types.MetricsNameWriteProvisionedThroughputExceeded, float64(t.refused))
	}
}

// read tells the metrics of one read.
func (s *Service) read(p pass, sh *shard, r reading, size int, began time.Time) {
	if s.bus.Metrics == nil {
		return
	}
	add := func(name string, v float64) {
		s.bus.Metrics.Add(bus.ID("AWS/Kinesis", name, "StreamName", p.name), bus.One(v))
	}
	age := 0.0
	if n := len(r.records); n > 0 {
		age = milliseconds(began.Sub(r.records[n-1].at))
	}
	add("GetRecords.Records", float64(len(r.records)))
	add("GetRecords.Bytes", float64(size))
	add("GetRecords.IteratorAgeMilliseconds", max(0, age))
	add("GetRecords.Success", 1)
	add("GetRecords.Latency", milliseconds(time.Since(began)))
	add("ReadProvisionedThroughputExceeded", 0)
	s.ofShard(p, sh, types.MetricsNameOutgoingRecords, float64(len(r.records)))
	s.ofShard(p, sh, types.MetricsNameOutgoingBytes, float64(size))
	s.ofShard(p, sh, types.MetricsNameIteratorAgeMilliseconds, max(0, age))
	s.ofShard(p, sh, types.MetricsNameReadProvisionedThroughputExceeded, 0)
}

// refusedRead tells the metrics of a read that was one too many.
func (s *Service) refusedRead(p pass, sh *shard) {
	if s.bus.Metrics == nil {
		return
	}
	s.bus.Metrics.Add(bus.ID("AWS/Kinesis", "ReadProvisionedThroughputExceeded", "StreamName", p.name), bus.One(1))
	s.bus.Metrics.Add(bus.ID("AWS/Kinesis", "GetRecords.Success", "StreamName", p.name), bus.One(0))
	s.ofShard(p, sh, types.MetricsNameReadProvisionedThroughputExceeded, 1)
}

// ofShard adds to a metric of a shard if it is asked for.
func (s *Service) ofShard(p pass, sh *shard, name types.MetricsName, v float64) {
	if !slices.Contains(p.metrics, name) {
		return
	}
	s.bus.Metrics.Add(bus.MetricID{Namespace: "AWS/Kinesis", Name: string(name), Dims: [2]bus.Dim{{Name: "StreamName", Value: p.name}, {Name: "ShardId", Value: sh.id}}}, bus.One(v))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
