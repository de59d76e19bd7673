package firehose

import (
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

const namespace = "AWS/Firehose"

func metric(st *stream, name string) bus.MetricID {
	return bus.ID(namespace, name, "DeliveryStreamName", st.name)
}

// measure counts one value of a delivery stream's metric ("Monitor with
// CloudWatch metrics", Firehose guide).
func (s *Service) measure(st *stream, name string, v float64) {
	if s.bus.Metrics != nil {
		s.bus.Metrics.Add(metric(st, name), bus.One(v))
	}
}

// got counts one read of the source.
func (s *Service) got(st *stream, r bus.Reading) {
	size := 0
	for i := range r.Records {
		size += len(r.Records[i].Data)
	}
	if size > 0 {
		s.measure(st, "DataReadFromKinesisStream.Records", float64(len(r.Records)))
		s.measure(st, "DataReadFromKinesisStream.Bytes", float64(size))
	}
	s.measure(st, "KinesisMillisBehindLatest", float64(r.Behind.Milliseconds()))
}

// wrote counts one attempt to write an object.
func (s *Service) wrote(st *stream, o object, err error) {
	s.measure(st, "DeliveryToS3.DataFreshness", time.Since(o.oldest).Seconds())
	if err != nil {
		s.measure(st, "DeliveryToS3.Success", 0)
		return
	}
	s.measure(st, "DeliveryToS3.Success", 1)
	s.measure(st, "DeliveryToS3.ObjectCount", 1)
	conversion := "SucceedConversion"
	if o.failure {
		conversion = "FailedConversion"
	} else {
		s.measure(st, "DeliveryToS3.Records", float64(o.records))
		s.measure(st, "DeliveryToS3.Bytes", float64(len(o.data)))
	}
	if o.converted {
		s.measure(st, conversion+".Records", float64(o.records))
		s.measure(st, conversion+".Bytes", float64(o.bytes))
	}
}

// freshness gives the age of the oldest record that each delivery stream holds.
func (s *Service) freshness(point func(id bus.MetricID, v float64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		if oldest := st.oldest.Load(); oldest != nil {
			point(metric(st, "DeliveryToS3.DataFreshness"), time.Since(*oldest).Seconds())
		}
	}
}

// age notes when a record arrived that is buffered now.
func (st *stream) age(arrived time.Time) {
	if oldest := st.oldest.Load(); oldest == nil || arrived.Before(*oldest) {
		st.oldest.Store(&arrived)
	}
}
