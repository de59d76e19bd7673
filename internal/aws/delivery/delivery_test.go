package delivery_test

import (
	"context"
	"encoding/json"
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
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/delivery"
	"github.com/ccs-platform/ccsctl/internal/graph"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/resource/resourcetest"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

const (
	name   = "ccs-test-data-lake"
	stream = "ccs-test-telemetry"
	bucket = "ccs-data-lake-test"
	group  = "/aws/kinesisfirehose/" + name
)

func streamARN(name string) string {
	return "arn:aws:kinesis:" + sandbox.Region + ":" + sandbox.Account + ":stream/" + name
}

func roleARN(name string) string { return "arn:aws:iam::" + sandbox.Account + ":role/" + name }

func spec() delivery.Spec {
	return delivery.Spec{
		Name: "data-lake", DeliveryName: name, StreamARN: streamARN(stream), RoleARN: roleARN("ccs-delivery"), BucketARN: "arn:aws:s3:::" + bucket,
		Prefix:      "telemetry/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/",
		ErrorPrefix: "errors/!{firehose:error-output-type}/!{timestamp:yyyy}/",
		BufferMB:    128, BufferInterval: 5 * time.Minute, Database: "ccs_test", Table: "telemetry", Region: sandbox.Region,
		LogGroup: group, LogStream: "errors",
		Owner: resource.Owner{Project: "ccs", Environment: "test", Extra: map[string]string{"Team": "data"}},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// setup makes what a delivery stream needs, and waits until AWS knows it.
func setup(t *testing.T, cfg aws.Config) {
	t.Helper()
	ctx := t.Context()
	ks := kinesis.NewFromConfig(cfg)
	for _, s := range []string{stream, "other"} {
		_, err := ks.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &s, ShardCount: aws.Int32(1)})
		must(t, err)
	}
	buckets := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	for _, b := range []string{bucket, "other"} {
		_, err := buckets.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &b, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: sandbox.Region}})
		must(t, err)
	}
	catalog := glue.NewFromConfig(cfg)
	_, err := catalog.CreateDatabase(ctx, &glue.CreateDatabaseInput{DatabaseInput: &gluetypes.DatabaseInput{Name: aws.String("ccs_test")}})
	must(t, err)
	for _, table := range []string{"telemetry", "other"} {
		_, err = catalog.CreateTable(ctx, &glue.CreateTableInput{DatabaseName: aws.String("ccs_test"), TableInput: &gluetypes.TableInput{Name: &table}})
		must(t, err)
	}
	logs := cloudwatchlogs.NewFromConfig(cfg)
	_, err = logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(group)})
	must(t, err)
	_, err = logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String(group), LogStreamName: aws.String("errors")})
	must(t, err)
	for _, r := range []string{"ccs-delivery", "other"} {
		role(t, cfg, r)
	}
	time.Sleep(30 * time.Second) // in a bubble
}

func role(t *testing.T, cfg aws.Config, name string) {
	t.Helper()
	roles := iam.NewFromConfig(cfg)
	_, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"firehose.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	must(t, err)
	_, err = roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("all"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)})
	must(t, err)
}

