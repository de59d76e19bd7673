// Package inbox is a subscriber for a while: a queue that hears a topic, so that
// a test can see what arrives there. It knows in which order such a thing is made
// and taken away, and how to find what was left behind by a run that was killed.
// What is listened for it leaves to who listens.
package inbox

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/topic"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Life is how long an inbox is taken to be in use. What is older was left behind.
const Life = time.Hour

// cleaning bounds the calls that take everything away.
const cleaning = 30 * time.Second

// Site is where the inboxes of one pipeline are made.
type Site struct {
	AWS    aws.Config
	Owner  resource.Owner
	Prefix string   // begins the names in AWS of all that is made
	Topics []string // ARNs of all that may be listened to

	NewQueue func(name, topicARN string, until time.Time) resource.Resource // that only this topic may send to
	NewTopic func(name string, until time.Time) (topic resource.Resource, arn string)
}

// NewMark is the time and a bit of chance: it makes names that are one run's, and
// tells of each how old it is.
func NewMark(now time.Time) (string, error) {
	var chance [3]byte
	if _, err := rand.Read(chance[:]); err != nil {
		return "", err
	}
	return now.UTC().Format(markTime) + "-" + hex.EncodeToString(chance[:]), nil
}

const markTime = "20060102t150405"

// Inbox is one temporary subscriber. A field is set before the call that makes
// what it stands for, since the answer may get lost.
type Inbox struct {
	site         *Site
	name         string
	until        time.Time
	made         []resource.Resource // queue and topic, to be removed in reverse
	audience     *topic.Audience
	subscribed   string // the queue's ARN
	subscription string // ARN, "" when the answer was lost
	queue        *queue.Client
}

// New is an inbox for a mark of NewMark. It makes no call. Whatever becomes of
// its other methods, Remove takes away what they have made.
func (s *Site) New(mark string) *Inbox {
	return &Inbox{site: s, name: s.Prefix + mark, until: time.Now().Add(Life)}
}

// Topic makes a topic that nobody else hears, and returns its ARN.
func (i *Inbox) Topic(ctx context.Context) (arn string, err error) {
	own, arn := i.site.NewTopic(i.name, i.until)
	return arn, i.make(ctx, own)
}

// Listen makes the queue and subscribes it to a topic. With an attribute's name
// only messages that have it with that value come in.
func (i *Inbox) Listen(ctx context.Context, topicARN, attribute, value string) (err error) {
	if err := i.make(ctx, i.site.NewQueue(i.name, topicARN, i.until)); err != nil {
		return err
	}
	if i.queue, err = queue.Open(ctx, i.site.AWS, i.name); err != nil {
		return err
	}
	i.audience, i.subscribed = topic.AudienceOf(i.site.AWS, topicARN), i.queue.Info().ARN
	i.subscription, err = i.audience.AddQueue(ctx, i.subscribed, attribute, value)
	return err
}

// Queue is what hears the topic, once Listen has succeeded.
func (i *Inbox) Queue() *queue.Client { return i.queue }

// Hears reports whether the subscription is among those of its topic: what is
// published before it is does not come.
func (i *Inbox) Hears(all []topic.Subscriber) bool {
	return slices.ContainsFunc(all, func(s topic.Subscriber) bool { return s.Endpoint == i.subscribed && !s.Pending })
}

// Empty reports whether there is nothing to remove.
func (i *Inbox) Empty() bool { return len(i.made) == 0 }

// make makes one thing and waits until it can be used.
func (i *Inbox) make(ctx context.Context, thing resource.Resource) error {
	c, err := thing.Diff(ctx)
	if err != nil {
		return err
	}
	i.made = append(i.made, thing)
	for _, step := range c.Steps {
		if err := step.Do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.Call, err)
		}
		if step.Wait != nil {
			if err := step.Wait(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// Remove takes everything away and says what it could not, within half a minute.
// The subscription goes first, and where it does not the queue stays: SNS would
// count what it can't deliver as failed, and an alarm would fire.
func (i *Inbox) Remove(ctx context.Context) (left []string) {
	ctx, done := context.WithTimeout(ctx, cleaning)
	defer done()
	if i.subscribed != "" {
		if err := i.unsubscribe(ctx); err != nil {
			return []string{fmt.Sprintf("the subscription of %s: %v", i.subscribed, err)}
		}
	}
	for n := len(i.made) - 1; n >= 0; n-- {
		if err := unmake(ctx, i.made[n]); err != nil {
			left = append(left, fmt.Sprintf("%s: %v", i.made[n].ID(), err))
		}
	}
	return left
}

func (i *Inbox) unsubscribe(ctx context.Context) error {
	if i.subscription != "" {
		return i.audience.Remove(ctx, i.subscription)
	}
	return removeFrom(ctx, i.audience, func(endpoint string) bool { return endpoint == i.subscribed }, func(string) {})
}

// removeFrom ends the subscriptions whose endpoints are meant, and tells each.
func removeFrom(ctx context.Context, audience *topic.Audience, meant func(endpoint string) bool, tell func(arn string)) error {
	subscribers, err := audience.Subscribers(ctx)
	if apierr.NotFound(err) {
		return nil // they went with their topic
	}
	if err != nil {
		return err
	}
	for _, s := range subscribers {
		if s.Pending || !meant(s.Endpoint) {
			continue
		}
		if err := audience.Remove(ctx, s.ARN); err != nil {
			return err
		}
		tell(s.ARN)
	}
	return nil
}

// unmake deletes a thing of the owner's. It does not wait until AWS has
// forgotten it: the name is never used again.
func unmake(ctx context.Context, thing resource.Resource) error {
	c, err := thing.Removal(ctx)
	if err != nil {
		return err
	}
	for _, step := range c.Steps {
		if step.Do == nil {
			continue
		}
		if err := step.Do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.Call, err)
		}
	}
	return nil
}
