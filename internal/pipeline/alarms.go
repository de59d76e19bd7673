package pipeline

import (
	"fmt"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/alarm"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// What the alarms say of missing data. A stream, queue or topic that nobody
// uses has no data and nothing wrong with it, so silence is never a breach
// (traps 29 and 30). That a reader of the stream is dead shows in its mapping
// and in the queue behind it.
const silence = "notBreaching"

// minute is the period of every alarm: AWS's own metrics have one point a
// minute, and the newest is late and partial, so single points are no news
// where a value only drifts up.
const minute = time.Minute

// newAlarms are the alarms of the pipeline. All of them tell the alarms topic.
func (p *Pipeline) newAlarms() []resource.Resource {
	n, c := p.names, p.config.Alarms
	set := alarm.NewSet(p.settings.AWS, n.base+"-")
	var all []resource.Resource
	add := func(name, description string, s alarm.Spec) {
		s.Name, s.AlarmName, s.Description = name, n.name(name), description
		s.Comparison, s.TreatMissingData = "GreaterThanThreshold", silence
		s.ActionARNs, s.Owner = []string{n.topic("alarms")}, p.owner
		all = append(all, set.Alarm(s))
	}
	sustained := func(s alarm.Spec) alarm.Spec {
		s.EvaluationPeriods, s.DatapointsToAlarm = 3, 2
		return s
	}
	atOnce := func(s alarm.Spec) alarm.Spec {
		s.EvaluationPeriods, s.DatapointsToAlarm = 1, 1
		return s
	}

	add("iterator-age", "the stream is read too late", sustained(alarm.Spec{
		// The metric counts milliseconds (trap 28). The oldest reader decides,
		// not the average one.
		Metric:    alarm.Metric{Namespace: "AWS/Kinesis", Name: "GetRecords.IteratorAgeMilliseconds", Dimensions: p.ofStream(), Statistic: "Maximum", Period: minute},
		Threshold: float64(c.IteratorAge.Milliseconds()),
	}))
	add("write-throttling", "the stream refuses records", sustained(alarm.Spec{
		Metric: alarm.Metric{Namespace: "AWS/Kinesis", Name: "WriteProvisionedThroughputExceeded", Dimensions: p.ofStream(), Statistic: "Sum", Period: minute},
	}))
	for _, q := range []struct{ alarm, queue string }{{"emergency-depth", "emergency.fifo"}, {"telemetry-depth", "telemetry"}} {
		add(q.alarm, fmt.Sprintf("too much waits in %s", q.queue), sustained(alarm.Spec{Metric: p.depth(q.queue), Threshold: float64(c.QueueDepth)}))
	}
	for _, q := range []struct{ alarm, queue string }{
		{"emergency-dlq", "emergency-dlq.fifo"}, {"telemetry-dlq", "telemetry-dlq"}, {"stream-failures", "stream-failures"},
	} {
		add(q.alarm, fmt.Sprintf("something failed for good and waits in %s", q.queue), atOnce(alarm.Spec{Metric: p.depth(q.queue)}))
	}
	for _, topic := range topicNames {
		add(topic+"-failures", fmt.Sprintf("%s can't be delivered", topic), sustained(alarm.Spec{
			Math: p.failureRate(topic), Threshold: float64(c.SNSFailurePercent),
		}))
	}
	add("workflow-failures", "an emergency was not handled", atOnce(alarm.Spec{Math: p.workflowFailures()}))
	return all
}

func (p *Pipeline) ofStream() map[string]string {
	return map[string]string{"StreamName": p.names.name("telemetry")}
}

// depth is how much waits in a queue. The metric's name and dimension are not
// those of the queue's own attributes (trap 30).
func (p *Pipeline) depth(queue string) alarm.Metric {
	return alarm.Metric{
		Namespace: "AWS/SQS", Name: "ApproximateNumberOfMessagesVisible",
		Dimensions: map[string]string{"QueueName": p.names.name(queue)}, Statistic: "Maximum", Period: minute,
	}
}

// failureRate is the percentage of a topic's deliveries that failed, 0 while
// there are too few to speak of. Where nothing was delivered the division drops
// the point, and FILL would pin the newest one (CloudWatch user guide, "Using
// metric math").
func (p *Pipeline) failureRate(topic string) *alarm.Math {
	of := func(metric string) alarm.Metric {
		return alarm.Metric{Namespace: "AWS/SNS", Name: metric, Dimensions: map[string]string{"TopicName": p.names.name(topic)}, Statistic: "Sum", Period: minute}
	}
	return &alarm.Math{
		Expression: fmt.Sprintf("IF(failed + delivered >= %d, 100 * failed / (failed + delivered), 0)", p.config.Alarms.SNSMinimumDeliveries),
		Label:      "failed deliveries, percent",
		Metrics: map[string]alarm.Metric{
			"failed": of("NumberOfNotificationsFailed"), "delivered": of("NumberOfNotificationsDelivered"),
		},
	}
}

func (p *Pipeline) workflowFailures() *alarm.Math {
	of := func(metric string) alarm.Metric {
		return alarm.Metric{Namespace: "AWS/States", Name: metric, Dimensions: map[string]string{"StateMachineArn": p.names.machine()}, Statistic: "Sum", Period: minute}
	}
	return &alarm.Math{
		Expression: "failed + late",
		Label:      "executions that failed or timed out",
		Metrics:    map[string]alarm.Metric{"failed": of("ExecutionsFailed"), "late": of("ExecutionsTimedOut")},
	}
}
