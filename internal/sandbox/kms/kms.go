// Package kms is the sandbox's Key Management Service: keys, their aliases,
// policies and tags. It encrypts nothing; the other services ask it whether a
// key is there, usable, and open to them.
package kms

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// maxListed is how many keys or aliases a page has unless asked for otherwise.
const maxListed = 100

// Service is KMS.
type Service struct {
	bus *bus.Bus

	mu      sync.Mutex
	keys    map[string]*key   // by id
	aliases map[string]string // alias/name -> key id
}

type key struct {
	id          string
	description string
	policy      string
	tags        bus.Tags
	created     time.Time
	state       types.KeyState
	deletion    time.Time // when state is PendingDeletion
	rotation    bool
}

// New is KMS with no keys.
func New(b *bus.Bus) *Service {
	s := &Service{bus: b, keys: map[string]*key{}, aliases: map[string]string{}}
	b.Keys = s
	b.ListTagged(s.tagged)
	return s
}

// Wire is what the service offers.
func (s *Service) Wire() wire.Service {
	return wire.Service{Name: "kms", Invalid: "ValidationException", Ops: map[string]wire.Op{
		"CreateKey":            wire.Handle(s.createKey),
		"DescribeKey":          wire.Handle(s.describeKey),
		"ListKeys":             wire.Handle(s.listKeys),
		"ScheduleKeyDeletion":  wire.Handle(s.scheduleKeyDeletion),
		"CancelKeyDeletion":    wire.Handle(s.cancelKeyDeletion),
		"EnableKey":            wire.Handle(s.enableKey),
		"DisableKey":           wire.Handle(s.disableKey),
		"UpdateKeyDescription": wire.Handle(s.updateKeyDescription),
		"CreateAlias":          wire.Handle(s.createAlias),
		"UpdateAlias":          wire.Handle(s.updateAlias),
		"DeleteAlias":          wire.Handle(s.deleteAlias),
		"ListAliases":          wire.Handle(s.listAliases),
		"GetKeyPolicy":         wire.Handle(s.getKeyPolicy),
		"PutKeyPolicy":         wire.Handle(s.putKeyPolicy),
		"TagResource":          wire.Handle(s.tagResource),
		"UntagResource":        wire.Handle(s.untagResource),
		"ListResourceTags":     wire.Handle(s.listResourceTags),
		"EnableKeyRotation":    wire.Handle(s.enableKeyRotation),
		"DisableKeyRotation":   wire.Handle(s.disableKeyRotation),
		"GetKeyRotationStatus": wire.Handle(s.getKeyRotationStatus),
	}}
}

// Key implements bus.Keys.
func (s *Service) Key(ref string) (bus.Key, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.resolve(ref)
	if err != nil {
		return bus.Key{}, false
	}
	return bus.Key{ID: k.id, ARN: s.arn(k), State: string(k.state)}, true
}

// ServiceMay implements bus.Keys.
func (s *Service) ServiceMay(ref, service, action string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.resolve(ref)
	return err == nil && allows(k.policy, service, action)
}

func (s *Service) tagged(add func(arn string, tags bus.Tags)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bury()
	for _, k := range s.keys {
		add(s.arn(k), k.tags)
	}
}

func (s *Service) arn(k *key) string { return s.bus.ARN("kms", "key/"+k.id) }

// bury removes the keys whose waiting period is over, and their aliases.
func (s *Service) bury() {
	now := time.Now()
	for id, k := range s.keys {
		if k.state == types.KeyStatePendingDeletion && now.After(k.deletion) {
			delete(s.keys, id)
			maps.DeleteFunc(s.aliases, func(_, target string) bool { return target == id })
		}
	}
}

// resolve finds a key by its id, key ARN, alias name or alias ARN, for the few
// operations that take all four, and for other services.
func (s *Service) resolve(ref string) (*key, error) {
	alias := ref
	if name, ok := s.bus.Name(ref, "kms", "alias/"); ok {
		alias = "alias/" + name
	}
	if !strings.HasPrefix(alias, "alias/") {
		return s.find(ref)
	}
	s.bury()
	target, ok := s.aliases[alias]
	if !ok {
		return nil, wire.Errorf("NotFoundException", "Alias %s is not found.", s.bus.ARN("kms", alias))
	}
	return s.find(target)
}

// find finds a key by its id or key ARN, which is all that most operations
// take: "Specify the key ID or key ARN of the KMS key" (KMS API reference, for
// example GetKeyPolicy). A key whose waiting period is over is gone.
func (s *Service) find(ref string) (*key, error) {
	s.bury()
	if strings.HasPrefix(ref, "alias/") || strings.Contains(ref, ":alias/") {
		return nil, wire.Errorf("NotFoundException", "Invalid keyId '%s'", ref)
	}
	id := ref
	if name, ok := s.bus.Name(ref, "kms", "key/"); ok {
		id = name
	}
	k, ok := s.keys[id]
	if !ok {
		return nil, wire.Errorf("NotFoundException", "Key '%s' does not exist", s.bus.ARN("kms", "key/"+id))
	}
	return k, nil
}

// usable is find for calls that a key pending deletion refuses.
func (s *Service) usable(ref string) (*key, error) {
	k, err := s.find(ref)
	if err == nil && k.state == types.KeyStatePendingDeletion {
		return nil, wire.Errorf("KMSInvalidStateException", "%s is pending deletion.", s.arn(k))
	}
	return k, err
}

