package sweep

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

var (
	owner = resource.Owner{Project: "ccs", Environment: "test"}
	other = resource.Owner{Project: "ccs", Environment: "prod"}
)

const trust = `{"Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`

// convert makes a service's tags of an owner's.
func convert[T any](o resource.Owner, tag func(k, v *string) T) []T {
	var tags []T
	for k, v := range o.Tags() {
		tags = append(tags, tag(&k, &v))
	}
	return tags
}

// world has one thing of several kinds, and what looks like it and is not.
type world struct {
	*testing.T
	cfg   aws.Config
	key   *string
	queue *string
}

func (w *world) must(_ any, err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) s3() *s3.Client {
	return s3.NewFromConfig(w.cfg, func(o *s3.Options) { o.UsePathStyle = true })
}

func (w *world) make() {
	ctx, name := w.Context(), aws.String("ccs-test-x")
	w.must(kinesis.NewFromConfig(w.cfg).CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1), Tags: owner.Tags()}))
	q, err := sqs.NewFromConfig(w.cfg).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: name, Tags: owner.Tags()})
	w.must(q, err)
	w.queue = q.QueueUrl
	w.must(sns.NewFromConfig(w.cfg).CreateTopic(ctx, &sns.CreateTopicInput{Name: name, Tags: convert(owner, func(k, v *string) snstypes.Tag { return snstypes.Tag{Key: k, Value: v} })}))
	w.must(sns.NewFromConfig(w.cfg).CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("ccs-prod-x"), Tags: convert(other, func(k, v *string) snstypes.Tag { return snstypes.Tag{Key: k, Value: v} })}))
	w.must(cloudwatchlogs.NewFromConfig(w.cfg).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/ccs/test/x"), Tags: owner.Tags()}))
	w.must(cloudwatch.NewFromConfig(w.cfg).PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("ccs-test: x"), Namespace: aws.String("AWS/SQS"), MetricName: aws.String("ApproximateNumberOfMessagesVisible"), Statistic: cloudwatchtypes.StatisticMaximum,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: cloudwatchtypes.ComparisonOperatorGreaterThanThreshold,
		Tags: convert(owner, func(k, v *string) cloudwatchtypes.Tag { return cloudwatchtypes.Tag{Key: k, Value: v} }),
	}))
	k, err := kms.NewFromConfig(w.cfg).CreateKey(ctx, &kms.CreateKeyInput{Tags: convert(owner, func(k, v *string) kmstypes.Tag { return kmstypes.Tag{TagKey: k, TagValue: v} })})
	w.must(k, err)
	w.key = k.KeyMetadata.Arn
	w.must(w.s3().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: sandbox.Region}}))
	w.must(w.s3().PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: name, Tagging: &s3types.Tagging{TagSet: convert(owner, func(k, v *string) s3types.Tag { return s3types.Tag{Key: k, Value: v} })}}))
	for role, o := range map[string]resource.Owner{"ccs-test-x-eu-west-1": owner, "ccs-test-x-us-east-1": owner, "ccs-prod-x-eu-west-1": other} {
		w.must(iam.NewFromConfig(w.cfg).CreateRole(ctx, &iam.CreateRoleInput{RoleName: &role, Path: aws.String(rolePath), AssumeRolePolicyDocument: aws.String(trust),
			Tags: convert(o, func(k, v *string) iamtypes.Tag { return iamtypes.Tag{Key: k, Value: v} })}))
	}
}

// remove deletes everything but the log group.
func (w *world) remove() {
	ctx, name := w.Context(), aws.String("ccs-test-x")
	w.must(kinesis.NewFromConfig(w.cfg).DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: name}))
	w.must(sns.NewFromConfig(w.cfg).DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: aws.String("arn:aws:sns:eu-west-1:000000000000:ccs-test-x")}))
	w.must(cloudwatch.NewFromConfig(w.cfg).DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"ccs-test: x"}}))
	w.must(kms.NewFromConfig(w.cfg).ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: w.key}))
	w.must(w.s3().DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: name}))
	w.must(iam.NewFromConfig(w.cfg).DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("ccs-test-x-eu-west-1")}))
	w.must(sqs.NewFromConfig(w.cfg).DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: w.queue}))
}

