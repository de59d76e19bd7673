package cloudwatch

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

const topic = "arn:aws:sns:eu-west-1:000000000000:alarms"

// publisher keeps what it is given, or refuses it.
type publisher struct {
	mu      sync.Mutex
	got     []bus.Notification
	refusal error
}

func (p *publisher) Publish(by, to string, n bus.Notification) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if by != "cloudwatch.amazonaws.com" || to != topic {
		return "", fmt.Errorf("%s published to %s", by, to)
	}
	if p.refusal != nil {
		return "", p.refusal
	}
	p.got = append(p.got, n)
	return "id", nil
}

// said is the subjects so far, once.
func (p *publisher) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, n := range p.got {
		all = append(all, n.Subject)
	}
	p.got = nil
	return strings.Join(all, "; ")
}

func put(t *testing.T, s *Service, in *cloudwatch.PutMetricAlarmInput) {
	t.Helper()
	in.AlarmActions, in.OKActions, in.InsufficientDataActions = []string{topic}, []string{topic}, []string{topic}
	if _, err := s.putMetricAlarm(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func depthAlarm(queue, missing string) *cloudwatch.PutMetricAlarmInput {
	return &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("depth-" + queue), Namespace: aws.String("AWS/SQS"), MetricName: aws.String("ApproximateNumberOfMessagesVisible"),
		Dimensions: []types.Dimension{{Name: aws.String("QueueName"), Value: &queue}}, Statistic: types.StatisticMaximum, Period: aws.Int32(60),
		EvaluationPeriods: aws.Int32(3), DatapointsToAlarm: aws.Int32(2), Threshold: aws.Float64(1000),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, TreatMissingData: &missing,
	}
}

// The rows are those of the CloudWatch user guide, "Configuring how CloudWatch
// alarms treat missing data", of today and of 2019: X breaches, 0 does not, -
// is missing, the newest last.
func TestMissingDataAsInTheGuide(t *testing.T) {
	const current = types.StateValue("the same")
	states := map[string]types.StateValue{"ok": types.StateValueOk, "alarm": types.StateValueAlarm, "insufficient": types.StateValueInsufficientData, "retain": current}
	treatments := []string{"missing", "ignore", "breaching", "notBreaching"}
	for _, c := range []struct {
		need   int
		points string
		want   string // by treatment
	}{
		{3, "0 - X - X", "ok ok ok ok"},
		{3, "0 - - - -", "ok ok ok ok"},
		{3, "- - - - -", "insufficient retain alarm ok"},
		{3, "0 X X - X", "alarm alarm alarm alarm"},
		{3, "- - X - -", "alarm retain alarm ok"},
		{3, "- - - - X", "insufficient retain alarm ok"},
		{3, "X - - - -", "alarm retain alarm ok"},
		{2, "0 - X - X", "alarm alarm alarm alarm"},
		{2, "0 0 X 0 X", "alarm alarm alarm alarm"},
		{2, "0 - X - -", "ok ok alarm ok"},
		{2, "- - - - 0", "ok ok alarm ok"},
		{2, "- - - X -", "alarm retain alarm ok"},
		{2, "- - - - X", "insufficient retain alarm ok"},
	} {
		want := strings.Fields(c.want)
		for i, missing := range treatments {
			r := rule{need: c.need, of: 3, missing: missing, operator: types.ComparisonOperatorGreaterThanThreshold, limit: 0}
			seen := sight{window: window{0, 5 * minute, minute}}
			for at, word := range strings.Fields(c.points) {
				switch word {
				case "X":
					seen.points = append(seen.points, point{int64(at) * minute, 1})
				case "0":
					seen.points = append(seen.points, point{int64(at) * minute, 0})
				}
			}
			if got := r.state(seen, current); got != states[want[i]] {
				t.Errorf("%d of 3 over %s, %s: %s, want %s", c.need, c.points, missing, got, states[want[i]])
			}
		}
	}
}

// The alarm of the pipeline on its stream, at AWS's timing: two late minutes of
// three set it off, when they are complete.
func TestIteratorAgeAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := live(t, "aws")
		age := bus.ID("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "StreamName", "telemetry")
		in := depthAlarm("", "notBreaching")
		in.AlarmName, in.Namespace, in.MetricName, in.Threshold = aws.String("iterator-age"), &age.Namespace, &age.Name, aws.Float64(60000)
		in.AlarmDescription = aws.String("the stream is read too late")
		in.Dimensions = []types.Dimension{{Name: aws.String("StreamName"), Value: aws.String("telemetry")}}
		put(t, s, in)
		untilMinute(30 * time.Second)
		start := time.Now()
		for i := range 12 { // minutes; from the third to the sixth it is late
			v := 100.0
			if i >= 2 && i < 6 {
				v = 60001
			}
			s.bus.Metrics.Add(age, bus.One(v))
			time.Sleep(time.Minute)
		}
		time.Sleep(3 * time.Minute)
		history := states(t, s, "iterator-age", start)
		// Minutes 2 and 3 breach; minute 3 is over at 3:30 and complete at 5:30
		// of this clock. Minute 7 is the second that does not.
		want := "-30s: OK; 5m30s: ALARM; 9m30s: OK"
		if history != want {
			t.Errorf("states are %s, want %s", history, want)
		}
		if got := p.said(); got != `OK: "iterator-age" in EU (Ireland); ALARM: "iterator-age" in EU (Ireland); OK: "iterator-age" in EU (Ireland)` {
			t.Errorf("the topic was told %s", got)
		}
	})
}

