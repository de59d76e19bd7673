package sweep

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// state is what a service says of a thing.
type state int

const (
	there     state = iota
	leaving         // being deleted
	scheduled       // a key that waits for its deletion
	gone
)

// leavingIf is leaving or there.
func leavingIf(yes bool) state {
	if yes {
		return leaving
	}
	return there
}

// check asks one service about one thing, by the ARN and by the name in it. An
// error that apierr.NotFound knows means that the thing is gone.
type check func(ctx context.Context, arn, name string) (state, error)

// checks are the kinds of things that the pipeline makes, by service and kind as
// ARNs write them.
func checks(cfg aws.Config) map[string]check {
	var (
		streams    = kinesis.NewFromConfig(cfg)
		queues     = sqs.NewFromConfig(cfg)
		topics     = sns.NewFromConfig(cfg)
		deliveries = firehose.NewFromConfig(cfg)
		functions  = lambda.NewFromConfig(cfg)
		machines   = sfn.NewFromConfig(cfg)
		alarms     = cloudwatch.NewFromConfig(cfg)
		logs       = cloudwatchlogs.NewFromConfig(cfg)
		catalog    = glue.NewFromConfig(cfg)
		keys       = kms.NewFromConfig(cfg)
		buckets    = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil })
	)
	return map[string]check{
		"kinesis:stream": func(ctx context.Context, _, name string) (state, error) {
			out, err := streams.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
			if err != nil {
				return gone, err
			}
			return leavingIf(out.StreamDescriptionSummary.StreamStatus == kinesistypes.StreamStatusDeleting), nil
		},
		"sqs:queue": func(ctx context.Context, _, name string) (state, error) {
			_, err := queues.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
			return there, err
		},
		"sns:topic": func(ctx context.Context, arn, _ string) (state, error) {
			_, err := topics.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &arn})
			return there, err
		},
		"firehose:deliverystream": func(ctx context.Context, _, name string) (state, error) {
			out, err := deliveries.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: &name})
			if err != nil {
				return gone, err
			}
			return leavingIf(out.DeliveryStreamDescription.DeliveryStreamStatus == firehosetypes.DeliveryStreamStatusDeleting), nil
		},
		"lambda:function": func(ctx context.Context, _, name string) (state, error) {
			_, err := functions.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
			return there, err
		},
		"lambda:event-source-mapping": func(ctx context.Context, _, id string) (state, error) {
			out, err := functions.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &id})
			if err != nil {
				return gone, err
			}
			return leavingIf(aws.ToString(out.State) == "Deleting"), nil
		},
		"states:stateMachine": func(ctx context.Context, arn, _ string) (state, error) {
			out, err := machines.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
			if err != nil {
				return gone, err
			}
			return leavingIf(out.Status == sfntypes.StateMachineStatusDeleting), nil
		},
		"cloudwatch:alarm": func(ctx context.Context, _, name string) (state, error) {
			out, err := alarms.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
				AlarmNames: []string{name}, AlarmTypes: []cloudwatchtypes.AlarmType{cloudwatchtypes.AlarmTypeMetricAlarm, cloudwatchtypes.AlarmTypeCompositeAlarm},
			})
			if err == nil && len(out.MetricAlarms)+len(out.CompositeAlarms) == 0 {
				return gone, nil
			}
			return there, err
		},
		"logs:log-group": func(ctx context.Context, arn, _ string) (state, error) {
			arn = strings.TrimSuffix(arn, ":*")
			_, err := logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: &arn})
			return there, err
		},
		"s3:bucket": func(ctx context.Context, _, name string) (state, error) {
			_, err := buckets.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name})
			return there, err
		},
		"glue:database": func(ctx context.Context, _, name string) (state, error) {
			_, err := catalog.GetDatabase(ctx, &glue.GetDatabaseInput{Name: &name})
			return there, err
		},
		"glue:table": func(ctx context.Context, _, name string) (state, error) {
			database, table, _ := strings.Cut(name, "/")
			_, err := catalog.GetTable(ctx, &glue.GetTableInput{DatabaseName: &database, Name: &table})
			return there, err
		},
		"kms:key": func(ctx context.Context, arn, _ string) (state, error) {
			out, err := keys.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &arn})
			if err == nil && out.KeyMetadata.KeyState == kmstypes.KeyStatePendingDeletion {
				return scheduled, nil
			}
			return there, err
		},
	}
}
