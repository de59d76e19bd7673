package firehose

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

const principal = "firehose.amazonaws.com"

// checkSource looks whether the source can be read, and whether its key will
// make the creation fail later.
func (s *Service) checkSource(st *stream) error {
	if st.source == nil {
		return nil
	}
	arn := *st.source.KinesisStreamARN
	source, ok := s.bus.Streams.Stream(arn)
	if !ok || !source.Active {
		return invalid("Kinesis stream %s is not found or not active.", arn)
	}
	if key, ok := s.bus.Keys.Key(source.KeyRef); ok && key.State != "Enabled" {
		st.failure = &types.FailureDescription{Type: types.DeliveryStreamFailureTypeDisabledKmsKey, Details: aws.String("The key " + key.ARN + " is " + key.State + ".")}
	}
	return nil
}

// checkAccess asks of the roles all that reading, converting and writing will
// need (Firehose guide, "Controlling access").
func (s *Service) checkAccess(st *stream) error {
	d := st.destination
	if err := s.assume(st, *d.RoleARN); err != nil {
		return err
	}
	if st.source != nil {
		if err := s.mayRead(st); err != nil {
			return err
		}
	}
	if c := d.DataFormatConversionConfiguration; c != nil && enabled(c.Enabled) {
		if err := s.mayConvert(st, c.SchemaConfiguration); err != nil {
			return err
		}
	}
	if err := s.mayWrite(d); err != nil {
		return err
	}
	if l := d.CloudWatchLoggingOptions; aws.ToBool(l.Enabled) {
		if !s.bus.Logs.Stream(*l.LogGroupName, *l.LogStreamName) {
			return invalid("The log stream %s of %s does not exist; Firehose would log no errors", *l.LogStreamName, *l.LogGroupName)
		}
		return s.may(*d.RoleARN, s.logStream(l), "logs:PutLogEvents")
	}
	return nil
}

func (s *Service) assume(st *stream, role string) error {
	if err := s.bus.Roles.Assume(role, principal, s.arn(st.name)); err != nil {
		return invalid("Firehose is unable to assume role %s. Please check the role provided.", role)
	}
	return nil
}

func (s *Service) may(role, resource string, actions ...string) error {
	for _, action := range actions {
		if !s.bus.Roles.Allowed(role, action, resource) {
			return invalid("Role %s is not authorized to perform: %s on resource %s.", role, action, resource)
		}
	}
	return nil
}

func (s *Service) mayRead(st *stream) error {
	role, arn := *st.source.RoleARN, *st.source.KinesisStreamARN
	if err := s.assume(st, role); err != nil {
		return err
	}
	if err := s.may(role, arn, "kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards"); err != nil {
		return err
	}
	source, _ := s.bus.Streams.Stream(arn)
	if key, ok := s.customerKey(source.KeyRef); ok {
		return s.may(role, key.ARN, "kms:Decrypt")
	}
	return nil
}

func (s *Service) mayConvert(st *stream, schema *types.SchemaConfiguration) error {
	role, database, table := *schema.RoleARN, *schema.DatabaseName, *schema.TableName
	if err := s.assume(st, role); err != nil {
		return err
	}
	if err := s.mayUseTable(role, database, table); err != nil {
		return err
	}
	if schema.Region != nil && *schema.Region != s.bus.Region {
		return invalid("the sandbox has no Glue in %s", *schema.Region)
	}
	if !s.bus.Tables.Table(database, table) {
		return invalid("The Glue table %s in database %s was not found.", table, database)
	}
	return nil
}

func (s *Service) mayUseTable(role, database, table string) error {
	for _, resource := range []string{"catalog", "database/" + database, "table/" + database + "/" + table} {
		for _, action := range []string{"glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"} {
			if !s.bus.Roles.Allowed(role, action, s.bus.ARN("glue", resource)) {
				return invalid("Access was denied when calling Glue. Please ensure that the role specified in the data format conversion configuration has the necessary permissions.")
			}
		}
	}
	return nil
}

func (s *Service) mayWrite(d types.ExtendedS3DestinationConfiguration) error {
	bucket, ok := strings.CutPrefix(*d.BucketARN, "arn:"+bus.Partition+":s3:::")
	if !ok || !s.bus.Buckets.Bucket(bucket) {
		return invalid("The specified bucket %s does not exist.", *d.BucketARN)
	}
	if err := s.may(*d.RoleARN, *d.BucketARN, "s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"); err != nil {
		return err
	}
	return s.may(*d.RoleARN, *d.BucketARN+"/telemetry", "s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload")
}
