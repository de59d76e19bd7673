package kms

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

func (s *Service) root() string {
	return fmt.Sprintf("arn:%s:iam::%s:root", bus.Partition, s.bus.Account)
}

func (s *Service) defaultPolicy() string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{"AWS":%q},"Action":"kms:*","Resource":"*"}]}`, s.root())
}

// statement is what the sandbox reads of a key policy's statement. Conditions
// narrow whom a statement reaches but never add anybody, so they are not read.
type statement struct {
	Effect    string
	Principal principals
	Action    words
}

// words is a JSON string or list of strings.
type words []string

func (w *words) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(w))
}

type principals struct {
	AWS     words
	Service words
}

func (p *principals) UnmarshalJSON(text []byte) error {
	if string(text) == `"*"` {
		p.AWS, p.Service = words{"*"}, words{"*"}
		return nil
	}
	type plain principals
	return json.Unmarshal(text, (*plain)(p))
}

func parse(policy string) ([]statement, error) {
	var p struct{ Statement []statement }
	if err := json.Unmarshal([]byte(policy), &p); err != nil {
		return nil, wire.Errorf("MalformedPolicyDocumentException", "Policy contains invalid JSON: %v", err)
	}
	return p.Statement, nil
}

// checkPolicy refuses a policy that nobody could change any more: the lockout
// check.
func (s *Service) checkPolicy(policy string, bypass bool) error {
	statements, err := parse(policy)
	if err != nil {
		return err
	}
	if bypass {
		return nil
	}
	for _, st := range statements {
		if st.Effect == "Allow" && grants(st.Action, "kms:PutKeyPolicy") &&
			(slices.Contains(st.Principal.AWS, s.root()) || slices.Contains(st.Principal.AWS, s.bus.Account) || slices.Contains(st.Principal.AWS, "*")) {
			return nil
		}
	}
	return wire.Errorf("MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future.")
}

func grants(actions words, action string) bool {
	return slices.ContainsFunc(actions, func(pattern string) bool {
		ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(action))
		return ok && err == nil
	})
}

// allows says whether a policy lets an AWS service do action.
func allows(policy, service, action string) bool {
	statements, err := parse(policy)
	return err == nil && slices.ContainsFunc(statements, func(st statement) bool {
		return st.Effect == "Allow" && grants(st.Action, action) &&
			(slices.Contains(st.Principal.Service, service) || slices.Contains(st.Principal.Service, "*"))
	})
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
