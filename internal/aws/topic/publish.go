package topic

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// Publish sends a message to all who hear the topic, and returns its id. That
// SNS has taken it says nothing of who gets it. The subject is ASCII of at most
// 100 characters. A call whose answer is lost is made again, so that a message
// may go out twice.
func (a *Audience) Publish(ctx context.Context, subject, text string, attributes map[string]string) (id string, err error) {
	in := &sns.PublishInput{TopicArn: &a.topic.spec.ARN, Subject: &subject, Message: &text, MessageAttributes: map[string]types.MessageAttributeValue{}}
	for name, value := range attributes {
		in.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	out, err := a.topic.sns.Publish(ctx, in)
	if err != nil {
		return "", fmt.Errorf("publish to %s: %w", a.topic.topicName(), err)
	}
	return aws.ToString(out.MessageId), nil
}
