package alarm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/resource"
)

// input is the call that makes or repairs the alarm. It has every setting:
// what the call leaves out goes back to AWS's default.
func (s Spec) input() *cloudwatch.PutMetricAlarmInput {
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName:          &s.AlarmName,
		AlarmDescription:   &s.Description,
		ActionsEnabled:     aws.Bool(true),
		AlarmActions:       s.ActionARNs,
		OKActions:          s.ActionARNs,
		ComparisonOperator: types.ComparisonOperator(s.Comparison),
		Threshold:          &s.Threshold,
		EvaluationPeriods:  &s.EvaluationPeriods,
		TreatMissingData:   aws.String(cmp.Or(s.TreatMissingData, defaultMissing)),
	}
	if s.DatapointsToAlarm != 0 {
		in.DatapointsToAlarm = &s.DatapointsToAlarm
	}
	if s.Math != nil {
		in.Metrics = s.Math.queries()
		return in
	}
	stat := s.Metric.stat()
	in.Namespace, in.MetricName, in.Dimensions = stat.Metric.Namespace, stat.Metric.MetricName, stat.Metric.Dimensions
	in.Period, in.Statistic = stat.Period, types.Statistic(s.Metric.Statistic)
	return in
}

func (m Metric) stat() *types.MetricStat {
	var dims []types.Dimension
	for _, name := range slices.Sorted(maps.Keys(m.Dimensions)) {
		dims = append(dims, types.Dimension{Name: aws.String(name), Value: aws.String(m.Dimensions[name])})
	}
	return &types.MetricStat{
		Metric: &types.Metric{Namespace: &m.Namespace, MetricName: &m.Name, Dimensions: dims},
		Period: aws.Int32(int32(m.Period.Seconds())),
		Stat:   &m.Statistic,
	}
}

func (m Math) queries() []types.MetricDataQuery {
	queries := []types.MetricDataQuery{{Id: aws.String(resultID), Expression: &m.Expression, ReturnData: aws.Bool(true)}}
	if m.Label != "" {
		queries[0].Label = &m.Label
	}
	for _, id := range slices.Sorted(maps.Keys(m.Metrics)) {
		queries = append(queries, types.MetricDataQuery{Id: aws.String(id), MetricStat: m.Metrics[id].stat(), ReturnData: aws.Bool(false)})
	}
	return queries
}

// settings are all settings of an alarm by name, each in one form whatever the
// order and the defaults it was written with, so that two alarms are the same
// when their settings are. Empty ones are left out.
func settings(in *cloudwatch.PutMetricAlarmInput) map[string]string {
	periods := aws.ToInt32(in.EvaluationPeriods)
	points := aws.ToInt32(in.DatapointsToAlarm)
	if points == 0 {
		points = periods
	}
	all := map[string]string{
		"description":               aws.ToString(in.AlarmDescription),
		"actions_enabled":           strconv.FormatBool(in.ActionsEnabled == nil || *in.ActionsEnabled),
		"alarm_actions":             list(in.AlarmActions),
		"ok_actions":                list(in.OKActions),
		"insufficient_data_actions": list(in.InsufficientDataActions),
		"namespace":                 aws.ToString(in.Namespace),
		"metric":                    aws.ToString(in.MetricName),
		"dimensions":                dimensions(in.Dimensions),
		"statistic":                 cmp.Or(string(in.Statistic), aws.ToString(in.ExtendedStatistic)),
		"period":                    seconds(in.Period),
		"unit":                      string(in.Unit),
		"comparison":                string(in.ComparisonOperator),
		"threshold":                 strconv.FormatFloat(aws.ToFloat64(in.Threshold), 'f', -1, 64),
		"evaluation_periods":        strconv.Itoa(int(periods)),
		"datapoints_to_alarm":       strconv.Itoa(int(points)),
		"treat_missing_data":        cmp.Or(aws.ToString(in.TreatMissingData), defaultMissing),
		"low_samples":               aws.ToString(in.EvaluateLowSampleCountPercentile),
		"threshold_metric":          aws.ToString(in.ThresholdMetricId),
		"evaluation_window":         window(in.EvaluationWindow),
	}
	for _, q := range in.Metrics {
		all["metrics."+aws.ToString(q.Id)] = query(q)
	}
	maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
	return all
}