func (s *Service) createKey(_ context.Context, in *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.KeySpec != "" && in.KeySpec != types.KeySpecSymmetricDefault {
		return nil, wire.Errorf("UnsupportedOperationException", "the sandbox makes symmetric keys only")
	}
	policy := aws.ToString(in.Policy)
	if policy == "" {
		policy = s.defaultPolicy()
	}
	if err := s.checkPolicy(policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
		return nil, err
	}
	tags := tagMap(in.Tags)
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	k := &key{id: bus.NewUUID(), description: aws.ToString(in.Description), policy: policy, tags: tags, created: time.Now(), state: types.KeyStateEnabled}
	s.keys[k.id] = k
	return &kms.CreateKeyOutput{KeyMetadata: s.metadata(k)}, nil
}

func (s *Service) metadata(k *key) *types.KeyMetadata {
	m := &types.KeyMetadata{
		KeyId: aws.String(k.id), Arn: aws.String(s.arn(k)), AWSAccountId: aws.String(s.bus.Account),
		CreationDate: aws.Time(k.created), Description: aws.String(k.description), Enabled: k.state == types.KeyStateEnabled,
		KeyState: k.state, KeyManager: types.KeyManagerTypeCustomer, KeyUsage: types.KeyUsageTypeEncryptDecrypt,
		KeySpec: types.KeySpecSymmetricDefault, Origin: types.OriginTypeAwsKms, MultiRegion: aws.Bool(false),
		EncryptionAlgorithms: []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSymmetricDefault},
	}
	if k.state == types.KeyStatePendingDeletion {
		m.DeletionDate = aws.Time(k.deletion)
	}
	return m
}

func (s *Service) describeKey(_ context.Context, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.resolve(*in.KeyId)
	if err != nil {
		return nil, err
	}
	return &kms.DescribeKeyOutput{KeyMetadata: s.metadata(k)}, nil
}

func (s *Service) listKeys(_ context.Context, in *kms.ListKeysInput) (*kms.ListKeysOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bury()
	page, next := wire.Page(slices.Sorted(maps.Keys(s.keys)), in.Marker, in.Limit, maxListed)
	out := &kms.ListKeysOutput{NextMarker: next, Truncated: next != nil}
	for _, id := range page {
		out.Keys = append(out.Keys, types.KeyListEntry{KeyId: aws.String(id), KeyArn: aws.String(s.arn(s.keys[id]))})
	}
	return out, nil
}

func (s *Service) scheduleKeyDeletion(_ context.Context, in *kms.ScheduleKeyDeletionInput) (*kms.ScheduleKeyDeletionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.usable(*in.KeyId)
	if err != nil {
		return nil, err
	}
	days := int32(30)
	if in.PendingWindowInDays != nil {
		days = *in.PendingWindowInDays
	}
	if days < 7 || days > 30 {
		return nil, wire.Errorf("ValidationException", "PendingWindowInDays must be between 7 and 30, inclusive.")
	}
	k.state = types.KeyStatePendingDeletion
	k.deletion = time.Now().AddDate(0, 0, int(days))
	return &kms.ScheduleKeyDeletionOutput{KeyId: aws.String(s.arn(k)), KeyState: k.state, DeletionDate: aws.Time(k.deletion), PendingWindowInDays: aws.Int32(days)}, nil
}

func (s *Service) cancelKeyDeletion(_ context.Context, in *kms.CancelKeyDeletionInput) (*kms.CancelKeyDeletionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(*in.KeyId)
	if err != nil {
		return nil, err
	}
	if k.state != types.KeyStatePendingDeletion {
		return nil, wire.Errorf("KMSInvalidStateException", "%s is not pending deletion.", s.arn(k))
	}
	k.state = types.KeyStateDisabled // not enabled: that is a call of its own
	return &kms.CancelKeyDeletionOutput{KeyId: aws.String(s.arn(k))}, nil
}

func (s *Service) enableKey(_ context.Context, in *kms.EnableKeyInput) (*kms.EnableKeyOutput, error) {
	return &kms.EnableKeyOutput{}, s.change(in.KeyId, func(k *key) { k.state = types.KeyStateEnabled })
}

func (s *Service) disableKey(_ context.Context, in *kms.DisableKeyInput) (*kms.DisableKeyOutput, error) {
	return &kms.DisableKeyOutput{}, s.change(in.KeyId, func(k *key) { k.state = types.KeyStateDisabled })
}

func (s *Service) updateKeyDescription(_ context.Context, in *kms.UpdateKeyDescriptionInput) (*kms.UpdateKeyDescriptionOutput, error) {
	return &kms.UpdateKeyDescriptionOutput{}, s.change(in.KeyId, func(k *key) { k.description = aws.ToString(in.Description) })
}

func (s *Service) enableKeyRotation(_ context.Context, in *kms.EnableKeyRotationInput) (*kms.EnableKeyRotationOutput, error) {
	return &kms.EnableKeyRotationOutput{}, s.change(in.KeyId, func(k *key) { k.rotation = true })
}

func (s *Service) disableKeyRotation(_ context.Context, in *kms.DisableKeyRotationInput) (*kms.DisableKeyRotationOutput, error) {
	return &kms.DisableKeyRotationOutput{}, s.change(in.KeyId, func(k *key) { k.rotation = false })
}

// change applies f to a key that is not pending deletion.
func (s *Service) change(ref *string, f func(*key)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.usable(*ref)
	if err != nil {
		return err
	}
	f(k)
	return nil
}

func (s *Service) getKeyRotationStatus(_ context.Context, in *kms.GetKeyRotationStatusInput) (*kms.GetKeyRotationStatusOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.usable(*in.KeyId)
	if err != nil {
		return nil, err
	}
	return &kms.GetKeyRotationStatusOutput{KeyId: aws.String(s.arn(k)), KeyRotationEnabled: k.rotation}, nil
}
