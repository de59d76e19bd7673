package lambda

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// retag adds tags to have, or refuses them all.
func retag(have bus.Tags, add map[string]string) error {
	for key := range add {
		if bus.ReservedTag(key) {
			return invalid("Tag keys starting with 'aws:' are reserved for system use.")
		}
	}
	if len(have.With(add)) > bus.MaxTags {
		return invalid("The number of tags exceeds the limit of 50.")
	}
	maps.Copy(have, add)
	return nil
}

// tagsOf finds the tags of a function or mapping.
func (s *Service) tagsOf(arn string) (bus.Tags, error) {
	if uuid, ok := s.bus.Name(arn, "lambda", "event-source-mapping:"); ok {
		m, err := s.mapping(uuid)
		if err != nil {
			return nil, err
		}
		return m.tags, nil
	}
	if name, ok := s.bus.Name(arn, "lambda", "function:"); ok {
		if strings.Contains(name, ":") {
			return nil, invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
		}
		f, err := s.find(name)
		if err != nil {
			return nil, err
		}
		return f.tags, nil
	}
	return nil, notFound("The resource you requested does not exist.")
}

func (s *Service) tagResource(_ context.Context, in *lambda.TagResourceInput) (*lambda.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagsOf(*in.Resource)
	if err != nil {
		return nil, err
	}
	return &lambda.TagResourceOutput{}, retag(tags, in.Tags)
}

func (s *Service) untagResource(_ context.Context, in *lambda.UntagResourceInput) (*lambda.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagsOf(*in.Resource)
	if err != nil {
		return nil, err
	}
	tags.Remove(in.TagKeys)
	return &lambda.UntagResourceOutput{}, nil
}

func (s *Service) listTags(_ context.Context, in *lambda.ListTagsInput) (*lambda.ListTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagsOf(*in.Resource)
	if err != nil {
		return nil, err
	}
	return &lambda.ListTagsOutput{Tags: maps.Clone(tags)}, nil
}
