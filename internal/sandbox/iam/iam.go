// Package iam is the sandbox's Identity and Access Management: roles, their
// trust, policies, boundaries and tags. What is made or changed is readable at
// once but spreads to the other services only after Timing.RoleSpread (trap 1).
//
// There are no users, groups or instance profiles. Of managed policies it knows
// a few of AWS's own; those of the account it takes for granted, with nothing
// granted and, as boundaries, nothing held back.
package iam

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base32"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/policy"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// AWS's quotas for one role. White space does not count towards the sizes.
const (
	maxTrust    = 2048
	maxInline   = 10240 // all inline policies together
	maxAttached = 10
	maxListed   = 100  // in a page, unless asked otherwise
	maxSession  = 3600 // seconds, unless asked otherwise
)

// Service is IAM.
type Service struct {
	bus *bus.Bus

	mu    sync.Mutex
	roles map[string]*role // by name in lower case: AWS does not tell cases apart
	// documents are policies that were read, by their text.
	documents map[string]policy.Document
}

type role struct {
	name        string
	path        string
	id          string
	description string
	session     int32 // seconds
	created     time.Time
	tags        bus.Tags
	trust       spreading[string]
	grants      spreading[grants]
}

// grants is what a role may do: a value that is replaced whole, never changed.
type grants struct {
	inline   map[string]string // name -> document
	attached []string          // ARNs of managed policies
	boundary string            // ARN, "" for none
}

// New is IAM with no roles.
func New(b *bus.Bus) *Service {
	s := &Service{bus: b, roles: map[string]*role{}, documents: map[string]policy.Document{}}
	b.Roles = s
	b.ListTagged(s.tagged)
	return s
}

// Wire is what the service offers.
func (s *Service) Wire() wire.Service {
	return wire.Service{Name: "iam", Invalid: "ValidationError", Ops: map[string]wire.Op{
		"CreateRole":                    wire.Handle(s.createRole),
		"GetRole":                       wire.Handle(s.getRole),
		"DeleteRole":                    wire.Handle(s.deleteRole),
		"ListRoles":                     wire.Handle(s.listRoles),
		"UpdateRole":                    wire.Handle(s.updateRole),
		"UpdateAssumeRolePolicy":        wire.Handle(s.updateAssumeRolePolicy),
		"PutRolePolicy":                 wire.Handle(s.putRolePolicy),
		"GetRolePolicy":                 wire.Handle(s.getRolePolicy),
		"DeleteRolePolicy":              wire.Handle(s.deleteRolePolicy),
		"ListRolePolicies":              wire.Handle(s.listRolePolicies),
		"AttachRolePolicy":              wire.Handle(s.attachRolePolicy),
		"DetachRolePolicy":              wire.Handle(s.detachRolePolicy),
		"ListAttachedRolePolicies":      wire.Handle(s.listAttachedRolePolicies),
		"PutRolePermissionsBoundary":    wire.Handle(s.putRolePermissionsBoundary),
		"DeleteRolePermissionsBoundary": wire.Handle(s.deleteRolePermissionsBoundary),
		"TagRole":                       wire.Handle(s.tagRole),
		"UntagRole":                     wire.Handle(s.untagRole),
		"ListRoleTags":                  wire.Handle(s.listRoleTags),
		"ListInstanceProfilesForRole":   wire.Handle(s.listInstanceProfilesForRole),
	}}
}

func (s *Service) tagged(add func(arn string, tags bus.Tags)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.roles {
		add(s.arn(r), r.tags)
	}
}

// arn is the role's. IAM is global: its ARNs name no region.
func (s *Service) arn(r *role) string {
	return "arn:" + bus.Partition + ":iam::" + s.bus.Account + ":role" + r.path + r.name
}

func (s *Service) find(name string) (*role, error) {
	r, ok := s.roles[strings.ToLower(name)]
	if !ok {
		return nil, wire.Errorf("NoSuchEntityException", "The role with name %s cannot be found.", name)
	}
	return r, nil
}

// change calls f with the named role under the lock. Reads use it too.
func (s *Service) change(name *string, f func(*role) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(*name)
	if err != nil {
		return err
	}
	return f(r)
}

