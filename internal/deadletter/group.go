package deadletter

import (
	"cmp"
	"slices"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
)

// Group is messages that failed alike.
type Group struct {
	Cause
	Count int
	// First and Last are when the oldest and the newest of them were sent, by
	// SQS's clock; zero when SQS did not say.
	First, Last time.Time
	Receives    int    // the most that one of them was received
	Example     string // the id of the oldest
}

// GroupByCause counts messages by why they failed, the largest group first.
func GroupByCause(messages []queue.Message) []Group {
	found := map[Cause]*Group{}
	for _, m := range messages {
		c := CauseOf(m)
		g := found[c]
		if g == nil {
			g = &Group{Cause: c, First: m.Sent, Last: m.Sent, Example: m.ID}
			found[c] = g
		}
		g.Count++
		g.Receives = max(g.Receives, m.Receives)
		if !m.Sent.IsZero() && (g.First.IsZero() || m.Sent.Before(g.First)) {
			g.First, g.Example = m.Sent, m.ID
		}
		if m.Sent.After(g.Last) {
			g.Last = m.Sent
		}
	}
	groups := make([]Group, 0, len(found))
	for _, g := range found {
		groups = append(groups, *g)
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Origin, b.Origin))
	})
	return groups
}
