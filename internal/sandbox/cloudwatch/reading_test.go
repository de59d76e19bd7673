package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// alone is the service without others, but for a topic that takes everything.
func alone(t testing.TB, timing string) (*Service, *publisher) {
	p := &publisher{}
	b := &bus.Bus{Account: "000000000000", Region: "eu-west-1", Timing: timingNamed(t, timing), Publisher: p}
	return New(b), p
}

// live is the same, evaluating until the test ends.
func live(t *testing.T, timing string) (*Service, *publisher) {
	s, p := alone(t, timing)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.bus.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return s, p
}

// untilMinute sleeps up to a moment of a whole minute of the clock.
func untilMinute(moment time.Duration) {
	time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + moment)))
}

func stat(id, namespace, name string, dim bus.Dim, statistic string, period int32) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{Period: &period, Stat: &statistic, Metric: &types.Metric{
		Namespace: &namespace, MetricName: &name, Dimensions: []types.Dimension{{Name: &dim.Name, Value: &dim.Value}}}}}
}

var (
	queue = bus.Dim{Name: "QueueName", Value: "q"}
	sent  = bus.ID("AWS/SQS", "NumberOfMessagesSent", queue.Name, queue.Value)
)

// values are the points of one query, oldest first, with their minutes.
func values(t *testing.T, s *Service, from, to time.Time, statistic string, period int32) string {
	t.Helper()
	out, err := s.getMetricData(t.Context(), &cloudwatch.GetMetricDataInput{StartTime: &from, EndTime: &to, ScanBy: types.ScanByTimestampAscending,
		MetricDataQueries: []types.MetricDataQuery{stat("m", sent.Namespace, sent.Name, queue, statistic, period)}})
	if err != nil {
		t.Fatal(err)
	}
	return pointsOf(out.MetricDataResults[0])
}

func pointsOf(r types.MetricDataResult) string {
	var words []string
	for i, at := range r.Timestamps {
		words = append(words, at.UTC().Format("15:04")+"="+fmt.Sprint(r.Values[i]))
	}
	return strings.Join(words, " ")
}

// At AWS's timing the newest minute is there when it is over, grows for two
// minutes, and is then complete. A reader that takes it for complete sees too
// little.
func TestTheNewestMinuteGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := alone(t, "aws")
		untilMinute(0)
		start := time.Now()
		read := func() string { return values(t, s, start, start.Add(time.Hour), "Sum", 60) }
		for range 60 {
			if got := read(); got != "" {
				t.Fatalf("a minute that is not over can be read: %s", got)
			}
			s.bus.Metrics.Add(sent, bus.One(10))
			time.Sleep(time.Second)
		}
		minute := start.UTC().Format("15:04")
		for _, c := range []struct {
			at   time.Duration
			want string
		}{{60 * time.Second, "10"}, {90 * time.Second, "160"}, {2 * time.Minute, "310"}, {3 * time.Minute, "600"}, {time.Hour, "600"}} {
			time.Sleep(time.Until(start.Add(c.at)))
			if got := read(); got != minute+"="+c.want {
				t.Errorf("after %v: %q, want %s", c.at, got, c.want)
			}
		}
	})
}

