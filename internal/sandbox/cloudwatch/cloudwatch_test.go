package cloudwatch_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

func client(t *testing.T) *cloudwatch.Client {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	return cloudwatch.NewFromConfig(cfg)
}

func alarm(name string) *cloudwatch.PutMetricAlarmInput {
	return &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("AWS/SQS"), MetricName: aws.String("NumberOfMessagesSent"), Statistic: types.StatisticSum,
		Dimensions: []types.Dimension{{Name: aws.String("QueueName"), Value: aws.String("q")}},
		Period:     aws.Int32(60), EvaluationPeriods: aws.Int32(2), Threshold: aws.Float64(1), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
	}
}

func metric(id, name string) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, ReturnData: aws.Bool(false), MetricStat: &types.MetricStat{
		Metric: &types.Metric{Namespace: aws.String("AWS/SNS"), MetricName: &name}, Period: aws.Int32(60), Stat: aws.String("Sum")}}
}

func math(name string) *cloudwatch.PutMetricAlarmInput {
	in := alarm(name)
	in.Namespace, in.MetricName, in.Statistic, in.Dimensions, in.Period = nil, nil, "", nil, nil
	in.Metrics = []types.MetricDataQuery{
		{Id: aws.String("rate"), Expression: aws.String("IF(f + d >= 10, 100 * f / (f + d), 0)")},
		metric("f", "NumberOfNotificationsFailed"), metric("d", "NumberOfNotificationsDelivered"),
	}
	return in
}

