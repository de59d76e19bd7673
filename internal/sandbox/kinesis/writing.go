package kinesis

import (
	"context"
	"crypto/md5" // how Kinesis maps keys to shards
	"encoding/binary"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// What one shard takes and gives a second, and what one call may carry
// (quotas page of the developer guide).
const (
	writeRecords = 1000
	writeBytes   = 1 << 20
	readCalls    = 5
	readBytes    = 2 << 20
	callBytes    = 10 << 20
)

// record is one record of a shard. Its number is its place in the shard.
type record struct {
	at         time.Time
	key        string
	data       []byte
	encryption types.EncryptionType
}

func (r *record) size() int { return len(r.key) + len(r.data) }

// meter counts use by the second. What goes beyond a second's worth of bytes,
// as one large record or answer may, is paid off in the seconds after it.
type meter struct {
	second int64
	count  int
	bytes  int
}

func (m *meter) roll(now time.Time, perSecond int) {
	if s := now.Unix(); s != m.second {
		passed := min(max(s-m.second, 0), callBytes/writeBytes) // no debt is larger
		m.count, m.bytes = 0, max(0, m.bytes-int(passed)*perSecond)
		m.second = s
	}
}

// write counts one record in, unless the shard has taken its share.
func (m *meter) write(now time.Time, size int) bool {
	m.roll(now, writeBytes)
	if m.count >= writeRecords || m.bytes > 0 && m.bytes+size > writeBytes {
		return false
	}
	m.count++
	m.bytes += size
	return true
}

// hashKey maps a partition key, or the hash key given in its place.
func hashKey(partition string, explicit *string) (hash, error) {
	if explicit != nil {
		h, ok := parseHash(*explicit)
		if !ok {
			return hash{}, wire.Errorf("InvalidArgumentException", "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was %s", *explicit)
		}
		return h, nil
	}
	sum := md5.Sum([]byte(partition))
	return hash{binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:])}, nil
}

// pass lets one call at the data of a stream: what of the stream's settings
// holds for it, read once.
type pass struct {
	*stream
	encryption types.EncryptionType
	keep       time.Duration
	maxRecord  int32 // KiB
	metrics    []types.MetricsName
	throttled  func() bool // whether a record is refused on request; nil when none is
}

func (st *stream) pass() pass {
	return pass{stream: st, encryption: st.encryption(), keep: st.keep(), maxRecord: st.maxRecord, metrics: st.metrics}
}

// admit is pass for those who name a stream and need its key, to put records by
// an operation.
func (s *Service) admit(operation string, name, arn *string) (pass, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.unlocked(name, arn)
	if err != nil {
		return pass{}, err
	}
	p := st.pass()
	if s.bus.Trouble != nil {
		p.throttled = func() bool { return s.bus.Trouble.Throttles(operation) }
	}
	return p, nil
}

// put takes a record into the shard of its hash key, with the data locked.
// refused is the shard when it has had its share of this second.
func (p pass) put(h hash, r record) (sh *shard, n uint64, refused bool) {
	sh = p.route(h)
	if p.throttled != nil && p.throttled() || !sh.writes.write(r.at, r.size()) {
		return sh, 0, true
	}
	p.trim(sh, r.at.Add(-p.keep))
	sh.records = append(sh.records, r)
	p.held += r.cost()
	p.relieve(memory)
	sh.taken++
	sh.tell()
	return sh, sh.taken, false
}

// serving is find for records: a stream that is being made or deleted is not
// there for them.
func (s *Service) serving(name, arn *string) (*stream, error) {
	st, err := s.find(name, arn)
	if err == nil && !st.readable() {
		err = s.notFound(st.name)
	}
	return st, err
}

// unlocked is serving for those who need the stream's key.
func (s *Service) unlocked(name, arn *string) (*stream, error) {
	st, err := s.serving(name, arn)
	if err == nil && st.key != "" {
		err = s.checkKey(st.key)
	}
	return st, err
}

