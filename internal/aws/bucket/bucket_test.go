package bucket_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/bucket"
	"github.com/ccs-platform/ccsctl/internal/graph"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/resource/resourcetest"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

const name = "ccs-data-lake-test"

const tlsOnly = `{"Version":"2012-10-17","Statement":[{"Sid":"TLSOnly","Effect":"Deny","Principal":"*","Action":["s3:*"],` +
	`"Resource":["arn:aws:s3:::ccs-data-lake-test","arn:aws:s3:::ccs-data-lake-test/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`

func spec() bucket.Spec {
	return bucket.Spec{
		Name: "data-lake", BucketName: name, Region: sandbox.Region, Account: sandbox.Account, Key: "alias/ccs-test", Policy: tlsOnly,
		Owner: resource.Owner{Project: "ccs", Environment: "test", Extra: map[string]string{"Team": "data"}},
	}
}

func purging() bucket.Spec {
	s := spec()
	s.Purge = true
	return s
}

func TestLifecycle(t *testing.T) {
	resourcetest.Lifecycle(t, resourcetest.Case{
		New: func(cfg aws.Config) resource.Resource { return bucket.New(cfg, spec()) },
		Drift: map[string]func(*testing.T, aws.Config){
			"public_access_block": drift(func(t *testing.T, c *s3.Client) error {
				_, err := c.DeletePublicAccessBlock(t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: aws.String(name)})
				return err
			}),
			"encryption": drift(func(t *testing.T, c *s3.Client) error {
				_, err := c.DeleteBucketEncryption(t.Context(), &s3.DeleteBucketEncryptionInput{Bucket: aws.String(name)})
				return err
			}),
			"ownership": drift(func(t *testing.T, c *s3.Client) error {
				_, err := c.DeleteBucketOwnershipControls(t.Context(), &s3.DeleteBucketOwnershipControlsInput{Bucket: aws.String(name)})
				return err
			}),
			"policy": drift(func(t *testing.T, c *s3.Client) error {
				_, err := c.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: aws.String(name)})
				return err
			}),
			"lifecycle": drift(func(t *testing.T, c *s3.Client) error {
				_, err := c.DeleteBucketLifecycle(t.Context(), &s3.DeleteBucketLifecycleInput{Bucket: aws.String(name)})
				return err
			}),
			"tags.Team": drift(func(t *testing.T, c *s3.Client) error {
				tags := spec().Owner.Tags()
				tags["Team"] = "x"
				return tag(t, c, tags)
			}),
		},
	})
}

func drift(f func(t *testing.T, c *s3.Client) error) func(*testing.T, aws.Config) {
	return func(t *testing.T, cfg aws.Config) { must(t, f(t, client(cfg))) }
}

