package kinesis

import (
	"context"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// Shards implements bus.StreamData. Shards whose records have all expired are
// not listed.
func (s *Service) Shards(arn string) ([]bus.Shard, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.serving(nil, &arn)
	if err != nil {
		return nil, err
	}
	var all []bus.Shard
	for _, sh := range st.listed() {
		one := bus.Shard{ID: sh.id, Closed: !sh.closed.IsZero()}
		for _, p := range sh.parents {
			one.Parents = append(one.Parents, shardID(p))
		}
		all = append(all, one)
	}
	return all, nil
}

// Open implements bus.StreamData.
func (s *Service) Open(arn, id string, from bus.Position) (bus.Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.serving(nil, &arn)
	if err != nil {
		return nil, err
	}
	sh, err := s.shard(st, id)
	if err != nil {
		return nil, err
	}
	st.data.Lock()
	defer st.data.Unlock()
	n, ok := sh.at(from)
	if !ok {
		return nil, s.strange(st, sh, from.Sequence)
	}
	return &reader{service: s, stream: st, shard: sh, next: n}, nil
}

// reader reads a shard as GetRecords does, without the wire and the iterators.
type reader struct {
	service *Service
	stream  *stream
	shard   *shard
	next    uint64
	idle    time.Time // when it last told that there was nothing to read
}

// idleTold is how often a reader that finds nothing says so in the metrics:
// often enough for every minute to have a point, at any pace of polling.
const idleTold = time.Second

// Read implements bus.Reader.
func (r *reader) Read(most int) (bus.Reading, error) {
	s := r.service
	p, err := s.readmit(r.stream)
	if err != nil {
		return bus.Reading{}, err
	}
	if r.waiting() && !s.bus.Limits {
		return bus.Reading{}, nil
	}
	got, ok := s.take(p, r.shard, r.next, most)
	if !ok {
		return bus.Reading{}, bus.ErrThrottled
	}
	r.next = got.next
	out := bus.Reading{Behind: got.behind, Drained: got.drained}
	if len(got.records) > 0 {
		out.Records = make([]bus.Record, len(got.records))
	}
	for i, rec := range got.records {
		out.Records[i] = bus.Record{Sequence: r.shard.sequence(got.first+uint64(i), rec.at), PartitionKey: rec.key, Data: rec.data, Arrived: rec.at}
	}
	return out, nil
}

// waiting reports whether there is nothing to read and the metrics know it.
func (r *reader) waiting() bool {
	r.stream.data.Lock()
	defer r.stream.data.Unlock()
	if r.next <= r.shard.taken || !r.shard.closed.IsZero() {
		return false
	}
	now := time.Now()
	if now.Sub(r.idle) < idleTold {
		return true
	}
	r.idle = now
	return false
}

// Wait implements bus.Reader.
func (r *reader) Wait(ctx context.Context, most time.Duration) {
	r.stream.data.Lock()
	if r.next <= r.shard.taken || !r.shard.closed.IsZero() {
		r.stream.data.Unlock()
		return
	}
	if r.shard.news == nil {
		r.shard.news = make(chan struct{})
	}
	news := r.shard.news
	r.stream.data.Unlock()
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case <-news:
	case <-late.C:
	case <-ctx.Done():
	}
}

// readmit is admit for a stream that was there before: one made anew under the
// same name is another.
func (s *Service) readmit(st *stream) (pass, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, err := s.unlocked(&st.name, nil)
	if err == nil && now != st {
		err = s.notFound(st.name)
	}
	if err != nil {
		return pass{}, err
	}
	return st.pass(), nil
}
