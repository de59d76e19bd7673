package sweep

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Expired are the ARNs of the owner's things that were made for a while only,
// and whose time is over. The tagging API tells of a new thing late and of one
// that is gone for a while longer: what is listed may not be there any more.
func (s *Sweep) Expired(ctx context.Context, now time.Time) ([]string, error) {
	in := &resourcegroupstaggingapi.GetResourcesInput{
		ResourcesPerPage: aws.Int32(100), TagFilters: []types.TagFilter{{Key: aws.String(resource.TagExpires)}},
	}
	for k, v := range s.owner.Marks() {
		in.TagFilters = append(in.TagFilters, types.TagFilter{Key: &k, Values: []string{v}})
	}
	var arns []string
	pages := resourcegroupstaggingapi.NewGetResourcesPaginator(s.tags, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, m := range page.ResourceTagMappingList {
			for _, tag := range m.Tags {
				if aws.ToString(tag.Key) != resource.TagExpires {
					continue
				}
				if at, err := time.Parse(time.RFC3339, aws.ToString(tag.Value)); err == nil && at.Before(now) {
					arns = append(arns, aws.ToString(m.ResourceARN))
				}
			}
		}
	}
	return arns, nil
}
