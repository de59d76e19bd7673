package queue_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

func open(t *testing.T, cfg aws.Config, name string) *queue.Client {
	t.Helper()
	c, err := queue.Open(t.Context(), cfg, name)
	must(t, err)
	return c
}

// receiveAll takes what is there.
func receiveAll(t *testing.T, c *queue.Client) (all []queue.Message) {
	t.Helper()
	for {
		got, err := c.Receive(t.Context(), queue.Ask{Most: queue.MaxBatch, Wait: time.Second, Visibility: time.Minute})
		must(t, err)
		if len(got) == 0 {
			return all
		}
		all = append(all, got...)
	}
}

// A message that goes through a dead-letter queue and is sent again is the same
// to whoever consumes it.
func TestMessagesKeepWhatTheirSendersGaveThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{})
		const name, dead = "work.fifo", "dead.fifo"
		making(dead, map[string]string{"FifoQueue": "true"})(t, cfg)
		making(name, map[string]string{"FifoQueue": "true", "RedrivePolicy": `{"deadLetterTargetArn":"` + arn(dead) + `","maxReceiveCount":"1"}`})(t, cfg)
		q, dlq := open(t, cfg, name), open(t, cfg, dead)
		if q.Info().DeadLetter == nil || q.Info().DeadLetter.MaxReceives != 1 || !dlq.Info().FIFO || dlq.Info().DeadLetter != nil {
			t.Fatalf("got %+v and %+v", q.Info(), dlq.Info())
		}
		sources, err := dlq.Sources(t.Context())
		must(t, err)
		if !slices.Equal(sources, []string{name}) {
			t.Errorf("got sources %v, want %s", sources, name)
		}
		first := queue.Outgoing{
			Body: `{"a":1}`, Group: "veh-1", Dedup: "once", Trace: "Root=1-5759e988-bd862e3fe1be46a994272793",
			Attributes: map[string]queue.Attribute{
				"kind": {Type: "String", String: "crash"}, "speed": {Type: "Number.kmh", String: "120"}, "raw": {Type: "Binary", Binary: []byte{0, 255}},
			},
		}
		before := time.Now()
		sent := q.Send(t.Context(), []queue.Outgoing{first})
		if sent[0].Err != nil || sent[0].ID == "" || sent[0].Sequence == "" {
			t.Fatalf("got %+v, want it sent", sent[0])
		}
		got := receiveAll(t, q)
		if errs := q.Hide(t.Context(), got, 0); errs[0] != nil {
			t.Fatal(errs[0])
		}
		receiveAll(t, q) // which is once too often
		got = receiveAll(t, dlq)
		if len(got) != 1 {
			t.Fatalf("got %d dead letters, want 1", len(got))
		}
		m := got[0]
		again := m.Again()
		again.Dedup = first.Dedup
		if d := cmp.Diff(first, again); d != "" {
			t.Error(d)
		}
		if m.ID != sent[0].ID || m.Dedup != m.ID || m.Source != arn(name) || m.Receives < 2 || m.Sent.Before(before) || m.FirstReceived.Before(before) || m.Sequence == "" {
			t.Errorf("got %+v", m)
		}
		depth, err := dlq.Depth(t.Context())
		must(t, err)
		if depth.InFlight != 1 || depth.Total() != 1 {
			t.Errorf("got depth %+v, want one in flight", depth)
		}
		if errs := dlq.Delete(t.Context(), got); errs[0] != nil {
			t.Error(errs[0])
		}
		if again := q.Send(t.Context(), []queue.Outgoing{first}); again[0] != sent[0] {
			t.Errorf("got %+v for a repetition, want the first one's %+v", again[0], sent[0])
		}
	})
}

// One call's failure is told of all its messages, one message's of that alone;
// what does not fit into a call goes into the next.
func TestSendSaysWhatBecameOfEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := sandboxtest.New(t, sandbox.Options{})
		making("work", nil)(t, cfg)
		q := open(t, cfg, "work")
		var messages []queue.Outgoing
		for i := range 23 {
			messages = append(messages, queue.Outgoing{Body: fmt.Sprintf("%d %s", i, strings.Repeat("x", 1<<17))}) // 7 are 1 MiB
		}
		messages[11].Body = "\x00"
		s.Faults.Add(sandbox.Fault{Operation: "SendMessageBatch", After: 2, Times: 1, Code: "InternalError", Status: 500})
		s.Faults.Add(sandbox.Fault{Operation: "SendMessageBatch", After: 2, Times: 1, Code: "RequestThrottled", Status: 400})
		kinds := ""
		for _, sent := range q.Send(t.Context(), messages) {
			switch {
			case sent.Err == nil && sent.ID != "":
				kinds += "s"
			case sent.Unsure:
				kinds += "?"
			case apierr.Is(sent.Err, "InvalidMessageContents"):
				kinds += "!"
			case apierr.Is(sent.Err, "RequestThrottled"):
				kinds += "t"
			}
		}
		// Calls of 7, 8 with the small one among them, 7 of the rest, 1.
		if want := "sssssss" + "ssss!sss" + "???????" + "t"; kinds != want {
			t.Errorf("got %s, want %s", kinds, want)
		}
		if got := len(receiveAll(t, q)); got != 14 {
			t.Errorf("the queue got %d, want 14", got)
		}
		_, err := queue.Open(t.Context(), cfg, "nowhere")
		if !apierr.NotFound(err) {
			t.Errorf("got %v, want that there is no such queue", err)
		}
	})
}
