package traffic

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/stream"
)

// slice is how often a lane looks for events that are due, so that a second's
// worth does not come at once.
const slice = 20 * time.Millisecond

// Refused events are tried again after a pause of random length, up to
// firstPause and twice as much each time (full jitter).
const (
	firstPause = 100 * time.Millisecond
	mostPause  = 5 * time.Second
)

// lane is a share of the vehicles, with one call at a time.
type lane struct {
	*run
	number   int
	vehicles []vehicle
	dice     *rand.Rand
	room     int

	offered int64         // events so far
	looked  time.Duration // when they were last made

	ready   []event    // in the order to be sent
	held    []*vehicle // with events that were refused
	waiting int        // ready and held events
}

func newLane(r *run, number int) *lane {
	l := &lane{run: r, number: number, dice: rand.New(rand.NewPCG(r.Seed, uint64(number))), room: max(r.Room/r.lanes, 1)}
	l.vehicles = make([]vehicle, (r.Vehicles-number+r.lanes-1)/r.lanes)
	for i := range l.vehicles {
		l.vehicles[i].init(r.Seed, i*r.lanes+number)
	}
	return l
}

// send sends the lane's events until there are no more or ctx ends, which lets a
// call go on for as long as calls does.
func (l *lane) send(ctx, calls context.Context) error {
	defer func() { l.meter.add(func(t *Totals) { t.Unsent += int64(l.waiting) }) }()
	tick := time.NewTimer(0)
	defer tick.Stop()
	for ctx.Err() == nil {
		now := time.Since(l.began)
		l.offer(now)
		l.release(now)
		batch := l.take()
		if len(batch) > 0 {
			if err := l.put(calls, batch); err != nil {
				return err
			}
		} else if l.waiting == 0 && l.over(now) {
			return nil
		}
		if len(batch) == stream.MaxEntries {
			continue // there is more than a call takes
		}
		tick.Reset(l.untilSlice())
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

func (l *lane) over(now time.Duration) bool { return !l.Load.Endless() && now >= l.Load.Length() }

// untilSlice is how long it is to the lane's next look. Lanes take turns.
func (l *lane) untilSlice() time.Duration {
	turn := slice * time.Duration(l.number) / time.Duration(l.lanes)
	return slice - (time.Since(l.began)-turn+slice)%slice
}

// offer makes the events that have become due. The time that a call took is no
// excuse: they are due when the load has them, and age from then on.
func (l *lane) offer(now time.Duration) {
	if l.over(now) {
		now = l.Load.Length()
	}
	due := l.due(l.Load.Offered(now), l.number) - l.offered
	lost := max(due-int64(l.room-l.waiting), 0)
	for i := range due - lost {
		j := l.offered + i
		at := l.looked + time.Duration(float64(now-l.looked)*float64(i+1)/float64(due))
		v := &l.vehicles[j%int64(len(l.vehicles))]
		l.ready = append(l.ready, v.report(&l.Options, l.began, at, l.garbles(l.nth(j, l.number))))
	}
	l.waiting += int(due - lost)
	l.offered, l.looked = l.offered+due, now
	if due > 0 {
		l.meter.add(func(t *Totals) { t.Offered += due; t.Lost += lost })
	}
}

// release puts what was held long enough before everything else.
func (l *lane) release(now time.Duration) {
	var again []event
	l.held = slices.DeleteFunc(l.held, func(v *vehicle) bool {
		if v.until > now {
			return false
		}
		again = append(again, v.held...)
		v.held = nil
		return true
	})
	if len(again) > 0 {
		l.ready = append(again, l.ready...)
	}
}

// take takes the next call's events. Those of a vehicle with refused ones queue
// up behind them. Events are so small that a full call is far from
// stream.MaxBytes.
func (l *lane) take() []event {
	batch := make([]event, 0, min(len(l.ready), stream.MaxEntries))
	n := 0
	for ; n < len(l.ready) && len(batch) < stream.MaxEntries; n++ {
		e := l.ready[n]
		if len(e.vehicle.held) > 0 {
			e.vehicle.held = append(e.vehicle.held, e)
			continue
		}
		batch = append(batch, e)
	}
	clear(l.ready[:n])
	l.ready = l.ready[n:]
	return batch
}

// put makes one call, counts what became of it and holds what was refused.
func (l *lane) put(ctx context.Context, batch []event) error {
	entries := make([]stream.Entry, len(batch))
	var again int64
	for i, e := range batch {
		entries[i] = e.Entry
		if e.tries > 0 {
			again++
		}
	}
	began := time.Now()
	answer, err := l.to.Put(ctx, entries)
	if err != nil {
		return err
	}
	l.meter.answered(answer, time.Since(began), again)

	now := time.Since(l.began)
	var taken [kinds]int64
	var accepted, bytes, lost int64
	for i, e := range batch {
		switch {
		case answer.Outcomes[i] == stream.Accepted:
			accepted++
			taken[e.kind]++
			bytes += int64(e.Size())
		case now-e.offered >= l.Patience:
			lost++
		default:
			l.hold(e, now)
		}
	}
	l.waiting -= int(accepted + lost)
	l.meter.add(func(t *Totals) {
		t.Accepted += accepted
		t.Lost += lost
		t.Bytes += bytes
		t.Critical += taken[critical]
		t.FollowUps += taken[followUp]
		t.Garbled += taken[garbled]
	})
	return nil
}

// hold puts a refused event aside. The pause of its vehicle is that of the first
// one.
func (l *lane) hold(e event, now time.Duration) {
	e.tries++
	v := e.vehicle
	if len(v.held) == 0 {
		l.held = append(l.held, v)
		most := min(firstPause<<min(e.tries-1, 10), mostPause)
		v.until = now + time.Duration(l.dice.Int64N(int64(most)))
	}
	v.held = append(v.held, e)
}
