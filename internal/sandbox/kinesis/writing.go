package kinesis

import (
	"context"
	"crypto/md5" // how Kinesis maps keys to shards
	"encoding/binary"
	"slices"
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

// put takes a record into the shard of its hash key. refused is the shard when
// it has had its share of this second.
func (st *stream) put(h hash, r record) (sh *shard, n uint64, refused bool) {
	sh = st.route(h)
	if !sh.writes.write(r.at, r.size()) {
		return sh, 0, true
	}
	st.trim(sh, r.at)
	sh.records = append(sh.records, r)
	sh.taken++
	return sh, sh.taken, false
}

// trim drops the records that are past their retention.
func (st *stream) trim(sh *shard, now time.Time) {
	horizon := now.Add(-st.keep())
	if len(sh.records) == 0 || sh.records[0].at.After(horizon) {
		return
	}
	gone := slices.IndexFunc(sh.records, func(r record) bool { return r.at.After(horizon) })
	if gone < 0 {
		gone = len(sh.records)
	}
	clear(sh.records[:gone])
	sh.records = sh.records[gone:]
}

// serving is find for records: a stream that is being made or deleted is not
// there for them.
func (s *Service) serving(name, arn *string) (*stream, error) {
	st, err := s.find(name, arn)
	if err == nil && !st.readable() {
		err = wire.Errorf("ResourceNotFoundException", "Stream %s under account %s not found.", st.name, s.bus.Account)
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

func (s *Service) checkSize(st *stream, size int) error {
	if most := int(st.maxRecord) << 10; size > most {
		return wire.Errorf("InvalidArgumentException", "A record of %d bytes, partition key included, is larger than the %d bytes that %s takes.", size, most, s.where(st))
	}
	return nil
}

const overRate = "ProvisionedThroughputExceededException"

func (s *Service) overRate(st *stream, sh *shard) string {
	return "Rate exceeded for shard " + shardID(sh.index) + " in " + s.where(st) + "."
}

func (s *Service) putRecord(_ context.Context, in *kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) {
	h, err := hashKey(*in.PartitionKey, in.ExplicitHashKey)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.unlocked(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	r := record{at: time.Now(), key: *in.PartitionKey, data: in.Data, encryption: st.encryption()}
	if err := s.checkSize(st, r.size()); err != nil {
		return nil, err
	}
	sh, n, refused := st.put(h, r)
	if refused {
		return nil, wire.Errorf(overRate, "%s", s.overRate(st, sh))
	}
	return &kinesis.PutRecordOutput{ShardId: aws.String(shardID(sh.index)), SequenceNumber: aws.String(sh.sequence(n, r.at)), EncryptionType: r.encryption}, nil
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
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.unlocked(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	for _, e := range in.Records {
		if err := s.checkSize(st, len(*e.PartitionKey)+len(e.Data)); err != nil {
			return nil, err
		}
	}
	now, encryption := time.Now(), st.encryption()
	out := &kinesis.PutRecordsOutput{Records: make([]types.PutRecordsResultEntry, len(in.Records)), EncryptionType: encryption}
	failed := int32(0)
	for i, e := range in.Records {
		sh, n, refused := st.put(hashes[i], record{at: now, key: *e.PartitionKey, data: e.Data, encryption: encryption})
		if refused {
			failed++
			out.Records[i] = types.PutRecordsResultEntry{ErrorCode: aws.String(overRate), ErrorMessage: aws.String(s.overRate(st, sh))}
			continue
		}
		out.Records[i] = types.PutRecordsResultEntry{ShardId: aws.String(shardID(sh.index)), SequenceNumber: aws.String(sh.sequence(n, now))}
	}
	out.FailedRecordCount = &failed
	return out, nil
}
