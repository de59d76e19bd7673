package firehose

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/firehose/convert"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// object is one object to write, and what is in it.
type object struct {
	key     string
	data    []byte
	records int
	bytes   int // as they came
	oldest  time.Time

	converted bool
	failure   bool // of records that could not be
}

// newObject names an object of records.
func (t target) newObject(data []byte, records []bus.Record, failure, extension string) object {
	o := object{data: data, records: len(records), oldest: records[0].Arrived, converted: t.conversion() != nil, failure: failure != ""}
	for _, r := range records {
		o.bytes += len(r.Data)
		if r.Arrived.Before(o.oldest) {
			o.oldest = r.Arrived
		}
	}
	o.key = t.objectKey(o.oldest, failure, extension)
	return o
}

// objects are those that a buffer becomes.
func (s *Service) objects(t target, records []bus.Record) []object {
	conversion := t.conversion()
	if conversion == nil {
		data, extension := plain(t.destination.CompressionFormat, records)
		return []object{t.newObject(data, records, "", extension)}
	}
	var objects []object
	file, good, failed := s.convert(conversion, records)
	if len(good) > 0 {
		objects = append(objects, t.newObject(file, good, "", ".parquet"))
	}
	if len(failed) > 0 {
		var bad []bus.Record
		for _, f := range failed {
			bad = append(bad, f.record)
		}
		objects = append(objects, t.newObject(s.errorLines(t, conversion.SchemaConfiguration, failed), bad, "format-conversion-failed", ""))
	}
	return objects
}

