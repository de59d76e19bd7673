package sandbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Faults are the troubles that a sandbox makes on request.
type Faults struct {
	mu      sync.Mutex
	list    []*active
	spent   []*active // over, but for what they hold
	made    uint64
	buckets map[wire.Call]*tokens
}

func newFaults() *Faults { return &Faults{buckets: map[wire.Call]*tokens{}} }

var _ bus.Trouble = (*Faults)(nil)

// Add asks for one more fault and returns its id. What it says of itself, ID,
// Met and Held, does not count.
func (f *Faults) Add(fault Fault) (id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made++
	fault.ID, fault.Met, fault.Held = strconv.FormatUint(f.made, 10), 0, 0
	f.list = append(f.list, &active{Fault: fault, dice: rand.New(rand.NewPCG(f.made, 0)), over: make(chan struct{})})
	return fault.ID
}

// Clear ends the faults of the given ids, all when there are none. What they
// held ends too, without effect. It returns how many it ended.
func (f *Faults) Clear(ids ...string) (ended int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	meant := func(a *active) bool {
		if len(ids) > 0 && !slices.Contains(ids, a.ID) {
			return false
		}
		close(a.over)
		return true
	}
	before := len(f.list)
	f.list, f.spent = slices.DeleteFunc(f.list, meant), slices.DeleteFunc(f.spent, meant)
	return before - len(f.list)
}

// List are the faults in force.
func (f *Faults) List() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := []Fault{} // not nil: a list in JSON even when it is empty
	for _, a := range f.list {
		list = append(list, a.Fault)
	}
	return list
}

// meet applies the faults that are due for a call: all delays, then the first
// refusal. What is held is refused in the end, for whoever is left to hear it.
func (f *Faults) meet(ctx context.Context, c wire.Call) error {
	delay, refusal, hold := f.due(c)
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return &wire.Error{Code: "ServiceUnavailable", Message: "the call was held", Status: http.StatusServiceUnavailable}
	}
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if refusal == nil {
		return nil
	}
	return refusal
}

// due has the faults in force decide about a call.
func (f *Faults) due(c wire.Call) (delay time.Duration, refusal *wire.Error, hold <-chan struct{}) {
	f.each(func(a *active) bool {
		return a.meets(c) && (refusal == nil || !a.refuses())
	}, func(a *active) bool {
		refused := a.refusal(c)
		if refused == nil && a.Latency == 0 && !a.Hold {
			return false
		}
		delay += time.Duration(a.Latency)
		if refusal == nil {
			refusal = refused
		}
		if a.Hold {
			a.Held++
			hold = a.over
		}
		return true
	})
	return delay, refusal, hold
}

// each goes through the faults that are about something. hit decides whether one
// is met, once its After is over.
func (f *Faults) each(about, hit func(a *active) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.list) == 0 {
		return
	}
	f.list = slices.DeleteFunc(f.list, func(a *active) (over bool) {
		switch {
		case !about(a):
			return false
		case a.After > 0:
			a.After--
			return false
		case !hit(a):
			return false
		}
		a.Met++
		if a.Times == 0 {
			return false
		}
		if a.Times--; a.Times == 0 && a.Hold {
			f.spent = append(f.spent, a)
		}
		return a.Times == 0
	})
}

// Throttles implements bus.Trouble.
func (f *Faults) Throttles(operation string) (throttled bool) {
	c := wire.Call{Service: "kinesis", Operation: operation}
	f.each(func(a *active) bool { return !throttled && a.Throttle > 0 && a.meets(c) }, func(a *active) bool {
		throttled = a.roll(a.Throttle)
		return throttled
	})
	return throttled
}

// Invocation implements bus.Trouble.
func (f *Faults) Invocation(function string) (slow time.Duration, fails bool) {
	f.each(func(a *active) bool { return a.of(function) }, func(a *active) bool {
		broken := a.roll(a.Fail)
		slow, fails = slow+time.Duration(a.Latency), fails || broken
		return broken || a.Latency > 0
	})
	return slow, fails
}

// Delivery implements bus.Trouble.
func (f *Faults) Delivery(protocol, endpoint, subscription string) (err error) {
	f.each(func(a *active) bool { return err == nil && a.reaches(protocol, endpoint, subscription) }, func(a *active) bool {
		if a.roll(a.Fail) {
			err = fmt.Errorf("%s is dead, on request", a.Subscriber)
		}
		return err != nil
	})
	return err
}

// publisher is SNS as the other services see it, whose publications are calls
// that faults refuse like any other.
type publisher struct {
	bus.Publisher
	faults *Faults
}

// Publish implements bus.Publisher.
func (p publisher) Publish(by, topic string, n bus.Notification) (string, error) {
	if _, refusal, _ := p.faults.due(wire.Call{Service: "sns", Operation: "Publish"}); refusal != nil {
		return "", refusal
	}
	return p.Publisher.Publish(by, topic, n)
}