func TestPeriodsAreAligned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := alone(t, "instant")
		untilMinute(0) // the clock of a bubble begins at a whole hour
		start := time.Now()
		for i := range 12 {
			s.bus.Metrics.Add(sent, bus.Samples{Count: 2, Sum: float64(i), Min: 0, Max: float64(i)})
			time.Sleep(time.Minute)
		}
		m := func(i int) string { return start.Add(time.Duration(i) * time.Minute).UTC().Format("15:04") }
		for _, c := range []struct {
			name, statistic string
			from, to        time.Time
			period          int32
			want            string
		}{
			{"minutes, the end is not in it", "Sum", start, start.Add(3 * time.Minute), 60, m(0) + "=0 " + m(1) + "=1 " + m(2) + "=2"},
			{"the start is rounded down", "Sum", start.Add(90 * time.Second), start.Add(121 * time.Second), 60, m(1) + "=1 " + m(2) + "=2"},
			{"five minutes begin at multiples of five", "Sum", start, start.Add(10 * time.Minute), 300, m(4) + "=30 " + m(9) + "=9"},
			{"averages weigh samples", "Average", start.Add(4 * time.Minute), start.Add(9 * time.Minute), 300, m(4) + "=3"},
			{"minimum", "Minimum", start.Add(5 * time.Minute), start.Add(6 * time.Minute), 60, m(5) + "=0"},
			{"maximum", "Maximum", start, start.Add(time.Hour), 3600, ""},
			{"samples", "SampleCount", start.Add(5 * time.Minute), start.Add(6 * time.Minute), 60, m(5) + "=2"},
			{"percentiles of values that differ are unknown", "p99", start, start.Add(2 * time.Minute), 60, m(0) + "=0"},
			{"no data in less than minutes", "Sum", start, start.Add(3 * time.Minute), 10, ""},
		} {
			if got := values(t, s, c.from, c.to, c.statistic, c.period); got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		}
	})
}

// Pages of any size, put together, are what one page says, and a result is
// Complete when its last point was given.
func TestPagesTogetherAreTheWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := alone(t, "instant")
		start := time.Now().Truncate(time.Minute)
		other := bus.Dim{Name: "QueueName", Value: "other"}
		for i := range 10 {
			s.bus.Metrics.Add(sent, bus.One(float64(i)))
			if i%3 == 0 {
				s.bus.Metrics.Add(bus.ID(sent.Namespace, sent.Name, other.Name, other.Value), bus.One(1))
			}
			time.Sleep(time.Minute)
		}
		hidden := stat("c", sent.Namespace, sent.Name, other, "Sum", 60)
		hidden.ReturnData = aws.Bool(false)
		labelled := types.MetricDataQuery{Id: aws.String("d"), Expression: aws.String("FILL([a, c], 0)"), Label: aws.String("all")}
		in := &cloudwatch.GetMetricDataInput{StartTime: &start, EndTime: aws.Time(time.Now().Add(time.Hour)), MetricDataQueries: []types.MetricDataQuery{
			stat("a", sent.Namespace, sent.Name, queue, "Sum", 60), stat("none", sent.Namespace, "Nothing", queue, "Sum", 60), hidden, labelled}}
		whole, err := s.getMetricData(t.Context(), in)
		if err != nil || whole.NextToken != nil || len(whole.MetricDataResults) != 4 {
			t.Fatalf("%v, %v", whole, err)
		}
		if got := pointsOf(whole.MetricDataResults[0]); !strings.HasPrefix(got, start.Add(9*time.Minute).UTC().Format("15:04")+"=9 ") {
			t.Errorf("by default the newest comes first, got %s", got)
		}
		if r := whole.MetricDataResults[1]; len(r.Values) != 0 || r.StatusCode != types.StatusCodeComplete {
			t.Errorf("a metric that is not there gives %+v", r)
		}
		if n := len(whole.MetricDataResults[2].Values); n != 10 {
			t.Errorf("FILL gives %d points of 10 minutes: it fills what is to come, or not all that was", n)
		}
		if a, b := *whole.MetricDataResults[2].Label, *whole.MetricDataResults[3].Label; a != "all NumberOfMessagesSent" || b != a {
			t.Errorf("labels are %q and %q", a, b)
		}
		for most := int32(1); most <= 31; most++ {
			in.MaxDatapoints, in.NextToken = &most, nil
			var together []types.MetricDataResult
			for {
				page, err := s.getMetricData(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				for i, r := range page.MetricDataResults {
					if together == nil || i >= len(together) {
						together = append(together, r)
						continue
					}
					if together[i].StatusCode == types.StatusCodeComplete && len(r.Values) > 0 {
						t.Errorf("most %d: %s was Complete and has more", most, *r.Id)
					}
					together[i].Values = append(together[i].Values, r.Values...)
					together[i].Timestamps = append(together[i].Timestamps, r.Timestamps...)
					together[i].StatusCode = r.StatusCode
				}
				if in.NextToken = page.NextToken; in.NextToken == nil {
					break
				}
				s.bus.Metrics.Add(bus.ID("AWS/SQS", "Other", "QueueName", "q"), bus.One(1))
			}
			if diff := cmp.Diff(whole.MetricDataResults, together, cmp.AllowUnexported(types.MetricDataResult{}), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
				cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".noSmithyDocumentSerde" }, cmp.Ignore())); diff != "" {
				t.Fatalf("most %d: %s", most, diff)
			}
		}
	})
}

