package bus

import (
	"fmt"
	"strings"
	"time"
)

// Timing is how long things take in a sandbox. Everything asynchronous reads
// its duration here, so that the same code is instant in a test and as slow as
// AWS in a rehearsal.
type Timing struct {
	Name string

	StreamCreate  time.Duration // CREATING
	StreamUpdate  time.Duration // UPDATING: encryption, retention, metrics
	StreamReshard time.Duration // UPDATING, for one UpdateShardCount
	StreamDelete  time.Duration // DELETING

	QueueSettle time.Duration // until a queue can be used, and until attributes are spread
	QueueDelete time.Duration // until a deleted queue is gone
	QueueName   time.Duration // until a deleted queue's name is free (trap 9)

	RoleSpread time.Duration // until a new or changed role is known everywhere (trap 1)

	DeliveryCreate time.Duration
	DeliveryDelete time.Duration

	FunctionCreate time.Duration // Pending
	FunctionUpdate time.Duration // LastUpdateStatus InProgress

	MappingChange time.Duration // Creating, Updating
	MappingDelete time.Duration // Deleting

	MachineDelete time.Duration // DELETING

	NotifyRetry time.Duration // between two attempts of SNS to reach an HTTP endpoint

	TagSpread time.Duration // until the tagging API sees a change, deletions included

	MetricLag    time.Duration // until a minute's data can be read
	MetricListed time.Duration // until a metric is listed, after its first data
	// AlarmScale shrinks the time that alarms count in: with 1/12, an alarm on
	// periods of a minute goes by periods of five seconds. What is read of
	// metrics has true minutes whatever the scale.
	AlarmScale float64

	StreamPoll     time.Duration // between two reads of a shard by Lambda or Firehose
	DeliveryBuffer time.Duration // the most that Firehose holds records back; its own hints when they are less
}

// The three timings.
var timings = []Timing{
	{
		Name:        "instant",
		NotifyRetry: 10 * time.Millisecond, AlarmScale: 1.0 / 60, StreamPoll: 10 * time.Millisecond, DeliveryBuffer: time.Second,
	},
	{
		Name:         "fast",
		StreamCreate: 300 * time.Millisecond, StreamUpdate: 200 * time.Millisecond, StreamReshard: 500 * time.Millisecond, StreamDelete: 300 * time.Millisecond,
		QueueDelete: 100 * time.Millisecond, QueueName: 500 * time.Millisecond,
		RoleSpread:     200 * time.Millisecond,
		DeliveryCreate: 300 * time.Millisecond, DeliveryDelete: 300 * time.Millisecond,
		FunctionCreate: 150 * time.Millisecond, FunctionUpdate: 100 * time.Millisecond,
		MappingChange: 200 * time.Millisecond, MappingDelete: 200 * time.Millisecond,
		MachineDelete: 100 * time.Millisecond,
		NotifyRetry:   time.Second,
		TagSpread:     100 * time.Millisecond,
		AlarmScale:    1.0 / 12, StreamPoll: 50 * time.Millisecond, DeliveryBuffer: 5 * time.Second,
	},
	{
		Name:         "aws",
		StreamCreate: 20 * time.Second, StreamUpdate: 15 * time.Second, StreamReshard: 90 * time.Second, StreamDelete: 30 * time.Second,
		QueueSettle: time.Second, QueueDelete: 30 * time.Second, QueueName: time.Minute,
		RoleSpread:     10 * time.Second,
		DeliveryCreate: 45 * time.Second, DeliveryDelete: 2 * time.Minute,
		FunctionCreate: 4 * time.Second, FunctionUpdate: 3 * time.Second,
		MappingChange: 20 * time.Second, MappingDelete: 30 * time.Second,
		MachineDelete: 15 * time.Second,
		NotifyRetry:   20 * time.Second,
		TagSpread:     20 * time.Second,
		MetricLag:     2 * time.Minute, MetricListed: 15 * time.Minute, AlarmScale: 1, StreamPoll: time.Second, DeliveryBuffer: 15 * time.Minute,
	},
}

// TimingNamed finds a timing: instant, fast or aws.
func TimingNamed(name string) (Timing, error) {
	var names []string
	for _, t := range timings {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Timing{}, fmt.Errorf("no timing %q: want one of %s", name, strings.Join(names, ", "))
}
