package firehose_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

const (
	name      = "lake"
	region    = sandbox.Region + ":" + sandbox.Account
	streamARN = "arn:aws:kinesis:" + region + ":stream/telemetry"
	roleARN   = "arn:aws:iam::" + sandbox.Account + ":role/delivery"
)

// enough is all that a delivery stream's role must be allowed.
func enough() []string {
	return []string{
		"kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards",
		"glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions",
		"s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload",
		"logs:PutLogEvents",
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// allow gives the role these actions and no others.
func allow(t *testing.T, cfg aws.Config, actions []string) {
	t.Helper()
	_, err := iam.NewFromConfig(cfg).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("delivery"), PolicyName: aws.String("p"),
		PolicyDocument: aws.String(fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":["%s"]}]}`, strings.Join(actions, `","`)))})
	must(t, err)
}

// world is all that a delivery stream needs.
func world(t *testing.T, o sandbox.Options) (*firehose.Client, aws.Config) {
	t.Helper()
	c, cfg, _ := livingWorld(t, o)
	return c, cfg
}

// livingWorld is a world and its sandbox, which can run.
func livingWorld(t *testing.T, o sandbox.Options) (*firehose.Client, aws.Config, *sandbox.Sandbox) {
	t.Helper()
	s, cfg := sandboxtest.New(t, o)
	ctx := t.Context()
	_, err := kinesis.NewFromConfig(cfg).CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("telemetry"), ShardCount: aws.Int32(1)})
	must(t, err)
	_, err = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: aws.String("lake"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: sandbox.Region}})
	must(t, err)
	catalog := glue.NewFromConfig(cfg)
	_, err = catalog.CreateDatabase(ctx, &glue.CreateDatabaseInput{DatabaseInput: &gluetypes.DatabaseInput{Name: aws.String("db")}})
	must(t, err)
	_, err = catalog.CreateTable(ctx, &glue.CreateTableInput{DatabaseName: aws.String("db"), TableInput: &gluetypes.TableInput{Name: aws.String("events"),
		StorageDescriptor: &gluetypes.StorageDescriptor{Columns: []gluetypes.Column{
			{Name: aws.String("id"), Type: aws.String("string")}, {Name: aws.String("n"), Type: aws.String("int")}}}}})
	must(t, err)
	logs := cloudwatchlogs.NewFromConfig(cfg)
	_, err = logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("errors")})
	must(t, err)
	_, err = logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("errors"), LogStreamName: aws.String("s3")})
	must(t, err)
	_, err = iam.NewFromConfig(cfg).CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("delivery"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"firehose.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	must(t, err)
	allow(t, cfg, enough())
	return firehose.NewFromConfig(cfg, func(o *firehose.Options) { o.RetryMaxAttempts = 1 }), cfg, s
}

// good is a delivery stream that AWS would make.
func good() *firehose.CreateDeliveryStreamInput {
	return &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName: aws.String(name), DeliveryStreamType: types.DeliveryStreamTypeKinesisStreamAsSource,
		KinesisStreamSourceConfiguration: &types.KinesisStreamSourceConfiguration{KinesisStreamARN: aws.String(streamARN), RoleARN: aws.String(roleARN)},
		ExtendedS3DestinationConfiguration: &types.ExtendedS3DestinationConfiguration{
			BucketARN: aws.String("arn:aws:s3:::lake"), RoleARN: aws.String(roleARN),
			Prefix: aws.String("t/year=!{timestamp:yyyy}/"), ErrorOutputPrefix: aws.String("e/!{firehose:error-output-type}/"),
			BufferingHints:           &types.BufferingHints{SizeInMBs: aws.Int32(64), IntervalInSeconds: aws.Int32(60)},
			CloudWatchLoggingOptions: &types.CloudWatchLoggingOptions{Enabled: aws.Bool(true), LogGroupName: aws.String("errors"), LogStreamName: aws.String("s3")},
			DataFormatConversionConfiguration: &types.DataFormatConversionConfiguration{
				InputFormatConfiguration:  &types.InputFormatConfiguration{Deserializer: &types.Deserializer{OpenXJsonSerDe: &types.OpenXJsonSerDe{}}},
				OutputFormatConfiguration: &types.OutputFormatConfiguration{Serializer: &types.Serializer{ParquetSerDe: &types.ParquetSerDe{Compression: types.ParquetCompressionGzip}}},
				SchemaConfiguration:       &types.SchemaConfiguration{RoleARN: aws.String(roleARN), DatabaseName: aws.String("db"), TableName: aws.String("events")},
			},
		},
	}
}

