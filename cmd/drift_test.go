package cmd_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
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
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// drifts change one attribute each behind ccsctl's back, of at least one
// resource of every kind, as somebody in the console would.
var drifts = map[string]func(context.Context, aws.Config) error{
	"key/pipeline rotation": func(ctx context.Context, c aws.Config) error {
		k := kms.NewFromConfig(c)
		out, err := k.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/ccs-prod")})
		if err != nil {
			return err
		}
		_, err = k.DisableKeyRotation(ctx, &kms.DisableKeyRotationInput{KeyId: out.KeyMetadata.KeyId})
		return err
	},
	"stream/telemetry retention": func(ctx context.Context, c aws.Config) error {
		_, err := kinesis.NewFromConfig(c).IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{
			StreamName: aws.String("ccs-prod-telemetry"), RetentionPeriodHours: aws.Int32(48)})
		return err
	},
	"queue/telemetry visibility_timeout": func(ctx context.Context, c aws.Config) error {
		return setQueue(ctx, c, "ccs-prod-telemetry", "VisibilityTimeout", "90")
	},
	"queue/emergency.fifo dead_letter": func(ctx context.Context, c aws.Config) error {
		return setQueue(ctx, c, "ccs-prod-emergency.fifo", "RedrivePolicy", "")
	},
	"topic/alarms encryption": func(ctx context.Context, c aws.Config) error {
		_, err := sns.NewFromConfig(c).SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{
			TopicArn: topicARN(c, "ccs-prod-alarms"), AttributeName: aws.String("KmsMasterKeyId"), AttributeValue: aws.String("")})
		return err
	},
	"bucket/data-lake public_access_block": func(ctx context.Context, c aws.Config) error {
		_, err := buckets(c).DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: aws.String("ccs-data-lake-prod")})
		return err
	},
	"catalog/telemetry columns.speed_kmh": narrowSpeed,
	"loggroup/ingest retention": func(ctx context.Context, c aws.Config) error {
		_, err := cloudwatchlogs.NewFromConfig(c).PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{
			LogGroupName: aws.String("/aws/lambda/ccs-prod-ingest"), RetentionInDays: aws.Int32(7)})
		return err
	},
	"role/workflow policy": func(ctx context.Context, c aws.Config) error {
		_, err := iam.NewFromConfig(c).PutRolePolicy(ctx, &iam.PutRolePolicyInput{
			RoleName: aws.String("ccs-prod-workflow-" + c.Region), PolicyName: aws.String("pipeline"),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sns:*","Resource":"*"}]}`)})
		return err
	},
	"delivery/data-lake buffer":     shrinkBuffer,
	"workflow/emergency definition": editWorkflow,
	"function/ingest memory": func(ctx context.Context, c aws.Config) error {
		_, err := lambda.NewFromConfig(c).UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
			FunctionName: aws.String("ccs-prod-ingest"), MemorySize: aws.Int32(512)})
		return err
	},
	"mapping/followup batch_size": func(ctx context.Context, c aws.Config) error {
		l := lambda.NewFromConfig(c)
		out, err := l.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{FunctionName: aws.String("ccs-prod-followup")})
		if err != nil {
			return err
		}
		_, err = l.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: out.EventSourceMappings[0].UUID, BatchSize: aws.Int32(1)})
		return err
	},
	"alarm/emergency-depth threshold": func(ctx context.Context, c aws.Config) error {
		w := cloudwatch.NewFromConfig(c)
		out, err := w.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"ccs-prod-emergency-depth"}})
		if err != nil {
			return err
		}
		a := out.MetricAlarms[0]
		_, err = w.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
			AlarmName: a.AlarmName, AlarmDescription: a.AlarmDescription, ActionsEnabled: a.ActionsEnabled, AlarmActions: a.AlarmActions, OKActions: a.OKActions,
			Namespace: a.Namespace, MetricName: a.MetricName, Dimensions: a.Dimensions, Statistic: a.Statistic, Period: a.Period,
			EvaluationPeriods: a.EvaluationPeriods, DatapointsToAlarm: a.DatapointsToAlarm, ComparisonOperator: a.ComparisonOperator,
			TreatMissingData: a.TreatMissingData, Threshold: aws.Float64(1e6)})
		return err
	},
}

// rebuilt are changes that can't be undone in place. They are made by name only.
var rebuilt = map[string]func(context.Context, aws.Config) error{
	"mapping/ingest starting_position": func(ctx context.Context, c aws.Config) error {
		l := lambda.NewFromConfig(c)
		out, err := l.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{FunctionName: aws.String("ccs-prod-ingest")})
		if err != nil {
			return err
		}
		m := out.EventSourceMappings[0]
		tags, err := l.ListTags(ctx, &lambda.ListTagsInput{Resource: m.EventSourceMappingArn})
		if err != nil {
			return err
		}
		if _, err = l.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: m.UUID}); err != nil {
			return err
		}
		start := lambdatypes.EventSourcePositionLatest
		if m.StartingPosition == start {
			start = lambdatypes.EventSourcePositionTrimHorizon
		}
		_, err = l.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
			FunctionName: m.FunctionArn, EventSourceArn: m.EventSourceArn, StartingPosition: start, Tags: tags.Tags})
		return err
	},
}

func topicARN(c aws.Config, name string) *string {
	return aws.String("arn:aws:sns:" + c.Region + ":000000000000:" + name)
}

func buckets(c aws.Config) *s3.Client {
	return s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
}

func setQueue(ctx context.Context, c aws.Config, name, attribute, value string) error {
	q := sqs.NewFromConfig(c)
	out, err := q.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return err
	}
	_, err = q.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: out.QueueUrl, Attributes: map[string]string{attribute: value}})
	return err
}

