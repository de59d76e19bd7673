package alarm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/graph"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/resource/resourcetest"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

const (
	prefix = "ccs-test-"
	topic  = "arn:aws:sns:eu-west-1:000000000000:ccs-test-alarms"
	other  = "arn:aws:sns:eu-west-1:000000000000:other"
)

var owner = resource.Owner{Project: "ccs", Environment: "test", Extra: map[string]string{"Team": "data"}}

// depth is an alarm on one metric with every setting away from its default.
func depth() Spec {
	return Spec{
		Name: "depth", AlarmName: prefix + "depth", Description: "too many messages wait",
		Metric: Metric{Namespace: "AWS/SQS", Name: "ApproximateNumberOfMessagesVisible", Statistic: "Maximum", Period: time.Minute,
			Dimensions: map[string]string{"QueueName": "ccs-test-telemetry"}},
		Comparison: "GreaterThanThreshold", Threshold: 1000, EvaluationPeriods: 5, DatapointsToAlarm: 3,
		TreatMissingData: "notBreaching", ActionARNs: []string{topic}, Owner: owner,
	}
}

// failures is an alarm on an expression, with the defaults left unsaid.
func failures() Spec {
	metric := func(name string) Metric {
		return Metric{Namespace: "AWS/SNS", Name: name, Statistic: "Sum", Period: time.Minute, Dimensions: map[string]string{"TopicName": "ccs-test-alerts"}}
	}
	return Spec{
		Name: "failures", AlarmName: prefix + "failures", Description: "alerts do not arrive",
		Math: &Math{Expression: "100 * failed / (failed + sent)", Label: "failed, %", Metrics: map[string]Metric{
			"failed": metric("NumberOfNotificationsFailed"), "sent": metric("NumberOfNotificationsDelivered")}},
		Comparison: "GreaterThanThreshold", Threshold: 5, EvaluationPeriods: 1, ActionARNs: []string{topic}, Owner: owner,
	}
}

func make1(spec Spec) func(aws.Config) resource.Resource {
	return func(cfg aws.Config) resource.Resource { return NewSet(cfg, prefix).Alarm(spec) }
}

// drift puts the alarm with one setting changed.
func drift(spec Spec, f func(*cloudwatch.PutMetricAlarmInput)) func(*testing.T, aws.Config) {
	return func(t *testing.T, cfg aws.Config) {
		in := spec.input()
		f(in)
		_, err := cloudwatch.NewFromConfig(cfg).PutMetricAlarm(t.Context(), in)
		must(t, err)
	}
}

func foreign(spec Spec) func(*testing.T, aws.Config) {
	return drift(spec, func(in *cloudwatch.PutMetricAlarmInput) { in.AlarmDescription = aws.String("theirs") })
}

