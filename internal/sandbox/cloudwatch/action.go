package cloudwatch

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// transition is a change of an alarm's state, with what has to be done for it.
type transition struct {
	name     string
	old, new types.StateValue
	at       time.Time
	actions  []string
	message  notice
}

// actions are those that belong to a state, none while they are switched off.
func (a *alarm) actions(state types.StateValue) []string {
	switch {
	case !a.enabled:
		return nil
	case state == types.StateValueAlarm:
		return a.settings.AlarmActions
	case state == types.StateValueOk:
		return a.settings.OKActions
	}
	return a.settings.InsufficientDataActions
}

// act carries out the actions of transitions, each once, and records how they
// went. It is called without the lock: a topic may take its time.
func (s *Service) act(changes []transition) {
	for _, t := range changes {
		for _, action := range t.actions {
			done := outcome{State: "Succeeded", Updated: t.at.UnixMilli(), Resource: action}
			summary := "Successfully executed action " + action
			if err := s.notify(action, t); err != nil {
				done.State, done.Error = "Failed", aws.String(err.Error())
				summary = fmt.Sprintf(`Failed to execute action %s. Received error: "%v"`, action, err)
			} else {
				done.Message = aws.String(encode(map[string]any{"default": encode(t.message)}))
			}
			s.mu.Lock()
			s.record(t.name, types.HistoryItemTypeAction, summary, encode(done))
			s.mu.Unlock()
		}
	}
}

func (s *Service) notify(action string, t transition) error {
	if !strings.HasPrefix(action, "arn:"+bus.Partition+":sns:") {
		return fmt.Errorf("the sandbox has no actions but those of SNS")
	}
	_, err := s.bus.Publisher.Publish("cloudwatch.amazonaws.com", action, bus.Notification{
		Subject: subject(t.new, t.name, t.message.Region), Message: encode(t.message), Source: t.message.AlarmARN})
	if refusal, ok := errors.AsType[*wire.Error](err); ok {
		return errors.New(refusal.Message) // the history has AWS's text without its code
	}
	return err
}

// subject is cut to what SNS takes.
func subject(state types.StateValue, name, region string) string {
	text := fmt.Sprintf("%s: %q in %s", state, name, region)
	return text[:min(len(text), 100)]
}

// outcome is the HistoryData of an action.
type outcome struct {
	State    string  `json:"actionState"`
	Updated  int64   `json:"stateUpdateTimestamp"` // of the alarm, in milliseconds
	Resource string  `json:"notificationResource"`
	Message  *string `json:"publishedMessage"`
	Error    *string `json:"error"`
}

// notice is what an alarm tells a topic.
type notice struct {
	AlarmName                          string
	AlarmDescription                   *string
	AWSAccountID                       string `json:"AWSAccountId"`
	AlarmConfigurationUpdatedTimestamp string
	NewStateValue                      types.StateValue
	NewStateReason                     string
	StateChangeTime                    string
	Region                             string
	AlarmARN                           string `json:"AlarmArn"`
	OldStateValue                      types.StateValue
	OKActions                          []string
	AlarmActions                       []string
	InsufficientDataActions            []string
	Trigger                            trigger
}

// trigger is what the alarm watches: a metric or, with Metrics, an expression.
type trigger struct {
	*watchedMetric
	Period                           int64
	EvaluationPeriods                int32
	DatapointsToAlarm                *int32 `json:",omitempty"`
	ComparisonOperator               types.ComparisonOperator
	Threshold                        double
	TreatMissingData                 string
	EvaluateLowSampleCountPercentile string
	Metrics                          []watchedQuery `json:",omitempty"`
}

type watchedMetric struct {
	MetricName        string
	Namespace         string
	StatisticType     string
	Statistic         string `json:",omitempty"`
	ExtendedStatistic string `json:",omitempty"`
	Unit              *types.StandardUnit
	Dimensions        []watchedDimension
}

type watchedDimension struct {
	Value string `json:"value"`
	Name  string `json:"name"`
}

type watchedQuery struct {
	Expression string       `json:",omitempty"`
	ID         string       `json:"Id"`
	Label      string       `json:",omitempty"`
	MetricStat *watchedStat `json:",omitempty"`
	ReturnData bool
}

type watchedStat struct {
	Metric struct {
		Dimensions []watchedDimension
		MetricName string
		Namespace  string
	}
	Period int32
	Stat   string
}

