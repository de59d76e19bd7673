package queue

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/policy"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// setting is one attribute of the queue as the plan knows it. Live values are
// those of GetQueueAttributes, which leaves out what is not set.
type setting struct {
	name string            // in the plan
	want map[string]string // what to send, by SQS's names; "" clears
	same func(live map[string]string) bool
	show func(attributes map[string]string) string
}

// settings are all attributes that are managed.
func (q *Queue) settings() []setting {
	list := []setting{
		duration("visibility_timeout", "VisibilityTimeout", q.spec.Visibility),
		duration("receive_wait", "ReceiveMessageWaitTimeSeconds", q.spec.ReceiveWait),
		duration("retention", "MessageRetentionPeriod", q.spec.Retention),
		duration("delivery_delay", "DelaySeconds", 0),
		encryption(),
		document("dead_letter", "RedrivePolicy", q.spec.DeadLetter.json(), showDeadLetter),
		document("redrive_allowed_from", "RedriveAllowPolicy", q.allowJSON(), showAllow),
		document("policy", "Policy", q.spec.Policy, func(text string) string { return text }),
	}
	if f := q.spec.FIFO; f != nil {
		list = append(list,
			word("content_based_deduplication", "ContentBasedDeduplication", strconv.FormatBool(f.ContentBasedDeduplication), "false"),
			word("deduplication_scope", "DeduplicationScope", or(f.DeduplicationScope, "queue"), "queue"),
			word("throughput_limit", "FifoThroughputLimit", or(f.FifoThroughputLimit, "perQueue"), "perQueue"),
		)
	}
	return list
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// word is an attribute that is compared as it stands. absent is what it means
// when SQS leaves it out.
func word(name, attribute, value, absent string) setting {
	return setting{
		name: name, want: map[string]string{attribute: value},
		same: func(live map[string]string) bool { return or(live[attribute], absent) == value },
		show: func(a map[string]string) string { return a[attribute] },
	}
}

func duration(name, attribute string, value time.Duration) setting {
	s := word(name, attribute, strconv.Itoa(int(value/time.Second)), "")
	s.show = func(a map[string]string) string { return showSeconds(a[attribute]) }
	return s
}

// document is an attribute whose value is JSON, compared by meaning: SQS
// reorders it and writes numbers as strings. "" is none.
func document(name, attribute, value string, show func(text string) string) setting {
	return setting{
		name: name, want: map[string]string{attribute: value},
		same: func(live map[string]string) bool { return policy.Same(live[attribute], value) },
		show: func(a map[string]string) string {
			if a[attribute] == "" {
				return ""
			}
			return show(a[attribute])
		},
	}
}

// encryption is with SQS's own keys. A KMS key must go in the same call (SQS
// takes one kind of encryption at a time).
func encryption() setting {
	return setting{
		name: "encryption", want: map[string]string{"SqsManagedSseEnabled": "true", "KmsMasterKeyId": ""},
		same: func(live map[string]string) bool {
			return live["SqsManagedSseEnabled"] == "true" && live["KmsMasterKeyId"] == ""
		},
		show: func(a map[string]string) string {
			switch {
			case a["KmsMasterKeyId"] != "":
				return "KMS key " + a["KmsMasterKeyId"]
			case a["SqsManagedSseEnabled"] == "true":
				return "SSE-SQS"
			default:
				return "off"
			}
		},
	}
}

// diff lists what differs, and the attributes to send to put it right.
func (q *Queue) diff(live map[string]string) (diff []resource.Attribute, set map[string]string) {
	set = map[string]string{}
	for _, s := range q.settings() {
		if !s.same(live) {
			diff = append(diff, resource.Attribute{Name: s.name, Old: s.show(live), New: s.show(s.want)})
			maps.Copy(set, s.want)
		}
	}
	// The limit is only allowed beside its scope: SQS wants to see both.
	if scope, limit := "DeduplicationScope", "FifoThroughputLimit"; set[scope] != "" || set[limit] != "" {
		for _, s := range q.settings() {
			if s.want[scope] != "" || s.want[limit] != "" {
				maps.Copy(set, s.want)
			}
		}
	}
	return diff, set
}

// creation is what CreateQueue gets: all settings that are not empty.
func (q *Queue) creation() map[string]string {
	all := map[string]string{}
	for _, s := range q.settings() {
		maps.Copy(all, s.want)
	}
	if q.spec.FIFO != nil {
		all["FifoQueue"] = "true"
	}
	maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
	return all
}

// worthReading are the attributes of a queue to be made.
func (q *Queue) worthReading() []resource.Attribute {
	list := []resource.Attribute{{Name: "queue", New: q.spec.QueueName}}
	for _, s := range q.settings() {
		switch s.name {
		case "visibility_timeout", "retention", "dead_letter", "encryption":
			if v := s.show(s.want); v != "" {
				list = append(list, resource.Attribute{Name: s.name, New: v})
			}
		}
	}
	return list
}

// redrivePolicy is SQS's form of a dead-letter queue.
type redrivePolicy struct {
	Target      string `json:"deadLetterTargetArn"`
	MaxReceives any    `json:"maxReceiveCount"` // SQS gives it as a number or as a string
}

func (d *DeadLetter) json() string {
	if d == nil {
		return ""
	}
	return text(redrivePolicy{d.QueueARN, d.MaxReceives})
}

func showDeadLetter(live string) string {
	var p redrivePolicy
	if json.Unmarshal([]byte(live), &p) != nil {
		return live
	}
	return fmt.Sprintf("%s after %v receives", nameOf(p.Target), p.MaxReceives)
}

// redriveAllowPolicy is SQS's form of who may use a queue as dead-letter queue.
type redriveAllowPolicy struct {
	Permission string   `json:"redrivePermission"`
	Sources    []string `json:"sourceQueueArns,omitempty"`
}

func (q *Queue) allowJSON() string {
	if len(q.spec.AllowRedriveFrom) == 0 {
		return ""
	}
	return text(redriveAllowPolicy{"byQueue", q.spec.AllowRedriveFrom})
}

func showAllow(live string) string {
	var p redriveAllowPolicy
	if json.Unmarshal([]byte(live), &p) != nil {
		return live
	}
	if p.Permission != "byQueue" {
		return p.Permission
	}
	names := make([]string, len(p.Sources))
	for i, arn := range p.Sources {
		names[i] = nameOf(arn)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func text(v any) string {
	t, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("queue: %v", err)) // only our own values get here
	}
	return string(t)
}

// showSeconds writes a number of seconds in the largest unit that divides it.
func showSeconds(s string) string {
	n, err := strconv.Atoi(s)
	if err != nil {
		return s
	}
	return resource.Duration(time.Duration(n) * time.Second)
}
