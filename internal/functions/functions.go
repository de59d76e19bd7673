// Package functions is what the three Lambda functions of the pipeline do with
// telemetry: which events are emergencies, which need a follow-up, who is told,
// and what happens to a record that can't be read or a send that fails. All of
// them may be handed the same event twice.
//
// It knows the payloads of Lambda and nothing of the AWS SDK: queues, topics
// and the workflow are interfaces here, made real by package live.
package functions

import (
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-lambda-go/events"
)

// Message is one item for a queue.
type Message struct {
	Body  string
	Group string // message group of a FIFO queue, "" for a standard one
	Dedup string // deduplication id of a FIFO queue, "" for a standard one
}

// Queue is where ingest leaves its work.
type Queue interface {
	// Send puts messages on the queue in order. It returns how many of the
	// first ones are there for certain, and why not all.
	Send(ctx context.Context, messages []Message) (int, error)
}

// Alert is a text for people.
type Alert struct {
	Subject    string // ASCII, under 100 characters, one line
	Text       string
	Attributes map[string]string // what a subscription can filter on
}

// Topic tells its subscribers.
type Topic interface {
	Publish(ctx context.Context, a Alert) error
}

// Workflow is the emergency workflow.
type Workflow interface {
	// Start begins the execution of that name. When there is or was one it
	// does nothing, successfully.
	Start(ctx context.Context, name, input string) error
}

// atOnce bounds the calls that a handler has in flight.
const atOnce = 16

// each handles the messages of an SQS batch and reports those to be delivered
// again. Message groups go in parallel, because one vehicle must not wait for
// another; within a group a failure holds back what follows, to keep its order.
// A message that can never be read holds back nothing: it fails alone until its
// queue gives up on it.
func each(ctx context.Context, batch events.SQSEvent, handle func(context.Context, events.SQSMessage) error) events.SQSEventResponse {
	groups := make(map[string][]int)
	for i, m := range batch.Records {
		key := "message " + m.MessageId // on a standard queue nothing has an order
		if g := m.Attributes["MessageGroupId"]; g != "" {
			key = "group " + g
		}
		groups[key] = append(groups[key], i)
	}
	failed := make([]bool, len(batch.Records))
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for _, members := range groups {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			held := false
			for _, i := range members {
				if held {
					failed[i] = true
					continue
				}
				err := handle(ctx, batch.Records[i])
				failed[i] = err != nil
				_, never := errors.AsType[*Invalid](err)
				held = err != nil && !never
			}
		})
	}
	wg.Wait()
	// Never null: an empty list says that all went well.
	out := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for i, m := range batch.Records {
		if failed[i] {
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
	}
	return out
}
