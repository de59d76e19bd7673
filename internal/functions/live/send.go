package live

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/functions"
)

type queue struct {
	client *sqs.Client
	url    string
}

// Send sends batches one after the other and stops at the first that is not
// whole, so that later messages of a group don't overtake earlier ones.
func (q queue) Send(ctx context.Context, messages []functions.Message) (int, error) {
	const most = 10 // entries in a SendMessageBatch; an event is far below its 1 MiB
	for sent := 0; sent < len(messages); {
		batch := messages[sent:min(sent+most, len(messages))]
		n, err := q.sendBatch(ctx, batch)
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return len(messages), nil
}

func (q queue) sendBatch(ctx context.Context, batch []functions.Message) (int, error) {
	entries := make([]sqstypes.SendMessageBatchRequestEntry, len(batch))
	for i, m := range batch {
		entries[i] = sqstypes.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &m.Body}
		if m.Group != "" {
			entries[i].MessageGroupId = &m.Group
		}
		if m.Dedup != "" {
			entries[i].MessageDeduplicationId = &m.Dedup
		}
	}
	out, err := q.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
	if err != nil {
		return 0, err
	}
	// Success of the call is not success of its entries (trap 37).
	accepted := make([]bool, len(batch))
	for _, s := range out.Successful {
		if i, err := strconv.Atoi(aws.ToString(s.Id)); err == nil && i >= 0 && i < len(batch) {
			accepted[i] = true
		}
	}
	for i, ok := range accepted {
		if !ok {
			return i, refusal(out.Failed, strconv.Itoa(i))
		}
	}
	return len(batch), nil
}

func refusal(failed []sqstypes.BatchResultErrorEntry, id string) error {
	for _, f := range failed {
		if aws.ToString(f.Id) == id {
			return fmt.Errorf("message refused: %s: %s", aws.ToString(f.Code), aws.ToString(f.Message))
		}
	}
	return errors.New("message neither accepted nor refused")
}

type topic struct {
	client *sns.Client
	arn    string
}

func (t topic) Publish(ctx context.Context, a functions.Alert) error {
	attributes := make(map[string]snstypes.MessageAttributeValue, len(a.Attributes))
	for name, value := range a.Attributes {
		attributes[name] = snstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	_, err := t.client.Publish(ctx, &sns.PublishInput{
		TopicArn: &t.arn, Subject: &a.Subject, Message: &a.Text, MessageAttributes: attributes,
	})
	return err
}

type workflow struct {
	client *sfn.Client
	arn    string
}

func (w workflow) Start(ctx context.Context, name, input string) error {
	_, err := w.client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &w.arn, Name: &name, Input: &input})
	if _, ok := errors.AsType[*sfntypes.ExecutionAlreadyExists](err); ok {
		return nil // this event has had its alert (trap 26)
	}
	return err
}
