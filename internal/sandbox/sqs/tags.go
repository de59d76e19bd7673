package sqs

import (
	"context"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// checkTags refuses what SQS refuses of tags that join those of have.
func checkTags(add map[string]string, have bus.Tags) error {
	if len(have.With(add)) > bus.MaxTags {
		return wire.Errorf("InvalidParameterValue", "Too many tags added for queue. Maximum number of tags per queue is 50.")
	}
	for k, v := range add {
		if k == "" || len(k) > 128 || len(v) > 256 || bus.ReservedTag(k) || !bus.TagText(k+v, "") {
			return wire.Errorf("InvalidParameterValue", "Tag %s=%s is invalid.", k, v)
		}
	}
	return nil
}

func (s *Service) tagQueue(_ context.Context, in *sqs.TagQueueInput) (*sqs.TagQueueOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 {
		return nil, wire.Errorf("MissingParameter", "The request must contain the parameter Tags.")
	}
	if err := checkTags(in.Tags, q.tags); err != nil {
		return nil, err
	}
	maps.Copy(q.tags, in.Tags)
	return &sqs.TagQueueOutput{}, nil
}

func (s *Service) untagQueue(_ context.Context, in *sqs.UntagQueueInput) (*sqs.UntagQueueOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	q.tags.Remove(in.TagKeys)
	return &sqs.UntagQueueOutput{}, nil
}

func (s *Service) listQueueTags(_ context.Context, in *sqs.ListQueueTagsInput) (*sqs.ListQueueTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &sqs.ListQueueTagsOutput{Tags: maps.Clone(q.tags)}, nil
}
