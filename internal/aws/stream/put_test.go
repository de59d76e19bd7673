package stream_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

func entries(n int) []stream.Entry {
	all := make([]stream.Entry, n)
	for i := range all {
		all[i] = stream.Entry{Key: fmt.Sprintf("vehicle-%d", i), Data: []byte("event")}
	}
	return all
}

// What a shard refuses is told entry by entry, and no call is made twice.
func TestPutTellsWhatBecameOfEachEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := sandboxtest.New(t, sandbox.Options{})
		if _, err := kinesis.NewFromConfig(cfg).CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("x"), ShardCount: aws.Int32(1)}); err != nil {
			t.Fatal(err)
		}
		w := stream.NewWriter(cfg, "x")
		if n, err := w.Shards(t.Context()); n != 1 || err != nil {
			t.Errorf("%d shards, %v", n, err)
		}
		put := func(n int) stream.Answer {
			t.Helper()
			a, err := w.Put(t.Context(), entries(n))
			if err != nil || len(a.Outcomes) != n {
				t.Fatalf("%d outcomes, %v", len(a.Outcomes), err)
			}
			return a
		}
		put(stream.MaxEntries)
		put(400)
		a := put(150) // of which the shard takes a hundred more in this second
		if first := slices.Index(a.Outcomes, stream.Throttled); first != 100 || slices.Contains(a.Outcomes[first:], stream.Accepted) {
			t.Errorf("throttled from %d on: %v", first, a.Outcomes)
		}
		if want := "ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000000"; !strings.HasPrefix(a.Reason, want) {
			t.Errorf("says %q, want %q", a.Reason, want)
		}

		time.Sleep(time.Second)
		for _, c := range []struct {
			fault sandbox.Fault
			want  stream.Outcome
		}{
			{sandbox.Fault{Code: "KMSThrottlingException", Status: 400}, stream.Throttled},
			{sandbox.Fault{Code: "LimitExceededException", Status: 400}, stream.Throttled},
			{sandbox.Fault{Code: "InternalFailure", Status: 500}, stream.Failed},
			{sandbox.Fault{Code: "ServiceUnavailable", Status: 503}, stream.Failed},
			{sandbox.Fault{Hold: true}, stream.Unanswered},
		} {
			c.fault.Operation = "PutRecords"
			s.Faults.Add(c.fault)
			s.Calls.Reset()
			a := put(2)
			if want := []stream.Outcome{c.want, c.want}; !slices.Equal(a.Outcomes, want) || s.Calls.Mutating() != 1 || a.Reason == "" {
				t.Errorf("%+v: %v in %d calls (%s), want %v", c.fault, a.Outcomes, s.Calls.Mutating(), a.Reason, want)
			}
			s.Faults.Clear()
		}
		ctx, cut := context.WithTimeout(t.Context(), time.Second)
		defer cut()
		s.Faults.Add(sandbox.Fault{Hold: true})
		if a, err := w.Put(ctx, entries(1)); err != nil || a.Outcomes[0] != stream.Unanswered {
			t.Errorf("a call that its caller cuts off: %v, %v", a, err)
		}
	})
}

func TestPutFailsOnWhatLasts(t *testing.T) {
	s, cfg := sandboxtest.New(t, sandbox.Options{})
	w := stream.NewWriter(cfg, "none")
	if _, err := w.Put(t.Context(), entries(1)); !apierr.NotFound(err) {
		t.Errorf("no stream: %v", err)
	}
	if _, err := w.Shards(t.Context()); !apierr.NotFound(err) {
		t.Errorf("no stream: %v", err)
	}
	s.Faults.Add(sandbox.Fault{Code: "AccessDeniedException", Status: 400})
	if _, err := w.Put(t.Context(), entries(1)); !apierr.Denied(err) {
		t.Errorf("not allowed: %v", err)
	}
}
