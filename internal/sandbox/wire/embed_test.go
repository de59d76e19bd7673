package wire

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire/model"
)

// TestMembersOfAnEmbeddedInput: a service's own input may embed the SDK's, and
// its own field wins over the embedded one of the same name.
func TestMembersOfAnEmbeddedInput(t *testing.T) {
	m, err := model.Load("sqs")
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		sqs.SendMessageInput
		DelaySeconds *int32
	}
	tree := map[string]any{"QueueUrl": "http://q", "MessageBody": "b", "DelaySeconds": int64(0)}
	f := filler{model: m}
	for range 2 { // the second time from the cache
		if bad, err := f.fill("SendMessageRequest", tree, &in); err != nil || len(bad) > 0 {
			t.Fatal(bad, err)
		}
	}
	if *in.QueueUrl != "http://q" || *in.MessageBody != "b" || in.DelaySeconds == nil || in.SendMessageInput.DelaySeconds != 0 {
		t.Errorf("got %+v", in)
	}
}