func kinds(things []Thing) string {
	var all []string
	for _, t := range things {
		kind := t.Kind
		if t.Leaving {
			kind += " (leaving)"
		}
		all = append(all, kind)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestOnlyWhatIsThereIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{Timing: "aws"})
		w := &world{T: t, cfg: cfg}
		w.make()
		time.Sleep(time.Minute)
		s := New(cfg, owner)
		found, err := s.Find(t.Context())
		w.must(found, err)
		const all = "cloudwatch alarm, iam role, kinesis stream, kms key, logs log-group, s3 bucket, sns topic, sqs queue"
		if got := kinds(found.Left); got != all || found.Scheduled != nil {
			t.Errorf("before: got %s, scheduled %v; want %s", got, found.Scheduled, all)
		}

		w.remove()
		time.Sleep(time.Second) // not nearly enough for the tagging API, nor for the stream
		found, err = s.Find(t.Context())
		w.must(found, err)
		if !strings.Contains(kinds(found.Left), "kinesis stream (leaving)") || kinds(found.Scheduled) != "kms key" {
			t.Errorf("at once: got %s, scheduled %s", kinds(found.Left), kinds(found.Scheduled))
		}
		start := time.Now()
		left, err := s.Left(t.Context(), 2*time.Minute)
		w.must(left, err)
		if got := kinds(left); got != "logs log-group" {
			t.Errorf("after: got %s", got)
		}
		if took := time.Since(start); took < 20*time.Second || took > time.Minute {
			t.Errorf("took %v, the stream's deletion 30 s", took)
		}
		start = time.Now()
		if left, err := s.Left(t.Context(), 2*time.Minute); err != nil || len(left) != 1 || time.Since(start) > time.Second {
			t.Errorf("what is certain to stay cost %v: %v, %v", time.Since(start), left, err)
		}
	})
}

// Each kind's service must be understood when it says that it knows no such
// thing: the tagging API names things that are long gone.
func TestEveryKindIsKnownToBeGone(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	s := New(cfg, owner)
	names := map[string]string{
		"sqs:queue": "q", "sns:topic": "t", "glue:table": "table/db/t", "kms:key": "key/11111111-2222-3333-4444-555555555555",
		"lambda:event-source-mapping": "event-source-mapping:11111111-2222-3333-4444-555555555555",
		"kinesis:stream":              "stream/x", "firehose:deliverystream": "deliverystream/x", "glue:database": "database/x",
	}
	for _, kind := range slices.Sorted(maps.Keys(s.checks)) {
		service, what, _ := strings.Cut(kind, ":")
		name, ok := names[kind]
		if !ok {
			name = what + ":x"
		}
		arn := "arn:aws:" + service + ":eu-west-1:000000000000:" + name
		if kind == "s3:bucket" {
			arn = "arn:aws:s3:::nowhere"
		}
		if thing, got := s.ask(t.Context(), arn); got != gone {
			t.Errorf("%s: got %+v", arn, thing)
		}
	}
}

func TestWhatCanNotBeAskedIsLeftInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, cfg := sandboxtest.New(t, sandbox.Options{})
		w := &world{T: t, cfg: cfg}
		w.make()
		box.Faults.Add(sandbox.Fault{Service: "sns", Code: "AuthorizationErrorException", Message: "not allowed to sns:GetTopicAttributes"})
		s := New(cfg, owner)
		start := time.Now()
		left, err := s.Left(t.Context(), 10*time.Second)
		w.must(left, err)
		i := slices.IndexFunc(left, func(t Thing) bool { return t.Kind == "sns topic" })
		if i < 0 || !strings.Contains(left[i].Doubt, "not allowed") || time.Since(start) < 10*time.Second {
			t.Errorf("got %+v after %v", left, time.Since(start))
		}
		if thing, state := s.ask(t.Context(), "arn:aws:dynamodb:eu-west-1:000000000000:table/x"); state != there || thing.Doubt == "" {
			t.Errorf("a kind that is not known: %+v", thing)
		}
		box.Faults.Add(sandbox.Fault{Service: "resourcegroupstaggingapi", Code: "AccessDeniedException", Message: "no"})
		if _, err := s.Left(t.Context(), 0); err == nil {
			t.Error("without the tagging API nothing is proved")
		}
	})
}
