package bus

import "sync"

// Line is work that waits for a service's Background to take it. Add may be
// called from any goroutine and never blocks.
type Line[T any] struct {
	mu      sync.Mutex
	waiting []T
	arrived chan struct{} // holds one token while something waits
}

// NewLine is a line in which nothing waits.
func NewLine[T any]() *Line[T] { return &Line[T]{arrived: make(chan struct{}, 1)} }

// Add lets v wait behind what waits already.
func (l *Line[T]) Add(v T) {
	l.mu.Lock()
	l.waiting = append(l.waiting, v)
	l.mu.Unlock()
	select {
	case l.arrived <- struct{}{}:
	default:
	}
}

// Arrived gives a token when something waits. One token may stand for many.
func (l *Line[T]) Arrived() <-chan struct{} { return l.arrived }

// All takes everything that waits, in its order.
func (l *Line[T]) All() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	got := l.waiting
	l.waiting = nil
	return got
}
