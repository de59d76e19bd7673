package kinesis

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// addTags adds tags to those of a thing unless one is refused.
func (s *Service) addTags(tags bus.Tags, add map[string]string, where string) error {
	for k, v := range add {
		if !bus.TagText(k+v, " \t\r\n\f") {
			return wire.Errorf("InvalidArgumentException", "Failed to add tags to %s because some tags contained illegal characters. The allowed characters are Unicode letters, digits, white space, '_', '.', ':', '/', '=', '+', '-', '@'.", where)
		}
		if bus.ReservedTag(k) {
			return wire.Errorf("InvalidArgumentException", "Failed to add tags to %s because tag keys can not begin with aws:.", where)
		}
	}
	if len(tags.With(add)) > bus.MaxTags {
		return wire.Errorf("InvalidArgumentException", "Failed to add tags to %s because a given stream cannot have more than %d tags associated with it.", where, bus.MaxTags)
	}
	maps.Copy(tags, add)
	return nil
}

func listTags(tags bus.Tags) []types.Tag {
	list := []types.Tag{}
	for _, k := range tags.Keys() {
		list = append(list, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return list
}

func (s *Service) addTagsToStream(_ context.Context, in *kinesis.AddTagsToStreamInput) (*kinesis.AddTagsToStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.active(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	return &kinesis.AddTagsToStreamOutput{}, s.addTags(st.tags, in.Tags, s.where(st))
}

func (s *Service) removeTagsFromStream(_ context.Context, in *kinesis.RemoveTagsFromStreamInput) (*kinesis.RemoveTagsFromStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.active(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	st.tags.Remove(in.TagKeys)
	return &kinesis.RemoveTagsFromStreamOutput{}, nil
}

// tagPage is how many tags ListTagsForStream gives at a time unless asked for
// fewer.
const tagPage = 50

func (s *Service) listTagsForStream(_ context.Context, in *kinesis.ListTagsForStreamInput) (*kinesis.ListTagsForStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	most := tagPage
	if in.Limit != nil {
		most = int(*in.Limit)
	}
	tags := listTags(st.tags)
	if in.ExclusiveStartTagKey != nil {
		tags = slices.DeleteFunc(tags, func(t types.Tag) bool { return *t.Key <= *in.ExclusiveStartTagKey })
	}
	page := tags[:min(most, len(tags))]
	return &kinesis.ListTagsForStreamOutput{Tags: page, HasMoreTags: aws.Bool(len(page) < len(tags))}, nil
}

func (s *Service) tagResource(_ context.Context, in *kinesis.TagResourceInput) (*kinesis.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, where, err := s.taggable(*in.ResourceARN, true)
	if err != nil {
		return nil, err
	}
	return &kinesis.TagResourceOutput{}, s.addTags(tags, in.Tags, where)
}

func (s *Service) untagResource(_ context.Context, in *kinesis.UntagResourceInput) (*kinesis.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, _, err := s.taggable(*in.ResourceARN, true)
	if err != nil {
		return nil, err
	}
	tags.Remove(in.TagKeys)
	return &kinesis.UntagResourceOutput{}, nil
}

func (s *Service) listTagsForResource(_ context.Context, in *kinesis.ListTagsForResourceInput) (*kinesis.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, _, err := s.taggable(*in.ResourceARN, false)
	if err != nil {
		return nil, err
	}
	return &kinesis.ListTagsForResourceOutput{Tags: listTags(tags)}, nil
}

// taggable are the tags of the stream or consumer with an ARN, which must be
// ACTIVE for a change.
func (s *Service) taggable(arn string, change bool) (tags bus.Tags, where string, err error) {
	if strings.Contains(arn, "/consumer/") {
		st, c, err := s.findConsumer(nil, nil, &arn)
		if err != nil {
			return nil, "", err
		}
		if status := c.state(); change && status != types.ConsumerStatusActive {
			return nil, "", wire.Errorf("ResourceInUseException", "Consumer %s of %s not ACTIVE, instead in state %s", c.name, s.where(st), status)
		}
		return c.tags, "consumer " + c.name + " of " + s.where(st), nil
	}
	st, err := s.find(nil, &arn)
	if err != nil {
		return nil, "", err
	}
	if change {
		if err := s.checkActive(st); err != nil {
			return nil, "", err
		}
	}
	return st.tags, s.where(st), nil
}
