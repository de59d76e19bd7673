package queue

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
)

// maxBytes is what a message, and a batch of them, may measure ("Amazon SQS
// message quotas").
const maxBytes = 1 << 20

// Outgoing is one message to send. Of a received Message it takes what belongs
// to the sender: see Again.
type Outgoing struct {
	Body       string
	Attributes map[string]Attribute
	Trace      string
	Group      string // which FIFO queues want; "" for none
	// Dedup is what FIFO queues know a repetition by for five minutes: a second
	// message with it is accepted and dropped (trap 12). Only for FIFO queues.
	Dedup string
}

// Again is m to be sent once more: body, attributes, trace and group, without
// the deduplication id, which would make a FIFO queue drop it.
func (m Message) Again() Outgoing {
	return Outgoing{Body: m.Body, Attributes: m.Attributes, Trace: m.Trace, Group: m.Group}
}

// Size is what counts towards SQS's limits: the body, and the attributes'
// names, types and values.
func (o Outgoing) Size() int {
	n := len(o.Body)
	for name, a := range o.Attributes {
		n += len(name) + len(a.Type) + len(a.String) + len(a.Binary)
	}
	return n
}

// Sent is what became of one message.
type Sent struct {
	// ID is the message's in its new queue, Sequence its place in a FIFO
	// queue. Of a message that was dropped as a repetition they are the first
	// one's.
	ID, Sequence string
	// Err is why there is no confirmation; nil when SQS has the message.
	Err error
	// Unsure is set with an Err after which the message may have been sent all
	// the same: the answer was lost, or the service failed on its way.
	Unsure bool
}

// Send sends messages, in calls of at most MaxBatch messages and 1 MiB, one
// after the other, and says of each what became of it, in their order. A call
// is tried once: whether a second try may repeat a message is for the caller to
// weigh. Within a call SQS may refuse some and take others.
func (c *Client) Send(ctx context.Context, messages []Outgoing) []Sent {
	sent := make([]Sent, 0, len(messages))
	for len(messages) > 0 {
		n := fitting(messages)
		sent = append(sent, c.sendBatch(ctx, messages[:n])...)
		messages = messages[n:]
	}
	return sent
}

// fitting is how many messages from the first on go into one call, at least one.
func fitting(messages []Outgoing) int {
	bytes := 0
	for i, m := range messages {
		bytes += m.Size()
		if i > 0 && bytes > maxBytes || i == MaxBatch {
			return i
		}
	}
	return len(messages)
}

func (c *Client) sendBatch(ctx context.Context, messages []Outgoing) []Sent {
	in := &sqs.SendMessageBatchInput{QueueUrl: &c.url, Entries: make([]types.SendMessageBatchRequestEntry, len(messages))}
	for i, m := range messages {
		in.Entries[i] = m.entry(strconv.Itoa(i))
	}
	out, err := c.sqs.SendMessageBatch(ctx, in, once)
	sent := make([]Sent, len(messages))
	if err != nil {
		err = fmt.Errorf("send to %s: %w", c.info.Name, err)
		for i := range sent {
			sent[i] = Sent{Err: err, Unsure: !refused(err)}
		}
		return sent
	}
	for i := range sent {
		sent[i] = Sent{Err: fmt.Errorf("send to %s: the answer does not name the message", c.info.Name), Unsure: true}
	}
	for _, s := range out.Successful {
		if i, ok := entryIndex(s.Id, len(sent)); ok {
			sent[i] = Sent{ID: aws.ToString(s.MessageId), Sequence: aws.ToString(s.SequenceNumber)}
		}
	}
	for _, f := range out.Failed {
		if i, ok := entryIndex(f.Id, len(sent)); ok {
			sent[i] = Sent{Err: fmt.Errorf("send to %s: %w", c.info.Name, entryError(f))}
		}
	}
	return sent
}

// once keeps the SDK from trying a call again by itself.
func once(o *sqs.Options) { o.Retryer = aws.NopRetryer{} }

