package pipeline

import (
	"context"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/bucket"
	"github.com/ccs-platform/ccsctl/internal/aws/catalog"
	"github.com/ccs-platform/ccsctl/internal/aws/delivery"
	"github.com/ccs-platform/ccsctl/internal/aws/key"
	"github.com/ccs-platform/ccsctl/internal/aws/loggroup"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/role"
	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/aws/topic"
	"github.com/ccs-platform/ccsctl/internal/aws/workflow"
	"github.com/ccs-platform/ccsctl/internal/config"
)

// keyWindow is the waiting period of the key's deletion in days: the longest
// that AWS has, since nothing under the key can be read once it is over.
const keyWindow = 30

func (p *Pipeline) ownKey() *key.Key {
	return key.New(p.settings.AWS, key.Spec{
		Name: "pipeline", Alias: "alias/" + p.names.base, Description: p.names.base + " streaming pipeline",
		Policy: p.keyPolicy(), Owner: p.owner, Window: keyWindow,
		Keep: func(ctx context.Context) (string, error) { return p.bucket.HoldsData(ctx) },
	})
}

func (p *Pipeline) newStream() *stream.Stream {
	c := p.config
	return stream.New(p.settings.AWS, stream.Spec{
		Name: "telemetry", StreamName: p.names.name("telemetry"),
		Shards: c.Stream.Shards, MinShards: c.Autoscaling.MinShards, MaxShards: c.Autoscaling.MaxShards,
		Retention: c.Stream.Retention, Key: p.key.Name(), SameKey: p.key.Same, Owner: p.owner,
	})
}

// standardRetention is how long the working queues keep a message that nobody
// takes: SQS's default. Their dead-letter queues keep it longer, since the
// clock of a standard queue's message runs on after the move.
const standardRetention = 4 * 24 * time.Hour

func (p *Pipeline) newEmergencyQueues() (dlq, q *queue.Queue) {
	c := p.config.EmergencyQueue
	fifo := &queue.FIFO{ContentBasedDeduplication: true, DeduplicationScope: "messageGroup", FifoThroughputLimit: "perMessageGroupId"}
	return p.queuePair("emergency.fifo", "emergency-dlq.fifo", c, fifo)
}

func (p *Pipeline) newTelemetryQueues() (dlq, q *queue.Queue) {
	return p.queuePair("telemetry", "telemetry-dlq", p.config.TelemetryQueue, nil)
}

// queuePair is a queue and the dead-letter queue that takes from it alone.
func (p *Pipeline) queuePair(name, dead string, c config.Queue, fifo *queue.FIFO) (dlq, q *queue.Queue) {
	dlq = queue.New(p.settings.AWS, queue.Spec{
		Name: dead, QueueName: p.names.name(dead), FIFO: fifo,
		Visibility: c.VisibilityTimeout, Retention: c.DeadLetterRetention,
		AllowRedriveFrom: []string{p.names.queue(name)}, Owner: p.owner,
	})
	q = queue.New(p.settings.AWS, queue.Spec{
		Name: name, QueueName: p.names.name(name), FIFO: fifo,
		Visibility: c.VisibilityTimeout, ReceiveWait: c.ReceiveWait, Retention: standardRetention,
		DeadLetter: &queue.DeadLetter{QueueARN: p.names.queue(dead), MaxReceives: c.MaxReceives}, Owner: p.owner,
	})
	return dlq, q
}

// newFailuresQueue takes the notices of batches that the stream's mapping gave
// up on. They are worth something as long as the records are in the stream, and
// to people for longer.
func (p *Pipeline) newFailuresQueue() *queue.Queue {
	return queue.New(p.settings.AWS, queue.Spec{
		Name: "stream-failures", QueueName: p.names.name("stream-failures"),
		Visibility: 30 * time.Second, Retention: 14 * 24 * time.Hour, Owner: p.owner,
	})
}

// topicNames are the topics, as they are called in AWS.
var topicNames = []string{"authorities-alerts", "owner-alerts", "manager-notifications", "alarms"}

func (p *Pipeline) newTopics() (authorities, owners, managers, alarms *topic.Topic) {
	make := func(name string, subscriptions []config.Subscription) *topic.Topic {
		spec := topic.Spec{
			Name: name, ARN: p.names.topic(name), Key: p.key.Name(), SameKey: p.key.Same,
			Policy: p.topicPolicy(p.names.topic(name)), Owner: p.owner,
		}
		for _, s := range subscriptions {
			spec.Subscriptions = append(spec.Subscriptions, topic.Subscription(s))
		}
		return topic.New(p.settings.AWS, spec)
	}
	s := p.config.Subscriptions
	return make(topicNames[0], s.Authorities), make(topicNames[1], s.Owners), make(topicNames[2], s.Managers), make(topicNames[3], s.Alarms)
}

func (p *Pipeline) newBucket() *bucket.Bucket {
	return bucket.New(p.settings.AWS, bucket.Spec{
		Name: "data-lake", BucketName: p.config.DataLake.Bucket, Region: p.names.region,
		Account: p.names.account, Key: p.bucketKey(), SameKey: p.key.Same, Policy: p.bucketPolicy(), Owner: p.owner, Purge: p.settings.PurgeData,
	})
}

// bucketKey names the key for S3. S3 looks a bare alias up in the account of
// whoever writes, so ours goes by its ARN.
func (p *Pipeline) bucketKey() string {
	if name := p.key.Name(); strings.HasPrefix(name, "alias/") {
		return p.names.arn("kms", name)
	}
	return p.key.Name()
}

