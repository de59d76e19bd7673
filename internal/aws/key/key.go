// Package key is the pipeline's own KMS key with its alias. It knows how to
// find a key that an interrupted run left without an alias, how to bring back
// one that is about to be deleted, and that deleting a key is only ever
// scheduling it.
package key

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/policy"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Spec is the wanted key.
type Spec struct {
	Name        string // within the pipeline, for people
	Alias       string // "alias/ccs-prod"; the key's name as far as others go
	Description string
	Policy      string // JSON
	Owner       resource.Owner
	// Window is the waiting period of a deletion in days, 7..30.
	Window int32
	// Keep says why the key must outlive a removal, nil or "" when it need not:
	// whoever deletes the key deletes the data under it.
	Keep func(ctx context.Context) (reason string, err error)
}

// Key is the pipeline's own key, live or still to be made.
type Key struct {
	kms  *kms.Client
	spec Spec

	mu    sync.Mutex
	known string // the ARN, once read or made
}

var _ resource.Resource = (*Key)(nil)

// New is the key of spec in the account of cfg.
func New(cfg aws.Config, spec Spec) *Key {
	return &Key{kms: kms.NewFromConfig(cfg), spec: spec}
}

// ID is key/NAME.
func (k *Key) ID() resource.ID { return resource.ID{Kind: "key", Name: k.spec.Name} }

// live is what AWS says of the key.
type live struct {
	meta     *types.KeyMetadata
	alias    bool // our alias leads to it
	tags     map[string]string
	policy   string
	rotation bool
}

// find reads the key behind the alias. Without the alias it looks for one of
// ours that has lost it, or never had it: CreateKey has no name, so a run
// killed right after it leaves a key that only its tags tell (T31 and KMS API
// ref CreateKey). nil is no such key.
func (k *Key) find(ctx context.Context) (*live, error) {
	out, err := k.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &k.spec.Alias})
	switch {
	case apierr.NotFound(err):
		return k.orphan(ctx)
	case err != nil:
		return nil, err
	}
	return k.read(ctx, &live{meta: out.KeyMetadata, alias: true})
}

func (k *Key) read(ctx context.Context, l *live) (*live, error) {
	id := l.meta.Arn
	k.learn(aws.ToString(id)) // first: others wait to name it in their policies
	tags, err := k.tags(ctx, id)
	if err != nil {
		return nil, err
	}
	l.tags = tags
	p, err := k.kms.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: id})
	if err != nil {
		return nil, err
	}
	l.policy = aws.ToString(p.Policy)
	if l.meta.KeyState != types.KeyStatePendingDeletion { // which refuses the question
		r, err := k.kms.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: id})
		if err != nil {
			return nil, err
		}
		l.rotation = r.KeyRotationEnabled
	}
	return l, nil
}

func (k *Key) tags(ctx context.Context, id *string) (map[string]string, error) {
	tags := map[string]string{}
	pages := kms.NewListResourceTagsPaginator(k.kms, &kms.ListResourceTagsInput{KeyId: id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, t := range page.Tags {
			tags[aws.ToString(t.TagKey)] = aws.ToString(t.TagValue)
		}
	}
	return tags, nil
}

// orphan looks through the account's keys for a usable one with our
// description and our tags. It reads one page of keys at a time and stops at
// the first find.
func (k *Key) orphan(ctx context.Context) (*live, error) {
	pages := kms.NewListKeysPaginator(k.kms, &kms.ListKeysInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, entry := range page.Keys {
			out, err := k.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: entry.KeyArn})
			if apierr.NotFound(err) || apierr.Denied(err) {
				continue // gone meanwhile, or a key whose policy shuts us out: not ours
			}
			if err != nil {
				return nil, err
			}
			m := out.KeyMetadata
			if m.KeyState == types.KeyStatePendingDeletion || aws.ToString(m.Description) != k.spec.Description {
				continue
			}
			tags, err := k.tags(ctx, m.Arn)
			if err != nil {
				return nil, err
			}
			if k.spec.Owner.Owns(tags) {
				return k.read(ctx, &live{meta: m})
			}
		}
	}
	return nil, nil
}

func (k *Key) learn(arn string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = arn
}

// ARN is the key's ARN. Before the key is made it is ok=false and a text that
// says so.
func (k *Key) ARN(ctx context.Context) (arn string, ok bool, err error) {
	k.mu.Lock()
	known := k.known
	k.mu.Unlock()
	if known != "" {
		return known, true, nil
	}
	l, err := k.find(ctx)
	if err != nil {
		return "", false, err
	}
	if l == nil {
		return "(the ARN of " + k.spec.Alias + ", known once it is made)", false, nil
	}
	return aws.ToString(l.meta.Arn), true, nil
}

