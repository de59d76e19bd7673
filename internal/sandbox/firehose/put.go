package firehose

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// batchBytes is the most that one PutRecordBatch carries.
const batchBytes = 4 << 20

// queue holds what producers have put and nobody has taken yet.
type queue struct {
	mu      sync.Mutex
	records []bus.Record
	news    chan struct{} // has one element when there are records
}

func newQueue() *queue { return &queue{news: make(chan struct{}, 1)} }

func (q *queue) add(records []bus.Record) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.records = append(q.records, records...)
	select {
	case q.news <- struct{}{}:
	default: // it is known already
	}
}

// take is everything in the queue.
func (q *queue) take() []bus.Record {
	q.mu.Lock()
	defer q.mu.Unlock()
	records := q.records
	q.records = nil
	return records
}

// accept takes records from producers.
func (s *Service) accept(name string, records []types.Record) error {
	s.mu.Lock()
	st, err := s.find(name)
	if err == nil && s.status(st) != types.DeliveryStreamStatusActive {
		err = wire.Errorf("ResourceNotFoundException", "Firehose %s under account %s not found.", name, s.bus.Account)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if st.source != nil {
		return invalid("This operation is not permitted on KinesisStreamAsSource delivery stream type.")
	}
	size, now := 0, time.Now()
	taken := make([]bus.Record, len(records))
	for i, r := range records {
		size += len(r.Data)
		taken[i] = bus.Record{Data: r.Data, Arrived: now}
	}
	if size > batchBytes {
		return invalid("Records size exceeds 4 MB limit")
	}
	st.queue.add(taken)
	s.measure(st, "IncomingRecords", float64(len(records)))
	s.measure(st, "IncomingBytes", float64(size))
	s.measure(st, "IncomingPutRequests", 1)
	return nil
}

func (s *Service) putRecord(_ context.Context, in *firehose.PutRecordInput) (*firehose.PutRecordOutput, error) {
	if err := s.accept(*in.DeliveryStreamName, []types.Record{*in.Record}); err != nil {
		return nil, err
	}
	return &firehose.PutRecordOutput{RecordId: aws.String(bus.NewUUID()), Encrypted: aws.Bool(false)}, nil
}

func (s *Service) putRecordBatch(_ context.Context, in *firehose.PutRecordBatchInput) (*firehose.PutRecordBatchOutput, error) {
	if err := s.accept(*in.DeliveryStreamName, in.Records); err != nil {
		return nil, err
	}
	out := &firehose.PutRecordBatchOutput{FailedPutCount: aws.Int32(0), Encrypted: aws.Bool(false)}
	for range in.Records {
		out.RequestResponses = append(out.RequestResponses, types.PutRecordBatchResponseEntry{RecordId: aws.String(bus.NewUUID())})
	}
	return out, nil
}
