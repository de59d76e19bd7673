package pipeline_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// drift is one thing that somebody changed behind our back, what the plan must
// say of it, and the call that undoes it.
type drift struct {
	id        string
	attribute string
	old, new  string // "" is not compared: a whole document
	call      string
	do        func(ctx context.Context, cfg aws.Config) error
}

// drifts has one of every kind of resource.
var drifts = []drift{
	{"key/pipeline", "rotation", "off", "yearly", "kms:EnableKeyRotation", func(ctx context.Context, cfg aws.Config) error {
		client := kms.NewFromConfig(cfg)
		key, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/ccs-prod")})
		if err != nil {
			return err
		}
		_, err = client.DisableKeyRotation(ctx, &kms.DisableKeyRotationInput{KeyId: key.KeyMetadata.KeyId})
		return err
	}},
	{"stream/telemetry", "retention", "48 h", "24 h", "kinesis:DecreaseStreamRetentionPeriod", func(ctx context.Context, cfg aws.Config) error {
		_, err := kinesis.NewFromConfig(cfg).IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{
			StreamName: aws.String("ccs-prod-telemetry"), RetentionPeriodHours: aws.Int32(48)})
		return err
	}},
	{"queue/telemetry", "visibility_timeout", "5 min", "1 min", "sqs:SetQueueAttributes", func(ctx context.Context, cfg aws.Config) error {
		_, err := sqs.NewFromConfig(cfg).SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
			QueueUrl: queueURL("ccs-prod-telemetry"), Attributes: map[string]string{"VisibilityTimeout": "300"}})
		return err
	}},
	{"topic/alarms", "encryption", "", "alias/ccs-prod", "sns:SetTopicAttributes", func(ctx context.Context, cfg aws.Config) error {
		_, err := sns.NewFromConfig(cfg).SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{
			TopicArn: aws.String(arn("sns", "ccs-prod-alarms")), AttributeName: aws.String("KmsMasterKeyId"), AttributeValue: aws.String("")})
		return err
	}},
	{"bucket/data-lake", "public_access_block", "", "everything blocked", "s3:PutPublicAccessBlock", func(ctx context.Context, cfg aws.Config) error {
		_, err := buckets(cfg).DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: aws.String("ccs-data-lake-prod")})
		return err
	}},
	{"catalog/telemetry", "columns.event_id", "", "", "glue:UpdateTable", func(ctx context.Context, cfg aws.Config) error {
		client := glue.NewFromConfig(cfg)
		table, err := client.GetTable(ctx, &glue.GetTableInput{DatabaseName: aws.String("ccs_prod"), Name: aws.String("telemetry")})
		if err != nil {
			return err
		}
		storage := table.Table.StorageDescriptor
		storage.Columns = storage.Columns[1:]
		_, err = client.UpdateTable(ctx, &glue.UpdateTableInput{DatabaseName: aws.String("ccs_prod"), TableInput: &gluetypes.TableInput{
			Name: table.Table.Name, Description: table.Table.Description, TableType: table.Table.TableType,
			StorageDescriptor: storage, PartitionKeys: table.Table.PartitionKeys, Parameters: table.Table.Parameters}})
		return err
	}},
	{"loggroup/ingest", "retention", "7 days", "30 days", "logs:PutRetentionPolicy", func(ctx context.Context, cfg aws.Config) error {
		_, err := cloudwatchlogs.NewFromConfig(cfg).PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{
			LogGroupName: aws.String("/aws/lambda/ccs-prod-ingest"), RetentionInDays: aws.Int32(7)})
		return err
	}},
	{"role/emergency", "policy", "", "", "iam:PutRolePolicy", func(ctx context.Context, cfg aws.Config) error {
		_, err := iam.NewFromConfig(cfg).PutRolePolicy(ctx, &iam.PutRolePolicyInput{
			RoleName: aws.String("ccs-prod-emergency-eu-west-1"), PolicyName: aws.String("pipeline"),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)})
		return err
	}},
	{"delivery/data-lake", "buffer", "64 MB or 900 s", "128 MB or 300 s", "firehose:UpdateDestination", func(ctx context.Context, cfg aws.Config) error {
		client := firehose.NewFromConfig(cfg)
		name := aws.String("ccs-prod-data-lake")
		live, err := client.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: name})
		if err != nil {
			return err
		}
		d := live.DeliveryStreamDescription
		_, err = client.UpdateDestination(ctx, &firehose.UpdateDestinationInput{
			DeliveryStreamName: name, CurrentDeliveryStreamVersionId: d.VersionId, DestinationId: d.Destinations[0].DestinationId,
			ExtendedS3DestinationUpdate: &firehosetypes.ExtendedS3DestinationUpdate{
				BufferingHints: &firehosetypes.BufferingHints{SizeInMBs: aws.Int32(64), IntervalInSeconds: aws.Int32(900)}}})
		return err
	}},
	{"workflow/emergency", "definition", "", "", "states:UpdateStateMachine", func(ctx context.Context, cfg aws.Config) error {
		_, err := sfn.NewFromConfig(cfg).UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{
			StateMachineArn: aws.String(arn("states", "stateMachine:ccs-prod-emergency")),
			Definition:      aws.String(`{"StartAt":"Nothing","States":{"Nothing":{"Type":"Succeed"}}}`)})
		return err
	}},
	{"function/emergency", "timeout", "30 s", "5 s", "lambda:UpdateFunctionConfiguration", func(ctx context.Context, cfg aws.Config) error {
		_, err := lambda.NewFromConfig(cfg).UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
			FunctionName: aws.String("ccs-prod-emergency"), Timeout: aws.Int32(30)})
		return err
	}},
	{"mapping/ingest", "batch_size", "100", "500", "lambda:UpdateEventSourceMapping", func(ctx context.Context, cfg aws.Config) error {
		client := lambda.NewFromConfig(cfg)
		all, err := client.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{FunctionName: aws.String("ccs-prod-ingest")})
		if err != nil {
			return err
		}
		_, err = client.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: all.EventSourceMappings[0].UUID, BatchSize: aws.Int32(100)})
		return err
	}},
	{"alarm/iterator-age", "actions_enabled", "false", "true", "cloudwatch:PutMetricAlarm", func(ctx context.Context, cfg aws.Config) error {
		_, err := cloudwatch.NewFromConfig(cfg).DisableAlarmActions(ctx, &cloudwatch.DisableAlarmActionsInput{AlarmNames: []string{"ccs-prod-iterator-age"}})
		return err
	}},
}