func TestReadingRefuses(t *testing.T) {
	s, _ := alone(t, "instant")
	now := time.Now()
	ask := func(change func(*cloudwatch.GetMetricDataInput)) func() error {
		in := &cloudwatch.GetMetricDataInput{StartTime: aws.Time(now.Add(-time.Hour)), EndTime: &now, MetricDataQueries: []types.MetricDataQuery{stat("m", "N", "M", queue, "Sum", 60)}}
		change(in)
		return func() error { _, err := s.getMetricData(t.Context(), in); return err }
	}
	statistics := func(change func(*cloudwatch.GetMetricStatisticsInput)) func() error {
		in := &cloudwatch.GetMetricStatisticsInput{StartTime: aws.Time(now.Add(-time.Hour)), EndTime: &now, Namespace: aws.String("N"), MetricName: aws.String("M"),
			Period: aws.Int32(60), Statistics: []types.Statistic{types.StatisticSum}}
		change(in)
		return func() error { _, err := s.getMetricStatistics(t.Context(), in); return err }
	}
	data := func(namespace string, change func(*types.MetricDatum)) func() error {
		d := types.MetricDatum{MetricName: aws.String("M"), Value: aws.Float64(1)}
		change(&d)
		return func() error {
			_, err := s.putMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: &namespace, MetricData: []types.MetricDatum{d}})
			return err
		}
	}
	for name, c := range map[string]struct {
		call func() error
		code string
	}{
		"no queries":      {ask(func(in *cloudwatch.GetMetricDataInput) { in.MetricDataQueries = nil }), "ValidationError"},
		"501 queries":     {ask(func(in *cloudwatch.GetMetricDataInput) { in.MetricDataQueries = make([]types.MetricDataQuery, 501) }), "ValidationError"},
		"ends before":     {ask(func(in *cloudwatch.GetMetricDataInput) { in.EndTime = in.StartTime }), "ValidationError"},
		"too many points": {ask(func(in *cloudwatch.GetMetricDataInput) { in.MaxDatapoints = aws.Int32(100_801) }), "ValidationError"},
		"a capital id":    {ask(func(in *cloudwatch.GetMetricDataInput) { in.MetricDataQueries[0].Id = aws.String("M") }), "ValidationError"},
		"an id twice": {ask(func(in *cloudwatch.GetMetricDataInput) {
			in.MetricDataQueries = append(in.MetricDataQueries, in.MetricDataQueries[0])
		}), "ValidationError"},
		"an odd period":    {ask(func(in *cloudwatch.GetMetricDataInput) { in.MetricDataQueries[0].MetricStat.Period = aws.Int32(90) }), "ValidationError"},
		"an odd statistic": {ask(func(in *cloudwatch.GetMetricDataInput) { in.MetricDataQueries[0].MetricStat.Stat = aws.String("sum") }), "ValidationError"},
		"a trimmed mean":   {ask(func(in *cloudwatch.GetMetricDataInput) { in.MetricDataQueries[0].MetricStat.Stat = aws.String("tm90") }), "NotImplemented"},
		"a foreign token":  {ask(func(in *cloudwatch.GetMetricDataInput) { in.NextToken = aws.String("x") }), "InvalidNextToken"},
		"a bad expression": {ask(func(in *cloudwatch.GetMetricDataInput) {
			in.MetricDataQueries[0] = types.MetricDataQuery{Id: aws.String("e"), Expression: aws.String("1 +")}
		}), "ValidationError"},
		"an own namespace":  {data("AWS/SQS", func(*types.MetricDatum) {}), "InvalidParameterValueException"},
		"no value":          {data("N", func(d *types.MetricDatum) { d.Value = nil }), "MissingRequiredParameterException"},
		"two kinds":         {data("N", func(d *types.MetricDatum) { d.Values = []float64{1} }), "InvalidParameterCombinationException"},
		"counts of nothing": {data("N", func(d *types.MetricDatum) { d.Value, d.Values, d.Counts = nil, []float64{1}, []float64{1, 2} }), "InvalidParameterValueException"},
		"an old time":       {data("N", func(d *types.MetricDatum) { d.Timestamp = aws.Time(now.Add(-15 * 24 * time.Hour)) }), "InvalidParameterValueException"},
		"a time to come":    {data("N", func(d *types.MetricDatum) { d.Timestamp = aws.Time(now.Add(3 * time.Hour)) }), "InvalidParameterValueException"},
		"no number":         {data("N", func(d *types.MetricDatum) { d.Value = aws.Float64(largest * 2) }), "InvalidParameterValueException"},
		"high resolution":   {data("N", func(d *types.MetricDatum) { d.StorageResolution = aws.Int32(1) }), "NotImplemented"},
		"three dimensions":  {data("N", func(d *types.MetricDatum) { d.Dimensions = make([]types.Dimension, 3) }), "NotImplemented"},
		"no statistics":     {statistics(func(in *cloudwatch.GetMetricStatisticsInput) { in.Statistics = nil }), "MissingRequiredParameterException"},
		"both statistics":   {statistics(func(in *cloudwatch.GetMetricStatisticsInput) { in.ExtendedStatistics = []string{"p9"} }), "InvalidParameterCombinationException"},
		"1,441 points":      {statistics(func(in *cloudwatch.GetMetricStatisticsInput) { in.StartTime = aws.Time(now.Add(-1441 * time.Minute)) }), "InvalidParameterCombinationException"},
		"no percentile": {statistics(func(in *cloudwatch.GetMetricStatisticsInput) {
			in.Statistics, in.ExtendedStatistics = nil, []string{"p101"}
		}), "InvalidParameterValueException"},
	} {
		err := c.call()
		if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != c.code {
			t.Errorf("%s: got %v, want %s", name, err, c.code)
		}
	}
}