func (s *Service) checkSize(p pass, size int) error {
	if most := int(p.maxRecord) << 10; size > most {
		return wire.Errorf("InvalidArgumentException", "A record of %d bytes, partition key included, is larger than the %d bytes that %s takes.", size, most, s.where(p.stream))
	}
	return nil
}

const overRate = "ProvisionedThroughputExceededException"

func (s *Service) overRate(st *stream, sh *shard) string {
	return "Rate exceeded for shard " + sh.id + " in " + s.where(st) + "."
}

func (s *Service) putRecord(_ context.Context, in *kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) {
	h, err := hashKey(*in.PartitionKey, in.ExplicitHashKey)
	if err != nil {
		return nil, err
	}
	p, err := s.admit("PutRecord", in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	r := record{key: *in.PartitionKey, data: in.Data, encryption: p.encryption}
	if err := s.checkSize(p, r.size()); err != nil {
		return nil, err
	}
	began := time.Now()
	p.data.Lock()
	r.at = time.Now()
	sh, n, refused := p.put(h, r)
	p.data.Unlock()
	t := written{}
	t.count(p, sh, r.size(), refused)
	s.wrote(p, "PutRecord", t, began)
	if refused {
		return nil, wire.Errorf(overRate, "%s", s.overRate(p.stream, sh))
	}
	return &kinesis.PutRecordOutput{ShardId: aws.String(sh.id), SequenceNumber: aws.String(sh.sequence(n, r.at)), EncryptionType: r.encryption}, nil
}

// putRecords takes what the shards still take: its refusals are per record,
// within an answer that says 200 (trap 37).
func (s *Service) putRecords(_ context.Context, in *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error) {
	hashes := make([]hash, len(in.Records))
	total := 0
	for i, e := range in.Records {
		h, err := hashKey(*e.PartitionKey, e.ExplicitHashKey)
		if err != nil {
			return nil, err
		}
		hashes[i] = h
		total += len(*e.PartitionKey) + len(e.Data)
	}
	if total > callBytes {
		return nil, wire.Errorf("InvalidArgumentException", "Records size exceeds %d MB limit.", callBytes>>20)
	}
	p, err := s.admit("PutRecords", in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	for _, e := range in.Records {
		if err := s.checkSize(p, len(*e.PartitionKey)+len(e.Data)); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	places, now := p.putAll(in.Records, hashes)
	out := &kinesis.PutRecordsOutput{Records: make([]types.PutRecordsResultEntry, len(places)), EncryptionType: p.encryption}
	t := written{}
	for i, at := range places {
		e := in.Records[i]
		t.count(p, at.shard, len(*e.PartitionKey)+len(e.Data), at.refused)
		if at.refused {
			out.Records[i] = types.PutRecordsResultEntry{ErrorCode: aws.String(overRate), ErrorMessage: aws.String(s.overRate(p.stream, at.shard))}
			continue
		}
		out.Records[i] = types.PutRecordsResultEntry{ShardId: &at.shard.id, SequenceNumber: aws.String(at.shard.sequence(at.number, now))}
	}
	out.FailedRecordCount = aws.Int32(int32(t.refused))
	s.wrote(p, "PutRecords", t, began)
	return out, nil
}

// place is where a record went.
type place struct {
	shard   *shard
	number  uint64
	refused bool
}

// putAll holds the lock for no more than it takes to append.
func (p pass) putAll(entries []types.PutRecordsRequestEntry, hashes []hash) ([]place, time.Time) {
	places := make([]place, len(entries))
	p.data.Lock()
	defer p.data.Unlock()
	now := time.Now()
	for i, e := range entries {
		at := &places[i]
		at.shard, at.number, at.refused = p.put(hashes[i], record{at: now, key: *e.PartitionKey, data: e.Data, encryption: p.encryption})
	}
	return places, now
}
