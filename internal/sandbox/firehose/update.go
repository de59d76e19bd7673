package firehose

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// update merges: what the call leaves out stays as it was. The result is checked
// like a new destination.
func (s *Service) update(_ context.Context, in *firehose.UpdateDestinationInput) (*firehose.UpdateDestinationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.active(*in.DeliveryStreamName)
	if err != nil {
		return nil, err
	}
	switch {
	case *in.DestinationId != destinationID:
		return nil, invalid("Destination Id %s not found", *in.DestinationId)
	case *in.CurrentDeliveryStreamVersionId != strconv.Itoa(st.version):
		return nil, wire.Errorf("ConcurrentModificationException", "Cannot update firehose: %s since the current version id: %d and specified version id: %s do not match",
			st.name, st.version, *in.CurrentDeliveryStreamVersionId)
	case in.ExtendedS3DestinationUpdate == nil:
		return nil, invalid("Exactly one destination update is supported (the sandbox knows ExtendedS3DestinationUpdate alone)")
	}
	next := stream{name: st.name, source: st.source, destination: merged(st.destination, in.ExtendedS3DestinationUpdate)}
	if err := checkDestination(&next.destination); err != nil {
		return nil, err
	}
	if err := s.checkAccess(&next); err != nil {
		return nil, err
	}
	st.destination, st.updated = next.destination, time.Now()
	st.version++
	return &firehose.UpdateDestinationOutput{}, nil
}

func merged(c types.ExtendedS3DestinationConfiguration, u *types.ExtendedS3DestinationUpdate) types.ExtendedS3DestinationConfiguration {
	set(&c.BucketARN, u.BucketARN)
	set(&c.RoleARN, u.RoleARN)
	set(&c.BufferingHints, u.BufferingHints)
	set(&c.CloudWatchLoggingOptions, u.CloudWatchLoggingOptions)
	set(&c.CustomTimeZone, u.CustomTimeZone)
	set(&c.DataFormatConversionConfiguration, u.DataFormatConversionConfiguration)
	set(&c.DynamicPartitioningConfiguration, u.DynamicPartitioningConfiguration)
	set(&c.EncryptionConfiguration, u.EncryptionConfiguration)
	set(&c.ErrorOutputPrefix, u.ErrorOutputPrefix)
	set(&c.FileExtension, u.FileExtension)
	set(&c.Prefix, u.Prefix)
	set(&c.ProcessingConfiguration, u.ProcessingConfiguration)
	if u.CompressionFormat != "" {
		c.CompressionFormat = u.CompressionFormat
	}
	if u.S3BackupMode != "" {
		c.S3BackupMode = u.S3BackupMode
	}
	return c
}

func set[T any](member **T, value *T) {
	if value != nil {
		*member = value
	}
}
