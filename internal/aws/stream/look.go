package stream

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// What one open shard takes (quotas page of Kinesis Data Streams).
const (
	ShardRecords = 1000    // records a second
	ShardBytes   = 1 << 20 // bytes a second, keys included
)

// Reader looks at one live stream without a wish of its own. It is safe for
// many goroutines.
type Reader struct {
	kinesis *kinesis.Client
	name    string
}

// NewReader looks at the stream of that name in the account of cfg.
func NewReader(cfg aws.Config, name string) *Reader {
	return &Reader{kinesis: kinesis.NewFromConfig(cfg), name: name}
}

// Summary is what a stream tells in one cheap call.
type Summary struct {
	State  string // CREATING, ACTIVE, UPDATING, DELETING
	Shards int    // open ones
	Born   time.Time
	// OnDemand says that how many shards there are is AWS's own affair.
	OnDemand bool
	// PerShard says that CloudWatch has the shards' own metrics of what comes
	// in, which cost extra.
	PerShard bool
}

// Summary reads the stream. One that does not exist is an error that
// apierr.NotFound knows.
func (r *Reader) Summary(ctx context.Context) (Summary, error) {
	out, err := r.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &r.name})
	if err != nil {
		return Summary{}, fmt.Errorf("stream %s: %w", r.name, err)
	}
	d := out.StreamDescriptionSummary
	s := Summary{State: string(d.StreamStatus), Shards: int(aws.ToInt32(d.OpenShardCount)), Born: aws.ToTime(d.StreamCreationTimestamp), OnDemand: !provisioned(d)}
	records, bytes := false, false
	for _, m := range d.EnhancedMonitoring {
		all := slices.Contains(m.ShardLevelMetrics, types.MetricsNameAll)
		records = records || all || slices.Contains(m.ShardLevelMetrics, types.MetricsNameIncomingRecords)
		bytes = bytes || all || slices.Contains(m.ShardLevelMetrics, types.MetricsNameIncomingBytes)
	}
	s.PerShard = records && bytes
	return s, nil
}

// OpenShard is one shard that takes records.
type OpenShard struct {
	ID    string
	Share float64 // of all hash keys, 0 to 1
}

// hashKeys is how many hash keys there are.
var hashKeys = new(big.Float).SetInt(new(big.Int).Lsh(big.NewInt(1), 128))

// OpenShards lists the open shards, in the order of their hash keys. Closed
// ones, which are listed until their records have expired, do not count (trap
// 8).
func (r *Reader) OpenShards(ctx context.Context) ([]OpenShard, error) {
	type ranged struct {
		OpenShard
		from *big.Int
	}
	var open []ranged
	in := &kinesis.ListShardsInput{StreamName: &r.name, ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}}
	for {
		out, err := r.kinesis.ListShards(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("shards of %s: %w", r.name, err)
		}
		for _, s := range out.Shards {
			from, ok := new(big.Int).SetString(aws.ToString(s.HashKeyRange.StartingHashKey), 10)
			to, okTo := new(big.Int).SetString(aws.ToString(s.HashKeyRange.EndingHashKey), 10)
			if !ok || !okTo {
				return nil, fmt.Errorf("shards of %s: %s has the hash keys %s to %s", r.name, aws.ToString(s.ShardId), aws.ToString(s.HashKeyRange.StartingHashKey), aws.ToString(s.HashKeyRange.EndingHashKey))
			}
			width := new(big.Int).Add(new(big.Int).Sub(to, from), big.NewInt(1))
			share, _ := new(big.Float).Quo(new(big.Float).SetInt(width), hashKeys).Float64()
			open = append(open, ranged{OpenShard{ID: aws.ToString(s.ShardId), Share: share}, from})
		}
		if out.NextToken == nil {
			break
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken}
	}
	slices.SortFunc(open, func(a, b ranged) int { return cmp.Or(a.from.Cmp(b.from), cmp.Compare(a.ID, b.ID)) })
	shards := make([]OpenShard, len(open))
	for i, s := range open {
		shards[i] = s.OpenShard
	}
	return shards, nil
}
