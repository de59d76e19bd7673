package key_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/ccs-platform/ccsctl/internal/aws/key"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/resource/resourcetest"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

const alias = "alias/ccs-test"

var keyPolicy = fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":"kms:*","Resource":"*"}]}`, sandbox.Account)

func spec() key.Spec {
	return key.Spec{
		Name: "pipeline", Alias: alias, Description: "ccs/test pipeline", Policy: keyPolicy, Window: 30,
		Owner: resource.Owner{Project: "ccs", Environment: "test", Extra: map[string]string{"Team": "data"}},
	}
}

func TestLifecycle(t *testing.T) {
	resourcetest.Lifecycle(t, resourcetest.Case{
		New:      func(cfg aws.Config) resource.Resource { return key.New(cfg, spec()) },
		Immortal: true,
		Foreign: func(t *testing.T, cfg aws.Config) {
			client := kms.NewFromConfig(cfg)
			out, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{Description: aws.String("theirs")})
			must(t, err)
			_, err = client.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String(alias), TargetKeyId: out.KeyMetadata.KeyId})
			must(t, err)
		},
		Drift: map[string]func(*testing.T, aws.Config){
			"description": onKey(func(t *testing.T, c *kms.Client, id *string) error {
				_, err := c.UpdateKeyDescription(t.Context(), &kms.UpdateKeyDescriptionInput{KeyId: id, Description: aws.String("other")})
				return err
			}),
			"policy": onKey(func(t *testing.T, c *kms.Client, id *string) error {
				_, err := c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: id, Policy: aws.String(
					`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*"}]}`)})
				return err
			}),
			"rotation": onKey(func(t *testing.T, c *kms.Client, id *string) error {
				_, err := c.DisableKeyRotation(t.Context(), &kms.DisableKeyRotationInput{KeyId: id})
				return err
			}),
			"state": onKey(func(t *testing.T, c *kms.Client, id *string) error {
				_, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: id})
				return err
			}),
			"tags.Team": onKey(func(t *testing.T, c *kms.Client, id *string) error {
				_, err := c.TagResource(t.Context(), &kms.TagResourceInput{KeyId: id, Tags: []types.Tag{{TagKey: aws.String("Team"), TagValue: aws.String("x")}}})
				return err
			}),
		},
	})
}

func onKey(f func(t *testing.T, c *kms.Client, id *string) error) func(*testing.T, aws.Config) {
	return func(t *testing.T, cfg aws.Config) {
		client := kms.NewFromConfig(cfg)
		out, err := client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String(alias)})
		must(t, err)
		must(t, f(t, client, out.KeyMetadata.KeyId))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
