package lambda

import (
	"cmp"
	"errors"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// perRead is the most that one read of a shard asks for.
const perRead = 10_000

// shard is how far a mapping has come in one shard of its stream.
type shard struct {
	id      string
	parents []string
	from    bus.Position
	busy    bool // somebody is at work on it, whose is what follows

	reader  bus.Reader   // nil before the first read
	pending []bus.Record // read, and not yet done or given up
	read    bool         // to its end
}

func (sh *shard) done() bool { return !sh.busy && sh.read && len(sh.pending) == 0 }

// readStream hands the stream's records to the function until soft ends: all
// shards at once, but no shard before its parents are done with.
func (f *feeder) readStream() {
	var work works
	defer work.Wait()
	ended := make(chan struct{}, 1)
	for f.soft.Err() == nil {
		ready, err := f.ready()
		if err != nil {
			f.mapping.progress.report("PROBLEM: " + err.Error())
		}
		for _, sh := range ready {
			work.Go(func() {
				f.readShard(sh)
				f.mapping.progress.mu.Lock()
				sh.busy = false
				f.mapping.progress.mu.Unlock()
				wake(ended)
			})
		}
		late := time.NewTimer(glance)
		if err != nil {
			late.Reset(troublePause)
		}
		select {
		case <-ended:
		case <-late.C:
		case <-f.soft.Done():
		}
		late.Stop()
	}
}

// ready are the shards to begin with now. They count as busy from then on.
func (f *feeder) ready() ([]*shard, error) {
	listed, err := f.service.bus.StreamData.Shards(f.mapping.source.arn)
	if err != nil {
		return nil, err
	}
	p := f.mapping.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	from := bus.Position{Kind: "TRIM_HORIZON"} // of the children of what was there at first
	if p.shards == nil {
		p.shards = map[string]*shard{}
		c := &f.mapping.settings
		from.Kind = string(c.StartingPosition)
		if c.StartingPosition == types.EventSourcePositionAtTimestamp {
			from.Time = *c.StartingPositionTimestamp
		}
	}
	for _, l := range listed {
		if p.shards[l.ID] != nil {
			continue
		}
		sh := &shard{id: l.ID, parents: l.Parents, from: from}
		p.shards[l.ID] = sh
		if from.Kind == string(types.EventSourcePositionLatest) {
			// Now, for what comes later is ours. What fails is tried again.
			sh.reader, _ = f.service.bus.StreamData.Open(f.mapping.source.arn, sh.id, sh.from)
		}
	}
	var ready []*shard
	for _, l := range listed {
		sh := p.shards[l.ID]
		waits := slices.ContainsFunc(sh.parents, func(id string) bool { return p.shards[id] != nil && !p.shards[id].done() })
		if !sh.busy && !sh.done() && !waits {
			ready = append(ready, sh)
		}
	}
	for _, sh := range ready {
		sh.busy = true
	}
	return ready, nil
}

// open reports whether the shard can be read.
func (f *feeder) open(sh *shard) bool {
	if sh.reader != nil {
		return true
	}
	r, err := f.service.bus.StreamData.Open(f.mapping.source.arn, sh.id, sh.from)
	if err != nil {
		f.mapping.progress.report("PROBLEM: " + err.Error())
		return false
	}
	sh.reader = r
	return true
}

// readShard reads a shard to its end, or until soft ends.
func (f *feeder) readShard(sh *shard) {
	poll := f.service.bus.Timing.StreamPoll
	size, window := int(*f.mapping.settings.BatchSize), time.Duration(*f.mapping.settings.MaximumBatchingWindowInSeconds)*time.Second
	began := time.Now()
	var since time.Time // of the oldest of what is pending
	for f.soft.Err() == nil {
		if len(sh.pending) < size && !sh.read {
			if !f.fill(sh) {
				if !sleep(f.soft, troublePause) {
					return
				}
				continue
			}
		}
		if len(sh.pending) == 0 {
			if sh.read {
				return
			}
			since = time.Time{}
			// Lambda looks at a shard at a steady beat, not when something comes.
			sh.reader.Wait(f.soft, glance)
			sleep(f.soft, poll-time.Since(began)%poll)
			continue
		}
		if since.IsZero() {
			since = time.Now()
		}
		if left := window - time.Since(since); left > 0 && len(sh.pending) < size && !sh.read {
			sh.reader.Wait(f.soft, left)
			sleep(f.soft, min(left, poll))
			continue
		}
		sh.pending = f.deliver(sh.id, sh.pending)
		since = time.Time{}
		if !sh.read {
			sleep(f.soft, poll)
		}
	}
}

// fill reads what there is. It is false when there is trouble, which shows in
// the mapping's last result.
func (f *feeder) fill(sh *shard) bool {
	if problem := f.access.problem(f.service, f.mapping.source.arn, f.role); problem != "" {
		f.mapping.progress.report(problem)
		return false
	}
	if !f.open(sh) {
		return false
	}
	got, err := sh.reader.Read(perRead)
	switch {
	case errors.Is(err, bus.ErrThrottled):
		return false
	case err != nil:
		f.mapping.progress.report("PROBLEM: " + err.Error())
		return false
	}
	sh.pending = append(sh.pending, got.Records...)
	sh.read = got.Drained
	return true
}

// access remembers for a second whether the role may read the stream: it is
// asked before every read.
type access struct {
	mu    sync.Mutex
	asked time.Time
	said  string
}

func (a *access) problem(s *Service, arn string, role func() string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now(); now.Sub(a.asked) >= time.Second {
		a.asked, a.said = now, s.unreadable(arn, role())
	}
	return a.said
}

// deliver takes records through the function, each key's in order, and returns
// those that are left when soft ends.
func (f *feeder) deliver(id string, records []bus.Record) []bus.Record {
	lanes := split(records, int(*f.mapping.settings.ParallelizationFactor))
	left := make([][]bus.Record, len(lanes))
	var work sync.WaitGroup
	for i, lane := range lanes {
		work.Go(func() {
			for len(lane) > 0 && f.soft.Err() == nil {
				n := f.cut(lane)
				rest := f.process(id, lane[:n])
				lane = lane[n-len(rest):]
			}
			left[i] = lane
		})
	}
	work.Wait()
	all := slices.Concat(left...)
	slices.SortFunc(all, func(a, b bus.Record) int { // numbers of one length or another
		return cmp.Or(cmp.Compare(len(a.Sequence), len(b.Sequence)), cmp.Compare(a.Sequence, b.Sequence))
	})
	return all
}

// split deals records out to lanes, those of one key to the same.
func split(records []bus.Record, n int) [][]bus.Record {
	if n == 1 {
		return [][]bus.Record{records}
	}
	lanes := make([][]bus.Record, n)
	for _, r := range records {
		h := fnv.New32a()
		_, _ = h.Write([]byte(r.PartitionKey)) // never fails
		lane := int(h.Sum32() % uint32(n))
		lanes[lane] = append(lanes[lane], r)
	}
	return lanes
}

// cut is how many of the records, one at least, make a batch: as many as the
// mapping wants, and no more than an invocation carries.
func (f *feeder) cut(records []bus.Record) int {
	const overhead = 500 // bytes that a record has in an event beside its data
	n, size := 0, 0
	for n < len(records) && n < int(*f.mapping.settings.BatchSize) {
		size += len(records[n].Data)*4/3 + len(records[n].PartitionKey) + overhead
		if size > maxPayload && n > 0 {
			break
		}
		n++
	}
	return n
}
