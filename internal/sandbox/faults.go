package sandbox

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Fault is trouble asked for.
type Fault struct {
	// Service and Operation say which calls it meets; "" is every one.
	Service   string `json:"service,omitempty"`
	Operation string `json:"operation,omitempty"`
	// Mutating limits it to calls that change something.
	Mutating bool `json:"mutating,omitempty"`
	// After is how many such calls get by before the first is met.
	After int `json:"after,omitempty"`
	// Hold leaves the call without effect and without an answer, until the
	// caller goes away or the faults are cleared.
	Hold bool `json:"hold,omitempty"`
	// Held is how many calls were held so far. It is for reading.
	Held int `json:"held,omitempty"`
	// Latency is added to each such call.
	Latency time.Duration `json:"latency,omitempty"`
	// Code and Message refuse the call; an empty Code only delays.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Status  int    `json:"status,omitempty"`
	// Times is how many calls it meets before it is over; 0 is all.
	Times int `json:"times,omitempty"`
}

func (f Fault) meets(c wire.Call) bool {
	return (f.Service == "" || f.Service == c.Service) && (f.Operation == "" || f.Operation == c.Operation) && (!f.Mutating || Mutates(c))
}

// Faults are the troubles that a sandbox makes on request.
type Faults struct {
	mu      sync.Mutex
	list    []Fault
	cleared chan struct{} // closed by Clear
	buckets map[wire.Call]*tokens
}

func newFaults() *Faults {
	return &Faults{cleared: make(chan struct{}), buckets: map[wire.Call]*tokens{}}
}

// Add asks for one more fault.
func (f *Faults) Add(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, fault)
}

// Clear ends all faults. What they held ends too, without effect.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
	close(f.cleared)
	f.cleared = make(chan struct{})
}

// List are the faults in force.
func (f *Faults) List() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Fault{}, f.list...) // not nil: a list in JSON even when it is empty
}

// met is what the faults that are due do to one call.
type met struct {
	delay   time.Duration
	refusal *wire.Error
	hold    <-chan struct{} // until it is closed; nil does not hold
}

// meet applies the faults that are due for a call: all delays, then the first
// refusal. What is held is refused in the end, for whoever is left to hear it.
func (f *Faults) meet(ctx context.Context, c wire.Call) error {
	m := f.due(c)
	if m.hold != nil {
		select {
		case <-m.hold:
		case <-ctx.Done():
		}
		return &wire.Error{Code: "ServiceUnavailable", Message: "the call was held", Status: http.StatusServiceUnavailable}
	}
	if m.delay > 0 {
		select {
		case <-time.After(m.delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if m.refusal == nil {
		return nil
	}
	return m.refusal
}

func (f *Faults) due(c wire.Call) (m met) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := 0; i < len(f.list); i++ {
		fault := &f.list[i]
		if !fault.meets(c) || (fault.Code != "" && m.refusal != nil) {
			continue
		}
		if fault.After > 0 {
			fault.After--
			continue
		}
		m.delay += fault.Latency
		if fault.Code != "" {
			m.refusal = &wire.Error{Code: fault.Code, Message: fault.Message, Status: fault.Status}
		}
		if fault.Hold {
			fault.Held++
			m.hold = f.cleared
		}
		if fault.Times > 0 {
			if fault.Times--; fault.Times == 0 {
				f.list = slices.Delete(f.list, i, i+1)
				i--
			}
		}
	}
	return m
}

// rate is what an account may call a second, with what AWS answers beyond it.
type rate struct {
	perSecond float64
	code      string
}

// rates are the documented limits that a provisioner meets (quotas pages of
// Kinesis and Firehose; CloudWatch service quotas: PutMetricAlarm, DeleteAlarms
// and SetAlarmState 3/s; trap 38).
var rates = map[wire.Call]rate{
	{Service: "cloudwatch", Operation: "PutMetricAlarm"}:       {3, "Throttling"},
	{Service: "cloudwatch", Operation: "DeleteAlarms"}:         {3, "Throttling"},
	{Service: "cloudwatch", Operation: "SetAlarmState"}:        {3, "Throttling"},
	{Service: "cloudwatch", Operation: "DescribeAlarms"}:       {9, "Throttling"},
	{Service: "kinesis", Operation: "CreateStream"}:            {5, "LimitExceededException"},
	{Service: "kinesis", Operation: "DeleteStream"}:            {5, "LimitExceededException"},
	{Service: "kinesis", Operation: "DescribeStream"}:          {10, "LimitExceededException"},
	{Service: "kinesis", Operation: "DescribeStreamSummary"}:   {20, "LimitExceededException"},
	{Service: "kinesis", Operation: "DescribeLimits"}:          {1, "LimitExceededException"},
	{Service: "firehose", Operation: "CreateDeliveryStream"}:   {5, "LimitExceededException"},
	{Service: "firehose", Operation: "DeleteDeliveryStream"}:   {5, "LimitExceededException"},
	{Service: "firehose", Operation: "DescribeDeliveryStream"}: {5, "LimitExceededException"},
	{Service: "firehose", Operation: "UpdateDestination"}:      {5, "LimitExceededException"},
}

// limit refuses a call beyond its rate. AWS's buckets hold about a second's
// worth, and so do these.
func (f *Faults) limit(c wire.Call) error {
	r, ok := rates[c]
	if !ok {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.buckets[c]
	if b == nil {
		b = &tokens{left: r.perSecond, at: time.Now()}
		f.buckets[c] = b
	}
	if b.take(r.perSecond) {
		return nil
	}
	return &wire.Error{Code: r.code, Message: "Rate exceeded", Status: http.StatusBadRequest}
}

type tokens struct {
	left float64
	at   time.Time
}

func (t *tokens) take(perSecond float64) bool {
	now := time.Now()
	t.left = min(perSecond, t.left+now.Sub(t.at).Seconds()*perSecond)
	t.at = now
	if t.left < 1 {
		return false
	}
	t.left--
	return true
}
