package s3_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

const name = "ccs-data-lake"

func connect(t *testing.T, o sandbox.Options) (*sandbox.Sandbox, *s3.Client) {
	t.Helper()
	s, cfg := sandboxtest.New(t, o)
	return s, client(cfg)
}

// client is one as a command makes it: with checksums on uploads.
func client(cfg aws.Config) *s3.Client {
	cfg.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true; o.RetryMaxAttempts = 1 })
}

func make1(t *testing.T, c *s3.Client) {
	t.Helper()
	_, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(name), CreateBucketConfiguration: in("eu-west-1")})
	must(t, err)
}

func in(region string) *types.CreateBucketConfiguration {
	return &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Uploads arrive whole however the SDK frames them: a body that can be read
// twice, one that can't (aws-chunked with a trailing checksum), an empty one.
func TestObjectsAreWhatWasSent(t *testing.T) {
	_, c := connect(t, sandbox.Options{})
	make1(t, c)
	big := strings.Repeat("0123456789abcdef", 20_000)
	for i, body := range []io.Reader{strings.NewReader(big), io.MultiReader(strings.NewReader(big)), strings.NewReader("")} {
		key := fmt.Sprint("telemetry/", i)
		put := &s3.PutObjectInput{Bucket: aws.String(name), Key: &key, Body: body, ContentEncoding: aws.String("gzip"), Metadata: map[string]string{"v": "1"}}
		opts := []func(*s3.Options){}
		want := big
		if i == 1 {
			put.ContentLength = aws.Int64(int64(len(big)))
			opts = append(opts, func(o *s3.Options) { o.BaseEndpoint = aws.String("https://sandbox.invalid") }) // only over TLS does it leave the payload unsigned
		}
		if i == 2 {
			want = ""
		}
		_, err := c.PutObject(t.Context(), put, opts...)
		must(t, err)
		got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(name), Key: &key})
		must(t, err)
		text, err := io.ReadAll(got.Body)
		must(t, err)
		if string(text) != want {
			t.Errorf("object %d: got %d bytes, want %d", i, len(text), len(want))
		}
		if aws.ToString(got.ContentEncoding) != "gzip" || got.Metadata["v"] != "1" {
			t.Errorf("object %d: encoding %q, metadata %v", i, aws.ToString(got.ContentEncoding), got.Metadata)
		}
	}
}

