package status

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/aws/metric"
)

// Spec is what to look at: the pipeline's things by their names in AWS, and
// what is too much of each.
type Spec struct {
	Identity Identity

	Stream      StreamSpec
	Functions   []FunctionSpec // in the order of the data
	Queues      []QueueSpec    // what matters most first
	Topics      []TopicSpec    // likewise
	Delivery    DeliverySpec
	Workflow    WorkflowSpec
	AlarmPrefix string   // of the alarms' names in AWS
	Alarms      []string // that there should be, without the prefix

	Limits Limits
}

// Limits are the pipeline's thresholds, as its alarms have them.
type Limits struct {
	IteratorAge    time.Duration
	QueueDepth     int
	FailurePercent int
	// FailureMinimum is how many deliveries a minute must have for its share of
	// failures to count.
	FailureMinimum int
	// Workflow is how long an emergency may take.
	Workflow time.Duration
}

// StreamSpec is the data stream.
type StreamSpec struct {
	Name, StreamName     string
	MinShards, MaxShards int
}

// FunctionSpec is one function and the ARN of what feeds it.
type FunctionSpec struct {
	Name, FunctionName, SourceARN string
}

// QueueSpec is one queue.
type QueueSpec struct {
	Name, QueueName string
	// Failures says that it holds failures only, which nobody takes.
	Failures bool
	// DeadLetters is the name, here and in AWS, of its dead-letter queue, both
	// "" for none.
	DeadLetters, DeadLettersQueue string
	Function                      string // that takes from it, "" for none
	DLQ                           string // what 'ccsctl dlq' calls its failures
}

// TopicSpec is one topic. Wanted is how many subscriptions the configuration
// has for it.
type TopicSpec struct {
	Name, ARN string
	Wanted    int
}

// DeliverySpec is the delivery into the data lake.
type DeliverySpec struct {
	Name, DeliveryName string
	Buffer             time.Duration
	LogGroup           string
}

// WorkflowSpec is the emergency workflow.
type WorkflowSpec struct {
	Name, ARN string
}

// Lag is how late CloudWatch is on AWS.
const Lag = metric.Settled

// Options are whom to ask, and how.
type Options struct {
	AWS aws.Config
	// Lag is how long after its end a minute is complete in CloudWatch:
	// Lag on AWS, nothing in a sandbox that is faster than AWS.
	Lag time.Duration
	// Explain gives the error of a call a hint, as connect.Session does; nil
	// leaves errors as they are.
	Explain func(ctx context.Context, err error) error
}
