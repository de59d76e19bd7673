package status

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// price is what AWS charges for a call, in dollars, without regard to free
// tiers; what is not here costs nothing. SQS's is that of FIFO queues, since a
// call does not tell: standard ones cost a fifth less.
func price(operation string) float64 {
	service, _, _ := strings.Cut(operation, ":")
	switch {
	case operation == "cloudwatch:GetMetricData":
		return 0.01 / 1000 // for each metric that is asked for
	case service == "cloudwatch":
		return 0.01 / 1000
	case service == "sqs", service == "sns":
		return 0.50 / 1e6
	default: // Kinesis, Lambda, Step Functions, Firehose: to ask how things are is free
		return 0
	}
}

const priceSource = "pages Amazon CloudWatch pricing, Amazon SQS pricing and Amazon SNS pricing; us-east-1, on demand, no free tier"

// ledger counts the calls that are made. It is safe for many goroutines.
type ledger struct {
	mu         sync.Mutex
	since      time.Time
	operations map[string]*OperationCost
	sources    map[string]int
	minutes    []minuteCost // of the last hour that had calls, oldest first
}

type minuteCost struct {
	at      time.Time
	calls   int
	dollars float64
}

func newLedger() *ledger {
	return &ledger{since: wall(), operations: map[string]*OperationCost{}, sources: map[string]int{}}
}

// add counts one call. metrics is how many it asks for, when it is for metrics.
func (l *ledger) add(source, operation string, metrics int) {
	now := wall()
	l.mu.Lock()
	defer l.mu.Unlock()
	units := cmp.Or(metrics, 1)
	dollars := float64(units) * price(operation)
	l.sources[source]++
	o := l.operations[operation]
	if o == nil {
		o = &OperationCost{Operation: operation}
		l.operations[operation] = o
	}
	o.Calls, o.Units, o.Dollars = o.Calls+1, o.Units+units, o.Dollars+dollars
	minute := now.Truncate(time.Minute)
	if n := len(l.minutes); n == 0 || l.minutes[n-1].at.Before(minute) {
		l.minutes = append(slices.Clone(l.minutes[max(0, n-59):]), minuteCost{at: minute})
	}
	m := &l.minutes[len(l.minutes)-1]
	m.calls, m.dollars = m.calls+1, m.dollars+dollars
}

// cost sums up, and says how many calls each source made.
func (l *ledger) cost(now time.Time) (Cost, map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := Cost{Since: l.since, Prices: priceSource, Operations: []OperationCost{}}
	for _, name := range slices.Sorted(maps.Keys(l.operations)) {
		o := *l.operations[name]
		c.Operations = append(c.Operations, o)
		c.Calls, c.Dollars = c.Calls+o.Calls, c.Dollars+o.Dollars
	}
	for _, m := range l.minutes {
		if now.Sub(m.at) < time.Hour {
			c.HourCalls, c.HourDollars = c.HourCalls+m.calls, c.HourDollars+m.dollars
		}
	}
	return c, maps.Clone(l.sources)
}
