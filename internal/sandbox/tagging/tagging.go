// Package tagging is the sandbox's Resource Groups Tagging API: what in the
// account has which tags. Like AWS's it is eventually consistent, shows what is
// already gone, and knows nothing of IAM's roles.
package tagging

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	tagapi "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Service is the tagging API.
type Service struct {
	bus *bus.Bus

	mu     sync.Mutex
	seen   map[string]*sight
	primed bool // the first look takes what is there as there for long
}

// sight is one thing as the API shows it, and a change of it that has been
// noticed but not spread. The API looks only when it is asked, so a change
// counts from the first question after it.
type sight struct {
	tags    bus.Tags  // nil: not shown yet
	next    bus.Tags  // nil: gone
	changed time.Time // zero: nothing is to change
}

// New is the tagging API of the bus's account.
func New(b *bus.Bus) *Service { return &Service{bus: b, seen: map[string]*sight{}} }

// Wire is what the service offers.
func (s *Service) Wire() wire.Service {
	return wire.Service{Name: "resourcegroupstaggingapi", Invalid: "InvalidParameterException", Ops: map[string]wire.Op{
		"GetResources": wire.Handle(s.getResources),
		"GetTagKeys":   wire.Handle(s.getTagKeys),
		"GetTagValues": wire.Handle(s.getTagValues),
	}}
}

// look is what the API shows now, by ARN.
func (s *Service) look() []bus.Tagged {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	there := map[string]bus.Tags{}
	for _, t := range s.bus.Tagged() {
		if !strings.HasPrefix(t.ARN, "arn:"+bus.Partition+":iam:") { // "GetResources does not currently support IAM users and roles"
			there[t.ARN] = t.Tags
			if s.seen[t.ARN] == nil {
				s.seen[t.ARN] = &sight{}
			}
		}
	}
	var shown []bus.Tagged
	for _, arn := range slices.Sorted(maps.Keys(s.seen)) {
		v := s.seen[arn]
		v.notice(there[arn], now)
		if !s.primed || now.Sub(v.changed) >= s.bus.Timing.TagSpread {
			v.tags = v.next
		}
		switch {
		case v.tags != nil:
			shown = append(shown, bus.Tagged{ARN: arn, Tags: v.tags})
		case v.next == nil:
			delete(s.seen, arn)
		}
	}
	s.primed = true
	return shown
}

// notice takes note of what the thing is like now, nil for gone.
func (v *sight) notice(tags map[string]string, now time.Time) {
	if !maps.Equal(tags, v.next) || (tags == nil) != (v.next == nil) {
		v.next, v.changed = tags, now
	}
}

func invalid(format string, args ...any) error {
	return wire.Errorf("InvalidParameterException", format, args...)
}

func (s *Service) getResources(_ context.Context, in *tagapi.GetResourcesInput) (*tagapi.GetResourcesOutput, error) {
	if err := check(in); err != nil {
		return nil, err
	}
	var arns []string
	tags := map[string]bus.Tags{}
	for _, t := range s.look() {
		if wanted(in, t) {
			arns, tags[t.ARN] = append(arns, t.ARN), t.Tags
		}
	}
	arns, next := page(arns, in.PaginationToken, in.ResourcesPerPage)
	out := &tagapi.GetResourcesOutput{ResourceTagMappingList: []types.ResourceTagMapping{}, PaginationToken: next}
	for _, arn := range arns {
		m := types.ResourceTagMapping{ResourceARN: aws.String(arn), Tags: []types.Tag{}}
		for _, k := range tags[arn].Keys() {
			m.Tags = append(m.Tags, types.Tag{Key: aws.String(k), Value: aws.String(tags[arn][k])})
		}
		out.ResourceTagMappingList = append(out.ResourceTagMappingList, m)
	}
	return out, nil
}

func check(in *tagapi.GetResourcesInput) error {
	if in.ResourceARNList != nil && (in.TagFilters != nil || in.ResourceTypeFilters != nil || aws.ToString(in.PaginationToken) != "" || in.ResourcesPerPage != nil || in.TagsPerPage != nil) {
		return invalid("ResourceARNList can not be specified together with filters or pagination parameters")
	}
	if n := in.ResourcesPerPage; n != nil && (*n < 1 || *n > 100) {
		return invalid("ResourcesPerPage must be between 1 and 100")
	}
	if n := in.TagsPerPage; n != nil && (*n < 100 || *n > 500) {
		return invalid("TagsPerPage must be between 100 and 500")
	}
	if len(in.ResourceTypeFilters) > 100 {
		return invalid("No more than 100 resource types can be specified")
	}
	if aws.ToBool(in.ExcludeCompliantResources) && !aws.ToBool(in.IncludeComplianceDetails) {
		return invalid("ExcludeCompliantResources can be used only with IncludeComplianceDetails")
	}
	for _, f := range in.TagFilters {
		if f.Key == nil {
			return invalid("A TagFilter must have a Key")
		}
	}
	return nil
}

// wanted applies the filters: every tag filter, any of its values, and any of
// the resource types.
func wanted(in *tagapi.GetResourcesInput, t bus.Tagged) bool {
	if in.ResourceARNList != nil {
		return slices.Contains(in.ResourceARNList, t.ARN)
	}
	for _, f := range in.TagFilters {
		v, ok := t.Tags[*f.Key]
		if !ok || (len(f.Values) > 0 && !slices.Contains(f.Values, v)) {
			return false
		}
	}
	return len(in.ResourceTypeFilters) == 0 || slices.ContainsFunc(in.ResourceTypeFilters, func(f string) bool {
		service, kind, typed := strings.Cut(f, ":")
		s, k := kindOf(t.ARN)
		return service == s && (!typed || kind == k)
	})
}

// kindOf is the service and the resource type in an ARN. Those of three
// services name no type.
func kindOf(arn string) (service, kind string) {
	parts := strings.SplitN(arn, ":", 6)
	service = parts[2]
	if kind, ok := map[string]string{"s3": "bucket", "sqs": "queue", "sns": "topic"}[service]; ok {
		return service, kind
	}
	return service, parts[5][:strings.IndexAny(parts[5]+":", ":/")]
}

// page cuts a page off sorted names. The token for the first page may be "",
// and that after the last one is: never absent.
func page(names []string, token *string, limit *int32) ([]string, *string) {
	names, next := wire.Page(names, token, limit, 50)
	return names, cmp.Or(next, aws.String(""))
}

func (s *Service) getTagKeys(_ context.Context, in *tagapi.GetTagKeysInput) (*tagapi.GetTagKeysOutput, error) {
	keys := s.collect(func(k, _ string) string { return k })
	keys, next := page(keys, in.PaginationToken, nil)
	return &tagapi.GetTagKeysOutput{TagKeys: keys, PaginationToken: next}, nil
}

func (s *Service) getTagValues(_ context.Context, in *tagapi.GetTagValuesInput) (*tagapi.GetTagValuesOutput, error) {
	values := s.collect(func(k, v string) string {
		if k == *in.Key {
			return v
		}
		return ""
	})
	values, next := page(values, in.PaginationToken, nil)
	return &tagapi.GetTagValuesOutput{TagValues: values, PaginationToken: next}, nil
}

// collect is what f gives for all tags, sorted, without repetitions and "".
func (s *Service) collect(f func(key, value string) string) []string {
	all := map[string]bool{}
	for _, t := range s.look() {
		for k, v := range t.Tags {
			all[f(k, v)] = true
		}
	}
	delete(all, "")
	return slices.Sorted(maps.Keys(all))
}
