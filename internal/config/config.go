// Package config turns configuration files, the environment and flags into one
// validated value. It knows every key, its default, its limits and the rules of
// AWS that can be checked without asking AWS: names, tags, endpoints. It leaves
// to others whatever needs an account: whether a key, a bucket or a policy
// exists, and the names of single resources.
//
// Later sources win: defaults, files in order (each followed by its overlay for
// the environment), CCSCTL_* variables, flags. Maps merge, lists are replaced.
package config

import (
	"time"
)

// The timeouts of the functions that read queues. They are not for
// configuration: the promise of two seconds and the visibility timeouts depend
// on them. Lambda refuses a mapping whose queue hides messages for less.
const (
	EmergencyTimeout = 5 * time.Second
	FollowupTimeout  = 10 * time.Second
)

// Config is everything a person can choose about one pipeline. Load makes it;
// a Config from Load is valid.
type Config struct {
	Project     string
	Environment string

	Stream         Stream
	Autoscaling    Autoscaling
	EmergencyQueue Queue
	TelemetryQueue Queue
	DataLake       DataLake
	Alarms         Alarms
	Subscriptions  Subscriptions
	Functions      Functions

	KMSKeyID            string // key id, key ARN, alias/name or alias ARN; "" is a key of our own
	PermissionsBoundary string // ARN of the policy every role is made with; "" is none
	Tags                map[string]string

	Files []string // what was read, in order
	Notes []string // what the person should know although nothing is wrong

	origins map[string]Origin
}

// Stream is how the data stream is born. The autoscaler owns the count later.
type Stream struct {
	Shards    int
	Retention time.Duration // whole hours
}

// Autoscaling bounds the shard count and paces its changes.
type Autoscaling struct {
	MinShards, MaxShards int
	TargetUtilization    int // percent of what the shards can take
	ScaleOutCooldown     time.Duration
	ScaleInCooldown      time.Duration
}

// Queue is a queue and its dead-letter queue. Durations are whole seconds.
type Queue struct {
	VisibilityTimeout   time.Duration
	MaxReceives         int // then the message goes to the dead-letter queue
	ReceiveWait         time.Duration
	DeadLetterRetention time.Duration
}

// DataLake is where Firehose writes and how much it holds back first.
type DataLake struct {
	Bucket         string
	BufferMB       int
	BufferInterval time.Duration
}

// Alarms are the thresholds: an alarm fires above its number.
type Alarms struct {
	IteratorAge          time.Duration
	QueueDepth           int
	SNSFailurePercent    int
	SNSMinimumDeliveries int // fewer deliveries than this in a period never fire
}

// Subscriptions says who hears of what, by topic.
type Subscriptions struct {
	Authorities, Owners, Managers, Alarms []Subscription
}

// Subscription is one endpoint of a topic, as SNS takes it.
type Subscription struct {
	Protocol string `json:"protocol"`
	Endpoint string `json:"endpoint"`
}

// Functions is what the three Lambda functions have in common.
type Functions struct {
	Architecture     string // arm64 or x86_64; "" leaves the choice to the caller
	MemoryMB         int
	LogRetentionDays int
	Package          string // a ready zip; "" has one built
}

// Name is the name of a resource of this pipeline: project, environment and
// what it is, which may be several words.
func (c *Config) Name(what string) string {
	return c.Project + "-" + c.Environment + "-" + what
}

// Source is where Load looks. The zero Source finds the default file in the
// working directory and nothing else.
type Source struct {
	Files       []string   // read in order; none means the default file
	Environment string     // of the --environment flag, "" when absent
	Env         []string   // as os.Environ; only CCSCTL_*, XDG_CONFIG_HOME and HOME are looked at
	Overrides   []Override // of flags that were given; later ones win
	Dir         string     // relative files are relative to it; "" is the working directory
}

// Override is a value that was given by a flag, over all files and variables.
type Override struct {
	Key   string
	Value string
	Flag  string // what mistakes in it are told of: --kms-key-id, --set KEY
}

// Load reads every source once and returns the configuration, or an error of
// kind fault.Usage that joins all problems, one line each, in the order of the
// sources. An empty variable counts as absent, and so does a null in a file.
func Load(src Source) (*Config, error) {
	files, err := src.read()
	if err != nil {
		return nil, err
	}
	return build(src, files)
}
