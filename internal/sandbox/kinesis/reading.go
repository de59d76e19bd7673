package kinesis

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// iterator is a place in a shard: before its n-th record.
type iterator struct {
	Stream  string
	Created time.Time // of the stream: one made anew is another
	Shard   int
	Number  uint64
	Issued  time.Time
}

const iteratorLife = 5 * time.Minute

func (it iterator) String() string {
	it.Issued = time.Now()
	text, err := json.Marshal(it)
	if err != nil {
		panic(err) // strings, numbers and times always marshal
	}
	return base64.StdEncoding.EncodeToString(text)
}

func readIterator(text string) (iterator, error) {
	var it iterator
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &it) != nil || it.Stream == "" {
		return it, wire.Errorf("InvalidArgumentException", "Invalid ShardIterator.")
	}
	if now := time.Now(); now.Sub(it.Issued) > iteratorLife {
		return it, wire.Errorf("ExpiredIteratorException", "Iterator expired. The iterator was created at time %s while right now it is %s which is further in the future than the tolerated delay of %d milliseconds.",
			it.Issued.UTC().Format(time.UnixDate), now.UTC().Format(time.UnixDate), iteratorLife.Milliseconds())
	}
	return it, nil
}

func (s *Service) getShardIterator(_ context.Context, in *kinesis.GetShardIteratorInput) (*kinesis.GetShardIteratorOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.serving(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	sh, err := s.shard(st, *in.ShardId)
	if err != nil {
		return nil, err
	}
	n, err := s.start(st, sh, in)
	if err != nil {
		return nil, err
	}
	return &kinesis.GetShardIteratorOutput{ShardIterator: aws.String(iterator{Stream: st.name, Created: st.created, Shard: sh.index, Number: n}.String())}, nil
}

// start is the number of the first record that an iterator asks for.
func (s *Service) start(st *stream, sh *shard, in *kinesis.GetShardIteratorInput) (uint64, error) {
	bySequence := in.ShardIteratorType == types.ShardIteratorTypeAtSequenceNumber || in.ShardIteratorType == types.ShardIteratorTypeAfterSequenceNumber
	byTime := in.ShardIteratorType == types.ShardIteratorTypeAtTimestamp
	if bySequence != (in.StartingSequenceNumber != nil) || byTime != (in.Timestamp != nil) {
		return 0, wire.Errorf("InvalidArgumentException", "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber or (3) AT_TIMESTAMP and Timestamp. Request specified %s.", in.ShardIteratorType)
	}
	switch {
	case bySequence:
		n, ok := sh.number(*in.StartingSequenceNumber)
		if !ok {
			return 0, wire.Errorf("InvalidArgumentException", "StartingSequenceNumber %s used in GetShardIterator on shard %s in %s is invalid because it did not come from this stream.", *in.StartingSequenceNumber, shardID(sh.index), s.where(st))
		}
		if in.ShardIteratorType == types.ShardIteratorTypeAfterSequenceNumber {
			n++
		}
		return n, nil
	case byTime:
		if now := time.Now(); in.Timestamp.After(now) {
			return 0, wire.Errorf("InvalidArgumentException", "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: %d, currentTimestampInMillis: %d", in.Timestamp.UnixMilli(), now.UnixMilli())
		}
		i, _ := slices.BinarySearchFunc(sh.records, *in.Timestamp, func(r record, t time.Time) int { return r.at.Compare(t) })
		return sh.oldest() + uint64(i), nil
	case in.ShardIteratorType == types.ShardIteratorTypeLatest:
		return sh.taken + 1, nil
	default: // TRIM_HORIZON
		return 0, nil
	}
}

// oldest is the number of the oldest record kept, or of the next one to come.
func (sh *shard) oldest() uint64 { return sh.taken + 1 - uint64(len(sh.records)) }

// read is up to most records, and no more than one answer may carry, from
// number n on; next is where the following read begins.
func (sh *shard) read(n uint64, most int) (page []record, first, next uint64) {
	first = max(n, sh.oldest())
	if first > sh.taken {
		return nil, first, first
	}
	page = sh.records[first-sh.oldest():]
	page = page[:min(most, len(page))]
	size := 0
	for i := range page {
		if size += page[i].size(); size > callBytes && i > 0 {
			page = page[:i]
			break
		}
	}
	return page, first, first + uint64(len(page))
}

func (s *Service) getRecords(_ context.Context, in *kinesis.GetRecordsInput) (*kinesis.GetRecordsOutput, error) {
	it, err := readIterator(*in.ShardIterator)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.unlocked(&it.Stream, in.StreamARN)
	if err != nil {
		return nil, err
	}
	if !it.Created.Equal(st.created) || it.Shard < 0 || it.Shard >= len(st.shards) {
		return nil, wire.Errorf("ResourceNotFoundException", "Shard %s in %s does not exist", shardID(it.Shard), s.where(st))
	}
	sh, now := st.shards[it.Shard], time.Now()
	sh.reads.roll(now, readBytes)
	if s.bus.Limits && (sh.reads.count >= readCalls || sh.reads.bytes >= readBytes) {
		return nil, wire.Errorf(overRate, "%s", s.overRate(st, sh))
	}
	st.trim(sh, now)
	most := 10_000
	if in.Limit != nil {
		most = int(*in.Limit)
	}
	page, first, next := sh.read(it.Number, most)
	sh.reads.count++
	out := &kinesis.GetRecordsOutput{Records: make([]types.Record, len(page)), MillisBehindLatest: aws.Int64(0)}
	for i := range page {
		r := &page[i]
		sh.reads.bytes += r.size()
		out.Records[i] = types.Record{
			SequenceNumber: aws.String(sh.sequence(first+uint64(i), r.at)), ApproximateArrivalTimestamp: aws.Time(r.at),
			Data: r.data, PartitionKey: aws.String(r.key), EncryptionType: r.encryption,
		}
	}
	if next <= sh.taken {
		unread := sh.records[next-sh.oldest()]
		out.MillisBehindLatest = aws.Int64(now.Sub(unread.at).Milliseconds())
	}
	if !sh.closed.IsZero() && next > sh.taken {
		out.ChildShards = st.childrenOf(sh) // drained: no next iterator, read on in the children
		return out, nil
	}
	it.Number = next
	out.NextShardIterator = aws.String(it.String())
	return out, nil
}

func (st *stream) childrenOf(sh *shard) []types.ChildShard {
	var all []types.ChildShard
	for _, c := range sh.children {
		child := st.shards[c]
		var parents []string
		for _, p := range child.parents {
			parents = append(parents, shardID(p))
		}
		all = append(all, types.ChildShard{
			ShardId: aws.String(shardID(c)), ParentShards: parents,
			HashKeyRange: &types.HashKeyRange{StartingHashKey: aws.String(child.first.String()), EndingHashKey: aws.String(child.last.String())},
		})
	}
	return all
}