func TestPutMetricAlarmRefuses(t *testing.T) {
	type input = cloudwatch.PutMetricAlarmInput
	for name, c := range map[string]struct {
		of     func(string) *input
		change func(*input)
		says   string
	}{
		"a metric that is not named":      {alarm, func(in *input) { in.MetricName = nil }, "MetricName must not be null"},
		"no period":                       {alarm, func(in *input) { in.Period = nil }, "Period must not be null"},
		"no statistic":                    {alarm, func(in *input) { in.Statistic = "" }, "Exactly one of Statistic"},
		"two statistics":                  {alarm, func(in *input) { in.ExtendedStatistic = aws.String("p99") }, "Exactly one of Statistic"},
		"an unknown extended statistic":   {alarm, func(in *input) { in.Statistic, in.ExtendedStatistic = "", aws.String("p101") }, "ExtendedStatistic"},
		"an odd period":                   {alarm, func(in *input) { in.Period = aws.Int32(90) }, "multiple of 60"},
		"more than a day":                 {alarm, func(in *input) { in.EvaluationPeriods = aws.Int32(1441) }, "more than a day"},
		"more than a week":                {alarm, func(in *input) { in.Period, in.EvaluationPeriods = aws.Int32(86400), aws.Int32(8) }, "more than a week"},
		"more datapoints than periods":    {alarm, func(in *input) { in.DatapointsToAlarm = aws.Int32(3) }, "DatapointsToAlarm must be less than or equal to EvaluationPeriods"},
		"no threshold":                    {alarm, func(in *input) { in.Threshold = nil }, "Threshold"},
		"no comparison":                   {alarm, func(in *input) { in.ComparisonOperator = "" }, "ComparisonOperator"},
		"a comparison of bands":           {alarm, func(in *input) { in.ComparisonOperator = "LessThanLowerThreshold" }, "anomaly"},
		"no evaluation periods":           {alarm, func(in *input) { in.EvaluationPeriods = nil }, "EvaluationPeriods"},
		"unknown missing data":            {alarm, func(in *input) { in.TreatMissingData = aws.String("notbreaching") }, "not supported for TreatMissingData"},
		"low samples of a sum":            {alarm, func(in *input) { in.EvaluateLowSampleCountPercentile = aws.String("ignore") }, "percentiles"},
		"an action that is no ARN":        {alarm, func(in *input) { in.AlarmActions = []string{"alarms"} }, "Invalid arn"},
		"a topic of another region":       {alarm, func(in *input) { in.OKActions = []string{"arn:aws:sns:us-east-1:000000000000:t"} }, "Invalid region us-east-1"},
		"a name with a line break":        {alarm, func(in *input) { in.AlarmName = aws.String("a\nb") }, "control characters"},
		"a description that is too long":  {alarm, func(in *input) { in.AlarmDescription = aws.String(strings.Repeat("x", 1025)) }, "less than or equal to 1024"},
		"six actions":                     {alarm, func(in *input) { in.AlarmActions = strings.Fields(strings.Repeat("arn:aws:sns:eu-west-1:0:t ", 6)) }, "less than or equal to 5"},
		"an unknown comparison":           {alarm, func(in *input) { in.ComparisonOperator = "GreaterThan" }, "enum value set"},
		"math and a statistic":            {math, func(in *input) { in.Statistic = types.StatisticSum }, "Statistic should not be set if list of Metrics is set."},
		"math and a metric":               {math, func(in *input) { in.MetricName = aws.String("m") }, "MetricName should not be set if list of Metrics is set."},
		"math and a period":               {math, func(in *input) { in.Period = aws.Int32(60) }, "Period should not be set if list of Metrics is set."},
		"math that returns nothing":       {math, func(in *input) { in.Metrics[0].ReturnData = aws.Bool(false) }, "Exactly one element of the metrics list should return data."},
		"math that returns two":           {math, func(in *input) { in.Metrics[1].ReturnData = nil }, "Exactly one element of the metrics list should return data."},
		"math over two periods":           {math, func(in *input) { in.Metrics[1].MetricStat.Period = aws.Int32(300) }, "same period"},
		"math over eleven metrics":        {math, func(in *input) { in.Metrics = append(in.Metrics, more(9)...) }, "at most 10"},
		"math with a name twice":          {math, func(in *input) { in.Metrics[1].Id = aws.String("d") }, "unique"},
		"math with a name in capitals":    {math, func(in *input) { in.Metrics[1].Id = aws.String("F") }, "lower-case letter"},
		"math over an unknown name":       {math, func(in *input) { in.Metrics[0].Expression = aws.String("100 * failed") }, "failed"},
		"math with neither":               {math, func(in *input) { in.Metrics[1].MetricStat = nil }, "Exactly one of Expression and MetricStat"},
		"math with an unknown statistic":  {math, func(in *input) { in.Metrics[1].MetricStat.Stat = aws.String("sum") }, "Stat is not supported"},
		"math that is no expression":      {math, func(in *input) { in.Metrics[0].Expression = aws.String("f +") }, "unexpected end"},
		"math that is a number":           {math, func(in *input) { in.Metrics[0].Expression = aws.String("SUM(f)") }, "single time series"},
		"math that is several series":     {math, func(in *input) { in.Metrics[0].Expression = aws.String("METRICS()") }, "single time series"},
		"math over more than a day":       {math, func(in *input) { in.EvaluationPeriods = aws.Int32(1441) }, "more than a day"},
		"math over a metric without name": {math, func(in *input) { in.Metrics[1].MetricStat.Metric.MetricName = nil }, "must not be null"},
	} {
		t.Run(name, func(t *testing.T) {
			cw := client(t)
			in := c.of("a")
			c.change(in)
			_, err := cw.PutMetricAlarm(t.Context(), in)
			refused(t, err, "ValidationError", c.says)
			out, err := cw.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{})
			if err != nil || len(out.MetricAlarms) != 0 {
				t.Errorf("an alarm is there all the same: %v, %v", out, err)
			}
		})
	}
}

func more(n int) []types.MetricDataQuery {
	var all []types.MetricDataQuery
	for i := range n {
		all = append(all, metric(fmt.Sprintf("m%d", i), "Other"))
	}
	return all
}

