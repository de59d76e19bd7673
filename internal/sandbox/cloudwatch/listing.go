package cloudwatch

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

const (
	pageOfMetrics = 500             // of ListMetrics
	listedFor     = 14 * 24 * 3600  // seconds after their last data
	recently      = 3 * 60 * minute // PT3H
	mostOfOneAsk  = 1440            // points of one GetMetricStatistics
)

// listMetrics lists the metrics that have data, none sooner than
// Timing.MetricListed after its first.
func (s *Service) listMetrics(_ context.Context, in *cloudwatch.ListMetricsInput) (*cloudwatch.ListMetricsOutput, error) {
	now := time.Now().Unix()
	age := int64(listedFor)
	if in.RecentlyActive != "" {
		age = recently
	}
	found := s.metrics.list(func(id bus.MetricID, m *metric) bool {
		return m.since+int64(s.bus.Timing.MetricListed/time.Second) <= now && m.newest() > now-age &&
			(in.Namespace == nil || *in.Namespace == id.Namespace) && (in.MetricName == nil || *in.MetricName == id.Name) && has(id, in.Dimensions)
	})
	if in.NextToken != nil {
		after, err := base64.URLEncoding.DecodeString(*in.NextToken)
		if err != nil {
			return nil, wire.Errorf("InvalidParameterValueException", "The value for parameter NextToken is invalid.")
		}
		i, there := slices.BinarySearchFunc(found, string(after), func(id bus.MetricID, key string) int { return cmp.Compare(order(id), key) })
		if there {
			i++
		}
		found = found[i:]
	}
	out := &cloudwatch.ListMetricsOutput{Metrics: []types.Metric{}}
	if len(found) > pageOfMetrics {
		found = found[:pageOfMetrics]
		out.NextToken = aws.String(base64.URLEncoding.EncodeToString([]byte(order(found[pageOfMetrics-1]))))
	}
	for _, id := range found {
		out.Metrics = append(out.Metrics, types.Metric{Namespace: aws.String(id.Namespace), MetricName: aws.String(id.Name), Dimensions: dimensionsOf(id)})
	}
	return out, nil
}

// has says whether a metric has all the dimensions, with the values where there
// are any, and perhaps others.
func has(id bus.MetricID, filters []types.DimensionFilter) bool {
	for _, f := range filters {
		if !slices.ContainsFunc(id.Dims[:], func(d bus.Dim) bool { return d.Name == *f.Name && (f.Value == nil || *f.Value == d.Value) }) {
			return false
		}
	}
	return true
}

// list is the metrics that fit, in order.
func (s *store) list(fits func(bus.MetricID, *metric) bool) []bus.MetricID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []bus.MetricID
	for id, m := range s.metrics {
		if fits(id, m) {
			found = append(found, id)
		}
	}
	slices.SortFunc(found, func(a, b bus.MetricID) int { return cmp.Compare(order(a), order(b)) })
	return found
}

// order is a text by which metrics are sorted.
func order(id bus.MetricID) string {
	return fmt.Sprintf("%s\x00%s\x00%s\x00%s\x00%s\x00%s", id.Namespace, id.Name, id.Dims[0].Name, id.Dims[0].Value, id.Dims[1].Name, id.Dims[1].Value)
}

// getMetricStatistics reads one metric. Its periods begin at the minute of the
// start, not at multiples of the period.
func (s *Service) getMetricStatistics(_ context.Context, in *cloudwatch.GetMetricStatisticsInput) (*cloudwatch.GetMetricStatisticsOutput, error) {
	step := int64(*in.Period)
	switch {
	case len(in.Statistics) == 0 && len(in.ExtendedStatistics) == 0:
		return nil, wire.Errorf("MissingRequiredParameterException", "At least one of the parameters {Statistics, ExtendedStatistics} must be specified.")
	case len(in.Statistics) > 0 && len(in.ExtendedStatistics) > 0:
		return nil, wire.Errorf("InvalidParameterCombinationException", "The parameters Statistics and ExtendedStatistics are mutually exclusive and you have specified both.")
	case !in.StartTime.Before(*in.EndTime):
		return nil, wire.Errorf("InvalidParameterValueException", "The parameter StartTime must be less than the parameter EndTime.")
	case readablePeriod(*in.Period) != nil:
		return nil, wire.Errorf("InvalidParameterValueException", "The parameter Period must be a multiple of 60.")
	}
	for _, name := range in.ExtendedStatistics {
		if checkStatistic(name) != nil {
			return nil, wire.Errorf("InvalidParameterValueException", "The value %s for parameter ExtendedStatistics.member is not supported.", name)
		}
	}
	w := window{from: in.StartTime.Unix() / minute * minute, to: in.EndTime.Unix(), step: step}
	if n := (w.to - w.from + step - 1) / step; n > mostOfOneAsk {
		return nil, wire.Errorf("InvalidParameterCombinationException",
			"You have requested up to %d datapoints, which exceeds the limit of %d. You may reduce the datapoints requested by increasing Period, or decreasing the time range.", n, mostOfOneAsk)
	}
	out := &cloudwatch.GetMetricStatisticsOutput{Label: in.MetricName, Datapoints: []types.Datapoint{}}
	found := s.metrics.look(&types.Metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions}, in.Unit)
	if found == nil || step < minute {
		return out, nil
	}
	for _, sample := range found.shown(w, time.Now().Unix(), s.metrics.lag) {
		out.Datapoints = append(out.Datapoints, datapointOf(sample, found.unit, in))
	}
	return out, nil
}

func datapointOf(s sample, unit types.StandardUnit, in *cloudwatch.GetMetricStatisticsInput) types.Datapoint {
	d := types.Datapoint{Timestamp: aws.Time(time.Unix(s.at, 0)), Unit: unit}
	for name, member := range map[types.Statistic]**float64{
		types.StatisticAverage: &d.Average, types.StatisticMaximum: &d.Maximum, types.StatisticMinimum: &d.Minimum,
		types.StatisticSampleCount: &d.SampleCount, types.StatisticSum: &d.Sum,
	} {
		if slices.Contains(in.Statistics, name) {
			v, _ := statistic(s.Samples, string(name))
			*member = &v
		}
	}
	for _, name := range in.ExtendedStatistics {
		if v, ok := statistic(s.Samples, name); ok {
			if d.ExtendedStatistics == nil {
				d.ExtendedStatistics = map[string]float64{}
			}
			d.ExtendedStatistics[name] = v
		}
	}
	return d
}
