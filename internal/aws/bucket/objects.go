package bucket

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Object is one object of a bucket, as a list tells it.
type Object struct {
	Key      string
	Modified time.Time // by S3's clock, in whole seconds
	Bytes    int64
}

// Objects lists what is under a prefix, by key. Of a bucket that does not exist
// it says so with an error that apierr.NotFound knows.
func (b *Bucket) Objects(ctx context.Context, prefix string) ([]Object, error) {
	var all []Object
	pages := s3.NewListObjectsV2Paginator(b.s3, &s3.ListObjectsV2Input{
		Bucket: &b.spec.BucketName, Prefix: &prefix, ExpectedBucketOwner: b.owner(),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list s3://%s/%s: %w", b.spec.BucketName, prefix, err)
		}
		for _, o := range page.Contents {
			all = append(all, Object{Key: aws.ToString(o.Key), Modified: aws.ToTime(o.LastModified), Bytes: aws.ToInt64(o.Size)})
		}
	}
	return all, nil
}
