package stream_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/resource/resourcetest"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

const (
	name  = "ccs-test-events"
	alias = "alias/ccs-test"
	other = "alias/other"
)

func spec() stream.Spec {
	return stream.Spec{
		Name: "events", StreamName: name, Shards: 3, MinShards: 2, MaxShards: 12, Retention: 48 * time.Hour,
		Key: alias, SameKey: func(_ context.Context, live string) (bool, error) { return live == alias, nil },
		Owner: resource.Owner{Project: "ccs", Environment: "test", Extra: map[string]string{"Team": "data"}},
	}
}

func keys(t *testing.T, cfg aws.Config) {
	t.Helper()
	c := kms.NewFromConfig(cfg)
	for _, a := range []string{alias, other} {
		k, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{})
		must(t, err)
		_, err = c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String(a), TargetKeyId: k.KeyMetadata.KeyId})
		must(t, err)
	}
}

func TestLifecycle(t *testing.T) {
	resourcetest.Lifecycle(t, resourcetest.Case{
		New:   func(cfg aws.Config) resource.Resource { return stream.New(cfg, spec()) },
		Setup: keys,
		Foreign: onStream(func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String(name), ShardCount: aws.Int32(1)})
			return err
		}),
		Drift: map[string]func(*testing.T, aws.Config){
			"retention": onStream(func(ctx context.Context, c *kinesis.Client) error {
				_, err := c.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: aws.String(name), RetentionPeriodHours: aws.Int32(72)})
				return err
			}),
			"encryption": onStream(func(ctx context.Context, c *kinesis.Client) error {
				_, err := c.StartStreamEncryption(ctx, &kinesis.StartStreamEncryptionInput{StreamName: aws.String(name), EncryptionType: types.EncryptionTypeKms, KeyId: aws.String(other)})
				return err
			}),
			"shards": onStream(func(ctx context.Context, c *kinesis.Client) error {
				for _, n := range []int32{6, 12, 24, 48} {
					if err := resize(ctx, c, n); err != nil {
						return err
					}
				}
				return nil
			}),
			"mode": onStream(func(ctx context.Context, c *kinesis.Client) error {
				_, err := c.UpdateStreamMode(ctx, &kinesis.UpdateStreamModeInput{
					StreamARN:         aws.String("arn:aws:kinesis:" + sandbox.Region + ":" + sandbox.Account + ":stream/" + name),
					StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand},
				})
				return err
			}),
			"tags.Team": onStream(func(ctx context.Context, c *kinesis.Client) error {
				_, err := c.RemoveTagsFromStream(ctx, &kinesis.RemoveTagsFromStreamInput{StreamName: aws.String(name), TagKeys: []string{"Team"}})
				return err
			}),
		},
	})
}

// Drift that the table above can't hold twice under one name.
func TestDriftTheOtherWay(t *testing.T) {
	for what, drift := range map[string]func(ctx context.Context, c *kinesis.Client) error{
		"retention": func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: aws.String(name), RetentionPeriodHours: aws.Int32(24)})
			return err
		},
		"encryption": func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.StopStreamEncryption(ctx, &kinesis.StopStreamEncryptionInput{StreamName: aws.String(name), EncryptionType: types.EncryptionTypeKms, KeyId: aws.String(alias)})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, cfg := made(t, "aws")
				onStream(drift)(t, cfg)
				s := stream.New(cfg, spec())
				c := diff(t, s)
				if c.Action != resource.Update || len(c.Attributes) != 1 || c.Attributes[0].Name != what {
					t.Fatalf("got %s %v, want an update of %s", c.Action, c.Attributes, what)
				}
				carryOut(t, c)
				if c := diff(t, s); c.Action != resource.None || len(c.Steps) > 0 {
					t.Errorf("not settled: %s %v", c.Action, c.Attributes)
				}
			})
		})
	}
}

func TestTheAutoscalersShardsAreNoDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := made(t, "aws")
		for _, n := range []int32{2, 4, 8, 12} {
			onStream(func(ctx context.Context, c *kinesis.Client) error { return resize(ctx, c, n) })(t, cfg)
			s.Calls.Reset()
			if c := diff(t, stream.New(cfg, spec())); c.Action != resource.None || len(c.Steps) > 0 {
				t.Errorf("%d shards: %s %v", n, c.Action, c.Attributes)
			}
			if calls := s.Calls.Count(); len(calls) != 2 {
				t.Errorf("reading took %v", calls)
			}
		}
	})
}