// plain puts records one after the other, with nothing between.
func plain(format types.CompressionFormat, records []bus.Record) (data []byte, extension string) {
	var all bytes.Buffer
	for _, r := range records {
		all.Write(r.Data)
	}
	if format != types.CompressionFormatGzip {
		return all.Bytes(), ""
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(all.Bytes()) // to memory
	_ = w.Close()
	return packed.Bytes(), ".gz"
}

// failed is a record that could not be converted.
type failed struct {
	record bus.Record
	why    *convert.Failure
}

// convert makes a Parquet file of the records that fit the table. Without a
// table none does.
func (s *Service) convert(c *types.DataFormatConversionConfiguration, records []bus.Record) (file []byte, good []bus.Record, bad []failed) {
	table, err := s.table(c)
	if err != nil {
		return nil, nil, failAll(records, err)
	}
	f := table.Begin()
	for _, r := range records {
		if err := f.Add(r.Data); err != nil {
			bad = append(bad, failed{r, failure(err)})
			continue
		}
		good = append(good, r)
	}
	if len(good) == 0 {
		return nil, nil, bad
	}
	return f.Bytes(), good, bad
}

func failAll(records []bus.Record, err error) []failed {
	all := make([]failed, len(records))
	for i, r := range records {
		all[i] = failed{r, failure(err)}
	}
	return all
}

func failure(err error) *convert.Failure {
	if why, ok := errors.AsType[*convert.Failure](err); ok {
		return why
	}
	return &convert.Failure{Code: "DataFormatConversion.InternalError", Message: err.Error()}
}

// table is what records are converted by: the newest version of the Glue table
// unless the configuration wants another.
func (s *Service) table(c *types.DataFormatConversionConfiguration) (*convert.Table, error) {
	schema := c.SchemaConfiguration
	if err := s.mayUseTable(*schema.RoleARN, *schema.DatabaseName, *schema.TableName); err != nil {
		return nil, &convert.Failure{Code: "DataFormatConversion.AccessDenied", Message: err.Error()}
	}
	version := aws.ToString(schema.VersionId)
	if version == "LATEST" {
		version = ""
	}
	columns, ok := s.bus.Tables.Columns(*schema.DatabaseName, *schema.TableName, version)
	if !ok {
		return nil, &convert.Failure{Code: convert.InvalidSchema, Message: "The schema is invalid. The specified table was not found."}
	}
	in, out := c.InputFormatConfiguration.Deserializer.OpenXJsonSerDe, c.OutputFormatConfiguration.Serializer.ParquetSerDe
	if in == nil || out == nil {
		// AWS takes the others, and so a stream may be changed to them; its
		// records then say under the error prefix why they are there.
		return nil, &convert.Failure{Code: convert.InvalidSchema, Message: "the sandbox converts by OpenXJsonSerDe and ParquetSerDe alone"}
	}
	return convert.New(columns, convert.Options{
		Keys: in.ColumnToJsonKeyMappings, CaseSensitive: !enabled(in.CaseInsensitive), Dots: aws.ToBool(in.ConvertDotsInJsonKeysToUnderscores),
		Compression: string(out.Compression), PageBytes: int(aws.ToInt32(out.PageSizeBytes)), BlockBytes: int(aws.ToInt32(out.BlockSizeBytes)),
	})
}

// errorLine is what Firehose writes of a record that it could not convert
// ("Handling errors for data format conversion"; the names of the error's
// members as it really writes them).
type errorLine struct {
	AttemptsMade           int        `json:"attemptsMade"`
	ArrivalTimestamp       int64      `json:"arrivalTimestamp"`
	LastErrorCode          string     `json:"lastErrorCode"`
	LastErrorMessage       string     `json:"lastErrorMessage"`
	AttemptEndingTimestamp int64      `json:"attemptEndingTimestamp"`
	RawData                []byte     `json:"rawData"`
	SequenceNumber         *string    `json:"sequenceNumber"`
	SubSequenceNumber      *int       `json:"subSequenceNumber"`
	DataCatalogTable       errorTable `json:"dataCatalogTable"`
}

type errorTable struct {
	CatalogID    string  `json:"catalogId"`
	DatabaseName *string `json:"databaseName"`
	TableName    *string `json:"tableName"`
	Region       string  `json:"region"`
	VersionID    string  `json:"versionId"`
	RoleARN      *string `json:"roleArn"`
}

func (s *Service) errorLines(t target, schema *types.SchemaConfiguration, all []failed) []byte {
	table := errorTable{
		CatalogID: cmp.Or(aws.ToString(schema.CatalogId), s.bus.Account), DatabaseName: schema.DatabaseName, TableName: schema.TableName,
		Region: s.bus.Region, VersionID: cmp.Or(aws.ToString(schema.VersionId), "LATEST"), RoleARN: schema.RoleARN,
	}
	now := time.Now().UnixMilli()
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	lines.SetEscapeHTML(false)
	for _, f := range all {
		line := errorLine{
			AttemptsMade: 1, ArrivalTimestamp: f.record.Arrived.UnixMilli(), LastErrorCode: f.why.Code, LastErrorMessage: f.why.Message,
			AttemptEndingTimestamp: now, RawData: f.record.Data, DataCatalogTable: table,
		}
		if t.source {
			line.SequenceNumber, line.SubSequenceNumber = &f.record.Sequence, aws.Int(0)
		}
		if err := lines.Encode(line); err != nil {
			panic(err) // strings, numbers and bytes always marshal
		}
	}
	return out.Bytes()
}

// put writes an object, if the destination's role may.
func (s *Service) put(t target, o object) error {
	d := t.destination
	bucket := strings.TrimPrefix(*d.BucketARN, "arn:"+bus.Partition+":s3:::")
	denied := wire.Errorf("S3.AccessDenied", "Access was denied. Ensure that the trust policy for the provided IAM role allows Firehose to assume the role, and the access policy allows access to the S3 bucket.")
	if s.bus.Roles.Assume(*d.RoleARN, principal, s.arn(t.name)) != nil || !s.bus.Roles.Allowed(*d.RoleARN, "s3:PutObject", *d.BucketARN+"/"+o.key) {
		return denied
	}
	if !s.bus.Buckets.Bucket(bucket) {
		return wire.Errorf("S3.NoSuchBucket", "The specified bucket does not exist. Create the bucket or use a different bucket that does exist.")
	}
	ref := s.bus.Buckets.BucketKey(bucket)
	if k := d.EncryptionConfiguration.KMSEncryptionConfig; k != nil {
		ref = *k.AWSKMSKeyARN
	}
	switch key, ok := s.customerKey(ref); {
	case ref == "" || strings.Contains(ref, "alias/aws/"):
	case !ok:
		return wire.Errorf("S3.KMS.NotFoundException", "The provided AWS KMS key was not found: %s", ref)
	case key.State != "Enabled":
		return wire.Errorf("S3.KMS.KeyDisabled", "The provided KMS key is %s: %s", key.State, key.ARN)
	case !s.bus.Roles.Allowed(*d.RoleARN, "kms:GenerateDataKey", key.ARN):
		return denied
	}
	return s.bus.Objects.Put(bucket, o.key, "application/octet-stream", o.data)
}

// log writes a line to the error log, when there is one and the role may: AWS
// tells of failed deliveries nowhere else.
func (s *Service) log(t target, destination string, err error) {
	o := t.destination.CloudWatchLoggingOptions
	if !aws.ToBool(o.Enabled) || s.bus.Logs == nil || !s.bus.Logs.Stream(*o.LogGroupName, *o.LogStreamName) {
		return
	}
	if s.may(*t.destination.RoleARN, s.logStream(o), "logs:PutLogEvents") != nil {
		return
	}
	code, message := "InternalError", err.Error()
	if e, ok := errors.AsType[*wire.Error](err); ok {
		code, message = e.Code, e.Message
	}
	line, err := json.Marshal(map[string]any{
		"deliveryStreamARN": s.arn(t.name), "destination": destination, "deliveryStreamVersionId": t.version, "message": message, "errorCode": code,
	})
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	s.bus.Logs.Put(*o.LogGroupName, *o.LogStreamName, string(line))
}

func (s *Service) logStream(o *types.CloudWatchLoggingOptions) string {
	return s.bus.ARN("logs", fmt.Sprintf("log-group:%s:log-stream:%s", *o.LogGroupName, *o.LogStreamName))
}
