// Package status knows how the pipeline is right now: it gathers what AWS
// measures and what its services answer into one Snapshot, and says what of it
// is wrong, since when and what would help. All faces (the screen, tables,
// JSON, plain lines, recordings) show this one value and work nothing out
// themselves, so they can not differ. How it looks it leaves to them.
package status

import "time"

// Snapshot is the pipeline at one moment. It is a value: a gatherer never
// changes one that it gave away, so it may be kept, compared and replayed.
//
// A measured thing is a Measure, which may be unknown; nothing else than
// measures, alarms and states says how the pipeline is.
type Snapshot struct {
	At       time.Time `json:"at"`                // when it was put together; all ages are counted to it
	Period   Duration  `json:"period"`            // until the next one; 0 for a single look
	Loading  bool      `json:"loading,omitempty"` // not every source has been asked yet
	Absent   bool      `json:"absent,omitempty"`  // nothing of the pipeline is there: it was not built, or not here
	Severity Severity  `json:"severity"`          // of the worst problem; Unknown when a source is silent and nothing is worse

	Identity Identity `json:"identity"`

	Stream    Stream     `json:"stream"`
	Functions []Function `json:"functions"` // in the order of the data: ingest, followup, emergency
	Queues    []Queue    `json:"queues"`    // what matters most first: emergency, telemetry, stream-failures
	Topics    []Topic    `json:"topics"`    // likewise: authorities first
	Delivery  Delivery   `json:"delivery"`
	Workflow  Workflow   `json:"workflow"`
	Alarms    []Alarm    `json:"alarms"` // firing ones first, the newest of them first; then by name

	Problems []Problem `json:"problems"` // all that is wrong, the worst first, then the oldest
	Events   []Event   `json:"events"`   // what changed lately, the newest first, at most MaxEvents
	Sources  []Source  `json:"sources"`  // who was asked, in a fixed order
	Cost     Cost      `json:"cost"`     // of the calls that were made for all this
}

// MaxEvents is how many events a Snapshot has at most.
const MaxEvents = 50

// Identity is whose pipeline this is, and where.
type Identity struct {
	Project     string `json:"project"`
	Environment string `json:"environment"`
	Region      string `json:"region"`
	Account     string `json:"account"`
	Endpoint    string `json:"endpoint"` // "AWS", or what stands in for it, for people
	Sandbox     bool   `json:"sandbox"`
}

// Duration is a time.Duration that JSON knows as Go writes it: 10s.
type Duration time.Duration

// MarshalText is the duration as time.Duration prints it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText takes what time.ParseDuration takes.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// Severity is how bad something is.
type Severity int8

// The severities. Worse compares them; their numbers mean nothing.
const (
	Unknown Severity = iota // nothing is known, or what was fine is no longer known to be
	OK
	Warn // near its limit, or it will be soon; or not as it should be and nothing is lost yet
	Red  // beyond its limit, or failed
)

// Unit is what a number counts, as people write it after the number.
type Unit string

// The units. Sizes are bytes and times are seconds everywhere; faces choose MB
// and minutes.
const (
	RecordsPerSecond Unit = "records/s"
	BytesPerSecond   Unit = "bytes/s"
	BytesPerHour     Unit = "bytes/h"
	PerMinute        Unit = "/min"
	PerHour          Unit = "/h"
	Percent          Unit = "%"
	Seconds          Unit = "s"
	Messages         Unit = "messages"
	Shards           Unit = "shards"
	Count            Unit = "" // of what its name says
)

// Measure is one measured thing.
type Measure struct {
	// Value is nil, in JSON null, when nobody knows it, which is not zero.
	Value *float64 `json:"value"`
	Unit  Unit     `json:"unit"`

	// At is when the value was true: the time of the answer for what is asked
	// live, the end of the minute for a metric. Zero when unknown.
	At time.Time `json:"at,omitzero"`
	// Limit is where it turns red, nil when it has none. The value may be at the
	// limit, not above it, as with alarms.
	Limit *float64 `json:"limit,omitempty"`
	// Severity is the value's own. A fine value that is too old is Unknown; a
	// bad one stays bad until something better is known.
	Severity Severity `json:"severity"`
	// Since is when it became Warn or Red, as far back as is known.
	Since time.Time `json:"since,omitzero"`
	// BreachAt is when it will be over its limit if it goes on as in the last
	// minutes. Zero when it does not climb, is over it, or would need hours.
	BreachAt time.Time `json:"breach_at,omitzero"`
	// Estimated says that it follows from other values by a calculation, since
	// nobody measures it.
	Estimated bool `json:"estimated,omitempty"`
	// History is one point a minute, oldest first, at most MaxHistory of them.
	// A minute that nothing is known of has no point: look at the times.
	History []Point `json:"history,omitempty"`
}

