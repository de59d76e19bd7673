package key

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// create makes the key unless one of ours is there already: a retry after an
// answer that got lost must not make a second one at a dollar a month.
func (k *Key) create(ctx context.Context) error {
	if l, err := k.find(ctx); err != nil || l != nil {
		return err
	}
	out, err := k.kms.CreateKey(ctx, &kms.CreateKeyInput{
		Description: &k.spec.Description,
		Policy:      &k.spec.Policy,
		Tags:        k.wantTags(),
	})
	if err != nil {
		return err
	}
	k.learn(aws.ToString(out.KeyMetadata.Arn))
	return nil
}

func (k *Key) wantTags() []types.Tag {
	var tags []types.Tag
	for name, value := range k.spec.Owner.Tags() {
		tags = append(tags, types.Tag{TagKey: aws.String(name), TagValue: aws.String(value)})
	}
	return tags
}

// on makes a step of what is done to the key by its ARN.
func (k *Key) on(do func(ctx context.Context, id *string) error) func(context.Context) error {
	return func(ctx context.Context) error {
		arn, ok, err := k.ARN(ctx)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%s is gone", k.spec.Alias)
		}
		return do(ctx, &arn)
	}
}

func (k *Key) aliasStep() resource.Step {
	return resource.Step{Call: "kms:CreateAlias", Do: k.on(func(ctx context.Context, id *string) error {
		_, err := k.kms.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &k.spec.Alias, TargetKeyId: id})
		if apierr.Exists(err) {
			return nil
		}
		return err
	}), Wait: k.waitForAlias}
}

// waitForAlias returns when the alias leads to the key. KMS is eventually
// consistent; whoever comes next names the key by its alias.
func (k *Key) waitForAlias(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until the alias is known", func(ctx context.Context) (bool, error) {
		_, err := k.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &k.spec.Alias})
		if apierr.NotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
}

func (k *Key) rotationStep() resource.Step {
	return resource.Step{Call: "kms:EnableKeyRotation", Do: k.on(func(ctx context.Context, id *string) error {
		_, err := k.kms.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: id})
		return err
	})}
}
