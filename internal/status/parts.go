package status

import (
	"fmt"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/stream"
)

// perSecond turns the sum of a minute into a rate.
const perSecond = 1.0 / 60

func (r *report) stream() {
	spec, id := r.spec.Stream, "stream/"+r.spec.Stream.Name
	s := Stream{Name: spec.Name, MinShards: spec.MinShards, MaxShards: spec.MaxShards, Shards: Measure{Unit: Shards}}
	state := Unknown
	if got := r.a.stream; got != nil && got.there {
		s.State, state = got.value.State, OK
		if s.State != "ACTIVE" && s.State != "UPDATING" {
			state = Warn
			r.problem(id, "state", Warn, time.Time{}, "the stream is "+s.State, "")
		}
		s.Shards = r.live("stream", float64(got.value.Shards), got.at, Shards, rule{})
	} else if got != nil {
		s.Absent, state = true, r.missing(id)
	}
	var records, bytes rule
	if n := s.Shards.Value; n != nil && *n > 0 {
		records.limit, bytes.limit = new(*n*stream.ShardRecords), new(*n*stream.ShardBytes)
	}
	s.Records = r.metric("stream records", RecordsPerSecond, perSecond, records)
	s.Bytes = r.metric("stream bytes", BytesPerSecond, perSecond, bytes)
	s.Load = r.load("stream", s.Shards.Value)
	s.Refused = r.metric("stream refused", RecordsPerSecond, perSecond, none())
	s.IteratorAge = r.metric("stream iterator age", Seconds, 1.0/1000, atMost(r.spec.Limits.IteratorAge.Seconds()))
	r.shards(&s)
	scale := r.scale(s)
	s.Severity = part(state, s.Shards.Severity,
		r.check(id, "refused", s.Refused, scale),
		r.check(id, "load", s.Load, scale),
		r.check(id, "iterator age", s.IteratorAge, r.logs("ingest")),
	)
	r.snap.Stream = s
}

// load is what comes in as percent of what that many shards take, of records or
// of bytes, whichever is more.
func (r *report) load(part string, shards *float64) Measure {
	if shards == nil || *shards == 0 {
		return Measure{Unit: Percent}
	}
	of := func(key string, capacity float64) []Point {
		return scaled(r.a.series[part+" "+key], 100*perSecond/(capacity**shards))
	}
	both := combined(of("records", stream.ShardRecords), of("bytes", stream.ShardBytes), func(a, b float64) (float64, bool) { return max(a, b), true })
	return r.series(both, Percent, atMost(100))
}

// shards fills in the stream's shards, the hash keys in order.
func (r *report) shards(s *Stream) {
	s.Hottest = Measure{Unit: Percent}
	if r.a.shards == nil || !r.a.shards.there {
		return
	}
	open := r.a.shards.value
	for _, o := range open {
		sh := Shard{ID: o.ID, Share: o.Share}
		if measured := r.load("shard/"+o.ID, new(1.0)); r.a.shardMetrics && measured.Known() {
			sh.Load = measured
		} else {
			sh.Load = s.Load
			sh.Load.Limit, sh.Load.History, sh.Load.BreachAt, sh.Load.Since, sh.Load.Estimated = new(100.0), nil, time.Time{}, time.Time{}, true
			if v := s.Load.Value; v != nil {
				sh.Load.Value = new(*v * o.Share * float64(len(open)))
				sh.Load.Severity = atMost(100).severity(*sh.Load.Value)
			}
		}
		if v := sh.Load.Value; v != nil && (s.Hottest.Value == nil || *v > *s.Hottest.Value) {
			s.Hottest = sh.Load
		}
		s.PerShard = append(s.PerShard, sh)
	}
}

// scale is the command that doubles the shards, as far as one step and the
// configuration go.
func (r *report) scale(s Stream) string {
	if s.Shards.Value == nil {
		return ""
	}
	n := int(*s.Shards.Value)
	if n >= s.MaxShards {
		return fmt.Sprintf("raise autoscaling.max_shards, now %d", s.MaxShards)
	}
	return fmt.Sprintf("ccsctl scale %d", min(2*n, s.MaxShards))
}

