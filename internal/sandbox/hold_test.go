package sandbox_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// A call that is held leaves no trace but the count, whether its caller dies or
// the fault ends.
func TestHeldCallsHaveNoEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := sandboxtest.New(t, sandbox.Options{})
		client := kms.NewFromConfig(once(cfg))
		create := func(ctx context.Context) error {
			_, err := client.CreateKey(ctx, &kms.CreateKeyInput{})
			return err
		}
		keys := func() int {
			out, err := client.ListKeys(t.Context(), &kms.ListKeysInput{Limit: aws.Int32(100)})
			if err != nil {
				t.Fatal(err)
			}
			return len(out.Keys)
		}
		s.Faults.Add(sandbox.Fault{Mutating: true, After: 1, Hold: true})
		if err := create(t.Context()); err != nil {
			t.Fatalf("the one before it: %v", err)
		}
		ctx, die := context.WithTimeout(t.Context(), time.Hour)
		defer die()
		if err := create(ctx); err == nil {
			t.Error("a held call was answered")
		}
		waits := make(chan error)
		go func() { waits <- create(t.Context()) }()
		synctest.Wait()
		if held := s.Faults.List()[0].Held; held != 2 {
			t.Errorf("%d calls held, want 2", held)
		}
		if n := keys(); n != 1 {
			t.Errorf("%d keys, want 1: reads are not held and held calls do nothing", n)
		}
		s.Faults.Clear()
		if err := <-waits; code(err) != "ServiceUnavailable" {
			t.Errorf("a held call ended with %v", err)
		}
		if err := create(t.Context()); err != nil || keys() != 2 {
			t.Errorf("after the fault: %v, %d keys", err, keys())
		}
	})
}
