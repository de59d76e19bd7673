package role_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/aws/role"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/resource/resourcetest"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

const (
	trust    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":["sts:AssumeRole"],"Condition":{"StringEquals":{"aws:SourceAccount":"000000000000"}}}]}`
	other    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	grant    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:Decrypt"],"Resource":["arn:aws:kms:eu-west-1:000000000000:key/k"]}]}`
	boundary = "arn:aws:iam::aws:policy/PowerUserAccess"
)

var (
	name     = aws.String("ccs-test-ingest-eu-west-1")
	inline   = aws.String("pipeline")
	attached = aws.String("arn:aws:iam::aws:policy/AdministratorAccess")
)

func spec() role.Spec {
	return role.Spec{
		Name: "ingest", RoleName: *name, Path: "/ccsctl/", Description: "ccs/test: sorts telemetry", Trust: trust, PolicyName: *inline,
		Policy:   func(context.Context) (string, error) { return grant, nil },
		Boundary: boundary,
		Owner:    resource.Owner{Project: "ccs", Environment: "test", Extra: map[string]string{"Team": "data"}},
	}
}

func TestLifecycle(t *testing.T) {
	resourcetest.Lifecycle(t, resourcetest.Case{
		New: func(cfg aws.Config) resource.Resource { return role.New(cfg, spec()) },
		Foreign: with(func(ctx context.Context, c *iam.Client) error {
			_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, Path: aws.String("/ccsctl/"), AssumeRolePolicyDocument: aws.String(other),
				Tags: []types.Tag{{Key: aws.String("theirs"), Value: aws.String("yes")}}})
			return err
		}),
		Drift: map[string]func(*testing.T, aws.Config){
			"trust": with(func(ctx context.Context, c *iam.Client) error {
				_, err := c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: aws.String(other)})
				return err
			}),
			"policy": with(func(ctx context.Context, c *iam.Client) error {
				_, err := c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: inline})
				return err
			}),
			"description": with(func(ctx context.Context, c *iam.Client) error {
				_, err := c.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: name, Description: aws.String("")})
				return err
			}),
			"max_session": with(func(ctx context.Context, c *iam.Client) error {
				_, err := c.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: name, MaxSessionDuration: aws.Int32(7200)})
				return err
			}),
			"boundary": with(func(ctx context.Context, c *iam.Client) error {
				_, err := c.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: name})
				return err
			}),
			"tags.Team": with(func(ctx context.Context, c *iam.Client) error {
				_, err := c.UntagRole(ctx, &iam.UntagRoleInput{RoleName: name, TagKeys: []string{"Team"}})
				return err
			}),
			"path": with(func(ctx context.Context, c *iam.Client) error { // only by making it anew
				if _, err := c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: inline}); err != nil {
					return err
				}
				if _, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}); err != nil {
					return err
				}
				return create(ctx, c, "/", spec().Owner.Tags())
			}),
		},
	})
}

func with(f func(ctx context.Context, c *iam.Client) error) func(*testing.T, aws.Config) {
	return func(t *testing.T, cfg aws.Config) {
		t.Helper()
		must(t, f(t.Context(), iam.NewFromConfig(cfg)))
	}
}

func create(ctx context.Context, c *iam.Client, path string, tags map[string]string) error {
	in := &iam.CreateRoleInput{RoleName: name, Path: &path, AssumeRolePolicyDocument: aws.String(other)}
	for k, v := range tags {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	_, err := c.CreateRole(ctx, in)
	return err
}

// AWS rewrites what it is given, and a person may have written the same in
// other words: no drift.
func TestSameMeaningIsNoDrift(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	apply(t, role.New(cfg, spec()))
	with(func(ctx context.Context, c *iam.Client) error {
		spaced := strings.NewReplacer(`{`, "{\n ", `["sts:AssumeRole"]`, `"sts:AssumeRole"`).Replace(trust)
		_, err := c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: &spaced})
		return err
	})(t, cfg)
	if c, err := role.New(cfg, spec()).Diff(t.Context()); err != nil || c.Action != resource.None {
		t.Errorf("got %s %v, %v", c.Action, c.Attributes, err)
	}
}

// Before the key is made the policy can't name it; the role is planned all the
// same, and written with the ARN that is known by then.
func TestPolicyThatIsNotKnownYet(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	key := "(the ARN of alias/x, known once it is made)"
	s := spec()
	s.Policy = func(context.Context) (string, error) {
		return fmt.Sprintf(`{"Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":%q}}`, key), nil
	}
	r := role.New(cfg, s)
	c, err := r.Diff(t.Context())
	must(t, err)
	key = "arn:aws:kms:eu-west-1:000000000000:key/made-meanwhile"
	run(t, c)
	out, err := iam.NewFromConfig(cfg).GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: name, PolicyName: inline})
	must(t, err)
	if !strings.Contains(*out.PolicyDocument, "made-meanwhile") {
		t.Errorf("got %s", *out.PolicyDocument)
	}
}

// What others hung on our role must go before it can.
func TestRemovalTakesEverythingOff(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	r := role.New(cfg, spec())
	apply(t, r)
	with(func(ctx context.Context, c *iam.Client) error {
		if _, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("another"), PolicyDocument: aws.String(grant)}); err != nil {
			return err
		}
		_, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: attached})
		return err
	})(t, cfg)
	c, err := r.Removal(t.Context())
	must(t, err)
	want := []string{"iam:DeleteRolePolicy", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:DeleteRole"}
	if got := c.Calls(); !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	run(t, c)
	if c, err := r.Removal(t.Context()); err != nil || c.Action != resource.None {
		t.Errorf("after the removal: %s, %v", c.Action, err)
	}
}

// A stranger's role on another path would have to be deleted to take its name.
func TestStrangerOnAnotherPathIsNotAdopted(t *testing.T) {
	s, cfg := sandboxtest.New(t, sandbox.Options{})
	with(func(ctx context.Context, c *iam.Client) error { return create(ctx, c, "/", nil) })(t, cfg)
	s.Calls.Reset()
	c, err := role.New(cfg, spec()).Diff(t.Context())
	must(t, err)
	if c.Action != resource.Conflict || len(c.Steps) != 1 || c.Steps[0].Do(t.Context()) == nil || s.Calls.Mutating() != 0 {
		t.Errorf("got %s with calls %v, %d made", c.Action, c.Calls(), s.Calls.Mutating())
	}
}

func apply(t *testing.T, r resource.Resource) {
	t.Helper()
	c, err := r.Diff(t.Context())
	must(t, err)
	run(t, c)
}

func run(t *testing.T, c resource.Change) {
	t.Helper()
	for _, s := range c.Steps {
		must(t, s.Do(t.Context()))
		if s.Wait != nil {
			must(t, s.Wait(t.Context()))
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
