package watch

import (
	"math"
	"time"

	"github.com/ccs-platform/ccsctl/internal/status"
)

var noon = time.Date(2026, 3, 1, 12, 4, 31, 0, time.UTC)

// value is a measure with an hour of history that ends in v.
func value(v float64, u status.Unit, v0 float64, change ...func(*status.Measure)) status.Measure {
	m := status.Measure{Value: &v, Unit: u, At: noon.Truncate(time.Minute).Add(-time.Minute), Severity: status.OK}
	for i := range status.MaxHistory {
		at := m.At.Add(time.Duration(i-status.MaxHistory) * time.Minute)
		x := float64(i) / (status.MaxHistory - 1)
		m.History = append(m.History, status.Point{At: at, Value: v0 + (v-v0)*x*x*x})
	}
	m.History = append(m.History, status.Point{At: noon.Truncate(time.Minute), Value: v / 3, Partial: true})
	for _, c := range change {
		c(&m)
	}
	return m
}

func live(v float64, u status.Unit, change ...func(*status.Measure)) status.Measure {
	m := status.Measure{Value: &v, Unit: u, At: noon, Severity: status.OK}
	for _, c := range change {
		c(&m)
	}
	return m
}

func limit(l float64) func(*status.Measure) {
	return func(m *status.Measure) {
		m.Limit = &l
		if m.Value != nil && *m.Value > l {
			m.Severity = status.Red
		}
	}
}

func bad(v status.Severity, since time.Duration) func(*status.Measure) {
	return func(m *status.Measure) { m.Severity, m.Since = v, noon.Add(-since) }
}

func nothing(u status.Unit) status.Measure { return status.Measure{Unit: u} }

// shardsOf is so many shards whose load is a wave around load.
func shardsOf(n int, load float64) []status.Shard {
	var all []status.Shard
	for i := range n {
		l := load + 9*math.Sin(float64(i))
		sh := status.Shard{ID: "shardId-" + string([]byte{'0' + byte(i/10), '0' + byte(i%10)}), Share: 1 / float64(n), Load: live(l, status.Percent, limit(100))}
		if l >= 80 && l <= 100 {
			sh.Load.Severity = status.Warn
		}
		all = append(all, sh)
	}
	return all
}

