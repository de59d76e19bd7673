package redrive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// block keeps the later messages of a group from overtaking the one of it that
// failed.
func (r *run) block(l *lane) {
	if r.From.Info().FIFO {
		failed := l.head().m
		r.mu.Lock()
		r.blocked[failed.Group] = true
		r.mu.Unlock()
		l.holdBack(r, fmt.Errorf("behind %s of its group", failed.ID), 1)
	}
	l.items = nil
}

func (l *lane) holdBack(r *run, why error, from int) {
	for _, i := range l.items[from:] {
		r.stay(i.m, HeldBack, why)
	}
}

// open are the lanes that something may be sent from.
func (r *run) open(lanes []*lane) []*lane {
	return slices.DeleteFunc(lanes, func(l *lane) bool {
		if len(l.items) == 0 {
			return true
		}
		r.mu.Lock()
		blocked := r.blocked[l.head().m.Group] && r.From.Info().FIFO
		r.mu.Unlock()
		if blocked {
			l.holdBack(r, errors.New("behind one of its group that failed"), 0)
		}
		return blocked
	})
}

// sendLanes sends the messages of all lanes, of each lane one at a time, and
// gives those that are confirmed. Within one call SQS may refuse one message
// and take the next: two of a group in it could change places.
func (r *run) sendLanes(ctx context.Context, lanes []*lane) (sent []queue.Message) {
	for {
		lanes = r.open(lanes)
		round := heads(lanes)
		if len(round) == 0 || !r.pace.wait(len(round), r.stopping) {
			return sent // what was not sent is put back in the end
		}
		results, err := r.send(ctx, round)
		if err != nil {
			r.halt(err)
			return sent
		}
		again, gaveUp := 0, 0
		for n, l := range round {
			switch i := l.head(); r.settle(i, results[n]) {
			case Moved:
				sent = append(sent, i.m)
				l.items = l.items[1:]
			case "":
				again = max(again, i.attempts)
			default:
				if err := results[n].Err; err != nil && (passing(err) || apierr.Denied(err) || apierr.NotFound(err)) {
					gaveUp++
				}
				r.block(l)
			}
		}
		if gaveUp == len(round) { // which is no trouble of one message
			r.halt(results[0].Err)
		}
		if again > 0 {
			sleep(backOff(again), r.stopping)
		}
	}
}

// heads are lanes whose first messages go to the same queue, as many as one
// call takes.
func heads(lanes []*lane) (round []*lane) {
	for _, l := range lanes {
		if len(round) < queue.MaxBatch && l.head().to == lanes[0].head().to {
			round = append(round, l)
		}
	}
	return round
}

// send writes down what it is about to do and does it.
func (r *run) send(ctx context.Context, round []*lane) ([]queue.Sent, error) {
	now := time.Now()
	records := make([]record, len(round))
	out := make([]queue.Outgoing, len(round))
	for n, l := range round {
		records[n] = record{kind: intended, at: now, id: l.head().m.ID}
		out[n] = l.head().out
	}
	if err := r.Journal.intend(records...); err != nil {
		return nil, err
	}
	results := round[0].head().to.Send(ctx, out)
	records = records[:0]
	now = time.Now()
	for n, s := range results {
		if i := round[n].head(); s.Err == nil && !r.suppressed(i, s) {
			records = append(records, record{kind: confirmed, at: now, id: i.m.ID, newID: s.ID, sequence: s.Sequence, group: i.out.Group})
		}
	}
	return results, r.Journal.note(records...)
}

// settle decides what a send came to: Moved; "" to try again; anything else to
// leave it.
func (r *run) settle(i *item, s queue.Sent) Outcome {
	i.attempts++
	switch {
	case s.Err == nil && r.suppressed(i, s):
		r.stay(i.m, Suppressed, fmt.Errorf("%s took it for a repetition of its message %s, which another redrive sent within the last 5 minutes", i.to.Info().Name, s.ID))
		return Suppressed
	case s.Err == nil:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.moved++
		r.pending[i.m.ID] = true
		delete(r.outcomes, i.m.ID)
		if key := i.to.Info().ARN + " " + i.out.Group; after(s.Sequence, r.highest[key]) {
			r.highest[key] = s.Sequence
		}
		return Moved
	case s.Unsure:
		i.tried = true
	case !i.tried:
		if err := r.Journal.note(record{kind: refused, at: time.Now(), id: i.m.ID}); err != nil {
			r.halt(err)
		}
	}
	if i.attempts < attempts && (s.Unsure || passing(s.Err)) && !r.halted() {
		if !i.tried {
			return ""
		}
		known, _ := r.Journal.known(i.m.ID)
		if r.repeatable(i, known.first) || r.Journal.note(record{kind: unsure, at: time.Now(), id: i.m.ID}) == nil {
			return ""
		}
	}
	err := s.Err
	if i.tried {
		err = fmt.Errorf("%w (it may have been sent all the same: the next run sends it again)", err)
	}
	r.stay(i.m, Failed, err)
	return Failed
}

func (r *run) halted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why != nil
}

// passing reports whether an error is of a kind that goes away.
func passing(err error) bool {
	t := apierr.Sort(err)
	return t == resource.Throttled || t == resource.Unavailable
}

// suppressed reports whether a FIFO queue took a message for a repetition of
// one that was not sent by this machine: its answer is then the first one's. A
// repetition of our own, after an answer that was lost, is what the
// deduplication id is for.
//
// The id that we give can only be that of another redrive of the same message.
// SQS does not say that it dropped a message: an answer that names a message
// known already, or is not later than the group's last, tells.
func (r *run) suppressed(i *item, s queue.Sent) bool {
	if i.out.Dedup == "" || i.tried {
		return false
	}
	if from, ok := r.Journal.original(s.ID); ok && from != i.m.ID {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	highest := r.highest[i.to.Info().ARN+" "+i.out.Group]
	return highest != "" && s.Sequence != "" && !after(s.Sequence, highest)
}

// after reports whether one sequence number comes after another: they are
// numbers of up to 39 digits.
func after(a, b string) bool {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}

// delete deletes messages whose copies are confirmed. One that can't be deleted
// comes into view again, and is deleted when it is received again, by this run
// or the next.
func (r *run) delete(ctx context.Context, messages []queue.Message) {
	for try := 0; len(messages) > 0; try++ {
		errs := r.From.Delete(ctx, messages)
		now := time.Now()
		var records []record
		var left []queue.Message
		for n, m := range messages {
			switch err := errs[n]; {
			case err == nil:
				records = append(records, record{kind: deleted, at: now, id: m.ID})
				r.letGo(m, nil)
			case try+1 < attempts && passing(err) && ctx.Err() == nil:
				left = append(left, m)
			default:
				r.letGo(m, err)
			}
		}
		if err := r.Journal.note(records...); err != nil {
			r.halt(err)
		}
		if messages = left; len(left) > 0 {
			sleep(backOff(try), ctx.Done())
		}
	}
}

// letGo takes a message out of hand: deleted, or not for the given reason.
func (r *run) letGo(m queue.Message, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.hand, m.ID)
	if err == nil {
		delete(r.pending, m.ID)
		delete(r.outcomes, m.ID)
		r.deletions++
		return
	}
	r.outcomes[m.ID] = Item{ID: m.ID, Group: m.Group, Outcome: Undeleted, Reason: err.Error()}
}
