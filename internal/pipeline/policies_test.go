package pipeline_test

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/policy"
	"github.com/ccs-platform/ccsctl/internal/plan"
)

// need is what a consumer does, by what it is documented to call: the poller or
// service that acts as the role, and the handler in it.
type need struct{ action, resource string }

func on(resource string, actions ...string) (needs []need) {
	for _, a := range actions {
		needs = append(needs, need{a, resource})
	}
	return needs
}

const lake = "arn:aws:s3:::ccs-data-lake-prod"

// consumers are the roles and all that each may do. KEY is the pipeline's key.
var consumers = map[string][]need{
	"ingest": slices.Concat(
		on(arn("kinesis", "stream/ccs-prod-telemetry"), "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:ListShards"),
		on("*", "kinesis:ListStreams"),
		on(arn("sqs", "ccs-prod-emergency.fifo"), "sqs:SendMessage"),
		on(arn("sqs", "ccs-prod-telemetry"), "sqs:SendMessage"),
		on(arn("sqs", "ccs-prod-stream-failures"), "sqs:SendMessage"),
		on("KEY", "kms:Decrypt"),
		on(arn("logs", "log-group:/aws/lambda/ccs-prod-ingest:*"), "logs:CreateLogStream", "logs:PutLogEvents")),
	"followup": slices.Concat(
		on(arn("sqs", "ccs-prod-telemetry"), "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
		on(arn("sns", "ccs-prod-owner-alerts"), "sns:Publish"),
		on(arn("sns", "ccs-prod-manager-notifications"), "sns:Publish"),
		on("KEY", "kms:Decrypt", "kms:GenerateDataKey*"),
		on(arn("logs", "log-group:/aws/lambda/ccs-prod-followup:*"), "logs:CreateLogStream", "logs:PutLogEvents")),
	"emergency": slices.Concat(
		on(arn("sqs", "ccs-prod-emergency.fifo"), "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
		on(arn("states", "stateMachine:ccs-prod-emergency"), "states:StartExecution"),
		on(arn("logs", "log-group:/aws/lambda/ccs-prod-emergency:*"), "logs:CreateLogStream", "logs:PutLogEvents")),
	"workflow": slices.Concat(
		on(arn("sns", "ccs-prod-authorities-alerts"), "sns:Publish"),
		on(arn("sns", "ccs-prod-owner-alerts"), "sns:Publish"),
		on(arn("sns", "ccs-prod-manager-notifications"), "sns:Publish"),
		on(arn("sns", "ccs-prod-alarms"), "sns:Publish"),
		on(arn("sns", "ccs-prod-probe-*"), "sns:Publish"), // the topics of tests
		on("KEY", "kms:Decrypt", "kms:GenerateDataKey*")),
	"data-lake": slices.Concat(
		on(arn("kinesis", "stream/ccs-prod-telemetry"), "kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards"),
		on(lake, "s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"),
		on(lake+"/*", "s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"),
		on(arn("glue", "catalog"), "glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"),
		on(arn("glue", "database/ccs_prod"), "glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"),
		on(arn("glue", "table/ccs_prod/telemetry"), "glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"),
		on("KEY", "kms:Decrypt", "kms:GenerateDataKey*"),
		on(arn("logs", "log-group:/aws/kinesisfirehose/ccs-prod-data-lake:log-stream:*"), "logs:PutLogEvents")),
}

// Each role may do what its consumer does and nothing else.
func TestEachRoleMayDoWhatItsConsumerDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "instant")
		w.up()
		for role, needs := range consumers {
			var granted []need
			for _, s := range w.grants(role).Statement {
				if s.Effect != "Allow" || len(s.Condition) > 0 {
					t.Errorf("%s: a statement that this test does not understand: %v", role, s)
				}
				for _, r := range s.Resource {
					if strings.HasPrefix(r, arn("kms", "key/")) {
						r = "KEY"
					}
					for _, a := range s.Action {
						granted = append(granted, need{a, r})
					}
				}
			}
			for _, n := range needs {
				if !slices.Contains(granted, n) {
					t.Errorf("%s can't %s on %s", role, n.action, n.resource)
				}
			}
			for _, n := range granted {
				if slices.Contains(needs, n) {
					continue
				}
				// One statement for a bucket and its objects grants each action
				// on both, of which AWS knows only one.
				if other := swap(n); other != n && slices.Contains(needs, other) {
					continue
				}
				t.Errorf("%s may %s on %s and has no need to", role, n.action, n.resource)
			}
		}
	})
}