func healthy() status.Snapshot {
	ok := func(v float64, u status.Unit, change ...func(*status.Measure)) status.Measure {
		return value(v, u, v*0.7, change...)
	}
	enabled := func(f string) status.Consumer {
		return status.Consumer{Function: f, State: "Enabled", Severity: status.OK}
	}
	function := func(name string, calls float64) status.Function {
		return status.Function{Name: name, Severity: status.OK, Invocations: ok(calls, status.PerMinute), Errors: ok(0, status.PerMinute),
			Throttles: ok(0, status.PerMinute), Concurrency: ok(2, status.Count), Consumer: enabled(name)}
	}
	now := func(m *status.Measure) { m.At = noon }
	queue := func(name, function string, depth float64) status.Queue {
		c := enabled(function)
		return status.Queue{Name: name, Severity: status.OK, Depth: ok(depth, status.Messages, limit(1000), now), InFlight: live(64, status.Messages), Delayed: live(0, status.Messages),
			Oldest: ok(2, status.Seconds), Sent: ok(310, status.PerMinute), Deleted: ok(308, status.PerMinute), Consumer: &c,
			DeadLetters: &status.DeadLetters{Name: name + "-dlq", Depth: ok(0, status.Messages, limit(0), now), InFlight: live(0, status.Messages), Oldest: nothing(status.Seconds)}}
	}
	topic := func(name string, delivered float64, confirmed, pending float64) status.Topic {
		t := status.Topic{Name: name, Severity: status.OK, Published: ok(delivered, status.PerMinute), Delivered: ok(delivered, status.PerMinute), Failed: ok(0, status.PerMinute),
			FailureRate: ok(0, status.Percent, limit(5)), Confirmed: live(confirmed, status.Count), Pending: live(pending, status.Count)}
		for range int(confirmed) {
			t.Subscriptions = append(t.Subscriptions, status.Subscription{Protocol: "sqs", Endpoint: "arn:aws:sqs:eu-west-1:123456789012:" + name, Confirmed: true})
		}
		return t
	}
	s := status.Snapshot{At: noon, Period: status.Duration(10 * time.Second), Severity: status.OK,
		Identity: status.Identity{Project: "ccs", Environment: "prod", Region: "eu-west-1", Account: "123456789012", Endpoint: "AWS"},
		Stream: status.Stream{Name: "telemetry", State: "ACTIVE", Severity: status.OK,
			Records: ok(5214, status.RecordsPerSecond, limit(10000)), Bytes: ok(2.1e6, status.BytesPerSecond, limit(1e7)), Load: ok(52.14, status.Percent, limit(100)),
			Refused: ok(0, status.RecordsPerSecond, limit(0)), IteratorAge: ok(1.2, status.Seconds, limit(60)),
			Shards: live(10, status.Shards), MinShards: 10, MaxShards: 50, PerShard: shardsOf(10, 52), Hottest: live(61, status.Percent, limit(100))},
		Functions: []status.Function{function("ingest", 1240), function("followup", 310), function("emergency", 12)},
		Queues: []status.Queue{queue("emergency.fifo", "emergency", 4), queue("telemetry", "followup", 88),
			{Name: "stream-failures", Severity: status.OK, Failures: true, Depth: ok(0, status.Messages, limit(0), now), InFlight: live(0, status.Messages), Delayed: live(0, status.Messages),
				Oldest: nothing(status.Seconds), Sent: ok(0, status.PerMinute), Deleted: ok(0, status.PerMinute)}},
		Topics: []status.Topic{topic("authorities-alerts", 12, 3, 0), topic("owner-alerts", 310, 2, 0), topic("manager-notifications", 4, 1, 0), topic("alarms", 1, 1, 0)},
		Delivery: status.Delivery{Name: "data-lake", State: "ACTIVE", Severity: status.OK, Freshness: ok(212, status.Seconds, limit(900)), Buffer: status.Duration(5 * time.Minute),
			Bytes: ok(2.1e9, status.BytesPerHour), Success: ok(100, status.Percent), BadRecords: ok(0, status.PerHour)},
		Workflow: status.Workflow{Name: "emergency", Severity: status.OK, Started: ok(12, status.PerMinute), Succeeded: ok(12, status.PerMinute), Failed: ok(0, status.PerMinute, limit(0)),
			Throttled: ok(0, status.PerMinute), Duration: ok(0.4, status.Seconds, limit(10)),
			Recent: []status.Execution{{Name: "e-7f3a", State: "SUCCEEDED", Started: noon.Add(-40 * time.Second), Stopped: noon.Add(-39600 * time.Millisecond)}}},
		Alarms: []status.Alarm{{Name: "emergency-depth", Description: "emergencies wait", State: "OK", Severity: status.OK, Since: noon.Add(-26 * time.Hour)},
			{Name: "iterator-age", Description: "the stream is read too late", State: "OK", Severity: status.OK, Since: noon.Add(-3 * time.Hour)}},
		Events: []status.Event{{At: noon.Add(-4 * time.Minute), Part: "stream/telemetry", Severity: status.OK, Text: "10 shards, were 8"}},
		Cost: status.Cost{Calls: 41, Dollars: 0.006, HourCalls: 41, HourDollars: 0.006, Since: noon.Add(-20 * time.Minute), Prices: "AWS's price pages",
			Operations: []status.OperationCost{{Operation: "cloudwatch:GetMetricData", Calls: 20, Units: 1200, Dollars: 0.006}, {Operation: "sqs:GetQueueAttributes", Calls: 21, Units: 21}}},
	}
	for _, name := range []string{"metrics", "queues", "stream", "shards", "alarms", "consumers", "subscriptions", "executions", "delivery"} {
		s.Sources = append(s.Sources, status.Source{Name: name, Every: status.Duration(10 * time.Second), At: noon.Add(-2 * time.Second), Calls: 5})
	}
	return s
}

