package cloudwatch

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

func (s *Service) describeAlarms(_ context.Context, in *cloudwatch.DescribeAlarmsInput) (*cloudwatch.DescribeAlarmsOutput, error) {
	switch {
	case in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil:
		return nil, unserved("composite alarms")
	case len(in.AlarmNames) > 0 && in.AlarmNamePrefix != nil:
		return nil, wire.Errorf("InvalidParameterCombinationException", "AlarmNames and AlarmNamePrefix can not be specified together")
	}
	out := &cloudwatch.DescribeAlarmsOutput{}
	if len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, types.AlarmTypeMetricAlarm) {
		return out, nil // the sandbox has no other type
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.alarms)) {
		a := s.alarms[name]
		if strings.HasPrefix(name, aws.ToString(in.AlarmNamePrefix)) &&
			(len(in.AlarmNames) == 0 || slices.Contains(in.AlarmNames, name)) &&
			(in.StateValue == "" || a.state == in.StateValue) &&
			(in.ActionPrefix == nil || a.acts(*in.ActionPrefix)) {
			names = append(names, name)
		}
	}
	page, next, err := paginate(names, in.NextToken, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out.NextToken = next
	for _, name := range page {
		out.MetricAlarms = append(out.MetricAlarms, s.metricAlarm(name))
	}
	return out, nil
}

func (a *alarm) acts(prefix string) bool {
	return slices.ContainsFunc(slices.Concat(a.settings.AlarmActions, a.settings.OKActions, a.settings.InsufficientDataActions),
		func(arn string) bool { return strings.HasPrefix(arn, prefix) })
}

// paginate cuts a page off sorted names. CloudWatch knows its own tokens from
// other texts.
func paginate(names []string, token *string, limit *int32) (page []string, next *string, err error) {
	if token != nil {
		from, err := base64.URLEncoding.DecodeString(*token)
		if err != nil {
			return nil, nil, wire.Errorf("InvalidNextToken", "The next token specified is invalid.")
		}
		token = aws.String(string(from))
	}
	if page, next = wire.Page(names, token, limit, 50); next != nil {
		next = aws.String(base64.URLEncoding.EncodeToString([]byte(*next)))
	}
	return page, next, nil
}

func (s *Service) metricAlarm(name string) types.MetricAlarm {
	a := s.alarms[name]
	in := a.settings
	return types.MetricAlarm{
		AlarmName: aws.String(name), AlarmArn: aws.String(s.arn(name)), AlarmDescription: in.AlarmDescription,
		AlarmConfigurationUpdatedTimestamp: aws.Time(a.configured), ActionsEnabled: aws.Bool(a.enabled),
		AlarmActions: in.AlarmActions, OKActions: in.OKActions, InsufficientDataActions: in.InsufficientDataActions,
		StateValue: a.state, StateReason: aws.String(a.reason), StateReasonData: a.reasonData,
		StateUpdatedTimestamp: aws.Time(a.stated), StateTransitionedTimestamp: aws.Time(a.stated),
		Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions, Statistic: in.Statistic,
		ExtendedStatistic: in.ExtendedStatistic, Period: in.Period, Unit: in.Unit, Metrics: in.Metrics,
		ComparisonOperator: in.ComparisonOperator, Threshold: in.Threshold, EvaluationPeriods: in.EvaluationPeriods,
		DatapointsToAlarm: in.DatapointsToAlarm, TreatMissingData: in.TreatMissingData,
		EvaluateLowSampleCountPercentile: in.EvaluateLowSampleCountPercentile,
	}
}

// describeAlarmsForMetric lists the alarms on one metric. Alarms on expressions
// are not among them (API ref DescribeAlarmsForMetric).
func (s *Service) describeAlarmsForMetric(_ context.Context, in *cloudwatch.DescribeAlarmsForMetricInput) (*cloudwatch.DescribeAlarmsForMetricOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &cloudwatch.DescribeAlarmsForMetricOutput{}
	for _, name := range slices.Sorted(maps.Keys(s.alarms)) {
		a := s.alarms[name].settings
		if aws.ToString(a.Namespace) == *in.Namespace && aws.ToString(a.MetricName) == *in.MetricName &&
			maps.Equal(dimensions(a.Dimensions), dimensions(in.Dimensions)) &&
			(in.Statistic == "" || in.Statistic == a.Statistic) &&
			(in.ExtendedStatistic == nil || *in.ExtendedStatistic == aws.ToString(a.ExtendedStatistic)) &&
			(in.Period == nil || *in.Period == aws.ToInt32(a.Period)) &&
			(in.Unit == "" || in.Unit == a.Unit) {
			out.MetricAlarms = append(out.MetricAlarms, s.metricAlarm(name))
		}
	}
	return out, nil
}

func dimensions(list []types.Dimension) map[string]string {
	m := make(map[string]string, len(list))
	for _, d := range list {
		m[*d.Name] = *d.Value
	}
	return m
}
