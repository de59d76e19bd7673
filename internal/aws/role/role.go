// Package role is an IAM role with one inline policy: who may take it, what it
// may do, and the boundary that caps it. A role is readable long before it can
// be used (trap 1); waiting for that is left to the planner's patience with
// those who use it, because only their success proves it.
package role

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/policy"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Spec is the wanted role.
type Spec struct {
	Name        string // within the pipeline, for people
	RoleName    string // unique in the account whatever the case, and in all regions
	Path        string // "/ccsctl/"; part of the ARN, so it can't be changed
	Description string
	Trust       string // JSON: who may take the role
	PolicyName  string
	// Policy is the JSON of what the role may do. It is asked for when the role
	// is compared and again when it is written, because it may name things
	// that are known only once they are made.
	Policy func(ctx context.Context) (string, error)
	// Boundary is the ARN of the managed policy that caps the role. Empty
	// leaves alone whatever boundary the role has: somebody put it there to
	// hold the role back.
	Boundary string
	// MaxSession is how long a session of the role may last, 0 for AWS's hour.
	MaxSession time.Duration
	Owner      resource.Owner
}

// Role is one role, live or still to be made.
type Role struct {
	iam  *iam.Client
	spec Spec
}

var _ resource.Resource = (*Role)(nil)

// New is the role of spec in the account of cfg.
func New(cfg aws.Config, spec Spec) *Role {
	if spec.MaxSession == 0 {
		spec.MaxSession = time.Hour
	}
	return &Role{iam: iam.NewFromConfig(cfg), spec: spec}
}

// ID is role/NAME.
func (r *Role) ID() resource.ID { return resource.ID{Kind: "role", Name: r.spec.Name} }

// live is what IAM says of the role.
type live struct {
	role     *types.Role
	trust    string
	policy   string // of our name; "" is none
	boundary string
	tags     map[string]string
}

// find reads the role and its policy side by side: nil is no such role.
func (r *Role) find(ctx context.Context) (*live, error) {
	type answer struct {
		policy string
		err    error
	}
	reading := make(chan answer, 1)
	go func() {
		p, err := r.readPolicy(ctx)
		reading <- answer{p, err}
	}()
	l, err := r.read(ctx)
	inline := <-reading
	switch {
	case err != nil || l == nil:
		return nil, err
	case inline.err != nil:
		return nil, inline.err
	}
	l.policy = inline.policy
	return l, nil
}

// read is the role without its policy; nil is no such role.
func (r *Role) read(ctx context.Context) (*live, error) {
	out, err := r.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &r.spec.RoleName})
	if apierr.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	trust, err := decode(out.Role.AssumeRolePolicyDocument)
	if err != nil {
		return nil, err
	}
	l := &live{role: out.Role, trust: trust, tags: map[string]string{}}
	if b := out.Role.PermissionsBoundary; b != nil {
		l.boundary = aws.ToString(b.PermissionsBoundaryArn)
	}
	for _, t := range out.Role.Tags {
		l.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return l, nil
}

// readPolicy is the inline policy, "" when there is none.
func (r *Role) readPolicy(ctx context.Context) (string, error) {
	out, err := r.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &r.spec.RoleName, PolicyName: &r.spec.PolicyName})
	if apierr.NotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return decode(out.PolicyDocument)
}

// decode undoes the percent encoding in which IAM returns documents.
func decode(document *string) (string, error) {
	text, err := url.PathUnescape(aws.ToString(document))
	if err != nil {
		return "", fmt.Errorf("a policy document in no encoding of IAM's: %w", err)
	}
	return text, nil
}

// Diff implements resource.Resource.
func (r *Role) Diff(ctx context.Context) (resource.Change, error) {
	l, err := r.find(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	want, err := r.spec.Policy(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	if l == nil {
		return r.creation(want), nil
	}
	owned := r.spec.Owner.Owns(l.tags)
	if path := aws.ToString(l.role.Path); path != r.spec.Path {
		return r.moved(ctx, path, want, owned)
	}
	c := resource.Change{Action: resource.None}
	r.diffTags(&c, l) // first, so that an adoption cut short is resumed as an update
	r.diffSettings(&c, l)
	if !policy.Same(l.policy, want) {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "policy", Old: l.policy, New: want})
		c.Steps = append(c.Steps, r.policyStep())
	}
	if len(c.Steps) > 0 {
		c.Action = resource.Update
	}
	if !owned {
		c.Action, c.Reason = resource.Conflict, fmt.Sprintf("the role %s is not ours", r.spec.RoleName)
	}
	return c, nil
}