func TestLifecycle(t *testing.T) {
	resourcetest.Lifecycle(t, resourcetest.Case{
		New:   func(cfg aws.Config) resource.Resource { return delivery.New(cfg, spec()) },
		Setup: setup,
		Foreign: func(t *testing.T, cfg aws.Config) {
			_, err := firehose.NewFromConfig(cfg).CreateDeliveryStream(t.Context(), &firehose.CreateDeliveryStreamInput{
				DeliveryStreamName: aws.String(name), DeliveryStreamType: types.DeliveryStreamTypeKinesisStreamAsSource,
				KinesisStreamSourceConfiguration:   &types.KinesisStreamSourceConfiguration{KinesisStreamARN: aws.String(streamARN(stream)), RoleARN: aws.String(roleARN("ccs-delivery"))},
				ExtendedS3DestinationConfiguration: &types.ExtendedS3DestinationConfiguration{BucketARN: aws.String("arn:aws:s3:::other"), RoleARN: aws.String(roleARN("other"))},
			})
			must(t, err)
		},
		Drift: map[string]func(*testing.T, aws.Config){
			"bucket": drift(func(u *types.ExtendedS3DestinationUpdate) { u.BucketARN = aws.String("arn:aws:s3:::other") }),
			"role":   drift(func(u *types.ExtendedS3DestinationUpdate) { u.RoleARN = aws.String(roleARN("other")) }),
			"prefix": drift(func(u *types.ExtendedS3DestinationUpdate) { u.Prefix = aws.String("elsewhere/") }),
			"error_prefix": drift(func(u *types.ExtendedS3DestinationUpdate) {
				u.ErrorOutputPrefix = aws.String("x/!{firehose:error-output-type}/")
			}),
			"buffer": drift(func(u *types.ExtendedS3DestinationUpdate) {
				u.BufferingHints = &types.BufferingHints{SizeInMBs: aws.Int32(64), IntervalInSeconds: aws.Int32(60)}
			}),
			"encryption": drift(func(u *types.ExtendedS3DestinationUpdate) {
				u.EncryptionConfiguration = &types.EncryptionConfiguration{KMSEncryptionConfig: &types.KMSEncryptionConfig{
					AWSKMSKeyARN: aws.String("arn:aws:kms:" + sandbox.Region + ":" + sandbox.Account + ":key/12345678-1234-1234-1234-123456789012")}}
			}),
			"error_log": drift(func(u *types.ExtendedS3DestinationUpdate) {
				u.CloudWatchLoggingOptions = &types.CloudWatchLoggingOptions{Enabled: aws.Bool(false)}
			}),
			"compression": drift(conversion(func(c *types.DataFormatConversionConfiguration) {
				c.OutputFormatConfiguration.Serializer.ParquetSerDe.Compression = types.ParquetCompressionSnappy
			})),
			"format": drift(conversion(func(c *types.DataFormatConversionConfiguration) {
				c.InputFormatConfiguration.Deserializer = &types.Deserializer{HiveJsonSerDe: &types.HiveJsonSerDe{}}
			})),
			"schema": drift(conversion(func(c *types.DataFormatConversionConfiguration) {
				c.SchemaConfiguration.TableName = aws.String("other")
			})),
			"source": func(t *testing.T, cfg aws.Config) {
				recreate(t, cfg, func(s *delivery.Spec) { s.StreamARN = streamARN("other") })
			},
			"source_role": func(t *testing.T, cfg aws.Config) {
				recreate(t, cfg, func(s *delivery.Spec) { s.RoleARN = roleARN("other") })
			},
			"tags.Team": func(t *testing.T, cfg aws.Config) {
				_, err := firehose.NewFromConfig(cfg).TagDeliveryStream(t.Context(), &firehose.TagDeliveryStreamInput{
					DeliveryStreamName: aws.String(name), Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("x")}}})
				must(t, err)
			},
		},
	})
}

func drift(f func(*types.ExtendedS3DestinationUpdate)) func(*testing.T, aws.Config) {
	return func(t *testing.T, cfg aws.Config) {
		c := firehose.NewFromConfig(cfg)
		live := describe(t, cfg)
		u := &types.ExtendedS3DestinationUpdate{DataFormatConversionConfiguration: live.Destinations[0].ExtendedS3DestinationDescription.DataFormatConversionConfiguration}
		f(u)
		_, err := c.UpdateDestination(t.Context(), &firehose.UpdateDestinationInput{DeliveryStreamName: aws.String(name),
			CurrentDeliveryStreamVersionId: live.VersionId, DestinationId: live.Destinations[0].DestinationId, ExtendedS3DestinationUpdate: u})
		must(t, err)
	}
}

