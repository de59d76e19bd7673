// Package topic is one SNS topic of the pipeline with the subscriptions that
// the configuration names. It knows that creating a topic silently adopts one
// of the same name, and leaves subscriptions made by hand alone.
package topic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/policy"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Spec is the wanted topic.
type Spec struct {
	Name        string // within the pipeline
	ARN         string // its last part is the topic's name
	DisplayName string // the sender's name in mails; "" for none

	// Key is the id, ARN or alias of the key that messages are encrypted with,
	// "" for none. It must let the services that publish use it: SNS's own key
	// does not let CloudWatch (trap 22). SameKey says whether what AWS reports
	// names the same key.
	Key     string
	SameKey func(ctx context.Context, live string) (bool, error)

	// Policy is the topic's policy, JSON. It takes the place of the default
	// policy, so it must let in everything that publishes (trap 23).
	Policy string

	// Subscriptions are made when they are missing. Those that people must
	// confirm count as there while they wait for it.
	Subscriptions []Subscription

	Owner resource.Owner
}

// Topic is one topic, live or still to be made.
type Topic struct {
	sns  *sns.Client
	spec Spec
}

var _ resource.Resource = (*Topic)(nil)

// New is the topic of spec in the account of cfg.
func New(cfg aws.Config, spec Spec) *Topic {
	return &Topic{sns: sns.NewFromConfig(cfg), spec: spec}
}

// ID is topic/NAME.
func (t *Topic) ID() resource.ID { return resource.ID{Kind: "topic", Name: t.spec.Name} }

func (t *Topic) topicName() string {
	return t.spec.ARN[strings.LastIndexByte(t.spec.ARN, ':')+1:]
}

// live is what AWS says of the topic.
type live struct {
	attributes    map[string]string
	tags          map[string]string
	subscriptions []types.Subscription
}

// find reads the topic; nil is no such topic.
func (t *Topic) find(ctx context.Context) (*live, error) {
	l := &live{}
	errs := make(chan error, 2)
	go func() {
		tags, err := t.tags(ctx)
		l.tags = tags
		errs <- err
	}()
	go func() {
		subscriptions, err := t.subscriptions(ctx)
		l.subscriptions = subscriptions
		errs <- err
	}()
	attributes, err := t.attributes(ctx)
	l.attributes = attributes
	err = errors.Join(err, <-errs, <-errs)
	if apierr.NotFound(err) {
		return nil, nil
	}
	return l, err
}

func (t *Topic) attributes(ctx context.Context) (map[string]string, error) {
	out, err := t.sns.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &t.spec.ARN})
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

func (t *Topic) tags(ctx context.Context) (map[string]string, error) {
	out, err := t.sns.ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: &t.spec.ARN})
	if err != nil {
		return nil, err
	}
	tags := make(map[string]string, len(out.Tags))
	for _, tag := range out.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags, nil
}

// Diff implements resource.Resource.
func (t *Topic) Diff(ctx context.Context) (resource.Change, error) {
	l, err := t.find(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	if l == nil {
		return t.creation(), nil
	}
	settings, err := t.diffSettings(ctx, l)
	if err != nil {
		return resource.Change{}, err
	}
	c := resource.Change{Action: resource.None}
	for _, part := range []resource.Change{settings, t.diffSubscriptions(l.subscriptions)} {
		c.Attributes = append(c.Attributes, part.Attributes...)
		c.Steps = append(c.Steps, part.Steps...)
	}
	if len(c.Steps) > 0 {
		c.Action = resource.Update
	}
	if !t.spec.Owner.Owns(l.tags) {
		c.Action, c.Reason = resource.Conflict, fmt.Sprintf("%s is somebody else's topic", t.topicName())
	}
	return c, nil
}

// creation makes the topic and all its subscriptions.
func (t *Topic) creation() resource.Change {
	c := resource.Change{
		Action:     resource.Create,
		Attributes: []resource.Attribute{{Name: "topic", New: t.topicName()}},
		Steps:      []resource.Step{{Call: "sns:CreateTopic", Do: t.create, Wait: t.waitForTopic}},
	}
	if t.spec.Key != "" {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "encryption", New: t.spec.Key})
	}
	missing := t.diffSubscriptions(nil)
	c.Attributes = append(c.Attributes, missing.Attributes...)
	c.Steps = append(c.Steps, missing.Steps...)
	return c
}

