package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// MaxBatch is how many messages one call takes or gives.
const MaxBatch = 10

// MaxReceiveWait is how long a receive may wait for messages.
const MaxReceiveWait = 20 * time.Second

// Client takes messages from one live queue and puts messages into it. It is
// safe for many goroutines.
type Client struct {
	sqs  *sqs.Client
	url  string
	info Info
}

// Info is what a client knows of its queue, read when it was opened.
type Info struct {
	Name       string
	ARN        string
	FIFO       bool
	Visibility time.Duration // of a receive that does not say
	Retention  time.Duration
	// DeadLetter is where the queue itself puts what is received too often,
	// nil for none. Even a look counts as a receive.
	DeadLetter *DeadLetter
}

// Attribute is one attribute that a sender gave a message.
type Attribute struct {
	Type   string // String, Number or Binary, with a label of the sender's behind a dot
	String string // of all types but Binary
	Binary []byte
}

// Message is one message that was received.
type Message struct {
	ID      string // SQS's; a message that is sent again has another
	Receipt string // of this receive: what Delete and Hide take
	Body    string

	Attributes map[string]Attribute
	Trace      string // X-Ray's header, "" for none

	Sent          time.Time // by SQS's clock; a FIFO queue counts from when the message came into it
	FirstReceived time.Time
	Receives      int // this one included; those of the source, too, after SQS's own move

	Group    string // "" for none
	Dedup    string // of FIFO queues
	Sequence string // of FIFO queues: grows within a group
	// Source is the ARN of the queue that SQS took the message from when it
	// was received too often; "" for one that was sent here.
	Source string
}

// Open is the client of the queue with the given name. A queue that does not
// exist is an error that apierr.NotFound knows.
func Open(ctx context.Context, cfg aws.Config, name string) (*Client, error) {
	c := &Client{sqs: sqs.NewFromConfig(cfg)}
	out, err := c.sqs.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return nil, fmt.Errorf("queue %s: %w", name, err)
	}
	c.url = aws.ToString(out.QueueUrl)
	a, err := c.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &c.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return nil, fmt.Errorf("queue %s: %w", name, err)
	}
	c.info = Info{
		Name: name, ARN: a.Attributes["QueueArn"], FIFO: a.Attributes["FifoQueue"] == "true",
		Visibility: inSeconds(a.Attributes["VisibilityTimeout"]), Retention: inSeconds(a.Attributes["MessageRetentionPeriod"]),
		DeadLetter: deadLetter(a.Attributes["RedrivePolicy"]),
	}
	return c, nil
}

// NameOf is the name in a queue's ARN.
func NameOf(arn string) string { return nameOf(arn) }

// Info is what is known of the queue.
func (c *Client) Info() Info { return c.info }

func inSeconds(s string) time.Duration {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

func deadLetter(policy string) *DeadLetter {
	var p redrivePolicy
	if policy == "" || json.Unmarshal([]byte(policy), &p) != nil {
		return nil
	}
	most, _ := strconv.Atoi(fmt.Sprint(p.MaxReceives)) // a number or a string
	return &DeadLetter{QueueARN: p.Target, MaxReceives: most}
}

// Ask is what a receive wants.
type Ask struct {
	Most int // 1 to MaxBatch
	// Wait is how long to wait for a first message, in whole seconds up to
	// MaxReceiveWait, at least one: a call that does not wait asks only some of
	// SQS's servers and may miss what is there.
	Wait time.Duration
	// Visibility is how long the messages are then hidden from others, in whole
	// seconds, at least one.
	Visibility time.Duration
}

// Receive takes messages, none when there are none within the wait. Each counts
// as received once more. In a FIFO queue the rest of a group stays hidden for
// as long as a message of it is. When the answer is lost on the way, what it
// held is hidden for the visibility asked for.
func (c *Client) Receive(ctx context.Context, a Ask) ([]Message, error) {
	out, err := c.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &c.url, MaxNumberOfMessages: int32(min(max(a.Most, 1), MaxBatch)),
		WaitTimeSeconds: wholeSeconds(min(a.Wait, MaxReceiveWait)), VisibilityTimeout: wholeSeconds(a.Visibility),
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		return nil, fmt.Errorf("receive from %s: %w", c.info.Name, err)
	}
	got := make([]Message, len(out.Messages))
	for i, m := range out.Messages {
		got[i] = received(m)
	}
	return got, nil
}