func client(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func tag(t *testing.T, c *s3.Client, tags map[string]string) error {
	var set []types.Tag
	for k, v := range tags {
		set = append(set, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	_, err := c.PutBucketTagging(t.Context(), &s3.PutBucketTaggingInput{Bucket: aws.String(name), Tagging: &types.Tagging{TagSet: set}})
	return err
}

func put(t *testing.T, c *s3.Client, key string) {
	t.Helper()
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(name), Key: &key, Body: strings.NewReader("x")})
	must(t, err)
}

func diff(t *testing.T, b *bucket.Bucket) resource.Change {
	t.Helper()
	c, err := b.Diff(t.Context())
	must(t, err)
	return c
}

func removal(t *testing.T, b *bucket.Bucket) resource.Change {
	t.Helper()
	c, err := b.Removal(t.Context())
	must(t, err)
	return c
}

// apply carries out a change as the planner does.
func apply(t *testing.T, b *bucket.Bucket, c resource.Change) plan.Result {
	t.Helper()
	g := new(graph.Graph[resource.Resource])
	g.Add(&decided{b, c})
	p, err := plan.Compute(t.Context(), g)
	must(t, err)
	results, err := p.Apply(t.Context(), plan.Options{Sort: apierr.Sort})
	must(t, err)
	return results[0]
}

type decided struct {
	*bucket.Bucket
	change resource.Change
}

func (d *decided) Diff(context.Context) (resource.Change, error) { return d.change, nil }

func up(t *testing.T, cfg aws.Config, s bucket.Spec) *bucket.Bucket {
	t.Helper()
	b := bucket.New(cfg, s)
	must(t, apply(t, b, diff(t, b)).Err)
	return b
}

// A bucket that was there before is the team's: used, never changed, never
// deleted, not even with --purge-data.
func TestABucketThatWasThereIsUsedAsItIs(t *testing.T) {
	s, cfg := sandboxtest.New(t, sandbox.Options{})
	c := client(cfg)
	_, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(name),
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: sandbox.Region}})
	must(t, err)
	must(t, tag(t, c, map[string]string{"Owner": "somebody"}))
	put(t, c, "theirs")
	s.Calls.Reset()

	b := bucket.New(cfg, purging())
	if got := diff(t, b); got.Action != resource.None || got.Reason == "" || len(got.Steps) > 0 {
		t.Errorf("got %s (%s) %v, want none, with a reason", got.Action, got.Reason, got.Calls())
	}
	if got := removal(t, b); got.Action != resource.Keep {
		t.Errorf("removal: got %s (%s), want keep", got.Action, got.Reason)
	}
	if reason, err := b.HoldsData(t.Context()); reason != "" || err != nil {
		t.Errorf("a bucket encrypted otherwise holds the key: %s %v", reason, err)
	}
	if n := s.Calls.Mutating(); n != 0 {
		t.Errorf("made %d mutating calls, want none", n)
	}

	_, err = c.PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{Bucket: aws.String(name), ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
			SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: aws.String(spec().Key)}}}}})
	must(t, err)
	if reason, err := b.HoldsData(t.Context()); reason == "" || err != nil {
		t.Errorf("the key may go although their data is under it: %v", err)
	}
}

// A bucket that turns up between plan and apply is not taken over.
func TestABucketMadeMeanwhileIsNotTakenOver(t *testing.T) {
	s, cfg := sandboxtest.New(t, sandbox.Options{})
	b := bucket.New(cfg, spec())
	change := diff(t, b)
	_, err := client(cfg).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(name),
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: sandbox.Region}})
	must(t, err)
	s.Calls.Reset()
	if res := apply(t, b, change); res.Err == nil || s.Calls.Mutating() != 0 {
		t.Errorf("got %v after %d mutating calls, want an error before the first", res.Err, s.Calls.Mutating())
	}
}

func TestABucketOutOfReachIsAClearError(t *testing.T) {
	for code, test := range map[string]struct {
		status int
		want   string
	}{
		"AccessDenied":      {http.StatusForbidden, name + " is another account's"},
		"PermanentRedirect": {http.StatusMovedPermanently, name + " is not in " + sandbox.Region},
	} {
		s, cfg := sandboxtest.New(t, sandbox.Options{})
		s.Faults.Add(sandbox.Fault{Service: "s3", Code: code, Status: test.status})
		_, err := bucket.New(cfg, spec()).Diff(t.Context())
		if !apierr.Is(err, code) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v", code, err)
		}
	}
}

// S3 replaces all tags and all lifecycle rules at once; those of others survive.
func TestWhatOthersAddedStays(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	c, b := client(cfg), up(t, cfg, spec())
	tags := spec().Owner.Tags()
	delete(tags, "Team")
	tags["CostCenter"] = "42"
	must(t, tag(t, c, tags))
	_, err := c.PutBucketLifecycleConfiguration(t.Context(), &s3.PutBucketLifecycleConfigurationInput{Bucket: aws.String(name),
		LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{{
			ID: aws.String("theirs"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("tmp/")},
			Expiration: &types.LifecycleExpiration{Days: aws.Int32(30)},
		}}}})
	must(t, err)
	must(t, apply(t, b, diff(t, b)).Err)

	got, err := c.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: aws.String(name)})
	must(t, err)
	live := map[string]string{}
	for _, t := range got.TagSet {
		live[*t.Key] = *t.Value
	}
	tags["Team"] = "data"
	if d := cmp.Diff(tags, live); d != "" {
		t.Errorf("tags: %s", d)
	}
	rules, err := c.GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: aws.String(name)})
	must(t, err)
	if len(rules.Rules) != 2 || *rules.Rules[0].ID != "theirs" || *rules.Rules[0].Expiration.Days != 30 {
		t.Errorf("got rules %v, want theirs and ours", rules.Rules)
	}
}