func (s *Service) createRole(_ context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.roles[strings.ToLower(*in.RoleName)]; ok {
		return nil, wire.Errorf("EntityAlreadyExistsException", "Role with name %s already exists.", *in.RoleName)
	}
	if err := checkTrust(*in.AssumeRolePolicyDocument); err != nil {
		return nil, err
	}
	if in.PermissionsBoundary != nil {
		if err := s.attachable(*in.PermissionsBoundary); err != nil {
			return nil, err
		}
	}
	tags, err := merge(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	r := &role{
		name: *in.RoleName, path: cmp.Or(aws.ToString(in.Path), "/"), id: newID(), description: aws.ToString(in.Description),
		session: cmp.Or(aws.ToInt32(in.MaxSessionDuration), maxSession), created: now, tags: tags,
	}
	r.trust.set(*in.AssumeRolePolicyDocument)
	r.grants.set(grants{boundary: aws.ToString(in.PermissionsBoundary)})
	s.roles[strings.ToLower(r.name)] = r
	return &iam.CreateRoleOutput{Role: s.describe(r)}, nil
}

func newID() string {
	var b [11]byte
	_, _ = rand.Read(b[:]) // never fails
	return "AROA" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])[:17]
}

// describe is the role as GetRole gives it.
func (s *Service) describe(r *role) *types.Role {
	d := s.summary(r)
	if b := r.grants.now().boundary; b != "" {
		d.PermissionsBoundary = &types.AttachedPermissionsBoundary{
			PermissionsBoundaryArn: aws.String(b), PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
		}
	}
	d.Tags = list(r.tags)
	return &d
}

// summary is the role as ListRoles gives it: without tags and boundary.
func (s *Service) summary(r *role) types.Role {
	d := types.Role{
		RoleName: aws.String(r.name), Path: aws.String(r.path), RoleId: aws.String(r.id), Arn: aws.String(s.arn(r)),
		CreateDate: aws.Time(r.created), MaxSessionDuration: aws.Int32(r.session),
		AssumeRolePolicyDocument: encode(r.trust.now()),
	}
	if r.description != "" {
		d.Description = aws.String(r.description)
	}
	return d
}

// encode writes a document as IAM returns it, in percent encoding.
func encode(document string) *string {
	return aws.String(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

func (s *Service) getRole(_ context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	out := &iam.GetRoleOutput{}
	return out, s.change(in.RoleName, func(r *role) error {
		out.Role = s.describe(r)
		return nil
	})
}

func (s *Service) deleteRole(_ context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	return &iam.DeleteRoleOutput{}, s.change(in.RoleName, func(r *role) error {
		g := r.grants.now()
		if len(g.attached) > 0 {
			return wire.Errorf("DeleteConflictException", "Cannot delete entity, must detach all policies first.")
		}
		if len(g.inline) > 0 {
			return wire.Errorf("DeleteConflictException", "Cannot delete entity, must delete policies first.")
		}
		delete(s.roles, strings.ToLower(r.name))
		return nil
	})
}

func (s *Service) listRoles(_ context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name, r := range s.roles {
		if strings.HasPrefix(r.path, cmp.Or(aws.ToString(in.PathPrefix), "/")) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	page, next := wire.Page(names, in.Marker, in.MaxItems, maxListed)
	out := &iam.ListRolesOutput{Roles: []types.Role{}, IsTruncated: next != nil, Marker: next}
	for _, name := range page {
		out.Roles = append(out.Roles, s.summary(s.roles[name]))
	}
	return out, nil
}

func (s *Service) updateRole(_ context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	return &iam.UpdateRoleOutput{}, s.change(in.RoleName, func(r *role) error {
		if in.Description != nil {
			r.description = *in.Description
		}
		r.session = cmp.Or(aws.ToInt32(in.MaxSessionDuration), maxSession) // left out means the default, not as it was
		return nil
	})
}

func (s *Service) updateAssumeRolePolicy(_ context.Context, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	if err := checkTrust(*in.PolicyDocument); err != nil {
		return nil, err
	}
	return &iam.UpdateAssumeRolePolicyOutput{}, s.change(in.RoleName, func(r *role) error {
		r.trust.set(*in.PolicyDocument)
		return nil
	})
}

func (s *Service) listInstanceProfilesForRole(_ context.Context, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	return &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: []types.InstanceProfile{}}, s.change(in.RoleName, func(*role) error { return nil })
}
