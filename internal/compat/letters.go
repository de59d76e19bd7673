package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// The dead letters of each queue: one receive can bring them all, since of a
// group in flight a FIFO queue shows no more. The purge rids it of every fifth.
const (
	letters   = 10
	garbage   = letters / 5
	good      = letters - garbage
	firstMove = 4 // of the good ones, by our own engine
)

// lettersQueue is a queue with dead letters, under the name that they have.
type lettersQueue struct {
	*programRun
	sqs        *sqs.Client
	name       string
	work, dead string // URLs
	fifo       bool
}

// fill makes the queue, its dead letters' queue and messages in that: those of
// the standard queue die the way they do, received once too often, since SQS's
// own task knows where they go by that only.
func (q *lettersQueue) fill(ctx context.Context) error {
	suffix, attributes := "", map[string]string{}
	if q.fifo {
		suffix, attributes["FifoQueue"] = ".fifo", "true"
	}
	dead := base + "-" + q.name + "-dlq" + suffix
	out, err := q.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &dead, Attributes: attributes})
	if err != nil {
		return err
	}
	q.dead = *out.QueueUrl
	const receives = 2
	attributes["VisibilityTimeout"] = "0" // what is received can be received again at once
	attributes["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, arn("sqs", dead), receives)
	out, err = q.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(base + "-" + q.name + suffix), Attributes: attributes})
	if err != nil {
		return err
	}
	q.work = *out.QueueUrl
	for i := range letters {
		in := &sqs.SendMessageInput{QueueUrl: &q.work, MessageBody: aws.String(letter(i)), MessageAttributes: map[string]types.MessageAttributeValue{
			"number": {DataType: aws.String("Number"), StringValue: aws.String(fmt.Sprint(i))}}}
		if q.fifo {
			in.QueueUrl, in.MessageGroupId, in.MessageDeduplicationId = &q.dead, aws.String(vehicle(i)), aws.String(fmt.Sprint("letter-", i))
		}
		if _, err := q.sqs.SendMessage(ctx, in); err != nil {
			return err
		}
	}
	for n := 0; !q.fifo && n < letters*(receives+1); n++ {
		if _, err := q.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.work, MaxNumberOfMessages: 10}); err != nil {
			return err
		}
		if q.waiting(ctx, q.dead, letters) == nil {
			break
		}
	}
	return q.waiting(ctx, q.dead, letters)
}

// letter is one body: every fifth is cut off, and nobody can read it.
func letter(i int) string {
	body := fmt.Sprintf(`{"event_id":"e%d","vehicle_id":%q,"type":"geofence","severity":"warning","occurred_at":"2026-11-23T03:00:00Z"}`, i, vehicle(i))
	if cutOff(i) {
		return body[:len(body)-8]
	}
	return body
}

func cutOff(i int) bool { return i%5 == 4 }

// vehicle is whom a letter is of: one has all but one, whose order is to be kept.
func vehicle(i int) string {
	if i == 3 {
		return "veh-2"
	}
	return "veh-1"
}

// waiting fails unless that many messages can be received, and none is hidden.
func (q *lettersQueue) waiting(ctx context.Context, url string, want int) error {
	out, err := q.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		return err
	}
	visible, hidden := out.Attributes["ApproximateNumberOfMessages"], out.Attributes["ApproximateNumberOfMessagesNotVisible"]
	if visible != fmt.Sprint(want) || hidden != "0" {
		return fmt.Errorf("%s has %s visible messages and %s in flight, want %d and 0", filepath.Base(url), visible, hidden, want)
	}
	return nil
}