func TestADamagedUploadIsRefused(t *testing.T) {
	s, cfg := sandboxtest.New(t, sandbox.Options{})
	damage := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(body, []byte("precious"), []byte("previous"), 1)))
		s.ServeHTTP(w, r)
	})
	make1(t, client(cfg))
	c := client(sandboxtest.Config(s, damage))
	for endpoint, want := range map[string]string{
		"http://sandbox.invalid":  "XAmzContentSHA256Mismatch", // the payload is signed
		"https://sandbox.invalid": "BadDigest",                 // it is not, but a checksum trails it
	} {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(name), Key: aws.String("k"), Body: strings.NewReader("precious")},
			func(o *s3.Options) { o.BaseEndpoint = &endpoint })
		if !apierr.Is(err, want) {
			t.Errorf("%s: got %v, want %s", endpoint, err, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	_, c := connect(t, sandbox.Options{})
	make1(t, c)
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(name), Key: aws.String("k"), Body: strings.NewReader("x")})
	must(t, err)
	b := aws.String(name)
	policy := func(text string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: b, Policy: &text})
			return err
		}
	}
	create := func(bucket string, cfg *types.CreateBucketConfiguration) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket, CreateBucketConfiguration: cfg})
			return err
		}
	}
	rule := func(r types.LifecycleRule) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: b,
				LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{r}}})
			return err
		}
	}
	for _, test := range []struct {
		what string
		call func(context.Context) error
		want string
	}{
		{"us-east-1 as a value", create("other", in("us-east-1")), "InvalidLocationConstraint"},
		{"no location", create("other", nil), "IllegalLocationConstraintException"},
		{"another region's location", create("other", in("eu-north-1")), "IllegalLocationConstraintException"},
		{"own bucket again", create(name, in("eu-west-1")), "BucketAlreadyOwnedByYou"},
		{"upper case", create("Other", in("eu-west-1")), "InvalidBucketName"},
		{"two tags of one key", create("other", &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1",
			Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("a"), Value: aws.String("2")}}}), "InvalidTag"},
		{"tag with a comma", func(ctx context.Context) error {
			_, err := c.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("1,2")}}}})
			return err
		}, "InvalidTag"},
		{"delete with an object in it", func(ctx context.Context) error {
			_, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: b})
			return err
		}, "BucketNotEmpty"},
		{"another owner", func(ctx context.Context) error {
			_, err := c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: b, ExpectedBucketOwner: aws.String("111122223333")})
			return err
		}, "AccessDenied"},
		{"no tags", func(ctx context.Context) error {
			_, err := c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: b})
			return err
		}, "NoSuchTagSet"},
		{"no policy", func(ctx context.Context) error {
			_, err := c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: b})
			return err
		}, "NoSuchBucketPolicy"},
		{"no lifecycle", func(ctx context.Context) error {
			_, err := c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: b})
			return err
		}, "NoSuchLifecycleConfiguration"},
		{"no bucket", func(ctx context.Context) error {
			_, err := c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: aws.String("nowhere")})
			return err
		}, "NoSuchBucket"},
		{"key without KMS", func(ctx context.Context) error {
			_, err := c.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: b, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
				Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
					SSEAlgorithm: types.ServerSideEncryptionAes256, KMSMasterKeyID: aws.String("alias/x")}}}}})
			return err
		}, "InvalidArgument"},
		{"policy that is not JSON", policy("{"), "MalformedPolicy"},
		{"policy on another bucket", policy(`{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::other"}]}`), "MalformedPolicy"},
		{"policy without principal", policy(`{"Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::ccs-data-lake"}]}`), "MalformedPolicy"},
		{"public policy", policy(`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::ccs-data-lake/*"}]}`), "AccessDenied"},
		{"rule without an action", rule(types.LifecycleRule{Status: "Enabled", Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")}}), "InvalidRequest"},
		{"uploads aborted after no days", rule(types.LifecycleRule{Status: "Enabled", Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")},
			AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(0)}}), "InvalidArgument"},
		{"not served", func(ctx context.Context) error {
			_, err := c.GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: b})
			return err
		}, "NotImplemented"},
	} {
		if err := test.call(t.Context()); !apierr.Is(err, test.want) {
			t.Errorf("%s: got %v, want %s", test.what, err, test.want)
		}
	}
}

// In us-east-1 the location must be absent, and making one's bucket again
// succeeds (trap 32).
func TestUSEast1(t *testing.T) {
	_, c := connect(t, sandbox.Options{Region: "us-east-1"})
	for range 2 {
		_, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(name)})
		must(t, err)
	}
	out, err := c.GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: aws.String(name)})
	must(t, err)
	if out.LocationConstraint != "" {
		t.Errorf("got location %q, want none", out.LocationConstraint)
	}
}

