package cmd_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// letters sends messages to a queue of the script's sandbox, a line of JSON
// each: {"body": "…", "group": "…", "attributes": {"name": "value"}}. An
// attribute whose name begins with # is a number, with * bytes in base64.
//
//	letters ccs-prod-telemetry-dlq letters.ndjson
func letters(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: letters QUEUE FILE")
	}
	c := sqs.NewFromConfig(client(ts))
	url := queueURL(ts, c, args[0])
	n := 0
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		var letter struct {
			Body, Group string
			Attributes  map[string]string
		}
		ts.Check(json.Unmarshal([]byte(line), &letter))
		in := &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &letter.Body, MessageAttributes: map[string]types.MessageAttributeValue{}}
		if letter.Group != "" {
			n++
			in.MessageGroupId, in.MessageDeduplicationId = &letter.Group, aws.String(strconv.Itoa(n))
		}
		for name, value := range letter.Attributes {
			a := types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
			switch name[0] {
			case '#':
				name, a.DataType = name[1:], aws.String("Number")
			case '*':
				raw, err := base64.StdEncoding.DecodeString(value)
				ts.Check(err)
				name, a = name[1:], types.MessageAttributeValue{DataType: aws.String("Binary"), BinaryValue: raw}
			}
			in.MessageAttributes[name] = a
		}
		_, err := c.SendMessage(context.Background(), in)
		ts.Check(err)
	}
}

func queueURL(ts *testscript.TestScript, c *sqs.Client, name string) string {
	out, err := c.GetQueueUrl(context.Background(), &sqs.GetQueueUrlInput{QueueName: &name})
	ts.Check(err)
	return *out.QueueUrl
}

// queued checks how many messages everybody can receive from a queue, and that
// nothing is in flight there.
//
//	queued ccs-prod-telemetry-dlq 3
func queued(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: queued QUEUE COUNT")
	}
	c := sqs.NewFromConfig(client(ts))
	out, err := c.GetQueueAttributes(context.Background(), &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(queueURL(ts, c, args[0])), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	ts.Check(err)
	a := out.Attributes
	if a["ApproximateNumberOfMessages"] != args[1] || a["ApproximateNumberOfMessagesNotVisible"] != "0" {
		ts.Fatalf("%s has %s visible messages and %s in flight, want %s and 0", args[0], a["ApproximateNumberOfMessages"], a["ApproximateNumberOfMessagesNotVisible"], args[1])
	}
}