func TestShardsBeyondTheirBoundsComeBackInLegalSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := made(t, "aws")
		want := spec()
		want.MinShards, want.MaxShards = 10, 20
		c := diff(t, stream.New(cfg, want))
		if got := c.Attributes; !cmp.Equal(got, []resource.Attribute{{Name: "shards", Old: "3", New: "10"}}) {
			t.Errorf("attributes %v", got)
		}
		if got := c.Calls(); !cmp.Equal(got, []string{"kinesis:UpdateShardCount", "kinesis:UpdateShardCount"}) {
			t.Errorf("calls %v", got)
		}
		carryOut(t, c)
		if c := diff(t, stream.New(cfg, want)); c.Action != resource.None {
			t.Errorf("got %s %v", c.Action, c.Attributes)
		}
	})
}

// Trap 4: the SDK takes a limit that stays for one that passes.
func TestARefusedResizeIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := made(t, "instant")
		want := spec()
		want.MinShards = 6
		c := diff(t, stream.New(cfg, want))
		s.Faults.Add(sandbox.Fault{Service: "kinesis", Operation: "UpdateShardCount", Code: "LimitExceededException", Message: "no more today"})
		s.Calls.Reset()
		err := c.Steps[0].Do(t.Context())
		if !apierr.Is(err, "LimitExceeded") || apierr.Sort(err) != resource.Lasting {
			t.Errorf("got %v (%v)", err, apierr.Sort(err))
		}
		if n := s.Calls.Count()[wire.Call{Service: "kinesis", Operation: "UpdateShardCount"}]; n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// A stream that an earlier run has told to go holds its name until it is gone.
func TestCreateWaitsForAnOldStreamToGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := made(t, "aws")
		s := stream.New(cfg, spec())
		gone, err := s.Removal(t.Context())
		must(t, err)
		must(t, gone.Steps[0].Do(t.Context()))
		c := diff(t, s)
		if c.Action != resource.Create || c.Steps[0].Call != "" {
			t.Fatalf("got %s %v", c.Action, c.Calls())
		}
		carryOut(t, c)
		if c := diff(t, s); c.Action != resource.None {
			t.Errorf("got %s %v", c.Action, c.Attributes)
		}
	})
}

func TestConsumersDoNotHoldUpARemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := made(t, "aws")
		c := kinesis.NewFromConfig(cfg)
		_, err := c.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{
			StreamARN:    aws.String("arn:aws:kinesis:" + sandbox.Region + ":" + sandbox.Account + ":stream/" + name),
			ConsumerName: aws.String("reader"),
		})
		must(t, err)
		s := stream.New(cfg, spec())
		gone, err := s.Removal(t.Context())
		must(t, err)
		carryOut(t, gone)
		if gone, err := s.Removal(t.Context()); err != nil || gone.Action != resource.None {
			t.Errorf("got %s, %v", gone.Action, err)
		}
	})
}

// made is a sandbox with the stream in it.
func made(t *testing.T, timing string) (*sandbox.Sandbox, aws.Config) {
	t.Helper()
	s, cfg := sandboxtest.New(t, sandbox.Options{Timing: timing})
	keys(t, cfg)
	carryOut(t, diff(t, stream.New(cfg, spec())))
	return s, cfg
}

func diff(t *testing.T, r resource.Resource) resource.Change {
	t.Helper()
	c, err := r.Diff(t.Context())
	must(t, err)
	return c
}

func carryOut(t *testing.T, c resource.Change) {
	t.Helper()
	for _, s := range c.Steps {
		if s.Do != nil {
			must(t, s.Do(t.Context()))
		}
		if s.Wait != nil {
			must(t, s.Wait(t.Context()))
		}
	}
}

func resize(ctx context.Context, c *kinesis.Client, n int32) error {
	_, err := c.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{StreamName: aws.String(name), TargetShardCount: aws.Int32(n), ScalingType: types.ScalingTypeUniformScaling})
	if err != nil {
		return err
	}
	return active(ctx, c)
}

// onStream changes the stream and waits until the change shows.
func onStream(f func(ctx context.Context, c *kinesis.Client) error) func(*testing.T, aws.Config) {
	return func(t *testing.T, cfg aws.Config) {
		t.Helper()
		c := kinesis.NewFromConfig(cfg)
		must(t, f(t.Context(), c))
		must(t, active(t.Context(), c))
	}
}

func active(ctx context.Context, c *kinesis.Client) error {
	return resource.Poll(ctx, "", func(ctx context.Context) (bool, error) {
		out, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String(name)})
		return err == nil && out.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive, err
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
