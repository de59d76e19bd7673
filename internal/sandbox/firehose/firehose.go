// Package firehose is the sandbox's Data Firehose: delivery streams that read a
// Kinesis stream, or take records from producers, and write them to S3, with
// AWS's refusals at creation and its slow life cycle. What AWS would accept and
// then fail at in silence, for want of a permission, a bucket or a log stream, is
// refused here at once; what is taken away later fails as it does on AWS: the
// delivery stream stays ACTIVE, and its error log and metrics tell.
package firehose

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Service is Firehose.
type Service struct {
	bus *bus.Bus

	mu      sync.Mutex
	streams map[string]*stream
	launch  func(*stream) // sets one to work; nil while the sandbox does not run
}

type stream struct {
	name        string
	kind        types.DeliveryStreamType
	source      *types.KinesisStreamSourceConfiguration
	destination types.ExtendedS3DestinationConfiguration
	version     int
	tags        bus.Tags
	created     time.Time
	start       time.Time // when it becomes ACTIVE and begins to read
	updated     time.Time
	failure     *types.FailureDescription // what makes its creation fail
	deleted     time.Time                 // zero while nobody deleted it

	quit   func()                    // ends its work; nil when it has not begun
	queue  *queue                    // what was put and is not buffered yet
	oldest atomic.Pointer[time.Time] // when the oldest record in the buffer arrived
}

// New is Firehose without delivery streams.
func New(b *bus.Bus) *Service {
	s := &Service{bus: b, streams: map[string]*stream{}}
	b.ListTagged(s.tagged)
	b.Background(s.run)
	return s
}

// Wire is what the service offers.
func (s *Service) Wire() wire.Service {
	return wire.Service{Name: "firehose", Invalid: "InvalidArgumentException", Ops: map[string]wire.Op{
		"CreateDeliveryStream":      wire.Handle(s.create),
		"DescribeDeliveryStream":    wire.Handle(s.describe),
		"ListDeliveryStreams":       wire.Handle(s.list),
		"UpdateDestination":         wire.Handle(s.update),
		"PutRecord":                 wire.Handle(s.putRecord),
		"PutRecordBatch":            wire.Handle(s.putRecordBatch),
		"DeleteDeliveryStream":      wire.Handle(s.delete),
		"TagDeliveryStream":         wire.Handle(s.tag),
		"UntagDeliveryStream":       wire.Handle(s.untag),
		"ListTagsForDeliveryStream": wire.Handle(s.listTags),
	}}
}

func (s *Service) tagged(add func(arn string, tags bus.Tags)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.streams {
		if st, err := s.find(name); err == nil {
			add(s.arn(name), st.tags)
		}
	}
}

func (s *Service) arn(name string) string { return s.bus.ARN("firehose", "deliverystream/"+name) }

// find is a delivery stream that is not gone yet.
func (s *Service) find(name string) (*stream, error) {
	st := s.streams[name]
	if st != nil && !st.deleted.IsZero() && time.Since(st.deleted) >= s.bus.Timing.DeliveryDelete {
		delete(s.streams, name)
		st = nil
	}
	if st == nil {
		return nil, wire.Errorf("ResourceNotFoundException", "Firehose %s under account %s not found.", name, s.bus.Account)
	}
	return st, nil
}

func (s *Service) status(st *stream) types.DeliveryStreamStatus {
	switch {
	case !st.deleted.IsZero():
		return types.DeliveryStreamStatusDeleting
	case time.Now().Before(st.start):
		return types.DeliveryStreamStatusCreating
	case st.failure != nil:
		return types.DeliveryStreamStatusCreatingFailed
	default:
		return types.DeliveryStreamStatusActive
	}
}

// active is find for calls that nothing but an active delivery stream takes.
func (s *Service) active(name string) (*stream, error) {
	st, err := s.find(name)
	if err != nil {
		return nil, err
	}
	if status := s.status(st); status != types.DeliveryStreamStatusActive {
		return nil, wire.Errorf("ResourceInUseException", "Firehose %s is in %s state and must be ACTIVE for this operation.", name, status)
	}
	return st, nil
}

