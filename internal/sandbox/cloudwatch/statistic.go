package cloudwatch

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// percentile is the one kind of extended statistic that the sandbox knows.
var percentile = wire.Pattern(`^p(100|\d{1,2}(\.\d{1,10})?)$`)

// statistic is one statistic of samples. ok is false when they don't tell it:
// like CloudWatch, the sandbox knows a percentile of summed samples only where
// they are all the same (API ref GetMetricStatistics).
func statistic(s bus.Samples, name string) (v float64, ok bool) {
	switch types.Statistic(name) {
	case types.StatisticSampleCount:
		return s.Count, true
	case types.StatisticSum:
		return s.Sum, true
	case types.StatisticMinimum:
		return s.Min, true
	case types.StatisticMaximum:
		return s.Max, true
	case types.StatisticAverage:
		return s.Sum / s.Count, true
	}
	return s.Min, strings.HasPrefix(name, "p") && s.Min == s.Max
}

// identify names the metric of a request. ok is false for one that can't have
// data here: nothing in the sandbox has more than two dimensions.
func identify(namespace, name *string, dimensions []types.Dimension) (id bus.MetricID, ok bool) {
	id = bus.MetricID{Namespace: aws.ToString(namespace), Name: aws.ToString(name)}
	if len(dimensions) > len(id.Dims) {
		return id, false
	}
	for i, d := range dimensions {
		id.Dims[i] = bus.Dim{Name: aws.ToString(d.Name), Value: aws.ToString(d.Value)}
	}
	return id, true
}

// look finds what is asked for. It is nil when that has no data, which is so
// too when the data are in another unit than asked for.
func (s *store) look(m *types.Metric, unit types.StandardUnit) *metric {
	id, ok := identify(m.Namespace, m.MetricName, m.Dimensions)
	if !ok {
		return nil
	}
	found := s.find(id)
	if found == nil || unit != "" && unit != found.unit {
		return nil
	}
	return found
}

// dimensionsOf is how the API writes the dimensions of a metric.
func dimensionsOf(id bus.MetricID) []types.Dimension {
	var all []types.Dimension
	for _, d := range id.Dims {
		if d.Name != "" {
			all = append(all, types.Dimension{Name: aws.String(d.Name), Value: aws.String(d.Value)})
		}
	}
	return all
}
