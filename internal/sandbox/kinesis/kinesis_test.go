package kinesis_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

var (
	name = aws.String("events")
	arn  = aws.String("arn:aws:kinesis:" + sandbox.Region + ":" + sandbox.Account + ":stream/events")
)

// bubble runs f with a stream of n shards at AWS's pace, in no time.
func bubble(t *testing.T, n int32, f func(t *testing.T, c *kinesis.Client, cfg aws.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{Timing: "aws"})
		c := kinesis.NewFromConfig(cfg, func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} })
		create(t, c, *name, n)
		f(t, c, cfg)
	})
}

// settle is longer than any change takes.
const settle = 2 * time.Minute

func create(t *testing.T, c *kinesis.Client, name string, n int32) {
	t.Helper()
	_, err := c.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &n})
	must(t, err)
	time.Sleep(settle)
}

func resize(ctx context.Context, c *kinesis.Client, n int32) error {
	_, err := c.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{StreamName: name, TargetShardCount: &n, ScalingType: types.ScalingTypeUniformScaling})
	return err
}

// Trap 5: the eleventh resize of a day.
func TestTenResizesADay(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *kinesis.Client, _ aws.Config) {
		first := time.Now()
		for i := range 10 {
			must(t, resize(t.Context(), c, int32(2-i%2)))
			time.Sleep(settle)
		}
		if err := resize(t.Context(), c, 2); !apierr.Is(err, "LimitExceededException") {
			t.Errorf("the eleventh: %v", err)
		}
		time.Sleep(24*time.Hour - time.Since(first))
		must(t, resize(t.Context(), c, 2))
	})
}

// Traps 8 and 39: closed parents are listed until their records expire, and
// DescribeStream gives no more than 100 shards at a time.
func TestListsPageAndKeepClosedParents(t *testing.T) {
	bubble(t, 60, func(t *testing.T, c *kinesis.Client, _ aws.Config) {
		before := time.Now()
		must(t, resize(t.Context(), c, 120))
		time.Sleep(settle)

		page, err := c.DescribeStream(t.Context(), &kinesis.DescribeStreamInput{StreamName: name, Limit: aws.Int32(10_000)})
		must(t, err)
		shards := page.StreamDescription.Shards
		if len(shards) != 100 || !*page.StreamDescription.HasMoreShards {
			t.Errorf("a page of %d shards, more: %v", len(shards), *page.StreamDescription.HasMoreShards)
		}
		page, err = c.DescribeStream(t.Context(), &kinesis.DescribeStreamInput{StreamARN: arn, ExclusiveStartShardId: shards[99].ShardId})
		must(t, err)
		if n := len(page.StreamDescription.Shards); n != 80 || *page.StreamDescription.HasMoreShards {
			t.Errorf("then %d shards, more: %v", n, *page.StreamDescription.HasMoreShards)
		}
		if closed, open := shards[0].SequenceNumberRange.EndingSequenceNumber, shards[60].SequenceNumberRange.EndingSequenceNumber; closed == nil || open != nil {
			t.Errorf("a parent ends at %v, a child at %v", closed, open)
		}
		if p := shards[60].ParentShardId; p == nil || *p != *shards[0].ShardId {
			t.Errorf("the first child's parent is %v", p)
		}

		for _, l := range []struct {
			what string
			in   kinesis.ListShardsInput
			want int
		}{
			{"all", kinesis.ListShardsInput{}, 180},
			{"in pages", kinesis.ListShardsInput{MaxResults: aws.Int32(7)}, 180},
			{"after the parents", kinesis.ListShardsInput{ExclusiveStartShardId: aws.String("shardId-000000000059")}, 120},
			{"AT_LATEST", kinesis.ListShardsInput{ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}, MaxResults: aws.Int32(100)}, 120},
			{"AT_TRIM_HORIZON", kinesis.ListShardsInput{ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtTrimHorizon}}, 60},
			{"FROM_TRIM_HORIZON", kinesis.ListShardsInput{ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeFromTrimHorizon}}, 180},
			{"AT_TIMESTAMP", kinesis.ListShardsInput{ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtTimestamp, Timestamp: &before}}, 60},
			{"FROM_TIMESTAMP", kinesis.ListShardsInput{ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeFromTimestamp, Timestamp: aws.Time(time.Now())}}, 120},
			{"AFTER_SHARD_ID", kinesis.ListShardsInput{ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAfterShardId, ShardId: aws.String("shardId-000000000170")}}, 9},
		} {
			if got := list(t, c, l.in); got != l.want {
				t.Errorf("%s: %d shards, want %d", l.what, got, l.want)
			}
		}
		time.Sleep(24 * time.Hour)
		if got := list(t, c, kinesis.ListShardsInput{}); got != 120 {
			t.Errorf("a day later %d shards, want the 120 open ones", got)
		}
		if s := summary(t, c); *s.OpenShardCount != 120 {
			t.Errorf("%d open shards", *s.OpenShardCount)
		}
	})
}

func list(t *testing.T, c *kinesis.Client, in kinesis.ListShardsInput) int {
	t.Helper()
	in.StreamName = name
	seen := map[string]bool{}
	for {
		out, err := c.ListShards(t.Context(), &in)
		must(t, err)
		for _, sh := range out.Shards {
			seen[*sh.ShardId] = true
		}
		if out.NextToken == nil {
			return len(seen)
		}
		in = kinesis.ListShardsInput{NextToken: out.NextToken, MaxResults: in.MaxResults}
	}
}

