package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// A message that poisons its batch is received three times and is then in the
// dead-letter queue; the other vehicles' messages are not held up by it.
func TestPoisonInAQueue(t *testing.T) {
	var mu sync.Mutex
	done, tries := map[string]time.Time{}, 0
	handle := func(_ context.Context, payload []byte) ([]byte, error) {
		var e events.SQSEvent
		if err := json.Unmarshal(payload, &e); err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		out := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
		held := map[string]bool{}
		for _, m := range e.Records {
			group := m.Attributes["MessageGroupId"]
			if m.Body == "poison" {
				tries++
			}
			if m.Body == "poison" || held[group] {
				held[group] = true
				out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
				continue
			}
			if _, twice := done[m.Body]; twice {
				t.Errorf("%s came twice", m.Body)
			}
			done[m.Body] = time.Now()
		}
		return json.Marshal(out)
	}
	live(t, "instant", 1, handle, func(t *testing.T, w *living) {
		_, err := w.lambda.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("f"), EventSourceArn: aws.String(queues + "q.fifo"),
			FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}})
		must(t, err)
		began := time.Now()
		url := w.queueURL(t, "q.fifo")
		send := func(group, body string) {
			_, err := w.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageGroupId: &group, MessageBody: &body})
			must(t, err)
		}
		send("bad", "poison")
		time.Sleep(time.Second) // or it would be received as often, and go with it
		send("bad", "after the poison")
		for i := range 40 {
			send(fmt.Sprint("good-", i%8), fmt.Sprint("good ", i))
		}
		time.Sleep(5 * time.Minute)
		if tries != 3 {
			t.Errorf("the poison was tried %d times, want 3", tries)
		}
		if dead := w.bodies(t, "dead.fifo"); !slices.Equal(dead, []string{"poison"}) {
			t.Errorf("in the dead-letter queue: %v", dead)
		}
		if len(done) != 41 {
			t.Errorf("%d of 41 messages were done", len(done))
		}
		for body, at := range done {
			if late := at.Sub(began); strings.HasPrefix(body, "good") && late > time.Second {
				t.Errorf("%s was held up for %s", body, late)
			}
		}
		out, err := w.sqs.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []sqstypes.QueueAttributeName{"All"}})
		must(t, err)
		if out.Attributes["ApproximateNumberOfMessages"] != "0" || out.Attributes["ApproximateNumberOfMessagesNotVisible"] != "0" {
			t.Errorf("left in the queue: %v", out.Attributes)
		}
	})
}

// A standard queue's batches grow with the window, no more run at once than the
// mapping allows, and none is lost when the function fails for a while.
func TestAStandardQueue(t *testing.T) {
	var mu sync.Mutex
	running, most, largest, calls := 0, 0, 0, 0
	done := map[string]int{}
	handle := func(_ context.Context, payload []byte) ([]byte, error) {
		var e events.SQSEvent
		if err := json.Unmarshal(payload, &e); err != nil {
			return nil, err
		}
		mu.Lock()
		running++
		calls++
		most, largest = max(most, running), max(largest, len(e.Records))
		fails := calls%3 == 0
		mu.Unlock()
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		running--
		if fails {
			return nil, errors.New("now and then")
		}
		for _, m := range e.Records {
			done[m.Body]++
		}
		return nil, nil
	}
	live(t, "instant", 1, handle, func(t *testing.T, w *living) {
		_, err := w.lambda.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("f"), EventSourceArn: aws.String(queues + "q"),
			BatchSize: aws.Int32(25), MaximumBatchingWindowInSeconds: aws.Int32(2), ScalingConfig: &types.ScalingConfig{MaximumConcurrency: aws.Int32(3)}})
		must(t, err)
		url := w.queueURL(t, "q")
		for i := range 500 {
			_, err := w.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String(fmt.Sprint(i))})
			must(t, err)
		}
		time.Sleep(10 * time.Minute)
		if len(done) != 500 || most != 3 || largest != 25 {
			t.Errorf("%d of 500 messages done, at most %d batches at once, the largest of %d", len(done), most, largest)
		}
		for body, n := range done {
			if n != 1 {
				t.Errorf("message %s was done %d times", body, n)
			}
		}
	})
}
