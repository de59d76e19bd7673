package sqs

import (
	"context"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// active is how long after its last use a queue still has metrics ("Available
// CloudWatch metrics for Amazon SQS", SQS developer guide).
const active = 6 * time.Hour

// include adds one value to samples.
func include(to *bus.Samples, v float64) {
	if to.Count == 0 {
		*to = bus.One(v)
		return
	}
	*to = bus.Samples{Count: to.Count + 1, Sum: to.Sum + v, Min: min(to.Min, v), Max: max(to.Max, v)}
}

func (s *Service) measure(q *queue, name string, samples bus.Samples) {
	if s.bus.Metrics != nil && samples.Count > 0 {
		s.bus.Metrics.Add(bus.ID("AWS/SQS", name, "QueueName", q.name), samples)
	}
}

// sent measures one call that sent messages of the given sizes. What moves to a
// dead-letter queue is not sent there.
func (s *Service) sent(q *queue, sizes bus.Samples) {
	if sizes.Count > 0 {
		s.measure(q, "NumberOfMessagesSent", bus.One(sizes.Count))
		s.measure(q, "SentMessageSize", sizes)
	}
}

// received measures one call that received n messages.
func (s *Service) received(q *queue, n int) {
	if n == 0 {
		s.measure(q, "NumberOfEmptyReceives", bus.One(1))
		return
	}
	s.measure(q, "NumberOfMessagesReceived", bus.One(float64(n)))
}

// dropped measures one call that deleted by n good receipts.
func (s *Service) dropped(q *queue, n int) {
	if n > 0 {
		s.measure(q, "NumberOfMessagesDeleted", bus.One(float64(n)))
	}
}

// gauge has the queues' depths read while the sandbox runs.
func (s *Service) gauge(context.Context) {
	if s.bus.Metrics != nil {
		s.bus.Metrics.Gauge(s.depths)
	}
}

// depths gives how much is in every active queue, and how old it is.
func (s *Service) depths(point func(bus.MetricID, float64)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	now := time.Now()
	for _, q := range s.queues {
		if !q.deleted.IsZero() {
			continue
		}
		q.mu.Lock()
		q.tick(now)
		if q.inUse(now) {
			give := func(name string, v float64) { point(bus.ID("AWS/SQS", name, "QueueName", q.name), v) }
			give("ApproximateNumberOfMessagesVisible", float64(q.visible))
			give("ApproximateNumberOfMessagesNotVisible", float64(q.inflight))
			give("ApproximateNumberOfMessagesDelayed", float64(len(q.messages)-q.visible-q.inflight))
			give("ApproximateAgeOfOldestMessage", q.oldest(now).Truncate(time.Second).Seconds())
		}
		q.mu.Unlock()
	}
}

// inUse says whether the queue holds something or was used lately.
func (q *queue) inUse(now time.Time) bool {
	return len(q.messages) > 0 || now.Sub(time.Unix(0, q.used.Load())) < active
}

// oldest is the age of the message that is in the queue for longest.
func (q *queue) oldest(now time.Time) time.Duration {
	if q.first == nil {
		return 0
	}
	return now.Sub(q.first.entered)
}
