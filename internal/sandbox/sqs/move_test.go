package sqs_test

import (
	"context"
	"fmt"
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

// inBubble runs a test against an account that lives for as long.
func inBubble(t *testing.T, test func(t *testing.T, c *sqs.Client)) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := sandboxtest.New(t, sandbox.Options{})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		defer func() { stop(); <-done }()
		test(t, sqs.NewFromConfig(cfg))
	})
}

// die sends n messages to a queue and leaves them in its dead-letter queue.
func die(t *testing.T, c *sqs.Client, q *string, group string, n int) {
	t.Helper()
	for i := range n {
		send(t, c, q, group, fmt.Sprintf("%04d", i))
	}
	for {
		out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q, MaxNumberOfMessages: 10, VisibilityTimeout: 0})
		must(t, err)
		if len(out.Messages) == 0 {
			if depth(t, c, q) == "0 0 0" {
				return
			}
			time.Sleep(30 * time.Second) // the default visibility: the SDK can't say zero
		}
	}
}

func move(t *testing.T, c *sqs.Client, dlq, destination string, rate int32) (handle *string) {
	t.Helper()
	in := &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn(dlq))}
	if destination != "" {
		in.DestinationArn = aws.String(arn(destination))
	}
	if rate > 0 {
		in.MaxNumberOfMessagesPerSecond = &rate
	}
	out, err := c.StartMessageMoveTask(t.Context(), in)
	must(t, err)
	return out.TaskHandle
}

func tasks(t *testing.T, c *sqs.Client, dlq string, most int32) []types.ListMessageMoveTasksResultEntry {
	t.Helper()
	synctest.Wait()
	in := &sqs.ListMessageMoveTasksInput{SourceArn: aws.String(arn(dlq))}
	if most > 0 {
		in.MaxResults = &most
	}
	out, err := c.ListMessageMoveTasks(t.Context(), in)
	must(t, err)
	return out.Results
}

// A task keeps to its rate, within a twentieth of it, and is known by its handle
// only while it runs (trap 14).
func TestMoveTaskKeepsItsRate(t *testing.T) {
	for _, rate := range []int32{3, 50, 500} {
		inBubble(t, func(t *testing.T, c *sqs.Client) {
			create(t, c, "dlq")
			q := create(t, c, "q", redriveTo("dlq", 1))
			n := int(rate) * 4
			die(t, c, q, "", n)
			handle := move(t, c, "dlq", "", rate)
			for second := range 3 {
				time.Sleep(time.Second)
				got := tasks(t, c, "dlq", 0)[0]
				want := float64(second+1) * float64(rate)
				if moved := float64(got.ApproximateNumberOfMessagesMoved); moved < want*0.95 || moved > want*1.05+1 {
					t.Errorf("%d a second: %v moved after %d s", rate, moved, second+1)
				}
				if *got.Status != "RUNNING" || aws.ToString(got.TaskHandle) != *handle || *got.ApproximateNumberOfMessagesToMove != int64(n) {
					t.Errorf("while it runs: %s, %v of %d", *got.Status, got.TaskHandle, *got.ApproximateNumberOfMessagesToMove)
				}
			}
			time.Sleep(2 * time.Second)
			if got := tasks(t, c, "dlq", 0)[0]; *got.Status != "COMPLETED" || got.TaskHandle != nil || got.ApproximateNumberOfMessagesMoved != int64(n) {
				t.Errorf("after it: %s, %v, %d moved", *got.Status, got.TaskHandle, got.ApproximateNumberOfMessagesMoved)
			}
			expect(t, "the queue", depth(t, c, q), fmt.Sprint(n, " 0 0"))
		})
	}
}

