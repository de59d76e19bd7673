// Package scale is a resize by hand: which legal steps lead to a number of
// shards, what they cost, how many of the day's are left, and carrying them out.
// How one resize is made and waited for it leaves to the stream, patience and
// progress to the planner, and whether the size is a wise one to who asks for
// it.
//
// Every step ends at a size that the stream can stay at. A run that ends early,
// for whatever reason, is gone on with by running it again.
package scale

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/graph"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// ShardHour is what a shard costs for an hour, in dollars; the calls are free
// ("Amazon Kinesis Data Streams pricing", us-east-1). Month is how many hours
// AWS counts for one.
const (
	ShardHour = 0.015
	Month     = 730
)

// Scale brings one stream to one number of shards.
type Scale struct {
	spec   stream.SizeSpec
	size   *stream.Size
	reader *stream.Reader
	ledger *Ledger
	made   []Step
	unkept error // of the ledger
}

// New is the way to the size of spec in the account of cfg. It makes no call.
func New(cfg aws.Config, spec stream.SizeSpec, ledger *Ledger) *Scale {
	s := &Scale{reader: stream.NewReader(cfg, spec.StreamName), ledger: ledger}
	spec.Resized = func(from, to int) {
		s.made = append(s.made, Step{From: from, To: to})
		s.unkept = errors.Join(s.unkept, ledger.Add(time.Now(), from, to))
	}
	s.spec, s.size = spec, stream.NewSize(cfg, spec)
	return s
}

// Step is one resize.
type Step struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Plan is what leads to the wanted size.
type Plan struct {
	From, To int
	State    string // of the stream
	Steps    []Step // none when it is there already
	// Spent are the resizes of the last 24 hours that this machine knows of,
	// oldest first. There may have been more.
	Spent []time.Time
	Run   *plan.Plan
}

// Left is how many resizes AWS takes at most today.
func (p *Plan) Left() int { return max(0, PerDay-len(p.Spent)) }

// Reach is how far the stream gets with what is left today.
func (p *Plan) Reach() int {
	at := p.From
	for i, s := range p.Steps {
		if i < p.Left() {
			at = s.To
		}
	}
	return at
}

// Free is when AWS takes one more resize than it does now; zero when nothing is
// spent.
func (p *Plan) Free() time.Time {
	if len(p.Spent) == 0 {
		return time.Time{}
	}
	return p.Spent[max(0, len(p.Spent)-PerDay)].Add(day)
}

// Monthly is what the new size costs more a month than the old, in dollars;
// less when it is negative.
func (p *Plan) Monthly() float64 { return float64(p.To-p.From) * ShardHour * Month }

// Plan reads the stream and says what there is to do. With settled it first
// waits until no change of somebody else's is under way, and says so by
// resource.Note; without, the steps are those from the present number of shards.
// It only reads.
func (s *Scale) Plan(ctx context.Context, settled bool) (*Plan, error) {
	look := s.reader.Summary
	if settled {
		look = s.size.Settle
	}
	now, err := look(ctx)
	if err != nil {
		return nil, err
	}
	g := new(graph.Graph[resource.Resource])
	g.Add(s.size)
	run, err := plan.Compute(ctx, g)
	if err != nil {
		return nil, err
	}
	c := run.Items[0].Change
	if c.Action == resource.Conflict {
		return nil, fault.As(fault.Failed, fmt.Errorf("%s: %s", s.size.ID(), c.Reason), "'ccsctl up --adopt' takes it over")
	}
	p := &Plan{From: now.Shards, To: s.spec.Shards, State: now.State, Run: run}
	from := now.Shards
	for _, to := range stream.Steps(from, s.spec.Shards) {
		p.Steps = append(p.Steps, Step{from, to})
		from = to
	}
	if p.Spent, err = s.ledger.Spent(time.Now(), now.Born); err != nil {
		return nil, err
	}
	return p, nil
}

// errSpent refuses what AWS is known to refuse.
var errSpent = errors.New("this stream was resized 10 times in 24 hours, more AWS does not do")

// Check refuses a plan of which not even the first step can be made.
func (p *Plan) Check() error {
	if len(p.Steps) == 0 || p.Left() > 0 {
		return nil
	}
	return fault.As(fault.Failed, errSpent, fmt.Sprintf("run it again after %s, when the oldest of them counts no more", p.Free().Local().Format("Mon 15:04")))
}

// Result is what became of a plan.
type Result struct {
	Made   []Step // resizes that AWS has agreed to, the last perhaps under way
	Now    *int   // open shards at the end; nil when they can't be read
	State  string // of the stream; "" when it can't be read
	Ran    plan.Result
	Unkept error // what of it the ledger does not know
}

// Run carries the plan out, once. It ends early, at a legal size, when stop does;
// ctx ends it at once. What became of it is told in any case; an error is why it
// is not at the wanted size, explained as far as it can be.
func (s *Scale) Run(ctx, stop context.Context, p *Plan, observe func(plan.Event)) (Result, error) {
	results, err := p.Run.Apply(ctx, plan.Options{Sort: apierr.Sort, Observe: observe, Stop: stop})
	if err != nil {
		return Result{}, err
	}
	r := Result{Made: s.made, Ran: results[0], Unkept: s.unkept}
	last, cancel := context.WithTimeout(ctx, lastLook)
	defer cancel()
	if now, err := s.reader.Summary(last); err == nil {
		r.Now, r.State = &now.Shards, now.State
	}
	switch r.Ran.Outcome {
	case plan.Done, plan.Unchanged:
		return r, nil
	case plan.Stopped, plan.Skipped:
		return r, context.Cause(stop)
	}
	return r, s.explain(ctx, p, r)
}

// lastLook bounds the reading of what a run has come to.
const lastLook = 10 * time.Second

// explain adds to what kept a run from its end what is known of the reason.
func (s *Scale) explain(ctx context.Context, p *Plan, r Result) error {
	kind, err := fault.Failed, r.Ran.Err
	if len(r.Made) > 0 {
		kind = fault.Partial
	}
	again := fmt.Sprintf("run 'ccsctl scale %d' again", p.To)
	switch {
	case errors.Is(err, stream.ErrMoved):
		return fault.As(kind, err, "find out who does (an autoscaler, a colleague), then "+again)
	case stream.Refused(err):
		return fault.As(kind, err, s.limit(ctx, p, r, again))
	case apierr.Denied(err):
		return fault.As(fault.Denied, err, "ask for the action that AWS names, or use another --profile")
	}
	return fault.As(kind, err, again+": the stream is at a size that it can stay at")
}

// limit tells which of the limits of a resize it was. AWS has one code for all.
func (s *Scale) limit(ctx context.Context, p *Plan, r Result, again string) string {
	if a, err := s.reader.Account(ctx); err == nil && r.Now != nil {
		from := *r.Now
		if next := stream.Steps(from, p.To); len(next) > 0 && a.Open+next[0]-from > a.Limit {
			return fmt.Sprintf("the account may have %d shards in this region and has %d: ask AWS for more (Service Quotas, 'Shards per Region'), then %s", a.Limit, a.Open, again)
		}
	}
	hint := "AWS resizes a stream 10 times in 24 hours, whoever asks: "
	if n := len(p.Spent) + len(r.Made); n > 0 {
		hint += fmt.Sprintf("%d of them from this machine; ", n)
	}
	return hint + again + " later"
}
