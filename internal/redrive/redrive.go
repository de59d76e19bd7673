// Package redrive brings dead letters back into the pipeline and loses nothing
// on the way. It has two engines: SQS's own move task, which runs on Amazon's
// side, and one of its own, which can choose, edit, keep the order of groups,
// try a few first, and stop when messages come back. It knows that a message
// may only be deleted when its copy is confirmed, that a FIFO queue answers
// with success to what it drops, and what may have been sent twice.
//
// What a filter says, which queues there are and how to print what happened it
// leaves to others.
package redrive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
)

// Queue is what the engine needs of a queue; *queue.Client is one.
type Queue interface {
	Info() queue.Info
	Receive(ctx context.Context, a queue.Ask) ([]queue.Message, error)
	Send(ctx context.Context, messages []queue.Outgoing) []queue.Sent
	Delete(ctx context.Context, messages []queue.Message) []error
	Hide(ctx context.Context, messages []queue.Message, d time.Duration) []error
	Depth(ctx context.Context) (queue.Depth, error)
}

var _ Queue = (*queue.Client)(nil)

// Filter chooses messages. An error leaves the message where it is and is
// listed with it.
type Filter func(queue.Message) (bool, error)

// Job is what to move with the engine of our own.
type Job struct {
	From Queue
	// To takes all messages. Without it each goes back to where it came from,
	// one of Sources, by name; the only one of them for messages that do not
	// say.
	To      Queue
	Sources map[string]Queue

	Filter Filter                      // nil for all
	Edit   func(*queue.Outgoing) error // nil for none
	Max    int                         // messages to move, 0 for all
	Rate   float64                     // messages a second at most, 0 for as fast as can be
	DryRun bool                        // look only: everything is put back

	// Canary is how many messages to move first, 0 for none. Only when they
	// have not come back after CanaryWait do the others follow.
	Canary     int
	CanaryWait time.Duration
	// Trouble asks whether the consumer fails, "" when it does not; nil where
	// nobody can tell.
	Trouble func(context.Context) (string, error)
	// KeepGoing leaves messages that came back where they are and goes on with
	// the others.
	KeepGoing bool

	Journal *Journal // nil in a dry run only
	// Stop, when closed, lets calls in flight finish and begins nothing new.
	Stop    <-chan struct{}
	Observe func(Progress) // about once a second, one at a time; nil for nobody
	Workers int            // at once; 0 for as many as are good
}

// Progress is how far a job is.
type Progress struct {
	Doing   string // what it does or waits for, in words
	Moved   int
	Total   int // to be moved, about; 0 for unknown
	Elapsed time.Duration
}

// Outcome is what became of a message.
type Outcome string

// The outcomes. All but Moved leave the message among the dead letters.
const (
	Moved      Outcome = "moved"
	Undeleted  Outcome = "undeleted"  // moved, but not deleted where it was: the next run does that, and only that
	Suppressed Outcome = "suppressed" // a FIFO queue took it for a repetition of somebody else's and dropped it
	Failed     Outcome = "failed"
	HeldBack   Outcome = "held_back" // behind a failed one of its group
	CameBack   Outcome = "came_back" // moved by this run, and a dead letter again
	Arrived    Outcome = "arrived"   // became a dead letter while the run lasted
	Unmatched  Outcome = "unmatched" // not chosen by the filter
	Matched    Outcome = "matched"   // of a dry run: would be moved
)

// Item is one message that is worth naming.
type Item struct {
	ID      string  `json:"id"`
	Group   string  `json:"group,omitempty"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"`
}

// Summary is what a job came to.
type Summary struct {
	Counts map[Outcome]int
	// Finished are messages that an earlier run had sent and that were only
	// deleted by this one.
	Finished int
	// Items are all messages but those that were moved, not chosen, or arrived,
	// in the order of their ids.
	Items []Item
	// Duplicates are the ids of messages that may have been sent twice: no
	// answer came to the first send.
	Duplicates []string
	Behind     int  // in groups behind messages that were left, and so never seen
	Elsewhere  int  // hidden by somebody else when it ended
	Resumed    bool // it went on with a run that was killed
	Stopped    string
	Took       time.Duration
}

// Unsettled is how many messages are not where they should be.
func (s Summary) Unsettled() int {
	return s.Counts[Failed] + s.Counts[HeldBack] + s.Counts[Suppressed] + s.Counts[CameBack] + s.Counts[Undeleted] + s.Counts[Expired]
}

// errNoTarget is a message of unknown origin.
var errNoTarget = errors.New("it does not say which queue it came from")

// target is where a message goes.
func (j *Job) target(m queue.Message) (Queue, error) {
	if j.To != nil {
		return j.To, nil
	}
	if m.Source != "" {
		if q := j.Sources[queue.NameOf(m.Source)]; q != nil {
			return q, nil
		}
		return nil, fmt.Errorf("it came from %s, which is not there or has another dead-letter queue now", queue.NameOf(m.Source))
	}
	if len(j.Sources) == 1 {
		for _, q := range j.Sources {
			return q, nil
		}
	}
	return nil, errNoTarget
}
