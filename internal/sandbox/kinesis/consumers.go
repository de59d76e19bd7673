package kinesis

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// consumer is one enhanced fan-out consumer.
type consumer struct {
	name    string
	created time.Time
	ready   time.Time // ACTIVE from then on
	gone    time.Time // zero until it is deregistered; DELETING before then
	tags    bus.Tags
}

func (c *consumer) state() types.ConsumerStatus {
	switch {
	case !c.gone.IsZero():
		return types.ConsumerStatusDeleting
	case time.Now().Before(c.ready):
		return types.ConsumerStatusCreating
	default:
		return types.ConsumerStatusActive
	}
}

// The limits of RegisterStreamConsumer (its API ref).
const (
	mostConsumers         = 20
	mostCreatingConsumers = 5
)

func (s *Service) consumerARN(st *stream, c *consumer) string {
	return fmt.Sprintf("%s/consumer/%s:%d", s.arn(st), c.name, c.created.Unix())
}

// liveConsumers are the consumers that are there, by name.
func (st *stream) liveConsumers() []*consumer {
	now := time.Now()
	var all []*consumer
	for name, c := range st.consumers {
		if !c.gone.IsZero() && !now.Before(c.gone) {
			delete(st.consumers, name)
			continue
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *consumer) int { return cmp.Compare(a.name, b.name) })
	return all
}

func (s *Service) registerConsumer(_ context.Context, in *kinesis.RegisterStreamConsumerInput) (*kinesis.RegisterStreamConsumerOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(nil, in.StreamARN)
	if err != nil {
		return nil, err
	}
	if !st.readable() {
		return nil, s.checkActive(st)
	}
	creating := 0
	for _, c := range st.liveConsumers() {
		if c.name == *in.ConsumerName {
			return nil, wire.Errorf("ResourceInUseException", "Consumer %s of %s already exists.", c.name, s.where(st))
		}
		if c.state() == types.ConsumerStatusCreating {
			creating++
		}
	}
	if len(st.consumers) >= mostConsumers || creating >= mostCreatingConsumers {
		return nil, wire.Errorf("LimitExceededException", "%s has %d consumers, %d of them in the CREATING state: no more than %d and %d are allowed.", s.where(st), len(st.consumers), creating, mostConsumers, mostCreatingConsumers)
	}
	now := time.Now()
	c := &consumer{name: *in.ConsumerName, created: now, ready: now.Add(s.bus.Timing.StreamUpdate), tags: map[string]string{}}
	if err := s.addTags(c.tags, in.Tags, "consumer "+c.name+" of "+s.where(st)); err != nil {
		return nil, err
	}
	st.consumers[c.name] = c
	return &kinesis.RegisterStreamConsumerOutput{Consumer: &types.Consumer{
		ConsumerName: aws.String(c.name), ConsumerARN: aws.String(s.consumerARN(st, c)),
		ConsumerStatus: types.ConsumerStatusCreating, ConsumerCreationTimestamp: aws.Time(c.created),
	}}, nil
}

func (s *Service) deregisterConsumer(_ context.Context, in *kinesis.DeregisterStreamConsumerInput) (*kinesis.DeregisterStreamConsumerOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, c, err := s.findConsumer(in.StreamARN, in.ConsumerName, in.ConsumerARN)
	if err != nil {
		return nil, err
	}
	if c.gone.IsZero() {
		c.gone = time.Now().Add(s.bus.Timing.StreamUpdate)
	}
	return &kinesis.DeregisterStreamConsumerOutput{}, nil
}

func (s *Service) describeConsumer(_ context.Context, in *kinesis.DescribeStreamConsumerInput) (*kinesis.DescribeStreamConsumerOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, c, err := s.findConsumer(in.StreamARN, in.ConsumerName, in.ConsumerARN)
	if err != nil {
		return nil, err
	}
	return &kinesis.DescribeStreamConsumerOutput{ConsumerDescription: &types.ConsumerDescription{
		ConsumerName: aws.String(c.name), ConsumerARN: aws.String(s.consumerARN(st, c)), StreamARN: aws.String(s.arn(st)),
		ConsumerStatus: c.state(), ConsumerCreationTimestamp: aws.Time(c.created),
	}}, nil
}

func (s *Service) listConsumers(_ context.Context, in *kinesis.ListStreamConsumersInput) (*kinesis.ListStreamConsumersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(nil, in.StreamARN)
	if err != nil {
		return nil, err
	}
	var after string
	if in.NextToken != nil {
		t, err := readToken("consumers", *in.NextToken)
		if err != nil {
			return nil, err
		}
		after = t.After
	}
	most := 100
	if in.MaxResults != nil {
		most = int(*in.MaxResults)
	}
	out := &kinesis.ListStreamConsumersOutput{Consumers: []types.Consumer{}}
	for _, c := range st.liveConsumers() {
		if c.name <= after {
			continue
		}
		if len(out.Consumers) == most {
			out.NextToken = aws.String(token{List: "consumers", After: *out.Consumers[most-1].ConsumerName}.String())
			break
		}
		out.Consumers = append(out.Consumers, types.Consumer{
			ConsumerName: aws.String(c.name), ConsumerARN: aws.String(s.consumerARN(st, c)),
			ConsumerStatus: c.state(), ConsumerCreationTimestamp: aws.Time(c.created),
		})
	}
	return out, nil
}

// findConsumer resolves the ways to name a consumer: its ARN, or its stream's
// ARN and its name, or all three when they agree.
func (s *Service) findConsumer(streamARN, name, arn *string) (*stream, *consumer, error) {
	if arn == nil && (streamARN == nil || name == nil) {
		return nil, nil, wire.Errorf("InvalidArgumentException", "Either ConsumerARN, or StreamARN and ConsumerName should be provided.")
	}
	if arn != nil {
		ofStream, rest, ok := strings.Cut(*arn, "/consumer/")
		ofName, _, _ := strings.Cut(rest, ":")
		if !ok || (streamARN != nil && *streamARN != ofStream) || (name != nil && *name != ofName) {
			return nil, nil, wire.Errorf("InvalidArgumentException", "ConsumerARN, StreamARN and ConsumerName do not name the same consumer.")
		}
		streamARN, name = &ofStream, &ofName
	}
	st, err := s.find(nil, streamARN)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range st.liveConsumers() {
		if c.name == *name && (arn == nil || *arn == s.consumerARN(st, c)) {
			return st, c, nil
		}
	}
	return nil, nil, wire.Errorf("ResourceNotFoundException", "Consumer %s of %s not found.", *name, s.where(st))
}