// What moves is new: its id, its age and its count. A group keeps its order.
func TestMovedMessagesAreNewAndInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, c *sqs.Client) {
		dlq := create(t, c, "dlq.fifo", "FifoQueue=true")
		q := create(t, c, "q.fifo", "FifoQueue=true", "ContentBasedDeduplication=true", redriveTo("dlq.fifo", 1))
		die(t, c, q, "g", 5)
		look, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: dlq, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
		must(t, err)
		dead := look.Messages[0]
		time.Sleep(30 * time.Second)
		start := time.Now()
		move(t, c, "dlq.fifo", "", 0)
		synctest.Wait()
		got := receive(t, c, q)
		expect(t, "in order, within the deduplication window", bodies(got), "0000 0001 0002 0003 0004")
		a := got[0].Attributes
		if *got[0].MessageId == *dead.MessageId || a["ApproximateReceiveCount"] != "1" || a["SentTimestamp"] != fmt.Sprint(start.UnixMilli()) || a["MessageGroupId"] != "g" {
			t.Errorf("moved as %s with %v", *got[0].MessageId, a)
		}
	})
}

// Trap 13, and how tasks end before their time.
func TestMoveTaskRefusalsAndFailures(t *testing.T) {
	inBubble(t, func(t *testing.T, c *sqs.Client) {
		dlq := create(t, c, "dlq")
		create(t, c, "other.fifo", "FifoQueue=true")
		q := create(t, c, "q", redriveTo("dlq", 1))
		start := func(source, destination string, rate int32) error {
			in := &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn(source))}
			if destination != "" {
				in.DestinationArn = aws.String(arn(destination))
			}
			if rate != 0 {
				in.MaxNumberOfMessagesPerSecond = &rate
			}
			_, err := c.StartMessageMoveTask(t.Context(), in)
			return err
		}
		refused := func(what string, err error, code, text string) {
			t.Helper()
			if !apierr.Is(err, code) || apierr.Message(err) != text {
				t.Errorf("%s: got %v, want %s %q", what, err, code, text)
			}
		}
		refused("no dead-letter queue", start("q", "", 0), "InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
		refused("no source", start("x", "", 0), "ResourceNotFoundException", "The resource that you specified for the SourceArn parameter doesn't exist.")
		refused("no destination", start("dlq", "x", 0), "ResourceNotFoundException", "The resource that you specified for the DestinationArn parameter doesn't exist.")
		if err := start("dlq", "other.fifo", 0); !apierr.Is(err, "InvalidParameterValue") {
			t.Errorf("another type: %v", err)
		}
		if err := start("dlq", "", 501); !apierr.Is(err, "InvalidParameterValue") {
			t.Errorf("too fast: %v", err)
		}
		die(t, c, q, "", 10)
		handle := move(t, c, "dlq", "q", 1)
		refused("a second", start("dlq", "", 0), "InvalidParameterValue", "There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
		cancel := func(handle string) error {
			_, err := c.CancelMessageMoveTask(t.Context(), &sqs.CancelMessageMoveTaskInput{TaskHandle: &handle})
			return err
		}
		time.Sleep(2500 * time.Millisecond)
		must(t, cancel(*handle))
		expect(t, "cancelled at once", *tasks(t, c, "dlq", 0)[0].Status, "CANCELLING")
		time.Sleep(time.Second)
		got := tasks(t, c, "dlq", 0)[0]
		expect(t, "and soon", *got.Status, "CANCELLED")
		expect(t, "what moved stays moved", depth(t, c, q), fmt.Sprint(got.ApproximateNumberOfMessagesMoved, " 0 0"))
		if err := cancel(*handle); !apierr.Is(err, "InvalidParameterValue") {
			t.Errorf("cancelling twice: %v", err)
		}
		if err := cancel("x"); !apierr.Is(err, "InvalidParameterValue") {
			t.Errorf("no handle: %v", err)
		}
		_, err := c.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: dlq})
		must(t, err)
		send(t, c, dlq, "", "by hand")
		move(t, c, "dlq", "", 0)
		failed := tasks(t, c, "dlq", 10)
		expect(t, "sent by hand", *failed[0].Status+" "+aws.ToString(failed[0].FailureReason), "FAILED CouldNotDetermineMessageSource")
		expect(t, "and not lost", depth(t, c, dlq), "1 0 0")
		if len(failed) != 2 || len(tasks(t, c, "dlq", 0)) != 1 {
			t.Errorf("listed %d, and %d when not asked for more", len(failed), len(tasks(t, c, "dlq", 0)))
		}
	})
}