func conversion(f func(*types.DataFormatConversionConfiguration)) func(*types.ExtendedS3DestinationUpdate) {
	return func(u *types.ExtendedS3DestinationUpdate) { f(u.DataFormatConversionConfiguration) }
}

func describe(t *testing.T, cfg aws.Config) *types.DeliveryStreamDescription {
	t.Helper()
	out, err := firehose.NewFromConfig(cfg).DescribeDeliveryStream(t.Context(), &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: aws.String(name)})
	must(t, err)
	return out.DeliveryStreamDescription
}

// recreate replaces the live delivery stream by one of another spec.
func recreate(t *testing.T, cfg aws.Config, f func(*delivery.Spec)) {
	t.Helper()
	other := spec()
	f(&other)
	d := delivery.New(cfg, other)
	change, err := d.Removal(t.Context())
	must(t, err)
	must(t, apply(t, d, change))
	change, err = d.Diff(t.Context())
	must(t, err)
	must(t, apply(t, d, change))
}

type decided struct {
	*delivery.Stream
	change resource.Change
}

func (d *decided) Diff(context.Context) (resource.Change, error) { return d.change, nil }

// apply carries out a change as the planner does.
func apply(t *testing.T, d *delivery.Stream, c resource.Change) error {
	t.Helper()
	g := new(graph.Graph[resource.Resource])
	g.Add(&decided{d, c})
	p, err := plan.Compute(t.Context(), g)
	must(t, err)
	results, err := p.Apply(t.Context(), plan.Options{Sort: apierr.Sort})
	must(t, err)
	return results[0].Err
}

// A role made a moment ago is refused in the words of one that is wrong, and
// works a few seconds later (trap 1).
func TestAFreshRoleIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{Timing: "aws"})
		setup(t, cfg)
		role(t, cfg, "fresh")
		s := spec()
		s.RoleARN = roleARN("fresh")
		d := delivery.New(cfg, s)
		change, err := d.Diff(t.Context())
		must(t, err)
		must(t, apply(t, d, change))
	})
}

// A creation that failed is told in AWS's words and mended by making the stream
// again.
func TestAFailedCreationIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{Timing: "aws"})
		setup(t, cfg)
		keys := kms.NewFromConfig(cfg)
		key, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
		must(t, err)
		_, err = kinesis.NewFromConfig(cfg).StartStreamEncryption(t.Context(), &kinesis.StartStreamEncryptionInput{
			StreamName: aws.String(stream), EncryptionType: kinesistypes.EncryptionTypeKms, KeyId: key.KeyMetadata.Arn})
		must(t, err)
		time.Sleep(time.Minute)
		_, err = keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyMetadata.KeyId})
		must(t, err)

		d := delivery.New(cfg, spec())
		change, err := d.Diff(t.Context())
		must(t, err)
		if err := apply(t, d, change); err == nil || !strings.Contains(err.Error(), "DISABLED_KMS_KEY") {
			t.Fatalf("got %v, want AWS's reason", err)
		}
		change, err = d.Diff(t.Context())
		must(t, err)
		if change.Action != resource.Replace || !strings.Contains(change.Problem, "DISABLED_KMS_KEY") {
			t.Errorf("got %s, problem %q", change.Action, change.Problem)
		}
		_, err = keys.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key.KeyMetadata.KeyId})
		must(t, err)
		must(t, apply(t, d, change))
		if change, err = d.Diff(t.Context()); err != nil || change.Action != resource.None || change.Problem != "" {
			t.Errorf("got %s, problem %q, %v", change.Action, change.Problem, err)
		}
	})
}

// The JSON of a plan names every setting in words that a person can compare.
func TestCreateSaysWhatIsWorthReading(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	change, err := delivery.New(cfg, spec()).Diff(t.Context())
	must(t, err)
	text, err := json.Marshal(change)
	must(t, err)
	for _, want := range []string{"128 MB or 300 s", "OpenX JSON to Parquet", "GZIP", "ccs_test.telemetry", "firehose:CreateDeliveryStream"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}
