package pipeline_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/resource"
)

// strangers makes things of our names that are not ours: without tags, or with
// those of another environment.
func (w *world) strangers() {
	w.t.Helper()
	ctx, theirs := w.t.Context(), map[string]string{"ccsctl:project": "ccs", "ccsctl:environment": "staging", "ccsctl:managed-by": "ccsctl"}
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	_, err := kinesis.NewFromConfig(w.aws).CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("ccs-prod-telemetry"), ShardCount: aws.Int32(10), Tags: theirs})
	must(err)
	_, err = sqs.NewFromConfig(w.aws).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("ccs-prod-telemetry")})
	must(err)
	_, err = sns.NewFromConfig(w.aws).CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("ccs-prod-alarms")})
	must(err)
	_, err = cloudwatchlogs.NewFromConfig(w.aws).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/aws/lambda/ccs-prod-ingest"), Tags: theirs})
	must(err)
	_, err = buckets(w.aws).CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket:                    aws.String("ccs-data-lake-prod"),
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"},
	})
	must(err)
}

// What has our name and not our tags is shown as such, taken over only by who
// applies the plan all the same, and never taken down. A bucket that was there
// is used as it is.
func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "instant")
		w.strangers()
		p := w.compute()
		conflicts := []string{"stream/telemetry", "queue/telemetry", "topic/alarms", "loggroup/ingest"}
		for _, id := range conflicts {
			if c := find(t, p, id).Change; c.Action != resource.Conflict || c.Reason == "" || len(c.Calls()) == 0 {
				t.Errorf("%s: %s %q with %d calls, want a conflict with a reason and the calls that adopt it", id, c.Action, c.Reason, len(c.Calls()))
			}
		}
		if c := find(t, p, "bucket/data-lake").Change; c.Action != resource.None || c.Reason == "" {
			t.Errorf("the bucket: %s %q, want none, and why", c.Action, c.Reason)
		}
		if n := len(p.With(resource.Conflict)); n != len(conflicts) {
			t.Errorf("%d conflicts, want %d", n, len(conflicts))
		}

		w.sandbox.Calls.Reset()
		down := w.removal()
		for _, id := range append(conflicts, "bucket/data-lake") {
			if c := find(t, down, id).Change; c.Action != resource.Keep || c.Reason == "" || len(c.Steps) > 0 {
				t.Errorf("down: %s: %s %q with %d steps, want it kept, and why", id, c.Action, c.Reason, len(c.Steps))
			}
		}
		w.apply(down)
		if n := w.sandbox.Calls.Mutating(); n != 0 {
			t.Errorf("down made %d mutating calls: %v", n, w.mutations())
		}

		// Applied all the same, which is what --adopt does, they are ours.
		w.up()
		w.settled()
		w.down()
		if len(w.sandbox.Tagged()) != 1 { // the key, scheduled
			t.Errorf("left: %v", w.sandbox.Tagged())
		}
		if _, err := buckets(w.aws).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("ccs-data-lake-prod")}); err != nil {
			t.Errorf("the bucket that was there before: %v", err)
		}
	})
}

// Data outlives the pipeline, and the key outlives the data, unless somebody
// says --purge-data.
func TestDataIsKeptUnlessPurged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "instant")
		w.up()
		for _, name := range []string{"telemetry/year=2026/a.parquet", "errors/b"} {
			if _, err := buckets(w.aws).PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: aws.String("ccs-data-lake-prod"), Key: aws.String(name), Body: strings.NewReader("data"),
			}); err != nil {
				t.Fatal(err)
			}
		}
		down := w.removal()
		for _, id := range []string{"bucket/data-lake", "key/pipeline"} {
			if c := find(t, down, id).Change; c.Action != resource.Keep || c.Reason == "" {
				t.Errorf("%s: %s %q, want it kept, and why", id, c.Action, c.Reason)
			}
		}
		w.apply(down)
		kept, err := w.pipeline().Kept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		left := w.sandbox.Tagged()
		for _, thing := range left {
			if !kept[thing.ARN] {
				t.Errorf("left and not kept: %s", thing.ARN)
			}
		}
		if len(left) != 2 || len(kept) != 2 || !kept["arn:aws:s3:::ccs-data-lake-prod"] {
			t.Errorf("kept %v of %v, want the bucket and the key", kept, left)
		}
		if state := w.keyState(); state != kmstypes.KeyStateEnabled {
			t.Errorf("the key is %s while there is data under it", state)
		}

		// The pipeline comes back to the same data under the same key.
		w.up()
		w.settled()
		if n := w.keys(); n != 1 {
			t.Errorf("%d keys, want the one that was kept", n)
		}

		w.purge = true
		w.down()
		w.gone()
		if kept, err := w.pipeline().Kept(t.Context()); err != nil || len(kept) != 0 {
			t.Errorf("kept %v, %v", kept, err)
		}
		if n := w.keys(); n != 1 {
			t.Errorf("%d keys", n)
		}
		if state := w.keyState(); state != kmstypes.KeyStatePendingDeletion {
			t.Errorf("the key is %s after the purge", state)
		}
	})
}

// keys is how many keys there are, whatever their state.
func (w *world) keys() int {
	w.t.Helper()
	out, err := kms.NewFromConfig(w.aws).ListKeys(w.t.Context(), &kms.ListKeysInput{})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(out.Keys)
}

// keyState is the state of the only key.
func (w *world) keyState() kmstypes.KeyState {
	w.t.Helper()
	client := kms.NewFromConfig(w.aws)
	out, err := client.ListKeys(w.t.Context(), &kms.ListKeysInput{})
	if err != nil || len(out.Keys) != 1 {
		w.t.Fatalf("keys: %v, %v", out, err)
	}
	key, err := client.DescribeKey(w.t.Context(), &kms.DescribeKeyInput{KeyId: out.Keys[0].KeyId})
	if err != nil {
		w.t.Fatal(err)
	}
	return key.KeyMetadata.KeyState
}
