package redrive

import (
	"sync"
	"time"
)

// catchUp is how much of a time in which it could not keep its rate a pace makes
// up for afterwards.
const catchUp = time.Second

// pace spaces messages evenly. A rate of 0 is as fast as can be.
type pace struct {
	rate float64 // a second

	mu   sync.Mutex
	next time.Time // when the next message may go
}

// reserve takes the time of n messages and says how long to wait for it.
func (p *pace) reserve(n int, now time.Time) time.Duration {
	if p.rate <= 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next.IsZero() {
		p.next = now
	}
	if late := now.Add(-catchUp); p.next.Before(late) {
		p.next = late
	}
	// All of them go together when the time of the last has come, so that there
	// are never more than the rate allows.
	p.next = p.next.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
	return p.next.Sub(now)
}

// wait waits for the time of n messages, unless stop is closed first, which it
// reports by false.
func (p *pace) wait(n int, stop <-chan struct{}) bool {
	return sleep(p.reserve(n, time.Now()), stop)
}

// sleep waits for d. false is that stop was closed first.
func sleep(d time.Duration, stop <-chan struct{}) bool {
	if d <= 0 {
		select {
		case <-stop:
			return false
		default:
			return true
		}
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-stop:
		return false
	}
}

// backOff is how long to wait before the n-th try after the first: from 100 ms
// doubling to 5 s.
func backOff(n int) time.Duration {
	return min(100*time.Millisecond<<min(n, 10), 5*time.Second)
}
