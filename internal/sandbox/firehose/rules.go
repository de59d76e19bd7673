package firehose

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

func invalid(format string, args ...any) error {
	return wire.Errorf("InvalidArgumentException", format, args...)
}

// checkShape refuses what a delivery stream can't be.
func checkShape(in *firehose.CreateDeliveryStreamInput) error {
	fromKinesis := in.DeliveryStreamType == types.DeliveryStreamTypeKinesisStreamAsSource
	switch {
	case in.S3DestinationConfiguration != nil && in.ExtendedS3DestinationConfiguration != nil:
		return invalid("Exactly one destination configuration is supported for a Firehose")
	case in.ExtendedS3DestinationConfiguration == nil:
		return invalid("Exactly one destination configuration is supported for a Firehose (the sandbox knows ExtendedS3DestinationConfiguration alone)")
	case fromKinesis && in.KinesisStreamSourceConfiguration == nil:
		return invalid("KinesisStreamSourceConfiguration must be specified for KinesisStreamAsSource delivery stream type")
	case !fromKinesis && in.KinesisStreamSourceConfiguration != nil:
		return invalid("KinesisStreamSourceConfiguration is only applicable for KinesisStreamAsSource delivery stream type")
	case fromKinesis && in.DeliveryStreamEncryptionConfigurationInput != nil:
		return invalid("DeliveryStreamEncryptionConfigurationInput can not be specified for KinesisStreamAsSource delivery stream type")
	case in.DeliveryStreamEncryptionConfigurationInput != nil:
		return invalid("the sandbox encrypts no delivery streams")
	case in.DeliveryStreamType != "" && !fromKinesis && in.DeliveryStreamType != types.DeliveryStreamTypeDirectPut:
		return invalid("the sandbox has no delivery streams of type %s", in.DeliveryStreamType)
	}
	return nil
}

// checkDestination refuses what the guide forbids ("Converting input record
// format", "Custom prefixes for Amazon S3 objects") and fills in the defaults.
func checkDestination(c *types.ExtendedS3DestinationConfiguration) error {
	switch {
	case c.DynamicPartitioningConfiguration != nil && aws.ToBool(c.DynamicPartitioningConfiguration.Enabled),
		c.ProcessingConfiguration != nil && aws.ToBool(c.ProcessingConfiguration.Enabled),
		c.S3BackupMode == types.S3BackupModeEnabled:
		return invalid("the sandbox partitions, processes and backs up nothing")
	}
	converting := c.DataFormatConversionConfiguration != nil && enabled(c.DataFormatConversionConfiguration.Enabled)
	if err := checkBuffer(c, converting); err != nil {
		return err
	}
	if err := checkPrefixes(aws.ToString(c.Prefix), aws.ToString(c.ErrorOutputPrefix)); err != nil {
		return err
	}
	if _, err := time.LoadLocation(aws.ToString(c.CustomTimeZone)); err != nil {
		return invalid("Invalid CustomTimeZone %s", *c.CustomTimeZone)
	}
	if l := c.CloudWatchLoggingOptions; l != nil && aws.ToBool(l.Enabled) && (aws.ToString(l.LogGroupName) == "" || aws.ToString(l.LogStreamName) == "") {
		return invalid("LogGroupName and LogStreamName must be specified when CloudWatch logging is enabled")
	}
	if converting {
		if err := checkConversion(c.DataFormatConversionConfiguration); err != nil {
			return err
		}
		if c.CompressionFormat != "" && c.CompressionFormat != types.CompressionFormatUncompressed {
			return invalid("CompressionFormat must be set to UNCOMPRESSED when data format conversion is enabled")
		}
	}
	if c.CompressionFormat != "" && c.CompressionFormat != types.CompressionFormatUncompressed && c.CompressionFormat != types.CompressionFormatGzip {
		return invalid("the sandbox compresses by GZIP alone, not by %s", c.CompressionFormat)
	}
	if c.CompressionFormat == "" {
		c.CompressionFormat = types.CompressionFormatUncompressed
	}
	if c.EncryptionConfiguration == nil {
		c.EncryptionConfiguration = &types.EncryptionConfiguration{NoEncryptionConfig: types.NoEncryptionConfigNoEncryption}
	}
	if c.S3BackupMode == "" {
		c.S3BackupMode = types.S3BackupModeDisabled
	}
	if c.CloudWatchLoggingOptions == nil {
		c.CloudWatchLoggingOptions = &types.CloudWatchLoggingOptions{Enabled: aws.Bool(false)}
	}
	return nil
}

