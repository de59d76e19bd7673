package firehose

import (
	"context"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// patience is how long Firehose waits before it tries again what it may not do
// or what fails.
const (
	patience    = time.Second
	maxPatience = time.Minute
)

// run lets the delivery streams deliver until ctx ends. Those that are created
// meanwhile begin when they are.
func (s *Service) run(ctx context.Context) {
	if s.bus.Metrics != nil {
		s.bus.Metrics.Gauge(s.freshness)
	}
	var all sync.WaitGroup
	s.mu.Lock()
	s.launch = func(st *stream) {
		ctx, cancel := context.WithCancel(ctx)
		st.quit = cancel
		all.Go(func() {
			defer cancel()
			s.deliver(ctx, st)
		})
	}
	for _, st := range s.streams {
		if st.deleted.IsZero() {
			s.launch(st)
		}
	}
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.launch = nil
	s.mu.Unlock()
	all.Wait()
}

// deliver is one delivery stream's life, from becoming ACTIVE to its deletion.
func (s *Service) deliver(ctx context.Context, st *stream) {
	if st.failure != nil || !sleep(ctx, time.Until(st.start)) {
		return
	}
	var source sync.WaitGroup
	defer source.Wait()
	in := make(chan []bus.Record)
	if st.source != nil {
		source.Go(func() { s.follow(ctx, st, in) })
	}
	d := delivery{service: s, stream: st}
	d.run(ctx, in)
}

// delivery buffers what comes in for one delivery stream and writes it out. One
// goroutine does both, so that nothing is read while nothing can be written.
type delivery struct {
	service *Service
	stream  *stream
	buffer  []bus.Record
	bytes   int
}

func (d *delivery) run(ctx context.Context, in <-chan []bus.Record) {
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		select {
		case batch := <-in:
			d.arrive(ctx, batch, due)
		case <-d.stream.queue.news:
			d.arrive(ctx, d.stream.queue.take(), due)
		case <-due.C:
			d.flush(ctx)
		case <-ctx.Done():
			d.take(d.stream.queue.take())
			d.flush(ctx)
			return
		}
	}
}

// arrive buffers a batch. The first one sets the time when all of the buffer is
// due.
func (d *delivery) arrive(ctx context.Context, batch []bus.Record, due *time.Timer) {
	size, interval := d.service.hints(d.stream)
	if len(d.buffer) == 0 {
		due.Reset(interval)
	}
	if d.take(batch); d.bytes >= size {
		d.flush(ctx)
	}
}

// hints are the buffer's bounds. AWS's interval is that of the destination; the
// sandbox's timing may shorten it.
func (s *Service) hints(st *stream) (size int, interval time.Duration) {
	h := s.target(st).destination.BufferingHints
	return int(*h.SizeInMBs) << 20, min(time.Duration(*h.IntervalInSeconds)*time.Second, s.bus.Timing.DeliveryBuffer)
}

func (d *delivery) take(batch []bus.Record) {
	for i := range batch {
		d.bytes += len(batch[i].Data)
		d.stream.age(batch[i].Arrived)
	}
	d.buffer = append(d.buffer, batch...)
}

// flush writes all that is buffered, and stays at it until all of it is written
// or ctx has ended: then everything is tried once more.
func (d *delivery) flush(ctx context.Context) {
	if len(d.buffer) == 0 {
		return
	}
	for _, o := range d.service.objects(d.service.target(d.stream), d.buffer) {
		d.write(ctx, o)
	}
	d.buffer, d.bytes = nil, 0
	d.stream.oldest.Store(nil)
}

func (d *delivery) write(ctx context.Context, o object) {
	for wait := patience; ; wait = min(2*wait, maxPatience) {
		t := d.service.target(d.stream)
		err := d.service.put(t, o)
		d.service.wrote(d.stream, o, err)
		if err == nil {
			return
		}
		d.service.log(t, *t.destination.BucketARN, err)
		if ctx.Err() != nil {
			return
		}
		sleep(ctx, wait)
	}
}

// sleep waits for d. It says false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