// diffSettings compares the tags and attributes.
func (t *Topic) diffSettings(ctx context.Context, l *live) (resource.Change, error) {
	var c resource.Change
	if diff := t.spec.Owner.DiffTags(l.tags); len(diff) > 0 {
		c.Attributes = append(c.Attributes, diff...)
		c.Steps = append(c.Steps, resource.Step{Call: "sns:TagResource", Do: func(ctx context.Context) error {
			_, err := t.sns.TagResource(ctx, &sns.TagResourceInput{ResourceArn: &t.spec.ARN, Tags: t.wantTags()})
			return err
		}})
	}
	for _, s := range t.settings() {
		old := l.attributes[s.attribute]
		same, err := s.same(ctx, old)
		if err != nil {
			return c, err
		}
		if !same {
			c.Attributes = append(c.Attributes, resource.Attribute{Name: s.name, Old: old, New: s.want})
			c.Steps = append(c.Steps, t.setStep(s))
		}
	}
	return c, nil
}

// setting is one attribute of the topic as the plan knows it.
type setting struct {
	name      string // in the plan
	attribute string // SNS's name for it
	want      string
	same      func(ctx context.Context, live string) (bool, error)
}

func (t *Topic) settings() []setting {
	return []setting{
		{"policy", "Policy", t.spec.Policy, func(_ context.Context, live string) (bool, error) {
			return policy.Same(live, t.spec.Policy), nil
		}},
		{"encryption", "KmsMasterKeyId", t.spec.Key, func(ctx context.Context, live string) (bool, error) {
			if live == t.spec.Key || live == "" || t.spec.Key == "" {
				return live == t.spec.Key, nil
			}
			return t.spec.SameKey(ctx, live)
		}},
		{"display_name", "DisplayName", t.spec.DisplayName, func(_ context.Context, live string) (bool, error) {
			return live == t.spec.DisplayName, nil
		}},
	}
}

func (t *Topic) setStep(s setting) resource.Step {
	return resource.Step{
		Call: "sns:SetTopicAttributes",
		Do: func(ctx context.Context) error {
			_, err := t.sns.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: &t.spec.ARN, AttributeName: &s.attribute, AttributeValue: &s.want})
			return err
		},
		Wait: func(ctx context.Context) error {
			return resource.Poll(ctx, "waiting until the new "+s.name+" is known", func(ctx context.Context) (bool, error) {
				attributes, err := t.attributes(ctx)
				if err != nil {
					return false, err
				}
				return s.same(ctx, attributes[s.attribute])
			})
		},
	}
}

// create makes the topic. SNS compares what it is given with a topic that is
// there already, letter by letter and tag by tag (trap 25), so one that it
// finds different may still be the one that was asked for.
func (t *Topic) create(ctx context.Context) error {
	attributes := map[string]string{}
	for _, s := range t.settings() {
		if s.want != "" {
			attributes[s.attribute] = s.want
		}
	}
	_, err := t.sns.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String(t.topicName()), Attributes: attributes, Tags: t.wantTags()})
	if apierr.Is(err, "InvalidParameter") {
		if l, e := t.find(ctx); e == nil && l != nil && t.spec.Owner.Owns(l.tags) {
			if c, e := t.diffSettings(ctx, l); e == nil && len(c.Steps) == 0 {
				return nil
			}
		}
	}
	return err
}

func (t *Topic) wantTags() []types.Tag {
	var tags []types.Tag
	for k, v := range t.spec.Owner.Tags() {
		tags = append(tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	slices.SortFunc(tags, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return tags
}

func (t *Topic) waitForTopic(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until the topic is known", func(ctx context.Context) (bool, error) {
		_, err := t.attributes(ctx)
		if apierr.NotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
}

// Removal implements resource.Resource. The topic takes all its subscriptions
// along.
func (t *Topic) Removal(ctx context.Context) (resource.Change, error) {
	tags, err := t.tags(ctx)
	if apierr.NotFound(err) {
		return resource.Change{Action: resource.None}, nil
	}
	if err != nil {
		return resource.Change{}, err
	}
	if !t.spec.Owner.Owns(tags) {
		return resource.Change{Action: resource.Keep, Reason: "not ours"}, nil
	}
	return resource.Change{Action: resource.Delete, Steps: []resource.Step{{
		Call: "sns:DeleteTopic",
		Do: func(ctx context.Context) error {
			_, err := t.sns.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: &t.spec.ARN})
			if apierr.NotFound(err) {
				return nil
			}
			return err
		},
		Wait: func(ctx context.Context) error {
			return resource.Poll(ctx, "waiting until the topic is gone", func(ctx context.Context) (bool, error) {
				_, err := t.attributes(ctx)
				if apierr.NotFound(err) {
					return true, nil
				}
				return false, err
			})
		},
	}}}, nil
}
