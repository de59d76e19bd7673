package kms

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/policy"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

func (s *Service) root() string {
	return fmt.Sprintf("arn:%s:iam::%s:root", bus.Partition, s.bus.Account)
}

func (s *Service) defaultPolicy() string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{"AWS":%q},"Action":"kms:*","Resource":"*"}]}`, s.root())
}

// checkPolicy refuses a policy that nobody could change any more: the lockout
// check.
func (s *Service) checkPolicy(document string, bypass bool) error {
	d, err := policy.Parse(document)
	if err != nil {
		return wire.Errorf("MalformedPolicyDocumentException", "Policy contains invalid JSON: %v", err)
	}
	if bypass {
		return nil
	}
	for _, st := range d.Statement {
		if st.Effect == "Allow" && st.Does("kms:PutKeyPolicy") && st.Principal.Has("AWS", s.root(), s.bus.Account) {
			return nil
		}
	}
	return wire.Errorf("MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future.")
}

// allows says whether a policy lets an AWS service do action. Conditions narrow
// what a statement reaches: those of an Allow are taken for met, those of a Deny
// for not.
func allows(document, service, action string) bool {
	d, err := policy.Parse(document)
	if err != nil {
		return false
	}
	allowed := false
	for _, st := range d.Statement {
		if !st.Does(action) || !st.Principal.Has("Service", service) {
			continue
		}
		switch {
		case st.Effect == "Deny" && len(st.Condition) == 0:
			return false
		case st.Effect == "Allow":
			allowed = true
		}
	}
	return allowed
}

func (s *Service) getKeyPolicy(_ context.Context, in *kms.GetKeyPolicyInput) (*kms.GetKeyPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(*in.KeyId)
	if err != nil {
		return nil, err
	}
	return &kms.GetKeyPolicyOutput{Policy: aws.String(k.policy), PolicyName: aws.String("default")}, nil
}

func (s *Service) putKeyPolicy(_ context.Context, in *kms.PutKeyPolicyInput) (*kms.PutKeyPolicyOutput, error) {
	if err := s.checkPolicy(*in.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
		return nil, err
	}
	return &kms.PutKeyPolicyOutput{}, s.change(in.KeyId, func(k *key) { k.policy = *in.Policy })
}

func tagMap(tags []types.Tag) bus.Tags {
	m := bus.Tags{}
	for _, t := range tags {
		m[aws.ToString(t.TagKey)] = aws.ToString(t.TagValue)
	}
	return m
}

func checkTags(tags bus.Tags) error {
	for k := range tags {
		if bus.ReservedTag(k) {
			return wire.Errorf("TagException", "Tag keys can not start with 'aws:'")
		}
	}
	if len(tags) > bus.MaxTags {
		return wire.Errorf("TagException", "Too many tags")
	}
	return nil
}

func (s *Service) tagResource(_ context.Context, in *kms.TagResourceInput) (*kms.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.usable(*in.KeyId)
	if err != nil {
		return nil, err
	}
	tags := k.tags.With(tagMap(in.Tags))
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	k.tags = tags
	return &kms.TagResourceOutput{}, nil
}

func (s *Service) untagResource(_ context.Context, in *kms.UntagResourceInput) (*kms.UntagResourceOutput, error) {
	return &kms.UntagResourceOutput{}, s.change(in.KeyId, func(k *key) { k.tags.Remove(in.TagKeys) })
}

func (s *Service) listResourceTags(_ context.Context, in *kms.ListResourceTagsInput) (*kms.ListResourceTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(*in.KeyId)
	if err != nil {
		return nil, err
	}
	out := &kms.ListResourceTagsOutput{}
	for _, name := range k.tags.Keys() {
		out.Tags = append(out.Tags, types.Tag{TagKey: aws.String(name), TagValue: aws.String(k.tags[name])})
	}
	return out, nil
}
