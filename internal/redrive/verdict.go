package redrive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// errStoppedItself is a run that saw that it does more harm than good.
var errStoppedItself = errors.New("stopped by itself")

// Why runs stop by themselves.
var (
	errCameBack = fmt.Errorf("%w: messages that it had moved came back", errStoppedItself)
	errRefills  = fmt.Errorf("%w: the queue of dead letters refills", errStoppedItself)
	errCanary   = fmt.Errorf("%w: the canary", errStoppedItself)
)

func (r *run) summarize() Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.summary
	s.Took = time.Since(r.began)
	s.Counts = map[Outcome]int{Moved: r.moved}
	for _, i := range r.outcomes {
		s.Counts[i.Outcome]++
		switch i.Outcome {
		case Unmatched, Arrived, Matched:
		default:
			s.Items = append(s.Items, i)
		}
	}
	slices.SortFunc(s.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Group, b.Group), cmp.Compare(a.ID, b.ID))
	})
	if !r.DryRun {
		s.Duplicates = r.Journal.unsureOnes()
		slices.Sort(s.Duplicates)
	}
	if r.why != nil {
		s.Stopped = r.why.Error()
	}
	r.summary = s
	return s
}

// verdict is the error of a run, nil when all that was to be moved was.
func (r *run) verdict(ctx context.Context) error {
	s := r.summary
	var errs []error
	if r.why != nil {
		if ctx.Err() != nil || errors.Is(r.why, ErrStopped) {
			return r.why
		}
		errs = append(errs, r.why)
	}
	if n := s.Unsettled(); n > 0 {
		errs = append(errs, fmt.Errorf("%d messages are not where they should be", n))
	}
	err := errors.Join(errs...)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errStoppedItself):
		return fault.As(fault.Partial, err, "see why they fail with 'ccsctl dlq peek', mend the consumer, and run the same command again")
	case s.Counts[Moved]+s.Finished > 0 || s.Unsettled() > 0:
		return fault.As(fault.Partial, err, "run the same command again: what was moved is not moved twice")
	default:
		return fault.As(fault.Failed, err, "run the same command again: nothing was moved")
	}
}
