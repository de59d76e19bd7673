// Package resource is the contract between the things of the pipeline and the
// planner: what a resource is called, how it differs from what is wanted, and
// which calls would put that right. It knows nothing of AWS and does nothing
// by itself.
//
// A change is a list of steps, each at most one mutating call. The plan that a
// person reads and the program that runs are therefore the same list: what was
// not shown is not called.
package resource

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// ID names a resource within one pipeline as kind/name, for example
// "queue/emergency.fifo". It is stable across runs.
type ID struct {
	Kind string
	Name string
}

func (id ID) String() string { return id.Kind + "/" + id.Name }

// MarshalText writes the ID as kind/name.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// Compare orders IDs by kind, then name.
func (id ID) Compare(other ID) int { return strings.Compare(id.String(), other.String()) }

// Resource is one thing of the pipeline, live or still to be made. Its methods
// only read; the steps they return write.
type Resource interface {
	ID() ID

	// Diff compares what is live with what is wanted. Absent gives Create; a
	// thing of the same name that is not ours gives Conflict with the steps
	// that would adopt it. It never writes and may be called at any time.
	Diff(ctx context.Context) (Change, error)

	// Removal says what deleting the live thing takes. Absent gives None; a
	// thing that is not ours gives Keep. It never writes.
	Removal(ctx context.Context) (Change, error)
}

// Action is what a change amounts to.
type Action string

// The actions.
const (
	None     Action = "none"     // live and as wanted, or (for a removal) not there
	Create   Action = "create"   // not there yet
	Update   Action = "update"   // there, different, can be changed in place
	Replace  Action = "replace"  // there, different in something AWS can't change
	Delete   Action = "delete"   // there and ours
	Conflict Action = "conflict" // there, but not ours
	Keep     Action = "keep"     // there, and left alone by a removal; Reason says why
)

// Change is the difference between a live resource and the wanted one, and the
// calls that remove it.
type Change struct {
	Action Action `json:"action"`
	// Reason is one clause for a person: why it is replaced, kept or in
	// conflict. Empty when the action says it all.
	Reason string `json:"reason,omitempty"`
	// Attributes are those that differ; for Create, those worth reading.
	Attributes []Attribute `json:"attributes,omitempty"`
	// Problem is AWS's own words when the live thing is there but does not
	// work (a failed state, a dying key). It is independent of the action.
	Problem string `json:"problem,omitempty"`
	// Steps are what to do, in order. None may still have steps that only
	// wait: the thing is as wanted but still settling.
	Steps []Step `json:"-"`
}

// Calls are the mutating API calls of the change, in order.
func (c Change) Calls() []string {
	var calls []string
	for _, s := range c.Steps {
		if s.Call != "" {
			calls = append(calls, s.Call)
		}
	}
	return calls
}

// Attribute is one setting that differs. Old is empty when there was none.
type Attribute struct {
	Name string `json:"name"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
	// Replaces says that AWS can't change this one in place.
	Replaces bool `json:"replaces,omitempty"`
}

// Step is at most one mutating call and the wait that belongs to it. Both
// halves may be repeated: after a crash the whole change is computed anew, and
// after a passing failure the half that failed is tried again.
type Step struct {
	// Call names the API call as IAM does, "kinesis:CreateStream". Empty for a
	// step that only waits.
	Call string
	// Do makes the call. It succeeds when the call's effect is already there.
	Do func(ctx context.Context) error
	// Wait, when set, returns once the effect has settled.
	Wait func(ctx context.Context) error
	// Patience bounds Do and Wait together, retries included. Zero means the
	// planner's default.
	Patience time.Duration
}

// MarshalJSON writes the calls beside the data, in place of the steps.
func (c Change) MarshalJSON() ([]byte, error) {
	type plain Change
	return json.Marshal(struct {
		plain
		Calls []string `json:"calls,omitempty"`
	}{plain(c), c.Calls()})
}

// Kept is the error of a removal's step that found, at the last moment, a
// reason to leave the thing alone. It is no failure.
type Kept struct{ Reason string }

func (k *Kept) Error() string { return "kept: " + k.Reason }