func (r *Role) creation(policy string) resource.Change {
	c := resource.Change{
		Action: resource.Create,
		Attributes: []resource.Attribute{
			{Name: "name", New: r.spec.RoleName},
			{Name: "trust", New: r.spec.Trust},
			{Name: "policy", New: policy},
		},
		Steps: []resource.Step{{Call: "iam:CreateRole", Do: r.create, Wait: r.waitForRole}, r.policyStep()},
	}
	if r.spec.Boundary != "" {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "boundary", New: r.spec.Boundary})
	}
	return c
}

// moved is the change of a role on another path. The path is part of the ARN by
// which everybody names the role, so ours is made anew. Somebody else's must
// not be deleted for the sake of its name, so it can't be adopted.
func (r *Role) moved(ctx context.Context, path, want string, owned bool) (resource.Change, error) {
	attribute := resource.Attribute{Name: "path", Old: path, New: r.spec.Path, Replaces: true}
	if !owned {
		return resource.Change{
			Action: resource.Conflict, Attributes: []resource.Attribute{attribute},
			Reason: fmt.Sprintf("the role %s is not ours and lives on another path", r.spec.RoleName),
			Steps: []resource.Step{{Do: func(context.Context) error {
				return fmt.Errorf("%s can not be adopted: its path is %s, must be %s, and AWS can't change it", r.spec.RoleName, path, r.spec.Path)
			}}},
		}, nil
	}
	steps, err := r.removalSteps(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	return resource.Change{
		Action: resource.Replace, Attributes: []resource.Attribute{attribute}, Reason: "AWS can't change a role's path",
		Steps: append(steps, r.creation(want).Steps...),
	}, nil
}

func (r *Role) diffTags(c *resource.Change, l *live) {
	diff := r.spec.Owner.DiffTags(l.tags)
	if len(diff) == 0 {
		return
	}
	c.Attributes = append(c.Attributes, diff...)
	c.Steps = append(c.Steps, resource.Step{Call: "iam:TagRole", Do: func(ctx context.Context) error {
		_, err := r.iam.TagRole(ctx, &iam.TagRoleInput{RoleName: &r.spec.RoleName, Tags: r.wantTags()})
		return err
	}})
}

func (r *Role) diffSettings(c *resource.Change, l *live) {
	described, session := aws.ToString(l.role.Description), time.Duration(aws.ToInt32(l.role.MaxSessionDuration))*time.Second
	var update bool
	if described != r.spec.Description {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "description", Old: described, New: r.spec.Description})
		update = true
	}
	if session != 0 && session != r.spec.MaxSession {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "max_session", Old: hours(session), New: hours(r.spec.MaxSession)})
		update = true
	}
	if update {
		c.Steps = append(c.Steps, resource.Step{Call: "iam:UpdateRole", Do: r.update})
	}
	if !policy.Same(l.trust, r.spec.Trust) {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "trust", Old: l.trust, New: r.spec.Trust})
		c.Steps = append(c.Steps, resource.Step{Call: "iam:UpdateAssumeRolePolicy", Do: func(ctx context.Context) error {
			_, err := r.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: &r.spec.RoleName, PolicyDocument: &r.spec.Trust})
			return err
		}})
	}
	if r.spec.Boundary != "" && l.boundary != r.spec.Boundary {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "boundary", Old: l.boundary, New: r.spec.Boundary})
		c.Steps = append(c.Steps, resource.Step{Call: "iam:PutRolePermissionsBoundary", Do: func(ctx context.Context) error {
			_, err := r.iam.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &r.spec.RoleName, PermissionsBoundary: &r.spec.Boundary})
			return err
		}})
	}
}

func hours(d time.Duration) string { return fmt.Sprintf("%g h", d.Hours()) }

// Removal implements resource.Resource.
func (r *Role) Removal(ctx context.Context) (resource.Change, error) {
	l, err := r.read(ctx)
	if err != nil || l == nil {
		return resource.Change{Action: resource.None}, err
	}
	if !r.spec.Owner.Owns(l.tags) {
		return resource.Change{Action: resource.Keep, Reason: "not ours"}, nil
	}
	steps, err := r.removalSteps(ctx)
	return resource.Change{Action: resource.Delete, Steps: steps}, err
}