// Diff implements resource.Resource.
func (k *Key) Diff(ctx context.Context) (resource.Change, error) {
	l, err := k.find(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	if l == nil {
		return resource.Change{
			Action:     resource.Create,
			Attributes: []resource.Attribute{{Name: "alias", New: k.spec.Alias}, {Name: "rotation", New: "yearly"}},
			Steps:      []resource.Step{{Call: "kms:CreateKey", Do: k.create}, k.aliasStep(), k.rotationStep()},
		}, nil
	}
	c := resource.Change{Action: resource.None}
	if m := l.meta; !m.Enabled {
		c.Problem = "the key is " + strings.ToLower(string(m.KeyState))
	}
	k.diffState(&c, l)
	k.diffSettings(&c, l)
	if len(c.Steps) > 0 {
		c.Action = resource.Update
	}
	if !k.spec.Owner.Owns(l.tags) {
		c.Action, c.Reason = resource.Conflict, fmt.Sprintf("%s is somebody else's key", k.spec.Alias)
	}
	return c, nil
}

// diffState brings back a key that can't be used (trap 31) or named.
func (k *Key) diffState(c *resource.Change, l *live) {
	if l.meta.KeyState == types.KeyStatePendingDeletion {
		c.Steps = append(c.Steps, resource.Step{Call: "kms:CancelKeyDeletion", Do: k.on(func(ctx context.Context, id *string) error {
			_, err := k.kms.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: id})
			if apierr.Is(err, "KMSInvalidState") {
				return nil // cancelled already
			}
			return err
		})})
	}
	if !l.meta.Enabled {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "state", Old: string(l.meta.KeyState), New: string(types.KeyStateEnabled)})
		c.Steps = append(c.Steps, resource.Step{Call: "kms:EnableKey", Do: k.on(func(ctx context.Context, id *string) error {
			_, err := k.kms.EnableKey(ctx, &kms.EnableKeyInput{KeyId: id})
			return err
		})})
	}
	if !l.alias {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "alias", New: k.spec.Alias})
		c.Steps = append(c.Steps, k.aliasStep())
	}
}

func (k *Key) diffSettings(c *resource.Change, l *live) {
	if old := aws.ToString(l.meta.Description); old != k.spec.Description {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "description", Old: old, New: k.spec.Description})
		c.Steps = append(c.Steps, resource.Step{Call: "kms:UpdateKeyDescription", Do: k.on(func(ctx context.Context, id *string) error {
			_, err := k.kms.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: id, Description: &k.spec.Description})
			return err
		})})
	}
	if !policy.Same(l.policy, k.spec.Policy) {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "policy", Old: l.policy, New: k.spec.Policy})
		c.Steps = append(c.Steps, resource.Step{Call: "kms:PutKeyPolicy", Do: k.on(func(ctx context.Context, id *string) error {
			_, err := k.kms.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: id, Policy: &k.spec.Policy})
			return err
		})})
	}
	if !l.rotation && l.meta.KeyState != types.KeyStatePendingDeletion {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "rotation", Old: "off", New: "yearly"})
		c.Steps = append(c.Steps, k.rotationStep())
	}
	if diff := k.spec.Owner.DiffTags(l.tags); len(diff) > 0 {
		c.Attributes = append(c.Attributes, diff...)
		c.Steps = append(c.Steps, resource.Step{Call: "kms:TagResource", Do: k.on(func(ctx context.Context, id *string) error {
			_, err := k.kms.TagResource(ctx, &kms.TagResourceInput{KeyId: id, Tags: k.wantTags()})
			return err
		})})
	}
}

// Removal implements resource.Resource. A key pending deletion is as gone as a
// key can be.
func (k *Key) Removal(ctx context.Context) (resource.Change, error) {
	l, err := k.find(ctx)
	if err != nil || l == nil {
		return resource.Change{Action: resource.None}, err
	}
	if !k.spec.Owner.Owns(l.tags) {
		return resource.Change{Action: resource.Keep, Reason: "not ours"}, nil
	}
	if err := k.keep(ctx); err != nil {
		if kept, ok := errors.AsType[*resource.Kept](err); ok {
			return resource.Change{Action: resource.Keep, Reason: kept.Reason}, nil
		}
		return resource.Change{}, err
	}
	c := resource.Change{Action: resource.Delete, Reason: fmt.Sprintf("deletion is scheduled %d days ahead", k.spec.Window)}
	// The key first: a run killed in between finds it by its alias.
	if l.meta.KeyState != types.KeyStatePendingDeletion {
		c.Steps = append(c.Steps, resource.Step{Call: "kms:ScheduleKeyDeletion", Do: k.on(func(ctx context.Context, id *string) error {
			if err := k.keep(ctx); err != nil {
				return err // data may have come in since the plan was made
			}
			_, err := k.kms.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: &k.spec.Window})
			if apierr.Is(err, "KMSInvalidState") {
				return nil // scheduled already
			}
			return err
		})})
	}
	if l.alias {
		c.Steps = append(c.Steps, resource.Step{Call: "kms:DeleteAlias", Do: func(ctx context.Context) error {
			_, err := k.kms.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: &k.spec.Alias})
			if apierr.NotFound(err) {
				return nil
			}
			return err
		}})
	}
	return c, nil
}

// keep is a *resource.Kept error when the key must stay.
func (k *Key) keep(ctx context.Context) error {
	if k.spec.Keep == nil {
		return nil
	}
	reason, err := k.spec.Keep(ctx)
	if err == nil && reason != "" {
		err = &resource.Kept{Reason: reason}
	}
	return err
}
