package kinesis

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// hash is a point of the hash key space, 0 to 2^128-1.
type hash struct{ hi, lo uint64 }

var lastHash = hash{1<<64 - 1, 1<<64 - 1}

func (h hash) compare(o hash) int {
	switch {
	case h == o:
		return 0
	case h.hi < o.hi, h.hi == o.hi && h.lo < o.lo:
		return -1
	default:
		return 1
	}
}

func (h hash) next() hash {
	h.lo++
	if h.lo == 0 {
		h.hi++
	}
	return h
}

func (h hash) previous() hash {
	if h.lo == 0 {
		h.hi--
	}
	h.lo--
	return h
}

func (h hash) String() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], h.hi)
	binary.BigEndian.PutUint64(b[8:], h.lo)
	return new(big.Int).SetBytes(b[:]).String()
}

// parseHash reads a decimal hash key. ok is false beyond 2^128-1.
func parseHash(s string) (h hash, ok bool) {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || n.Sign() < 0 || n.BitLen() > 128 {
		return hash{}, false
	}
	return toHash(n), true
}

func toHash(n *big.Int) hash {
	var b [16]byte
	n.FillBytes(b[:])
	return hash{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// uniform are the first hash keys of n equal shards. The i-th of n and the
// 2i-th of 2n are the same, so that doubling only splits and halving only
// merges.
func uniform(n int) []hash {
	space := new(big.Int).Lsh(big.NewInt(1), 128)
	starts := make([]hash, n)
	for i := range starts {
		at := new(big.Int).Mul(space, big.NewInt(int64(i)))
		starts[i] = toHash(at.Div(at, big.NewInt(int64(n))))
	}
	return starts
}

// shard is one shard, open or closed.
type shard struct {
	index       int
	id          string
	first, last hash
	parents     []int // indexes: none, one (a split) or two (a merge)
	children    []int
	opened      time.Time
	closed      time.Time // zero while it is open

	records []record      // not yet expired, oldest first
	taken   uint64        // how many there ever were: the number of the newest
	news    chan struct{} // closed at the next record or when the shard is; nil when nobody waits
	writes  meter
	reads   meter
}

func shardID(index int) string { return fmt.Sprintf("shardId-%012d", index) }

// shardIndex reads a shard's id, in either of the forms AWS takes.
func shardIndex(id string) (int, bool) {
	n, err := strconv.ParseUint(strings.TrimPrefix(id, "shardId-"), 10, 31)
	return int(n), err == nil
}

// addShard opens a shard.
func (st *stream) addShard(first, last hash, now time.Time, parents ...*shard) *shard {
	sh := &shard{index: len(st.shards), id: shardID(len(st.shards)), first: first, last: last, opened: now}
	for _, p := range parents {
		sh.parents = append(sh.parents, p.index)
		p.children = append(p.children, sh.index)
	}
	st.shards = append(st.shards, sh)
	at, _ := slices.BinarySearchFunc(st.open, first, func(s *shard, h hash) int { return s.first.compare(h) })
	st.open = slices.Insert(st.open, at, sh)
	return sh
}

// closeShard ends what a shard takes. Its records stay for the retention.
func (st *stream) closeShard(sh *shard, now time.Time) {
	sh.closed = now
	sh.tell()
	st.open = slices.DeleteFunc(st.open, func(o *shard) bool { return o == sh })
}

// tell wakes those who wait for something to happen to the shard.
func (sh *shard) tell() {
	if sh.news != nil {
		close(sh.news)
		sh.news = nil
	}
}

// split and merge are what all resharding is made of.
func (st *stream) split(sh *shard, at hash, now time.Time) {
	st.closeShard(sh, now)
	st.addShard(sh.first, at.previous(), now, sh)
	st.addShard(at, sh.last, now, sh)
}

func (st *stream) merge(a, b *shard, now time.Time) {
	st.closeShard(a, now)
	st.closeShard(b, now)
	st.addShard(a.first, b.last, now, a, b)
}

// resize makes n equal shards by splits at every boundary that is missing and
// merges over those that are too many. Shards that live for this only are left
// behind closed, as on AWS.
func (st *stream) resize(n int, now time.Time) {
	starts := uniform(n)
	for _, at := range starts {
		if sh := st.route(at); sh.first != at {
			st.split(sh, at, now)
		}
	}
	for i, first := range starts {
		last := lastHash
		if i+1 < n {
			last = starts[i+1].previous()
		}
		for sh := st.route(first); sh.last != last; sh = st.route(first) {
			st.merge(sh, st.route(sh.last.next()), now)
		}
	}
}

// route is the open shard that takes a hash key. Open shards cover all keys.
func (st *stream) route(h hash) *shard {
	at, found := slices.BinarySearchFunc(st.open, h, func(s *shard, h hash) int { return s.first.compare(h) })
	if !found {
		at--
	}
	return st.open[at]
}

// expired reports whether all that the shard ever held is past its retention.
func (st *stream) expired(sh *shard, now time.Time) bool {
	return !sh.closed.IsZero() && now.Sub(sh.closed) >= st.keep()
}

func (st *stream) keep() time.Duration { return time.Duration(st.retention) * time.Hour }

// listed are the shards that AWS still speaks of, by id: closed parents stay
// until their records expire (trap 8).
func (st *stream) listed() []*shard {
	now := time.Now()
	return slices.DeleteFunc(slices.Clone(st.shards), func(sh *shard) bool { return st.expired(sh, now) })
}

func (sh *shard) describe() types.Shard {
	d := types.Shard{
		ShardId:             aws.String(sh.id),
		HashKeyRange:        &types.HashKeyRange{StartingHashKey: aws.String(sh.first.String()), EndingHashKey: aws.String(sh.last.String())},
		SequenceNumberRange: &types.SequenceNumberRange{StartingSequenceNumber: aws.String(sh.sequence(0, sh.opened))},
	}
	if len(sh.parents) > 0 {
		d.ParentShardId = aws.String(shardID(sh.parents[0]))
	}
	if len(sh.parents) > 1 {
		d.AdjacentParentShardId = aws.String(shardID(sh.parents[1]))
	}
	if !sh.closed.IsZero() {
		d.SequenceNumberRange.EndingSequenceNumber = aws.String(sh.sequence(lastSequence, sh.closed))
	}
	return d
}