func TestAllMetricsReadBackByName(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *kinesis.Client, _ aws.Config) {
		out, err := c.EnableEnhancedMonitoring(t.Context(), &kinesis.EnableEnhancedMonitoringInput{StreamName: name, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}})
		must(t, err)
		if len(out.CurrentShardLevelMetrics) != 0 || len(out.DesiredShardLevelMetrics) != 7 {
			t.Errorf("from %v to %v", out.CurrentShardLevelMetrics, out.DesiredShardLevelMetrics)
		}
		time.Sleep(settle)
		if got := summary(t, c).EnhancedMonitoring[0].ShardLevelMetrics; len(got) != 7 || strings.Contains(fmt.Sprint(got), "ALL") {
			t.Errorf("reads back as %v", got)
		}
		_, err = c.DisableEnhancedMonitoring(t.Context(), &kinesis.DisableEnhancedMonitoringInput{StreamName: name, ShardLevelMetrics: []types.MetricsName{types.MetricsNameIncomingBytes}})
		must(t, err)
		time.Sleep(settle)
		if got := summary(t, c).EnhancedMonitoring[0].ShardLevelMetrics; len(got) != 6 {
			t.Errorf("one less is %v", got)
		}
	})
}

func TestFiveStreamsAtATimeAreMade(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *kinesis.Client, _ aws.Config) {
		for i := range 6 {
			time.Sleep(time.Second) // below the rate of the call itself
			_, err := c.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String(fmt.Sprint("s", i)), ShardCount: aws.Int32(1)})
			if refused := apierr.Is(err, "LimitExceededException"); refused != (i == 5) {
				t.Errorf("stream %d: %v", i+1, err)
			}
		}
	})
}

func TestOnDemandStreamsRefuseResharding(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *kinesis.Client, _ aws.Config) {
		mode := func(m types.StreamMode) error {
			_, err := c.UpdateStreamMode(t.Context(), &kinesis.UpdateStreamModeInput{StreamARN: arn, StreamModeDetails: &types.StreamModeDetails{StreamMode: m}})
			time.Sleep(settle)
			return err
		}
		must(t, mode(types.StreamModeOnDemand))
		if err := resize(t.Context(), c, 4); !apierr.Is(err, "ValidationException") {
			t.Errorf("a resize: %v", err)
		}
		must(t, mode(types.StreamModeProvisioned))
		must(t, resize(t.Context(), c, 4))
		time.Sleep(settle)
		if err := mode(types.StreamModeOnDemand); !apierr.Is(err, "LimitExceededException") {
			t.Errorf("a third change of mode in a day: %v", err)
		}
	})
}

func TestConsumers(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *kinesis.Client, _ aws.Config) {
		out, err := c.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String("reader"), Tags: map[string]string{"a": "b"}})
		must(t, err)
		if out.Consumer.ConsumerStatus != types.ConsumerStatusCreating {
			t.Errorf("is born %s", out.Consumer.ConsumerStatus)
		}
		_, err = c.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String("reader")})
		if !apierr.Is(err, "ResourceInUseException") {
			t.Errorf("registered twice: %v", err)
		}
		time.Sleep(settle)
		got, err := c.DescribeStreamConsumer(t.Context(), &kinesis.DescribeStreamConsumerInput{ConsumerARN: out.Consumer.ConsumerARN})
		must(t, err)
		if d := got.ConsumerDescription; d.ConsumerStatus != types.ConsumerStatusActive || *d.StreamARN != *arn {
			t.Errorf("reads back as %s of %s", d.ConsumerStatus, *d.StreamARN)
		}
		tags, err := c.ListTagsForResource(t.Context(), &kinesis.ListTagsForResourceInput{ResourceARN: out.Consumer.ConsumerARN})
		must(t, err)
		if len(tags.Tags) != 1 {
			t.Errorf("tags %v", tags.Tags)
		}
		if _, err := c.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: name}); !apierr.Is(err, "ResourceInUseException") {
			t.Errorf("a stream with a consumer was deleted: %v", err)
		}
		_, err = c.DeregisterStreamConsumer(t.Context(), &kinesis.DeregisterStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String("reader")})
		must(t, err)
		time.Sleep(settle)
		list, err := c.ListStreamConsumers(t.Context(), &kinesis.ListStreamConsumersInput{StreamARN: arn})
		must(t, err)
		if len(list.Consumers) != 0 {
			t.Errorf("left: %v", list.Consumers)
		}
		_, err = c.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: name})
		must(t, err)
	})
}

func TestStreamsListInPages(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *kinesis.Client, _ aws.Config) {
		for i := range 6 {
			create(t, c, fmt.Sprint("more-", i), 1)
		}
		var names []string
		pages := kinesis.NewListStreamsPaginator(c, &kinesis.ListStreamsInput{Limit: aws.Int32(3)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			must(t, err)
			names = append(names, page.StreamNames...)
		}
		if len(names) != 7 {
			t.Errorf("got %v", names)
		}
	})
}

func summary(t *testing.T, c *kinesis.Client) *types.StreamDescriptionSummary {
	t.Helper()
	out, err := c.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: name})
	must(t, err)
	return out.StreamDescriptionSummary
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