// wholeSeconds rounds up. SQS's SDK takes zero for nothing said.
func wholeSeconds(d time.Duration) int32 {
	return int32(max(1, (d+time.Second-1)/time.Second))
}

func received(m types.Message) Message {
	a := m.Attributes
	receives, _ := strconv.Atoi(a["ApproximateReceiveCount"]) // absent only where SQS is not SQS
	got := Message{
		ID: aws.ToString(m.MessageId), Receipt: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body), Trace: a["AWSTraceHeader"],
		Sent: inMillis(a["SentTimestamp"]), FirstReceived: inMillis(a["ApproximateFirstReceiveTimestamp"]), Receives: receives,
		Group: a["MessageGroupId"], Dedup: a["MessageDeduplicationId"], Sequence: a["SequenceNumber"], Source: a["DeadLetterQueueSourceArn"],
	}
	for name, v := range m.MessageAttributes {
		if got.Attributes == nil {
			got.Attributes = make(map[string]Attribute, len(m.MessageAttributes))
		}
		got.Attributes[name] = Attribute{Type: aws.ToString(v.DataType), String: aws.ToString(v.StringValue), Binary: v.BinaryValue}
	}
	return got
}

// inMillis is the zero time when there is none.
func inMillis(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(n)
}

// Depth is how many messages a queue holds. SQS counts on many servers: a
// number may be a minute old (API reference, GetQueueAttributes).
type Depth struct {
	Visible  int
	InFlight int // received, and neither deleted nor visible again
	Delayed  int
	At       time.Time // by SQS's clock, by ours where it does not tell
}

// Total is all messages of the queue.
func (d Depth) Total() int { return d.Visible + d.InFlight + d.Delayed }

// Depth counts the queue's messages.
func (c *Client) Depth(ctx context.Context) (Depth, error) {
	out, err := c.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &c.url, AttributeNames: []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}})
	if err != nil {
		return Depth{}, fmt.Errorf("depth of %s: %w", c.info.Name, err)
	}
	d := Depth{At: time.Now()}
	if at, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok && !at.IsZero() {
		d.At = at
	}
	var errs []error
	for name, n := range map[string]*int{"": &d.Visible, "NotVisible": &d.InFlight, "Delayed": &d.Delayed} {
		var err error
		if *n, err = strconv.Atoi(out.Attributes["ApproximateNumberOfMessages"+name]); err != nil {
			errs = append(errs, fmt.Errorf("depth of %s: ApproximateNumberOfMessages%s: %w", c.info.Name, name, err))
		}
	}
	return d, errors.Join(errs...)
}

// Sources are the names of the queues whose dead letters come here. A change of
// their settings takes SQS a minute to make known.
func (c *Client) Sources(ctx context.Context) ([]string, error) {
	var names []string
	pages := sqs.NewListDeadLetterSourceQueuesPaginator(c.sqs, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &c.url, MaxResults: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("sources of %s: %w", c.info.Name, err)
		}
		for _, url := range page.QueueUrls {
			names = append(names, nameInURL(url))
		}
	}
	slices.Sort(names)
	return names, nil
}

// nameInURL is the last part of a queue's URL.
func nameInURL(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

// With is the same queue for calls with another configuration, of the same
// account and region.
func (c *Client) With(cfg aws.Config) *Client {
	return &Client{sqs: sqs.NewFromConfig(cfg), url: c.url, info: c.info}
}
