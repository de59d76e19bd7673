package lambda

import (
	"context"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// progress is how far a mapping has come. It outlives changes of the mapping,
// and ends with it.
type progress struct {
	mu     sync.Mutex
	result string
	shards map[string]*shard // by id; nil before the first look at the stream
}

func newProgress() *progress { return &progress{result: noRecords} }

func (p *progress) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.result
}

func (p *progress) report(result string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result = result
}

// lastResult is the only place where it shows that a role may not decrypt what
// it reads: the mapping is Enabled all the same.
func (s *Service) lastResult(m *mapping) string {
	f, ok := s.functions[m.function]
	if m.state() != enabled || !ok {
		return noRecords
	}
	if problem := s.unreadable(m.source.arn, *f.settings.Role); problem != "" {
		return problem
	}
	return m.progress.last()
}

// The results of processing.
const (
	noRecords  = "No records processed"
	allRight   = "OK"
	callFailed = "PROBLEM: Function call failed"
)

// unreadable says why a role can't read a stream, "" when it can.
func (s *Service) unreadable(arn, role string) string {
	stream, found := s.bus.Streams.Stream(arn)
	if !found {
		return "PROBLEM: Stream not found: " + arn
	}
	if !s.bus.Roles.Allowed(role, "kinesis:GetRecords", arn) {
		return "PROBLEM: Lambda is not authorized to perform kinesis:GetRecords on the stream."
	}
	if key, ok := s.bus.Keys.Key(stream.KeyRef); ok && stream.KeyRef != "" && !s.bus.Roles.Allowed(role, "kms:Decrypt", key.ARN) {
		return "PROBLEM: Lambda is not authorized to perform kms:Decrypt on the key of the stream."
	}
	return ""
}

// feeder polls for one mapping, with its settings as they were when it began.
type feeder struct {
	service *Service
	mapping mapping

	// soft ends when the mapping changes or goes: nothing new is begun, what
	// the function is at work on is finished. hard ends with the sandbox.
	soft, hard context.Context
	stop       context.CancelFunc
	done       chan struct{}
	access     access // to a stream
}

// feed keeps a feeder at work for every mapping that is enabled.
func (s *Service) feed(ctx context.Context) {
	feeders := map[string]*feeder{}
	var work works
	defer work.Wait()
	for {
		next := s.adjust(ctx, feeders, &work)
		late := time.NewTimer(next)
		select {
		case <-s.rewired:
		case <-late.C:
		case <-ctx.Done():
			late.Stop()
			return
		}
		late.Stop()
	}
}

// glance is how often feed looks without being told.
const glance = time.Minute

// adjust starts and stops feeders, and says when it should be called again.
func (s *Service) adjust(ctx context.Context, feeders map[string]*feeder, work *works) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := glance
	for uuid, f := range feeders {
		m := s.mappings[uuid]
		if m == nil || m.change != f.mapping.change {
			f.stop()
		}
		select {
		case <-f.done:
			delete(feeders, uuid)
		default:
		}
	}
	for uuid, m := range s.mappings {
		if wait := time.Until(m.until); wait > 0 {
			next = min(next, wait)
			continue
		}
		fn := s.functions[m.function]
		if m.transition == deleting || !m.enabled || feeders[uuid] != nil || fn == nil {
			continue
		}
		f := &feeder{service: s, mapping: *m, hard: ctx, done: make(chan struct{})}
		f.soft, f.stop = context.WithCancel(ctx)
		feeders[uuid] = f
		work.Go(func() {
			defer wake(s.rewired)
			defer close(f.done)
			defer f.stop()
			if f.mapping.source.kind == kinesis {
				f.readStream()
			} else {
				f.readQueue()
			}
		})
	}
	return next
}

// role is the function's role now, "" when there is no function.
func (f *feeder) role() string {
	f.service.mu.Lock()
	defer f.service.mu.Unlock()
	if fn := f.service.functions[f.mapping.function]; fn != nil {
		return *fn.settings.Role
	}
	return ""
}

// call invokes the function with an event and reads what it says of its
// records. An error says that it was not run.
func (f *feeder) call(event []byte) (response, error) {
	out, err := f.service.run(f.hard, f.mapping.function, event)
	r := response{requestID: bus.NewUUID(), failed: out.failure != nil}
	switch {
	case err != nil:
		f.mapping.progress.report(callFailed)
		return r, err
	case r.failed:
		f.mapping.progress.report(callFailed)
		return r, nil
	case len(f.mapping.settings.FunctionResponseTypes) > 0:
		r.items, r.failed = readResponse(out.payload)
	}
	f.mapping.progress.report(allRight)
	return r, nil
}
