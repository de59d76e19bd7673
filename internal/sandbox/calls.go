package sandbox

import (
	"context"
	"maps"
	"strings"
	"sync"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Calls counts the calls that a sandbox has understood.
type Calls struct {
	mu    sync.Mutex
	count map[wire.Call]int
}

func newCalls() *Calls { return &Calls{count: map[wire.Call]int{}} }

func (c *Calls) add(call wire.Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count[call]++
}

// Count is how often each call was made since the start or the last Reset.
func (c *Calls) Count() map[wire.Call]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.count)
}

// Mutating counts the calls that change something, data sent and received
// included.
func (c *Calls) Mutating() int {
	n := 0
	for call, times := range c.Count() {
		if Mutates(call) {
			n += times
		}
	}
	return n
}

// Reset starts counting anew.
func (c *Calls) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.count)
}

// Mutates reports whether a call changes something, by AWS's naming.
func Mutates(call wire.Call) bool {
	for _, reading := range []string{"Get", "List", "Describe", "Head", "Validate", "Simulate", "Filter"} {
		if strings.HasPrefix(call.Operation, reading) {
			return false
		}
	}
	return true
}

// hook sees every call before its service does.
func (s *Sandbox) hook(ctx context.Context, call wire.Call) error {
	s.Calls.add(call)
	if err := s.Faults.meet(ctx, call); err != nil {
		return err
	}
	if s.bus.Limits {
		return s.Faults.limit(call)
	}
	return nil
}
