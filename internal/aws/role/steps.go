package role

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/policy"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// create makes the role. One of ours that is there already is what was asked
// for: an answer got lost. Anybody else's is not.
func (r *Role) create(ctx context.Context) error {
	in := &iam.CreateRoleInput{
		RoleName: &r.spec.RoleName, Path: &r.spec.Path, Description: &r.spec.Description, AssumeRolePolicyDocument: &r.spec.Trust,
		MaxSessionDuration: r.session(), Tags: r.wantTags(),
	}
	if r.spec.Boundary != "" {
		in.PermissionsBoundary = &r.spec.Boundary
	}
	_, err := r.iam.CreateRole(ctx, in)
	if !apierr.Exists(err) {
		return err
	}
	l, readErr := r.read(ctx)
	if readErr != nil {
		return readErr
	}
	if l == nil || !r.spec.Owner.Owns(l.tags) {
		return err
	}
	return nil
}

func (r *Role) session() *int32 { return aws.Int32(int32(r.spec.MaxSession / time.Second)) }

func (r *Role) wantTags() []types.Tag {
	var tags []types.Tag
	for k, v := range r.spec.Owner.Tags() {
		tags = append(tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	return tags
}

// waitForRole returns when IAM itself knows the role, before which it refuses
// the role's policy.
func (r *Role) waitForRole(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until IAM knows the role", func(ctx context.Context) (bool, error) {
		l, err := r.read(ctx)
		return l != nil, err
	})
}

// policyStep writes the policy and waits until IAM reads it back, so that the
// next plan does not see the old one.
func (r *Role) policyStep() resource.Step {
	return resource.Step{
		Call: "iam:PutRolePolicy",
		Do: func(ctx context.Context) error {
			doc, err := r.spec.Policy(ctx)
			if err != nil {
				return err
			}
			_, err = r.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &r.spec.RoleName, PolicyName: &r.spec.PolicyName, PolicyDocument: &doc})
			return err
		},
		Wait: func(ctx context.Context) error {
			want, err := r.spec.Policy(ctx)
			if err != nil {
				return err
			}
			return resource.Poll(ctx, "waiting until IAM shows the role's policy", func(ctx context.Context) (bool, error) {
				got, err := r.readPolicy(ctx)
				return policy.Same(got, want), err
			})
		},
	}
}

// update sends description and session together: what is left out of the call
// falls back to AWS's default.
func (r *Role) update(ctx context.Context) error {
	_, err := r.iam.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: &r.spec.RoleName, Description: &r.spec.Description, MaxSessionDuration: r.session()})
	return err
}

// deletePatience bounds the wait for what still holds on to a role. The
// policies are gone by then, so what is left (an instance profile that somebody
// put the role into) seldom goes away by itself.
const deletePatience = 2 * time.Minute

// removalSteps take everything off the role, which DeleteRole does not do, and
// then delete it: every inline policy and every attached one, whoever put it
// there, since the role is ours.
func (r *Role) removalSteps(ctx context.Context) ([]resource.Step, error) {
	var steps []resource.Step
	inline := iam.NewListRolePoliciesPaginator(r.iam, &iam.ListRolePoliciesInput{RoleName: &r.spec.RoleName})
	for inline.HasMorePages() {
		page, err := inline.NextPage(ctx)
		if err != nil {
			return nil, ignoreAbsence(err)
		}
		for _, name := range page.PolicyNames {
			steps = append(steps, resource.Step{Call: "iam:DeleteRolePolicy", Do: func(ctx context.Context) error {
				_, err := r.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &r.spec.RoleName, PolicyName: &name})
				return ignoreAbsence(err)
			}})
		}
	}
	attached := iam.NewListAttachedRolePoliciesPaginator(r.iam, &iam.ListAttachedRolePoliciesInput{RoleName: &r.spec.RoleName})
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return nil, ignoreAbsence(err)
		}
		for _, p := range page.AttachedPolicies {
			steps = append(steps, resource.Step{Call: "iam:DetachRolePolicy", Do: func(ctx context.Context) error {
				_, err := r.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &r.spec.RoleName, PolicyArn: p.PolicyArn})
				return ignoreAbsence(err)
			}})
		}
	}
	return append(steps, resource.Step{Call: "iam:DeleteRole", Do: r.delete, Wait: r.waitForAbsence, Patience: deletePatience}), nil
}

func (r *Role) delete(ctx context.Context) error {
	_, err := r.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &r.spec.RoleName})
	if apierr.Is(err, "DeleteConflict") {
		return fmt.Errorf("something still holds on to the role: %w", err)
	}
	return ignoreAbsence(err)
}

func (r *Role) waitForAbsence(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until the role is gone", func(ctx context.Context) (bool, error) {
		l, err := r.read(ctx)
		return l == nil, err
	})
}

// ignoreAbsence takes the absence of what is to be removed for success.
func ignoreAbsence(err error) error {
	if apierr.NotFound(err) {
		return nil
	}
	return err
}
