package sqs_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
)

// send sends bodies, to a message group unless it is "".
func send(t testing.TB, c *sqs.Client, url *string, group string, bodies ...string) {
	t.Helper()
	for _, b := range bodies {
		in := &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String(b)}
		if group != "" {
			in.MessageGroupId = aws.String(group)
		}
		_, err := c.SendMessage(t.Context(), in)
		must(t, err)
	}
}

func receive(t testing.TB, c *sqs.Client, url *string) []types.Message {
	t.Helper()
	out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: url, MaxNumberOfMessages: 10,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}, MessageAttributeNames: []string{"All"},
	})
	must(t, err)
	return out.Messages
}

func bodies(messages []types.Message) string {
	var list []string
	for _, m := range messages {
		list = append(list, *m.Body)
	}
	return strings.Join(list, " ")
}

func drop(t testing.TB, c *sqs.Client, url *string, messages ...types.Message) {
	t.Helper()
	for _, m := range messages {
		_, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle})
		must(t, err)
	}
}

// depth is how many messages are visible, in flight and delayed.
func depth(t testing.TB, c *sqs.Client, url *string) string {
	t.Helper()
	out, err := c.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{"All"}})
	must(t, err)
	a := out.Attributes
	return a["ApproximateNumberOfMessages"] + " " + a["ApproximateNumberOfMessagesNotVisible"] + " " + a["ApproximateNumberOfMessagesDelayed"]
}

func expect(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestVisibility(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, "instant")
		q := create(t, c, "q")
		send(t, c, q, "", "a", "b")
		_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("late"), DelaySeconds: 10})
		must(t, err)
		expect(t, "sent", depth(t, c, q), "2 0 1")
		first := receive(t, c, q)
		expect(t, "first", bodies(first), "a b")
		expect(t, "nothing left", bodies(receive(t, c, q)), "")
		expect(t, "in flight", depth(t, c, q), "0 2 1")
		drop(t, c, q, first[0])
		time.Sleep(10 * time.Second)
		late := receive(t, c, q)
		expect(t, "after the delay", bodies(late), "late")
		_, err = c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: q, ReceiptHandle: late[0].ReceiptHandle, VisibilityTimeout: 0})
		must(t, err)
		expect(t, "let go", bodies(receive(t, c, q)), "late")
		time.Sleep(20 * time.Second)
		second := receive(t, c, q)
		expect(t, "30 s after the first", bodies(second), "b")
		expect(t, "times received", second[0].Attributes["ApproximateReceiveCount"], "2")

		drop(t, c, q, first[1]) // superseded: accepted, and the message stays
		expect(t, "an old receipt", depth(t, c, q), "0 2 0")
		drop(t, c, q, second[0])
		drop(t, c, q, second[0]) // twice is no mistake
		time.Sleep(4 * 24 * time.Hour)
		expect(t, "after the retention", depth(t, c, q), "0 0 0")
	})
}

func TestLongPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, "instant")
		q := create(t, c, "q", "ReceiveMessageWaitTimeSeconds=20", "VisibilityTimeout=5")
		poll := func(what, want string, after time.Duration) {
			t.Helper()
			start := time.Now()
			expect(t, what, bodies(receive(t, c, q)), want)
			if took := time.Since(start); took != after {
				t.Errorf("%s: came after %v, want %v", what, took, after)
			}
		}
		poll("nothing comes", "", 20*time.Second)
		go func() {
			time.Sleep(3 * time.Second)
			send(t, c, q, "", "a")
		}()
		poll("one comes", "a", 3*time.Second)
		poll("it comes back", "a", 5*time.Second)
		synctest.Wait()
	})
}

// In a FIFO queue a group gives nothing while one of its messages is in flight,
// and the other groups go on.
func TestGroupsKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, "instant")
		q := create(t, c, "q.fifo", "FifoQueue=true", "ContentBasedDeduplication=true")
		send(t, c, q, "x", "x1")
		first := receive(t, c, q)
		send(t, c, q, "x", "x2", "x3")
		send(t, c, q, "y", "y1")
		y := receive(t, c, q)
		expect(t, "only the other group", bodies(y), "y1")
		time.Sleep(30 * time.Second)
		all := receive(t, c, q)
		expect(t, "given back, in order", bodies(all), "x1 x2 x3 y1")
		if _, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: q, ReceiptHandle: first[0].ReceiptHandle}); !apierr.Is(err, "InvalidParameterValue") {
			t.Errorf("deleting by an expired receipt: %v", err)
		}
		drop(t, c, q, all[0], all[2])
		expect(t, "one is still in flight", bodies(receive(t, c, q)), "")
		drop(t, c, q, all[1])
		send(t, c, q, "x", "x4")
		expect(t, "the group goes on", bodies(receive(t, c, q)), "x4")
	})
}

// Trap 12: a message sent again within five minutes is swallowed with a success,
// even when the first one is long gone.
func TestDeduplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, "instant")
		q := create(t, c, "q.fifo", "FifoQueue=true", "ContentBasedDeduplication=true")
		high := create(t, c, "high.fifo", "FifoQueue=true", "ContentBasedDeduplication=true", "DeduplicationScope=messageGroup", "FifoThroughputLimit=perMessageGroupId")
		in := &sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("m"), MessageGroupId: aws.String("g")}
		one, err := c.SendMessage(t.Context(), in)
		must(t, err)
		drop(t, c, q, receive(t, c, q)...)
		two, err := c.SendMessage(t.Context(), in)
		must(t, err)
		if *two.MessageId != *one.MessageId || *two.SequenceNumber != *one.SequenceNumber {
			t.Errorf("the swallowed one answers %v, the first %v", *two.MessageId, *one.MessageId)
		}
		send(t, c, q, "other", "m")
		expect(t, "swallowed", depth(t, c, q), "0 0 0")
		send(t, c, high, "g", "m")
		send(t, c, high, "other", "m")
		expect(t, "each group for itself", depth(t, c, high), "2 0 0")
		time.Sleep(5 * time.Minute)
		send(t, c, q, "g", "m")
		expect(t, "after five minutes", depth(t, c, q), "1 0 0")
	})
}

// A poisoned message is received three times and then lies in the dead-letter
// queue, with its message id in place of its deduplication id. Other groups are
// not held up.
func TestDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, "instant")
		dlq := create(t, c, "dlq.fifo", "FifoQueue=true")
		q := create(t, c, "q.fifo", "FifoQueue=true", "ContentBasedDeduplication=true", redriveTo("dlq.fifo", 3))
		send(t, c, q, "bad", "poison", "behind")
		send(t, c, q, "good", "fine")
		for try := range 3 {
			got := receive(t, c, q)
			for _, m := range got {
				if *m.Body != "poison" {
					drop(t, c, q, m)
				}
			}
			if !slices.ContainsFunc(got, func(m types.Message) bool { return *m.Body == "poison" }) {
				t.Fatalf("try %d gives %s", try+1, bodies(got))
			}
			time.Sleep(30 * time.Second)
		}
		expect(t, "the fourth time", bodies(receive(t, c, q)), "")
		expect(t, "the queue", depth(t, c, q), "0 0 0")
		dead := receive(t, c, dlq)
		expect(t, "the dead letter", bodies(dead), "poison")
		a := dead[0].Attributes
		expect(t, "where it came from", a["DeadLetterQueueSourceArn"], arn("q.fifo"))
		expect(t, "its group", a["MessageGroupId"], "bad")
		expect(t, "its deduplication id", a["MessageDeduplicationId"], *dead[0].MessageId)
		expect(t, "times received", a["ApproximateReceiveCount"], "4")
	})
}
