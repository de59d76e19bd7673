// Package bucket is the S3 bucket of the data lake. It knows how to tell a
// bucket that it made from one that it was only given, which settings its own
// must have, and that what holds data is not deleted unless that was asked for.
package bucket

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Spec is the wanted bucket.
type Spec struct {
	Name       string // within the pipeline, for people
	BucketName string // in S3, where names are global
	Region     string
	// Account is the account that the bucket must belong to, "" for whatever
	// account it is. S3 refuses every call when it is another's.
	Account string
	// Key encrypts what is written: a key ARN, alias ARN or alias name.
	Key string
	// SameKey says whether what S3 reports names the same key; nil compares
	// texts.
	SameKey func(ctx context.Context, live string) (bool, error)
	Policy  string // JSON
	Owner   resource.Owner
	// Purge makes a removal delete the data too.
	Purge bool
}

// Bucket is the data lake's bucket, live or still to be made. One that this
// account has already, without our tags, is used as it is: never changed and
// never deleted.
type Bucket struct {
	s3       *s3.Client
	spec     Spec
	settings []setting
}

var _ resource.Resource = (*Bucket)(nil)

// New is the bucket of spec in the account of cfg.
func New(cfg aws.Config, spec Spec) *Bucket {
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		// An endpoint that somebody named seldom has a DNS name a bucket.
		o.UsePathStyle = o.BaseEndpoint != nil
	})
	b := &Bucket{s3: client, spec: spec}
	b.settings = []setting{b.accessBlock(), b.encryption(), b.ownership(), b.policy(), b.lifecycle()}
	return b
}

// ID is bucket/NAME.
func (b *Bucket) ID() resource.ID { return resource.ID{Kind: "bucket", Name: b.spec.Name} }

// owner is the account that every call expects the bucket to be of.
func (b *Bucket) owner() *string {
	if b.spec.Account == "" {
		return nil
	}
	return &b.spec.Account
}

// tags reads the bucket's tags, and by them whether there is a bucket at all.
func (b *Bucket) tags(ctx context.Context) (tags map[string]string, exists bool, err error) {
	out, err := b.s3.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner()})
	switch {
	case apierr.Is(err, "NoSuchTagSet"):
		return nil, true, nil
	case apierr.NotFound(err):
		return nil, false, nil
	case apierr.Is(err, "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint"):
		return nil, true, fmt.Errorf("%s is not in %s: %w", b.spec.BucketName, b.spec.Region, err)
	case apierr.Denied(err):
		return nil, true, fmt.Errorf("%s is another account's, or you may not read its tags: %w", b.spec.BucketName, err)
	case err != nil:
		return nil, false, err
	}
	tags = make(map[string]string, len(out.TagSet))
	for _, t := range out.TagSet {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, true, nil
}

// Diff implements resource.Resource.
func (b *Bucket) Diff(ctx context.Context) (resource.Change, error) {
	tags, exists, err := b.tags(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	if !exists {
		return b.fresh(), nil
	}
	if !b.spec.Owner.Owns(tags) {
		return resource.Change{Action: resource.None, Reason: "exists already: used as it is"}, nil
	}
	c := resource.Change{Action: resource.None}
	if diff := b.spec.Owner.DiffTags(tags); len(diff) > 0 {
		c.Attributes = append(c.Attributes, diff...)
		c.Steps = append(c.Steps, b.tagStep())
	}
	states, err := b.states(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	for i, st := range states {
		if !st.same {
			c.Attributes = append(c.Attributes, resource.Attribute{Name: b.settings[i].name, Old: st.live, New: b.settings[i].want})
			c.Steps = append(c.Steps, b.settings[i].step())
		}
	}
	if len(c.Steps) > 0 {
		c.Action = resource.Update
	}
	return c, nil
}

// fresh makes the bucket. Its settings follow one by one: S3 answers
// OperationAborted to those who change one bucket in parallel.
func (b *Bucket) fresh() resource.Change {
	c := resource.Change{
		Action:     resource.Create,
		Attributes: []resource.Attribute{{Name: "name", New: b.spec.BucketName}, {Name: "region", New: b.spec.Region}},
		Steps:      []resource.Step{{Call: "s3:CreateBucket", Do: b.create, Wait: b.waitForBucket}, b.tagStep()},
	}
	for _, s := range b.settings {
		c.Attributes = append(c.Attributes, resource.Attribute{Name: s.name, New: s.want})
		if !s.born {
			c.Steps = append(c.Steps, s.step())
		}
	}
	return c
}

// create makes the bucket with its tags, so that a run killed right after it
// leaves a bucket that is known as ours. It looks first: in us-east-1 success
// does not mean that there was none (trap 32).
func (b *Bucket) create(ctx context.Context) error {
	if tags, exists, err := b.tags(ctx); err != nil || exists {
		return b.ours(tags, err)
	}
	config := &types.CreateBucketConfiguration{Tags: b.wantTags(nil)}
	if b.spec.Region != "us-east-1" { // which is the one that must not be named
		config.LocationConstraint = types.BucketLocationConstraint(b.spec.Region)
	}
	_, err := b.s3.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket:                    &b.spec.BucketName,
		CreateBucketConfiguration: config,
		ObjectOwnership:           types.ObjectOwnershipBucketOwnerEnforced,
	})
	switch {
	case apierr.Exists(err): // a retry of ours, whose first answer was lost, or somebody of this account
		tags, _, err := b.tags(ctx)
		return b.ours(tags, err)
	case apierr.Is(err, "BucketAlreadyExists"):
		return fmt.Errorf("another account has a bucket named %s, and the name must be the only one in the world: %w", b.spec.BucketName, err)
	}
	return err
}

// ours is an error when a bucket that turned up meanwhile is not ours.
func (b *Bucket) ours(tags map[string]string, err error) error {
	if err == nil && !b.spec.Owner.Owns(tags) {
		return fmt.Errorf("%s was made meanwhile, and not by us", b.spec.BucketName)
	}
	return err
}

func (b *Bucket) waitForBucket(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until the bucket is there", func(ctx context.Context) (bool, error) {
		_, exists, err := b.tags(ctx)
		return exists, err
	})
}

// tagStep writes the whole set, which is all that S3 offers, with the tags that
// others added.
func (b *Bucket) tagStep() resource.Step {
	return resource.Step{
		Call: "s3:PutBucketTagging",
		Do: func(ctx context.Context) error {
			live, _, err := b.tags(ctx)
			if err != nil {
				return err
			}
			_, err = b.s3.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{
				Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner(), Tagging: &types.Tagging{TagSet: b.wantTags(live)},
			})
			return err
		},
		Wait: func(ctx context.Context) error {
			return resource.Poll(ctx, "waiting until the tags are known", func(ctx context.Context) (bool, error) {
				live, _, err := b.tags(ctx)
				return len(b.spec.Owner.DiffTags(live)) == 0, err
			})
		},
	}
}

func (b *Bucket) wantTags(live map[string]string) []types.Tag {
	want := b.spec.Owner.Tags()
	var tags []types.Tag
	for k, v := range live {
		if _, ok := want[k]; !ok {
			tags = append(tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
		}
	}
	for k, v := range want {
		tags = append(tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	return tags
}
