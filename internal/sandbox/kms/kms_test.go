package kms_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

func client(t *testing.T) *kms.Client {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	return kms.NewFromConfig(cfg)
}

func create(t *testing.T, c *kms.Client) *string {
	t.Helper()
	out, err := c.CreateKey(t.Context(), nil)
	must(t, err)
	return out.KeyMetadata.KeyId
}

func TestRefusals(t *testing.T) {
	c := client(t)
	ctx := t.Context()
	id, dying := create(t, c), create(t, c)
	_, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: dying})
	must(t, err)
	_, err = c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/taken"), TargetKeyId: id})
	must(t, err)
	none := aws.String("alias/none")
	for name, x := range map[string]struct {
		call func() error
		code string
	}{
		"an alias that is not there": {func() error { _, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: none}); return err }, "NotFoundException"},
		"an alias where only a key id goes": {func() error {
			_, err := c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: aws.String("alias/taken")})
			return err
		}, "NotFoundException"},
		"an alias that is taken": {func() error {
			_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/taken"), TargetKeyId: id})
			return err
		}, "AlreadyExistsException"},
		"an alias of AWS's own": {func() error {
			_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/aws/sns"), TargetKeyId: id})
			return err
		}, "InvalidAliasNameException"},
		"an alias of a key that dies (trap 31)": {func() error {
			_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: none, TargetKeyId: dying})
			return err
		}, "KMSInvalidStateException"},
		"enabling a key that dies": {func() error { _, err := c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: dying}); return err }, "KMSInvalidStateException"},
		"deleting it twice": {func() error {
			_, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: dying})
			return err
		}, "KMSInvalidStateException"},
		"cancelling what is not under way": {func() error { _, err := c.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: id}); return err }, "KMSInvalidStateException"},
		"a window of a day": {func() error {
			_, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: aws.Int32(1)})
			return err
		}, "ValidationException"},
		"a policy that locks everybody out": {func() error {
			_, err := c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: id, Policy: aws.String(`{"Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"kms:*","Resource":"*"}]}`)})
			return err
		}, "MalformedPolicyDocumentException"},
		"a policy that is not JSON": {func() error {
			_, err := c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: id, Policy: aws.String(`{`)})
			return err
		}, "MalformedPolicyDocumentException"},
		"a tag of AWS's own": {func() error {
			_, err := c.TagResource(ctx, &kms.TagResourceInput{KeyId: id, Tags: []types.Tag{{TagKey: aws.String("aws:x"), TagValue: aws.String("v")}}})
			return err
		}, "TagException"},
		"a call of its data plane": {func() error {
			_, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")})
			return err
		}, "UnknownOperationException"},
	} {
		e, ok := errors.AsType[smithy.APIError](x.call())
		if !ok || e.ErrorCode() != x.code {
			t.Errorf("%s: got %v, want %s", name, e, x.code)
		}
	}
}

// TestDeletionTakesItsWindow: a key is dying for as long as asked, comes back
// disabled when that is cancelled, and is gone afterwards.
func TestDeletionTakesItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t)
		id := create(t, c)
		state := func() string {
			out, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: id})
			if err != nil {
				return "gone"
			}
			return string(out.KeyMetadata.KeyState)
		}
		schedule := func() {
			_, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: aws.Int32(7)})
			must(t, err)
		}
		story := []string{state()}
		schedule()
		story = append(story, state())
		_, err := c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: id})
		must(t, err)
		story = append(story, state())
		schedule()
		time.Sleep(7*24*time.Hour - time.Second)
		story = append(story, state())
		time.Sleep(2 * time.Second)
		story = append(story, state())
		if got := strings.Join(story, " "); got != "Enabled PendingDeletion Disabled PendingDeletion gone" {
			t.Errorf("the key was %s", got)
		}
	})
}

// TestListsLeaveOutWhatIsGone pages through keys and aliases.
func TestListsLeaveOutWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t)
		for range 5 {
			create(t, c)
		}
		id := create(t, c)
		_, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: aws.Int32(7)})
		must(t, err)
		count := func() (n int) {
			pages := kms.NewListKeysPaginator(c, &kms.ListKeysInput{Limit: aws.Int32(2)})
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				must(t, err)
				n += len(page.Keys)
			}
			return n
		}
		if n := count(); n != 6 {
			t.Errorf("%d keys, want 6", n)
		}
		time.Sleep(8 * 24 * time.Hour)
		if n := count(); n != 5 {
			t.Errorf("%d keys after one is gone, want 5", n)
		}
	})
}

// The limit is on what a key has, however many calls brought it there.
func TestTagsAreCountedTogether(t *testing.T) {
	c := client(t)
	id := create(t, c)
	tag := func(from, to int) error {
		var tags []types.Tag
		for i := from; i < to; i++ {
			tags = append(tags, types.Tag{TagKey: aws.String(fmt.Sprint(i)), TagValue: aws.String("")})
		}
		_, err := c.TagResource(t.Context(), &kms.TagResourceInput{KeyId: id, Tags: tags})
		return err
	}
	must(t, tag(0, 30))
	must(t, tag(10, 50)) // again and up to the limit
	if err := tag(50, 51); !apierr.Is(err, "TagException") {
		t.Errorf("one tag too many: %v", err)
	}
	out, err := c.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: id})
	must(t, err)
	if len(out.Tags) != 50 {
		t.Errorf("%d tags, want 50", len(out.Tags))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
