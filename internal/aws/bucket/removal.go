package bucket

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// page is the most that S3 lists or deletes in one call.
const page = 1000

// emptying is how long deleting the data may take: at a thousand objects a call
// and some ten calls a second, enough for a quarter of a billion.
const emptying = 6 * time.Hour

// Removal implements resource.Resource. A bucket that holds anything is kept
// unless the spec says Purge.
func (b *Bucket) Removal(ctx context.Context) (resource.Change, error) {
	tags, exists, err := b.tags(ctx)
	if err != nil || !exists {
		return resource.Change{Action: resource.None}, err
	}
	if !b.spec.Owner.Owns(tags) {
		return resource.Change{Action: resource.Keep, Reason: "not made by ccsctl"}, nil
	}
	held, err := b.contents(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	c := resource.Change{Action: resource.Delete}
	remove := resource.Step{Call: "s3:DeleteBucket", Do: b.delete, Wait: b.waitForNone}
	switch {
	case !held.any():
	case !b.spec.Purge:
		return resource.Change{Action: resource.Keep, Reason: held.String() + ": --purge-data deletes them"}, nil
	default:
		c.Reason = held.String() + ", deleted with it"
		if len(held.versions) > 0 {
			c.Steps = append(c.Steps, b.emptyStep("s3:DeleteObjects"))
		}
		if len(held.uploads) > 0 {
			c.Steps = append(c.Steps, b.emptyStep("s3:AbortMultipartUpload"))
		}
	}
	if b.spec.Purge {
		remove.Patience = emptying
	}
	c.Steps = append(c.Steps, remove)
	return c, nil
}

// HoldsData is the reason why the key must outlive a removal, "" when there is
// none: no bucket, nothing in it, data that the removal deletes anyway, or a
// bucket that we only use and that is encrypted with another key.
func (b *Bucket) HoldsData(ctx context.Context) (reason string, err error) {
	tags, exists, err := b.tags(ctx)
	if err != nil || !exists {
		return "", err
	}
	if b.spec.Owner.Owns(tags) {
		if b.spec.Purge {
			return "", nil
		}
	} else if uses, err := b.usesKey(ctx); err != nil || !uses {
		return "", err
	}
	held, err := b.contents(ctx)
	if err != nil || !held.any() {
		return "", err
	}
	return fmt.Sprintf("bucket %s %s that only this key can read", b.spec.BucketName, held), nil
}

// usesKey says whether what is written to the bucket is encrypted with the key.
// One that may not be asked is taken to use it: nobody can undelete a key.
func (b *Bucket) usesKey(ctx context.Context) (bool, error) {
	out, err := b.s3.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner()})
	if apierr.Denied(err) {
		return true, nil
	}
	if err != nil {
		_, err = absent(err)
		return false, err
	}
	for _, r := range out.ServerSideEncryptionConfiguration.Rules {
		if d := r.ApplyServerSideEncryptionByDefault; d != nil && aws.ToString(d.KMSMasterKeyID) != "" {
			return b.sameKey(ctx, *d.KMSMasterKeyID)
		}
	}
	return false, nil
}

// contents are the first page of what a bucket holds.
type contents struct {
	versions []types.ObjectIdentifier // delete markers too
	uploads  []types.MultipartUpload
	more     bool // of either
}

func (c contents) any() bool { return len(c.versions)+len(c.uploads) > 0 }

func (c contents) String() string {
	n, noun := len(c.versions), "objects"
	if n == 0 {
		n, noun = len(c.uploads), "unfinished uploads"
	}
	switch {
	case c.more:
		return fmt.Sprintf("holds data (more than %d %s)", n, noun)
	case n == 1:
		return fmt.Sprintf("holds data (1 %s)", noun[:len(noun)-1])
	default:
		return fmt.Sprintf("holds data (%d %s)", n, noun)
	}
}

// contents lists the first page of versions, delete markers among them, and of
// unfinished uploads: each of them keeps a bucket from being deleted (trap 33).
func (b *Bucket) contents(ctx context.Context) (contents, error) {
	var c contents
	list, err := b.s3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner(), MaxKeys: aws.Int32(page)})
	if err != nil {
		return c, gone(err)
	}
	for _, v := range list.Versions {
		c.versions = append(c.versions, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
	}
	for _, m := range list.DeleteMarkers {
		c.versions = append(c.versions, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
	}
	uploads, err := b.s3.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner(), MaxUploads: aws.Int32(page)})
	if err != nil {
		return c, gone(err)
	}
	c.uploads = uploads.Uploads
	c.more = aws.ToBool(list.IsTruncated) || aws.ToBool(uploads.IsTruncated)
	return c, nil
}

