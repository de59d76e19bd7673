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

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
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
	st.data.Lock()
	defer st.data.Unlock()
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
	if now := time.Now(); byTime && in.Timestamp.After(now) {
		return 0, wire.Errorf("InvalidArgumentException", "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: %d, currentTimestampInMillis: %d", in.Timestamp.UnixMilli(), now.UnixMilli())
	}
	n, ok := sh.at(bus.Position{Kind: string(in.ShardIteratorType), Sequence: aws.ToString(in.StartingSequenceNumber), Time: aws.ToTime(in.Timestamp)})
	if !ok {
		return 0, s.strange(st, sh, *in.StartingSequenceNumber)
	}
	return n, nil
}

// strange refuses a sequence number that is not the shard's.
func (s *Service) strange(st *stream, sh *shard, sequence string) error {
	return wire.Errorf("InvalidArgumentException", "StartingSequenceNumber %s used in GetShardIterator on shard %s in %s is invalid because it did not come from this stream.", sequence, sh.id, s.where(st))
}

// at is the number of the first record from a position on. ok is false for a
// sequence number that is not the shard's.
func (sh *shard) at(p bus.Position) (n uint64, ok bool) {
	switch types.ShardIteratorType(p.Kind) {
	case types.ShardIteratorTypeAtSequenceNumber:
		return sh.number(p.Sequence)
	case types.ShardIteratorTypeAfterSequenceNumber:
		n, ok = sh.number(p.Sequence)
		return n + 1, ok
	case types.ShardIteratorTypeAtTimestamp:
		i, _ := slices.BinarySearchFunc(sh.records, p.Time, func(r record, t time.Time) int { return r.at.Compare(t) })
		return sh.oldest() + uint64(i), true
	case types.ShardIteratorTypeLatest:
		return sh.taken + 1, true
	default: // TRIM_HORIZON
		return 0, true
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

// reading is what one read of a shard found.
type reading struct {
	records []record
	first   uint64 // number of the first of them
	next    uint64 // where the following read begins
	behind  time.Duration
	drained bool
}

// take reads from number n on. ok is false when the shard's reads are used up.
func (s *Service) take(p pass, sh *shard, n uint64, most int) (r reading, ok bool) {
	began := time.Now()
	p.data.Lock()
	now := time.Now()
	sh.reads.roll(now, readBytes)
	if s.bus.Limits && (sh.reads.count >= readCalls || sh.reads.bytes >= readBytes) {
		p.data.Unlock()
		s.refusedRead(p, sh)
		return r, false
	}
	p.trim(sh, now.Add(-p.keep))
	page, first, next := sh.read(n, most)
	r = reading{records: slices.Clone(page), first: first, next: next, drained: !sh.closed.IsZero() && next > sh.taken}
	if next <= sh.taken {
		r.behind = now.Sub(sh.records[next-sh.oldest()].at)
	}
	size := 0
	for i := range page {
		size += page[i].size()
	}
	sh.reads.count++
	sh.reads.bytes += size
	p.data.Unlock()
	s.read(p, sh, r, size, began)
	return r, true
}

func (s *Service) getRecords(_ context.Context, in *kinesis.GetRecordsInput) (*kinesis.GetRecordsOutput, error) {
	it, err := readIterator(*in.ShardIterator)
	if err != nil {
		return nil, err
	}
	p, sh, err := s.resume(it, in.StreamARN)
	if err != nil {
		return nil, err
	}
	most := 10_000
	if in.Limit != nil {
		most = int(*in.Limit)
	}
	r, ok := s.take(p, sh, it.Number, most)
	if !ok {
		return nil, wire.Errorf(overRate, "%s", s.overRate(p.stream, sh))
	}
	out := &kinesis.GetRecordsOutput{Records: make([]types.Record, len(r.records)), MillisBehindLatest: aws.Int64(r.behind.Milliseconds())}
	for i, rec := range r.records {
		out.Records[i] = types.Record{
			SequenceNumber: aws.String(sh.sequence(r.first+uint64(i), rec.at)), ApproximateArrivalTimestamp: aws.Time(rec.at),
			Data: rec.data, PartitionKey: aws.String(rec.key), EncryptionType: rec.encryption,
		}
	}
	if r.drained {
		s.mu.Lock()
		defer s.mu.Unlock()
		out.ChildShards = p.childrenOf(sh) // no next iterator, read on in the children
		return out, nil
	}
	it.Number = r.next
	out.NextShardIterator = aws.String(it.String())
	return out, nil
}

// resume finds what an iterator points into.
func (s *Service) resume(it iterator, arn *string) (pass, *shard, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.unlocked(&it.Stream, arn)
	if err != nil {
		return pass{}, nil, err
	}
	if !it.Created.Equal(st.created) || it.Shard < 0 || it.Shard >= len(st.shards) {
		return pass{}, nil, wire.Errorf("ResourceNotFoundException", "Shard %s in %s does not exist", shardID(it.Shard), s.where(st))
	}
	return st.pass(), st.shards[it.Shard], nil
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
