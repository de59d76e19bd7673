// Package demo shows the whole pipeline at work, step by step: each does
// something that matters and measures whether it held. It knows the steps and
// what they prove. The account that they happen in, a sandbox that nobody else
// uses, is given to it, and how it looks it leaves to others.
package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/functions"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Stage is where a demo happens. Its account must hold nothing that is dear to
// anybody: the demo fills the pipeline with events and takes it down with its
// data.
type Stage struct {
	AWS      aws.Config
	Pipeline *pipeline.Pipeline
	Shards   int                      // of the pipeline's stream
	Name     func(what string) string // in AWS, of what is called so within the pipeline
	// Letters are what the subscribers who are people were sent.
	Letters func(ctx context.Context) ([]Letter, error)
	// Break has every invocation of a function of the pipeline fail until it is
	// mended.
	Break func(ctx context.Context, function string) (mend func(context.Context) error, err error)
	// Folder is private to the demo: for what features write down on this
	// machine.
	Folder string

	began       time.Time
	emergencies int64                       // that were sent and can be read, but for the stranded ones
	poisoned    time.Time                   // when the messages were sent that nobody can read
	stranded    []functions.Event           // emergencies that the function failed on
	lastSent    time.Time                   // when the last message was sent that is to fail
	mend        func(context.Context) error // the function; nil before it was broken
}

// Letter is what a subscriber who is a person was sent.
type Letter struct {
	At      time.Time `json:"at"`
	To      string    `json:"to"`
	Topic   string    `json:"topic"` // ARN
	Subject string    `json:"subject"`
	Body    string    `json:"body"`
}

// Step is one thing that a demo shows.
type Step struct {
	Name   string
	Proves string // a sentence's end: "it shows that ..."
	// Within bounds it: what takes longer has not held.
	Within time.Duration
	// Always says that it is done even when something before has failed for
	// good.
	Always bool
	// Vital says that nothing but what is done always makes sense without it.
	Vital bool
	// Run does it and says in a few words what was measured. An error says
	// that it did not hold, and why.
	Run func(ctx context.Context, s *Stage) (measured string, err error)
}

// Outcome is what became of a step.
type Outcome struct {
	Step     string `json:"step"`
	Proves   string `json:"proves"`
	Held     bool   `json:"held"`
	Measured string `json:"measured"`
	Error    string `json:"error,omitempty"`
	TookMS   int64  `json:"took_ms"`
}

// errNotTried is of a step that makes no sense after what failed before.
var errNotTried = errors.New("not tried, after what failed before")

// Run does the steps one after the other and tells of each when it begins and
// when it is over. It goes on after one that did not hold, and when ctx ends
// only with what is always done, under last.
func Run(ctx, last context.Context, s *Stage, steps []Step, begin func(Step), end func(Outcome)) []Outcome {
	s.began = time.Now()
	var all []Outcome
	lost := false
	for _, step := range steps {
		work := ctx
		if step.Always {
			work = last
		}
		begin(step)
		o := Outcome{Step: step.Name, Proves: step.Proves}
		err := errNotTried
		if step.Always || !lost && ctx.Err() == nil {
			start := time.Now()
			o.Measured, err = within(work, step, s)
			o.TookMS = time.Since(start).Milliseconds()
		}
		if o.Held = err == nil; !o.Held {
			o.Error = err.Error()
			lost = lost || step.Vital
		}
		end(o)
		all = append(all, o)
	}
	return all
}

// within does a step in its time.
func within(ctx context.Context, step Step, s *Stage) (string, error) {
	late := fmt.Errorf("not within %v", step.Within)
	limited, done := context.WithTimeoutCause(ctx, step.Within, late)
	defer done()
	measured, err := step.Run(limited, s)
	if err != nil && limited.Err() != nil {
		err = context.Cause(limited) // calls that were cut off say less
	}
	return measured, err
}

// Held reports whether every step did.
func Held(all []Outcome) bool {
	for _, o := range all {
		if !o.Held {
			return false
		}
	}
	return len(all) > 0
}

// until asks, with growing pauses, until there is an answer.
func until(ctx context.Context, what string, ready func(ctx context.Context) (bool, error)) error {
	err := resource.Poll(ctx, what, ready)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
	return err
}
