package probe

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/topic"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// life is how long what a probe makes is taken to be in use. What is older was
// left behind by one that was killed.
const life = time.Hour

// cleaning bounds the calls that take everything away.
const cleaning = 30 * time.Second

// inbox is the temporary subscriber. A field is set before the call that makes
// what it stands for, since the answer may get lost.
type inbox struct {
	made         []resource.Resource // queue and topic, to be removed in reverse
	audience     *topic.Audience
	subscribed   string // the queue's ARN
	subscription string // ARN, "" when the answer was lost
	queue        *queue.Client
}

// open makes the queue that hears the alert, and the topic of a silent probe.
func (r *run) open(ctx context.Context) error {
	name, until := r.path.Temporary+r.mark, time.Now().Add(life)
	topicARN, audience := r.path.Authorities, r.audience
	if r.Silent {
		own, arn := r.path.NewTopic(name, until)
		if err := r.inbox.make(ctx, own); err != nil {
			return err
		}
		topicARN, audience = arn, topic.AudienceOf(r.aws, arn)
		r.event.Probe.Topic = arn
	}
	if err := r.inbox.make(ctx, r.path.NewQueue(name, topicARN, until)); err != nil {
		return err
	}
	var err error
	if r.inbox.queue, err = queue.Open(ctx, r.aws, name); err != nil {
		return err
	}
	r.inbox.audience, r.inbox.subscribed = audience, r.inbox.queue.Info().ARN
	attribute := "event_id" // of everything else that this topic tells nothing comes into the probe's queue
	if r.Silent {
		attribute = "" // nothing else comes
	}
	r.inbox.subscription, err = audience.AddQueue(ctx, r.inbox.subscribed, attribute, r.event.ID)
	return err
}

// make makes one thing and waits until it can be used.
func (i *inbox) make(ctx context.Context, thing resource.Resource) error {
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

// remove takes everything away and says what it could not. The subscription goes
// first, and where it does not the queue stays: SNS would count what it can't
// deliver as failed, and an alarm would fire.
func (i *inbox) remove(ctx context.Context) (left []string) {
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

func (i *inbox) unsubscribe(ctx context.Context) error {
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

// sweepOld takes away what probes have left behind that were killed, and tells
// it. It is worth no error: what it can't see or take away is left for the next.
func (p *Probe) sweepOld(ctx context.Context, now time.Time) []string {
	swept := []string{}
	old := func(arn string) bool { return p.temporary(arn) && p.madeAt(arn).Before(now.Add(-life)) }
	if removeFrom(ctx, p.audience, old, func(arn string) { swept = append(swept, arn) }) != nil {
		return swept // a queue goes after its subscription
	}
	expired, err := p.sweep.Expired(ctx, now)
	if err != nil {
		return swept
	}
	for _, arn := range expired {
		if !old(arn) {
			continue
		}
		thing := p.path.NewQueue(last(arn), "", now)
		if strings.Contains(arn, ":sns:") {
			thing, _ = p.path.NewTopic(last(arn), now)
		}
		c, err := thing.Removal(ctx)
		if err == nil && c.Action == resource.Delete && unmake(ctx, thing) == nil {
			swept = append(swept, arn)
		}
	}
	return swept
}

// temporary reports whether an ARN is of something that a probe of this pipeline
// made.
func (p *Probe) temporary(arn string) bool {
	return !p.madeAt(arn).IsZero()
}

// madeAt is when a probe made something, by its name; zero for everything else.
func (p *Probe) madeAt(arn string) time.Time {
	mark, ok := strings.CutPrefix(last(arn), p.path.Temporary)
	if !ok || len(mark) < len(markTime) {
		return time.Time{}
	}
	at, err := time.Parse(markTime, mark[:len(markTime)])
	if err != nil {
		return time.Time{}
	}
	return at
}