func TestOtherRefusals(t *testing.T) {
	cw := client(t)
	ctx := t.Context()
	put(t, cw, alarm("a"))
	arn := "arn:aws:cloudwatch:eu-west-1:" + sandbox.Account + ":alarm:"
	tags := []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}
	for name, c := range map[string]struct {
		call func() error
		code string
	}{
		"tags of an alarm that is not there": {func() error {
			_, err := cw.TagResource(ctx, &cloudwatch.TagResourceInput{ResourceARN: aws.String(arn + "b"), Tags: tags})
			return err
		}, "ResourceNotFoundException"},
		"tags of another region's alarm": {func() error {
			_, err := cw.ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: aws.String(strings.Replace(arn, "eu-west-1", "us-east-1", 1) + "a")})
			return err
		}, "InvalidParameterValue"},
		"a tag of AWS's own": {func() error {
			_, err := cw.TagResource(ctx, &cloudwatch.TagResourceInput{ResourceARN: aws.String(arn + "a"), Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("v")}}})
			return err
		}, "InvalidParameterValue"},
		"the state of an alarm that is not there": {func() error {
			_, err := cw.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("b"), StateValue: types.StateValueOk, StateReason: aws.String("r")})
			return err
		}, "ResourceNotFound"},
		"state data that is not JSON": {func() error {
			_, err := cw.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("a"), StateValue: types.StateValueOk, StateReason: aws.String("r"), StateReasonData: aws.String("{")})
			return err
		}, "InvalidFormat"},
		"names and a prefix": {func() error {
			_, err := cw.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"a"}, AlarmNamePrefix: aws.String("a")})
			return err
		}, "InvalidParameterCombination"},
		"101 names": {func() error {
			_, err := cw.DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: make([]string, 101)})
			return err
		}, "ValidationError"},
		"a token that is not ours": {func() error {
			_, err := cw.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{NextToken: aws.String("!")})
			return err
		}, "InvalidNextToken"},
		"a history token that is not ours": {func() error {
			_, err := cw.DescribeAlarmHistory(ctx, &cloudwatch.DescribeAlarmHistoryInput{NextToken: aws.String("99")})
			return err
		}, "InvalidNextToken"},
		"a PromQL alarm": {func() error {
			in := alarm("p")
			in.EvaluationCriteria = &types.EvaluationCriteriaMemberPromQLCriteria{Value: types.AlarmPromQLCriteria{Query: aws.String("up")}}
			_, err := cw.PutMetricAlarm(ctx, in)
			return err
		}, "NotImplemented"},
		"composite alarms": {func() error {
			_, err := cw.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{ChildrenOfAlarmName: aws.String("a")})
			return err
		}, "NotImplemented"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, c.call(), c.code, "") })
	}
}

// TestPutOverwrites holds PutMetricAlarm to AWS's upsert: all settings go, state
// and tags stay (trap 27).
func TestPutOverwrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cw := client(t)
		in := alarm("a")
		in.AlarmDescription, in.TreatMissingData, in.ActionsEnabled = aws.String("text"), aws.String("breaching"), aws.Bool(false)
		in.Tags = []types.Tag{{Key: aws.String("Team"), Value: aws.String("one")}}
		put(t, cw, in)
		first := describe(t, cw, "a")
		if first.StateValue != types.StateValueInsufficientData || *first.ActionsEnabled || *first.TreatMissingData != "breaching" {
			t.Errorf("a new alarm is %+v", first)
		}
		_, err := cw.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("a"), StateValue: types.StateValueAlarm, StateReason: aws.String("test")})
		must(t, err)
		time.Sleep(time.Minute)

		again := alarm("a")
		again.Tags = []types.Tag{{Key: aws.String("Team"), Value: aws.String("two")}}
		put(t, cw, again)
		second := describe(t, cw, "a")
		if second.AlarmDescription != nil || second.TreatMissingData != nil || !*second.ActionsEnabled {
			t.Errorf("settings that the second call left out are still there: %+v", second)
		}
		if second.StateValue != types.StateValueAlarm || *second.StateReason != "test" {
			t.Errorf("the state is %s (%s), want it untouched", second.StateValue, *second.StateReason)
		}
		if !second.AlarmConfigurationUpdatedTimestamp.After(*first.AlarmConfigurationUpdatedTimestamp) {
			t.Error("the time of the configuration did not move")
		}
		tags, err := cw.ListTagsForResource(t.Context(), &cloudwatch.ListTagsForResourceInput{ResourceARN: second.AlarmArn})
		must(t, err)
		if len(tags.Tags) != 1 || *tags.Tags[0].Value != "one" {
			t.Errorf("tags are %v, want those of the creation", tags.Tags)
		}

		_, err = cw.DeleteAlarms(t.Context(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"x", "a"}})
		refused(t, err, "ResourceNotFound", "x")
		out, err := cw.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{})
		must(t, err)
		if len(out.MetricAlarms) != 0 {
			t.Error("a wrong name beside it kept the alarm from being deleted")
		}

		history, err := cw.DescribeAlarmHistory(t.Context(), &cloudwatch.DescribeAlarmHistoryInput{AlarmName: aws.String("a"), ScanBy: types.ScanByTimestampAscending})
		must(t, err)
		var got []string
		for _, h := range history.AlarmHistoryItems {
			got = append(got, *h.HistorySummary)
		}
		want := `Alarm "a" created; Alarm updated from INSUFFICIENT_DATA to ALARM; Alarm "a" updated; Alarm "a" deleted`
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("the history says %s, want %s", s, want)
		}
		time.Sleep(31 * 24 * time.Hour)
		put(t, cw, alarm("b"))
		history, err = cw.DescribeAlarmHistory(t.Context(), &cloudwatch.DescribeAlarmHistoryInput{})
		must(t, err)
		if len(history.AlarmHistoryItems) != 1 {
			t.Errorf("%d items of history after a month, want the new one only", len(history.AlarmHistoryItems))
		}
	})
}