// enabled reads a switch that is on unless it says otherwise.
func enabled(b *bool) bool { return b == nil || *b }

// convertingMB is the least that is buffered before a conversion.
const convertingMB = 64

func checkBuffer(c *types.ExtendedS3DestinationConfiguration, converting bool) error {
	if c.BufferingHints == nil {
		c.BufferingHints = &types.BufferingHints{SizeInMBs: aws.Int32(5), IntervalInSeconds: aws.Int32(300)}
		if converting {
			c.BufferingHints.SizeInMBs = aws.Int32(128)
		}
	}
	h := c.BufferingHints
	if (h.SizeInMBs == nil) != (h.IntervalInSeconds == nil) {
		return invalid("Either both or neither of BufferingHints SizeInMBs and IntervalInSeconds must be specified")
	}
	if converting && aws.ToInt32(h.SizeInMBs) < convertingMB {
		return invalid("BufferingHints.SizeInMBs must be at least %d when data format conversion is enabled", convertingMB)
	}
	return nil
}

var expression = wire.Pattern(`!\{([^}:]*):?([^}]*)\}`)

const errorType = "!{firehose:error-output-type}"

func checkPrefixes(prefix, errorPrefix string) error {
	hasExpression := false
	for i, p := range []string{prefix, errorPrefix} {
		for _, m := range expression().FindAllStringSubmatch(p, -1) {
			hasExpression = true
			namespace, value := m[1], m[2]
			switch {
			case namespace == "timestamp" && value != "":
				if _, ok := javaTime(value, time.Time{}); !ok {
					return invalid("Invalid timestamp format %s (the sandbox knows no week-based years)", m[0])
				}
			case namespace == "firehose" && value == "random-string":
			case namespace == "firehose" && value == "error-output-type":
				if i == 0 {
					return invalid("Prefix can not contain %s", errorType)
				}
			case strings.HasPrefix(namespace, "partitionKeyFrom"):
				return invalid("The expression %s needs dynamic partitioning, and only in Prefix", m[0])
			default:
				return invalid("Invalid expression %s", m[0])
			}
		}
		if strings.Count(p, "!{") != len(expression().FindAllString(p, -1)) {
			return invalid("Unterminated expression in %q", p)
		}
	}
	if hasExpression && !strings.Contains(errorPrefix, errorType) {
		return invalid("ErrorOutputPrefix must be specified and contain %s when a prefix contains expressions", errorType)
	}
	return nil
}

func checkConversion(c *types.DataFormatConversionConfiguration) error {
	switch in, out := c.InputFormatConfiguration, c.OutputFormatConfiguration; {
	case in == nil || in.Deserializer == nil || (in.Deserializer.OpenXJsonSerDe == nil) == (in.Deserializer.HiveJsonSerDe == nil):
		return invalid("Exactly one deserializer must be specified in InputFormatConfiguration")
	case out == nil || out.Serializer == nil || (out.Serializer.ParquetSerDe == nil) == (out.Serializer.OrcSerDe == nil):
		return invalid("Exactly one serializer must be specified in OutputFormatConfiguration")
	}
	s := c.SchemaConfiguration
	if s == nil || aws.ToString(s.RoleARN) == "" || aws.ToString(s.DatabaseName) == "" || aws.ToString(s.TableName) == "" {
		return invalid("RoleARN, DatabaseName and TableName must be specified in SchemaConfiguration")
	}
	return nil
}
