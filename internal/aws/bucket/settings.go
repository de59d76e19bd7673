package bucket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	awspolicy "github.com/ccs-platform/ccsctl/internal/aws/policy"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// setting is one sub-resource of the bucket that we keep as wanted.
type setting struct {
	name string
	call string
	want string // in words
	born bool   // CreateBucket sets it
	read func(ctx context.Context) (state, error)
	put  func(ctx context.Context) error
}

// state is what S3 says of a setting.
type state struct {
	live string // in words, "" when there is none
	same bool
}

func (s setting) step() resource.Step {
	return resource.Step{Call: s.call, Do: s.put, Wait: func(ctx context.Context) error {
		// Settings of a bucket are eventually consistent ("Amazon S3 data
		// consistency model", S3 guide).
		return resource.Poll(ctx, "waiting until the bucket's "+strings.ReplaceAll(s.name, "_", " ")+" is known", func(ctx context.Context) (bool, error) {
			st, err := s.read(ctx)
			return st.same, err
		})
	}}
}

// states reads all settings at once.
func (b *Bucket) states(ctx context.Context) ([]state, error) {
	states := make([]state, len(b.settings))
	errs := make([]error, len(b.settings))
	var wg sync.WaitGroup
	for i, s := range b.settings {
		wg.Go(func() {
			if states[i], errs[i] = s.read(ctx); errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", s.name, errs[i])
			}
		})
	}
	wg.Wait()
	return states, errors.Join(errs...)
}

// absent is the state of a setting that S3 does not have; the bucket itself
// must be there.
func absent(err error) (state, error) {
	if apierr.NotFound(err) && !apierr.Is(err, "NoSuchBucket") {
		return state{}, nil
	}
	return state{}, err
}

func (b *Bucket) accessBlock() setting {
	return setting{
		name: "public_access_block", call: "s3:PutPublicAccessBlock", want: "everything blocked",
		read: func(ctx context.Context) (state, error) {
			out, err := b.s3.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner()})
			if err != nil {
				return absent(err)
			}
			var open []string
			p := out.PublicAccessBlockConfiguration
			for _, flag := range []struct {
				name string
				set  *bool
			}{
				{"BlockPublicAcls", p.BlockPublicAcls},
				{"IgnorePublicAcls", p.IgnorePublicAcls},
				{"BlockPublicPolicy", p.BlockPublicPolicy},
				{"RestrictPublicBuckets", p.RestrictPublicBuckets},
			} {
				if !aws.ToBool(flag.set) {
					open = append(open, flag.name)
				}
			}
			return state{live: "without " + strings.Join(open, ", "), same: len(open) == 0}, nil
		},
		put: func(ctx context.Context) error {
			_, err := b.s3.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
				Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner(),
				PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
					BlockPublicAcls: aws.Bool(true), IgnorePublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true),
				},
			})
			return err
		},
	}
}

// encryption is SSE-KMS with a bucket key, without which every object costs a
// call to KMS.
func (b *Bucket) encryption() setting {
	return setting{
		name: "encryption", call: "s3:PutBucketEncryption", want: encryptionWords(types.ServerSideEncryptionAwsKms, b.spec.Key, true),
		read: func(ctx context.Context) (state, error) {
			out, err := b.s3.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner()})
			if err != nil {
				return absent(err)
			}
			rules := out.ServerSideEncryptionConfiguration.Rules
			if len(rules) == 0 || rules[0].ApplyServerSideEncryptionByDefault == nil {
				return state{}, nil
			}
			d, bucketKey := rules[0].ApplyServerSideEncryptionByDefault, aws.ToBool(rules[0].BucketKeyEnabled)
			st := state{live: encryptionWords(d.SSEAlgorithm, aws.ToString(d.KMSMasterKeyID), bucketKey)}
			if d.SSEAlgorithm == types.ServerSideEncryptionAwsKms && bucketKey {
				st.same, err = b.sameKey(ctx, aws.ToString(d.KMSMasterKeyID))
			}
			return st, err
		},
		put: func(ctx context.Context) error {
			_, err := b.s3.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
				Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner(),
				ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{{
					ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &b.spec.Key},
					BucketKeyEnabled:                   aws.Bool(true),
				}}},
			})
			return err
		},
	}
}

