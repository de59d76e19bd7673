package sqs_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
)

// The SDK checks bodies' checksums only. Those of attributes were recorded from
// AWS.
func TestAttributes(t *testing.T) {
	c := client(t, "instant")
	q := create(t, c, "q")
	text := func(s string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(s)}
	}
	out, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("msg"), MessageAttributes: map[string]types.MessageAttributeValue{
		"Hello": text("There"), "General": text("Kenobi"), "Help.Me": text("Me"),
	}})
	must(t, err)
	expect(t, "of all", *out.MD5OfMessageAttributes, "4c360f3fdafd970e05fae2f149d997f5")
	got, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q, MessageAttributeNames: []string{"Hel.*"}})
	must(t, err)
	expect(t, "of those asked for", *got.Messages[0].MD5OfMessageAttributes, "83fee93c1bcd8b9a5a923ffacdc636c7")
}

// The old name of MessageSystemAttributeNames takes the names of attributes of
// queues and of messages, as API ref ReceiveMessage lists them.
func TestOldNameOfSystemAttributes(t *testing.T) {
	c := client(t, "instant")
	q := create(t, c, "q")
	_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("msg")})
	must(t, err)
	got, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q, AttributeNames: []types.QueueAttributeName{"ApproximateReceiveCount", "VisibilityTimeout"}})
	must(t, err)
	expect(t, "attributes", fmt.Sprint(got.Messages[0].Attributes), "map[ApproximateReceiveCount:1]")
	_, err = c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q, AttributeNames: []types.QueueAttributeName{"Nothing"}})
	if !apierr.Is(err, "InvalidAttributeName") {
		t.Errorf("an unknown name: %v", err)
	}
}
