package cloudwatch

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// A metric is listed when it has had data for a while, by its own dimensions,
// and no longer than two weeks after the last.
func TestListingMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := alone(t, "aws")
		list := func(in *cloudwatch.ListMetricsInput) int {
			n := 0
			for {
				out, err := s.listMetrics(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				n += len(out.Metrics)
				if in.NextToken = out.NextToken; out.NextToken == nil {
					return n
				}
			}
		}
		for i := range 1200 {
			s.bus.Metrics.Add(bus.MetricID{Namespace: "AWS/Kinesis", Name: "IncomingRecords", Dims: [2]bus.Dim{{Name: "StreamName", Value: "s"}, {Name: "ShardId", Value: fmt.Sprint(i)}}}, bus.One(1))
		}
		s.bus.Metrics.Add(sent, bus.One(1))
		if n := list(&cloudwatch.ListMetricsInput{}); n != 0 {
			t.Errorf("%d metrics at once, AWS takes up to 15 minutes", n)
		}
		time.Sleep(15 * time.Minute)
		shard := types.DimensionFilter{Name: aws.String("ShardId"), Value: aws.String("7")}
		for _, c := range []struct {
			in   *cloudwatch.ListMetricsInput
			want int
		}{
			{&cloudwatch.ListMetricsInput{}, 1201},
			{&cloudwatch.ListMetricsInput{Namespace: aws.String("AWS/SQS")}, 1},
			{&cloudwatch.ListMetricsInput{MetricName: aws.String("IncomingRecords")}, 1200},
			{&cloudwatch.ListMetricsInput{Dimensions: []types.DimensionFilter{shard}}, 1},
			{&cloudwatch.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: aws.String("StreamName")}}}, 1200},
			{&cloudwatch.ListMetricsInput{RecentlyActive: types.RecentlyActivePt3h}, 1201},
			{&cloudwatch.ListMetricsInput{Namespace: aws.String("Nothing")}, 0},
		} {
			if n := list(c.in); n != c.want {
				t.Errorf("%+v: %d metrics, want %d", c.in, n, c.want)
			}
		}
		time.Sleep(4 * time.Hour)
		if n := list(&cloudwatch.ListMetricsInput{RecentlyActive: types.RecentlyActivePt3h}); n != 0 {
			t.Errorf("%d metrics were active in the last 3 hours, want none", n)
		}
		time.Sleep(14 * 24 * time.Hour)
		if n := list(&cloudwatch.ListMetricsInput{}); n != 0 {
			t.Errorf("%d metrics after two weeks, want none", n)
		}
	})
}

func TestCustomMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := alone(t, "instant")
		now := time.Now()
		at := aws.Time(now.Add(-10 * time.Minute))
		_, err := s.putMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("Mine"), MetricData: []types.MetricDatum{
			{MetricName: aws.String("M"), Timestamp: at, Unit: types.StandardUnitSeconds, Values: []float64{2, 5}, Counts: []float64{3, 1}},
			{MetricName: aws.String("M"), Timestamp: at, Unit: types.StandardUnitSeconds, StatisticValues: &types.StatisticSet{
				SampleCount: aws.Float64(2), Sum: aws.Float64(9), Minimum: aws.Float64(1), Maximum: aws.Float64(8)}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		in := &cloudwatch.GetMetricStatisticsInput{StartTime: aws.Time(now.Add(-12 * time.Minute)), EndTime: &now, Namespace: aws.String("Mine"), MetricName: aws.String("M"),
			Period: aws.Int32(300), Statistics: types.StatisticSum.Values()}
		out, err := s.getMetricStatistics(t.Context(), in)
		if err != nil || len(out.Datapoints) != 1 {
			t.Fatalf("%v, %v", out, err)
		}
		d := out.Datapoints[0]
		got := fmt.Sprint(*d.SampleCount, *d.Sum, *d.Minimum, *d.Maximum, *d.Average, " ", d.Unit, " ", d.Timestamp.Equal(now.Add(-12*time.Minute).Truncate(time.Minute)))
		if want := "6 20 1 8 3.3333333333333335 Seconds true"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		in.Unit = types.StandardUnitCount // CloudWatch does not convert
		if out, err = s.getMetricStatistics(t.Context(), in); err != nil || len(out.Datapoints) != 0 {
			t.Errorf("in another unit: %v, %v; want nothing", out, err)
		}
		_, err = s.putMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("Mine"), MetricData: []types.MetricDatum{{MetricName: aws.String("M"), Value: aws.Float64(1)}}})
		if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != "NotImplemented" {
			t.Errorf("a second unit: got %v, want a refusal by name", err)
		}
	})
}
