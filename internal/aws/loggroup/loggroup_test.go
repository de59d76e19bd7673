package loggroup_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/ccs-platform/ccsctl/internal/aws/loggroup"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/resource/resourcetest"
)

var (
	name = aws.String("/aws/kinesisfirehose/ccs-test")
	arn  = aws.String("arn:aws:logs:eu-west-1:000000000000:log-group:" + *name)
)

func spec() loggroup.Spec {
	return loggroup.Spec{
		Name: "data-lake", GroupName: *name, RetentionDays: 14, Streams: []string{"DestinationDelivery", "BackupDelivery"},
		Owner: resource.Owner{Project: "ccs", Environment: "test", Extra: map[string]string{"Team": "data"}},
	}
}

func TestLifecycle(t *testing.T) {
	lifecycle(t, spec(), map[string]func(*testing.T, aws.Config){
		"retention": with(func(ctx context.Context, c *cloudwatchlogs.Client) error {
			_, err := c.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: name, RetentionInDays: aws.Int32(30)})
			return err
		}),
		"streams": with(func(ctx context.Context, c *cloudwatchlogs.Client) error {
			_, err := c.DeleteLogStream(ctx, &cloudwatchlogs.DeleteLogStreamInput{LogGroupName: name, LogStreamName: aws.String("BackupDelivery")})
			return err
		}),
		"tags.Team": with(func(ctx context.Context, c *cloudwatchlogs.Client) error {
			_, err := c.UntagResource(ctx, &cloudwatchlogs.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"Team"}})
			return err
		}),
	})
}

func TestLifecycleOfAGroupThatKeepsForEver(t *testing.T) {
	s := spec()
	s.RetentionDays, s.Streams = 0, nil
	lifecycle(t, s, map[string]func(*testing.T, aws.Config){
		"retention": with(func(ctx context.Context, c *cloudwatchlogs.Client) error {
			_, err := c.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: name, RetentionInDays: aws.Int32(1)})
			return err
		}),
	})
}

func lifecycle(t *testing.T, s loggroup.Spec, drift map[string]func(*testing.T, aws.Config)) {
	resourcetest.Lifecycle(t, resourcetest.Case{
		New: func(cfg aws.Config) resource.Resource { return loggroup.New(cfg, s) },
		// Others' names that begin with ours must not be taken for it.
		Setup: func(t *testing.T, cfg aws.Config) { plant(t, cfg, *name+"-of-others") },
		// As Lambda leaves them behind when nobody made them first.
		Foreign: func(t *testing.T, cfg aws.Config) { plant(t, cfg, *name) },
		Drift:   drift,
	})
}

func plant(t *testing.T, cfg aws.Config, name string) {
	t.Helper()
	with(func(ctx context.Context, c *cloudwatchlogs.Client) error {
		_, err := c.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name})
		return err
	})(t, cfg)
}

func with(f func(ctx context.Context, c *cloudwatchlogs.Client) error) func(*testing.T, aws.Config) {
	return func(t *testing.T, cfg aws.Config) {
		t.Helper()
		if err := f(t.Context(), cloudwatchlogs.NewFromConfig(cfg)); err != nil {
			t.Fatal(err)
		}
	}
}
