package traffic

import (
	"math/bits"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/stream"
)

// Totals are what a run has come to. Every offered event is in exactly one of
// Accepted, Lost, Unsent and Waiting.
type Totals struct {
	Elapsed time.Duration

	Offered  int64 // that devices wanted to send
	Accepted int64 // that AWS has confirmed
	Lost     int64 // given up, for want of room or of patience
	Unsent   int64 // that an interruption, or an error, left behind
	Waiting  int64 // not yet accepted; 0 at the end

	// Of the accepted events: those that tell the authorities, those that tell
	// owners and managers, and those that nobody can read.
	Critical, FollowUps, Garbled int64
	Bytes                        int64 // of the accepted events, keys included

	Calls      int64
	Throttled  int64 // answers that refused an event for its rate, one event may have several
	Failed     int64 // answers that refused an event for trouble of AWS's own
	Unanswered int64 // events in calls without an answer: the stream may hold them twice
	Retried    int64 // times that an event was sent again
	// Reason is the last refusal, in AWS's words.
	Reason string

	// Of the calls, within 3 %.
	P50, P99 time.Duration
}

// meter adds up what the lanes do.
type meter struct {
	mu     sync.Mutex
	totals Totals
	took   latencies
}

func (m *meter) add(count func(t *Totals)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	count(&m.totals)
}

// answered counts one call.
func (m *meter) answered(a stream.Answer, took time.Duration, again int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &m.totals
	t.Calls++
	t.Retried += again
	m.took.add(took)
	for _, o := range a.Outcomes {
		switch o {
		case stream.Throttled:
			t.Throttled++
		case stream.Failed:
			t.Failed++
		case stream.Unanswered:
			t.Unanswered++
		}
	}
	if a.Reason != "" {
		t.Reason = a.Reason
	}
}

func (m *meter) now(elapsed time.Duration) Totals {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.totals
	t.Elapsed, t.P50, t.P99 = elapsed, m.took.quantile(0.5), m.took.quantile(0.99)
	t.Waiting = t.Offered - t.Accepted - t.Lost - t.Unsent
	return t
}

// latencies counts durations in buckets whose width is at most 1/32 of them.
type latencies struct {
	counts [40 * fine]int64
	total  int64
}

const fine = 32

func (l *latencies) add(d time.Duration) {
	l.counts[bucket(d)]++
	l.total++
}

// bucket numbers durations in microseconds: one each up to 64, then 32 to every
// doubling.
func bucket(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	if us < 2*fine {
		return int(us)
	}
	shift := bits.Len64(us) - 6
	return min(shift*fine+int(us>>shift), len(latencies{}.counts)-1)
}

// ceiling is the longest duration of a bucket.
func ceiling(b int) time.Duration {
	if b < 2*fine {
		return time.Duration(b) * time.Microsecond
	}
	shift := b/fine - 1
	return time.Duration(uint64(b-shift*fine+1)<<shift-1) * time.Microsecond
}

// quantile is the least duration that at least a share q of all are within, 0
// when there are none.
func (l *latencies) quantile(q float64) time.Duration {
	need := q * float64(l.total)
	sum := int64(0)
	for b, n := range l.counts {
		if sum += n; n > 0 && float64(sum) >= need {
			return ceiling(b)
		}
	}
	return 0
}