// refused reports whether err says for certain that a call had no effect.
func refused(err error) bool {
	if apierr.Denied(err) {
		return true // nor was it sent when there are no credentials to sign it with
	}
	re, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || apierr.Code(err) == "" {
		return false
	}
	status := re.HTTPStatusCode()
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError && status != http.StatusRequestTimeout
}

func (o Outgoing) entry(id string) types.SendMessageBatchRequestEntry {
	e := types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &o.Body}
	for name, a := range o.Attributes {
		if e.MessageAttributes == nil {
			e.MessageAttributes = make(map[string]types.MessageAttributeValue, len(o.Attributes))
		}
		v := types.MessageAttributeValue{DataType: aws.String(a.Type), BinaryValue: a.Binary}
		if a.Binary == nil {
			v.StringValue = aws.String(a.String)
		}
		e.MessageAttributes[name] = v
	}
	if o.Trace != "" {
		e.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
			"AWSTraceHeader": {DataType: aws.String("String"), StringValue: &o.Trace},
		}
	}
	if o.Group != "" {
		e.MessageGroupId = &o.Group
	}
	if o.Dedup != "" {
		e.MessageDeduplicationId = &o.Dedup
	}
	return e
}

// Delete deletes messages that were received, and says of each whether that
// failed, in their order. To delete one twice is no error. A FIFO queue refuses
// a receipt whose time is over; a standard queue takes it, and keeps the message
// if it was received again since (API reference, DeleteMessage).
func (c *Client) Delete(ctx context.Context, messages []Message) []error {
	return c.inBatches(messages, "delete from", func(some []Message) ([]types.BatchResultErrorEntry, error) {
		entries := make([]types.DeleteMessageBatchRequestEntry, len(some))
		for i := range some {
			entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &some[i].Receipt}
		}
		out, err := c.sqs.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &c.url, Entries: entries})
		if err != nil {
			return nil, err
		}
		return out.Failed, nil
	})
}

// Hide keeps messages that were received hidden for that much longer, from now
// on and in whole seconds, and says of each whether that failed, in their
// order. Zero shows them to everybody at once. In all a message can be hidden
// for 12 hours.
func (c *Client) Hide(ctx context.Context, messages []Message, d time.Duration) []error {
	return c.inBatches(messages, "keep hidden in", func(some []Message) ([]types.BatchResultErrorEntry, error) {
		entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(some))
		for i := range some {
			entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &some[i].Receipt, VisibilityTimeout: int32((d + time.Second - 1) / time.Second),
			}
		}
		out, err := c.sqs.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &c.url, Entries: entries})
		if err != nil {
			return nil, err
		}
		return out.Failed, nil
	})
}

// inBatches makes one call for every MaxBatch messages.
func (c *Client) inBatches(messages []Message, doing string, call func([]Message) ([]types.BatchResultErrorEntry, error)) []error {
	errs := make([]error, 0, len(messages))
	for some := range slices.Chunk(messages, MaxBatch) {
		these := make([]error, len(some))
		failed, err := call(some)
		for i := range these {
			if err != nil {
				these[i] = fmt.Errorf("%s %s: %w", doing, c.info.Name, err)
			}
		}
		for _, f := range failed {
			if i, ok := entryIndex(f.Id, len(some)); ok {
				these[i] = fmt.Errorf("%s %s: %w", doing, c.info.Name, entryError(f))
			}
		}
		errs = append(errs, these...)
	}
	return errs
}

// entryIndex is the place in a call of the message that an answer names.
func entryIndex(id *string, n int) (int, bool) {
	i, err := strconv.Atoi(aws.ToString(id))
	return i, err == nil && i >= 0 && i < n
}

// entryError is the refusal of one message in a call that went well.
func entryError(f types.BatchResultErrorEntry) error {
	e := &smithy.GenericAPIError{Code: aws.ToString(f.Code), Message: aws.ToString(f.Message), Fault: smithy.FaultServer}
	if f.SenderFault {
		e.Fault = smithy.FaultClient
	}
	return e
}
