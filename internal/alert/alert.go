// Package alert sends a test alert to a topic and proves that it arrives where
// the topic's subscribers hear: a queue is subscribed for the time of the test.
// It knows how a test is marked, what it is timed by, and what SNS tells of the
// other subscribers. Whether they may be told it leaves to who asks for it.
package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/metric"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/topic"
	"github.com/ccs-platform/ccsctl/internal/inbox"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Mark begins the subject and the text of every test alert.
const Mark = "[TEST]"

// Attribute is the message attribute that every test alert has, so that filter
// policies and machines can tell it from a real one.
const Attribute = "ccsctl-test"

// Topic is one topic of the pipeline.
type Topic struct {
	Name string // within the pipeline: alarms
	ARN  string
}

// Tester sends test alerts for one pipeline.
type Tester struct {
	Site inbox.Site
	// Pipeline and By say in the alert whose it is and who sent it.
	Pipeline, By string
	// Limit is how long an alert may take before it counts as lost.
	Limit time.Duration
	// Lag is how late CloudWatch is.
	Lag time.Duration
}

// Subscription is one subscriber of a topic, that of the test apart.
type Subscription struct {
	Protocol string `json:"protocol"`
	Endpoint string `json:"endpoint"`
	// Confirmed says that it gets messages at all (trap 24).
	Confirmed bool `json:"confirmed"`
}

// Report is what became of one test alert.
type Report struct {
	Topic     string     `json:"topic"`
	ARN       string     `json:"arn"`
	MessageID string     `json:"message_id,omitempty"`
	Arrived   bool       `json:"arrived"`
	Published *time.Time `json:"published,omitempty"` // by SNS's clock, known when it arrived
	// LatencyMS is from when SNS took the alert to when SQS had it, by their
	// clocks.
	LatencyMS     *int64         `json:"latency_ms,omitempty"`
	Subject       string         `json:"subject,omitempty"` // as it arrived
	Text          string         `json:"text,omitempty"`
	Subscriptions []Subscription `json:"subscriptions"`
	// Delivered and Failed are what CloudWatch counts of the topic in the minute
	// of the test and the next, nil while nothing is known. The test's own
	// subscriber is among the delivered. SNS reports no failures by silence.
	Delivered *int `json:"delivered,omitempty"`
	Failed    *int `json:"failed,omitempty"`
	// Left is what of the test's own could not be taken away.
	Left []string `json:"left"`
	// Problem is why it did not arrive.
	Problem string `json:"problem,omitempty"`

	// Err is the Problem as an error.
	Err  error     `json:"-"`
	sent time.Time // the call began
	took time.Time // and ended
}

// Subscriptions are who hears a topic. No such topic is an error that
// apierr.NotFound knows.
func (t *Tester) Subscriptions(ctx context.Context, of Topic) ([]Subscription, error) {
	all, err := topic.AudienceOf(t.Site.AWS, of.ARN).Subscribers(ctx)
	if err != nil {
		return nil, err
	}
	return t.others(all), nil
}

func (t *Tester) others(all []topic.Subscriber) []Subscription {
	subscriptions := []Subscription{}
	for _, s := range all {
		if !t.Site.Made(s.Endpoint) {
			subscriptions = append(subscriptions, Subscription{Protocol: s.Protocol, Endpoint: s.Endpoint, Confirmed: !s.Pending})
		}
	}
	slices.SortFunc(subscriptions, func(a, b Subscription) int {
		return cmp.Or(strings.Compare(a.Protocol, b.Protocol), strings.Compare(a.Endpoint, b.Endpoint))
	})
	return subscriptions
}

// Sweep takes away what tests and probes have left behind that were killed.
func (t *Tester) Sweep(ctx context.Context) []string { return t.Site.Sweep(ctx, time.Now()) }

// Run sends one alert to a topic, waits until it arrives, and takes away what it
// has made, also when ctx ends; clean ends that, too. It says what it waits for
// by resource.Note. An alert that does not arrive is no error but a Report with
// a Problem; an error is the end of ctx.
func (t *Tester) Run(ctx, clean context.Context, to Topic) (*Report, error) {
	r := &Report{Topic: to.Name, ARN: to.ARN, Subscriptions: []Subscription{}, Left: []string{}}
	mark, err := inbox.NewMark(time.Now())
	if err != nil {
		return r, err
	}
	box := t.Site.New(mark)
	r.Err = t.try(ctx, to, mark, box, r)
	if !box.Empty() {
		resource.Note(clean, fmt.Sprintf("topic/%s: taking away the test's subscriber", to.Name))
	}
	r.Left = append(r.Left, box.Remove(clean)...)
	if ctx.Err() != nil && !r.Arrived {
		return r, context.Cause(ctx)
	}
	if r.Err != nil {
		r.Problem = r.Err.Error()
	}
	return r, nil
}

// ErrLost is the Problem of an alert that SNS took and that did not arrive.
var ErrLost = errors.New("the alert did not arrive")

