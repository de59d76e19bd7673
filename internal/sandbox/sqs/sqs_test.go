package sqs_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

func arn(name string) string {
	return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", sandbox.Region, sandbox.Account, name)
}

// client is a client of a fresh sandbox.
func client(t testing.TB, timing string) *sqs.Client {
	t.Helper()
	_, cfg := sandboxtest.New(t, sandbox.Options{Timing: timing})
	return sqs.NewFromConfig(cfg)
}

// create makes a queue of name=value attributes.
func create(t testing.TB, c *sqs.Client, name string, attributes ...string) *string {
	t.Helper()
	out, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: pairs(attributes)})
	must(t, err)
	return out.QueueUrl
}

func pairs(list []string) map[string]string {
	m := map[string]string{}
	for _, p := range list {
		k, v, _ := strings.Cut(p, "=")
		m[k] = v
	}
	return m
}

func redriveTo(dlq string, most int) string {
	return fmt.Sprintf(`RedrivePolicy={"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, arn(dlq), most)
}

func TestRefusals(t *testing.T) {
	c := client(t, "instant")
	q := create(t, c, "q", "DelaySeconds=1")
	fifo := create(t, c, "q.fifo", "FifoQueue=true")
	high := create(t, c, "high.fifo", "FifoQueue=true", "DeduplicationScope=messageGroup", "FifoThroughputLimit=perMessageGroupId")
	create(t, c, "closed", `RedriveAllowPolicy={"redrivePermission":"byQueue","sourceQueueArns":["`+arn("other")+`"]}`)
	make := func(name string, attributes ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: pairs(attributes)})
			return err
		}
	}
	set := func(url *string, attributes ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: pairs(attributes)})
			return err
		}
	}
	send := func(in sqs.SendMessageInput) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.SendMessage(ctx, &in)
			return err
		}
	}
	sendBatch := func(url *string, ids ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			in := &sqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{}}
			for _, id := range ids {
				in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: &id, MessageBody: aws.String("m")})
			}
			_, err := c.SendMessageBatch(ctx, in)
			return err
		}
	}
	for _, r := range []struct {
		code, text string
		call       func(context.Context) error
	}{
		{"InvalidParameterValue", "alphanumeric", make("a.b")},
		{"InvalidParameterValue", "alphanumeric", make(strings.Repeat("x", 81))},
		{"InvalidParameterValue", "alphanumeric", make("a.fifo")},
		{"InvalidParameterValue", "must end with .fifo", make("a", "FifoQueue=true")},
		{"InvalidAttributeName", "Unknown Attribute FifoQueue.", make("a", "FifoQueue=false")},
		{"InvalidAttributeName", "Unknown Attribute ContentBasedDeduplication.", make("a", "ContentBasedDeduplication=true")},
		{"InvalidAttributeName", "Unknown Attribute DeduplicationScope.", set(q, "DeduplicationScope=queue")},
		{"InvalidAttributeName", "Unknown Attribute QueueArn.", set(q, "QueueArn=x")},
		{"InvalidAttributeName", "", set(q, "Colour=red")},
		{"InvalidAttributeName", "Unknown Attribute FifoQueue.", set(q, "FifoQueue=true")},
		{"InvalidAttributeValue", "Modifying queue type", set(fifo, "FifoQueue=false")},
		{"InvalidAttributeValue", "VisibilityTimeout", set(q, "VisibilityTimeout=43201")},
		{"InvalidAttributeValue", "MessageRetentionPeriod", set(q, "MessageRetentionPeriod=59")},
		{"InvalidAttributeValue", "MaximumMessageSize", set(q, "MaximumMessageSize=1048577")},
		{"InvalidAttributeValue", "ReceiveMessageWaitTimeSeconds", set(q, "ReceiveMessageWaitTimeSeconds=21")},
		{"InvalidAttributeValue", "DelaySeconds", set(q, "DelaySeconds=soon")},
		{"InvalidAttributeValue", "Policy", set(q, "Policy={")},
		{"InvalidAttributeValue", "FifoThroughputLimit", set(fifo, "FifoThroughputLimit=perMessageGroupId")},
		{"InvalidAttributeValue", "FifoThroughputLimit", set(high, "DeduplicationScope=queue")},
		{"InvalidAttributeName", "one type of server-side encryption", set(q, "KmsMasterKeyId=alias/aws/sqs", "SqsManagedSseEnabled=true")},
		{"InvalidParameterValue", "mandatory attribute: maxReceiveCount", set(q, "RedrivePolicy={}")},
		{"InvalidParameterValue", "from 1 to 1000", set(q, redriveTo("closed", 1001))},
		{"InvalidParameterValue", "does not exist", set(q, redriveTo("absent", 3))},
		{"InvalidParameterValue", "same type", set(q, redriveTo("q.fifo", 3))},
		{"InvalidParameterValue", "admit", set(q, redriveTo("closed", 3))},
		{"InvalidParameterValue", "Invalid value for deadLetterTargetArn", set(q, `RedrivePolicy={"deadLetterTargetArn":"dummy","maxReceiveCount":42}`)},
		{"InvalidAttributeValue", "RedriveAllowPolicy", set(q, `RedriveAllowPolicy={"redrivePermission":"byQueue"}`)},
		{"QueueAlreadyExists", "different value for attribute DelaySeconds", make("q", "DelaySeconds=2")},
		{"NonExistentQueue", "does not exist", set(aws.String(strings.Replace(*q, "/q", "/absent", 1)), "DelaySeconds=1")},
		{"InvalidAddress", "not valid for this endpoint", set(aws.String("q"), "DelaySeconds=1")},
		{"MissingParameter", "MessageGroupId", send(sqs.SendMessageInput{QueueUrl: fifo, MessageBody: aws.String("m"), MessageDeduplicationId: aws.String("d")})},
		{"InvalidParameterValue", "ContentBasedDeduplication enabled", send(sqs.SendMessageInput{QueueUrl: fifo, MessageBody: aws.String("m"), MessageGroupId: aws.String("g")})},
		{"InvalidParameterValue", "not valid for this queue type", send(sqs.SendMessageInput{QueueUrl: fifo, MessageBody: aws.String("m"), MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String("d"), DelaySeconds: 2})},
		{"InvalidParameterValue", "not valid for this queue type", send(sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("m"), MessageDeduplicationId: aws.String("d")})},
		{"InvalidMessageContents", "", send(sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("\x00")})},
		{"InvalidParameterValue", "shorter than 1048576", send(sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String(strings.Repeat("x", 1<<20+1))})},
		{"InvalidParameterValue", "non-empty value of type 'String'", send(sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("m"),
			MessageAttributes: map[string]types.MessageAttributeValue{"a": {DataType: aws.String("String"), StringValue: aws.String("")}}})},
		{"EmptyBatchRequest", "SendMessageBatchRequestEntry", sendBatch(q)},
		{"TooManyEntriesInBatchRequest", "You have sent 11.", sendBatch(q, strings.Split("a b c d e f g h i j k", " ")...)},
		{"BatchEntryIdsNotDistinct", "", sendBatch(q, "a", "a")},
		{"InvalidBatchEntryId", "alphanumeric", sendBatch(q, "a:b")},
		{"InvalidParameterValue", "Must be between 1 and 10", func(ctx context.Context) error {
			_, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: q, MaxNumberOfMessages: 11})
			return err
		}},
		{"ReceiptHandleIsInvalid", "", func(ctx context.Context) error {
			_, err := c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: q, ReceiptHandle: aws.String("x")})
			return err
		}},
	} {
		if err := r.call(t.Context()); !apierr.Is(err, r.code) || !strings.Contains(apierr.Message(err), r.text) {
			t.Errorf("got %v, want %s with %q", err, r.code, r.text)
		}
	}
}

// Trap 9, trap 11 and the minute in which a deleted queue comes and goes.
func TestChangesSpreadSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, "aws")
		q := create(t, c, "q")
		visibility := func() (values []string) {
			for range 3 {
				out, err := c.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: q, AttributeNames: []types.QueueAttributeName{"VisibilityTimeout"}})
				if apierr.NotFound(err) {
					values = append(values, "gone")
					continue
				}
				must(t, err)
				values = append(values, out.Attributes["VisibilityTimeout"])
			}
			slices.Sort(values)
			return slices.Compact(values)
		}
		expect := func(when string, want ...string) {
			t.Helper()
			if got := visibility(); !slices.Equal(got, want) {
				t.Errorf("%s: reads give %v, want %v", when, got, want)
			}
		}
		expect("just made", "30", "gone")
		time.Sleep(time.Second)
		expect("settled", "30")
		_, err := c.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: q, Attributes: map[string]string{"VisibilityTimeout": "31"}})
		must(t, err)
		expect("just changed", "30", "31")
		time.Sleep(time.Second)
		expect("changed", "31")
		_, err = c.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: q})
		must(t, err)
		expect("just deleted", "31", "gone")
		time.Sleep(30 * time.Second)
		expect("deleted", "gone")
		name := aws.String("q")
		if _, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: name}); !apierr.Is(err, "QueueDeletedRecently") {
			t.Errorf("making it again at once: %v", err)
		}
		time.Sleep(30 * time.Second)
		create(t, c, "q")
	})
}

func TestOnePurgeAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, "instant")
		q := create(t, c, "q")
		send(t, c, q, "", "m")
		purge := func() error {
			_, err := c.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: q})
			return err
		}
		must(t, purge())
		if got := depth(t, c, q); got != "0 0 0" {
			t.Errorf("purged, and there are %s", got)
		}
		if err := purge(); !apierr.Is(err, "PurgeQueueInProgress") {
			t.Errorf("purging twice: %v", err)
		}
		time.Sleep(time.Minute)
		must(t, purge())
	})
}

func TestListing(t *testing.T) {
	c := client(t, "instant")
	create(t, c, "dlq")
	var want []string
	for i := range 7 {
		want = append(want, *create(t, c, "q-"+strconv.Itoa(i), redriveTo("dlq", 3)))
	}
	dlq := create(t, c, "dlq")
	var got, sources []string
	for pages := sqs.NewListQueuesPaginator(c, &sqs.ListQueuesInput{QueueNamePrefix: aws.String("q-"), MaxResults: aws.Int32(3)}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		got = append(got, page.QueueUrls...)
	}
	for pages := sqs.NewListDeadLetterSourceQueuesPaginator(c, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: dlq, MaxResults: aws.Int32(7)}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		sources = append(sources, page.QueueUrls...)
	}
	if !slices.Equal(got, want) || !slices.Equal(sources, want) {
		t.Errorf("listed %v and as sources %v, want %v", got, sources, want)
	}
}

// Some SDKs send requests to the queue's URL, so it must lead to the sandbox.
func TestQueueURLs(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{Endpoint: "http://127.0.0.1:4599/"})
	got := create(t, sqs.NewFromConfig(cfg), "q")
	if want := "http://127.0.0.1:4599/" + sandbox.Account + "/q"; *got != want {
		t.Errorf("got %s, want %s", *got, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
