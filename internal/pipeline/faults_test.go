package pipeline_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

// What AWS answers when it means "not yet" or "not so fast".
var passing = []sandbox.Fault{
	{Service: "lambda", Operation: "CreateFunction", Code: "InvalidParameterValueException", Message: "The role defined for the function cannot be assumed by Lambda.", Status: 400, Times: 6},
	{Service: "lambda", Operation: "CreateEventSourceMapping", Code: "InvalidParameterValueException", Message: "Cannot access stream. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, ListShards, and ListStreams Actions on your stream in IAM.", Status: 400, Times: 4},
	{Service: "firehose", Operation: "CreateDeliveryStream", Code: "InvalidArgumentException", Message: "Firehose is unable to assume role. Please check the role provided.", Status: 400, Times: 5},
	{Service: "stepfunctions", Operation: "CreateStateMachine", Code: "AccessDeniedException", Message: "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.", Status: 400, Times: 3},
	{Service: "sns", Operation: "CreateTopic", Code: "Throttling", Message: "Rate exceeded", Status: 400, Times: 9},
	{Service: "kinesis", Operation: "StartStreamEncryption", Code: "ResourceInUseException", Message: "Stream ccs-prod-telemetry not ACTIVE, instead in state UPDATING", Status: 400, Times: 7},
	{Service: "kinesis", Operation: "DescribeStreamSummary", Code: "LimitExceededException", Message: "Rate exceeded for stream ccs-prod-telemetry under account.", Status: 400, Times: 2},
	{Service: "lambda", Operation: "DeleteFunction", Code: "ResourceConflictException", Message: "The operation cannot be performed at this time. An update is in progress for resource.", Status: 409, Times: 4},
	{Service: "lambda", Operation: "DeleteEventSourceMapping", Code: "ResourceInUseException", Message: "Cannot delete the event source mapping because it is in use.", Status: 400, Times: 4},
	{Service: "iam", Operation: "CreateRole", Code: "ConcurrentModificationException", Message: "Multiple requests to change this object were submitted simultaneously.", Status: 409, Times: 4},
	{Service: "logs", Operation: "PutRetentionPolicy", Code: "OperationAbortedException", Message: "A conflicting operation is currently in progress against this resource.", Status: 400, Times: 4},
	{Service: "cloudwatch", Operation: "PutMetricAlarm", Code: "InternalServiceError", Message: "An internal error occurred.", Status: 500, Times: 8},
	{Service: "s3", Operation: "PutBucketEncryption", Code: "OperationAborted", Message: "A conflicting conditional operation is currently in progress against this resource. Please try again.", Status: 409, Times: 4},
	{Service: "kms", Operation: "CreateAlias", Code: "KMSInternalException", Message: "The request was rejected because an internal exception occurred.", Status: 500, Times: 5},
	{Service: "glue", Operation: "CreateTable", Code: "OperationTimeoutException", Message: "The operation timed out.", Status: 500, Times: 4},
	{Service: "sqs", Operation: "CreateQueue", Code: "RequestThrottled", Message: "Request is throttled.", Status: 403, Times: 8},
}

// Fresh roles, busy things, throttling and failures of AWS itself are borne, at
// AWS's own pace with its rates and slow deletions, on the way up and down.
func TestPassingTroubleIsSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "aws")
		start := time.Now()
		for _, f := range passing {
			w.sandbox.Faults.Add(f)
		}
		w.up()
		w.settled()
		w.down()
		w.gone()
		for _, f := range w.sandbox.Faults.List() {
			t.Errorf("never met in full: %d more %s", f.Times, f.Operation)
		}
		if took := time.Since(start); took > 30*time.Minute {
			t.Errorf("up and down took %v of AWS's time", took)
		}
	})
}

