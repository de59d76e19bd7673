// Package queue is one SQS queue of the pipeline: its settings, its dead-letter
// queue and who may use it as one. It knows that SQS spreads changes slowly,
// shows a deleted queue now and then for a minute, and rewrites the JSON that
// it is given. Encryption is always with SQS's own keys, which cost nothing and
// need no permissions.
package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Spec is the wanted queue.
type Spec struct {
	Name      string // within the pipeline
	QueueName string // ends in .fifo when FIFO is set
	FIFO      *FIFO  // nil for a standard queue

	Visibility  time.Duration // up to 12 h
	ReceiveWait time.Duration // of a receive that does not say; up to 20 s
	Retention   time.Duration // 1 min to 14 days

	// DeadLetter takes what was received too often. Its queue must exist
	// before this one does; nil for none.
	DeadLetter *DeadLetter
	// AllowRedriveFrom are the ARNs of the only queues, at most 10, that may
	// use this one as their dead-letter queue. They need not exist yet. Empty
	// leaves it open to all of the account.
	AllowRedriveFrom []string
	// Policy is the queue's policy, JSON; "" for none. Who of the account may
	// use the queue is IAM's business and needs no policy here.
	Policy string

	Owner resource.Owner
}

// FIFO are the settings that only a FIFO queue has.
type FIFO struct {
	ContentBasedDeduplication bool
	// DeduplicationScope is queue or messageGroup, FifoThroughputLimit
	// perQueue or perMessageGroupId; "" is the former. High throughput takes
	// the latter of both, and the second needs the first.
	DeduplicationScope  string
	FifoThroughputLimit string
}

// DeadLetter is where messages go that were received MaxReceives times.
type DeadLetter struct {
	QueueARN    string
	MaxReceives int
}

// Queue is one queue, live or still to be made.
type Queue struct {
	sqs  *sqs.Client
	spec Spec
}

var _ resource.Resource = (*Queue)(nil)

// New is the queue of spec in the account of cfg.
func New(cfg aws.Config, spec Spec) *Queue {
	return &Queue{sqs: sqs.NewFromConfig(cfg), spec: spec}
}

// ID is queue/NAME.
func (q *Queue) ID() resource.ID { return resource.ID{Kind: "queue", Name: q.spec.Name} }

// live is what AWS says of the queue.
type live struct {
	url        string
	attributes map[string]string
	tags       map[string]string
}

// find reads the queue; nil is no such queue. For a minute after its deletion
// a queue is found by some reads and not by others, so one that any of the
// three reads misses is taken as gone: to make it again is right then, and
// harmless for one that is only new and not known everywhere.
func (q *Queue) find(ctx context.Context) (*live, error) {
	l, err := q.read(ctx)
	if apierr.NotFound(err) {
		return nil, nil
	}
	return l, err
}

func (q *Queue) read(ctx context.Context) (*live, error) {
	out, err := q.sqs.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &q.spec.QueueName})
	if err != nil {
		return nil, err
	}
	l := &live{url: aws.ToString(out.QueueUrl)}
	tagged := make(chan error, 1)
	go func() {
		tags, err := q.sqs.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &l.url})
		if err == nil {
			l.tags = tags.Tags
		}
		tagged <- err
	}()
	l.attributes, err = q.attributes(ctx, l.url)
	return l, errors.Join(err, <-tagged)
}