// swap is the same action on the bucket instead of its objects, or the other
// way round.
func swap(n need) need {
	switch n.resource {
	case lake:
		n.resource = lake + "/*"
	case lake + "/*":
		n.resource = lake
	}
	return n
}

// grants is the live policy of a role.
func (w *world) grants(role string) (d policy.Document) {
	w.t.Helper()
	out, err := iam.NewFromConfig(w.aws).GetRolePolicy(w.t.Context(), &iam.GetRolePolicyInput{
		RoleName: aws.String("ccs-prod-" + role + "-eu-west-1"), PolicyName: aws.String("pipeline")})
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := url.QueryUnescape(aws.ToString(out.PolicyDocument))
	if err == nil {
		err = json.Unmarshal([]byte(text), &d)
	}
	if err != nil {
		w.t.Fatalf("policy of %s: %v", role, err)
	}
	return d
}

// What the services check when they are connected they find in these policies,
// and would miss: without any one of the grants that AWS looks for, what is
// connected is refused.
func TestServicesRefuseARoleThatLacksAGrant(t *testing.T) {
	for _, tt := range []struct{ role, action, refused string }{
		{"ingest", "kinesis:GetRecords", "mapping/ingest"},
		{"ingest", "kinesis:ListStreams", "mapping/ingest"},
		{"ingest", "sqs:SendMessage", "mapping/ingest"},
		{"followup", "sqs:ReceiveMessage", "mapping/followup"},
		{"emergency", "sqs:DeleteMessage", "mapping/emergency"},
		{"data-lake", "kinesis:DescribeStream", "delivery/data-lake"},
		{"data-lake", "glue:GetTable", "delivery/data-lake"},
	} {
		t.Run(tt.role+"/"+tt.action, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "instant")
				p := w.compute()
				for i, it := range p.Items {
					if it.ID.String() != "role/"+tt.role {
						continue
					}
					// The grant goes as soon as it is there.
					last := &p.Items[i].Change.Steps[len(it.Change.Steps)-1]
					do := last.Do
					last.Do = func(ctx context.Context) error {
						if err := do(ctx); err != nil {
							return err
						}
						return w.revoke(ctx, tt.role, tt.action)
					}
					last.Wait = nil
				}
				results, err := p.Apply(t.Context(), plan.Options{Sort: apierr.Sort})
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range results {
					if refused := r.Outcome == plan.Errored; refused != (r.ID.String() == tt.refused) {
						t.Errorf("%s: %s, %v", r.ID, r.Outcome, r.Err)
					}
				}
			})
		})
	}
}

// revoke takes an action out of a role's policy.
func (w *world) revoke(ctx context.Context, role, action string) error {
	d := w.grants(role)
	d.Statement = slices.DeleteFunc(d.Statement, func(s policy.Statement) bool { return len(s.Action) == 1 && s.Action[0] == action })
	for i, s := range d.Statement {
		d.Statement[i].Action = slices.DeleteFunc(s.Action, func(a string) bool { return a == action })
	}
	_, err := iam.NewFromConfig(w.aws).PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: aws.String("ccs-prod-" + role + "-eu-west-1"), PolicyName: aws.String("pipeline"), PolicyDocument: aws.String(d.JSON())})
	return err
}
