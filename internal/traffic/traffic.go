// Package traffic is devices that send telemetry: simulated vehicles that drive,
// report and, when asked to, have emergencies. It knows pacing, batches, what to
// do with what a stream refuses, and honest counting. The stream itself it
// leaves to who calls it, and so it does how results are shown.
//
// Vehicles are dealt out to lanes, and a lane makes one call at a time. What is
// refused is put aside with all later events of its vehicle and goes out before
// them, so that the order of a vehicle is kept from call to call. Within one
// call AWS keeps none (API ref PutRecords), which only shows when a vehicle has
// several events in it.
package traffic

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/traffic/load"
)

// Stream is where the events go. It is called by several goroutines at once.
// An error is one that no repetition helps, and ends the run.
type Stream interface {
	Put(ctx context.Context, entries []stream.Entry) (stream.Answer, error)
}

// Options say what to send. Load is required, what is zero otherwise has the
// default that is named.
type Options struct {
	Load     load.Load
	Vehicles int // 1,000

	// Shares of the events, 0 to 1: Critical ones tell the authorities,
	// FollowUps tell owners and managers. Both are none by default.
	Critical, FollowUps float64
	// Garbled is how many events, spread evenly over the run, nobody can read.
	Garbled int64

	Seed uint64 // of what happens to the vehicles: the same seed, the same day

	// Patience is how long an event is tried again before it counts as lost:
	// 30 s.
	Patience time.Duration
	// Room is how many events may wait, some 500 bytes each, before those that
	// come are lost: 100,000.
	Room int

	// Observe is told of the totals once a second, one call at a time. May be
	// nil.
	Observe func(Totals)
}

// The defaults, and how much there may be.
const (
	DefaultVehicles = 1_000
	DefaultPatience = 30 * time.Second
	DefaultRoom     = 100_000
	MostVehicles    = 1_000_000
)

// Check says what is wrong with the options, before anything is sent.
func (o Options) Check() error {
	share := func(name string, v float64) error {
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("a share of %s events of %v: want 0 to 1", name, v)
		}
		return nil
	}
	if err := errors.Join(share("critical", o.Critical), share("follow-up", o.FollowUps)); err != nil {
		return err
	}
	switch events := o.Load.Offered(math.MaxInt64); {
	case o.Critical+o.FollowUps > 1:
		return fmt.Errorf("shares of critical and follow-up events of %v and %v are more than all", o.Critical, o.FollowUps)
	case o.Vehicles < 0 || o.Vehicles > MostVehicles:
		return fmt.Errorf("%d vehicles: want 1 to %d", o.Vehicles, MostVehicles)
	case o.Garbled < 0:
		return fmt.Errorf("%d garbled events", o.Garbled)
	case o.Garbled > 0 && o.Load.Endless():
		return errors.New("garbled events are spread over a run, and this one never ends")
	case !o.Load.Endless() && o.Garbled > events:
		return fmt.Errorf("%d garbled events of %d in all", o.Garbled, events)
	case o.Patience < 0 || o.Room < 0:
		return fmt.Errorf("patience %v and room for %d events: want more than nothing", o.Patience, o.Room)
	}
	return nil
}

func (o *Options) complete() {
	if o.Vehicles == 0 {
		o.Vehicles = DefaultVehicles
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	if o.Room == 0 {
		o.Room = DefaultRoom
	}
}

// run is one run.
type run struct {
	Options
	to    Stream
	meter meter
	began time.Time
	lanes int
	all   int64 // events of the whole load, 0 for endless
}

// perLane is how many events a second one lane is to carry: a full call every
// 100 ms, which is what AWS answers in on a bad day.
const (
	perLane   = 5 * stream.MaxEntries
	mostLanes = 16
)

// Run sends until the load is over and every event is accepted or lost, or until
// ctx ends: calls under way then have a moment to finish, and what is not sent
// is counted. The totals are true whatever the error. An error is the stream's,
// or the reason why ctx ended; losses are none.
func Run(ctx context.Context, to Stream, o Options) (Totals, error) {
	if err := o.Check(); err != nil {
		return Totals{}, err
	}
	o.complete()
	r := &run{Options: o, to: to, began: time.Now()}
	r.lanes = min(max(int(math.Ceil(o.Load.Peak()/perLane)), 1), mostLanes, o.Vehicles)
	if !o.Load.Endless() {
		r.all = o.Load.Offered(o.Load.Length())
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	calls, cut := outlive(ctx, grace)
	defer cut()

	var lanes, observer sync.WaitGroup
	over := make(chan struct{})
	observer.Go(func() { r.observe(over) })
	for i := range r.lanes {
		lanes.Go(func() {
			if err := newLane(r, i).send(ctx, calls); err != nil {
				stop(err)
			}
		})
	}
	lanes.Wait()
	close(over)
	observer.Wait()
	totals := r.meter.now(time.Since(r.began))
	err := context.Cause(ctx)
	if totals.Waiting != 0 {
		err = errors.Join(err, fmt.Errorf("%d events are neither accepted nor lost nor unsent: a mistake in this program", totals.Waiting))
	}
	return totals, err
}

// grace is how long a call under way may still take at the end of the context.
const grace = 2 * time.Second

// outlive is a context that ends a while after ctx does.
func outlive(ctx context.Context, by time.Duration) (context.Context, func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return longer, func() { stop(); cancel() }
}

func (r *run) observe(over <-chan struct{}) {
	if r.Observe == nil {
		return
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-second.C:
			r.Observe(r.meter.now(time.Since(r.began)))
		case <-over:
			return
		}
	}
}

// due is how many of the first n events of the run are the lane's: event k is
// made by vehicle k mod vehicles, and vehicle v drives on lane v mod lanes.
func (r *run) due(n int64, lane int) int64 {
	vehicles, lanes := int64(r.Vehicles), int64(r.lanes)
	share := func(first int64) int64 { return (first - int64(lane) + lanes - 1) / lanes } // of the first so many vehicles
	return n/vehicles*share(vehicles) + share(n%vehicles)
}

// nth is the place in the run of the lane's event j.
func (r *run) nth(j int64, lane int) int64 {
	vehicles, lanes := int64(r.Vehicles), int64(r.lanes)
	mine := (vehicles - int64(lane) + lanes - 1) / lanes
	return j/mine*vehicles + j%mine*lanes + int64(lane)
}

// garbles reports whether event k of the run is one of the garbled.
func (r *run) garbles(k int64) bool {
	if r.Garbled == 0 {
		return false
	}
	share := float64(r.Garbled) / float64(r.all)
	return int64(float64(k+1)*share) > int64(float64(k)*share)
}