// MaxHistory is how many points of history a Measure has at most: an hour.
const MaxHistory = 60

// Point is the value of one minute.
type Point struct {
	At    time.Time `json:"at"` // when the minute began
	Value float64   `json:"value"`
	// Partial says that the minute is not over yet, or that CloudWatch may not
	// have all of it: a count or rate can only grow. It is never a Measure's
	// Value.
	Partial bool `json:"partial,omitempty"`
}

// Stream is the data stream.
type Stream struct {
	Name     string   `json:"name"`  // telemetry
	State    string   `json:"state"` // ACTIVE, UPDATING ..., "" when unknown
	Severity Severity `json:"severity"`
	Absent   bool     `json:"absent,omitempty"` // it is not there

	Records     Measure `json:"records"`      // accepted, records/s; the limit is what the shards take together
	Bytes       Measure `json:"bytes"`        // accepted, bytes/s; likewise
	Load        Measure `json:"load"`         // percent of the capacity, of records or bytes, whichever is fuller, without the refused
	Refused     Measure `json:"refused"`      // records/s that the shards threw back; the limit is 0
	IteratorAge Measure `json:"iterator_age"` // seconds that the slowest reader is behind

	Shards    Measure `json:"shards"`     // open ones
	MinShards int     `json:"min_shards"` // the range of the autoscaler
	MaxShards int     `json:"max_shards"`
	Hottest   Measure `json:"hottest"` // percent, the greatest of PerShard
	PerShard  []Shard `json:"per_shard,omitempty"`
}

// Shard is one open shard.
type Shard struct {
	ID    string  `json:"id"`    // shardId-000000000012
	Share float64 `json:"share"` // of the hash keys, 0 to 1
	// Load is percent of what one shard takes. Without the stream's shard-level
	// metrics, which cost extra, it is estimated from the share: an even load is
	// assumed, so one hot key does not show.
	Load Measure `json:"load"`
}

// Function is one Lambda function, with what feeds it.
type Function struct {
	Name     string   `json:"name"` // ingest
	Severity Severity `json:"severity"`

	Invocations Measure  `json:"invocations"` // /min
	Errors      Measure  `json:"errors"`      // /min
	Throttles   Measure  `json:"throttles"`   // /min
	Concurrency Measure  `json:"concurrency"` // at most at once, in the minute
	Consumer    Consumer `json:"consumer"`
}

// Consumer is the event source mapping that feeds a function.
type Consumer struct {
	Function string   `json:"function"`          // ingest
	State    string   `json:"state"`             // Enabled, Disabled, Creating ...; "" when unknown
	Problem  string   `json:"problem,omitempty"` // what Lambda says of its last try, when that failed
	Severity Severity `json:"severity"`
	Absent   bool     `json:"absent,omitempty"` // it is not there
}

// Queue is a queue that something waits in.
type Queue struct {
	Name     string   `json:"name"` // emergency.fifo
	Severity Severity `json:"severity"`
	Absent   bool     `json:"absent,omitempty"` // it is not there
	// Failures says that all that is in here has failed already and that nobody
	// takes it out: its limit is 0.
	Failures bool `json:"failures,omitempty"`

	Depth    Measure `json:"depth"`     // messages that wait
	InFlight Measure `json:"in_flight"` // messages that a consumer has
	Delayed  Measure `json:"delayed"`   // messages that are held back
	Oldest   Measure `json:"oldest"`    // seconds; unknown when the queue is empty
	Sent     Measure `json:"sent"`      // /min
	Deleted  Measure `json:"deleted"`   // /min: what was dealt with

	DeadLetters *DeadLetters `json:"dead_letters,omitempty"`
	Consumer    *Consumer    `json:"consumer,omitempty"`
}

// DeadLetters is the dead-letter queue of a queue.
type DeadLetters struct {
	Name     string  `json:"name"` // emergency-dlq.fifo
	Depth    Measure `json:"depth"`
	InFlight Measure `json:"in_flight"`
	Oldest   Measure `json:"oldest"`
}

// Topic is a topic and who listens.
type Topic struct {
	Name     string   `json:"name"` // authorities-alerts
	Severity Severity `json:"severity"`
	Absent   bool     `json:"absent,omitempty"` // it is not there

	Published   Measure `json:"published"`    // /min
	Delivered   Measure `json:"delivered"`    // /min
	Failed      Measure `json:"failed"`       // /min
	FailureRate Measure `json:"failure_rate"` // percent; 0 while there are too few deliveries to speak of

	Confirmed     Measure        `json:"confirmed"` // subscriptions
	Pending       Measure        `json:"pending"`   // subscriptions that nobody confirmed: they get nothing
	Subscriptions []Subscription `json:"subscriptions,omitempty"`
}

