package queue_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/resource/resourcetest"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

func arn(name string) string {
	return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", sandbox.Region, sandbox.Account, name)
}

var owner = resource.Owner{Project: "ccs", Environment: "test", Extra: map[string]string{"Team": "data"}}

// The emergency queue: everything that a FIFO source queue can have.
func emergency() queue.Spec {
	return queue.Spec{
		Name: "emergency", QueueName: "ccs-test-emergency.fifo",
		FIFO:       &queue.FIFO{ContentBasedDeduplication: true, DeduplicationScope: "messageGroup", FifoThroughputLimit: "perMessageGroupId"},
		Visibility: 30 * time.Second, Retention: 4 * 24 * time.Hour,
		DeadLetter: &queue.DeadLetter{QueueARN: arn("ccs-test-emergency-dlq.fifo"), MaxReceives: 3},
		Policy:     `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`,
		Owner:      owner,
	}
}

func TestLifecycleOfASource(t *testing.T) {
	set := func(attributes map[string]string) func(*testing.T, aws.Config) {
		return setBehindItsBack("ccs-test-emergency.fifo", attributes)
	}
	resourcetest.Lifecycle(t, resourcetest.Case{
		New:   func(cfg aws.Config) resource.Resource { return queue.New(cfg, emergency()) },
		Setup: making("ccs-test-emergency-dlq.fifo", map[string]string{"FifoQueue": "true"}),
		Foreign: making("ccs-test-emergency.fifo", map[string]string{
			"FifoQueue": "true", "VisibilityTimeout": "60",
		}),
		Drift: map[string]func(*testing.T, aws.Config){
			"visibility_timeout": set(map[string]string{"VisibilityTimeout": "31"}),
			"receive_wait":       set(map[string]string{"ReceiveMessageWaitTimeSeconds": "1"}),
			// What SQS may make of the JSON that it was given is no drift.
			"retention": set(map[string]string{
				"MessageRetentionPeriod": "60",
				"RedrivePolicy":          `{"maxReceiveCount": "3", "deadLetterTargetArn": "` + arn("ccs-test-emergency-dlq.fifo") + `"}`,
			}),
			"delivery_delay":              set(map[string]string{"DelaySeconds": "900"}),
			"encryption":                  set(map[string]string{"SqsManagedSseEnabled": "false"}),
			"dead_letter":                 set(map[string]string{"RedrivePolicy": ""}),
			"policy":                      set(map[string]string{"Policy": ""}),
			"content_based_deduplication": set(map[string]string{"ContentBasedDeduplication": "false"}),
			"throughput_limit":            set(map[string]string{"FifoThroughputLimit": "perQueue"}),
			"tags.Team": func(t *testing.T, cfg aws.Config) {
				client, url := client(t, cfg, "ccs-test-emergency.fifo")
				_, err := client.TagQueue(t.Context(), &sqs.TagQueueInput{QueueUrl: url, Tags: map[string]string{"Team": "x"}})
				must(t, err)
			},
		},
	})
}

// The dead-letter queue is made before the queue that it admits.
func TestLifecycleOfADeadLetterQueue(t *testing.T) {
	const name = "ccs-test-emergency-dlq.fifo"
	resourcetest.Lifecycle(t, resourcetest.Case{
		New: func(cfg aws.Config) resource.Resource {
			return queue.New(cfg, queue.Spec{
				Name: "emergency-dlq", QueueName: name, FIFO: &queue.FIFO{DeduplicationScope: "messageGroup"},
				Visibility: 30 * time.Second, Retention: 14 * 24 * time.Hour,
				AllowRedriveFrom: []string{arn("ccs-test-emergency.fifo")}, Owner: owner,
			})
		},
		Drift: map[string]func(*testing.T, aws.Config){
			"redrive_allowed_from": setBehindItsBack(name, map[string]string{"RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`}),
			"deduplication_scope":  setBehindItsBack(name, map[string]string{"DeduplicationScope": "queue"}),
			"encryption":           setBehindItsBack(name, map[string]string{"KmsMasterKeyId": "alias/aws/sqs"}),
		},
	})
}

func TestLifecycleOfAStandardQueue(t *testing.T) {
	spec := queue.Spec{
		Name: "telemetry", QueueName: "ccs-test-telemetry", Visibility: time.Minute, ReceiveWait: 20 * time.Second,
		Retention: 4 * 24 * time.Hour, Owner: owner,
	}
	resourcetest.Lifecycle(t, resourcetest.Case{
		New:     func(cfg aws.Config) resource.Resource { return queue.New(cfg, spec) },
		Foreign: making(spec.QueueName, nil),
		Drift: map[string]func(*testing.T, aws.Config){
			"policy": setBehindItsBack(spec.QueueName, map[string]string{"Policy": `{"Statement":[]}`}),
		},
	})
}

// A person at 3 a.m. reads minutes and names of queues, not SQS's JSON.
func TestDriftIsShownInPlainWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{})
		making("ccs-test-emergency-dlq.fifo", map[string]string{"FifoQueue": "true"})(t, cfg)
		making("ccs-test-other-dlq.fifo", map[string]string{"FifoQueue": "true"})(t, cfg)
		making("ccs-test-emergency.fifo", map[string]string{
			"FifoQueue": "true", "VisibilityTimeout": "120", "MessageRetentionPeriod": "1209600", "ContentBasedDeduplication": "true",
			"RedrivePolicy": `{"maxReceiveCount":"10","deadLetterTargetArn":"` + arn("ccs-test-other-dlq.fifo") + `"}`,
		})(t, cfg)
		spec := emergency()
		spec.Policy = ""
		c, err := queue.New(cfg, spec).Diff(t.Context())
		must(t, err)
		want := []resource.Attribute{
			{Name: "visibility_timeout", Old: "2 min", New: "30 s"},
			{Name: "retention", Old: "14 days", New: "4 days"},
			{Name: "dead_letter", Old: "ccs-test-other-dlq.fifo after 10 receives", New: "ccs-test-emergency-dlq.fifo after 3 receives"},
			{Name: "deduplication_scope", Old: "queue", New: "messageGroup"},
			{Name: "throughput_limit", Old: "perQueue", New: "perMessageGroupId"},
		}
		got := slices.DeleteFunc(c.Attributes, func(a resource.Attribute) bool { return strings.HasPrefix(a.Name, "tags.") })
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// spread is longer than SQS takes to make a change known everywhere.
const spread = time.Minute

func making(name string, attributes map[string]string) func(*testing.T, aws.Config) {
	return func(t *testing.T, cfg aws.Config) {
		_, err := sqs.NewFromConfig(cfg).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		must(t, err)
		time.Sleep(spread)
	}
}

func setBehindItsBack(name string, attributes map[string]string) func(*testing.T, aws.Config) {
	return func(t *testing.T, cfg aws.Config) {
		client, url := client(t, cfg, name)
		_, err := client.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: attributes})
		must(t, err)
		time.Sleep(spread)
	}
}

func client(t *testing.T, cfg aws.Config, name string) (client *sqs.Client, url *string) {
	client = sqs.NewFromConfig(cfg)
	out, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
	must(t, err)
	return client, out.QueueUrl
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
