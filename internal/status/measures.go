package status

import "slices"

// Fact is one measure of a Snapshot with what it is called.
type Fact struct {
	Part    string // queue/emergency.fifo: type and name
	Name    string // depth
	Measure Measure
}

// Facts are all measures but those of single shards, in the order of the data's
// way through the pipeline.
func (s Snapshot) Facts() []Fact {
	var all []Fact
	s = s.clone()
	s.measures(func(part, name string, m *Measure) {
		if name != shardLoad {
			all = append(all, Fact{part, name, *m})
		}
	})
	return all
}

const shardLoad = "shard load"

// Part is how one part of the pipeline is.
type Part struct {
	Name     string
	Severity Severity
	State    string // ACTIVE, Enabled and so on, "" when it has none
	Absent   bool
}

// Parts are the parts that facts are of, in their order.
func (s Snapshot) Parts() []Part {
	all := []Part{{"stream/" + s.Stream.Name, s.Stream.Severity, s.Stream.State, s.Stream.Absent}}
	for _, f := range s.Functions {
		all = append(all, Part{"function/" + f.Name, f.Severity, f.Consumer.State, f.Consumer.Absent})
	}
	for _, q := range s.Queues {
		all = append(all, Part{"queue/" + q.Name, q.Severity, "", q.Absent})
		if d := q.DeadLetters; d != nil {
			all = append(all, Part{"queue/" + d.Name, d.Depth.Severity, "", q.Absent})
		}
	}
	for _, t := range s.Topics {
		all = append(all, Part{"topic/" + t.Name, t.Severity, "", t.Absent})
	}
	return append(all,
		Part{"delivery/" + s.Delivery.Name, s.Delivery.Severity, s.Delivery.State, s.Delivery.Absent},
		Part{"workflow/" + s.Workflow.Name, s.Workflow.Severity, "", s.Workflow.Absent})
}

// measures visits every measure, always in the same order.
func (s *Snapshot) measures(visit func(part, name string, m *Measure)) {
	stream := "stream/" + s.Stream.Name
	visit(stream, "records", &s.Stream.Records)
	visit(stream, "bytes", &s.Stream.Bytes)
	visit(stream, "load", &s.Stream.Load)
	visit(stream, "refused", &s.Stream.Refused)
	visit(stream, "iterator age", &s.Stream.IteratorAge)
	visit(stream, "shards", &s.Stream.Shards)
	visit(stream, "hottest", &s.Stream.Hottest)
	for i := range s.Stream.PerShard {
		visit("shard/"+s.Stream.PerShard[i].ID, shardLoad, &s.Stream.PerShard[i].Load)
	}
	for i := range s.Functions {
		f := &s.Functions[i]
		visit("function/"+f.Name, "invocations", &f.Invocations)
		visit("function/"+f.Name, "errors", &f.Errors)
		visit("function/"+f.Name, "throttles", &f.Throttles)
		visit("function/"+f.Name, "concurrency", &f.Concurrency)
	}
	for i := range s.Queues {
		q := &s.Queues[i]
		visit("queue/"+q.Name, "depth", &q.Depth)
		visit("queue/"+q.Name, "oldest", &q.Oldest)
		visit("queue/"+q.Name, "in flight", &q.InFlight)
		visit("queue/"+q.Name, "delayed", &q.Delayed)
		visit("queue/"+q.Name, "sent", &q.Sent)
		visit("queue/"+q.Name, "deleted", &q.Deleted)
		if d := q.DeadLetters; d != nil {
			visit("queue/"+d.Name, "depth", &d.Depth)
			visit("queue/"+d.Name, "oldest", &d.Oldest)
			visit("queue/"+d.Name, "in flight", &d.InFlight)
		}
	}
	for i := range s.Topics {
		t := &s.Topics[i]
		visit("topic/"+t.Name, "published", &t.Published)
		visit("topic/"+t.Name, "delivered", &t.Delivered)
		visit("topic/"+t.Name, "failed", &t.Failed)
		visit("topic/"+t.Name, "failure rate", &t.FailureRate)
		visit("topic/"+t.Name, "confirmed", &t.Confirmed)
		visit("topic/"+t.Name, "pending", &t.Pending)
	}
	d, delivery := &s.Delivery, "delivery/"+s.Delivery.Name
	visit(delivery, "freshness", &d.Freshness)
	visit(delivery, "bytes", &d.Bytes)
	visit(delivery, "success", &d.Success)
	visit(delivery, "bad records", &d.BadRecords)
	w, workflow := &s.Workflow, "workflow/"+s.Workflow.Name
	visit(workflow, "started", &w.Started)
	visit(workflow, "succeeded", &w.Succeeded)
	visit(workflow, "failed", &w.Failed)
	visit(workflow, "throttled", &w.Throttled)
	visit(workflow, "duration", &w.Duration)
}

// clone is a copy whose measures may be changed.
func (s Snapshot) clone() Snapshot {
	s.Stream.PerShard = slices.Clone(s.Stream.PerShard)
	s.Functions = slices.Clone(s.Functions)
	s.Queues = slices.Clone(s.Queues)
	for i, q := range s.Queues {
		if q.DeadLetters != nil {
			s.Queues[i].DeadLetters = new(*q.DeadLetters)
		}
	}
	s.Topics = slices.Clone(s.Topics)
	return s
}
