package pipeline

import (
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/policy"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/topic"
	"github.com/ccs-platform/ccsctl/internal/probe"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// EmergencyPath is what an emergency passes on its way from a vehicle to the
// authorities, for who tries it.
func (p *Pipeline) EmergencyPath() probe.Path {
	n := p.names
	return probe.Path{
		Stream: n.name("telemetry"), Queue: n.name("emergency.fifo"), DeadLetters: n.name("emergency-dlq.fifo"),
		Workflow: n.machine(), Authorities: n.topic("authorities-alerts"), Told: []string{n.topic("authorities-alerts"), n.topic("owner-alerts")},
		Logs: n.functionLogs(""), Topics: p.topicARNs(),
		Lake: p.bucket, Buffer: p.config.DataLake.BufferInterval,
		LakeDay:    func(t time.Time) string { return lakePrefix + t.UTC().Format(dayLayout) },
		LakeErrors: func(t time.Time) string { return "errors/format-conversion-failed/" + t.UTC().Format(dayLayout) },
		Temporary:  n.name(probeName("")), NewQueue: p.newProbeQueue, NewTopic: p.newProbeTopic,
		Resources: p.Graph().Nodes(),
	}
}

func (p *Pipeline) topicARNs() []string {
	var arns []string
	for _, name := range topicNames {
		arns = append(arns, p.names.topic(name))
	}
	return arns
}

// dayLayout is how the prefixes that Firehose writes under tell the day.
const dayLayout = "year=2006/month=01/day=02/"

// probeName names what a probe makes for itself. Names of topics that begin so
// are all that the workflow may publish to beside the pipeline's own.
func probeName(mark string) string { return "probe-" + mark }

// newProbeQueue is a queue that only a topic may send to.
func (p *Pipeline) newProbeQueue(name, topicARN string, until time.Time) resource.Resource {
	fromTopic := policy.Allow("Topic", []string{"sqs:SendMessage"}, p.names.arn("sqs", name)).
		To("sns.amazonaws.com").If("ArnEquals", "aws:SourceArn", topicARN)
	return queue.New(p.settings.AWS, queue.Spec{
		Name: name, QueueName: name, Visibility: 30 * time.Second, Retention: time.Hour,
		Policy: policy.Document{Statement: []policy.Statement{fromTopic}}.JSON(), Owner: p.owner.Until(until),
	})
}

// newProbeTopic is a topic like the pipeline's own, without subscribers.
func (p *Pipeline) newProbeTopic(name string, until time.Time) (resource.Resource, string) {
	arn := p.names.arn("sns", name)
	return topic.New(p.settings.AWS, topic.Spec{
		Name: name, ARN: arn, Key: p.key.Name(), SameKey: p.key.Same, Policy: p.topicPolicy(arn), Owner: p.owner.Until(until),
	}), arn
}
