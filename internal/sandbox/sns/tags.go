package sns

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// readTags checks tags that join those of have.
func readTags(list []types.Tag, have bus.Tags) (bus.Tags, error) {
	tags := have.With(nil)
	seen := map[string]bool{}
	for _, t := range list {
		k := aws.ToString(t.Key)
		if seen[k] {
			return nil, invalid("Duplicated keys are not allowed.")
		}
		if bus.ReservedTag(k) || !bus.TagText(k+aws.ToString(t.Value), "") {
			return nil, invalid("Tags Reason: tag %s is invalid", k)
		}
		seen[k], tags[k] = true, aws.ToString(t.Value)
	}
	if len(tags) > bus.MaxTags {
		return nil, wire.Errorf("TagLimitExceededException", "Could not complete request: tag quota of per resource exceeded")
	}
	return tags, nil
}

// resource is the topic of a tagging call, which has an error of its own.
func (s *Service) resource(arn string) (*topic, error) {
	if t := s.topics[arn]; t != nil {
		return t, nil
	}
	return nil, wire.Errorf("ResourceNotFoundException", "Resource does not exist")
}

func (s *Service) tagResource(_ context.Context, in *sns.TagResourceInput) (*sns.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.resource(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := readTags(in.Tags, t.tags)
	if err != nil {
		return nil, err
	}
	t.tags = tags
	return &sns.TagResourceOutput{}, nil
}

func (s *Service) untagResource(_ context.Context, in *sns.UntagResourceInput) (*sns.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.resource(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	t.tags.Remove(in.TagKeys)
	return &sns.UntagResourceOutput{}, nil
}

func (s *Service) listTagsForResource(_ context.Context, in *sns.ListTagsForResourceInput) (*sns.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.resource(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &sns.ListTagsForResourceOutput{}
	for _, k := range t.tags.Keys() {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(t.tags[k])})
	}
	return out, nil
}
