package stepfunctions

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// task does what a task state does, once. Publishing is all that the checker
// lets through, and it is done at once: there is nothing to time out.
func (t *thread) task(st *state, in any) (any, error) {
	kind, resource := aws.String("sns"), aws.String("publish")
	t.event(types.HistoryEventTypeTaskScheduled, func(e *types.HistoryEvent) {
		e.TaskScheduledEventDetails = &types.TaskScheduledEventDetails{ResourceType: kind, Resource: resource, Region: aws.String(t.service.bus.Region), Parameters: aws.String(encode(in))}
		if st.TimeoutSeconds > 0 {
			e.TaskScheduledEventDetails.TimeoutInSeconds = aws.Int64(int64(st.TimeoutSeconds))
		}
	})
	t.event(types.HistoryEventTypeTaskStarted, func(e *types.HistoryEvent) {
		e.TaskStartedEventDetails = &types.TaskStartedEventDetails{ResourceType: kind, Resource: resource}
	})
	out, f := t.publish(in)
	if f != nil {
		t.event(types.HistoryEventTypeTaskFailed, func(e *types.HistoryEvent) {
			e.TaskFailedEventDetails = &types.TaskFailedEventDetails{ResourceType: kind, Resource: resource, Error: &f.name, Cause: &f.cause}
		})
		return nil, f
	}
	t.event(types.HistoryEventTypeTaskSucceeded, func(e *types.HistoryEvent) {
		e.TaskSucceededEventDetails = &types.TaskSucceededEventDetails{ResourceType: kind, Resource: resource, Output: aws.String(encode(out))}
	})
	return out, nil
}

// publish publishes to a topic as the machine's role.
func (t *thread) publish(in any) (any, *failure) {
	topic, n, err := notification(in)
	if err != nil {
		return nil, &failure{"SNS.InvalidParameterException", err.Error()}
	}
	id, err := t.service.bus.Publisher.Publish(t.execution.role, topic, n)
	if err != nil {
		f := &failure{"SNS.AmazonSNSException", err.Error()}
		if refused, ok := errors.AsType[*wire.Error](err); ok {
			f = &failure{"SNS." + refused.Code, fmt.Sprintf("%s (Service: AmazonSNS; Error Code: %s)", refused.Message, strings.TrimSuffix(refused.Code, "Exception"))}
		}
		return nil, f
	}
	request := bus.NewUUID()
	return object{"MessageId": id, "SdkResponseMetadata": object{"RequestId": request}, "SdkHttpMetadata": object{"HttpStatusCode": 200.0, "HttpHeaders": object{"x-amzn-RequestId": request}}}, nil
}

// notification reads the parameters of a publication. A message that is no text
// is sent as JSON.
func notification(in any) (topic string, n bus.Notification, err error) {
	parameters, _ := in.(object)
	text := func(name string) string {
		s, ok := parameters[name].(string)
		if !ok && parameters[name] != nil && err == nil {
			err = fmt.Errorf("Invalid parameter: %s is no text", name)
		}
		return s
	}
	topic = text("TopicArn")
	if topic == "" {
		topic = text("TargetArn")
	}
	n.Subject, n.Group, n.Dedup, n.Structure = text("Subject"), text("MessageGroupId"), text("MessageDeduplicationId"), text("MessageStructure")
	if s, ok := parameters["Message"].(string); ok {
		n.Message = s
	} else {
		n.Message = encode(parameters["Message"])
	}
	attributes, _ := parameters["MessageAttributes"].(object)
	for name, v := range attributes {
		o, _ := v.(object)
		a := bus.MessageAttribute{}
		a.DataType, _ = o["DataType"].(string)
		switch s := o["StringValue"].(type) {
		case string:
			a.String = s
		case nil:
			encoded, _ := o["BinaryValue"].(string)
			a.Binary, _ = base64.StdEncoding.DecodeString(encoded) // empty is refused by SNS
		default:
			a.String = encode(s)
		}
		if n.Attributes == nil {
			n.Attributes = map[string]bus.MessageAttribute{}
		}
		n.Attributes[name] = a
	}
	return topic, n, err
}
