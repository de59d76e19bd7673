package kinesis

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// The limits of UpdateShardCount (its API ref).
const (
	resizesPerDay = 10
	mostShards    = 10_000
)

func (s *Service) updateShardCount(_ context.Context, in *kinesis.UpdateShardCountInput) (*kinesis.UpdateShardCountOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.active(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	if err := s.checkProvisioned(st, "UpdateShardCount"); err != nil {
		return nil, err
	}
	open, target := len(st.open), int(*in.TargetShardCount)
	const counts = " Current open shard count: %d Target shard count: %d"
	switch {
	case target > mostShards:
		return nil, wire.Errorf("LimitExceededException", "Target shard count or number of open shards cannot be greater than %d."+counts, mostShards, open, target)
	case target > 2*open:
		return nil, wire.Errorf("LimitExceededException", "UpdateShardCount cannot scale up over double your current open shard count."+counts, open, target)
	case 2*target < open:
		return nil, wire.Errorf("LimitExceededException", "UpdateShardCount cannot scale down below half your current open shard count."+counts, open, target)
	}
	if err := s.checkQuota(target - open); err != nil {
		return nil, err
	}
	// AWS does not publish this refusal's text, only its limit and its code.
	if !daily(&st.resizes, resizesPerDay) {
		return nil, wire.Errorf("LimitExceededException", "UpdateShardCount cannot be called more than %d times in a rolling 24-hour period for %s.", resizesPerDay, s.where(st))
	}
	s.reshard(st, func(now time.Time) { st.resize(target, now) })
	return &kinesis.UpdateShardCountOutput{
		StreamName: aws.String(st.name), StreamARN: aws.String(s.arn(st)),
		CurrentShardCount: aws.Int32(int32(open)), TargetShardCount: aws.Int32(int32(target)),
	}, nil
}

// reshard begins a change of shards, which shows when it ends.
func (s *Service) reshard(st *stream, change func(now time.Time)) {
	st.begin(types.StreamStatusUpdating, s.bus.Timing.StreamReshard, func() { change(st.ready) })
}

func (s *Service) splitShard(_ context.Context, in *kinesis.SplitShardInput) (*kinesis.SplitShardOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	if err := s.checkProvisioned(st, "SplitShard"); err != nil {
		return nil, err
	}
	sh, err := s.openShard(st, *in.ShardToSplit)
	if err != nil {
		return nil, err
	}
	at, ok := parseHash(*in.NewStartingHashKey)
	if !ok || at.compare(sh.first.next()) <= 0 || at.compare(sh.last) >= 0 {
		return nil, wire.Errorf("InvalidArgumentException", "NewStartingHashKey %s used in SplitShard() on shard %s in %s is not both greater than one plus the shard's StartingHashKey %s and less than the shard's EndingHashKey %s.",
			*in.NewStartingHashKey, shardID(sh.index), s.where(st), sh.first, sh.last)
	}
	if err := s.checkQuota(1); err != nil {
		return nil, err
	}
	if err := s.checkActive(st); err != nil {
		return nil, err
	}
	s.reshard(st, func(now time.Time) { st.split(sh, at, now) })
	return &kinesis.SplitShardOutput{}, nil
}

func (s *Service) mergeShards(_ context.Context, in *kinesis.MergeShardsInput) (*kinesis.MergeShardsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	if err := s.checkProvisioned(st, "MergeShards"); err != nil {
		return nil, err
	}
	a, err := s.openShard(st, *in.ShardToMerge)
	if err != nil {
		return nil, err
	}
	b, err := s.openShard(st, *in.AdjacentShardToMerge)
	if err != nil {
		return nil, err
	}
	if a.last.next() != b.first || a.last == lastHash {
		return nil, wire.Errorf("InvalidArgumentException", "Shards %s and %s in %s are not an adjacent pair of shards eligible for merging",
			shardID(a.index), shardID(b.index), s.where(st))
	}
	if err := s.checkActive(st); err != nil {
		return nil, err
	}
	s.reshard(st, func(now time.Time) { st.merge(a, b, now) })
	return &kinesis.MergeShardsOutput{}, nil
}

// shard finds a shard that has not expired.
func (s *Service) shard(st *stream, id string) (*shard, error) {
	i, ok := shardIndex(id)
	if !ok || i >= len(st.shards) || st.expired(st.shards[i], time.Now()) {
		return nil, wire.Errorf("ResourceNotFoundException", "Could not find shard %s in %s.", id, s.where(st))
	}
	return st.shards[i], nil
}

// openShard finds a shard that can still be resharded.
func (s *Service) openShard(st *stream, id string) (*shard, error) {
	sh, err := s.shard(st, id)
	if err == nil && !sh.closed.IsZero() {
		return nil, wire.Errorf("InvalidArgumentException", "Shard %s in %s has already been merged or split, and thus is not eligible for merging or splitting.", shardID(sh.index), s.where(st))
	}
	return sh, err
}
