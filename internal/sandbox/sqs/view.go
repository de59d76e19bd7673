package sqs

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// view makes what a receive shows of a message: the attributes asked for.
func view(in *receiveInput) func(*queue, *message) types.Message {
	system := slices.Clone(in.MessageSystemAttributeNames)
	for _, name := range in.AttributeNames { // the parameter's old name
		system = append(system, types.MessageSystemAttributeName(name))
	}
	all := slices.Contains(system, types.MessageSystemAttributeNameAll)
	return func(q *queue, m *message) types.Message {
		out := types.Message{MessageId: aws.String(m.id), Body: aws.String(m.body), MD5OfBody: aws.String(m.md5), ReceiptHandle: aws.String(handle(q, m))}
		for name, v := range m.attributes {
			if slices.ContainsFunc(in.MessageAttributeNames, func(wanted string) bool { return matches(wanted, name) }) {
				if out.MessageAttributes == nil {
					out.MessageAttributes = map[string]types.MessageAttributeValue{}
				}
				out.MessageAttributes[name] = v
			}
		}
		out.MD5OfMessageAttributes = attributesMD5(out.MessageAttributes)
		if len(system) == 0 {
			return out
		}
		out.Attributes = map[string]string{}
		m.system(func(name types.MessageSystemAttributeName, v string) {
			if v != "" && (all || slices.Contains(system, name)) {
				out.Attributes[string(name)] = v
			}
		})
		return out
	}
}

// matches says whether a message attribute is one of those asked for.
func matches(wanted, name string) bool {
	if prefix, ok := strings.CutSuffix(wanted, ".*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return wanted == "All" || wanted == name
}

// system gives what SQS itself knows of a message, "" for what it does not.
func (m *message) system(give func(types.MessageSystemAttributeName, string)) {
	millis := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	give("SenderId", "AIDASANDBOX0000000000")
	give("SentTimestamp", millis(m.sent))
	give("ApproximateReceiveCount", strconv.Itoa(m.received))
	give("ApproximateFirstReceiveTimestamp", millis(m.first))
	give("SequenceNumber", m.sequence)
	give("MessageDeduplicationId", m.dedup)
	give("MessageGroupId", m.group)
	give("AWSTraceHeader", m.trace)
	give("DeadLetterQueueSourceArn", m.source)
}