// states are the changes of state of an alarm, with their times.
func states(t *testing.T, s *Service, name string, since time.Time) string {
	t.Helper()
	out, err := s.describeAlarmHistory(t.Context(), &cloudwatch.DescribeAlarmHistoryInput{AlarmName: &name, HistoryItemType: types.HistoryItemTypeStateUpdate, ScanBy: types.ScanByTimestampAscending})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, h := range out.AlarmHistoryItems {
		_, to, _ := strings.Cut(*h.HistorySummary, " to ")
		all = append(all, h.Timestamp.Sub(since).String()+": "+to)
	}
	return strings.Join(all, "; ")
}

func failureAlarm() *cloudwatch.PutMetricAlarmInput {
	in := depthAlarm("", "notBreaching")
	in.AlarmName, in.Threshold = aws.String("failures"), aws.Float64(5)
	in.Namespace, in.MetricName, in.Dimensions, in.Statistic, in.Period = nil, nil, nil, "", nil
	topic := bus.Dim{Name: "TopicName", Value: "alerts"}
	failed := stat("failed", "AWS/SNS", "NumberOfNotificationsFailed", topic, "Sum", 60)
	delivered := stat("delivered", "AWS/SNS", "NumberOfNotificationsDelivered", topic, "Sum", 60)
	failed.ReturnData, delivered.ReturnData = aws.Bool(false), aws.Bool(false)
	in.Metrics = []types.MetricDataQuery{
		{Id: aws.String("result"), Label: aws.String("failed, percent"), Expression: aws.String("IF(failed + delivered >= 1, 100*failed/(failed+delivered), 0)")}, failed, delivered}
	return in
}

// The alarm of the pipeline on its topics: more than 5 % failed set it off, and
// it is over when they arrive again, or when nothing is sent at all. Time runs
// as fast as the timing lets alarms run.
func TestFailureRateAlarm(t *testing.T) {
	for _, timing := range []string{"instant", "fast", "aws"} {
		t.Run(timing, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := live(t, timing)
				put(t, s, failureAlarm())
				every := time.Duration(s.shrunk(minute)) * time.Second
				deliver := func(minutes, failed, delivered int) {
					for range minutes {
						for name, n := range map[string]int{"NumberOfNotificationsFailed": failed, "NumberOfNotificationsDelivered": delivered} {
							if n > 0 {
								s.bus.Metrics.Add(bus.ID("AWS/SNS", name, "TopicName", "alerts"), bus.Samples{Count: float64(n), Sum: float64(n), Min: 1, Max: 1})
							}
						}
						time.Sleep(every)
					}
				}
				state := func(want types.StateValue) {
					t.Helper()
					synctest.Wait()
					s.mu.Lock()
					defer s.mu.Unlock()
					if a := s.alarms["failures"]; a.state != want {
						t.Errorf("it is %s (%s), want %s", a.state, a.reason, want)
					}
				}
				time.Sleep(every/2 + 2*every)
				state(types.StateValueOk) // no data is not breaching
				deliver(6, 5, 95)
				state(types.StateValueOk) // 5 % is not more than 5 %
				deliver(6, 6, 94)
				state(types.StateValueAlarm)
				deliver(7, 0, 100)
				state(types.StateValueOk)
				deliver(6, 1, 0)
				state(types.StateValueAlarm) // only failures: 100 %
				deliver(8, 0, 0)
				state(types.StateValueOk)
				if got := strings.Count(p.said(), "ALARM: "); got != 2 {
					t.Errorf("the topic was told of %d alarms, want 2", got)
				}
			})
		})
	}
}