// breaching is a surge: the stream is nearly full, emergencies wait, a mailbox
// was never confirmed, another is dead.
func breaching() status.Snapshot {
	s := healthy()
	s.Severity = status.Red
	s.Stream.Severity = status.Red
	s.Stream.Records = value(9214, status.RecordsPerSecond, 3000, limit(10000))
	s.Stream.Load = value(92.14, status.Percent, 30, limit(100), bad(status.Warn, 6*time.Minute), func(m *status.Measure) { m.BreachAt = noon.Add(14 * time.Minute) })
	s.Stream.Refused = value(140, status.RecordsPerSecond, 0, limit(0), bad(status.Red, 2*time.Minute))
	s.Stream.PerShard, s.Stream.Hottest = shardsOf(10, 92), live(101, status.Percent, limit(100), bad(status.Red, time.Minute))
	q := &s.Queues[0]
	q.Severity = status.Red
	q.Depth = value(1204, status.Messages, 0, limit(1000), bad(status.Red, 3*time.Minute), func(m *status.Measure) { m.At = noon })
	q.Oldest = value(41, status.Seconds, 1)
	q.DeadLetters.Depth = value(3, status.Messages, 0, limit(0), bad(status.Red, 8*time.Minute), func(m *status.Measure) { m.At = noon })
	s.Topics[1].Severity, s.Topics[1].Pending = status.Warn, live(1, status.Count, bad(status.Warn, 0))
	s.Topics[1].Subscriptions = append(s.Topics[1].Subscriptions, status.Subscription{Protocol: "email", Endpoint: "night@example.com"})
	s.Topics[0].Severity, s.Topics[0].FailureRate = status.Red, value(33.3, status.Percent, 0, limit(5), bad(status.Red, 3*time.Minute))
	s.Alarms[0] = status.Alarm{Name: "emergency-depth", Description: "emergencies wait", State: "ALARM", Severity: status.Red, Since: noon.Add(-204 * time.Second),
		Reason: "Threshold Crossed: 1 datapoint [1204.0 (01/03/26 12:01:00)] was greater than the threshold (1000.0)."}
	s.Problems = []status.Problem{
		{Part: "queue/emergency.fifo-dlq", Severity: status.Red, Since: noon.Add(-8 * time.Minute), Text: "dead letters 3 messages", Fix: "ccsctl dlq peek emergency"},
		{Part: "alarm/emergency-depth", Severity: status.Red, Since: noon.Add(-204 * time.Second), Text: "fires: emergencies wait"},
		{Part: "queue/emergency.fifo", Severity: status.Red, Since: noon.Add(-3 * time.Minute), Text: "depth 1,204 messages, over 1,000 messages", Fix: "aws logs tail /aws/lambda/ccs-prod-emergency --since 10m"},
		{Part: "topic/authorities-alerts", Severity: status.Red, Since: noon.Add(-3 * time.Minute), Text: "failed deliveries 33 %, over 5.0 %", Fix: "ccsctl alert test authorities-alerts"},
		{Part: "stream/telemetry", Severity: status.Red, Since: noon.Add(-2 * time.Minute), Text: "refused 140 records/s", Fix: "ccsctl scale 20"},
		{Part: "stream/telemetry", Severity: status.Warn, Since: noon.Add(-6 * time.Minute), Text: "load 92 %, over 100 % in about 14 min if it goes on so", Fix: "ccsctl scale 20"},
		{Part: "topic/owner-alerts", Severity: status.Warn, Text: "1 of 3 subscriptions wait to be confirmed", Fix: "have the mail to night@example.com confirmed"},
	}
	s.Events = append([]status.Event{{At: noon.Add(-204 * time.Second), Part: "alarm/emergency-depth", Severity: status.Red, Text: "fires"}}, s.Events...)
	return s
}