// gone is nil for a bucket that is not there any more.
func gone(err error) error {
	if apierr.NotFound(err) {
		return nil
	}
	return err
}

// emptyStep deletes what there is. How many calls that takes is known only at
// the end; the first is the step's own, the others are made while waiting, where
// an interruption ends them.
func (b *Bucket) emptyStep(call string) resource.Step {
	return resource.Step{
		Call:     call,
		Do:       func(ctx context.Context) error { _, err := b.emptyPage(ctx); return err },
		Wait:     b.empty,
		Patience: emptying,
	}
}

// empty deletes page after page until a list comes back empty.
func (b *Bucket) empty(ctx context.Context) error {
	for total := 0; ; {
		n, err := b.emptyPage(ctx)
		if err != nil || n == 0 {
			return err
		}
		total += n
		resource.Note(ctx, fmt.Sprintf("deleting the data: %d more objects deleted", total))
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
}

// emptyPage deletes the first page of what the bucket holds and says how many
// things that were. It deletes nothing of a bucket that is not ours any more.
func (b *Bucket) emptyPage(ctx context.Context) (int, error) {
	tags, exists, err := b.tags(ctx)
	if err != nil || !exists {
		return 0, err
	}
	if !b.spec.Owner.Owns(tags) {
		return 0, &resource.Kept{Reason: "not made by ccsctl"}
	}
	held, err := b.contents(ctx)
	if err != nil || !held.any() {
		return 0, err
	}
	// Versions and markers come in one list of at most a page.
	if len(held.versions) > 0 {
		out, err := b.s3.DeleteObjects(ctx, &s3.DeleteObjectsInput{
			Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner(), Delete: &types.Delete{Objects: held.versions, Quiet: aws.Bool(true)},
		})
		if err != nil {
			return 0, gone(err)
		}
		if len(out.Errors) == len(held.versions) { // the answer is 200 whatever failed (trap 37)
			e := out.Errors[0]
			return 0, fmt.Errorf("delete %s and %d others: %w", aws.ToString(e.Key), len(out.Errors)-1,
				&smithy.GenericAPIError{Code: aws.ToString(e.Code), Message: aws.ToString(e.Message)})
		}
		return len(held.versions) - len(out.Errors), nil
	}
	for _, u := range held.uploads {
		_, err := b.s3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner(), Key: u.Key, UploadId: u.UploadId})
		if err != nil && !apierr.Is(err, "NoSuchUpload") {
			return 0, gone(err)
		}
	}
	return len(held.uploads), nil
}

// delete deletes the bucket if it is ours and empty now. What came in since the
// plan was made is kept, or left to waitForNone to purge.
func (b *Bucket) delete(ctx context.Context) error {
	tags, exists, err := b.tags(ctx)
	if err != nil || !exists {
		return err
	}
	if !b.spec.Owner.Owns(tags) {
		return &resource.Kept{Reason: "not made by ccsctl"}
	}
	_, err = b.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &b.spec.BucketName, ExpectedBucketOwner: b.owner()})
	switch {
	case apierr.NotFound(err):
		return nil
	case apierr.Is(err, "BucketNotEmpty") && b.spec.Purge:
		return nil
	case apierr.Is(err, "BucketNotEmpty"):
		return &resource.Kept{Reason: "holds data that came in meanwhile: --purge-data deletes it"}
	}
	return err
}

// waitForNone returns when the bucket is gone. A delivery stream may write what
// it had buffered after the bucket was emptied, so with Purge it empties and
// deletes again.
func (b *Bucket) waitForNone(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until the bucket is gone", func(ctx context.Context) (bool, error) {
		tags, exists, err := b.tags(ctx)
		if err != nil || !exists || !b.spec.Purge {
			return !exists, err
		}
		if !b.spec.Owner.Owns(tags) {
			return true, nil // somebody else's, who was quick
		}
		if err := b.empty(ctx); err != nil {
			return false, err
		}
		return false, b.delete(ctx)
	})
}