func TestDataIsKept(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	c, b := client(cfg), up(t, cfg, spec())
	empty := removal(t, b)
	put(t, c, "telemetry/1")

	if got := apply(t, b, empty); got.Outcome != plan.Left || got.Reason == "" {
		t.Errorf("data that came in after the plan: got %s (%v)", got.Outcome, got.Err)
	}
	if got := removal(t, b); got.Action != resource.Keep || !strings.Contains(got.Reason, "1 object") || !strings.Contains(got.Reason, "--purge-data") {
		t.Errorf("got %s (%s)", got.Action, got.Reason)
	}
	if reason, err := b.HoldsData(t.Context()); reason == "" || err != nil {
		t.Errorf("the key may go: %v", err)
	}
	if reason, err := bucket.New(cfg, purging()).HoldsData(t.Context()); reason != "" || err != nil {
		t.Errorf("the key must stay although the data goes: %s %v", reason, err)
	}
}

// Everything that keeps a bucket from being deleted is deleted, page by page,
// and so is what a delivery stream flushes at the last moment (trap 33).
func TestPurge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := sandboxtest.New(t, sandbox.Options{})
		c := client(cfg)
		up(t, cfg, purging())
		_, err := c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: aws.String(name), VersioningConfiguration: &types.VersioningConfiguration{Status: "Enabled"}})
		must(t, err)
		for i := range 510 {
			put(t, c, fmt.Sprint("telemetry/", i))
			put(t, c, fmt.Sprint("telemetry/", i))
		}
		_, err = c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(name), Key: aws.String("telemetry/1")})
		must(t, err)
		_, err = c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String(name), Key: aws.String("half")})
		must(t, err)

		late := 2
		flushing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodDelete && r.URL.Path == "/"+name && late > 0 {
				late--
				put(t, c, fmt.Sprint("late/", late))
			}
			s.ServeHTTP(w, r)
		})
		b := bucket.New(sandboxtest.Config(s, flushing), purging())
		change := removal(t, b)
		want := []string{"s3:DeleteObjects", "s3:AbortMultipartUpload", "s3:DeleteBucket"}
		if d := cmp.Diff(want, change.Calls()); d != "" || change.Action != resource.Delete || !strings.Contains(change.Reason, "more than 1000 objects") {
			t.Errorf("got %s (%s): %s", change.Action, change.Reason, d)
		}
		must(t, apply(t, b, change).Err)
		if got := removal(t, b); got.Action != resource.None {
			t.Errorf("still there: %s (%s)", got.Action, got.Reason)
		}
		if n := s.Calls.Count()[wire.Call{Service: "s3", Operation: "DeleteBucket"}]; n != 3 {
			t.Errorf("tried to delete the bucket %d times, want 3", n)
		}
	})
}

// DeleteObjects answers 200 whatever failed (trap 37).
func TestPurgeThatDeletesNothingFails(t *testing.T) {
	s, cfg := sandboxtest.New(t, sandbox.Options{})
	c := client(cfg)
	up(t, cfg, purging())
	put(t, c, "locked")
	locked := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("delete") {
			_, _ = io.WriteString(w, `<DeleteResult><Error><Key>locked</Key><Code>AccessDenied</Code><Message>Access Denied because object protected by object lock.</Message></Error></DeleteResult>`)
			return
		}
		s.ServeHTTP(w, r)
	})
	b := bucket.New(sandboxtest.Config(s, locked), purging())
	if got := apply(t, b, removal(t, b)); got.Err == nil || !strings.Contains(got.Err.Error(), "object lock") {
		t.Errorf("got %s (%v), want AWS's reason", got.Outcome, got.Err)
	}
}

// us-east-1 must not be named (trap 32).
func TestUSEast1(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{Region: "us-east-1"})
	s := spec()
	s.Region = "us-east-1"
	if got := diff(t, up(t, cfg, s)); got.Action != resource.None {
		t.Errorf("got %s %v", got.Action, got.Attributes)
	}
}