// stale is CloudWatch throttling for some minutes, while the rest answers.
func stale() status.Snapshot {
	s := healthy()
	s.Severity = status.Warn
	s.Sources[0].Stale, s.Sources[0].At, s.Sources[0].Error = noon.Add(-6*time.Minute), noon.Add(-6*time.Minute), "Throttling: Rate exceeded"
	s.Sources[0].Fix = "wait: it is asked again, less often"
	s.Problems = []status.Problem{{Part: "source/metrics", Severity: status.Warn, Since: noon.Add(-6 * time.Minute), Text: "no answer: Throttling: Rate exceeded", Fix: "wait: it is asked again, less often"}}
	for _, m := range []*status.Measure{&s.Stream.Records, &s.Stream.Load, &s.Stream.Refused, &s.Stream.IteratorAge, &s.Delivery.Freshness, &s.Workflow.Failed} {
		m.Severity, m.At = status.Unknown, noon.Add(-7*time.Minute)
	}
	s.Stream.Severity = status.Unknown
	return s
}

// failing is credentials that have expired before anything was known.
func failing() status.Snapshot {
	s := empty()
	s.Absent, s.Severity, s.Problems = false, status.Red, nil
	for i := range s.Sources {
		src := &s.Sources[i]
		src.Stale, src.Error, src.Fix = noon.Add(-40*time.Second), "ExpiredToken: The security token included in the request is expired", "aws sso login --profile night"
		s.Problems = append(s.Problems, status.Problem{Part: "source/" + src.Name, Severity: status.Warn, Since: src.Stale, Text: "no answer: " + src.Error, Fix: src.Fix})
	}
	return s
}

// loading is the first Snapshot, with no answer yet.
func loading() status.Snapshot {
	s := empty()
	s.Absent, s.Loading, s.Severity, s.Problems = false, true, status.Unknown, nil
	return s
}

// empty is an account without a pipeline.
func empty() status.Snapshot {
	h := healthy()
	s := status.Snapshot{At: noon, Period: h.Period, Identity: h.Identity, Absent: true, Severity: status.Red, Sources: h.Sources, Cost: status.Cost{Since: noon},
		Problems: []status.Problem{{Part: "pipeline", Severity: status.Red, Text: "there is no pipeline ccs/prod in eu-west-1 of account 123456789012", Fix: "ccsctl up"}}}
	for i := range s.Sources {
		s.Sources[i].At, s.Sources[i].Calls = time.Time{}, 1
	}
	s.Stream = status.Stream{Name: "telemetry", MinShards: 10, MaxShards: 50, Records: nothing(status.RecordsPerSecond), Load: nothing(status.Percent), Refused: nothing(status.RecordsPerSecond),
		IteratorAge: nothing(status.Seconds), Shards: nothing(status.Shards), Hottest: nothing(status.Percent)}
	for _, f := range h.Functions {
		s.Functions = append(s.Functions, status.Function{Name: f.Name, Consumer: status.Consumer{Function: f.Name}, Invocations: nothing(status.PerMinute), Errors: nothing(status.PerMinute), Throttles: nothing(status.PerMinute)})
	}
	for _, q := range h.Queues {
		n := status.Queue{Name: q.Name, Failures: q.Failures, Depth: nothing(status.Messages), InFlight: nothing(status.Messages), Oldest: nothing(status.Seconds)}
		if q.DeadLetters != nil {
			n.DeadLetters = &status.DeadLetters{Name: q.DeadLetters.Name, Depth: nothing(status.Messages)}
		}
		s.Queues = append(s.Queues, n)
	}
	for _, t := range h.Topics {
		s.Topics = append(s.Topics, status.Topic{Name: t.Name, FailureRate: nothing(status.Percent), Delivered: nothing(status.PerMinute), Confirmed: nothing(status.Count), Pending: nothing(status.Count)})
	}
	s.Delivery = status.Delivery{Name: "data-lake", Freshness: nothing(status.Seconds), Bytes: nothing(status.BytesPerHour), BadRecords: nothing(status.PerHour), Success: nothing(status.Percent)}
	s.Workflow = status.Workflow{Name: "emergency", Started: nothing(status.PerMinute), Failed: nothing(status.PerMinute), Duration: nothing(status.Seconds)}
	return s
}
