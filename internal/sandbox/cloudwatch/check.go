package cloudwatch

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

func invalid(format string, args ...any) error {
	return wire.Errorf("ValidationError", format, args...)
}

// check holds the rules of PutMetricAlarm that concern several settings at once
// (API ref PutMetricAlarm).
func (s *Service) check(in *cloudwatch.PutMetricAlarmInput) error {
	if strings.ContainsFunc(*in.AlarmName, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return invalid("AlarmName must not contain ASCII control characters")
	}
	period, err := checkSource(in)
	if err != nil {
		return err
	}
	switch {
	case in.EvaluationInterval != nil:
		return invalid("EvaluationInterval must not be set for alarms with MetricName or Metrics")
	case in.ThresholdMetricId != nil:
		return unserved("alarms on anomaly detection")
	case in.EvaluationPeriods == nil:
		return invalid("EvaluationPeriods must not be null")
	case in.ComparisonOperator == "":
		return invalid("ComparisonOperator must not be null")
	case in.Threshold == nil:
		return invalid("Threshold must not be null")
	case in.DatapointsToAlarm != nil && *in.DatapointsToAlarm > *in.EvaluationPeriods:
		return invalid("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
	}
	switch in.ComparisonOperator {
	case types.ComparisonOperatorLessThanLowerOrGreaterThanUpperThreshold, types.ComparisonOperatorLessThanLowerThreshold, types.ComparisonOperatorGreaterThanUpperThreshold:
		return invalid("%s is only for alarms on anomaly detection models", in.ComparisonOperator)
	}
	if err := checkWindow(int64(period), int64(*in.EvaluationPeriods)); err != nil {
		return err
	}
	switch v := aws.ToString(in.TreatMissingData); v {
	case "", "breaching", "notBreaching", "ignore", "missing":
	default:
		return invalid("The value %s is not supported for TreatMissingData parameter. Supported values are [breaching, notBreaching, ignore, missing].", v)
	}
	switch v := aws.ToString(in.EvaluateLowSampleCountPercentile); {
	case v != "" && v != "evaluate" && v != "ignore":
		return invalid("Option %s is not supported. Supported options for parameter EvaluateLowSampleCountPercentile are evaluate and ignore.", v)
	case v != "" && !strings.HasPrefix(aws.ToString(in.ExtendedStatistic), "p"):
		return invalid("EvaluateLowSampleCountPercentile is only for alarms on percentiles")
	}
	for _, list := range [][]string{in.AlarmActions, in.OKActions, in.InsufficientDataActions} {
		for _, arn := range list {
			if err := s.checkAction(arn); err != nil {
				return err
			}
		}
	}
	return checkTags(tagMap(in.Tags))
}

func unserved(what string) error {
	return &wire.Error{Code: "NotImplemented", Status: 501, Message: "the sandbox does not serve " + what}
}

// checkSource checks what the alarm watches, and returns the period of it in
// seconds.
func checkSource(in *cloudwatch.PutMetricAlarmInput) (period int32, err error) {
	if len(in.Metrics) > 0 {
		for _, m := range []struct {
			name string
			set  bool
		}{
			{"MetricName", in.MetricName != nil}, {"Namespace", in.Namespace != nil}, {"Dimensions", len(in.Dimensions) > 0},
			{"Period", in.Period != nil}, {"Unit", in.Unit != ""}, {"Statistic", in.Statistic != ""}, {"ExtendedStatistic", in.ExtendedStatistic != nil},
		} {
			if m.set {
				return 0, invalid("%s should not be set if list of Metrics is set.", m.name)
			}
		}
		return checkMath(in.Metrics)
	}
	switch {
	case in.MetricName == nil:
		return 0, invalid("MetricName must not be null")
	case in.Namespace == nil:
		return 0, invalid("Namespace must not be null")
	case in.Period == nil:
		return 0, invalid("Period must not be null")
	case (in.Statistic == "") == (in.ExtendedStatistic == nil):
		return 0, invalid("Exactly one of Statistic and ExtendedStatistic must be specified.")
	case in.ExtendedStatistic != nil && !extended().MatchString(*in.ExtendedStatistic):
		return 0, invalid("The value %s for parameter ExtendedStatistic is not supported.", *in.ExtendedStatistic)
	case in.ExtendedStatistic != nil && !percentile().MatchString(*in.ExtendedStatistic):
		return 0, unserved("alarms on the statistic " + *in.ExtendedStatistic)
	}
	return *in.Period, checkPeriod(*in.Period)
}

// extended are the statistics beside the five plain ones.
var extended = wire.Pattern(`^(p(100|\d{1,2})(\.\d{1,10})?|(tm|tc|ts|wm)\d{1,2}(\.\d{1,10})?|IQM|(TM|TC|TS|WM|PR)\([^()]*:[^()]*\))$`)

func checkPeriod(seconds int32) error {
	if seconds == 10 || seconds == 20 || seconds == 30 || seconds%60 == 0 {
		return nil
	}
	return invalid("Period must be 10, 20, 30 or a multiple of 60")
}

func checkWindow(period, periods int64) error {
	switch window := period * periods; {
	case period < 3600 && window > 86400:
		return invalid("Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400) for alarms using period < 3600")
	case window > 604800:
		return invalid("Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800) for alarms using period >= 3600")
	}
	return nil
}

var queryID = wire.Pattern(`^[a-z][a-zA-Z0-9_]*$`)

// mathMetrics is how many metrics an alarm on an expression may have.
const mathMetrics = 10

// checkMath checks an alarm on a metric math expression.
func checkMath(queries []types.MetricDataQuery) (period int32, err error) {
	if err := checkQueries(queries, checkPeriod); err != nil {
		return 0, err
	}
	metrics, returning := 0, 0
	for _, q := range queries {
		if q.ReturnData == nil || *q.ReturnData {
			returning++
		}
		if q.MetricStat == nil {
			continue
		}
		metrics++
		if period != 0 && *q.MetricStat.Period != period {
			return 0, invalid("Metrics list must have the same period for every metric.")
		}
		period = *q.MetricStat.Period
	}
	switch {
	case returning != 1:
		return 0, invalid("Exactly one element of the metrics list should return data.")
	case metrics > mathMetrics:
		return 0, invalid("The metrics list has %d metrics: an alarm can have at most %d.", metrics, mathMetrics)
	case metrics == 0:
		return 0, unserved("alarms on Metrics Insights queries")
	}
	return period, checkExpressions(queries)
}

// checkExpressions works the expressions out over metrics without data: every
// one must be right, and the one that is watched a single series.
func checkExpressions(queries []types.MetricDataQuery) error {
	dry := &scope{queries: queries, read: func(*types.MetricStat) series { return series{} }}
	for i := range queries {
		q := &queries[i]
		v, err := dry.query(*q.Id)
		switch {
		case err != nil:
			return wrong(q, err)
		case v.kind == scalar || v.kind == array && (q.ReturnData == nil || *q.ReturnData):
			return invalid("Error in expression '%s': an alarm must watch a single time series", *q.Id)
		}
	}
	return nil
}

func plainStatistic(s string) bool {
	switch types.Statistic(s) {
	case types.StatisticAverage, types.StatisticMaximum, types.StatisticMinimum, types.StatisticSampleCount, types.StatisticSum:
		return true
	}
	return false
}

// checkAction refuses what is no ARN and topics of another region. Whether the
// topic is there AWS does not ask, and neither do we: such an alarm is silent.
func (s *Service) checkAction(arn string) error {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return invalid("Invalid arn syntax: %s", arn)
	}
	if parts[2] == "sns" && parts[3] != s.bus.Region {
		return invalid("Invalid region %s specified. Only %s is supported.", parts[3], s.bus.Region)
	}
	return nil
}
