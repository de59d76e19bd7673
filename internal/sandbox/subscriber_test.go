package sandbox_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newFunction makes a function with a role that may do nothing.
func newFunction(t *testing.T, cfg aws.Config, name string, timeout int32) {
	t.Helper()
	role, err := iam.NewFromConfig(cfg).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName:                 aws.String("runs"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`),
	})
	must(t, err)
	var code bytes.Buffer
	w := zip.NewWriter(&code)
	_, err = w.Create("bootstrap")
	must(t, err)
	must(t, w.Close())
	_, err = lambda.NewFromConfig(cfg).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Role: role.Role.Arn, Handler: aws.String("bootstrap"), Runtime: types.RuntimeProvidedal2023,
		Timeout: &timeout, Code: &types.FunctionCode{ZipFile: code.Bytes()},
	})
	must(t, err)
}

// A dead subscriber fails alone and is counted; the others get what is
// published. SNS that is down is so for CloudWatch's alarms, too.
func TestSubscribersDie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := sandboxtest.New(t, sandbox.Options{})
		live, stop := runs(t, s)
		defer live()
		defer stop()
		cfg = once(cfg)
		topics, queues, metrics := sns.NewFromConfig(cfg), sqs.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg)
		const topic, queue = "arn:aws:sns:eu-west-1:000000000000:alarms", "arn:aws:sqs:eu-west-1:000000000000:inbox"
		_, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("alarms")})
		must(t, err)
		inbox, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("inbox"), Attributes: map[string]string{
			"Policy": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"` + queue + `"}}`,
		}})
		must(t, err)
		for protocol, endpoint := range map[string]string{"sms": "+353871234567", "sqs": queue} {
			_, err := topics.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: aws.String(topic), Protocol: &protocol, Endpoint: &endpoint})
			must(t, err)
		}
		arrived := func() (byQueue int, byText int) {
			synctest.Wait()
			for {
				out, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: inbox.QueueUrl, MaxNumberOfMessages: 10})
				must(t, err)
				if byQueue += len(out.Messages); len(out.Messages) == 0 {
					break
				}
			}
			w := get(s, sandbox.ControlOutbox)
			return byQueue, strings.Count(w, `"protocol":"sms"`)
		}
		publish := func(n int) {
			for range n {
				_, err := topics.Publish(t.Context(), &sns.PublishInput{TopicArn: aws.String(topic), Message: aws.String("m")})
				must(t, err)
			}
		}
		ask(t, s, "subscriber:inbox down")
		publish(3)
		if q, text := arrived(); q != 0 || text != 3 {
			t.Errorf("with the queue dead: %d and %d", q, text)
		}
		s.Faults.Clear()
		ask(t, s, "subscriber:sms fail=50%")
		publish(20)
		q, text := arrived()
		if q != 20 || text <= 3+2 || text >= 3+18 {
			t.Errorf("with half of the texts lost: %d and %d", q, text)
		}
		s.Faults.Clear()
		time.Sleep(time.Minute)
		failed, err := metrics.GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{
			Namespace: aws.String("AWS/SNS"), MetricName: aws.String("NumberOfNotificationsFailed"), Dimensions: []cwtypes.Dimension{{Name: aws.String("TopicName"), Value: aws.String("alarms")}},
			StartTime: aws.Time(time.Now().Add(-time.Hour)), EndTime: aws.Time(time.Now().Add(time.Hour)), Period: aws.Int32(3600), Statistics: []cwtypes.Statistic{cwtypes.StatisticSum},
		})
		must(t, err)
		sum := 0.0
		for _, p := range failed.Datapoints {
			sum += *p.Sum
		}
		if want := float64(3 + 3 + 20 - text); sum != want {
			t.Errorf("%v failed deliveries counted, want %v", sum, want)
		}

		_, err = metrics.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
			AlarmName: aws.String("a"), Namespace: aws.String("N"), MetricName: aws.String("m"), Statistic: cwtypes.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1),
			Threshold: aws.Float64(1), ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, AlarmActions: []string{topic},
		})
		must(t, err)
		ask(t, s, "sns down")
		_, err = metrics.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("a"), StateValue: cwtypes.StateValueAlarm, StateReason: aws.String("a test")})
		must(t, err)
		history, err := metrics.DescribeAlarmHistory(t.Context(), &cloudwatch.DescribeAlarmHistoryInput{AlarmName: aws.String("a"), HistoryItemType: cwtypes.HistoryItemTypeAction})
		must(t, err)
		if got := fmt.Sprint(aws.ToString(history.AlarmHistoryItems[0].HistorySummary)); !strings.Contains(got, "Failed to execute action") || !strings.Contains(got, "the service is down") {
			t.Errorf("the alarm's history: %s", got)
		}
	})
}

// runs lets a sandbox live until stop is called; ended waits for that.
func runs(t *testing.T, s *sandbox.Sandbox) (ended, stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { defer close(over); s.Run(ctx) }()
	return func() { <-over }, cancel
}

// get reads one of the sandbox's own paths.
func get(s *sandbox.Sandbox, path string) string {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Body.String()
}
