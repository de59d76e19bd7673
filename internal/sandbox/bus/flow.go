package bus

import (
	"context"
	"errors"
	"time"
)

// What flows from one service to another, by ARN. A service that offers one of
// these sets the bus's field of the same name, like those of bus.go.
//
// Nothing flows by itself until Run is called: without it a sandbox is a
// control plane that answers, which is all that most tests want.

// Background adds what a service does of its own accord for as long as the
// sandbox runs: polling, delivering, evaluating. run returns when ctx ends. It
// is called while the services are made, never later.
func (b *Bus) Background(run func(ctx context.Context)) { b.background = append(b.background, run) }

// Run does everything that was added by Background until ctx ends, and returns
// when all of it has.
func (b *Bus) Run(ctx context.Context) {
	done := make(chan struct{})
	for _, run := range b.background {
		go func() {
			defer func() { done <- struct{}{} }()
			run(ctx)
		}()
	}
	for range b.background {
		<-done
	}
}

// ErrThrottled says that a rate is used up: a shard's reads, a function's
// concurrency. Trying again later helps.
var ErrThrottled = errors.New("throttled")

// Record is one record of a stream.
type Record struct {
	Sequence     string
	PartitionKey string
	Data         []byte
	Arrived      time.Time
}

// Position is where a reader of a shard begins, as Kinesis names it:
// TRIM_HORIZON, LATEST, AT_TIMESTAMP with Time, AT_SEQUENCE_NUMBER and
// AFTER_SEQUENCE_NUMBER with Sequence.
type Position struct {
	Kind     string
	Sequence string
	Time     time.Time
}

// Shard is one shard of a stream. A reader that keeps the order of each key
// reads a shard only when its parents are drained.
type Shard struct {
	ID      string
	Parents []string
	Closed  bool
}

// Reading is what one read of a shard gave.
type Reading struct {
	Records []Record
	Behind  time.Duration // how far the next record is behind the newest
	Drained bool          // the shard is closed and there is nothing behind this
}

// Reader reads one shard in order. It is not safe for many goroutines.
type Reader interface {
	// Read takes up to most records and moves on. The error is ErrThrottled
	// when the shard's reads are used up, anything else when the stream or its
	// key is gone.
	Read(most int) (Reading, error)
	// Wait returns when there may be more to read: when a record came or the
	// shard was closed since the last Read. It gives up after most or when ctx
	// ends, so that a shard where nothing happens costs nothing.
	Wait(ctx context.Context, most time.Duration)
}

// StreamData is the data of Kinesis's streams, for those who read it.
type StreamData interface {
	Shards(stream string) ([]Shard, error)
	Open(stream, shard string, from Position) (Reader, error)
}

// Message is one message of a queue, as its receiver gets it.
type Message struct {
	ID            string
	Handle        string
	Body          string
	Attributes    map[string]string           // SQS's own, ApproximateReceiveCount and so on
	UserData      map[string]MessageAttribute // the sender's
	BodyMD5       string
	AttributesMD5 string
}

// MessageAttribute is one attribute that a sender gave a message.
type MessageAttribute struct {
	DataType string // String, Number, Binary
	String   string
	Binary   []byte
}

// Outgoing is a message to send. Group and Dedup are for FIFO queues.
type Outgoing struct {
	Body     string
	Group    string
	Dedup    string
	UserData map[string]MessageAttribute
}

// QueueData is the messages of SQS's queues.
type QueueData interface {
	Send(queue string, m Outgoing) error
	// Receive takes up to most messages for the queue's visibility timeout,
	// waiting up to wait for the first.
	Receive(ctx context.Context, queue string, most int, wait time.Duration) ([]Message, error)
	Delete(queue string, handles ...string) error
}

// Notification is what is published to a topic.
type Notification struct {
	Subject    string
	Message    string
	Attributes map[string]MessageAttribute
	Structure  string // "json" when Message holds a text for each protocol
	Group      string // for FIFO topics, as is Dedup
	Dedup      string
	// Source is the ARN of what a service publishes for, an alarm's say:
	// policies may ask for it as aws:SourceArn. "" is unknown.
	Source string
}

// Publisher publishes to topics for an AWS service or a role.
type Publisher interface {
	// Publish accepts n for delivery and returns its message id. by is a
	// service (cloudwatch.amazonaws.com), which the topic's and the key's
	// policies must let in, or the ARN of a role, whose policy must. The error
	// is AWS's own text of the refusal.
	Publish(by, topic string, n Notification) (id string, err error)
}

// Letter is what SNS sent to a person: in a sandbox nobody's mail and telephone
// are real, so it lies in an outbox.
type Letter struct {
	At       time.Time `json:"at"`
	Protocol string    `json:"protocol"` // email, email-json, sms
	To       string    `json:"to"`
	Topic    string    `json:"topic"` // ARN
	Subject  string    `json:"subject,omitempty"`
	Body     string    `json:"body"`
	// Token confirms the subscription that the letter is about. It is "" in a
	// letter that is a notification.
	Token string `json:"token,omitempty"`
}

// Outbox is what SNS sent to people.
type Outbox interface {
	// Letters are the newest letters, the oldest of them first.
	Letters() []Letter
}

// Handler answers one invocation of a function.
type Handler func(ctx context.Context, payload []byte) ([]byte, error)

// FunctionError is a function's own failure.
type FunctionError struct {
	Type    string
	Message string
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// Invoker runs functions.
type Invoker interface {
	// Invoke runs a function and returns what it answers. The error is
	// ErrThrottled, a *FunctionError, or what kept the function from running.
	Invoke(ctx context.Context, function string, payload []byte) ([]byte, error)
}

// Objects stores objects in buckets.
type Objects interface {
	// Put stores an object. It fails when the bucket is gone.
	Put(bucket, key, contentType string, data []byte) error
}

// MetricID names one metric: namespace, name, and up to two dimensions.
type MetricID struct {
	Namespace string
	Name      string
	Dims      [2]Dim
}

// Dim is one dimension of a metric, zero for none.
type Dim struct{ Name, Value string }

// ID names a metric with one dimension.
func ID(namespace, name, dimension, value string) MetricID {
	return MetricID{Namespace: namespace, Name: name, Dims: [2]Dim{{dimension, value}}}
}

// Samples are values of one metric, summed up.
type Samples struct {
	Count    float64
	Sum      float64
	Min, Max float64
}

// One is the samples of a single value.
func One(v float64) Samples { return Samples{Count: 1, Sum: v, Min: v, Max: v} }

// Metrics takes what services measure of themselves, as a by-product of what
// they do. It is safe and cheap enough for every call, not for every record:
// sum up first.
type Metrics interface {
	// Add counts samples into the time that is now.
	Add(id MetricID, s Samples)
	// Gauge has read asked at regular times while the sandbox runs; read gives
	// all that is worth a point just then.
	Gauge(read func(point func(id MetricID, v float64)))
}