func (t *Tester) try(ctx context.Context, to Topic, mark string, box *inbox.Inbox, r *Report) error {
	audience := topic.AudienceOf(t.Site.AWS, to.ARN)
	// No filter: a new one may take 15 minutes to be known everywhere, and the
	// test tells its own alert from others by its mark.
	if err := box.Listen(ctx, to.ARN, "", ""); err != nil {
		return fmt.Errorf("subscribe a queue of the test's own: %w", err)
	}
	// What is published before SNS knows the subscription does not come.
	err := t.within(ctx, "topic/"+to.Name+": waiting until the test's subscriber is known", func(ctx context.Context) (bool, error) {
		all, err := audience.Subscribers(ctx)
		r.Subscriptions = t.others(all)
		return box.Hears(all), err
	})
	if err != nil {
		return err
	}
	now := time.Now()
	subject := fmt.Sprintf("%s %s: test alert for %s", Mark, t.Pipeline, to.Name)
	subject = subject[:min(len(subject), 100)]
	text := fmt.Sprintf("%s Nothing is wrong and nobody has to do anything.\n\nThis alert tries the way from the topic %s of %s to you.\nSent %s by %s with 'ccsctl alert test', id %s.\n",
		Mark, to.Name, t.Pipeline, now.UTC().Format(time.RFC3339), t.By, mark)
	if r.MessageID, err = audience.Publish(ctx, subject, text, map[string]string{Attribute: mark}); err != nil {
		return err
	}
	r.sent, r.took = now, time.Now()
	err = t.within(ctx, "topic/"+to.Name+": waiting for the alert", func(ctx context.Context) (bool, error) { return t.hear(ctx, mark, box, r) })
	if errors.Is(err, errLimit) {
		return fmt.Errorf("%w within %v, though SNS took it", ErrLost, t.Limit)
	}
	return err
}

// errLimit ends a wait within the test.
var errLimit = errors.New("not within the limit")

// within polls until Limit is over.
func (t *Tester) within(ctx context.Context, note string, ready func(context.Context) (bool, error)) error {
	limited, done := context.WithTimeoutCause(ctx, t.Limit, errLimit)
	defer done()
	err := resource.Poll(limited, note, func(ctx context.Context) (bool, error) {
		ok, err := ready(ctx)
		switch apierr.Sort(err) {
		case resource.Throttled, resource.Unavailable:
			return false, nil
		}
		return ok, err
	})
	// A call that the end of the wait cut off fails with an error of its own.
	if err != nil && errors.Is(context.Cause(limited), errLimit) {
		return errLimit
	}
	return err
}

// glance is how long one look into the queue waits for something to come.
const glance = 2 * time.Second

// hear looks for the alert among what has come.
func (t *Tester) hear(ctx context.Context, mark string, box *inbox.Inbox, r *Report) (bool, error) {
	messages, err := box.Queue().Receive(ctx, queue.Ask{Most: queue.MaxBatch, Wait: glance, Visibility: time.Minute})
	for _, m := range messages {
		n, err := topic.ReadNotification(m.Body)
		if err != nil || n.Attributes[Attribute] != mark {
			continue // somebody's real alert: it went to its subscribers, too
		}
		took := max(0, m.Sent.Sub(n.At).Milliseconds())
		r.Arrived, r.Published, r.LatencyMS, r.Subject, r.Text = true, &n.At, &took, n.Subject, n.Text
		return true, nil
	}
	return false, err
}

// Measure waits until CloudWatch knows what became of the alerts that were sent,
// at most patience, and adds it. One that it knows nothing of stays unknown.
func (t *Tester) Measure(ctx context.Context, reports []*Report, patience time.Duration) error {
	read := metric.New(t.Site.AWS)
	limited, done := context.WithTimeoutCause(ctx, patience, errLimit)
	defer done()
	for _, r := range reports {
		if r.sent.IsZero() {
			continue
		}
		from := r.sent.Truncate(time.Minute)
		to := r.took.Truncate(time.Minute).Add(2 * time.Minute) // delivered at the end of the minute it counts in the next
		of := map[string]string{"TopicName": r.ARN[strings.LastIndexByte(r.ARN, ':')+1:]}
		err := resource.Poll(limited, fmt.Sprintf("topic/%s: waiting for CloudWatch's count of the minute (up to %v)", r.Topic, patience), func(ctx context.Context) (bool, error) {
			if time.Now().Before(to.Add(t.Lag)) {
				return false, nil
			}
			series, err := read.Fetch(ctx, []metric.Query{
				{Namespace: "AWS/SNS", Name: "NumberOfNotificationsDelivered", Dimensions: of, Statistic: "Sum"},
				{Namespace: "AWS/SNS", Name: "NumberOfNotificationsFailed", Dimensions: of, Statistic: "Sum"},
			}, from, to, time.Minute)
			if err != nil {
				return false, err
			}
			r.Delivered, r.Failed = sum(series[0]), sum(series[1])
			return r.Delivered != nil || r.Failed != nil, nil
		})
		switch {
		case err == nil, errors.Is(context.Cause(limited), errLimit):
		default:
			return err
		}
	}
	return nil
}

func sum(s metric.Series) *int {
	if len(s) == 0 {
		return nil
	}
	n := 0
	for _, p := range s {
		n += int(p.Value)
	}
	return &n
}
