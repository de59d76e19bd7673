package sqs_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

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

// What busy producers and consumers reach in batches of ten: sent, received and
// deleted messages a second, the client's work included. The bars are 10,000
// over loopback and 20,000 in process, on two cores.
func BenchmarkBatches(b *testing.B) {
	b.Run("in process", func(b *testing.B) {
		batches(b, client(b, "instant"))
	})
	b.Run("loopback", func(b *testing.B) {
		s, cfg := sandboxtest.New(b, sandbox.Options{})
		server := httptest.NewServer(s)
		defer server.Close()
		cfg.BaseEndpoint, cfg.HTTPClient = &server.URL, nil
		batches(b, sqs.NewFromConfig(cfg))
	})
}

func batches(b *testing.B, c *sqs.Client) {
	var entries []types.SendMessageBatchRequestEntry
	for i := range 10 {
		entries = append(entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String(`{"vehicle_id":"v1","type":"crash"}`)})
	}
	q := create(b, c, "q")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := c.SendMessageBatch(b.Context(), &sqs.SendMessageBatchInput{QueueUrl: q, Entries: entries})
			must(b, err)
			var gone []types.DeleteMessageBatchRequestEntry
			for _, m := range receive(b, c, q) {
				gone = append(gone, types.DeleteMessageBatchRequestEntry{Id: m.MessageId, ReceiptHandle: m.ReceiptHandle})
			}
			_, err = c.DeleteMessageBatch(b.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: q, Entries: gone})
			must(b, err)
		}
	})
	b.ReportMetric(float64(10*b.N)/b.Elapsed().Seconds(), "msg/s")
}
