// Package sweep finds whatever still carries an owner's tags, whoever made it:
// the proof that nothing was left behind. The tagging API only suggests: it
// lists what is long gone and misses IAM's roles, so each thing that it names is
// looked up at its own service, and the roles at IAM.
//
// Only the three tags of ownership count. A thing whose tags somebody took away
// is not found.
package sweep

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// rolePath is where the roles of all pipelines live.
const rolePath = "/ccsctl/"

// parallel bounds how many services are asked at a time: several of them allow
// 5 such calls a second (trap 38).
const parallel = 8

// Thing is one thing with the owner's tags.
type Thing struct {
	ARN  string
	Kind string // as AWS calls it, "kinesis stream"
	// Doubt says why the thing may be gone all the same: its service could not
	// be asked, or is unknown here. "" is no doubt.
	Doubt string
	// Leaving says that AWS is at work deleting it.
	Leaving bool
}

// Found is what one look found, by ARN.
type Found struct {
	Left []Thing
	// Scheduled are the keys that wait for their deletion, as gone as a key
	// can be.
	Scheduled []Thing
}

// Sweep looks for one owner's things in one account and region.
type Sweep struct {
	owner  resource.Owner
	region string
	tags   *resourcegroupstaggingapi.Client
	iam    *iam.Client
	checks map[string]check
}

// New is a sweep for what is owner's in the account and region of cfg.
func New(cfg aws.Config, owner resource.Owner) *Sweep {
	return &Sweep{
		owner: owner, region: cfg.Region, tags: resourcegroupstaggingapi.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg), checks: checks(cfg),
	}
}

// Left is what is left for good: it looks again, for as long as patience, while
// something that was found is leaving or in doubt. What is certain to be there
// and to stay costs no patience. Keys that wait for their deletion are not
// left; Find tells them.
func (s *Sweep) Left(ctx context.Context, patience time.Duration) ([]Thing, error) {
	var found Found
	deadline := time.Now().Add(patience)
	err := resource.Poll(ctx, "waiting until AWS forgets what was deleted", func(ctx context.Context) (bool, error) {
		var err error
		found, err = s.Find(ctx)
		return !slices.ContainsFunc(found.Left, uncertain) || !time.Now().Before(deadline), err
	})
	return found.Left, err
}

func uncertain(t Thing) bool { return t.Leaving || t.Doubt != "" }

// Find looks once. It fails when the tagging API or IAM can't be asked; a
// service that can't is a Doubt of its things.
func (s *Sweep) Find(ctx context.Context) (Found, error) {
	type roles struct {
		arns []string
		err  error
	}
	asking := make(chan roles, 1)
	go func() {
		arns, err := s.roles(ctx)
		asking <- roles{arns, err}
	}()
	arns, err := s.tagged(ctx)
	r := <-asking
	if err != nil {
		return Found{}, err
	}
	if r.err != nil {
		return Found{}, r.err
	}
	found := s.verify(ctx, arns)
	for _, arn := range r.arns {
		found.Left = append(found.Left, Thing{ARN: arn, Kind: "iam role"})
	}
	slices.SortFunc(found.Left, func(a, b Thing) int { return cmp.Compare(a.ARN, b.ARN) })
	return found, ctx.Err()
}

// tagged is what the tagging API lists, true or not.
func (s *Sweep) tagged(ctx context.Context) ([]string, error) {
	in := &resourcegroupstaggingapi.GetResourcesInput{ResourcesPerPage: aws.Int32(100)}
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
			if arn := aws.ToString(m.ResourceARN); !strings.Contains(arn, ":iam:") {
				arns = append(arns, arn) // roles are IAM's to tell, should the API ever list them
			}
		}
	}
	slices.Sort(arns)
	return slices.Compact(arns), nil
}

// roles asks IAM, which lists roles without their tags. IAM is global and the
// tags name no region: roles of this region end in its name, and those of the
// same pipeline in another one are not looked at.
func (s *Sweep) roles(ctx context.Context) ([]string, error) {
	var arns []string
	pages := iam.NewListRolesPaginator(s.iam, &iam.ListRolesInput{PathPrefix: aws.String(rolePath)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Roles {
			if !strings.HasSuffix(aws.ToString(r.RoleName), "-"+s.region) {
				continue
			}
			tags, err := s.roleTags(ctx, r.RoleName)
			if err != nil {
				return nil, err
			}
			if s.owner.Owns(tags) {
				arns = append(arns, aws.ToString(r.Arn))
			}
		}
	}
	return arns, nil
}

func (s *Sweep) roleTags(ctx context.Context, name *string) (map[string]string, error) {
	tags := map[string]string{}
	pages := iam.NewListRoleTagsPaginator(s.iam, &iam.ListRoleTagsInput{RoleName: name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if apierr.NotFound(err) {
			return nil, nil // gone since
		}
		if err != nil {
			return nil, err
		}
		for _, t := range page.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
	}
	return tags, nil
}

// verify asks each thing's service about it and keeps what is there.
func (s *Sweep) verify(ctx context.Context, arns []string) Found {
	var (
		wg    sync.WaitGroup
		slots = make(chan struct{}, parallel)
		mu    sync.Mutex
		found Found
	)
	for _, arn := range arns {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			thing, state := s.ask(ctx, arn)
			mu.Lock()
			defer mu.Unlock()
			switch state {
			case there:
				found.Left = append(found.Left, thing)
			case scheduled:
				found.Scheduled = append(found.Scheduled, thing)
			}
		})
	}
	wg.Wait()
	slices.SortFunc(found.Scheduled, func(a, b Thing) int { return cmp.Compare(a.ARN, b.ARN) })
	return found
}

func (s *Sweep) ask(ctx context.Context, arn string) (Thing, state) {
	service, kind, name := split(arn)
	thing := Thing{ARN: arn, Kind: strings.TrimSpace(service + " " + kind)}
	check, ok := s.checks[service+":"+kind]
	if !ok {
		thing.Doubt = "nothing here knows this kind of thing"
		return thing, there
	}
	state, err := check(ctx, arn, name)
	switch {
	case apierr.NotFound(err):
		return thing, gone
	case err != nil:
		thing.Doubt = apierr.Message(err)
		return thing, there
	}
	if state == leaving {
		thing.Leaving = true
		return thing, there
	}
	return thing, state
}

// onlyKind is the kind of thing of the services whose ARNs name none.
var onlyKind = map[string]string{"sqs": "queue", "sns": "topic", "s3": "bucket"}

// split takes an ARN apart: kinesis, stream, name.
func split(arn string) (service, kind, name string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return "", "", arn
	}
	service, name = parts[2], parts[5]
	if kind, ok := onlyKind[service]; ok {
		return service, kind, name
	}
	if i := strings.IndexAny(name, ":/"); i >= 0 {
		kind, name = name[:i], name[i+1:]
	}
	return service, kind, name
}
