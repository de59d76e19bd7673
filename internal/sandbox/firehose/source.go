package firehose

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

const (
	readMost = 10_000      // records of one GetRecords
	idle     = time.Minute // until a shard without news is read all the same
)

// follow reads all shards of the source from the moment on that the delivery
// stream became ACTIVE (trap 21), a child when its parents are drained.
func (s *Service) follow(ctx context.Context, st *stream, in chan<- []bus.Record) {
	var readers sync.WaitGroup
	defer readers.Wait()
	a := &access{service: s, stream: st}
	begun, drained, ends := map[string]bool{}, map[string]bool{}, make(chan string)
	for {
		again := time.Duration(-1)
		shards, err := s.shards(st, a)
		for _, sh := range shards {
			if begun[sh.ID] || !ready(sh, shards, drained) {
				continue
			}
			var r bus.Reader
			if r, err = s.bus.StreamData.Open(*st.source.KinesisStreamARN, sh.ID, bus.Position{Kind: "AT_TIMESTAMP", Time: st.start}); err != nil {
				break
			}
			begun[sh.ID] = true
			readers.Go(func() {
				if s.read(ctx, st, r, a, in) {
					select {
					case ends <- sh.ID:
					case <-ctx.Done():
					}
				}
			})
		}
		if err != nil {
			a.report(err)
			again = patience
		}
		if id, ok := next(ctx, ends, again); ok {
			drained[id] = true
		} else if ctx.Err() != nil {
			return
		}
	}
}

// shards lists the source's shards, if the role may.
func (s *Service) shards(st *stream, a *access) ([]bus.Shard, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	return s.bus.StreamData.Shards(*st.source.KinesisStreamARN)
}

// ready says whether a shard's parents are drained, or so old that they are not
// listed any more.
func ready(sh bus.Shard, all []bus.Shard, drained map[string]bool) bool {
	for _, p := range sh.Parents {
		for _, other := range all {
			if other.ID == p && !drained[p] {
				return false
			}
		}
	}
	return true
}

// next waits for a shard to end, or for the time to try again: never if it is
// negative.
func next(ctx context.Context, ends <-chan string, again time.Duration) (id string, ok bool) {
	var late <-chan time.Time
	if again >= 0 {
		timer := time.NewTimer(again)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case id := <-ends:
		return id, true
	case <-late:
	case <-ctx.Done():
	}
	return "", false
}

// read passes on what comes into a shard, until it is drained or ctx ends. It
// says which.
func (s *Service) read(ctx context.Context, st *stream, r bus.Reader, a *access, in chan<- []bus.Record) (drained bool) {
	for {
		r.Wait(ctx, idle)
		if ctx.Err() != nil {
			return false
		}
		if a.check() != nil {
			sleep(ctx, patience)
			continue
		}
		got, err := r.Read(readMost)
		switch {
		case errors.Is(err, bus.ErrThrottled):
			s.measure(st, "ThrottledGetRecords", 1)
		case err != nil:
			a.report(err)
			sleep(ctx, patience)
			continue
		}
		s.got(st, got)
		if len(got.Records) > 0 {
			select {
			case in <- got.Records:
			case <-ctx.Done():
				return false
			}
		}
		if got.Drained {
			return true
		}
		sleep(ctx, s.bus.Timing.StreamPoll)
	}
}

// access is what the source's role may. Its readers ask before every read, IAM
// is asked once a second.
type access struct {
	service *Service
	stream  *stream

	mu       sync.Mutex
	asked    time.Time
	refusal  error
	reported time.Time
}

func (a *access) check() error {
	a.mu.Lock()
	if now := time.Now(); now.Sub(a.asked) >= patience {
		a.asked, a.refusal = now, a.service.readable(a.stream)
	}
	err := a.refusal
	a.mu.Unlock()
	if err != nil {
		a.report(err)
	}
	return err
}

// report writes why reading fails to the error log, at most once a second.
func (a *access) report(err error) {
	a.mu.Lock()
	now := time.Now()
	due := now.Sub(a.reported) >= patience
	if due {
		a.reported = now
	}
	a.mu.Unlock()
	if due {
		a.service.log(a.service.target(a.stream), *a.stream.source.KinesisStreamARN, sourceError(err))
	}
}

// sourceError names an error of Kinesis as Firehose's log does.
func sourceError(err error) error {
	if e, ok := errors.AsType[*wire.Error](err); ok && !strings.HasPrefix(e.Code, "Kinesis.") {
		return wire.Errorf("Kinesis."+e.Code, "%s", e.Message)
	}
	return err
}

// readable says whether the role can read now; at creation mayRead asked for
// more.
func (s *Service) readable(st *stream) error {
	role, arn := *st.source.RoleARN, *st.source.KinesisStreamARN
	denied := wire.Errorf("Kinesis.AccessDenied", "Access was denied when calling Kinesis. Ensure the access policy on the IAM role used allows access to the appropriate Kinesis APIs.")
	if s.bus.Roles.Assume(role, principal, s.arn(st.name)) != nil {
		return denied
	}
	for _, action := range []string{"kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords"} {
		if !s.bus.Roles.Allowed(role, action, arn) {
			return denied
		}
	}
	source, _ := s.bus.Streams.Stream(arn)
	if key, ok := s.customerKey(source.KeyRef); ok && !s.bus.Roles.Allowed(role, "kms:Decrypt", key.ARN) {
		return wire.Errorf("Kinesis.KMS.AccessDeniedException", "User: %s is not authorized to perform: kms:Decrypt on resource: %s", role, key.ARN)
	}
	return nil
}

// customerKey is the key of ref, if it is one whose use a role must be allowed.
func (s *Service) customerKey(ref string) (bus.Key, bool) {
	if ref == "" || strings.Contains(ref, "alias/aws/") {
		return bus.Key{}, false
	}
	return s.bus.Keys.Key(ref)
}