// message is what an alarm tells after a change from old to the state that it
// is in now.
func (s *Service) message(name string, a *alarm, old types.StateValue) notice {
	in := a.settings
	return notice{
		AlarmName: name, AlarmDescription: in.AlarmDescription, AWSAccountID: s.bus.Account,
		AlarmConfigurationUpdatedTimestamp: a.configured.UTC().Format(stamp),
		NewStateValue:                      a.state, NewStateReason: a.reason, StateChangeTime: a.stated.UTC().Format(stamp),
		Region: cmp.Or(regions[s.bus.Region], s.bus.Region), AlarmARN: s.arn(name), OldStateValue: old,
		OKActions: listed(in.OKActions), AlarmActions: listed(in.AlarmActions), InsufficientDataActions: listed(in.InsufficientDataActions),
		Trigger: a.trigger(),
	}
}

func listed(arns []string) []string { return append([]string{}, arns...) }

func (a *alarm) trigger() trigger {
	in := a.settings
	t := trigger{Period: a.period(), EvaluationPeriods: *in.EvaluationPeriods, DatapointsToAlarm: in.DatapointsToAlarm,
		ComparisonOperator: in.ComparisonOperator, Threshold: double(*in.Threshold), TreatMissingData: aws.ToString(in.TreatMissingData),
		EvaluateLowSampleCountPercentile: aws.ToString(in.EvaluateLowSampleCountPercentile)}
	for _, q := range in.Metrics {
		t.Metrics = append(t.Metrics, watchedQueryOf(q))
	}
	if len(in.Metrics) > 0 {
		return t
	}
	t.watchedMetric = &watchedMetric{MetricName: *in.MetricName, Namespace: *in.Namespace, StatisticType: "Statistic",
		Statistic: statistics[in.Statistic], Dimensions: watchedDimensions(in.Dimensions)}
	if in.ExtendedStatistic != nil {
		t.StatisticType, t.ExtendedStatistic = "ExtendedStatistic", *in.ExtendedStatistic
	}
	if in.Unit != "" {
		t.Unit = &in.Unit
	}
	return t
}

func watchedQueryOf(q types.MetricDataQuery) watchedQuery {
	w := watchedQuery{Expression: aws.ToString(q.Expression), ID: *q.Id, Label: aws.ToString(q.Label), ReturnData: q.ReturnData == nil || *q.ReturnData}
	if m := q.MetricStat; m != nil {
		w.MetricStat = &watchedStat{Period: *m.Period, Stat: *m.Stat}
		w.MetricStat.Metric.Dimensions = watchedDimensions(m.Metric.Dimensions)
		w.MetricStat.Metric.MetricName, w.MetricStat.Metric.Namespace = *m.Metric.MetricName, *m.Metric.Namespace
	}
	return w
}

func watchedDimensions(all []types.Dimension) []watchedDimension {
	out := []watchedDimension{}
	for _, d := range all {
		out = append(out, watchedDimension{Value: *d.Value, Name: *d.Name})
	}
	return out
}

// statistics are the names that messages have for them.
var statistics = map[types.Statistic]string{
	types.StatisticAverage: "AVERAGE", types.StatisticMaximum: "MAXIMUM", types.StatisticMinimum: "MINIMUM",
	types.StatisticSampleCount: "SAMPLE_COUNT", types.StatisticSum: "SUM",
}

// regions are the names that messages have for them.
var regions = map[string]string{
	"us-east-1": "US East (N. Virginia)", "us-east-2": "US East (Ohio)", "us-west-1": "US West (N. California)", "us-west-2": "US West (Oregon)",
	"ca-central-1": "Canada (Central)", "sa-east-1": "South America (Sao Paulo)",
	"eu-west-1": "EU (Ireland)", "eu-west-2": "EU (London)", "eu-west-3": "EU (Paris)", "eu-central-1": "EU (Frankfurt)", "eu-north-1": "EU (Stockholm)",
	"ap-south-1": "Asia Pacific (Mumbai)", "ap-southeast-1": "Asia Pacific (Singapore)", "ap-southeast-2": "Asia Pacific (Sydney)",
	"ap-northeast-1": "Asia Pacific (Tokyo)", "ap-northeast-2": "Asia Pacific (Seoul)",
}