func TestCreationsThatAreRefused(t *testing.T) {
	c, _ := world(t, sandbox.Options{})
	type input = firehose.CreateDeliveryStreamInput
	for what, spoil := range map[string]func(in *input, d *types.ExtendedS3DestinationConfiguration){
		"GZIP outside Parquet (trap 18)": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.CompressionFormat = types.CompressionFormatGzip
		},
		"63 MB (trap 18)": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.BufferingHints.SizeInMBs = aws.Int32(63)
		},
		"129 MB": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.BufferingHints.SizeInMBs = aws.Int32(129)
		},
		"one buffering hint": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.BufferingHints.IntervalInSeconds = nil
		},
		"no error prefix (trap 19)": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.ErrorOutputPrefix = nil
		},
		"error prefix without the type": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.ErrorOutputPrefix = aws.String("errors/")
		},
		"error type in the prefix": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.Prefix = aws.String("!{firehose:error-output-type}/")
		},
		"partition key without partitioning": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.Prefix = aws.String("!{partitionKeyFromQuery:id}/")
		},
		"unknown expression": func(_ *input, d *types.ExtendedS3DestinationConfiguration) { d.Prefix = aws.String("!{date:yyyy}/") },
		"unfinished expression": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.Prefix = aws.String("!{timestamp:yyyy/")
		},
		"no table named": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.DataFormatConversionConfiguration.SchemaConfiguration.TableName = nil
		},
		"no such table": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.DataFormatConversionConfiguration.SchemaConfiguration.TableName = aws.String("other")
		},
		"no serializer": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.DataFormatConversionConfiguration.OutputFormatConfiguration = nil
		},
		"two deserializers": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.DataFormatConversionConfiguration.InputFormatConfiguration.Deserializer.HiveJsonSerDe = &types.HiveJsonSerDe{}
		},
		"no such bucket": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.BucketARN = aws.String("arn:aws:s3:::nowhere")
		},
		"no such role": func(_ *input, d *types.ExtendedS3DestinationConfiguration) { d.RoleARN = aws.String(roleARN + "x") },
		"no log stream (trap 20)": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.CloudWatchLoggingOptions.LogStreamName = aws.String("none")
		},
		"log without a name": func(_ *input, d *types.ExtendedS3DestinationConfiguration) {
			d.CloudWatchLoggingOptions.LogGroupName = nil
		},
		"no such stream": func(in *input, _ *types.ExtendedS3DestinationConfiguration) {
			in.KinesisStreamSourceConfiguration.KinesisStreamARN = aws.String(streamARN + "x")
		},
		"no source": func(in *input, _ *types.ExtendedS3DestinationConfiguration) {
			in.KinesisStreamSourceConfiguration = nil
		},
		"source of a direct put": func(in *input, _ *types.ExtendedS3DestinationConfiguration) {
			in.DeliveryStreamType = types.DeliveryStreamTypeDirectPut
		},
		"encryption of its own": func(in *input, _ *types.ExtendedS3DestinationConfiguration) {
			in.DeliveryStreamEncryptionConfigurationInput = &types.DeliveryStreamEncryptionConfigurationInput{KeyType: types.KeyTypeAwsOwnedCmk}
		},
		"no destination": func(in *input, _ *types.ExtendedS3DestinationConfiguration) {
			in.ExtendedS3DestinationConfiguration = nil
		},
		"tag with a comma (trap 36)": func(in *input, _ *types.ExtendedS3DestinationConfiguration) {
			in.Tags = []types.Tag{{Key: aws.String("a"), Value: aws.String("1,2")}}
		},
		"bad name": func(in *input, _ *types.ExtendedS3DestinationConfiguration) {
			in.DeliveryStreamName = aws.String("a b")
		},
	} {
		in := good()
		spoil(in, in.ExtendedS3DestinationConfiguration)
		if _, err := c.CreateDeliveryStream(t.Context(), in); !apierr.Is(err, "InvalidArgumentException") {
			t.Errorf("%s: got %v, want InvalidArgumentException", what, err)
		}
	}
	_, err := c.CreateDeliveryStream(t.Context(), good())
	must(t, err)
	if _, err := c.CreateDeliveryStream(t.Context(), good()); !apierr.Is(err, "ResourceInUseException") || !apierr.Exists(err) {
		t.Errorf("again: got %v, want ResourceInUseException, already exists", err)
	}
}