func TestDescribePagesAndFilters(t *testing.T) {
	cw := client(t)
	for i := range 7 {
		in := alarm(fmt.Sprintf("a-%d", i))
		if i == 3 {
			in.AlarmActions = []string{"arn:aws:sns:eu-west-1:000000000000:t"}
			in.Dimensions[0].Value = aws.String("other")
		}
		put(t, cw, in)
	}
	put(t, cw, math("math"))
	list := func(in *cloudwatch.DescribeAlarmsInput) string {
		var names []string
		pages := cloudwatch.NewDescribeAlarmsPaginator(cw, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			must(t, err)
			for _, a := range page.MetricAlarms {
				names = append(names, *a.AlarmName)
			}
		}
		return strings.Join(names, " ")
	}
	_, err := cw.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("a-5"), StateValue: types.StateValueOk, StateReason: aws.String("")})
	must(t, err)
	for want, in := range map[string]*cloudwatch.DescribeAlarmsInput{
		"a-0 a-1 a-2 a-3 a-4 a-5 a-6": {AlarmNamePrefix: aws.String("a-"), MaxRecords: aws.Int32(3)},
		"a-1 math":                    {AlarmNames: []string{"math", "none", "a-1"}},
		"a-5":                         {StateValue: types.StateValueOk},
		"a-3":                         {ActionPrefix: aws.String("arn:aws:sns")},
		"":                            {AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}},
	} {
		if got := list(in); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	out, err := cw.DescribeAlarmsForMetric(t.Context(), &cloudwatch.DescribeAlarmsForMetricInput{Namespace: aws.String("AWS/SQS"),
		MetricName: aws.String("NumberOfMessagesSent"), Dimensions: []types.Dimension{{Name: aws.String("QueueName"), Value: aws.String("other")}}})
	must(t, err)
	if len(out.MetricAlarms) != 1 || *out.MetricAlarms[0].AlarmName != "a-3" {
		t.Errorf("alarms for the metric: %v", out.MetricAlarms)
	}
}

func put(t *testing.T, cw *cloudwatch.Client, in *cloudwatch.PutMetricAlarmInput) {
	t.Helper()
	_, err := cw.PutMetricAlarm(t.Context(), in)
	must(t, err)
}

func describe(t *testing.T, cw *cloudwatch.Client, name string) types.MetricAlarm {
	t.Helper()
	out, err := cw.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{name}})
	must(t, err)
	if len(out.MetricAlarms) != 1 {
		t.Fatalf("%d alarms %s", len(out.MetricAlarms), name)
	}
	return out.MetricAlarms[0]
}

func refused(t *testing.T, err error, code, says string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), says) {
		t.Errorf("got %v, want %s that says %q", err, code, says)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
