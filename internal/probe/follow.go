package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/aws/topic"
	"github.com/ccs-platform/ccsctl/internal/aws/workflow"
	"github.com/ccs-platform/ccsctl/internal/functions"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// errLimit ends the wait for a hop.
var errLimit = errors.New("not within the limit")

// limited is the context of the wait for one hop.
func (r *run) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, r.Limit, errLimit)
}

// over reports whether err is only that the wait for a hop is over. A call that
// the end of the wait cut off fails with an error of its own.
func over(ctx context.Context, err error) bool {
	return errors.Is(err, errLimit) || err != nil && errors.Is(context.Cause(ctx), errLimit)
}

// follow sends the event and waits for it at each place where it can be seen. It
// returns where it was lost, nil when it arrived.
func (r *run) follow(ctx context.Context) (*lost, error) {
	if lost, err := r.send(ctx); lost != nil || err != nil {
		return lost, err
	}
	e, lost, err := r.awaitExecution(ctx)
	if lost != nil || err != nil {
		return lost, err
	}
	return r.awaitArrival(ctx, e)
}

func (r *run) send(ctx context.Context) (*lost, error) {
	if r.FromQueue {
		return r.sendToQueue(ctx)
	}
	limited, done := r.limited(ctx)
	defer done()
	var refusal error
	err := resource.Poll(limited, fmt.Sprintf("stream/telemetry does not take the record, trying again for %v", r.Limit), func(ctx context.Context) (bool, error) {
		start := time.Now()
		place, err := stream.PutOne(ctx, r.aws, r.path.Stream, r.event.Vehicle, []byte(r.event.Encode()))
		switch apierr.Sort(err) {
		case resource.Throttled, resource.Unavailable:
			refusal = err
			return false, nil
		}
		r.place, r.put = place, time.Since(start)
		return err == nil, err
	})
	switch {
	case err == nil:
		return nil, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case over(limited, err) && refusal != nil:
		err = refusal
	}
	return r.unsent(ctx, hopStream, err), nil
}

func (r *run) sendToQueue(ctx context.Context) (*lost, error) {
	limited, done := r.limited(ctx)
	defer done()
	q, err := queue.Open(limited, r.aws, r.path.Queue)
	if err == nil {
		err = q.Send(limited, []queue.Outgoing{{Body: r.event.Encode(), Group: r.event.Vehicle, Dedup: r.event.ID}})[0].Err
	}
	switch {
	case err == nil:
		return nil, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return r.unsent(ctx, hopQueue, err), nil
}

// awaitExecution waits until the event has started the workflow, and reads from
// the execution when it came where before.
func (r *run) awaitExecution(ctx context.Context) (e workflow.Execution, _ *lost, err error) {
	limited, done := r.limited(ctx)
	defer done()
	err = resource.Poll(limited, fmt.Sprintf("waiting until the event has started the workflow (up to %v)", r.Limit), func(ctx context.Context) (ok bool, err error) {
		e, ok, err = r.executions.Find(ctx, r.event.ExecutionName())
		return ok, err
	})
	switch {
	case ctx.Err() != nil:
		return e, nil, context.Cause(ctx)
	case over(limited, err):
		lost, err := r.beforeWorkflow(ctx)
		return e, lost, err
	case err != nil:
		return e, nil, err
	}
	r.times[hopEmergency] = e.Started
	if seen, err := functions.Decode([]byte(e.Input)); err == nil && seen.Probe != nil {
		r.times[hopStream], r.times[hopIngest], r.times[hopQueue] = seen.Probe.Arrived, seen.Probe.Queued, seen.Probe.Received
	}
	return e, nil, nil
}

// glance is how long one receive waits. After each the execution is looked at,
// so that one that failed is not waited for to the end.
const glance = 2 * time.Second

// awaitArrival waits for the notification in the probe's queue.
func (r *run) awaitArrival(ctx context.Context, e workflow.Execution) (*lost, error) {
	limited, done := r.limited(ctx)
	defer done()
	resource.Note(ctx, fmt.Sprintf("waiting for the alert at the probe's subscriber (up to %v)", r.Limit))
	var err error
	for {
		var arrived bool
		if arrived, err = r.receive(limited); arrived || err != nil {
			break
		}
		if !e.Running() && !e.Succeeded() {
			return r.afterStart(ctx, e)
		}
		now, ok, findErr := r.executions.Find(limited, r.event.ExecutionName())
		if err = cmp.Or(findErr, context.Cause(limited)); err != nil {
			break
		}
		if ok {
			e = now
		}
	}
	switch {
	case err == nil:
		return nil, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case over(limited, err):
		return r.afterStart(ctx, e)
	}
	// The queue is the probe's own: that it can't be read says nothing of the pipeline.
	return nil, err
}

// receive takes what has come to the probe's queue. What is no notification of
// this event is somebody else's: the queue ends with the probe, so it may lie.
func (r *run) receive(ctx context.Context) (arrived bool, err error) {
	messages, err := r.inbox.Queue().Receive(ctx, queue.Ask{Most: queue.MaxBatch, Wait: glance, Visibility: time.Minute})
	for _, m := range messages {
		n, err := topic.ReadNotification(m.Body)
		if err == nil && n.Attributes["event_id"] == r.event.ID {
			r.times[hopWorkflow], r.times[hopTopic] = n.At, m.Sent
			return true, nil
		}
	}
	return false, err
}