func TestMetricAlarm(t *testing.T) {
	put := func(f func(*cloudwatch.PutMetricAlarmInput)) func(*testing.T, aws.Config) { return drift(depth(), f) }
	c := resourcetest.Case{
		New:     make1(depth()),
		Foreign: foreign(depth()),
		Drift: map[string]func(*testing.T, aws.Config){
			"description":               put(func(in *cloudwatch.PutMetricAlarmInput) { in.AlarmDescription = nil }),
			"alarm_actions":             put(func(in *cloudwatch.PutMetricAlarmInput) { in.AlarmActions = []string{topic, other} }),
			"ok_actions":                put(func(in *cloudwatch.PutMetricAlarmInput) { in.OKActions = nil }),
			"insufficient_data_actions": put(func(in *cloudwatch.PutMetricAlarmInput) { in.InsufficientDataActions = []string{other} }),
			"namespace":                 put(func(in *cloudwatch.PutMetricAlarmInput) { in.Namespace = aws.String("Mine") }),
			"metric": put(func(in *cloudwatch.PutMetricAlarmInput) {
				in.MetricName = aws.String("ApproximateNumberOfMessagesDelayed")
			}),
			"dimensions": put(func(in *cloudwatch.PutMetricAlarmInput) { in.Dimensions[0].Value = aws.String("other") }),
			"statistic": put(func(in *cloudwatch.PutMetricAlarmInput) {
				in.Statistic, in.ExtendedStatistic = "", aws.String("p99")
			}),
			"period":              put(func(in *cloudwatch.PutMetricAlarmInput) { in.Period = aws.Int32(300) }),
			"unit":                put(func(in *cloudwatch.PutMetricAlarmInput) { in.Unit = types.StandardUnitCount }),
			"comparison":          put(func(in *cloudwatch.PutMetricAlarmInput) { in.ComparisonOperator = "LessThanThreshold" }),
			"threshold":           put(func(in *cloudwatch.PutMetricAlarmInput) { in.Threshold = aws.Float64(1000.5) }),
			"evaluation_periods":  put(func(in *cloudwatch.PutMetricAlarmInput) { in.EvaluationPeriods = aws.Int32(6) }),
			"datapoints_to_alarm": put(func(in *cloudwatch.PutMetricAlarmInput) { in.DatapointsToAlarm = nil }),
			"treat_missing_data":  put(func(in *cloudwatch.PutMetricAlarmInput) { in.TreatMissingData = nil }),
			"actions_enabled": func(t *testing.T, cfg aws.Config) {
				_, err := cloudwatch.NewFromConfig(cfg).DisableAlarmActions(t.Context(), &cloudwatch.DisableAlarmActionsInput{AlarmNames: []string{depth().AlarmName}})
				must(t, err)
			},
			"tags.Team": func(t *testing.T, cfg aws.Config) {
				_, err := cloudwatch.NewFromConfig(cfg).UntagResource(t.Context(), &cloudwatch.UntagResourceInput{
					ResourceARN: aws.String("arn:aws:cloudwatch:eu-west-1:" + sandbox.Account + ":alarm:" + depth().AlarmName), TagKeys: []string{"Team"}})
				must(t, err)
			},
		},
	}
	for name := range settings(depth().input()) {
		if c.Drift[name] == nil {
			t.Errorf("no test of the drift of %s", name)
		}
	}
	resourcetest.Lifecycle(t, c)
}

func TestMathAlarm(t *testing.T) {
	put := func(f func(result, failed, sent *types.MetricDataQuery)) func(*testing.T, aws.Config) {
		return drift(failures(), func(in *cloudwatch.PutMetricAlarmInput) { f(&in.Metrics[0], &in.Metrics[1], &in.Metrics[2]) })
	}
	resourcetest.Lifecycle(t, resourcetest.Case{
		New:     make1(failures()),
		Foreign: foreign(failures()),
		Drift: map[string]func(*testing.T, aws.Config){
			"metrics.result": put(func(r, _, _ *types.MetricDataQuery) { r.Expression = aws.String("failed / sent") }),
			"metrics.failed": put(func(_, f, _ *types.MetricDataQuery) { f.MetricStat.Stat = aws.String("Maximum") }),
			"metrics.sent":   put(func(_, _, s *types.MetricDataQuery) { s.MetricStat.Metric.Dimensions = nil }),
		},
	})
}

// TestSettingsMean compares alarms that AWS may report in another form than they
// were put in.
func TestSettingsMean(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*cloudwatch.PutMetricAlarmInput)
		differ string
	}{
		{"dimensions in another order", func(in *cloudwatch.PutMetricAlarmInput) { slices.Reverse(in.Dimensions) }, ""},
		{"actions in another order", func(in *cloudwatch.PutMetricAlarmInput) { slices.Reverse(in.AlarmActions) }, ""},
		{"an empty list of actions", func(in *cloudwatch.PutMetricAlarmInput) { in.InsufficientDataActions = []string{} }, ""},
		{"actions enabled by default", func(in *cloudwatch.PutMetricAlarmInput) { in.ActionsEnabled = nil }, ""},
		{"all datapoints said", func(in *cloudwatch.PutMetricAlarmInput) { in.DatapointsToAlarm = aws.Int32(2) }, ""},
		{"missing data by default", func(in *cloudwatch.PutMetricAlarmInput) { in.TreatMissingData = nil }, ""},
		{"a sliding window said", func(in *cloudwatch.PutMetricAlarmInput) {
			in.EvaluationWindow = &types.EvaluationWindowMemberSlidingWindow{}
		}, ""},
		{"another window", func(in *cloudwatch.PutMetricAlarmInput) {
			in.EvaluationWindow = &types.EvaluationWindowMemberWallClockWindow{}
		}, "evaluation_window"},
		{"low samples ignored", func(in *cloudwatch.PutMetricAlarmInput) {
			in.EvaluateLowSampleCountPercentile = aws.String("ignore")
		}, "low_samples"},
		{"a threshold that is a metric", func(in *cloudwatch.PutMetricAlarmInput) { in.ThresholdMetricId = aws.String("band") }, "threshold_metric"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := depth()
			spec.Metric.Dimensions = map[string]string{"A": "1", "B": "2"}
			spec.ActionARNs = []string{topic, other}
			spec.EvaluationPeriods, spec.DatapointsToAlarm, spec.TreatMissingData = 2, 0, ""
			live := spec.input()
			live.AlarmActions = slices.Clone(live.AlarmActions)
			c.change(live)
			var names []string
			for _, a := range compare(settings(live), settings(spec.input())) {
				names = append(names, a.Name)
			}
			if got := strings.Join(names, " "); got != c.differ {
				t.Errorf("differ in %q, want %q", got, c.differ)
			}
		})
	}

	math := failures().input()
	slices.Reverse(math.Metrics)
	math.Metrics[0].MetricStat.Unit = ""
	math.Metrics[2].Period = aws.Int32(0)
	if d := compare(settings(math), settings(failures().input())); len(d) > 0 {
		t.Errorf("metrics in another order differ: %v", d)
	}
}