func encryptionWords(algorithm types.ServerSideEncryption, key string, bucketKey bool) string {
	words := string(algorithm)
	if key != "" {
		words += " " + key
	}
	if bucketKey {
		words += ", bucket key"
	}
	return words
}

func (b *Bucket) sameKey(ctx context.Context, live string) (bool, error) {
	if live == b.spec.Key || b.spec.SameKey == nil || live == "" {
		return live == b.spec.Key, nil
	}
	return b.spec.SameKey(ctx, live)
}

func (b *Bucket) ownership() setting {
	return setting{
		name: "ownership", call: "s3:PutBucketOwnershipControls", want: string(types.ObjectOwnershipBucketOwnerEnforced), born: true,
		read: func(ctx context.Context) (state, error) {
			out, err := b.s3.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner()})
			if err != nil {
				return absent(err)
			}
			var st state
			for _, r := range out.OwnershipControls.Rules {
				st = state{live: string(r.ObjectOwnership), same: r.ObjectOwnership == types.ObjectOwnershipBucketOwnerEnforced}
			}
			return st, nil
		},
		put: func(ctx context.Context) error {
			_, err := b.s3.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{
				Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner(),
				OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced}}},
			})
			return err
		},
	}
}

func (b *Bucket) policy() setting {
	return setting{
		name: "policy", call: "s3:PutBucketPolicy", want: b.spec.Policy,
		read: func(ctx context.Context) (state, error) {
			out, err := b.s3.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner()})
			if err != nil {
				return absent(err)
			}
			return state{live: aws.ToString(out.Policy), same: awspolicy.Same(aws.ToString(out.Policy), b.spec.Policy)}, nil
		},
		put: func(ctx context.Context) error {
			_, err := b.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner(), Policy: &b.spec.Policy})
			return err
		},
	}
}

// The one lifecycle rule that is ours: uploads that were never finished cost
// money and are seen by nobody. Rules that others added stay.
const (
	abortRule = "ccsctl-abort-incomplete-uploads"
	abortDays = 7
)

func (b *Bucket) lifecycle() setting {
	return setting{
		name: "lifecycle", call: "s3:PutBucketLifecycleConfiguration", want: abortWords(types.ExpirationStatusEnabled, abortDays),
		read: func(ctx context.Context) (state, error) {
			rules, err := b.rules(ctx)
			for _, r := range rules {
				if aws.ToString(r.ID) == abortRule {
					days := int32(0)
					if r.AbortIncompleteMultipartUpload != nil {
						days = aws.ToInt32(r.AbortIncompleteMultipartUpload.DaysAfterInitiation)
					}
					everywhere := r.Filter == nil || aws.ToString(r.Filter.Prefix) == ""
					return state{live: abortWords(r.Status, days), same: r.Status == types.ExpirationStatusEnabled && days == abortDays && everywhere}, nil
				}
			}
			return state{}, err
		},
		put: func(ctx context.Context) error {
			rules, err := b.rules(ctx)
			if err != nil {
				return err
			}
			rules = slices.DeleteFunc(rules, func(r types.LifecycleRule) bool { return aws.ToString(r.ID) == abortRule })
			rules = append(rules, types.LifecycleRule{
				ID: aws.String(abortRule), Status: types.ExpirationStatusEnabled,
				Filter:                         &types.LifecycleRuleFilter{Prefix: aws.String("")},
				AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(abortDays)},
			})
			_, err = b.s3.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
				Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner(), LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules},
			})
			return err
		},
	}
}

func abortWords(status types.ExpirationStatus, days int32) string {
	if status != types.ExpirationStatusEnabled {
		return "uploads never finished are kept"
	}
	return fmt.Sprintf("uploads not finished in %d days are aborted", days)
}

func (b *Bucket) rules(ctx context.Context) ([]types.LifecycleRule, error) {
	out, err := b.s3.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner()})
	if err != nil {
		_, err = absent(err)
		return nil, err
	}
	return out.Rules, nil
}
