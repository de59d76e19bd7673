package lambda

import (
	"context"
	"sync"
	"time"
)

// crew bounds how many batches of a queue are at work at once.
type crew struct {
	most int
	free chan struct{} // told when one left

	mu    sync.Mutex
	busy  int
	since time.Time // of the backlog; zero when the queue was empty
}

// enter waits for a place. For groups the bound is most at once: there are no
// more batches than groups. It is false when ctx ends first.
func (c *crew) enter(ctx context.Context, groups bool) bool {
	for {
		if c.try(groups) {
			return true
		}
		late := time.NewTimer(time.Second / batchesASecond)
		select {
		case <-c.free:
		case <-late.C:
		case <-ctx.Done():
		}
		late.Stop()
		if ctx.Err() != nil {
			return false
		}
	}
}

func (c *crew) try(groups bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	bound := c.most
	if !groups {
		if c.since.IsZero() {
			c.since = time.Now()
		}
		bound = min(bound, firstBatches+int(batchesASecond*time.Since(c.since)/time.Second))
	}
	if c.busy >= bound {
		return false
	}
	c.busy++
	return true
}

// leave gives a place back. empty says that there was nothing to do.
func (c *crew) leave(empty bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
	if empty {
		c.since = time.Time{}
	}
	wake(c.free)
}