func (p *Pipeline) newRole(what, purpose, trust string, grants func(context.Context) (string, error)) *role.Role {
	return role.New(p.settings.AWS, role.Spec{
		Name: what, RoleName: p.names.role(what), Path: rolePath, Description: p.names.base + ": " + purpose,
		Trust: trust, PolicyName: "pipeline", Policy: grants, Boundary: p.config.PermissionsBoundary, Owner: p.owner,
	})
}

func (p *Pipeline) newFunctionLogs(what string) *loggroup.Group {
	return p.newLogs(what, p.names.functionLogs(what))
}

// deliveryLogStream is where Firehose writes its errors. Firehose does not make
// it itself when it is set up through the API (trap 20).
const deliveryLogStream = "DestinationDelivery"

func (p *Pipeline) newDeliveryLogs() *loggroup.Group {
	return p.newLogs("data-lake", p.names.deliveryLogs(), deliveryLogStream)
}

func (p *Pipeline) newLogs(what, group string, streams ...string) *loggroup.Group {
	return loggroup.New(p.settings.AWS, loggroup.Spec{
		Name: what, GroupName: group, RetentionDays: int32(p.config.Functions.LogRetentionDays), Streams: streams, Owner: p.owner,
	})
}

// Where Firehose writes. Days are UTC, by the arrival of an object's oldest
// record; yyyy and dd, since YYYY is the year of the week and DD the day of the
// year ("Custom prefixes for Amazon S3 objects", Firehose developer guide).
const (
	lakePrefix  = "telemetry/"
	dayPrefix   = lakePrefix + "year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/"
	errorPrefix = "errors/!{firehose:error-output-type}/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/"
)

func (p *Pipeline) newDelivery() *delivery.Stream {
	n, lake := p.names, p.config.DataLake
	return delivery.New(p.settings.AWS, delivery.Spec{
		Name: "data-lake", DeliveryName: n.name("data-lake"), StreamARN: n.stream(), RoleARN: n.roleARN("data-lake"),
		BucketARN: n.bucket(lake.Bucket), Prefix: dayPrefix, ErrorPrefix: errorPrefix,
		BufferMB: int32(lake.BufferMB), BufferInterval: lake.BufferInterval,
		Database: p.database(), Table: tableName, Region: n.region,
		LogGroup: n.deliveryLogs(), LogStream: deliveryLogStream, Owner: p.owner,
	})
}

func (p *Pipeline) newCatalog() *catalog.Catalog {
	location := "s3://" + p.config.DataLake.Bucket + "/" + lakePrefix
	days, parameters := catalog.ByDay(location, firstYear, lastYear)
	return catalog.New(p.settings.AWS, catalog.Spec{
		Name: "telemetry", Database: p.database(), DatabaseARN: p.names.arn("glue", "database/"+p.database()), Table: tableName,
		Description: p.names.base + " telemetry", Location: location,
		Columns: telemetryColumns(), PartitionKeys: days, Parameters: parameters, Owner: p.owner,
	})
}

// The years that Athena looks for without being told of new partitions. They
// are fixed, since a range that moved with the calendar would drift.
const (
	firstYear = 2025
	lastYear  = 2040
)

// telemetryColumns are the telemetry event's fields as Hive types. The names
// are those of the JSON, which are lower case already. The time is a string:
// the SerDe reads a timestamp in Z only, and a record with any other offset
// would end under the error prefix.
func telemetryColumns() []catalog.Column {
	return []catalog.Column{
		{Name: "event_id", Type: "string", Comment: "unique; the idempotence key of all that follows"},
		{Name: "vehicle_id", Type: "string", Comment: "partition key and message group"},
		{Name: "type", Type: "string", Comment: "position, diagnostic, harsh_braking, geofence, crash, airbag, sos, fire, theft"},
		{Name: "severity", Type: "string", Comment: "info, warning, critical"},
		{Name: "occurred_at", Type: "string", Comment: "RFC 3339, by the vehicle's clock"},
		{Name: "latitude", Type: "double", Comment: "degrees"},
		{Name: "longitude", Type: "double", Comment: "degrees"},
		{Name: "speed_kmh", Type: "double"},
		{Name: "heading", Type: "double", Comment: "degrees from north"},
		{Name: "battery_volts", Type: "double"},
		{Name: "fuel_percent", Type: "double"},
		{Name: "odometer_km", Type: "double"},
	}
}

func (p *Pipeline) newWorkflow() *workflow.Workflow {
	n := p.names
	return workflow.New(p.settings.AWS, workflow.Spec{
		Name: "emergency", MachineName: n.name("emergency"), ARN: n.machine(), RoleARN: n.roleARN("workflow"), Owner: p.owner,
		Definition: workflow.Definition(workflow.Topics{
			Authorities: n.topic("authorities-alerts"), Owners: n.topic("owner-alerts"),
			Managers: n.topic("manager-notifications"), Alarms: n.topic("alarms"),
		}),
	})
}

// Kept are the ARNs of what a removal leaves on purpose: the data lake and the
// key that its data is encrypted with.
func (p *Pipeline) Kept(ctx context.Context) (map[string]bool, error) {
	kept := map[string]bool{}
	holds, err := p.bucket.HoldsData(ctx)
	if err != nil || holds == "" {
		return kept, err
	}
	kept[p.names.bucket(p.config.DataLake.Bucket)] = true
	arn, ok, err := p.key.ARN(ctx)
	if ok {
		kept[arn] = true
	}
	return kept, err
}