func (q *Queue) attributes(ctx context.Context, url string) (map[string]string, error) {
	out, err := q.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

// Diff implements resource.Resource.
func (q *Queue) Diff(ctx context.Context) (resource.Change, error) {
	l, err := q.find(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	if l == nil {
		return resource.Change{
			Action:     resource.Create,
			Attributes: q.worthReading(),
			Steps:      []resource.Step{{Call: "sqs:CreateQueue", Do: q.create, Wait: q.waitForQueue}},
		}, nil
	}
	c := resource.Change{Action: resource.None}
	if diff := q.spec.Owner.DiffTags(l.tags); len(diff) > 0 {
		c.Attributes = append(c.Attributes, diff...)
		c.Steps = append(c.Steps, q.tagStep(l.url))
	}
	if diff, set := q.diff(l.attributes); len(diff) > 0 {
		c.Attributes = append(c.Attributes, diff...)
		c.Steps = append(c.Steps, q.setStep(l.url, set))
	}
	if len(c.Steps) > 0 {
		c.Action = resource.Update
	}
	if !q.spec.Owner.Owns(l.tags) {
		c.Action, c.Reason = resource.Conflict, fmt.Sprintf("%s is somebody else's queue", q.spec.QueueName)
	}
	return c, nil
}

// create makes the queue with everything that it has. One that is there already
// and as wanted is what was asked for, even where SQS finds that the JSON it
// holds is not letter for letter the one it is given.
func (q *Queue) create(ctx context.Context) error {
	_, err := q.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName: &q.spec.QueueName, Attributes: q.creation(), Tags: q.spec.Owner.Tags(),
	})
	if apierr.Exists(err) {
		if c, e := q.Diff(ctx); e == nil && c.Action == resource.None {
			return nil
		}
	}
	return err
}

// steadily is a condition for resource.Poll that holds when ready has held the
// given number of times in a row. SQS answers from many servers, which learn of
// a change one by one within a minute (API reference, SetQueueAttributes and
// DeleteQueue; traps 9 and 11).
func steadily(agree int, ready func(ctx context.Context) (bool, error)) func(context.Context) (bool, error) {
	times := 0
	return func(ctx context.Context) (bool, error) {
		ok, err := ready(ctx)
		if !ok || err != nil {
			times = 0
			return false, err
		}
		times++
		return times == agree, nil
	}
}

func (q *Queue) waitForQueue(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until the queue is known everywhere", steadily(2, func(ctx context.Context) (bool, error) {
		_, err := q.sqs.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &q.spec.QueueName})
		if apierr.NotFound(err) {
			return false, nil
		}
		return err == nil, err
	}))
}

func (q *Queue) setStep(url string, set map[string]string) resource.Step {
	return resource.Step{
		Call: "sqs:SetQueueAttributes",
		Do: func(ctx context.Context) error {
			_, err := q.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: set})
			return err
		},
		Wait: func(ctx context.Context) error {
			return resource.Poll(ctx, "waiting until the new settings are known everywhere (up to 60 s)", steadily(4, func(ctx context.Context) (bool, error) {
				attributes, err := q.attributes(ctx, url)
				if err != nil {
					return false, err
				}
				diff, _ := q.diff(attributes)
				return len(diff) == 0, nil
			}))
		},
		Patience: 20 * time.Minute, // retention takes up to 15
	}
}

func (q *Queue) tagStep(url string) resource.Step {
	return resource.Step{Call: "sqs:TagQueue", Do: func(ctx context.Context) error {
		_, err := q.sqs.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: &url, Tags: q.spec.Owner.Tags()})
		return err
	}}
}

// Removal implements resource.Resource. It asks nothing of the messages in the
// queue: they go with it.
func (q *Queue) Removal(ctx context.Context) (resource.Change, error) {
	l, err := q.find(ctx)
	if err != nil || l == nil {
		return resource.Change{Action: resource.None}, err
	}
	if !q.spec.Owner.Owns(l.tags) {
		return resource.Change{Action: resource.Keep, Reason: "not ours"}, nil
	}
	return resource.Change{Action: resource.Delete, Steps: []resource.Step{{
		Call: "sqs:DeleteQueue",
		Do: func(ctx context.Context) error {
			_, err := q.sqs.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &l.url})
			if apierr.NotFound(err) {
				return nil
			}
			return err
		},
		Wait: func(ctx context.Context) error {
			return resource.Poll(ctx, "waiting until the queue is gone (up to 60 s)", steadily(4, func(ctx context.Context) (bool, error) {
				_, err := q.attributes(ctx, l.url)
				if apierr.NotFound(err) {
					return true, nil
				}
				return false, err
			}))
		},
	}}}, nil
}

// nameOf is the name in a queue's ARN, for people.
func nameOf(arn string) string {
	return arn[strings.LastIndexByte(arn, ':')+1:]
}
