package sns

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// readTags checks tags that join those of have.
func readTags(list []types.Tag, have map[string]string) (map[string]string, error) {
	tags := maps.Clone(have)
	if tags == nil {
		tags = map[string]string{}
	}
	seen := map[string]bool{}
	for _, t := range list {
		k := aws.ToString(t.Key)
		if seen[k] {
			return nil, invalid("Duplicated keys are not allowed.")
		}
		if strings.HasPrefix(strings.ToLower(k), "aws:") || !goodTag.MatchString(k+aws.ToString(t.Value)) {
			return nil, invalid("Tags Reason: tag %s is invalid", k)
		}
		seen[k], tags[k] = true, aws.ToString(t.Value)
	}
	if len(tags) > 50 {
		return nil, wire.Errorf("TagLimitExceededException", "Could not complete request: tag quota of per resource exceeded")
	}
	return tags, nil
}

// goodTag is what AWS takes in the keys and values of tags.
var goodTag = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

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
	for _, k := range in.TagKeys {
		delete(t.tags, k)
	}
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
	for _, k := range slices.Sorted(maps.Keys(t.tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(t.tags[k])})
	}
	return out, nil
}