func (s *Service) create(_ context.Context, in *firehose.CreateDeliveryStreamInput) (*firehose.CreateDeliveryStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := *in.DeliveryStreamName
	if _, err := s.find(name); err == nil {
		return nil, wire.Errorf("ResourceInUseException", "Firehose %s under accountId %s already exists", name, s.bus.Account)
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := checkShape(in); err != nil {
		return nil, err
	}
	now := time.Now()
	st := &stream{
		name: name, kind: in.DeliveryStreamType, source: in.KinesisStreamSourceConfiguration,
		destination: *in.ExtendedS3DestinationConfiguration, version: 1, tags: tags, created: now, start: now.Add(s.bus.Timing.DeliveryCreate),
		queue: newQueue(),
	}
	if st.kind == "" {
		st.kind = types.DeliveryStreamTypeDirectPut
	}
	if err := checkDestination(&st.destination); err != nil {
		return nil, err
	}
	if err := s.checkSource(st); err != nil {
		return nil, err
	}
	if err := s.checkAccess(st); err != nil {
		return nil, err
	}
	s.streams[name] = st
	if s.launch != nil {
		s.launch(st)
	}
	return &firehose.CreateDeliveryStreamOutput{DeliveryStreamARN: aws.String(s.arn(name))}, nil
}

func (s *Service) describe(_ context.Context, in *firehose.DescribeDeliveryStreamInput) (*firehose.DescribeDeliveryStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(*in.DeliveryStreamName)
	if err != nil {
		return nil, err
	}
	d := &types.DeliveryStreamDescription{
		DeliveryStreamName: aws.String(st.name), DeliveryStreamARN: aws.String(s.arn(st.name)), DeliveryStreamStatus: s.status(st),
		DeliveryStreamType: st.kind, VersionId: aws.String(strconv.Itoa(st.version)), CreateTimestamp: aws.Time(st.created),
		HasMoreDestinations: aws.Bool(false),
		Destinations:        []types.DestinationDescription{{DestinationId: aws.String(destinationID), ExtendedS3DestinationDescription: description(st.destination)}},
	}
	if !st.updated.IsZero() {
		d.LastUpdateTimestamp = aws.Time(st.updated)
	}
	if d.DeliveryStreamStatus == types.DeliveryStreamStatusCreatingFailed {
		d.FailureDescription = st.failure
	}
	if st.source != nil {
		d.Source = &types.SourceDescription{KinesisStreamSourceDescription: &types.KinesisStreamSourceDescription{
			KinesisStreamARN: st.source.KinesisStreamARN, RoleARN: st.source.RoleARN, DeliveryStartTimestamp: aws.Time(st.start),
		}}
	}
	return &firehose.DescribeDeliveryStreamOutput{DeliveryStreamDescription: d}, nil
}

// destinationID is that of a delivery stream's one destination.
const destinationID = "destinationId-000000000001"

func description(c types.ExtendedS3DestinationConfiguration) *types.ExtendedS3DestinationDescription {
	return &types.ExtendedS3DestinationDescription{
		BucketARN: c.BucketARN, RoleARN: c.RoleARN, BufferingHints: c.BufferingHints, CompressionFormat: c.CompressionFormat,
		EncryptionConfiguration: c.EncryptionConfiguration, CloudWatchLoggingOptions: c.CloudWatchLoggingOptions, CustomTimeZone: c.CustomTimeZone,
		DataFormatConversionConfiguration: c.DataFormatConversionConfiguration, ErrorOutputPrefix: c.ErrorOutputPrefix,
		FileExtension: c.FileExtension, Prefix: c.Prefix, ProcessingConfiguration: c.ProcessingConfiguration, S3BackupMode: c.S3BackupMode,
	}
}

func (s *Service) list(_ context.Context, in *firehose.ListDeliveryStreamsInput) (*firehose.ListDeliveryStreamsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.streams)) {
		st, err := s.find(name)
		if err == nil && name > aws.ToString(in.ExclusiveStartDeliveryStreamName) && (in.DeliveryStreamType == "" || in.DeliveryStreamType == st.kind) {
			names = append(names, name)
		}
	}
	most := 10
	if in.Limit != nil {
		most = int(*in.Limit)
	}
	more := len(names) > most
	return &firehose.ListDeliveryStreamsOutput{DeliveryStreamNames: names[:min(most, len(names))], HasMoreDeliveryStreams: aws.Bool(more)}, nil
}

// delete marks the stream; it is gone a while later. CREATING is the one state
// that refuses it.
func (s *Service) delete(_ context.Context, in *firehose.DeleteDeliveryStreamInput) (*firehose.DeleteDeliveryStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(*in.DeliveryStreamName)
	if err != nil {
		return nil, err
	}
	if s.status(st) == types.DeliveryStreamStatusCreating {
		return nil, wire.Errorf("ResourceInUseException", "Firehose %s is in CREATING state and can not be deleted.", st.name)
	}
	if st.deleted.IsZero() {
		st.deleted = time.Now()
		if st.quit != nil {
			st.quit()
		}
	}
	return &firehose.DeleteDeliveryStreamOutput{}, nil
}