// logs is how to see what a function says.
func (r *report) logs(function string) string {
	for _, f := range r.spec.Functions {
		if f.Name == function {
			return "aws logs tail /aws/lambda/" + f.FunctionName + " --since 10m"
		}
	}
	return ""
}

func (r *report) functions() {
	for _, spec := range r.spec.Functions {
		id := "function/" + spec.Name
		f := Function{
			Name:        spec.Name,
			Invocations: r.metric(id+" invocations", PerMinute, 1, rule{}),
			Errors:      r.metric(id+" errors", PerMinute, 1, few()),
			Throttles:   r.metric(id+" throttles", PerMinute, 1, few()),
			Concurrency: r.metric(id+" concurrency", Count, 1, rule{}),
			Consumer:    r.consumer(spec.Name),
		}
		switch c := f.Consumer; {
		case c.Absent:
			r.missing("mapping/" + spec.Name)
		case c.Severity == Red && c.Problem != "":
			r.problem("mapping/"+spec.Name, "last try", Red, time.Time{}, c.Problem, "ccsctl status")
		case c.Severity.Worse(Unknown):
			r.problem("mapping/"+spec.Name, "state", c.Severity, time.Time{}, "is "+c.State+": nothing is read", up)
		}
		f.Severity = part(f.Consumer.Severity,
			r.check(id, "errors", f.Errors, r.logs(spec.Name)),
			r.check(id, "throttled", f.Throttles, "ask for more concurrency in Service Quotas, or reserve some for "+spec.FunctionName),
		)
		r.snap.Functions = append(r.snap.Functions, f)
	}
}

// consumer is how the mapping that feeds a function is.
func (r *report) consumer(function string) Consumer {
	c := Consumer{Function: function}
	got, asked := r.a.consumers[function]
	switch {
	case !asked:
		return c
	case !got.there:
		c.Absent, c.Severity = true, Red
		return c
	}
	c.State, c.Problem, c.Severity = got.value.State, got.value.Problem, OK
	switch {
	case c.Problem != "", c.State == "Disabled":
		c.Severity = Red
	case c.State != "Enabled" && c.State != "Updating":
		c.Severity = Warn
	case r.old["consumers"]:
		c.Severity = Unknown
	}
	return c
}

func (r *report) queues() {
	for _, spec := range r.spec.Queues {
		id := "queue/" + spec.Name
		limit, fix := atMost(float64(r.spec.Limits.QueueDepth)), r.logs(spec.Function)
		if spec.Failures {
			limit, fix = none(), "ccsctl dlq peek "+spec.DLQ
		}
		q := Queue{Name: spec.Name, Failures: spec.Failures}
		q.Depth, q.InFlight, q.Delayed, q.Oldest, q.Absent = r.depths(spec.Name, limit)
		q.Sent = r.metric(id+" sent", PerMinute, 1, rule{})
		q.Deleted = r.metric(id+" deleted", PerMinute, 1, rule{})
		severities := []Severity{r.check(id, "depth", q.Depth, fix)}
		if q.Absent {
			severities = append(severities, r.missing(id))
		}
		if spec.DeadLetters != "" {
			d := DeadLetters{Name: spec.DeadLetters}
			var absent bool
			d.Depth, d.InFlight, _, d.Oldest, absent = r.depths(spec.DeadLetters, none())
			severities = append(severities, r.check("queue/"+spec.DeadLetters, "dead letters", d.Depth, "ccsctl dlq peek "+spec.DLQ))
			if absent {
				severities = append(severities, r.missing("queue/"+spec.DeadLetters))
			}
			q.DeadLetters = &d
		}
		if spec.Function != "" {
			c := r.consumer(spec.Function)
			q.Consumer = &c
			severities = append(severities, c.Severity)
		}
		q.Severity = part(severities...)
		r.snap.Queues = append(r.snap.Queues, q)
	}
}