func narrowSpeed(ctx context.Context, c aws.Config) error {
	g := glue.NewFromConfig(c)
	database, name := aws.String("ccs_prod"), aws.String("telemetry")
	out, err := g.GetTable(ctx, &glue.GetTableInput{DatabaseName: database, Name: name})
	if err != nil {
		return err
	}
	t := out.Table
	for i, column := range t.StorageDescriptor.Columns {
		if *column.Name == "speed_kmh" {
			t.StorageDescriptor.Columns[i].Type = aws.String("float")
		}
	}
	_, err = g.UpdateTable(ctx, &glue.UpdateTableInput{DatabaseName: database, TableInput: &gluetypes.TableInput{
		Name: name, Description: t.Description, TableType: t.TableType, Parameters: t.Parameters,
		PartitionKeys: t.PartitionKeys, StorageDescriptor: t.StorageDescriptor,
	}})
	return err
}

func shrinkBuffer(ctx context.Context, c aws.Config) error {
	f := firehose.NewFromConfig(c)
	name := aws.String("ccs-prod-data-lake")
	out, err := f.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: name})
	if err != nil {
		return err
	}
	d := out.DeliveryStreamDescription
	_, err = f.UpdateDestination(ctx, &firehose.UpdateDestinationInput{
		DeliveryStreamName: name, CurrentDeliveryStreamVersionId: d.VersionId, DestinationId: d.Destinations[0].DestinationId,
		ExtendedS3DestinationUpdate: &firehosetypes.ExtendedS3DestinationUpdate{
			BufferingHints: &firehosetypes.BufferingHints{SizeInMBs: aws.Int32(64), IntervalInSeconds: aws.Int32(60)}},
	})
	return err
}

func editWorkflow(ctx context.Context, c aws.Config) error {
	s := sfn.NewFromConfig(c)
	machine := aws.String("arn:aws:states:" + c.Region + ":000000000000:stateMachine:ccs-prod-emergency")
	out, err := s.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: machine})
	if err != nil {
		return err
	}
	var definition map[string]any
	if err := json.Unmarshal([]byte(*out.Definition), &definition); err != nil {
		return err
	}
	definition["Comment"] = "edited by hand"
	text, err := json.Marshal(definition)
	if err != nil {
		return err
	}
	_, err = s.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: machine, Definition: aws.String(string(text))})
	return err
}

// drift makes all drifts, or those named:
//
//	drift 'queue/telemetry visibility_timeout'
func drift(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		args = slices.Sorted(maps.Keys(drifts))
	}
	for _, name := range args {
		change, ok := drifts[name]
		if !ok {
			change, ok = rebuilt[name]
		}
		if neg || !ok {
			ts.Fatalf("drift: no drift %q", name)
		}
		if err := change(context.Background(), client(ts)); err != nil {
			ts.Fatalf("drift %s: %v", name, err)
		}
	}
}

// drifted checks that a result in JSON names exactly the attributes of all
// drifts, and that these are of every kind of resource that it knows.
func drifted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: drifted FILE")
	}
	var result struct {
		Resources []struct {
			Resource   string
			Attributes []struct{ Name string }
		}
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &result))
	var got []string
	kinds, covered := map[string]bool{}, map[string]bool{}
	for _, r := range result.Resources {
		kind, _, _ := strings.Cut(r.Resource, "/")
		kinds[kind] = true
		for _, a := range r.Attributes {
			got = append(got, r.Resource+" "+a.Name)
			covered[kind] = true
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(drifts)), got); diff != "" {
		ts.Fatalf("attributes that drifted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(kinds, covered); diff != "" {
		ts.Fatalf("kinds of resources without a drift:\n%s", diff)
	}
}

// theirs makes a thing that somebody else owns, or checks that it is there and
// still theirs:
//
//	theirs make queue ccs-prod-telemetry team=billing
//	theirs kept queue ccs-prod-telemetry team=billing
func theirs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: theirs make|kept queue|topic|object NAME [TAG=VALUE...]")
	}
	ctx, c, name := context.Background(), client(ts), &args[2]
	tags := map[string]string{}
	for _, pair := range args[3:] {
		key, value, _ := strings.Cut(pair, "=")
		tags[key] = value
	}
	object := aws.String("telemetry/year=2026/a.parquet")
	var err error
	switch args[0] + " " + args[1] {
	case "make queue":
		_, err = sqs.NewFromConfig(c).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: name, Tags: tags})
	case "kept queue":
		err = queueHas(ctx, ts, c, *name, tags)
	case "make topic":
		_, err = sns.NewFromConfig(c).CreateTopic(ctx, &sns.CreateTopicInput{Name: name})
	case "kept topic":
		_, err = sns.NewFromConfig(c).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: topicARN(c, *name)})
	case "make object":
		_, err = buckets(c).PutObject(ctx, &s3.PutObjectInput{Bucket: name, Key: object, Body: strings.NewReader("data")})
	case "kept object":
		_, err = buckets(c).HeadObject(ctx, &s3.HeadObjectInput{Bucket: name, Key: object})
	default:
		ts.Fatalf("theirs: no %s", strings.Join(args[:2], " "))
	}
	if err != nil {
		ts.Fatalf("theirs %s: %v", strings.Join(args, " "), err)
	}
}

func queueHas(ctx context.Context, ts *testscript.TestScript, c aws.Config, name string, tags map[string]string) error {
	q := sqs.NewFromConfig(c)
	at, err := q.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return err
	}
	out, err := q.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: at.QueueUrl})
	if err == nil && !maps.Equal(tags, out.Tags) {
		ts.Fatalf("%s has the tags %v, want %v", name, out.Tags, tags)
	}
	return err
}