// A day of a hundred gauges, counters and alarms passes in a moment.
func TestADayPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := live(t, "aws")
		var ids []bus.MetricID
		for i := range 100 {
			ids = append(ids, bus.ID("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", fmt.Sprint("q", i)))
		}
		s.bus.Metrics.Gauge(func(point func(bus.MetricID, float64)) {
			for i, id := range ids {
				point(id, float64(i))
			}
		})
		for i := range 20 {
			in := depthAlarm(fmt.Sprint("q", i), "missing")
			in.Threshold = aws.Float64(9.5)
			put(t, s, in)
		}
		start := time.Now()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		found := s.metrics.find(ids[7])
		if n := len(found.minutes.samples); n != 24*60 {
			t.Errorf("%d minutes of a day, want all", n)
		}
		if n := len(found.shown(window{start.Unix(), time.Now().Unix(), minute}, time.Now().Unix(), s.metrics.lag)); n < 24*60-2 {
			t.Errorf("%d minutes can be read", n)
		}
		var states []string
		for i := range 20 {
			states = append(states, string(s.alarms[*depthAlarm(fmt.Sprint("q", i), "").AlarmName].state))
		}
		if want := slices.Repeat([]string{"OK"}, 10); !slices.Equal(states[:10], want) || slices.Contains(states[10:], "OK") {
			t.Errorf("states are %v", states)
		}
	})
}
