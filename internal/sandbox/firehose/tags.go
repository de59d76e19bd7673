package firehose

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

func tagMap(tags []types.Tag) (bus.Tags, error) {
	m := bus.Tags{}
	for _, t := range tags {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		switch {
		case bus.ReservedTag(key):
			return nil, invalid("Tag keys can not start with aws:")
		case !bus.TagText(key+value, "%"):
			return nil, invalid("The tag %s=%s contains characters that are not allowed", key, value)
		}
		m[key] = value
	}
	return m, nil
}

func (s *Service) tag(_ context.Context, in *firehose.TagDeliveryStreamInput) (*firehose.TagDeliveryStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.active(*in.DeliveryStreamName)
	if err != nil {
		return nil, err
	}
	add, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	all := st.tags.With(add)
	if len(all) > bus.MaxTags {
		return nil, wire.Errorf("LimitExceededException", "A Firehose can have at most 50 tags")
	}
	st.tags = all
	return &firehose.TagDeliveryStreamOutput{}, nil
}

func (s *Service) untag(_ context.Context, in *firehose.UntagDeliveryStreamInput) (*firehose.UntagDeliveryStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.active(*in.DeliveryStreamName)
	if err != nil {
		return nil, err
	}
	st.tags.Remove(in.TagKeys)
	return &firehose.UntagDeliveryStreamOutput{}, nil
}

func (s *Service) listTags(_ context.Context, in *firehose.ListTagsForDeliveryStreamInput) (*firehose.ListTagsForDeliveryStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(*in.DeliveryStreamName)
	if err != nil {
		return nil, err
	}
	most := 10 // what AWS gives who does not ask for more
	if in.Limit != nil {
		most = int(*in.Limit)
	}
	out := &firehose.ListTagsForDeliveryStreamOutput{HasMoreTags: aws.Bool(false)}
	for _, k := range st.tags.Keys() {
		if k <= aws.ToString(in.ExclusiveStartTagKey) && in.ExclusiveStartTagKey != nil {
			continue
		}
		if len(out.Tags) == most {
			out.HasMoreTags = aws.Bool(true)
			break
		}
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(st.tags[k])})
	}
	return out, nil
}