func arn(service, resource string) string {
	return "arn:aws:" + service + ":" + sandbox.Region + ":" + sandbox.Account + ":" + resource
}

func queueURL(name string) *string {
	return aws.String("https://sqs." + sandbox.Region + ".amazonaws.com/" + sandbox.Account + "/" + name)
}

func buckets(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
}

// What somebody changed shows as exactly that, and up undoes exactly that.
func TestDriftIsShownAndRepaired(t *testing.T) {
	for _, timing := range []string{"instant", "aws"} {
		t.Run(timing, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, timing)
				w.up()
				kinds := map[string]bool{}
				for _, it := range w.compute().Items {
					kinds[it.ID.Kind] = true
				}
				want := map[string]drift{}
				for _, d := range drifts {
					if err := d.do(t.Context(), w.aws); err != nil {
						t.Fatalf("change %s: %v", d.id, err)
					}
					want[d.id] = d
					kind, _, _ := strings.Cut(d.id, "/")
					delete(kinds, kind)
				}
				for kind := range kinds {
					t.Errorf("no drift of a %s is tried", kind)
				}
				w.quiet()

				p := w.compute()
				for _, it := range p.Items {
					d, drifted := want[it.ID.String()]
					c := it.Change
					if !drifted {
						if c.Action != resource.None || len(c.Calls()) > 0 {
							t.Errorf("%s was not touched, but: %s %v", it.ID, c.Action, c.Attributes)
						}
						continue
					}
					if c.Action != resource.Update || len(c.Attributes) != 1 || c.Attributes[0].Name != d.attribute || !slices.Equal(c.Calls(), []string{d.call}) {
						t.Errorf("%s: %s %v by %v, want an update of %s by %s", it.ID, c.Action, c.Attributes, c.Calls(), d.attribute, d.call)
						continue
					}
					if a := c.Attributes[0]; d.old != "" && a.Old != d.old || d.new != "" && a.New != d.new || a.Old == a.New {
						t.Errorf("%s: %s from %q to %q, want from %q to %q", it.ID, a.Name, a.Old, a.New, d.old, d.new)
					}
				}

				w.sandbox.Calls.Reset()
				w.apply(p)
				if diff := cmp.Diff(planned(p.Changes()), w.mutations()); timing == "instant" && diff != "" { // at AWS's pace some are refused and made again
					t.Errorf("the calls made are not those planned:\n%s", diff)
				}
				w.quiet()
				w.settled()
			})
		})
	}
}

// mutations are the mutating calls that the sandbox has counted, by name.
func (w *world) mutations() map[string]int {
	calls := w.sandbox.Calls.Count()
	maps.DeleteFunc(calls, func(c wire.Call, _ int) bool { return !sandbox.Mutates(c) })
	names := map[string]int{}
	for c, n := range calls {
		names[c.Operation] += n
	}
	return names
}