// TestReadTogether holds a pipeline's alarms to one DescribeAlarms a plan, under
// AWS's limits, and to fresh answers in the next.
func TestReadTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := sandboxtest.New(t, sandbox.Options{Limits: true})
		set := NewSet(cfg, prefix)
		g := new(graph.Graph[resource.Resource])
		for i := range 30 {
			spec := depth()
			spec.Name = fmt.Sprintf("depth-%02d", i)
			spec.AlarmName = prefix + spec.Name
			g.Add(set.Alarm(spec))
		}
		compute := func() *plan.Plan {
			t.Helper()
			s.Calls.Reset()
			p, err := plan.Compute(t.Context(), g)
			must(t, err)
			if n := s.Calls.Count()[wire.Call{Service: "cloudwatch", Operation: "DescribeAlarms"}]; n != 1 {
				t.Errorf("a plan of 30 alarms made %d DescribeAlarms calls, want 1", n)
			}
			return p
		}
		p := compute()
		if n := p.Calls(); n != 30 {
			t.Fatalf("%d calls planned, want 30", n)
		}
		results, err := p.Apply(t.Context(), plan.Options{Sort: apierr.Sort})
		must(t, err)
		for _, r := range results {
			must(t, r.Err)
		}
		if n := compute().Calls(); n != 0 {
			t.Errorf("the plan after applying has %d calls", n)
		}

		_, err = cloudwatch.NewFromConfig(cfg).DeleteAlarms(t.Context(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{prefix + "depth-07"}})
		must(t, err)
		if n := compute().Calls(); n != 1 {
			t.Errorf("the plan after one was deleted has %d calls, want 1", n)
		}
	})
}

func TestFailedReadingIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := sandboxtest.New(t, sandbox.Options{})
		set := NewSet(cfg, prefix)
		a, b := set.Alarm(depth()), set.Alarm(failures())
		s.Faults.Add(sandbox.Fault{Operation: "DescribeAlarms", Code: "AccessDenied", Message: "no", Status: 403, Times: 1})
		if _, err := a.Diff(t.Context()); !apierr.Denied(err) {
			t.Fatalf("got %v, want what AWS said", err)
		}
		if c, err := b.Diff(t.Context()); err != nil || c.Action != resource.Create {
			t.Errorf("after a failed reading: %v, %v", c.Action, err)
		}
	})
}

// TestPutSaysEverything guards against the silent reset of what a call leaves
// out: every setting of PutMetricAlarm that has a default is in the call.
func TestPutSaysEverything(t *testing.T) {
	want := []string{"actions_enabled", "alarm_actions", "comparison", "datapoints_to_alarm", "description", "dimensions", "evaluation_periods",
		"metric", "namespace", "ok_actions", "period", "statistic", "threshold", "treat_missing_data"}
	if got := slices.Sorted(maps.Keys(settings(depth().input()))); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
