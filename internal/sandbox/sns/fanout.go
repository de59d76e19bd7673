package sns

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// notification is one message on its way to all subscriptions of a topic.
type notification struct {
	id         string
	topic      string // ARN
	name       string // of the topic
	subject    string
	message    string
	byProtocol map[string]string // messages for some protocols, of MessageStructure json
	attributes map[string]types.MessageAttributeValue
	group      string // of a FIFO topic
	dedup      string
	at         time.Time
}

// text is the message for a protocol.
func (n *notification) text(protocol string) string {
	return cmp.Or(n.byProtocol[protocol], n.message)
}

// delivery is a notification on its way to one subscription, as it was when the
// message was published.
type delivery struct {
	*notification
	subscription string // ARN
	protocol     string
	endpoint     string
	raw          bool
	deadLetters  string // ARN of a queue, "" for none
	confirm      string // the token, when it asks to confirm the subscription
}

// fanOut gives a good message an id and puts it in line for every confirmed
// subscription whose filter lets it through.
func (s *Service) fanOut(t *topic, e *types.PublishBatchRequestEntry) (id string) {
	n := &notification{
		id: bus.NewUUID(), topic: t.arn, name: t.name, subject: aws.ToString(e.Subject), message: *e.Message, attributes: e.MessageAttributes,
		group: aws.ToString(e.MessageGroupId), dedup: aws.ToString(e.MessageDeduplicationId), at: time.Now(),
	}
	if e.MessageStructure != nil {
		_ = json.Unmarshal([]byte(*e.Message), &n.byProtocol) // what is no text is no message of its protocol's
		n.message = n.byProtocol["default"]
	}
	if t.fifo() && n.dedup == "" {
		sum := sha256.Sum256([]byte(n.message))
		n.dedup = hex.EncodeToString(sum[:])
	}
	s.measure(t.name, "NumberOfMessagesPublished", 1)
	s.measure(t.name, "PublishSize", float64(size(e)))
	for _, sub := range t.subscriptions {
		switch {
		case sub.pending(): // trap 24
		case !sub.wants(n):
			s.measure(t.name, "NumberOfNotificationsFilteredOut", 1)
		default:
			s.line.Add(&delivery{
				notification: n, subscription: sub.arn, protocol: sub.protocol, endpoint: sub.endpoint,
				raw: sub.attributes["RawMessageDelivery"] == "true", deadLetters: sub.deadLetters(),
			})
		}
	}
	return n.id
}

func (s *Service) measure(topic, name string, v float64) {
	if s.bus.Metrics != nil {
		s.bus.Metrics.Add(bus.ID("AWS/SNS", name, "TopicName", topic), bus.One(v))
	}
}

// deliver delivers what is published until ctx ends. What takes no time is
// delivered in order; endpoints and functions are waited for side by side.
func (s *Service) deliver(ctx context.Context) {
	var busy sync.WaitGroup
	defer busy.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.line.Arrived():
		}
		for _, d := range s.line.All() {
			switch d.protocol {
			case "http", "https":
				busy.Go(func() { s.post(ctx, d) })
			case "lambda":
				busy.Go(func() { s.invoke(ctx, d) })
			case "sqs":
				err := s.dead(d)
				if err == nil {
					err = s.enqueue(d)
				}
				s.settle(d, err)
			case "email", "email-json", "sms":
				err := s.dead(d)
				if err == nil {
					s.mail(d)
				}
				s.settle(d, err)
			default: // firehose, application: nothing here takes them
				s.settle(d, errUnserved)
			}
		}
	}
}

// dead says why a subscriber can't be reached, when somebody asked for that.
func (s *Service) dead(d *delivery) error {
	if s.bus.Trouble == nil {
		return nil
	}
	return s.bus.Trouble.Delivery(d.protocol, d.endpoint, d.subscription)
}

// settle counts a delivery that succeeded or that SNS gives up.
func (s *Service) settle(d *delivery, err error) {
	if err == nil {
		s.measure(d.name, "NumberOfNotificationsDelivered", 1)
		return
	}
	s.measure(d.name, "NumberOfNotificationsFailed", 1)
	s.redrive(d)
}

// redrive sends a delivery that was given up to the subscription's dead-letter
// queue, if it has one.
func (s *Service) redrive(d *delivery) {
	if d.deadLetters == "" {
		return
	}
	dead := *d
	dead.endpoint, dead.protocol = d.deadLetters, "sqs"
	if s.enqueue(&dead) != nil {
		s.measure(d.name, "NumberOfNotificationsFailedToRedriveToDlq", 1)
		return
	}
	s.measure(d.name, "NumberOfNotificationsRedrivenToDlq", 1)
}
