package redrive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/stream"
)

// Expired are records that the stream does not have any more.
const Expired Outcome = "expired"

// Failures is the replay of records of a stream that a function failed on.
type Failures struct {
	From Queue // of the notices
	// Read reads the records of a notice that are still there.
	Read func(context.Context, Notice) ([]stream.Record, error)
	To   Target

	Filter  Filter // of notices; nil for all
	Max     int    // notices, 0 for all
	DryRun  bool   // read, and replay nothing
	GiveUp  bool   // delete notices of which nothing is left but expired records
	Journal *Journal
	Stop    <-chan struct{}
	Observe func(Progress)
}

// Target takes records once more.
type Target interface {
	// Replay says of each record whether it was taken, in their order. An error
	// that is ErrMaybe is of one that may have been taken all the same. Records
	// of one key stay in their order as far as they were taken.
	Replay(ctx context.Context, n Notice, records []stream.Record) []error
}

// ErrMaybe is a record whose answer was lost.
var ErrMaybe = errors.New("it may have been taken all the same")

// Run replays the records of the notices one notice after the other. A notice is
// deleted when all of its records were taken; otherwise it stays, and the next
// run goes on where this one ended. The counts of the summary are of records.
func (f Failures) Run(ctx context.Context) (Summary, error) {
	r := &run{Job: Job{From: f.From, Max: f.Max, DryRun: f.DryRun, Journal: f.Journal, Stop: f.Stop, Observe: f.Observe, KeepGoing: true, Workers: 1},
		began: time.Now(), stopping: make(chan struct{})}
	r.prepare()
	counts := map[Outcome]int{}
	r.handler = func(ctx context.Context, m queue.Message) bool { return f.one(ctx, r, m, counts) }
	s, err := r.moveAll(ctx)
	if s.Counts != nil {
		counts[Unmatched] = s.Counts[Unmatched]
		s.Counts = counts
	}
	return s, err
}

// one does with one notice what is to be done, and reports whether it may go.
func (f Failures) one(ctx context.Context, r *run, m queue.Message, counts map[Outcome]int) (done bool) {
	if f.Filter != nil {
		if ok, err := f.Filter(m); err != nil || !ok {
			r.stay(m, Unmatched, err)
			return false
		}
	}
	n, err := ParseNotice(m.Body)
	if err != nil {
		r.stay(m, Failed, err)
		counts[Failed]++ // of how many records nobody knows
		return false
	}
	r.say("reading " + n.String())
	f.From.Hide(ctx, []queue.Message{m}, longer)
	records, err := f.Read(ctx, n)
	if err != nil {
		r.stay(m, Failed, err)
		counts[Failed] += n.Records
		return false
	}
	expired := max(0, n.Records-len(records))
	counts[Expired] += expired
	if f.DryRun {
		counts[Matched] += len(records)
		r.stay(m, Matched, nil)
		if expired > 0 {
			r.stay(m, Expired, fmt.Errorf("%d of %d records are past the stream's retention", expired, n.Records))
		}
		return false
	}
	failed, why := f.replay(ctx, r, n, records, counts)
	switch {
	case failed > 0:
		counts[Failed] += failed
		r.stay(m, Failed, fmt.Errorf("%d of %d records: %w", failed, n.Records, why))
	case expired > 0 && !f.GiveUp:
		r.stay(m, Expired, fmt.Errorf("%d of %d records are past the stream's retention; --give-up-lost deletes the notice", expired, n.Records))
	default:
		return true
	}
	return false
}

// replay hands over the records that were not taken before, and says how many
// were not taken now.
func (f Failures) replay(ctx context.Context, r *run, n Notice, records []stream.Record, counts map[Outcome]int) (failed int, why error) {
	var todo []stream.Record
	var intents []record
	now := time.Now()
	id := func(rec stream.Record) string { return n.Shard + ":" + rec.Sequence }
	for _, rec := range records {
		known, _ := r.Journal.known(id(rec))
		if known.kind == confirmed {
			continue
		}
		if known.kind == intended {
			intents = append(intents, record{kind: unsure, at: now, id: id(rec)})
		}
		todo = append(todo, rec)
		intents = append(intents, record{kind: intended, at: now, id: id(rec)})
	}
	if len(todo) == 0 {
		return 0, nil
	}
	if err := r.Journal.intend(intents...); err != nil {
		r.halt(err)
		return len(todo), err
	}
	r.say("replaying " + n.String())
	var taken []record
	for i, err := range f.To.Replay(ctx, n, todo) {
		switch {
		case err == nil:
			counts[Moved]++
			taken = append(taken, record{kind: confirmed, at: time.Now(), id: id(todo[i])})
			continue
		case !errors.Is(err, ErrMaybe):
			taken = append(taken, record{kind: refused, at: time.Now(), id: id(todo[i])})
		}
		failed++
		if why == nil {
			why = err
		}
	}
	if err := r.Journal.note(taken...); err != nil {
		r.halt(err)
	}
	return failed, why
}
