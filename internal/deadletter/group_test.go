package deadletter_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/deadletter"
)

// Messages that failed alike are one group, whatever ids, times and numbers
// their errors name, with what is the oldest and the newest of them; the largest
// group comes first, whatever the order in which they were received.
func TestGroupByCause(t *testing.T) {
	base := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return base.Add(time.Duration(minutes) * time.Minute) }
	failed := func(id string, minutes, receives int, text string) queue.Message {
		return queue.Message{ID: id, Body: "{}", Sent: at(minutes), Receives: receives, Attributes: map[string]queue.Attribute{"ErrorMessage": {Type: "String", String: text}}}
	}
	messages := []queue.Message{
		failed("a1", 30, 3, "veh 17: timeout after 5.01 seconds"),
		failed("a2", 10, 9, "veh 4: timeout after 3 seconds"),
		failed("a3", 20, 1, "veh 4711: timeout after 12 seconds"),
		failed("b1", 5, 2, "access denied"),
		{ID: "c1", Body: `{"event_id":`, Receives: 4}, // SQS did not say when it was sent
		{ID: "c2", Body: `{"event`, Sent: at(2), Receives: 3},
	}
	want := []deadletter.Group{
		{Cause: deadletter.Cause{Origin: deadletter.Attribute, Text: "veh <n>: timeout after <n> seconds"}, Count: 3, First: at(10), Last: at(30), Receives: 9, Example: "a2"},
		{Cause: deadletter.Cause{Origin: deadletter.Body, Text: "the body is JSON that was cut off", Certain: true}, Count: 2, First: at(2), Last: at(2), Receives: 4, Example: "c2"},
		{Cause: deadletter.Cause{Origin: deadletter.Attribute, Text: "access denied"}, Count: 1, First: at(5), Last: at(5), Receives: 2, Example: "b1"},
	}
	rapid.Check(t, func(r *rapid.T) {
		shuffled := rapid.Permutation(messages).Draw(r, "order")
		if d := cmp.Diff(want, deadletter.GroupByCause(shuffled)); d != "" {
			r.Errorf("-want +got:\n%s", d)
		}
	})
	if got := deadletter.GroupByCause(nil); len(got) != 0 {
		t.Errorf("of nothing: got %v", got)
	}
}

// Every message is in exactly one group, with those alone that have its cause.
func TestGroupsShareOutTheMessages(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		bodies := rapid.SliceOf(rapid.SampledFrom([]string{"", "{", "[]", "<a/>", `{"x":1}`, `{"error":"a"}`, `{"error":"b 1"}`, `{"error":"b 2"}`, "null"})).Draw(r, "bodies")
		counts := map[deadletter.Cause]int{}
		var messages []queue.Message
		for i, body := range bodies {
			m := queue.Message{ID: fmt.Sprint(i), Body: body}
			messages = append(messages, m)
			counts[deadletter.CauseOf(m)]++
		}
		most := len(bodies)
		for _, g := range deadletter.GroupByCause(messages) {
			if g.Count != counts[g.Cause] || g.Count > most {
				r.Errorf("%d of %v after groups of %d, want %d", g.Count, g.Cause, most, counts[g.Cause])
			}
			most = g.Count
			delete(counts, g.Cause)
		}
		if len(counts) > 0 {
			r.Errorf("in no group: %v", counts)
		}
	})
}
