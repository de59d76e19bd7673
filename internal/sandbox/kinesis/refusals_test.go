package kinesis_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

// Every change is refused until the one before it has ended (traps 2 and 3).
func TestChangesWaitForOneAnother(t *testing.T) {
	changes := map[string]func(ctx context.Context, c *kinesis.Client) error{
		"UpdateShardCount": func(ctx context.Context, c *kinesis.Client) error { return resize(ctx, c, 3) },
		"SplitShard": func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: name, ShardToSplit: aws.String("shardId-000000000000"), NewStartingHashKey: aws.String("1000")})
			return err
		},
		"MergeShards": func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: name, ShardToMerge: aws.String("shardId-000000000000"), AdjacentShardToMerge: aws.String("shardId-000000000001")})
			return err
		},
		"IncreaseStreamRetentionPeriod": func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: aws.Int32(25)})
			return err
		},
		"DecreaseStreamRetentionPeriod": func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: aws.Int32(24)})
			return err
		},
		"StartStreamEncryption": func(ctx context.Context, c *kinesis.Client) error { return encrypt(ctx, c, "alias/aws/kinesis") },
		"StopStreamEncryption": func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.StopStreamEncryption(ctx, &kinesis.StopStreamEncryptionInput{StreamName: name, EncryptionType: types.EncryptionTypeKms, KeyId: aws.String("alias/aws/kinesis")})
			return err
		},
		"EnableEnhancedMonitoring": func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.EnableEnhancedMonitoring(ctx, &kinesis.EnableEnhancedMonitoringInput{StreamName: name, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}})
			return err
		},
		"UpdateStreamMode": func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.UpdateStreamMode(ctx, &kinesis.UpdateStreamModeInput{StreamARN: arn, StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}})
			return err
		},
		"DeleteStream": func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: name})
			return err
		},
	}
	for first, change := range changes {
		bubble(t, 2, func(t *testing.T, c *kinesis.Client, _ aws.Config) {
			must(t, change(t.Context(), c))
			for second, other := range changes {
				if err := other(t.Context(), c); !apierr.Is(err, "ResourceInUseException") {
					t.Errorf("%s during %s: %v", second, first, err)
				}
			}
			_, err := c.AddTagsToStream(t.Context(), &kinesis.AddTagsToStreamInput{StreamName: name, Tags: map[string]string{"a": "b"}})
			if !apierr.Is(err, "ResourceInUseException") {
				t.Errorf("AddTagsToStream during %s: %v", first, err)
			}
		})
	}
}

func encrypt(ctx context.Context, c *kinesis.Client, key string) error {
	_, err := c.StartStreamEncryption(ctx, &kinesis.StartStreamEncryptionInput{StreamName: name, EncryptionType: types.EncryptionTypeKms, KeyId: &key})
	return err
}

