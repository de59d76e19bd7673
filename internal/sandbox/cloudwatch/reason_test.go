package cloudwatch

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// What a topic is told and what the history keeps have AWS's form.
func TestWhatIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := live(t, "instant")
		in := depthAlarm("q", "missing")
		in.AlarmDescription = aws.String("too much waits")
		put(t, s, in)
		put(t, s, failureAlarm())
		depth := bus.ID("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "q")
		time.Sleep(500 * time.Millisecond)
		for range 3 {
			s.bus.Metrics.Add(depth, bus.One(2500.5))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		var said map[string]any
		for _, n := range p.got {
			if strings.HasPrefix(n.Subject, `ALARM: "depth-q"`) {
				if err := json.Unmarshal([]byte(n.Message), &said); err != nil {
					t.Fatal(err)
				}
			}
		}
		const want = `{"AlarmName":"depth-q","AlarmDescription":"too much waits","AWSAccountId":"000000000000","AlarmConfigurationUpdatedTimestamp":"2000-01-01T00:00:00.000+0000",
			"NewStateValue":"ALARM","NewStateReason":"Threshold Crossed: 2 out of the last 3 datapoints [2500.5 (01/01/00 00:00:01), 2500.5 (01/01/00 00:00:00)] were greater than the threshold (1000.0) (minimum 2 datapoints for INSUFFICIENT_DATA -> ALARM transition).",
			"StateChangeTime":"2000-01-01T00:00:02.000+0000","Region":"EU (Ireland)","AlarmArn":"arn:aws:cloudwatch:eu-west-1:000000000000:alarm:depth-q","OldStateValue":"INSUFFICIENT_DATA",
			"OKActions":["arn:aws:sns:eu-west-1:000000000000:alarms"],"AlarmActions":["arn:aws:sns:eu-west-1:000000000000:alarms"],"InsufficientDataActions":["arn:aws:sns:eu-west-1:000000000000:alarms"],
			"Trigger":{"MetricName":"ApproximateNumberOfMessagesVisible","Namespace":"AWS/SQS","StatisticType":"Statistic","Statistic":"MAXIMUM","Unit":null,"Dimensions":[{"value":"q","name":"QueueName"}],
			"Period":60,"EvaluationPeriods":3,"DatapointsToAlarm":2,"ComparisonOperator":"GreaterThanThreshold","Threshold":1000.0,"TreatMissingData":"missing","EvaluateLowSampleCountPercentile":""}}`
		var expected map[string]any
		if err := json.Unmarshal([]byte(want), &expected); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(expected, said); diff != "" {
			t.Error(diff)
		}

		history, err := s.describeAlarmHistory(t.Context(), &cloudwatch.DescribeAlarmHistoryInput{AlarmName: aws.String("depth-q")})
		if err != nil {
			t.Fatal(err)
		}
		action, update := history.AlarmHistoryItems[0], history.AlarmHistoryItems[1]
		if *action.HistorySummary != "Successfully executed action "+topic || !strings.Contains(*action.HistoryData, `"actionState":"Succeeded"`) {
			t.Errorf("the action is recorded as %s: %s", *action.HistorySummary, *action.HistoryData)
		}
		const data = `"newState":{"stateValue":"ALARM","stateReason":"Threshold Crossed`
		const reason = `"stateReasonData":{"version":"1.0","queryDate":"2000-01-01T00:00:02.000+0000","startDate":"2000-01-01T00:00:00.000+0000","statistic":"Maximum","period":60,"recentDatapoints":[2500.5,2500.5],"threshold":1000.0,` +
			`"evaluatedDatapoints":[{"timestamp":"2000-01-01T00:00:01.000+0000","sampleCount":1.0,"value":2500.5},{"timestamp":"2000-01-01T00:00:00.000+0000","sampleCount":1.0,"value":2500.5}]}`
		if got := *update.HistoryData; !strings.Contains(got, data) || !strings.Contains(got, reason) {
			t.Errorf("the change is recorded as %s", got)
		}
	})
}

func TestReasons(t *testing.T) {
	at := func(v ...float64) (all []point) {
		for i, v := range v {
			all = append(all, point{int64(i) * minute, v})
		}
		return all
	}
	above := rule{need: 2, of: 3, missing: "notBreaching", operator: types.ComparisonOperatorGreaterThanThreshold, limit: 5}
	once := rule{need: 1, of: 1, missing: "breaching", operator: types.ComparisonOperatorLessThanOrEqualToThreshold, limit: 12345678}
	for _, c := range []struct {
		rule
		points []point
		to     types.StateValue
		want   string
	}{
		{once, at(0.00012), types.StateValueAlarm, "Threshold Crossed: 1 out of the last 1 datapoints [1.2E-4 (01/01/70 00:00:00)] was less than or equal to the threshold (1.2345678E7) (minimum 1 datapoint for OK -> ALARM transition)."},
		{once, nil, types.StateValueAlarm, "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [Breaching]."},
		{above, nil, types.StateValueOk, "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as [NonBreaching]."},
		{above, at(9, 1, 2), types.StateValueOk, "Threshold Crossed: 2 out of the last 3 datapoints [2.0 (01/01/70 00:02:00), 1.0 (01/01/70 00:01:00)] were not greater than the threshold (5.0) (minimum 2 datapoints for OK -> OK transition)."},
		{rule{need: 2, of: 2, missing: "missing"}, nil, types.StateValueInsufficientData, "Insufficient Data: 2 datapoints were unknown."},
	} {
		if got := c.text(c.points, types.StateValueOk, c.to); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
