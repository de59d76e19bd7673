package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// checker finds what is wrong with a merged configuration. Each rule is told
// once, and not at all for a key whose value could not even be read.
type checker struct {
	*problems
	*Config
}

func (r *reading) check(c *Config) {
	k := checker{&r.problems, c}
	k.identity()
	k.limits()
	k.scaling()
	k.queues()
	k.access()
	k.functions()
	k.tags()
	k.subscriptions()
}

func (c checker) wrong(key, format string, args ...any) {
	c.add(c.origins[key], key, format, args...)
}

// sound says whether all the keys could be read.
func (c checker) sound(names ...string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return c.broken[n] })
}

func (c checker) limits() {
	for _, k := range keys {
		if k.high == 0 || !c.sound(k.name) {
			continue
		}
		switch v := k.field(c.Config).(type) {
		case *int:
			if n := int64(*v); n < k.low || n > k.high {
				c.wrong(k.name, "want %d to %d, got %d", k.low, k.high, n)
			}
		case *time.Duration:
			c.span(k, *v)
		}
	}
}

func (c checker) span(k key, d time.Duration) {
	unit, show, name := time.Second, short, "seconds"
	if k.kind == hours {
		unit, name = time.Hour, "hours"
		show = func(d time.Duration) string { return strconv.FormatFloat(d.Hours(), 'f', -1, 64) }
	}
	switch {
	case int64(d) < k.low || int64(d) > k.high:
		suffix := ""
		if k.kind == hours {
			suffix = " hours"
		}
		c.wrong(k.name, "want %s to %s%s, got %s", show(time.Duration(k.low)), show(time.Duration(k.high)), suffix, show(d))
	case d%unit != 0:
		c.wrong(k.name, "want whole %s, got %s", name, d)
	}
}

func (c checker) scaling() {
	const least, most, shards = "autoscaling.min_shards", "autoscaling.max_shards", "kinesis_shard_count"
	if !c.sound(least, most, shards) {
		return
	}
	a, n := c.Autoscaling, c.Stream.Shards
	switch {
	case a.MinShards > a.MaxShards:
		c.wrong(least, "%d is above %s %d", a.MinShards, most, a.MaxShards)
	case n < 1 || n > 10000: // told by limits
	case n < a.MinShards:
		c.wrong(shards, "%d is below %s %d", n, least, a.MinShards)
	case n > a.MaxShards:
		c.wrong(shards, "%d is above %s %d", n, most, a.MaxShards)
	}
}

func (c checker) queues() {
	for _, q := range []struct {
		key     string
		hidden  time.Duration
		timeout time.Duration
	}{
		{"emergency_queue.visibility_timeout", c.EmergencyQueue.VisibilityTimeout, EmergencyTimeout},
		{"telemetry_queue.visibility_timeout", c.TelemetryQueue.VisibilityTimeout, FollowupTimeout},
	} {
		// Lambda refuses the mapping, at once or when the timeout grows (trap 16).
		if c.sound(q.key) && q.hidden >= 0 && q.hidden < q.timeout {
			c.wrong(q.key, "%s is less than the timeout of the function that reads the queue, %s", short(q.hidden), short(q.timeout))
		}
	}
}

// pattern is a regular expression compiled when it is first asked for: the
// program starts many times for each time that one of ours is needed.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

