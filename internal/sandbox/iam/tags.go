package iam

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// merge is old with tags added. IAM, unlike most services, does not tell the
// cases of tag keys apart: a key keeps the case that it was last set with.
func merge(old bus.Tags, tags []types.Tag) (bus.Tags, error) {
	all := old.With(nil)
	seen := map[string]bool{}
	for _, t := range tags {
		k := aws.ToString(t.Key)
		lower := strings.ToLower(k)
		if bus.ReservedTag(k) {
			return nil, wire.Errorf("InvalidInputException", "Value '%s' is not allowed: tag keys can not begin with aws:.", k)
		}
		if seen[lower] {
			return nil, wire.Errorf("InvalidInputException", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[lower] = true
		maps.DeleteFunc(all, func(name, _ string) bool { return strings.ToLower(name) == lower })
		all[k] = aws.ToString(t.Value)
	}
	if len(all) > bus.MaxTags {
		return nil, wire.Errorf("LimitExceededException", "The number of tags has reached the maximum limit.")
	}
	return all, nil
}

func list(tags bus.Tags) []types.Tag {
	var all []types.Tag
	for _, k := range tags.Keys() {
		all = append(all, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return all
}

func (s *Service) tagRole(_ context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	return &iam.TagRoleOutput{}, s.change(in.RoleName, func(r *role) error {
		tags, err := merge(r.tags, in.Tags)
		if err == nil {
			r.tags = tags
		}
		return err
	})
}

func (s *Service) untagRole(_ context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	return &iam.UntagRoleOutput{}, s.change(in.RoleName, func(r *role) error {
		maps.DeleteFunc(r.tags, func(name, _ string) bool {
			return slices.ContainsFunc(in.TagKeys, func(k string) bool { return strings.EqualFold(k, name) })
		})
		return nil
	})
}

func (s *Service) listRoleTags(_ context.Context, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	out := &iam.ListRoleTagsOutput{Tags: []types.Tag{}}
	return out, s.change(in.RoleName, func(r *role) error {
		page, next := wire.Page(r.tags.Keys(), in.Marker, in.MaxItems, maxListed)
		out.Marker, out.IsTruncated = next, next != nil
		for _, k := range page {
			out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(r.tags[k])})
		}
		return nil
	})
}