// defaultMissing is what AWS does with missing data unless told otherwise.
const defaultMissing = "missing"

func list(arns []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(arns))), ", ")
}

func seconds(p *int32) string {
	if p == nil {
		return ""
	}
	return strconv.Itoa(int(*p)) + " s"
}

func dimensions(dims []types.Dimension) string {
	var pairs []string
	for _, d := range dims {
		pairs = append(pairs, aws.ToString(d.Name)+"="+aws.ToString(d.Value))
	}
	return list(pairs)
}

// window is empty for a sliding window, which is AWS's default and ours.
func window(w types.EvaluationWindow) string {
	switch w.(type) {
	case nil, *types.EvaluationWindowMemberSlidingWindow:
		return ""
	default:
		return "wall clock"
	}
}

// query is one element of a metric math alarm in words:
// "Sum of AWS/SNS NumberOfNotificationsFailed {TopicName=x} every 60 s".
func query(q types.MetricDataQuery) string {
	var b strings.Builder
	b.WriteString(aws.ToString(q.Expression))
	if m := q.MetricStat; m != nil {
		fmt.Fprintf(&b, "%s of", aws.ToString(m.Stat))
		if m.Metric != nil {
			fmt.Fprintf(&b, " %s %s {%s}", aws.ToString(m.Metric.Namespace), aws.ToString(m.Metric.MetricName), dimensions(m.Metric.Dimensions))
		}
		fmt.Fprintf(&b, " every %s", seconds(m.Period))
		if m.Unit != "" {
			fmt.Fprintf(&b, " in %s", m.Unit)
		}
	}
	if p := q.Period; p != nil && *p != 0 {
		fmt.Fprintf(&b, " every %s", seconds(p))
	}
	if q.Label != nil && *q.Label != "" {
		fmt.Fprintf(&b, " labelled %q", *q.Label)
	}
	if q.AccountId != nil && *q.AccountId != "" {
		fmt.Fprintf(&b, " of account %s", *q.AccountId)
	}
	if q.ReturnData == nil || *q.ReturnData {
		b.WriteString(", watched")
	}
	return b.String()
}

// compare lists the settings in which two alarms differ, in name order.
func compare(live, want map[string]string) []resource.Attribute {
	names := slices.AppendSeq(slices.Collect(maps.Keys(live)), maps.Keys(want))
	slices.Sort(names)
	var diff []resource.Attribute
	for _, n := range slices.Compact(names) {
		if live[n] != want[n] {
			diff = append(diff, resource.Attribute{Name: n, Old: live[n], New: want[n]})
		}
	}
	return diff
}

// asPut is a live alarm as the call that would make it.
func asPut(a types.MetricAlarm) *cloudwatch.PutMetricAlarmInput {
	return &cloudwatch.PutMetricAlarmInput{
		AlarmName: a.AlarmName, AlarmDescription: a.AlarmDescription, ActionsEnabled: a.ActionsEnabled,
		AlarmActions: a.AlarmActions, OKActions: a.OKActions, InsufficientDataActions: a.InsufficientDataActions,
		Namespace: a.Namespace, MetricName: a.MetricName, Dimensions: a.Dimensions, Statistic: a.Statistic,
		ExtendedStatistic: a.ExtendedStatistic, Period: a.Period, Unit: a.Unit, Metrics: a.Metrics,
		ComparisonOperator: a.ComparisonOperator, Threshold: a.Threshold, ThresholdMetricId: a.ThresholdMetricId,
		EvaluationPeriods: a.EvaluationPeriods, DatapointsToAlarm: a.DatapointsToAlarm, TreatMissingData: a.TreatMissingData,
		EvaluateLowSampleCountPercentile: a.EvaluateLowSampleCountPercentile, EvaluationWindow: a.EvaluationWindow,
	}
}