func TestRefusals(t *testing.T) {
	for what, r := range map[string]struct {
		call func(ctx context.Context, c *kinesis.Client) error
		code string
		says string
	}{
		"more than double": {func(ctx context.Context, c *kinesis.Client) error { return resize(ctx, c, 11) },
			"LimitExceededException", "cannot scale up over double your current open shard count"},
		"less than half": {func(ctx context.Context, c *kinesis.Client) error { return resize(ctx, c, 2) },
			"LimitExceededException", "cannot scale down below half your current open shard count"},
		"a name taken": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)})
			return err
		}, "ResourceInUseException", "already exists"},
		"more than the account may have": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("big"), ShardCount: aws.Int32(20_000)})
			return err
		}, "LimitExceededException", "would exceed the shard limit"},
		"no shards given": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("none")})
			return err
		}, "ValidationException", "ShardCount"},
		"retention of a year and an hour": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: aws.Int32(8761)})
			return err
		}, "InvalidArgumentException", "8760"},
		"an increase that lowers": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: aws.Int32(23)})
			return err
		}, "InvalidArgumentException", "24"},
		"a decrease that raises": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: aws.Int32(30)})
			return err
		}, "InvalidArgumentException", "longer than existing"},
		"no such key": {func(ctx context.Context, c *kinesis.Client) error { return encrypt(ctx, c, "alias/nobody") },
			"KMSNotFoundException", "alias/nobody"},
		"shards that are no neighbours": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: name, ShardToMerge: aws.String("shardId-000000000000"), AdjacentShardToMerge: aws.String("shardId-000000000002")})
			return err
		}, "InvalidArgumentException", "not an adjacent pair"},
		"the last and the first": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: name, ShardToMerge: aws.String("shardId-000000000004"), AdjacentShardToMerge: aws.String("shardId-000000000000")})
			return err
		}, "InvalidArgumentException", "not an adjacent pair"},
		"a split outside the shard": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: name, ShardToSplit: aws.String("shardId-000000000001"), NewStartingHashKey: aws.String("5")})
			return err
		}, "InvalidArgumentException", "NewStartingHashKey"},
		"no such shard": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: name, ShardToSplit: aws.String("shardId-000000000009"), NewStartingHashKey: aws.String("5")})
			return err
		}, "ResourceNotFoundException", "Could not find shard"},
		"a comma in a tag": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: name, Tags: map[string]string{"Mail": "a@b.c,d@e.f"}})
			return err
		}, "InvalidArgumentException", "illegal characters"},
		"a tag of AWS's own": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: name, Tags: map[string]string{"aws:x": "y"}})
			return err
		}, "InvalidArgumentException", "aws:"},
		"fifty-one tags": {func(ctx context.Context, c *kinesis.Client) error {
			tags := map[string]string{}
			for i := range 51 {
				tags[fmt.Sprint("k", i)] = "v"
			}
			_, err := c.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: name, Tags: tags})
			return err
		}, "InvalidArgumentException", "more than 50 tags"},
		"a token and a name": {func(ctx context.Context, c *kinesis.Client) error {
			page, err := c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: name, MaxResults: aws.Int32(1)})
			if err != nil {
				return err
			}
			_, err = c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: name, NextToken: page.NextToken})
			return err
		}, "InvalidArgumentException", "cannot be provided together"},
		"an old token": {func(ctx context.Context, c *kinesis.Client) error {
			page, err := c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: name, MaxResults: aws.Int32(1)})
			if err != nil {
				return err
			}
			time.Sleep(301 * time.Second)
			_, err = c.ListShards(ctx, &kinesis.ListShardsInput{NextToken: page.NextToken})
			return err
		}, "ExpiredNextTokenException", "expired"},
		"nobody's stream": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("other")})
			return err
		}, "ResourceNotFoundException", "Stream other under account " + sandbox.Account + " not found."},
		"no stream named": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{})
			return err
		}, "InvalidArgumentException", "StreamName or StreamARN"},
		"a name and another's ARN": {func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("other"), StreamARN: arn})
			return err
		}, "InvalidArgumentException", "do not name the same stream"},
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, 5, func(t *testing.T, c *kinesis.Client, _ aws.Config) {
				err := r.call(t.Context(), c)
				if !apierr.Is(err, r.code) || !strings.Contains(apierr.Message(err), r.says) {
					t.Errorf("got %v, want %s: …%s…", err, r.code, r.says)
				}
			})
		})
	}
}

func TestKeysMustBeUsable(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *kinesis.Client, cfg aws.Config) {
		keys := kms.NewFromConfig(cfg)
		k, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
		must(t, err)
		id := k.KeyMetadata.KeyId
		must(t, encrypt(t.Context(), c, *k.KeyMetadata.Arn))
		time.Sleep(settle)
		_, err = keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: id})
		must(t, err)
		if err := encrypt(t.Context(), c, *id); !apierr.Is(err, "KMSDisabledException") {
			t.Errorf("a disabled key: %v", err)
		}
		_, err = keys.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: id})
		must(t, err)
		if err := encrypt(t.Context(), c, *id); !apierr.Is(err, "KMSInvalidStateException") {
			t.Errorf("a key about to go: %v", err)
		}
	})
}
