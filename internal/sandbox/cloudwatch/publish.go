package cloudwatch

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// What PutMetricData takes (API ref PutMetricData).
const (
	mostPut    = 1000
	mostValues = 150
	oldestPut  = 14 * 24 * time.Hour
	newestPut  = 2 * time.Hour
)

// largest is what a value may be at most, on either side of 0.
var largest = math.Ldexp(1, 360)

func (s *Service) putMetricData(_ context.Context, in *cloudwatch.PutMetricDataInput) (*cloudwatch.PutMetricDataOutput, error) {
	switch {
	case len(in.EntityMetricData) > 0:
		return nil, unserved("metrics of entities")
	case strings.HasPrefix(*in.Namespace, "AWS/"):
		return nil, wire.Errorf("InvalidParameterValueException", "The value %s for parameter Namespace is invalid.", *in.Namespace)
	case len(in.MetricData) == 0:
		return nil, wire.Errorf("MissingRequiredParameterException", "The parameter MetricData is required.")
	case len(in.MetricData) > mostPut:
		return nil, wire.Errorf("InvalidParameterValueException", "The collection MetricData must not have a size greater than %d.", mostPut)
	}
	now := time.Now()
	measured := make([]bus.Samples, len(in.MetricData))
	for i := range in.MetricData { // all of it is right or nothing is taken
		var err error
		if measured[i], err = s.checkDatum(*in.Namespace, &in.MetricData[i], now); err != nil {
			return nil, err
		}
	}
	for i, d := range in.MetricData {
		id, _ := identify(in.Namespace, d.MetricName, d.Dimensions)
		at := now
		if d.Timestamp != nil {
			at = *d.Timestamp
		}
		s.metrics.metric(id, now.Unix(), unitOf(&d)).add(at.Unix(), now.Unix(), measured[i], s.metrics.fine)
	}
	return &cloudwatch.PutMetricDataOutput{}, nil
}

func unitOf(d *types.MetricDatum) types.StandardUnit {
	if d.Unit == "" {
		return types.StandardUnitNone
	}
	return d.Unit
}

// checkDatum is the samples of a datum, when they are right.
func (s *Service) checkDatum(namespace string, d *types.MetricDatum, now time.Time) (bus.Samples, error) {
	id, ok := identify(&namespace, d.MetricName, d.Dimensions)
	switch {
	case !ok:
		return bus.Samples{}, unserved("metrics with more than two dimensions")
	case d.StorageResolution != nil && *d.StorageResolution != 60:
		return bus.Samples{}, unserved("metrics of high resolution")
	case d.Timestamp != nil && d.Timestamp.Before(now.Add(-oldestPut)):
		return bus.Samples{}, wire.Errorf("InvalidParameterValueException", "The parameter MetricData.member.Timestamp must specify a time within the past two weeks.")
	case d.Timestamp != nil && d.Timestamp.After(now.Add(newestPut)):
		return bus.Samples{}, wire.Errorf("InvalidParameterValueException", "The parameter MetricData.member.Timestamp must specify a time no more than two hours in the future.")
	}
	if there := s.metrics.find(id); there != nil && there.unit != unitOf(d) {
		return bus.Samples{}, unserved("a metric in two units")
	}
	return measurements(d)
}

// measurements sums up what a datum holds, in one of three ways.
func measurements(d *types.MetricDatum) (bus.Samples, error) {
	ways := 0
	for _, given := range []bool{d.Value != nil, d.StatisticValues != nil, len(d.Values) > 0} {
		if given {
			ways++
		}
	}
	switch {
	case ways == 0:
		return bus.Samples{}, wire.Errorf("MissingRequiredParameterException", "One of Value, Values or StatisticValues must be specified for metric %s.", *d.MetricName)
	case ways > 1:
		return bus.Samples{}, wire.Errorf("InvalidParameterCombinationException", "The parameters Value, Values and StatisticValues are mutually exclusive and you have specified more than one for metric %s.", *d.MetricName)
	case len(d.Values) > mostValues:
		return bus.Samples{}, wire.Errorf("InvalidParameterValueException", "The collection MetricData.member.Values must not have a size greater than %d.", mostValues)
	case len(d.Counts) > 0 && len(d.Counts) != len(d.Values):
		return bus.Samples{}, wire.Errorf("InvalidParameterValueException", "The parameters MetricData.member.Values and MetricData.member.Counts must be of the same size.")
	}
	if v := d.StatisticValues; v != nil {
		return bus.Samples{Count: *v.SampleCount, Sum: *v.Sum, Min: *v.Minimum, Max: *v.Maximum}, within(*v.SampleCount, *v.Sum, *v.Minimum, *v.Maximum)
	}
	values := d.Values
	if d.Value != nil {
		values = []float64{aws.ToFloat64(d.Value)}
	}
	var all bus.Samples
	for i, v := range values {
		count := 1.0
		if len(d.Counts) > 0 {
			count = d.Counts[i]
		}
		all = merge(all, bus.Samples{Count: count, Sum: v * count, Min: v, Max: v})
	}
	return all, within(values...)
}

func within(values ...float64) error {
	for _, v := range values {
		if !(math.Abs(v) <= largest) { // NaN is neither
			return wire.Errorf("InvalidParameterValueException", "The value %v for parameter MetricData.member.Value is invalid.", v)
		}
	}
	return nil
}