var (
	keyID    = pattern(`^([0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|mrk-[0-9a-f]{32})$`)
	keyAlias = pattern(`^alias/[a-zA-Z0-9/_-]{1,250}$`)
	keyARN   = pattern(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(?:key/(.+)|(alias/.+))$`)
	boundary = pattern(`^arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\x21-\x7e]{1,512}$`)
)

func (c checker) access() {
	if id := c.KMSKeyID; id != "" && c.sound("kms_key_id") {
		alias := id
		if m := keyARN().FindStringSubmatch(id); m != nil {
			id, alias = m[1], m[2]
		}
		switch {
		case strings.HasPrefix(alias, "alias/aws/"):
			// Its policy cannot be edited, and alarms would turn red in silence (trap 22).
			c.wrong("kms_key_id", "%s is a key of AWS, which CloudWatch cannot use to publish alarms: want a key of yours", alias)
		case !keyID().MatchString(id) && !keyAlias().MatchString(alias):
			c.wrong("kms_key_id", "want a key id, a key ARN, alias/name or an alias ARN, got %q", c.KMSKeyID)
		}
	}
	if b := c.PermissionsBoundary; b != "" && c.sound("permissions_boundary") && !boundary().MatchString(b) {
		c.wrong("permissions_boundary", "want the ARN of an IAM policy, got %q", b)
	}
}

// logRetention is what PutRetentionPolicy takes.
var logRetention = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

func (c checker) functions() {
	f := c.Functions
	if f.Architecture != "" && f.Architecture != "arm64" && f.Architecture != "x86_64" {
		c.wrong("functions.architecture", "want arm64 or x86_64, got %q", f.Architecture)
	}
	if c.sound("functions.log_retention_days") && !slices.Contains(logRetention, f.LogRetentionDays) {
		c.wrong("functions.log_retention_days", "want one of %s, got %d", strings.Trim(fmt.Sprint(logRetention), "[]"), f.LogRetentionDays)
	}
	if f.Package != "" && !strings.HasSuffix(strings.ToLower(f.Package), ".zip") {
		c.wrong("functions.package", "want a .zip file, got %q", f.Package)
	}
}

// follow lets the values of scaling that nobody gave keep to those that
// somebody did: a file that only says 80 shards means more than 50 at most.
func follow(c *Config) {
	const least, most, shards = "autoscaling.min_shards", "autoscaling.max_shards", "kinesis_shard_count"
	given := func(key string) bool { _, ok := c.origins[key]; return ok }
	set := func(field *int, value int, key, by string) {
		if *field != value {
			*field, c.origins[key] = value, Origin{Follows: by}
		}
	}
	a, n := &c.Autoscaling, &c.Stream.Shards
	if !given(shards) && given(least) {
		set(n, max(*n, a.MinShards), shards, least)
	}
	if !given(shards) && given(most) {
		set(n, min(*n, a.MaxShards), shards, most)
	}
	if !given(most) {
		set(&a.MaxShards, min(10000, max(a.MaxShards, *n, a.MinShards)), most, shards)
	}
	if !given(least) {
		set(&a.MinShards, max(1, min(a.MinShards, *n, a.MaxShards)), least, shards)
	}
}

// note tells what is worth knowing of a valid configuration.
func (r *reading) note(c *Config) {
	note := func(at Origin, format string, args ...any) {
		c.Notes = append(c.Notes, problem{at: at, msg: fmt.Sprintf(format, args...)}.Error())
	}
	if r.key != nil {
		uses := "ccsctl uses a key of its own"
		if c.KMSKeyID != "" {
			uses = "ccsctl uses " + c.KMSKeyID + " (" + c.origins["kms_key_id"].String() + ")"
		}
		note(r.key.at, "kms_key_id = %s cannot be resolved from this file: %s unless --kms-key-id, CCSCTL_KMS_KEY_ID or a later file gives one", r.key.text, uses)
	}
	for _, q := range []struct {
		name    string
		queue   Queue
		timeout time.Duration
	}{{"emergency_queue", c.EmergencyQueue, EmergencyTimeout}, {"telemetry_queue", c.TelemetryQueue, FollowupTimeout}} {
		key := q.name + ".visibility_timeout"
		if v := q.queue.VisibilityTimeout; v < 6*q.timeout {
			note(c.origins[key], "%s %s is less than %s, six times the function's timeout, which AWS advises: a slow batch may be handled twice", key, short(v), short(6*q.timeout))
		}
		// A standard queue counts a dead letter's age from when it was first sent.
		key = q.name + ".dead_letter_retention"
		if v := q.queue.DeadLetterRetention; v <= queueRetention {
			note(c.origins[key], "%s %s is not longer than the %s a message may wait in the queue: a dead letter may be gone before anyone sees it", key, short(v), short(queueRetention))
		}
	}
	for _, t := range c.Subscriptions.topics() {
		for i, s := range t.list {
			if s.Protocol == "http" {
				note(c.origins[t.key], "%s[%d] %s is not encrypted on its way: alerts name vehicles and places; prefer https", t.key, i, s.Endpoint)
			}
		}
	}
}

// queueRetention is how long SQS keeps a message unless told otherwise.
const queueRetention = 4 * 24 * time.Hour
