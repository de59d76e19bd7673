package metric

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// between lets a test see every call that fetches, and change what is asked and
// what is answered.
func between(cfg aws.Config, ask func(*cloudwatch.GetMetricDataInput), answer func(*cloudwatch.GetMetricDataOutput)) aws.Config {
	cfg.APIOptions = append(cfg.APIOptions, func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("between", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			if asked, ok := in.Parameters.(*cloudwatch.GetMetricDataInput); ok {
				ask(asked)
			}
			out, meta, err := next.HandleInitialize(ctx, in)
			if answered, ok := out.Result.(*cloudwatch.GetMetricDataOutput); ok && err == nil {
				answer(answered)
			}
			return out, meta, err
		}), middleware.After)
	})
	return cfg
}

func query(name, statistic string) Query {
	return Query{Namespace: "Test", Name: name, Dimensions: map[string]string{"Stage": "test", "Part": "a"}, Statistic: statistic}
}

// measure writes one value a minute; a negative one is a gap.
func measure(t *testing.T, cfg aws.Config, name string, from time.Time, values ...float64) {
	t.Helper()
	var data []types.MetricDatum
	for i, v := range values {
		if v >= 0 {
			data = append(data, types.MetricDatum{MetricName: &name, Timestamp: aws.Time(from.Add(time.Duration(i) * time.Minute)), Value: &v,
				Dimensions: []types.Dimension{{Name: aws.String("Stage"), Value: aws.String("test")}, {Name: aws.String("Part"), Value: aws.String("a")}}})
		}
	}
	if _, err := cloudwatch.NewFromConfig(cfg).PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("Test"), MetricData: data}); err != nil {
		t.Fatal(err)
	}
}

// One call reads everything, whatever the size of its pages, and what is not
// known is not there.
func TestFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{})
		time.Sleep(time.Hour)
		start := time.Now().Add(-10 * time.Minute)
		measure(t, cfg, "busy", start, 1, 2, 3, 4, 5, 6)
		measure(t, cfg, "sparse", start, -1, 7, -1, 0)
		queries := []Query{query("busy", "Sum"), query("misspelled", "Sum"), query("sparse", "Maximum")}
		at := func(minutes ...float64) (s Series) {
			for i := 0; i < len(minutes); i += 2 {
				s = append(s, Point{start.Add(time.Duration(minutes[i]) * time.Minute), minutes[i+1]})
			}
			return s
		}
		want := []Series{at(0, 1, 1, 2, 2, 3, 3, 4), nil, at(1, 7, 3, 0)}
		for most := int32(1); most <= 8; most++ {
			first := 0
			cfg := between(cfg, func(in *cloudwatch.GetMetricDataInput) {
				if in.MaxDatapoints = &most; in.NextToken == nil {
					first++
				}
			}, func(*cloudwatch.GetMetricDataOutput) {})
			got, err := New(cfg).Fetch(t.Context(), queries, start.Add(30*time.Second), start.Add(4*time.Minute+59*time.Second), time.Minute)
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); err != nil || diff != "" {
				t.Errorf("pages of %d: %v\n%s", most, err, diff)
			}
			if first != 1 {
				t.Errorf("%d calls, want 1", first)
			}
		}
		got, err := New(cfg).Fetch(t.Context(), queries[:1], start, start.Add(10*time.Minute), 5*time.Minute)
		if diff := cmp.Diff([]Series{at(0, 15, 5, 6)}, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); err != nil || diff != "" {
			t.Errorf("periods of 5 minutes: %v\n%s", err, diff)
		}
		got, err = New(cfg).Fetch(t.Context(), queries, start, start.Add(59*time.Second), time.Minute)
		if err != nil || len(got) != 3 || got[0] != nil {
			t.Errorf("no whole period: %v, %v; want three empty series", got, err)
		}
	})
}

func TestFetchSplitsWhatIsTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{})
		time.Sleep(time.Hour)
		start := time.Now().Add(-10 * time.Minute)
		measure(t, cfg, "last", start, 3)
		queries := make([]Query, 1001)
		for i := range queries {
			queries[i] = query(fmt.Sprint("m", i), "Sum")
		}
		queries[1000] = query("last", "Sum")
		got, err := New(cfg).Fetch(t.Context(), queries, start, start.Add(time.Minute), time.Minute)
		if err != nil || len(got) != 1001 || len(got[1000]) != 1 || got[1000][0].Value != 3 {
			t.Errorf("%d series, the last is %v; %v", len(got), got[len(got)-1], err)
		}
	})
}

// A series that CloudWatch could not read, or not to its end, is unknown and
// named; the others are there.
func TestFetchTellsWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{})
		time.Sleep(time.Hour)
		start := time.Now().Add(-10 * time.Minute)
		measure(t, cfg, "a", start, 1)
		measure(t, cfg, "b", start, 2)
		for _, status := range []types.StatusCode{types.StatusCodeInternalError, types.StatusCodePartialData, types.StatusCodeForbidden} {
			cfg := between(cfg, func(*cloudwatch.GetMetricDataInput) {}, func(out *cloudwatch.GetMetricDataOutput) {
				out.MetricDataResults[0].StatusCode = status
				out.MetricDataResults[0].Messages = []types.MessageData{{Value: aws.String("not now")}}
			})
			got, err := New(cfg).Fetch(t.Context(), []Query{query("a", "Sum"), query("b", "Sum")}, start, start.Add(time.Minute), time.Minute)
			if err == nil || !strings.Contains(err.Error(), "Sum of Test a (a, test): "+string(status)+": not now") || strings.Contains(err.Error(), "Test b") {
				t.Errorf("%s: the error is %v", status, err)
			}
			if len(got) != 2 || got[0] != nil || len(got[1]) != 1 {
				t.Errorf("%s: got %v, want the second series only", status, got)
			}
		}
		_, err := New(cfg).Fetch(t.Context(), []Query{query("a", "Sun")}, start, start.Add(time.Minute), time.Minute)
		if err == nil || !strings.Contains(err.Error(), "GetMetricData") {
			t.Errorf("a refusal is %v", err)
		}
	})
}