// Subscription is one endpoint of a topic.
type Subscription struct {
	Protocol  string `json:"protocol"`
	Endpoint  string `json:"endpoint"`
	Confirmed bool   `json:"confirmed"`
}

// Delivery is the way of the stream into the data lake.
type Delivery struct {
	Name     string   `json:"name"`  // data-lake
	State    string   `json:"state"` // ACTIVE ..., "" when unknown
	Severity Severity `json:"severity"`
	Absent   bool     `json:"absent,omitempty"` // it is not there

	Freshness  Measure  `json:"freshness"`   // seconds: age of the oldest record that is not delivered
	Buffer     Duration `json:"buffer"`      // how long it holds records back on purpose
	Bytes      Measure  `json:"bytes"`       // bytes/h, of the last hour
	Success    Measure  `json:"success"`     // percent of the writes to S3
	BadRecords Measure  `json:"bad_records"` // /h: could not be converted and are under the error prefix
}

// Workflow is the emergency workflow.
type Workflow struct {
	Name     string   `json:"name"` // emergency
	Severity Severity `json:"severity"`
	Absent   bool     `json:"absent,omitempty"` // it is not there

	Started   Measure `json:"started"`   // /min
	Succeeded Measure `json:"succeeded"` // /min
	Failed    Measure `json:"failed"`    // /min, with those that took too long; the limit is 0
	Throttled Measure `json:"throttled"` // /min
	Duration  Measure `json:"duration"`  // seconds, p95

	Recent []Execution `json:"recent,omitempty"` // the newest first
}

// Execution is one run of the workflow.
type Execution struct {
	Name    string    `json:"name"`
	State   string    `json:"state"` // RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED
	Started time.Time `json:"started"`
	Stopped time.Time `json:"stopped,omitzero"`
}

// Alarm is one CloudWatch alarm of the pipeline.
type Alarm struct {
	Name        string    `json:"name"` // emergency-depth
	Description string    `json:"description"`
	State       string    `json:"state"` // OK, ALARM, INSUFFICIENT_DATA
	Severity    Severity  `json:"severity"`
	Absent      bool      `json:"absent,omitempty"` // it is not there
	Since       time.Time `json:"since,omitzero"`
	Reason      string    `json:"reason,omitempty"`
	Muted       bool      `json:"muted,omitempty"` // its actions are off: nobody is told
}

// Problem is one thing that is wrong.
type Problem struct {
	Part     string    `json:"part"` // queue/emergency.fifo: type and name, as in 'ccsctl status'
	What     string    `json:"what"` // of the part: depth, state, refused ...; with Part it says which problem this is
	Severity Severity  `json:"severity"`
	Text     string    `json:"text"`           // depth 1,204 messages, over 1,000
	Since    time.Time `json:"since,omitzero"` // zero when nobody knows
	Fix      string    `json:"fix,omitempty"`  // what to type next, or what to look at
}

// Event is something that changed.
type Event struct {
	At       time.Time `json:"at"`
	Part     string    `json:"part"`
	Severity Severity  `json:"severity"` // OK for what got better
	Text     string    `json:"text"`
}

// Source is one kind of question that is asked again and again.
type Source struct {
	Name  string    `json:"name"`        // metrics, queues, stream, shards, alarms, consumers, subscriptions, executions
	Every Duration  `json:"every"`       // how often it is asked
	At    time.Time `json:"at,omitzero"` // of the last whole answer; zero before it
	Calls int       `json:"calls"`       // made so far
	// Stale is since when there is no answer, zero while there is.
	Stale time.Time `json:"stale,omitzero"`
	Error string    `json:"error,omitempty"` // why, when it is stale
	Fix   string    `json:"fix,omitempty"`   // what to do about it
	// Retry is when it will be asked again although it failed.
	Retry time.Time `json:"retry,omitzero"`
}

// Cost is what was called and what AWS charges for it, without regard to free
// tiers. In the sandbox it is what AWS would charge.
type Cost struct {
	Calls   int     `json:"calls"`   // since the start, every try counted
	Dollars float64 `json:"dollars"` // since the start
	// HourCalls and HourDollars are those of the last hour, all when it is
	// running for less.
	HourCalls   int             `json:"hour_calls"`
	HourDollars float64         `json:"hour_dollars"`
	Since       time.Time       `json:"since"`
	Operations  []OperationCost `json:"operations"` // by service and name
	Prices      string          `json:"prices"`     // where the prices are from
}

// OperationCost is what one operation of AWS was called.
type OperationCost struct {
	Operation string  `json:"operation"` // sqs:GetQueueAttributes
	Calls     int     `json:"calls"`
	Units     int     `json:"units"` // what is charged: requests, or metrics for GetMetricData
	Dollars   float64 `json:"dollars"`
}
