package kms

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

func (s *Service) createAlias(_ context.Context, in *kms.CreateAliasInput) (*kms.CreateAliasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := checkAlias(*in.AliasName); err != nil {
		return nil, err
	}
	if _, ok := s.aliases[*in.AliasName]; ok {
		return nil, wire.Errorf("AlreadyExistsException", "An alias with the name %s already exists", s.bus.ARN("kms", *in.AliasName))
	}
	k, err := s.usable(*in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	s.aliases[*in.AliasName] = k.id
	return &kms.CreateAliasOutput{}, nil
}

func checkAlias(name string) error {
	if !strings.HasPrefix(name, "alias/") || strings.HasPrefix(name, "alias/aws/") {
		return wire.Errorf("InvalidAliasNameException", "Alias must start with the prefix \"alias/\" and not with \"alias/aws/\". Please see the AWS Key Management Service Developer Guide.")
	}
	return nil
}

func (s *Service) updateAlias(_ context.Context, in *kms.UpdateAliasInput) (*kms.UpdateAliasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.aliases[*in.AliasName]; !ok {
		return nil, wire.Errorf("NotFoundException", "Alias %s is not found.", s.bus.ARN("kms", *in.AliasName))
	}
	k, err := s.usable(*in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	s.aliases[*in.AliasName] = k.id
	return &kms.UpdateAliasOutput{}, nil
}

func (s *Service) deleteAlias(_ context.Context, in *kms.DeleteAliasInput) (*kms.DeleteAliasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.aliases[*in.AliasName]; !ok {
		return nil, wire.Errorf("NotFoundException", "Alias %s is not found.", s.bus.ARN("kms", *in.AliasName))
	}
	delete(s.aliases, *in.AliasName)
	return &kms.DeleteAliasOutput{}, nil
}

func (s *Service) listAliases(_ context.Context, in *kms.ListAliasesInput) (*kms.ListAliasesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bury()
	var only string
	if in.KeyId != nil {
		k, err := s.find(*in.KeyId)
		if err != nil {
			return nil, err
		}
		only = k.id
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.aliases)) {
		if only == "" || s.aliases[name] == only {
			names = append(names, name)
		}
	}
	page, next := wire.Page(names, in.Marker, in.Limit, maxListed)
	out := &kms.ListAliasesOutput{NextMarker: next, Truncated: next != nil}
	for _, name := range page {
		out.Aliases = append(out.Aliases, types.AliasListEntry{
			AliasName: aws.String(name), AliasArn: aws.String(s.bus.ARN("kms", name)), TargetKeyId: aws.String(s.aliases[name]),
		})
	}
	return out, nil
}
