// Package metric reads CloudWatch metrics: many series in one batched call,
// which is what AWS charges by. It knows that what has no data is unknown and
// never zero, and how late CloudWatch's data are. What the numbers mean it
// leaves to others.
package metric

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Settled is how long after its end a period is complete on AWS. Until then its
// value grows: whoever acts on the newest one sees a dip that is not there
// (trap 7).
const Settled = 2 * time.Minute

// batch is how many series one call may ask for (API ref GetMetricData).
const batch = 500

// Query is one series that is wanted.
type Query struct {
	Namespace  string            // AWS/SQS
	Name       string            // ApproximateNumberOfMessagesVisible
	Dimensions map[string]string // all that the metric has: with fewer it is another metric
	Statistic  string            // Average, Maximum, Minimum, SampleCount, Sum, or a percentile as p99
}

// String names the series for people.
func (q Query) String() string {
	var of []string
	for _, name := range slices.Sorted(maps.Keys(q.Dimensions)) {
		of = append(of, q.Dimensions[name])
	}
	return fmt.Sprintf("%s of %s %s (%s)", q.Statistic, q.Namespace, q.Name, strings.Join(of, ", "))
}

// Point is the value of one period.
type Point struct {
	At    time.Time // when the period begins
	Value float64
}

// Series is the points of one query, oldest first. A period that nothing is
// known of has no point.
type Series []Point

// Reader reads the metrics of one account and region. It is safe for many
// goroutines.
type Reader struct{ cw *cloudwatch.Client }

// New is a reader of the account of cfg.
func New(cfg aws.Config) *Reader { return &Reader{cw: cloudwatch.NewFromConfig(cfg)} }

// Fetch reads the whole periods from from up to and without to, both rounded
// down to the period, which is a multiple of a minute. The answer has a series
// for each query, in their order; it is empty for a metric that is not there,
// as for a misspelled one. The newest periods may not be complete: see Settled.
//
// When CloudWatch could not read some of the series they are empty, too, and
// the error names them; the others are as good as without an error.
func (r *Reader) Fetch(ctx context.Context, queries []Query, from, to time.Time, period time.Duration) ([]Series, error) {
	series := make([]Series, 0, len(queries))
	from, to = from.Truncate(period), to.Truncate(period)
	if !from.Before(to) {
		return make([]Series, len(queries)), nil
	}
	var failed []error
	for some := range slices.Chunk(queries, batch) {
		read, err := r.fetch(ctx, some, &cloudwatch.GetMetricDataInput{
			StartTime: &from, EndTime: &to, ScanBy: types.ScanByTimestampAscending, MetricDataQueries: asked(some, period)})
		if read == nil {
			return nil, err
		}
		series = append(series, read...)
		failed = append(failed, err)
	}
	return series, errors.Join(failed...)
}

// asked gives the queries ids of our own: CloudWatch takes few characters.
func asked(queries []Query, period time.Duration) []types.MetricDataQuery {
	all := make([]types.MetricDataQuery, len(queries))
	for i, q := range queries {
		m := &types.Metric{Namespace: aws.String(q.Namespace), MetricName: aws.String(q.Name)}
		for _, name := range slices.Sorted(maps.Keys(q.Dimensions)) {
			m.Dimensions = append(m.Dimensions, types.Dimension{Name: aws.String(name), Value: aws.String(q.Dimensions[name])})
		}
		// No unit: a wrong one finds nothing.
		all[i] = types.MetricDataQuery{Id: aws.String("q" + strconv.Itoa(i)), MetricStat: &types.MetricStat{
			Metric: m, Stat: aws.String(q.Statistic), Period: aws.Int32(int32(period / time.Second))}}
	}
	return all
}

// fetch reads all pages of one call. It gives nil when a page could not be had.
func (r *Reader) fetch(ctx context.Context, queries []Query, in *cloudwatch.GetMetricDataInput) ([]Series, error) {
	var (
		series   = make([]Series, len(queries))
		statuses = make([]types.MetricDataResult, len(queries)) // the newest of each
		failed   []error
	)
	for pages := cloudwatch.NewGetMetricDataPaginator(r.cw, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, m := range page.Messages {
			failed = append(failed, fmt.Errorf("%s: %s", aws.ToString(m.Code), aws.ToString(m.Value)))
		}
		for _, result := range page.MetricDataResults {
			i, err := strconv.Atoi(strings.TrimPrefix(aws.ToString(result.Id), "q"))
			if err != nil || i < 0 || i >= len(queries) {
				return nil, fmt.Errorf("an answer to %q, which was not asked", aws.ToString(result.Id))
			}
			statuses[i] = result
			for n, at := range result.Timestamps {
				series[i] = append(series[i], Point{At: at, Value: result.Values[n]})
			}
		}
	}
	for i, s := range statuses {
		if s.StatusCode != "" && s.StatusCode != types.StatusCodeComplete {
			series[i] = nil // part of the truth would look like all of it
			failed = append(failed, fmt.Errorf("%s: %s%s", queries[i], s.StatusCode, messages(s.Messages)))
		}
		slices.SortFunc(series[i], func(a, b Point) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
	}
	return series, errors.Join(failed...)
}

func messages(all []types.MessageData) string {
	var text strings.Builder
	for _, m := range all {
		fmt.Fprintf(&text, ": %s", aws.ToString(m.Value))
	}
	return text.String()
}
