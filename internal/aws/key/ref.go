package key

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
)

// Ref names a key that others encrypt with: the pipeline's own, or one that the
// configuration gives.
type Ref interface {
	// Name is what to pass to a service: an alias, an id or an ARN.
	Name() string
	// ARN is the key's ARN. ok is false while the key is not made yet, and the
	// text then says so.
	ARN(ctx context.Context) (arn string, ok bool, err error)
	// Same reports whether what a service says it encrypts with is this key.
	// Services answer with whatever they were given: id, ARN or alias.
	Same(ctx context.Context, said string) (bool, error)
}

var (
	_ Ref = (*Key)(nil)
	_ Ref = (*Given)(nil)
)

// Name is the alias.
func (k *Key) Name() string { return k.spec.Alias }

// Same implements Ref.
func (k *Key) Same(ctx context.Context, said string) (bool, error) {
	if said == "" {
		return false, nil
	}
	if isAlias(said, k.spec.Alias) {
		return true, nil
	}
	arn, ok, err := k.ARN(ctx)
	return ok && sameKey(said, arn), err
}

// Given is a key that somebody else made and looks after.
type Given struct {
	kms *kms.Client
	ref string
}

// NewGiven is the key that ref (id, ARN, alias or alias ARN) names.
func NewGiven(cfg aws.Config, ref string) *Given {
	return &Given{kms: kms.NewFromConfig(cfg), ref: ref}
}

// Name is the reference as it was given.
func (g *Given) Name() string { return g.ref }

// ARN implements Ref. A key that is not there is an error: nobody will make it.
func (g *Given) ARN(ctx context.Context) (arn string, ok bool, err error) {
	if strings.HasPrefix(g.ref, "arn:") && strings.Contains(g.ref, ":key/") {
		return g.ref, true, nil
	}
	out, err := g.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &g.ref})
	if err != nil {
		return "", false, err
	}
	return aws.ToString(out.KeyMetadata.Arn), true, nil
}

// Same implements Ref.
func (g *Given) Same(ctx context.Context, said string) (bool, error) {
	if said == "" {
		return false, nil
	}
	if said == g.ref || isAlias(said, g.ref) {
		return true, nil
	}
	arn, _, err := g.ARN(ctx)
	if apierr.NotFound(err) {
		return false, nil
	}
	return sameKey(said, arn), err
}

// isAlias reports whether said is the alias, by name or by ARN.
func isAlias(said, alias string) bool {
	return said == alias || strings.HasSuffix(said, ":"+alias)
}

// sameKey reports whether said is the key of the ARN, by id or by ARN.
func sameKey(said, arn string) bool {
	return said == arn || strings.HasSuffix(arn, ":key/"+said)
}
