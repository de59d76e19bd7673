package config

import (
	"math"
	"slices"
	"strings"
	"time"
)

// key is one line of the table that drives everything else: what may be
// written, how it is read, its default, limits, variable and documentation.
type key struct {
	name     string
	kind     kind
	fallback any // nil for maps and lists, which start empty
	field    func(*Config) any
	low      int64 // with high, the limits of numbers and durations, both inclusive
	high     int64
	example  string // for a required key: what Example writes
	doc      string
}

const (
	second = int64(time.Second)
	hour   = int64(time.Hour)
	day    = 24 * hour
)

// keys is read only. Its order is that of Example, Keys and of the checks.
var keys = []key{
	{name: "project_name", kind: text, fallback: "", example: "ccs", field: func(c *Config) any { return &c.Project },
		doc: "First part of every name: lower-case letters, digits and hyphens. Required."},
	{name: "environment", kind: text, fallback: "", example: "prod", field: func(c *Config) any { return &c.Environment },
		doc: "Second part of every name, and the overlay of environments that applies. Required."},
	{name: "kinesis_shard_count", kind: number, fallback: 10, low: 1, high: 10000, field: func(c *Config) any { return &c.Stream.Shards },
		doc: "Shards at birth. Afterwards any count within the bounds of autoscaling is left alone."},
	{name: "kinesis_retention_period", kind: hours, fallback: 24 * time.Hour, low: 24 * hour, high: 8760 * hour, field: func(c *Config) any { return &c.Stream.Retention },
		doc: "How long the stream keeps records, in hours. Above 24 costs extra."},
	{name: "s3_data_lake_bucket", kind: text, fallback: "", example: "ccs-data-lake-prod", field: func(c *Config) any { return &c.DataLake.Bucket },
		doc: "Bucket of the data lake; made when absent, else used and never deleted. Required."},
	{name: "kms_key_id", kind: text, fallback: "", field: func(c *Config) any { return &c.KMSKeyID },
		doc: "Key id, key ARN, alias/name or alias ARN of a key in use. Empty: ccsctl makes a key of its own."},
	{name: "permissions_boundary", kind: text, fallback: "", field: func(c *Config) any { return &c.PermissionsBoundary },
		doc: "ARN of the policy that bounds every role ccsctl makes. Empty: none."},
	{name: "tags", kind: labels, field: func(c *Config) any { return &c.Tags },
		doc: "Tags of everything, beside ccsctl:project, ccsctl:environment and ccsctl:managed-by."},

	{name: "autoscaling.min_shards", kind: number, fallback: 10, low: 1, high: 10000, field: func(c *Config) any { return &c.Autoscaling.MinShards },
		doc: "Never fewer shards. When absent it follows a lower kinesis_shard_count."},
	{name: "autoscaling.max_shards", kind: number, fallback: 50, low: 1, high: 10000, field: func(c *Config) any { return &c.Autoscaling.MaxShards },
		doc: "Never more shards. When absent it follows a higher kinesis_shard_count."},
	{name: "autoscaling.target_utilization", kind: number, fallback: 70, low: 1, high: 100, field: func(c *Config) any { return &c.Autoscaling.TargetUtilization },
		doc: "Percent of what the shards can take that the autoscaler aims at."},
	{name: "autoscaling.scale_out_cooldown", kind: duration, fallback: time.Minute, high: day, field: func(c *Config) any { return &c.Autoscaling.ScaleOutCooldown },
		doc: "Pause before growing again, from when the stream is ACTIVE."},
	{name: "autoscaling.scale_in_cooldown", kind: duration, fallback: 5 * time.Minute, high: day, field: func(c *Config) any { return &c.Autoscaling.ScaleInCooldown },
		doc: "Pause before shrinking again, from when the stream is ACTIVE."},

	{name: "emergency_queue.visibility_timeout", kind: duration, fallback: 30 * time.Second, high: 12 * hour, field: func(c *Config) any { return &c.EmergencyQueue.VisibilityTimeout },
		doc: "How long a received message stays hidden; at least 5s, the timeout of its function."},
	{name: "emergency_queue.max_receives", kind: number, fallback: 3, low: 1, high: 1000, field: func(c *Config) any { return &c.EmergencyQueue.MaxReceives },
		doc: "Receives before a message goes to the dead-letter queue."},
	{name: "emergency_queue.receive_wait", kind: duration, fallback: time.Duration(0), high: 20 * second, field: func(c *Config) any { return &c.EmergencyQueue.ReceiveWait },
		doc: "How long a receive waits for a message."},
	{name: "emergency_queue.dead_letter_retention", kind: duration, fallback: 14 * 24 * time.Hour, low: 60 * second, high: 14 * day, field: func(c *Config) any { return &c.EmergencyQueue.DeadLetterRetention },
		doc: "How long the dead-letter queue keeps messages."},

	{name: "telemetry_queue.visibility_timeout", kind: duration, fallback: time.Minute, high: 12 * hour, field: func(c *Config) any { return &c.TelemetryQueue.VisibilityTimeout },
		doc: "How long a received message stays hidden; at least 10s, the timeout of its function."},
	{name: "telemetry_queue.max_receives", kind: number, fallback: 3, low: 1, high: 1000, field: func(c *Config) any { return &c.TelemetryQueue.MaxReceives },
		doc: "Receives before a message goes to the dead-letter queue."},
	{name: "telemetry_queue.receive_wait", kind: duration, fallback: 20 * time.Second, high: 20 * second, field: func(c *Config) any { return &c.TelemetryQueue.ReceiveWait },
		doc: "How long a receive waits for a message."},
	{name: "telemetry_queue.dead_letter_retention", kind: duration, fallback: 14 * 24 * time.Hour, low: 60 * second, high: 14 * day, field: func(c *Config) any { return &c.TelemetryQueue.DeadLetterRetention },
		doc: "How long the dead-letter queue keeps messages."},

	{name: "data_lake.buffer_mb", kind: number, fallback: 128, low: 64, high: 128, field: func(c *Config) any { return &c.DataLake.BufferMB },
		doc: "Megabytes that Firehose gathers before it writes an object."},
	{name: "data_lake.buffer_interval", kind: duration, fallback: 5 * time.Minute, high: 900 * second, field: func(c *Config) any { return &c.DataLake.BufferInterval },
		doc: "How long Firehose gathers at most."},

	{name: "alarms.iterator_age", kind: duration, fallback: time.Minute, low: second, high: 8760 * hour, field: func(c *Config) any { return &c.Alarms.IteratorAge },
		doc: "Alarm when the slowest reader of the stream is further behind."},
	{name: "alarms.queue_depth", kind: number, fallback: 1000, low: 1, high: math.MaxInt32, field: func(c *Config) any { return &c.Alarms.QueueDepth },
		doc: "Alarm when more messages wait in a queue."},
	{name: "alarms.sns_failure_percent", kind: number, fallback: 5, low: 1, high: 99, field: func(c *Config) any { return &c.Alarms.SNSFailurePercent },
		doc: "Alarm when more than this share of a topic's deliveries fails."},
	{name: "alarms.sns_minimum_deliveries", kind: number, fallback: 1, low: 1, high: math.MaxInt32, field: func(c *Config) any { return &c.Alarms.SNSMinimumDeliveries },
		doc: "Fewer deliveries in a period never alarm. At 1 a single failed alert does."},

	{name: "subscriptions.authorities", kind: list, field: func(c *Config) any { return &c.Subscriptions.Authorities },
		doc: "Who hears of crashes: protocol (email, email-json, sms, https, http, sqs, lambda) and endpoint."},
	{name: "subscriptions.owners", kind: list, field: func(c *Config) any { return &c.Subscriptions.Owners },
		doc: "Who hears for the vehicle's owner."},
	{name: "subscriptions.managers", kind: list, field: func(c *Config) any { return &c.Subscriptions.Managers },
		doc: "Who hears for the fleet's manager."},
	{name: "subscriptions.alarms", kind: list, field: func(c *Config) any { return &c.Subscriptions.Alarms },
		doc: "Who hears that the pipeline itself is in trouble."},

	{name: "functions.architecture", kind: text, fallback: "", field: func(c *Config) any { return &c.Functions.Architecture },
		doc: "arm64 or x86_64. Empty: ccsctl chooses."},
	{name: "functions.memory_mb", kind: number, fallback: 256, low: 128, high: 10240, field: func(c *Config) any { return &c.Functions.MemoryMB },
		doc: "Memory of each function, in megabytes; CPU grows with it."},
	{name: "functions.log_retention_days", kind: number, fallback: 30, field: func(c *Config) any { return &c.Functions.LogRetentionDays },
		doc: "Days that logs are kept: a number from the list of CloudWatch Logs."},
	{name: "functions.package", kind: text, fallback: "", field: func(c *Config) any { return &c.Functions.Package },
		doc: "Path of a ready zip. Empty: ccsctl builds one."},
}

