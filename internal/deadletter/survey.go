package deadletter

import (
	"context"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/mapping"
	"github.com/ccs-platform/ccsctl/internal/aws/metric"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
)

// Place is a queue of dead letters and what feeds it.
type Place struct {
	QueueName string
	// Moved says that SQS's own tasks can empty it: it is a queue's.
	Moved bool
	Open  func(context.Context) (Watched, error)
	// Consumer reads what hands messages to the function that they failed in;
	// ok is false when there is none.
	Consumer func(context.Context) (s mapping.State, ok bool, err error)
}

// Watched is what is read of a queue that is listed.
type Watched interface {
	Depth(context.Context) (queue.Depth, error)
	Moves(context.Context) ([]queue.Move, error)
}

// Metrics reads CloudWatch.
type Metrics interface {
	Fetch(ctx context.Context, queries []metric.Query, from, to time.Time, period time.Duration) ([]metric.Series, error)
}

// State is what is known of one place. What could not be read is its zero value
// and one of the errors.
type State struct {
	Depth queue.Depth // with no time when it is not known
	// Dead is how long the oldest message has been in the queue; nil when that
	// is not known.
	Dead     *time.Duration
	Moves    []queue.Move   // SQS's own tasks that are not over
	Consumer *mapping.State // nil for none; or it is not known, which ConsumerErr tells apart
	// ConsumerErr is why it is not known what the consumer does. It is one of
	// Errs, which alone would not tell: another read may be what failed.
	ConsumerErr error
	Errs        []error
}

// Survey reads all places at once, and takes nothing out of any queue. A place
// that can't be read does not keep the others from being told of.
func Survey(ctx context.Context, places []Place, metrics Metrics) []State {
	states := make([]State, len(places))
	var all sync.WaitGroup
	for i, p := range places {
		all.Go(func() { states[i] = p.state(ctx) })
	}
	oldest, err := ages(ctx, places, metrics)
	all.Wait()
	for i := range states {
		s := &states[i]
		if err != nil {
			s.Errs = append(s.Errs, err)
		}
		if s.Depth.Total() > 0 {
			s.Dead = oldest[i]
		}
	}
	return states
}

func (p Place) state(ctx context.Context) State {
	var s State
	note := func(err error) {
		if err != nil {
			s.Errs = append(s.Errs, err)
		}
	}
	consumer, ok, err := p.Consumer(ctx)
	note(err)
	if s.ConsumerErr = err; ok && err == nil {
		s.Consumer = &consumer
	}
	q, err := p.Open(ctx)
	if err != nil {
		note(err)
		return s
	}
	s.Depth, err = q.Depth(ctx)
	note(err)
	if !p.Moved {
		return s
	}
	moves, err := q.Moves(ctx)
	note(err)
	for _, m := range moves {
		if !m.State.Over() {
			s.Moves = append(s.Moves, m)
		}
	}
	return s
}

// lookBack is how far the newest value may be away. SQS writes one a minute,
// but after six idle hours the first is up to a quarter of an hour late
// ("Available CloudWatch metrics for Amazon SQS").
const lookBack = 20 * time.Minute

// ages are the ages of the places' oldest messages, nil where CloudWatch knows
// none. In a queue of dead letters the age counts from the move ("Using
// dead-letter queues in Amazon SQS"). A zero says as little as no value: it is
// also what a queue had that was empty a minute ago. With an error, those that
// were read are there all the same.
func ages(ctx context.Context, places []Place, metrics Metrics) ([]*time.Duration, error) {
	var queries []metric.Query
	for _, p := range places {
		queries = append(queries, metric.Query{
			Namespace: "AWS/SQS", Name: "ApproximateAgeOfOldestMessage", Statistic: "Maximum", Dimensions: map[string]string{"QueueName": p.QueueName},
		})
	}
	now := time.Now()
	series, err := metrics.Fetch(ctx, queries, now.Add(-lookBack), now, time.Minute)
	found := make([]*time.Duration, len(places))
	for i, points := range series {
		if n := len(points); n > 0 && points[n-1].Value > 0 {
			p := points[n-1]
			found[i] = new(time.Duration(p.Value*float64(time.Second)) + now.Sub(p.At))
		}
	}
	return found, err
}
