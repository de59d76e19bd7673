package iam

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// managed are the policies of AWS's own that the sandbox knows, by the part of
// the ARN behind "policy/".
var managed = map[string]string{
	"AdministratorAccess": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
	"PowerUserAccess":     `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"}]}`,
	"service-role/AWSLambdaBasicExecutionRole": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}`,
	"service-role/AWSLambdaKinesisExecutionRole": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Action":["kinesis:DescribeStream","kinesis:DescribeStreamSummary","kinesis:GetRecords","kinesis:GetShardIterator","kinesis:ListShards",
			"kinesis:ListStreams","kinesis:SubscribeToShard","logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}`,
	"service-role/AWSLambdaSQSQueueExecutionRole": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Action":["sqs:ReceiveMessage","sqs:DeleteMessage","sqs:GetQueueAttributes","logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}`,
}

const awsPolicies = "arn:" + bus.Partition + ":iam::aws:policy/"

// ours says whether an ARN is a managed policy of the account, which the
// sandbox takes for granted.
func (s *Service) ours(arn string) bool {
	name, ok := strings.CutPrefix(arn, "arn:"+bus.Partition+":iam::"+s.bus.Account+":policy/")
	return ok && name != ""
}

func (s *Service) attachable(arn string) error {
	name, ok := strings.CutPrefix(arn, awsPolicies)
	if _, known := managed[name]; (ok && known) || s.ours(arn) {
		return nil
	}
	return wire.Errorf("NoSuchEntityException", "Policy %s does not exist or is not attachable.", arn)
}

// regrant replaces what a role may do by what f makes of a copy.
func (s *Service) regrant(name *string, f func(*grants) error) error {
	return s.change(name, func(r *role) error {
		g := r.grants.now()
		g.inline = maps.Clone(g.inline)
		g.attached = slices.Clone(g.attached)
		if err := f(&g); err != nil {
			return err
		}
		r.grants.set(g)
		return nil
	})
}

func (s *Service) putRolePolicy(_ context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	if err := checkIdentity(*in.PolicyDocument); err != nil {
		return nil, err
	}
	return &iam.PutRolePolicyOutput{}, s.regrant(in.RoleName, func(g *grants) error {
		if g.inline == nil {
			g.inline = map[string]string{}
		}
		g.inline[*in.PolicyName] = *in.PolicyDocument
		total := 0
		for _, doc := range g.inline {
			total += size(doc)
		}
		if total > maxInline {
			return wire.Errorf("LimitExceededException", "Maximum policy size of %d bytes exceeded for role %s", maxInline, *in.RoleName)
		}
		return nil
	})
}

// size is a document's length without white space, which is what counts.
func size(document string) int {
	n := 0
	for _, r := range document {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

func noPolicy(name string) error {
	return wire.Errorf("NoSuchEntityException", "The role policy with name %s cannot be found.", name)
}

func (s *Service) getRolePolicy(_ context.Context, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	out := &iam.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName}
	return out, s.change(in.RoleName, func(r *role) error {
		doc, ok := r.grants.now().inline[*in.PolicyName]
		if !ok {
			return noPolicy(*in.PolicyName)
		}
		out.PolicyDocument = encode(doc)
		return nil
	})
}

func (s *Service) deleteRolePolicy(_ context.Context, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	return &iam.DeleteRolePolicyOutput{}, s.regrant(in.RoleName, func(g *grants) error {
		if _, ok := g.inline[*in.PolicyName]; !ok {
			return noPolicy(*in.PolicyName)
		}
		delete(g.inline, *in.PolicyName)
		return nil
	})
}

func (s *Service) listRolePolicies(_ context.Context, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	out := &iam.ListRolePoliciesOutput{}
	return out, s.change(in.RoleName, func(r *role) error {
		page, next := wire.Page(slices.Sorted(maps.Keys(r.grants.now().inline)), in.Marker, in.MaxItems, maxListed)
		out.PolicyNames, out.Marker, out.IsTruncated = append([]string{}, page...), next, next != nil
		return nil
	})
}

func (s *Service) attachRolePolicy(_ context.Context, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	return &iam.AttachRolePolicyOutput{}, s.regrant(in.RoleName, func(g *grants) error {
		if err := s.attachable(*in.PolicyArn); err != nil {
			return err
		}
		if slices.Contains(g.attached, *in.PolicyArn) {
			return nil
		}
		if len(g.attached) == maxAttached {
			return wire.Errorf("LimitExceededException", "Cannot exceed quota for PoliciesPerRole: %d", maxAttached)
		}
		g.attached = append(g.attached, *in.PolicyArn)
		slices.Sort(g.attached)
		return nil
	})
}

func (s *Service) detachRolePolicy(_ context.Context, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	return &iam.DetachRolePolicyOutput{}, s.regrant(in.RoleName, func(g *grants) error {
		i, ok := slices.BinarySearch(g.attached, *in.PolicyArn)
		if !ok {
			return wire.Errorf("NoSuchEntityException", "Policy %s was not found.", *in.PolicyArn)
		}
		g.attached = slices.Delete(g.attached, i, i+1)
		return nil
	})
}

func (s *Service) listAttachedRolePolicies(_ context.Context, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	out := &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: []types.AttachedPolicy{}}
	return out, s.change(in.RoleName, func(r *role) error {
		page, next := wire.Page(r.grants.now().attached, in.Marker, in.MaxItems, maxListed)
		out.Marker, out.IsTruncated = next, next != nil
		for _, arn := range page {
			name := arn[strings.LastIndexByte(arn, '/')+1:]
			out.AttachedPolicies = append(out.AttachedPolicies, types.AttachedPolicy{PolicyArn: aws.String(arn), PolicyName: aws.String(name)})
		}
		return nil
	})
}

func (s *Service) putRolePermissionsBoundary(_ context.Context, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	return &iam.PutRolePermissionsBoundaryOutput{}, s.regrant(in.RoleName, func(g *grants) error {
		g.boundary = *in.PermissionsBoundary
		return s.attachable(g.boundary)
	})
}

func (s *Service) deleteRolePermissionsBoundary(_ context.Context, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	return &iam.DeleteRolePermissionsBoundaryOutput{}, s.regrant(in.RoleName, func(g *grants) error {
		if g.boundary == "" {
			return wire.Errorf("NoSuchEntityException", "No permissions boundary is set for role %s.", *in.RoleName)
		}
		g.boundary = ""
		return nil
	})
}
