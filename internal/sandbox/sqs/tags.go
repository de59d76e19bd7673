package sqs

import (
	"context"
	"maps"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// checkTags refuses what SQS refuses of tags that join those of have.
func checkTags(add, have map[string]string) error {
	all := maps.Clone(add)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, have)
	if len(all) > 50 {
		return wire.Errorf("InvalidParameterValue", "Too many tags added for queue. Maximum number of tags per queue is 50.")
	}
	for k, v := range add {
		if k == "" || len(k) > 128 || len(v) > 256 || strings.HasPrefix(strings.ToLower(k), "aws:") || !goodTag.MatchString(k+v) {
			return wire.Errorf("InvalidParameterValue", "Tag %s=%s is invalid.", k, v)
		}
	}
	return nil
}

// goodTag is what AWS takes in the keys and values of tags.
var goodTag = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

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
	for _, k := range in.TagKeys {
		delete(q.tags, k)
	}
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