// Each permission is needed, because AWS finds some of them missing only when
// nothing arrives (trap 20).
func TestEveryPermissionIsNeeded(t *testing.T) {
	c, cfg := world(t, sandbox.Options{})
	for i, action := range enough() {
		allow(t, cfg, slices.Delete(enough(), i, i+1))
		if _, err := c.CreateDeliveryStream(t.Context(), good()); !apierr.Is(err, "InvalidArgumentException") {
			t.Errorf("without %s: got %v, want InvalidArgumentException", action, err)
		}
	}
}

func TestLifeTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := world(t, sandbox.Options{Timing: "aws"})
		time.Sleep(time.Minute)
		status := func() types.DeliveryStreamStatus {
			out, err := c.DescribeDeliveryStream(t.Context(), &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: aws.String(name)})
			if apierr.NotFound(err) {
				return ""
			}
			must(t, err)
			return out.DeliveryStreamDescription.DeliveryStreamStatus
		}
		remove := func() error {
			_, err := c.DeleteDeliveryStream(t.Context(), &firehose.DeleteDeliveryStreamInput{DeliveryStreamName: aws.String(name)})
			return err
		}
		expect := func(want types.DeliveryStreamStatus) {
			t.Helper()
			if got := status(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		_, err := c.CreateDeliveryStream(t.Context(), good())
		must(t, err)
		expect(types.DeliveryStreamStatusCreating)
		if err := remove(); !apierr.Is(err, "ResourceInUseException") || apierr.Exists(err) {
			t.Errorf("delete while CREATING: got %v", err)
		}
		time.Sleep(time.Minute)
		expect(types.DeliveryStreamStatusActive)
		must(t, remove())
		must(t, remove())
		expect(types.DeliveryStreamStatusDeleting)
		if _, err := c.CreateDeliveryStream(t.Context(), good()); !apierr.Is(err, "ResourceInUseException") {
			t.Errorf("create while DELETING: got %v", err)
		}
		time.Sleep(3 * time.Minute)
		expect("")
	})
}

func TestUpdatesMergeAndNeedTheVersion(t *testing.T) {
	c, _ := world(t, sandbox.Options{})
	_, err := c.CreateDeliveryStream(t.Context(), good())
	must(t, err)
	update := func(version string, u *types.ExtendedS3DestinationUpdate) error {
		_, err := c.UpdateDestination(t.Context(), &firehose.UpdateDestinationInput{DeliveryStreamName: aws.String(name),
			CurrentDeliveryStreamVersionId: &version, DestinationId: aws.String("destinationId-000000000001"), ExtendedS3DestinationUpdate: u})
		return err
	}
	must(t, update("1", &types.ExtendedS3DestinationUpdate{Prefix: aws.String("plain/")}))
	if err := update("1", &types.ExtendedS3DestinationUpdate{Prefix: aws.String("again/")}); !apierr.Is(err, "ConcurrentModificationException") {
		t.Errorf("stale version: got %v", err)
	}
	if err := update("2", &types.ExtendedS3DestinationUpdate{CompressionFormat: types.CompressionFormatGzip}); !apierr.Is(err, "InvalidArgumentException") {
		t.Errorf("an update that would be refused as a creation: got %v", err)
	}
	out, err := c.DescribeDeliveryStream(t.Context(), &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: aws.String(name)})
	must(t, err)
	d := out.DeliveryStreamDescription.Destinations[0].ExtendedS3DestinationDescription
	if *out.DeliveryStreamDescription.VersionId != "2" || *d.Prefix != "plain/" || *d.BufferingHints.SizeInMBs != 64 {
		t.Errorf("got version %s, prefix %s, %d MB", *out.DeliveryStreamDescription.VersionId, *d.Prefix, *d.BufferingHints.SizeInMBs)
	}
}
