package main

import (
	"context"
	"fmt"
	"strings"

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
)

// drift is one change behind the pipeline's back: which attribute it shows as,
// and how it is made, given the resource's name within the pipeline.
type drift struct {
	attribute string
	make      func(ctx context.Context, cfg aws.Config, name string) error
}

// base is what all names begin with, by the configuration.
const base = "ccs-prod"

func arn(service, what string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, account, what)
}

// drifts are one for every kind of resource.
func drifts() map[string]drift {
	return map[string]drift{
		"alarm": {"actions_enabled", func(ctx context.Context, cfg aws.Config, name string) error {
			_, err := cloudwatch.NewFromConfig(cfg).DisableAlarmActions(ctx, &cloudwatch.DisableAlarmActionsInput{AlarmNames: []string{base + "-" + name}})
			return err
		}},
		"bucket": {"public_access_block", func(ctx context.Context, cfg aws.Config, _ string) error {
			client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
			_, err := client.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: aws.String("ccs-data-lake-prod")})
			return err
		}},
		"catalog": {"description", func(ctx context.Context, cfg aws.Config, _ string) error {
			name := aws.String(strings.ReplaceAll(base, "-", "_"))
			_, err := glue.NewFromConfig(cfg).UpdateDatabase(ctx, &glue.UpdateDatabaseInput{Name: name, DatabaseInput: &gluetypes.DatabaseInput{Name: name}})
			return err
		}},
		"delivery": {"buffer", driftDelivery},
		"function": {"memory", func(ctx context.Context, cfg aws.Config, name string) error {
			_, err := lambda.NewFromConfig(cfg).UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String(base + "-" + name), MemorySize: aws.Int32(1024)})
			return err
		}},
		"key": {"description", func(ctx context.Context, cfg aws.Config, _ string) error {
			client := kms.NewFromConfig(cfg)
			out, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/" + base)})
			if err != nil {
				return err
			}
			_, err = client.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: out.KeyMetadata.KeyId, Description: aws.String("other")})
			return err
		}},
		"loggroup": {"retention", func(ctx context.Context, cfg aws.Config, name string) error {
			group := "/aws/lambda/" + base + "-" + name
			if name == "data-lake" {
				group = "/aws/kinesisfirehose/" + base + "-" + name
			}
			_, err := cloudwatchlogs.NewFromConfig(cfg).PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &group, RetentionInDays: aws.Int32(1)})
			return err
		}},
		"mapping": {"batch_size", driftMapping},
		"queue": {"visibility_timeout", func(ctx context.Context, cfg aws.Config, name string) error {
			client := sqs.NewFromConfig(cfg)
			out, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(base + "-" + name)})
			if err != nil {
				return err
			}
			_, err = client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: out.QueueUrl, Attributes: map[string]string{"VisibilityTimeout": "77"}})
			return err
		}},
		"role": {"description", func(ctx context.Context, cfg aws.Config, name string) error {
			_, err := iam.NewFromConfig(cfg).UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: aws.String(base + "-" + name + "-" + region), Description: aws.String("other")})
			return err
		}},
		"stream": {"retention", func(ctx context.Context, cfg aws.Config, name string) error {
			_, err := kinesis.NewFromConfig(cfg).IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{
				StreamName: aws.String(base + "-" + name), RetentionPeriodHours: aws.Int32(48)})
			return err
		}},
		"topic": {"policy", func(ctx context.Context, cfg aws.Config, name string) error {
			topic := arn("sns", base+"-"+name)
			_, err := sns.NewFromConfig(cfg).SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: &topic, AttributeName: aws.String("Policy"), AttributeValue: aws.String(
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sns:Publish","Resource":"` + topic + `"}]}`)})
			return err
		}},
		"workflow": {"definition", func(ctx context.Context, cfg aws.Config, name string) error {
			_, err := sfn.NewFromConfig(cfg).UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{
				StateMachineArn: aws.String(arn("states", "stateMachine:"+base+"-"+name)), Definition: aws.String(`{"StartAt":"End","States":{"End":{"Type":"Succeed"}}}`)})
			return err
		}},
	}
}

func driftDelivery(ctx context.Context, cfg aws.Config, name string) error {
	client, stream := firehose.NewFromConfig(cfg), aws.String(base+"-"+name)
	out, err := client.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: stream})
	if err != nil {
		return err
	}
	d := out.DeliveryStreamDescription
	_, err = client.UpdateDestination(ctx, &firehose.UpdateDestinationInput{
		DeliveryStreamName: stream, CurrentDeliveryStreamVersionId: d.VersionId, DestinationId: d.Destinations[0].DestinationId,
		ExtendedS3DestinationUpdate: &firehosetypes.ExtendedS3DestinationUpdate{
			BufferingHints: &firehosetypes.BufferingHints{SizeInMBs: aws.Int32(64), IntervalInSeconds: aws.Int32(60)},
		},
	})
	return err
}

func driftMapping(ctx context.Context, cfg aws.Config, name string) error {
	client := lambda.NewFromConfig(cfg)
	out, err := client.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{FunctionName: aws.String(base + "-" + name)})
	if err != nil {
		return err
	}
	if n := len(out.EventSourceMappings); n != 1 {
		return fmt.Errorf("%d mappings of %s, want one", n, name)
	}
	_, err = client.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: out.EventSourceMappings[0].UUID, BatchSize: aws.Int32(7)})
	return err
}
