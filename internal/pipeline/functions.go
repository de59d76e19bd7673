package pipeline

import (
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/function"
	"github.com/ccs-platform/ccsctl/internal/aws/mapping"
	"github.com/ccs-platform/ccsctl/internal/functions/environment"
)

// ingestTimeout bounds one batch of the stream. A batch is small and its sends
// are batched: a minute means that something it needs is down.
const ingestTimeout = time.Minute

func (p *Pipeline) newFunction(what, purpose string, timeout time.Duration, variables map[string]string) *function.Function {
	c := p.config.Functions
	arch := c.Architecture
	if arch == "" {
		arch = p.settings.Architecture
	}
	return function.New(p.settings.AWS, function.Spec{
		Name: what, FunctionName: p.names.name(what), Description: purpose, RoleARN: p.names.roleARN(what),
		Code: p.settings.Code, Architecture: arch, MemoryMB: int32(c.MemoryMB), Timeout: timeout, Environment: variables, Owner: p.owner,
	})
}

func (p *Pipeline) ingestEnvironment() map[string]string {
	return map[string]string{
		environment.Handler:        environment.Ingest,
		environment.EmergencyQueue: p.names.queueURL("emergency.fifo"),
		environment.TelemetryQueue: p.names.queueURL("telemetry"),
	}
}

func (p *Pipeline) followupEnvironment() map[string]string {
	return map[string]string{
		environment.Handler:      environment.FollowUp,
		environment.OwnerTopic:   p.names.topic("owner-alerts"),
		environment.ManagerTopic: p.names.topic("manager-notifications"),
	}
}

func (p *Pipeline) emergencyEnvironment() map[string]string {
	return map[string]string{
		environment.Handler:      environment.Emergency,
		environment.StateMachine: p.names.machine(),
	}
}

// newStreamMapping feeds ingest from the stream. The defaults of AWS would let
// one poisoned record hold its shard for the stream's whole retention, so tries
// and age are bounded, failing batches are halved, and what is given up on is
// reported (Lambda developer guide, "Using Lambda with Kinesis"). It starts at
// the oldest record: LATEST would miss what comes in while it is being made.
// There is no window: Lambda asks each shard once a second, and a crash has two
// seconds from the vehicle to the authorities.
func (p *Pipeline) newStreamMapping() *mapping.Mapping {
	return mapping.New(p.settings.AWS, mapping.Spec{
		Name: "ingest", FunctionName: p.names.name("ingest"), SourceARN: p.names.stream(),
		BatchSize: 500, StartingPosition: "TRIM_HORIZON", ParallelizationFactor: 2,
		BisectOnError: true, MaxRetries: 5, MaxRecordAge: time.Hour, OnFailureARN: p.names.queue("stream-failures"),
		PartialResponses: true, Enabled: true, Owner: p.owner,
	})
}

// newQueueMapping feeds a function from a queue: ten messages at a time, the
// most that a FIFO queue has, and no window, since emergencies can't wait.
func (p *Pipeline) newQueueMapping(what, queue string) *mapping.Mapping {
	return mapping.New(p.settings.AWS, mapping.Spec{
		Name: what, FunctionName: p.names.name(what), SourceARN: p.names.queue(queue),
		BatchSize: 10, PartialResponses: true, Enabled: true, Owner: p.owner,
	})
}
