package probe

import (
	"context"
	"fmt"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/bucket"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// grace is how long after its buffer's time Firehose may need: to open the
// object, convert and write it.
const grace = 2 * time.Minute

// lake is the data lake as it was before the event was sent.
type lake struct {
	sent time.Time
	good map[string]bool // the keys that there were
	bad  map[string]bool // and those of records that can't be converted
}

// lakeBefore remembers what is there. An object that comes later, and after the
// event came into the stream, proves that delivery works; that the event is in
// it only reading it would tell.
func (r *run) lakeBefore(ctx context.Context) (*lake, error) {
	l := &lake{sent: time.Now()}
	var err error
	if l.good, err = r.keys(ctx, r.path.LakeDay(l.sent)); err != nil {
		return nil, err
	}
	l.bad, err = r.keys(ctx, r.path.LakeErrors(l.sent))
	return l, err
}

func (r *run) keys(ctx context.Context, prefix string) (map[string]bool, error) {
	objects, err := r.path.Lake.Objects(ctx, prefix)
	keys := make(map[string]bool, len(objects))
	for _, o := range objects {
		keys[o.Key] = true
	}
	return keys, err
}

// wait waits for a new object and notes what came.
func (l *lake) wait(ctx context.Context, r *run, report *Report) error {
	arrived := r.times[hopStream]
	if arrived.IsZero() { // it was lost behind the stream
		arrived = l.sent
	}
	patience := r.path.Buffer + grace
	limited, done := context.WithTimeoutCause(ctx, time.Until(arrived.Add(patience)), errLimit)
	defer done()
	h := &report.Hops[len(report.Hops)-1]
	lost, err := l.find(limited, r, h, arrived)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case over(limited, err):
		lost = r.lostAt(ctx, hopLake, fmt.Sprintf("no new object under %s within %v", r.path.LakeDay(arrived), patience))
	case err != nil:
		return err
	}
	if lost != nil {
		h.State, report.Kept = Missed, false
		if report.Failure == nil {
			report.Failure = lost.failure(r)
		}
	}
	return nil
}

// telling is how often the time that is left is told.
const telling = 15 * time.Second

// find looks for an object until there is one or ctx ends.
func (l *lake) find(ctx context.Context, r *run, h *Hop, arrived time.Time) (*lost, error) {
	told := time.Time{}
	for pause := time.Second; ; pause = min(pause*2, 5*time.Second) {
		if time.Since(told) >= telling {
			told = time.Now()
			left := max(0, time.Until(arrived.Add(r.path.Buffer))).Round(time.Second)
			resource.Note(ctx, fmt.Sprintf("waiting for the data lake: Firehose keeps records back for %v, %v of it left", r.path.Buffer, left))
		}
		// At midnight the day may be either.
		for _, day := range days(arrived, time.Now()) {
			if o, err := l.newer(ctx, r, r.path.LakeErrors(day), l.bad, arrived); o != nil || err != nil {
				if err != nil {
					return nil, err
				}
				return r.lostAt(ctx, hopLake, "a record could not be converted: "+o.Key), nil
			}
			o, err := l.newer(ctx, r, r.path.LakeDay(day), l.good, arrived)
			if err != nil {
				return nil, err
			}
			if o != nil {
				h.pass(o.Modified, arrived)
				h.Note = fmt.Sprintf("%s, %d bytes; delivery works, the probe does not read whether the event is in it", o.Key, o.Bytes)
				return nil, nil
			}
		}
		if err := resource.Sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// newer is an object that was not there before the event and was written after
// it arrived.
func (l *lake) newer(ctx context.Context, r *run, prefix string, before map[string]bool, arrived time.Time) (*bucket.Object, error) {
	objects, err := r.path.Lake.Objects(ctx, prefix)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if !before[o.Key] && !o.Modified.Before(arrived.Truncate(time.Second)) {
			return &o, nil
		}
	}
	return nil, nil
}

func days(from, to time.Time) []time.Time {
	if from.UTC().YearDay() == to.UTC().YearDay() {
		return []time.Time{from}
	}
	return []time.Time{from, to}
}