// overlays is the one key of a file that is not in the table.
const overlays = "environments"

// Key is what a person needs to know of a key.
type Key struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Default string `json:"default"` // as a file would have it
	Env     string `json:"env"`     // the variable; "" for maps and lists
	Doc     string `json:"doc"`
}

// Keys lists every key in the order of Example.
func Keys() []Key {
	out := make([]Key, len(keys))
	for i, k := range keys {
		out[i] = Key{Name: k.name, Type: k.kind.String(), Default: k.literal(k.fallback), Doc: k.doc}
		if k.kind.scalar() {
			out[i].Env = k.env()
		}
	}
	return out
}

// commandEnv are the variables that belong to the commands, not to this package.
var commandEnv = []string{
	"CCSCTL_CONFIG", "CCSCTL_SANDBOX", "CCSCTL_PROFILE", "CCSCTL_REGION", "CCSCTL_ENDPOINT_URL", "CCSCTL_EXPECT_ACCOUNT",
	"CCSCTL_OUTPUT", "CCSCTL_YES", "CCSCTL_NO_INPUT", "CCSCTL_TIMEOUT", "CCSCTL_VERBOSE", "CCSCTL_QUIET", "CCSCTL_NO_COLOR",
	"CCSCTL_CACHE_DIR", "CCSCTL_STATE_DIR", "CCSCTL_FORCE_TTY",
}

// envPrefix begins every variable that is ours.
const envPrefix = "CCSCTL_"

// sandboxEnv begins the variables of the sandbox, of which this package knows no names.
const sandboxEnv = "CCSCTL_SANDBOX_"

// CommandEnv lists the CCSCTL_* variables that Load passes over because the
// commands read them. Those that begin with CCSCTL_SANDBOX_ are passed over too.
func CommandEnv() []string { return slices.Clone(commandEnv) }

func (k key) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

func find(match func(key) bool) (key, bool) {
	i := slices.IndexFunc(keys, match)
	if i < 0 {
		return key{}, false
	}
	return keys[i], true
}

func named(name string) (key, bool) {
	return find(func(k key) bool { return k.name == name })
}

// group says whether other keys begin with name and a dot.
func group(name string) bool {
	_, ok := find(func(k key) bool { return strings.HasPrefix(k.name, name+".") })
	return ok
}