// A bucket is empty only without versions, delete markers and uploads (trap 33).
func TestDeletingABucketTakesEverythingOutFirst(t *testing.T) {
	_, c := connect(t, sandbox.Options{})
	make1(t, c)
	b, key := aws.String(name), aws.String("k")
	_, err := c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: b, VersioningConfiguration: &types.VersioningConfiguration{Status: "Enabled"}})
	must(t, err)
	for range 2 {
		_, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: key, Body: strings.NewReader("x")})
		must(t, err)
	}
	_, err = c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: b, Key: key})
	must(t, err)
	upload, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: b, Key: key})
	must(t, err)

	notEmpty := func(what string) {
		t.Helper()
		if _, err := c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: b}); !apierr.Is(err, "BucketNotEmpty") {
			t.Errorf("with %s: got %v, want BucketNotEmpty", what, err)
		}
	}
	notEmpty("versions")
	list, err := c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: b})
	must(t, err)
	if len(list.Versions) != 2 || len(list.DeleteMarkers) != 1 {
		t.Fatalf("got %d versions and %d markers, want 2 and 1", len(list.Versions), len(list.DeleteMarkers))
	}
	var ids []types.ObjectIdentifier
	for _, v := range list.Versions {
		ids = append(ids, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
	}
	for _, m := range list.DeleteMarkers {
		ids = append(ids, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
	}
	_, err = c.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: b, Delete: &types.Delete{Objects: ids}})
	must(t, err)
	notEmpty("an upload")
	_, err = c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: b, Key: key, UploadId: upload.UploadId})
	must(t, err)
	_, err = c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: b})
	must(t, err)
}

// S3's requests carry no operation's name, and are counted and refused like the
// others all the same.
func TestRequestsMeetTheHook(t *testing.T) {
	s, c := connect(t, sandbox.Options{})
	make1(t, c)
	s.Faults.Add(sandbox.Fault{Service: "s3", Operation: "PutBucketTagging", Code: "OperationAborted", Times: 1})
	put := func() error {
		_, err := c.PutBucketTagging(t.Context(), &s3.PutBucketTaggingInput{Bucket: aws.String(name), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}}})
		return err
	}
	if err := put(); !apierr.Is(err, "OperationAborted") {
		t.Errorf("got %v, want OperationAborted", err)
	}
	must(t, put())
	if n := s.Calls.Count()[wire.Call{Service: "s3", Operation: "PutBucketTagging"}]; n != 2 {
		t.Errorf("counted %d calls, want 2", n)
	}
	if n := s.Calls.Mutating(); n != 3 {
		t.Errorf("counted %d mutating calls, want 3", n)
	}
}

// Metadata's names come in lower case on the wire, which some clients take as
// they are.
func TestMetadataIsNamedInLowerCase(t *testing.T) {
	s, cfg := sandboxtest.New(t, sandbox.Options{})
	make1(t, client(cfg))
	var names []string
	spy := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r)
		names = slices.Sorted(maps.Keys(w.Header()))
	})
	c := client(sandboxtest.Config(s, spy))
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(name), Key: aws.String("k"), Body: strings.NewReader("x"),
		Metadata: map[string]string{"fleet": "west"}})
	must(t, err)
	got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(name), Key: aws.String("k")})
	must(t, err)
	must(t, got.Body.Close())
	if got.Metadata["fleet"] != "west" || !slices.Contains(names, "x-amz-meta-fleet") {
		t.Errorf("metadata %v under the names %v", got.Metadata, names)
	}
}

func TestOnlyTheLastPartMayBeSmall(t *testing.T) {
	_, c := connect(t, sandbox.Options{})
	make1(t, c)
	const whole = 5 << 20
	upload := func(sizes ...int) error {
		b, key := aws.String(name), aws.String("k")
		up, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: b, Key: key})
		must(t, err)
		var parts []types.CompletedPart
		for i, size := range sizes {
			n := aws.Int32(int32(i + 1))
			out, err := c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: b, Key: key, UploadId: up.UploadId, PartNumber: n,
				Body: strings.NewReader(strings.Repeat("x", size))})
			must(t, err)
			parts = append(parts, types.CompletedPart{PartNumber: n, ETag: out.ETag})
		}
		_, err = c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: b, Key: key, UploadId: up.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		return err
	}
	must(t, upload(1))
	must(t, upload(whole, 1))
	if err := upload(whole, whole-1, 1); !apierr.Is(err, "EntityTooSmall") {
		t.Errorf("a small part in the middle: got %v, want EntityTooSmall", err)
	}
}
