package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/ccs-platform/ccsctl/internal/resource"
)

// configuration is the wanted destination. Compression is Parquet's own: with a
// conversion the destination's must be UNCOMPRESSED (trap 18).
func (s *Stream) configuration() *types.ExtendedS3DestinationConfiguration {
	return &types.ExtendedS3DestinationConfiguration{
		RoleARN: &s.spec.RoleARN, BucketARN: &s.spec.BucketARN, Prefix: &s.spec.Prefix, ErrorOutputPrefix: &s.spec.ErrorPrefix,
		BufferingHints: &types.BufferingHints{
			SizeInMBs: &s.spec.BufferMB, IntervalInSeconds: aws.Int32(int32(s.spec.BufferInterval / time.Second)),
		},
		CompressionFormat: types.CompressionFormatUncompressed,
		// The bucket encrypts what arrives with its own key.
		EncryptionConfiguration: &types.EncryptionConfiguration{NoEncryptionConfig: types.NoEncryptionConfigNoEncryption},
		CloudWatchLoggingOptions: &types.CloudWatchLoggingOptions{
			Enabled: aws.Bool(true), LogGroupName: &s.spec.LogGroup, LogStreamName: &s.spec.LogStream,
		},
		DataFormatConversionConfiguration: &types.DataFormatConversionConfiguration{
			Enabled:                   aws.Bool(true),
			InputFormatConfiguration:  &types.InputFormatConfiguration{Deserializer: &types.Deserializer{OpenXJsonSerDe: &types.OpenXJsonSerDe{}}},
			OutputFormatConfiguration: &types.OutputFormatConfiguration{Serializer: &types.Serializer{ParquetSerDe: &types.ParquetSerDe{Compression: types.ParquetCompressionGzip}}},
			SchemaConfiguration: &types.SchemaConfiguration{
				RoleARN: &s.spec.RoleARN, DatabaseName: &s.spec.Database, TableName: &s.spec.Table, Region: &s.spec.Region, VersionId: aws.String(latest),
			},
		},
	}
}

// latest follows every change of the table.
const latest = "LATEST"

// update sends the whole destination: what is left out would stay as it is. The
// version that it read makes AWS refuse it when somebody else was quicker; that
// refusal is tried again.
func (s *Stream) update(ctx context.Context) error {
	live, err := s.describe(ctx)
	if err != nil {
		return err
	}
	if live == nil || len(live.Destinations) == 0 {
		return fmt.Errorf("%s is gone", s.spec.DeliveryName)
	}
	c := s.configuration()
	_, err = s.firehose.UpdateDestination(ctx, &firehose.UpdateDestinationInput{
		DeliveryStreamName: &s.spec.DeliveryName, CurrentDeliveryStreamVersionId: live.VersionId, DestinationId: live.Destinations[0].DestinationId,
		ExtendedS3DestinationUpdate: &types.ExtendedS3DestinationUpdate{
			RoleARN: c.RoleARN, BucketARN: c.BucketARN, Prefix: c.Prefix, ErrorOutputPrefix: c.ErrorOutputPrefix, BufferingHints: c.BufferingHints,
			CompressionFormat: c.CompressionFormat, EncryptionConfiguration: c.EncryptionConfiguration, CloudWatchLoggingOptions: c.CloudWatchLoggingOptions,
			DataFormatConversionConfiguration: c.DataFormatConversionConfiguration,
		},
	})
	return err
}

// diffSource lists what AWS can't change: where it reads and as whom.
func (s *Stream) diffSource(live *types.DeliveryStreamDescription) []resource.Attribute {
	var source types.KinesisStreamSourceDescription
	if live.Source != nil && live.Source.KinesisStreamSourceDescription != nil {
		source = *live.Source.KinesisStreamSourceDescription
	}
	var diff []resource.Attribute
	for _, set := range []setting{
		{"source", aws.ToString(source.KinesisStreamARN), s.spec.StreamARN},
		{"source_role", aws.ToString(source.RoleARN), s.spec.RoleARN},
	} {
		if set.live != set.want {
			diff = append(diff, resource.Attribute{Name: set.name, Old: set.live, New: set.want, Replaces: true})
		}
	}
	return diff
}

func (s *Stream) diffDestination(live *types.DeliveryStreamDescription) []resource.Attribute {
	var d *types.ExtendedS3DestinationDescription
	if len(live.Destinations) > 0 {
		d = live.Destinations[0].ExtendedS3DestinationDescription
	}
	if d == nil {
		d = &types.ExtendedS3DestinationDescription{}
	}
	var diff []resource.Attribute
	for _, set := range s.settings(d) {
		if set.live != set.want {
			diff = append(diff, resource.Attribute{Name: set.name, Old: set.live, New: set.want})
		}
	}
	return diff
}