// depths are the live numbers of a queue, with the minutes of CloudWatch before
// them. Until it answers, depth is what CloudWatch had.
func (r *report) depths(name string, limit rule) (depth, inFlight, delayed, oldest Measure, absent bool) {
	key := "queue/" + name + " depth"
	depth, inFlight, delayed = r.metric(key, Messages, 1, limit), Measure{Unit: Messages}, Measure{Unit: Messages}
	oldest = r.metric("queue/"+name+" oldest", Seconds, 1, rule{})
	got, asked := r.a.queues[name]
	switch {
	case !asked:
		return depth, inFlight, delayed, oldest, false
	case !got.there:
		return Measure{Unit: Messages}, inFlight, delayed, Measure{Unit: Seconds}, true
	}
	d := got.value
	limit.grows = false // what is gone again within the minute is gone
	trail := r.a.trails[key]
	depth = Measure{Unit: Messages, Value: new(float64(d.Visible)), At: got.at, History: trail.history(r.a.series[key], r.now)}
	depth = r.fades("queues", limit.judge(depth, trail.samples))
	inFlight = r.live("queues", float64(d.InFlight), got.at, Messages, rule{})
	delayed = r.live("queues", float64(d.Delayed), got.at, Messages, rule{})
	if d.Total() == 0 {
		oldest = Measure{Unit: Seconds, History: oldest.History} // there is none
	}
	return depth, inFlight, delayed, oldest, false
}

func (r *report) topics() {
	for _, spec := range r.spec.Topics {
		id := "topic/" + spec.Name
		failed, delivered := r.a.series[id+" failed"], r.a.series[id+" delivered"]
		rate := combined(failed, delivered, func(f, d float64) (float64, bool) {
			switch {
			case f+d == 0:
				return 0, false
			case f+d < float64(r.spec.Limits.FailureMinimum):
				return 0, true
			default:
				return 100 * f / (f + d), true
			}
		})
		t := Topic{
			Name:        spec.Name,
			Published:   r.metric(id+" published", PerMinute, 1, rule{}),
			Delivered:   r.metric(id+" delivered", PerMinute, 1, rule{}),
			Failed:      r.metric(id+" failed", PerMinute, 1, few()),
			FailureRate: r.series(rate, Percent, atMost(float64(r.spec.Limits.FailurePercent))),
			Confirmed:   Measure{Unit: Count}, Pending: Measure{Unit: Count},
		}
		who := "aws sns list-subscriptions-by-topic --topic-arn " + spec.ARN
		severities := []Severity{r.check(id, "failed deliveries", t.FailureRate, who)}
		if t.FailureRate.Severity != Red { // which says more
			severities = append(severities, r.check(id, "failed deliveries", t.Failed, who))
		}
		severities = append(severities, r.listeners(&t, spec))
		t.Severity = part(severities...)
		r.snap.Topics = append(r.snap.Topics, t)
	}
}

// listeners fills in who listens to a topic.
func (r *report) listeners(t *Topic, spec TopicSpec) Severity {
	id := "topic/" + spec.Name
	got, asked := r.a.listeners[spec.Name]
	switch {
	case !asked:
		return Unknown
	case !got.there:
		t.Absent = true
		return r.missing(id)
	}
	var waiting []string
	for _, l := range got.value {
		t.Subscriptions = append(t.Subscriptions, Subscription{Protocol: l.Protocol, Endpoint: l.Endpoint, Confirmed: l.Confirmed})
		if !l.Confirmed {
			waiting = append(waiting, l.Endpoint)
		}
	}
	confirmed := len(got.value) - len(waiting)
	t.Confirmed = r.live("subscriptions", float64(confirmed), got.at, Count, rule{})
	t.Pending = r.live("subscriptions", float64(len(waiting)), got.at, Count, few())
	if len(waiting) > 0 {
		r.problem(id, "subscriptions", Warn, time.Time{}, fmt.Sprintf("%d of %d subscriptions wait to be confirmed", len(waiting), len(got.value)), "confirm it at "+strings.Join(waiting, ", "))
	}
	if spec.Wanted > 0 && confirmed == 0 {
		r.problem(id, "listeners", Red, time.Time{}, "nobody listens: no subscription is confirmed", up)
		return Red
	}
	return worst(t.Confirmed.Severity, t.Pending.Severity)
}
