package sqs_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"pgregory.net/rapid"
)

// Whatever is sent, received, deleted, given back and waited for: no message is
// lost or doubled, and no group is out of order.
func TestNothingIsLostOrReordered(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		plan := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 60).Draw(r, "plan")
		fifo := rapid.Bool().Draw(r, "fifo")
		var problems []string
		problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
		synctest.Test(t, func(t *testing.T) {
			c := client(t, "instant")
			q := create(t, c, "q")
			if fifo {
				q = create(t, c, "q.fifo", "FifoQueue=true", "ContentBasedDeduplication=true")
			}
			sent, done := 0, map[string]bool{}
			last := map[string]string{}
			var held []types.Message
			finish := func(m types.Message) {
				drop(t, c, q, m)
				if done[*m.Body] {
					problem("%s came twice after it was deleted", *m.Body)
				}
				done[*m.Body] = true
				if g := m.Attributes["MessageGroupId"]; fifo && *m.Body < last[g] {
					problem("%s of group %s came after %s", *m.Body, g, last[g])
				} else if fifo {
					last[g] = *m.Body
				}
			}
			for i, step := range plan {
				switch {
				case step < 5:
					group := ""
					if fifo {
						group = fmt.Sprint("g", step%3)
					}
					send(t, c, q, group, fmt.Sprintf("%04d", i))
					sent++
				case step < 7:
					held = append(held, receive(t, c, q)...)
				case step == 7:
					for _, m := range held {
						finish(m)
					}
					held = nil
				default:
					held = nil
					time.Sleep(30 * time.Second)
				}
			}
			time.Sleep(30 * time.Second)
			for got := receive(t, c, q); len(got) > 0; got = receive(t, c, q) {
				for _, m := range got {
					finish(m)
				}
			}
			if len(done) != sent {
				problem("%d messages were sent and %d came", sent, len(done))
			}
			if left := depth(t, c, q); left != "0 0 0" {
				problem("%s messages are left", left)
			}
		})
		if len(problems) > 0 {
			r.Fatal(strings.Join(problems, "; "))
		}
	})
}

// One message sent, received and deleted, in process: SDK, protocol and queue.
func BenchmarkMessage(b *testing.B) {
	for _, kind := range []struct{ name, group string }{{"q", ""}, {"q.fifo", "g"}} {
		b.Run(kind.name, func(b *testing.B) {
			c := client(b, "instant")
			attributes := []string{}
			if kind.group != "" {
				attributes = []string{"FifoQueue=true", "ContentBasedDeduplication=true"}
			}
			q := create(b, c, kind.name, attributes...)
			for i := 0; b.Loop(); i++ {
				send(b, c, q, kind.group, fmt.Sprint(i))
				drop(b, c, q, receive(b, c, q)...)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// The same in batches of ten, as a busy producer and consumer do it.
func BenchmarkBatch(b *testing.B) {
	c := client(b, "instant")
	q := create(b, c, "q")
	var entries []types.SendMessageBatchRequestEntry
	for i := range 10 {
		entries = append(entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String("{}")})
	}
	for b.Loop() {
		_, err := c.SendMessageBatch(b.Context(), &sqs.SendMessageBatchInput{QueueUrl: q, Entries: entries})
		must(b, err)
		got := receive(b, c, q)
		var gone []types.DeleteMessageBatchRequestEntry
		for _, m := range got {
			gone = append(gone, types.DeleteMessageBatchRequestEntry{Id: m.MessageId, ReceiptHandle: m.ReceiptHandle})
		}
		_, err = c.DeleteMessageBatch(b.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: q, Entries: gone})
		must(b, err)
	}
	b.ReportMetric(float64(10*b.N)/b.Elapsed().Seconds(), "msg/s")
}