// setting is one thing about the destination in words, as it is and as it
// should be.
type setting struct{ name, live, want string }

// settings compares a live destination, nil for none, with the wanted one by the
// same words for both.
func (s *Stream) settings(d *types.ExtendedS3DestinationDescription) []setting {
	if d == nil {
		d = &types.ExtendedS3DestinationDescription{}
	}
	c := s.configuration()
	return []setting{
		{"bucket", aws.ToString(d.BucketARN), *c.BucketARN},
		{"role", aws.ToString(d.RoleARN), *c.RoleARN},
		{"prefix", aws.ToString(d.Prefix), *c.Prefix},
		{"error_prefix", aws.ToString(d.ErrorOutputPrefix), *c.ErrorOutputPrefix},
		{"buffer", buffer(d.BufferingHints), buffer(c.BufferingHints)},
		{"compression", compression(d.CompressionFormat, d.DataFormatConversionConfiguration), compression(c.CompressionFormat, c.DataFormatConversionConfiguration)},
		{"format", format(d.DataFormatConversionConfiguration), format(c.DataFormatConversionConfiguration)},
		{"schema", schema(d.DataFormatConversionConfiguration, s.spec.Region), schema(c.DataFormatConversionConfiguration, s.spec.Region)},
		{"encryption", encryption(d.EncryptionConfiguration), encryption(c.EncryptionConfiguration)},
		{"error_log", errorLog(d.CloudWatchLoggingOptions), errorLog(c.CloudWatchLoggingOptions)},
	}
}

func buffer(h *types.BufferingHints) string {
	if h == nil {
		return ""
	}
	return fmt.Sprintf("%d MB or %d s", aws.ToInt32(h.SizeInMBs), aws.ToInt32(h.IntervalInSeconds))
}

// converting reads a conversion whose switch is on unless it says otherwise.
func converting(c *types.DataFormatConversionConfiguration) bool {
	return c != nil && (c.Enabled == nil || *c.Enabled)
}

// compression is what the objects are compressed with, wherever that is said.
func compression(outer types.CompressionFormat, c *types.DataFormatConversionConfiguration) string {
	if !converting(c) {
		return string(outer)
	}
	if o := c.OutputFormatConfiguration; o != nil && o.Serializer != nil {
		switch ser := o.Serializer; {
		case ser.ParquetSerDe != nil && ser.ParquetSerDe.Compression != "":
			return string(ser.ParquetSerDe.Compression)
		case ser.OrcSerDe != nil && ser.OrcSerDe.Compression != "":
			return string(ser.OrcSerDe.Compression)
		}
	}
	return string(types.ParquetCompressionSnappy) // AWS's default for both
}

func format(c *types.DataFormatConversionConfiguration) string {
	if !converting(c) {
		return "as it comes"
	}
	from, to := "Hive JSON", "ORC"
	if in := c.InputFormatConfiguration; in != nil && in.Deserializer != nil && in.Deserializer.OpenXJsonSerDe != nil {
		from = "OpenX JSON"
	}
	if out := c.OutputFormatConfiguration; out != nil && out.Serializer != nil && out.Serializer.ParquetSerDe != nil {
		to = "Parquet"
	}
	return from + " to " + to
}

// schema names the table, and whatever is unusual about how it is read.
func schema(c *types.DataFormatConversionConfiguration, region string) string {
	if !converting(c) || c.SchemaConfiguration == nil {
		return ""
	}
	sc := c.SchemaConfiguration
	words := aws.ToString(sc.DatabaseName) + "." + aws.ToString(sc.TableName) + " as " + aws.ToString(sc.RoleARN)
	if v := aws.ToString(sc.VersionId); v != "" && v != latest {
		words += " version " + v
	}
	if r := aws.ToString(sc.Region); r != "" && r != region {
		words += " in " + r
	}
	return words
}

func encryption(e *types.EncryptionConfiguration) string {
	if e != nil && e.KMSEncryptionConfig != nil {
		return aws.ToString(e.KMSEncryptionConfig.AWSKMSKeyARN)
	}
	return "the bucket's"
}

func errorLog(l *types.CloudWatchLoggingOptions) string {
	if l == nil || !aws.ToBool(l.Enabled) {
		return "off"
	}
	return aws.ToString(l.LogGroupName) + " " + aws.ToString(l.LogStreamName)
}
