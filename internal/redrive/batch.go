package redrive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
)

// dedupWindow is how long a FIFO queue knows a repetition, less what clocks and
// the way to SQS may differ by.
const dedupWindow = 5*time.Minute - 15*time.Second

// item is one message on its way.
type item struct {
	m        queue.Message
	out      queue.Outgoing
	to       Queue
	tried    bool // a send of it may have gone through already
	attempts int
}

// lane is messages that must go one after the other: a group, or one message
// that has none.
type lane struct{ items []*item }

func (l *lane) head() *item { return l.items[0] }

// handle does with the messages of one receive what is to be done with them,
// and says how many it moved.
func (r *run) handle(ctx context.Context, got []queue.Message) (moved int) {
	if r.handler != nil {
		return r.handOver(ctx, got)
	}
	var done []queue.Message
	var lanes []*lane
	at := map[string]*lane{}      // lanes by group
	behind := map[string]string{} // the first message that failed, by group
	for _, m := range r.takeInHand(got) {
		i, o := r.sort(m)
		switch {
		case o == Moved:
			done = append(done, m)
		case o == Failed && r.From.Info().FIFO:
			behind[m.Group] = m.ID
		case i == nil:
		case behind[m.Group] != "":
			r.stay(m, HeldBack, fmt.Errorf("behind %s of its group", behind[m.Group]))
		case r.From.Info().FIFO && at[m.Group] != nil:
			at[m.Group].items = append(at[m.Group].items, i)
		default:
			l := &lane{[]*item{i}}
			at[m.Group], lanes = l, append(lanes, l)
		}
	}
	sent := r.sendLanes(ctx, lanes)
	r.mu.Lock()
	for group := range behind {
		r.blocked[group] = true
	}
	r.mu.Unlock()
	r.delete(ctx, append(done, sent...))
	return len(sent)
}

// handOver gives messages to the handler, one by one, and deletes those that it
// is done with.
func (r *run) handOver(ctx context.Context, got []queue.Message) (moved int) {
	for _, m := range r.takeInHand(got) {
		if r.halted() {
			break // the others are put back
		}
		if r.handler(ctx, m) {
			r.delete(ctx, []queue.Message{m})
			moved++
		}
	}
	return moved
}

// takeInHand notes messages as ours and gives those that were not in hand
// already. One that was has got a new receipt, because its time was over.
func (r *run) takeInHand(got []queue.Message) []queue.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	until := time.Now().Add(visibility)
	fresh := got[:0:0]
	for _, m := range got {
		h := r.hand[m.ID]
		if h == nil {
			r.order++
			h = &held{order: r.order}
			r.hand[m.ID] = h
			fresh = append(fresh, m)
		}
		h.m, h.until = m, until
	}
	return fresh
}

// sort decides about one message. An item is to be sent. Without one the message
// is Moved, which leaves only to delete it, or stays in hand until the pass ends.
func (r *run) sort(m queue.Message) (i *item, o Outcome) {
	stays := func(o Outcome, err error) (*item, Outcome) {
		r.stay(m, o, err)
		return nil, o
	}
	var known entry
	if !r.DryRun {
		known, _ = r.Journal.known(m.ID)
		if known.kind == confirmed || known.kind == deleted {
			r.foundMoved(m, known)
			return nil, Moved
		}
		if from, ok := r.Journal.original(m.ID); ok {
			if !r.KeepGoing {
				r.halt(fmt.Errorf("%w: %s, which was %s, failed again", errCameBack, m.ID, from))
			}
			return stays(CameBack, fmt.Errorf("was %s", from))
		}
	}
	if m.Sent.After(r.start) {
		return stays(Arrived, nil)
	}
	if r.Filter != nil {
		if ok, err := r.Filter(m); err != nil {
			return stays(Failed, fmt.Errorf("filter: %w", err))
		} else if !ok {
			return stays(Unmatched, nil)
		}
	}
	to, err := r.target(m)
	if err != nil {
		return stays(Failed, err)
	}
	i = &item{m: m, out: m.Again(), to: to, tried: known.kind == intended}
	if r.Edit != nil {
		i.out.Attributes = maps.Clone(i.out.Attributes)
		if err := r.Edit(&i.out); err != nil {
			return stays(Failed, fmt.Errorf("edit: %w", err))
		}
	}
	if to.Info().FIFO {
		if i.out.Group == "" {
			return stays(Failed, errors.New("it has no message group, which a FIFO queue wants"))
		}
		i.out.Dedup = dedupID(r.From.Info().ARN, to.Info().ARN, m, i.out)
	}
	switch {
	case r.looking:
		return nil, ""
	case r.DryRun:
		return stays(Matched, nil)
	}
	if i.tried && !r.repeatable(i, known.first) {
		if err := r.Journal.note(record{kind: unsure, at: time.Now(), id: m.ID}); err != nil {
			r.halt(err)
			return stays(Failed, err)
		}
	}
	return i, ""
}

// foundMoved counts a message that an earlier run sent and did not delete.
func (r *run) foundMoved(m queue.Message, known entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known.kind == confirmed && !r.pending[m.ID] {
		r.pending[m.ID] = true
		r.summary.Finished++
	}
}

// repeatable reports whether SQS itself drops a second send of an item whose
// first was tried at the given time. An edit may be another one now.
func (r *run) repeatable(i *item, first time.Time) bool {
	return i.out.Dedup != "" && r.Edit == nil && time.Since(first) < dedupWindow
}

// dedupID is the same for the same message sent again, whichever run and
// machine sends it, and for nothing else.
func dedupID(from, to string, m queue.Message, out queue.Outgoing) string {
	h := sha256.New()
	for _, part := range []string{"ccsctl redrive", from, to, m.ID, m.Sequence, out.Body} {
		fmt.Fprintf(h, "%d ", len(part))
		io.WriteString(h, part) //nolint:errcheck // a hash takes everything
	}
	for _, name := range slices.Sorted(maps.Keys(out.Attributes)) {
		fmt.Fprintf(h, "%q %q", name, out.Attributes[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// stay notes why a message stays where it is. It stays in hand until the pass
// ends, which keeps its group closed.
func (r *run) stay(m queue.Message, o Outcome, err error) {
	i := Item{ID: m.ID, Group: m.Group, Outcome: o}
	if err != nil {
		i.Reason = err.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[m.ID] = i
}