func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := live(t, "aws")
		start := time.Now()
		depth := bus.ID("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "q")
		s.bus.Metrics.Gauge(func(point func(bus.MetricID, float64)) {
			if time.Since(start) < 5*time.Minute+time.Second {
				point(depth, 2000)
			}
		})
		for _, missing := range []string{"missing", "ignore", "breaching", "notBreaching"} {
			in := depthAlarm("q", missing)
			in.AlarmName = &missing
			put(t, s, in)
		}
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		// The points are of the minutes 1 to 5, and complete three minutes after
		// each begins. Where missing ones count for nothing the first of them is
		// old enough to alarm. The last ones keep the alarm longer than a minute.
		for name, want := range map[string]string{
			"missing":      "4m0s: ALARM; 11m0s: INSUFFICIENT_DATA",
			"ignore":       "5m0s: ALARM",
			"breaching":    "1m0s: ALARM",
			"notBreaching": "1m0s: OK; 5m0s: ALARM; 10m0s: OK",
		} {
			if got := states(t, s, name, start); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	})
}

// A state that was set by hand runs the actions once and lasts until the next
// evaluation (trap 22 and trap 23 show in the history only).
func TestSetAlarmState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := live(t, "aws")
		put(t, s, depthAlarm("q", "notBreaching"))
		time.Sleep(90 * time.Second)
		p.said()
		set := func(state types.StateValue) {
			t.Helper()
			_, err := s.setAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("depth-q"), StateValue: state, StateReason: aws.String("a test")})
			if err != nil {
				t.Fatal(err)
			}
		}
		set(types.StateValueAlarm)
		set(types.StateValueAlarm)
		if got := p.said(); got != `ALARM: "depth-q" in EU (Ireland)` {
			t.Errorf("the topic was told %s, want one alarm", got)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := p.said(); got != `OK: "depth-q" in EU (Ireland)` {
			t.Errorf("at the next evaluation the topic was told %s", got)
		}

		p.refusal = errors.New("CloudWatch Alarms does not have authorization to access the SNS topic encryption key.")
		set(types.StateValueAlarm)
		history, err := s.describeAlarmHistory(t.Context(), &cloudwatch.DescribeAlarmHistoryInput{HistoryItemType: types.HistoryItemTypeAction})
		if err != nil {
			t.Fatal(err)
		}
		got := *history.AlarmHistoryItems[0].HistorySummary
		if want := `Failed to execute action ` + topic + `. Received error: "CloudWatch Alarms does not have authorization to access the SNS topic encryption key."`; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		before := len(history.AlarmHistoryItems)
		_, err = s.disableAlarmActions(t.Context(), &cloudwatch.DisableAlarmActionsInput{AlarmNames: []string{"depth-q"}})
		if err != nil {
			t.Fatal(err)
		}
		set(types.StateValueInsufficientData)
		if history, err = s.describeAlarmHistory(t.Context(), &cloudwatch.DescribeAlarmHistoryInput{HistoryItemType: types.HistoryItemTypeAction}); err != nil || len(history.AlarmHistoryItems) != before {
			t.Errorf("actions that are switched off run all the same: %v, %v", history.AlarmHistoryItems, err)
		}
	})
}