// The words of a fresh role also mean a real mistake. They are believed for two
// minutes, then AWS's own reason is the answer, and what does not hang on it is
// done.
func TestARefusalThatLastsEndsWithAWSsWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const words = "The role defined for the function cannot be assumed by Lambda."
		w := newWorld(t, "instant")
		w.sandbox.Faults.Add(sandbox.Fault{Service: "lambda", Operation: "CreateFunction", Code: "InvalidParameterValueException", Message: words, Status: 400})
		start := time.Now()
		results, err := w.compute().Apply(t.Context(), plan.Options{Sort: apierr.Sort})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < time.Minute || took > 3*time.Minute {
			t.Errorf("gave up after %v", took)
		}
		for _, r := range results {
			switch r.ID.Kind {
			case "function":
				if e, ok := errors.AsType[*plan.Exhausted](r.Err); !ok || e.Trouble != resource.Fresh || !strings.Contains(r.Err.Error(), words) {
					t.Errorf("%s: %v", r.ID, r.Err)
				}
			case "mapping":
				if r.Outcome != plan.Skipped {
					t.Errorf("%s: %s, %v", r.ID, r.Outcome, r.Err)
				}
			default:
				if r.Outcome != plan.Done {
					t.Errorf("%s: %s, %v", r.ID, r.Outcome, r.Err)
				}
			}
		}
		w.sandbox.Faults.Clear()
		w.up() // with the cause mended, the next run finishes
		w.settled()
	})
}

// Down right after up waits for what is still being made, and up right after
// down for what is still going away. SQS holds a queue's name for 60 seconds,
// which up waits for and says so.
func TestUpAndDownRightAfterOneAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "aws")
		w.up()
		w.down()
		w.gone()
		w.up()
		w.settled()

		// Down takes longer than that minute, so the names are free by then.
		// Somebody's own deletion is another matter.
		if _, err := sqs.NewFromConfig(w.aws).DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: queueURL("ccs-prod-stream-failures")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * time.Second) // gone, its name not free
		start := time.Now()
		notes := w.up()
		const note = "queue/stream-failures: waiting for AWS to free the name of what was just deleted (up to 60 s)"
		if took := time.Since(start); !slices.Contains(notes, note) || took < 20*time.Second || took > time.Minute {
			t.Errorf("up took %v and waited for %q", took, notes)
		}
		w.settled()
		w.down()
		w.gone()
	})
}

// The number of shards is the autoscaler's within its bounds and ours beyond
// them, in steps that AWS takes.
func TestShardsAreTheAutoscalersWithinItsBounds(t *testing.T) {
	for _, tt := range []struct {
		resizes []int // by somebody else, from the 10 at birth
		want    int
	}{
		{nil, 10}, {[]int{20}, 20}, {[]int{17}, 17}, {[]int{8}, 8},
		{[]int{5}, 8}, {[]int{5, 3}, 8}, {[]int{20, 40}, 20}, {[]int{20, 40, 41}, 20},
	} {
		t.Run(fmt.Sprint(tt.resizes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "instant")
				w.config.Autoscaling.MinShards, w.config.Autoscaling.MaxShards = 8, 20
				w.up()
				client, name := kinesis.NewFromConfig(w.aws), aws.String("ccs-prod-telemetry")
				live := 10
				for _, live = range tt.resizes {
					if _, err := client.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{
						StreamName: name, TargetShardCount: aws.Int32(int32(live)), ScalingType: types.ScalingTypeUniformScaling,
					}); err != nil {
						t.Fatal(err)
					}
				}
				c := find(t, w.compute(), "stream/telemetry").Change
				if left := c.Action == resource.None; left != (live == tt.want) {
					t.Errorf("%d shards: %s %v", live, c.Action, c.Attributes)
				}
				w.up()
				w.settled()
				out, err := client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: name})
				if err != nil {
					t.Fatal(err)
				}
				if got := int(*out.StreamDescriptionSummary.OpenShardCount); got != tt.want {
					t.Errorf("%d shards became %d, want %d", live, got, tt.want)
				}
			})
		})
	}
}
