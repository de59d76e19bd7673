package pipeline

import (
	"time"

	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/status"
)

// promise is how long an emergency may take until the authorities are told.
const promise = 2 * time.Second

// Watched is what there is to look at in the running pipeline, with the
// thresholds that its alarms have. Endpoint and sandbox are the caller's to
// say.
func (p *Pipeline) Watched() status.Spec {
	n, c := p.names, p.config
	spec := status.Spec{
		Identity:    status.Identity{Project: c.Project, Environment: c.Environment, Region: n.region, Account: n.account},
		Stream:      status.StreamSpec{Name: "telemetry", StreamName: n.name("telemetry"), MinShards: c.Autoscaling.MinShards, MaxShards: c.Autoscaling.MaxShards},
		Delivery:    status.DeliverySpec{Name: "data-lake", DeliveryName: n.name("data-lake"), Buffer: c.DataLake.BufferInterval, LogGroup: n.deliveryLogs()},
		Workflow:    status.WorkflowSpec{Name: "emergency", ARN: n.machine()},
		AlarmPrefix: n.base + "-",
		Limits: status.Limits{
			IteratorAge: c.Alarms.IteratorAge, QueueDepth: c.Alarms.QueueDepth,
			FailurePercent: c.Alarms.SNSFailurePercent, FailureMinimum: c.Alarms.SNSMinimumDeliveries, Workflow: promise,
		},
		Functions: []status.FunctionSpec{
			{Name: "ingest", FunctionName: n.name("ingest"), SourceARN: n.stream()},
			{Name: "followup", FunctionName: n.name("followup"), SourceARN: n.queue("telemetry")},
			{Name: "emergency", FunctionName: n.name("emergency"), SourceARN: n.queue("emergency.fifo")},
		},
		Queues: []status.QueueSpec{
			{Name: "emergency.fifo", QueueName: n.name("emergency.fifo"), DeadLetters: "emergency-dlq.fifo", DeadLettersQueue: n.name("emergency-dlq.fifo"), Function: "emergency", DLQ: "emergency"},
			{Name: "telemetry", QueueName: n.name("telemetry"), DeadLetters: "telemetry-dlq", DeadLettersQueue: n.name("telemetry-dlq"), Function: "followup", DLQ: "telemetry"},
			{Name: "stream-failures", QueueName: n.name("stream-failures"), Failures: true, DLQ: "stream-failures"},
		},
	}
	s := c.Subscriptions
	for i, wanted := range [][]config.Subscription{s.Authorities, s.Owners, s.Managers, s.Alarms} {
		spec.Topics = append(spec.Topics, status.TopicSpec{Name: topicNames[i], ARN: n.topic(topicNames[i]), Wanted: len(wanted)})
	}
	for _, a := range p.newAlarms() {
		spec.Alarms = append(spec.Alarms, a.ID().Name)
	}
	return spec
}
