package status

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/aws/alarm"
	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/connect"
	"github.com/ccs-platform/ccsctl/internal/aws/delivery"
	"github.com/ccs-platform/ccsctl/internal/aws/mapping"
	"github.com/ccs-platform/ccsctl/internal/aws/metric"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/aws/topic"
	"github.com/ccs-platform/ccsctl/internal/aws/workflow"
)

// How often sources are asked at most, whatever the refresh: what a question
// costs, how fast its answer changes, and what AWS allows an account decide.
const (
	alarmsEvery        = 10 * time.Second // DescribeAlarms: 9 a second for the whole account
	streamEvery        = 10 * time.Second // DescribeStreamSummary: 20 a second
	executionsEvery    = 15 * time.Second
	consumersEvery     = 30 * time.Second
	subscriptionsEvery = time.Minute
	deliveryEvery      = time.Minute     // DescribeDeliveryStream: 5 a second
	shardsEvery        = 5 * time.Minute // and when their number changes
	metricsEvery       = time.Minute     // CloudWatch has one point a minute, and charges for each question
	metricsEveryFast   = 10 * time.Second
)

// patience is how long a source may take to answer.
const patience = 10 * time.Second

// asking is a source that answers by what is to be changed. ask runs in a
// goroutine of its own and sees nothing of the answers but shards.
type asking struct {
	name  string
	every time.Duration // 0 is as often as the screen
	ask   func(ctx context.Context, shards []string) (func(*answers), error)
}

// nameIn is the last part of an ARN.
func nameIn(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// sources are all, in the order in which they are shown. called is told of
// every call of a source.
func (s Spec) sources(o Options, called func(source, operation string, metrics int)) []asking {
	cfg := func(source string) aws.Config {
		return connect.Repeated(o.AWS, func(operation string) { called(source, operation, 0) })
	}
	return []asking{
		s.metrics(o, called),
		{"queues", 0, s.askQueues(cfg("queues"))},
		{"stream", streamEvery, s.askStream(cfg("stream"))},
		{"shards", shardsEvery, s.askShards(cfg("shards"))},
		{"alarms", alarmsEvery, s.askAlarms(cfg("alarms"))},
		{"consumers", consumersEvery, s.askConsumers(cfg("consumers"))},
		{"subscriptions", subscriptionsEvery, s.askSubscriptions(cfg("subscriptions"))},
		{"executions", executionsEvery, s.askExecutions(cfg("executions"))},
		{"delivery", deliveryEvery, s.askDelivery(cfg("delivery"))},
	}
}

// metrics is the one batched call. It reads the last hour each time: CloudWatch
// charges by the metric, not by the point.
func (s Spec) metrics(o Options, called func(source, operation string, metrics int)) asking {
	every := metricsEvery
	if o.Lag == 0 {
		every = metricsEveryFast
	}
	return asking{"metrics", every, func(ctx context.Context, shards []string) (func(*answers), error) {
		wanted := s.queries(shards)
		queries := make([]metric.Query, len(wanted))
		for i, q := range wanted {
			queries[i] = q.Query
		}
		cfg := connect.Repeated(o.AWS, func(operation string) { called("metrics", operation, len(queries)) })
		now := wall()
		to := now.Truncate(time.Minute).Add(time.Minute) // with the minute that is not over
		read, err := metric.New(cfg).Fetch(ctx, queries, to.Add(-MaxHistory*time.Minute), to, time.Minute)
		if read == nil {
			return nil, err
		}
		return func(a *answers) {
			a.complete = now.Add(-o.Lag).Truncate(time.Minute)
			a.shardMetrics = len(shards) > 0
			a.series = map[string][]Point{}
			for i, series := range read {
				if len(series) > 0 {
					a.series[wanted[i].key] = points(series, a.complete)
				}
			}
		}, err
	}}
}

// each asks something of all at once, and tells apart what is not there from
// what can not be known. What was answered counts although another question
// failed.
func each[K comparable, T any](ctx context.Context, of []K, ask func(context.Context, K) (T, bool, error)) (map[K]answered[T], error) {
	type reply struct {
		of    K
		value T
		there bool
		err   error
	}
	replies := make(chan reply)
	for _, k := range of {
		go func() {
			v, there, err := ask(ctx, k)
			if apierr.NotFound(err) {
				there, err = false, nil
			}
			replies <- reply{k, v, there, err}
		}()
	}
	got := make(map[K]answered[T], len(of))
	var errs []error
	for range of {
		if r := <-replies; r.err != nil {
			errs = append(errs, r.err)
		} else {
			got[r.of] = answered[T]{wall(), r.there, r.value}
		}
	}
	return got, errors.Join(errs...)
}

// one is each for a single question, whose answer keep puts where it belongs.
func one[T any](ctx context.Context, ask func(context.Context) (T, error), keep func(*answers, *answered[T])) (func(*answers), error) {
	v, err := ask(ctx)
	there := !apierr.NotFound(err)
	if err != nil && there {
		return nil, err
	}
	got := &answered[T]{wall(), there, v}
	return func(a *answers) { keep(a, got) }, nil
}

func (s Spec) askQueues(cfg aws.Config) func(context.Context, []string) (func(*answers), error) {
	clients := map[string]*queue.Client{} // by name; one that is gone is looked for again
	names := map[string]string{}
	for _, q := range s.Queues {
		names[q.Name] = q.QueueName
		if q.DeadLetters != "" {
			names[q.DeadLetters] = q.DeadLettersQueue
		}
	}
	return func(ctx context.Context, _ []string) (func(*answers), error) {
		type opened struct {
			client *queue.Client
			depth  queue.Depth
		}
		var all []string
		for name := range names {
			all = append(all, name)
		}
		known := maps.Clone(clients) // for the goroutines, which only read it
		got, err := each(ctx, all, func(ctx context.Context, name string) (o opened, there bool, err error) {
			if o.client = known[name]; o.client == nil {
				if o.client, err = queue.Open(ctx, cfg, names[name]); err != nil {
					return o, false, err
				}
			}
			o.depth, err = o.client.Depth(ctx)
			return o, true, err
		})
		for name, g := range got {
			if clients[name] = g.value.client; !g.there {
				delete(clients, name)
			}
		}
		return func(a *answers) {
			for name, g := range got {
				a.queues[name] = answered[queue.Depth]{g.at, g.there, g.value.depth}
				key := "queue/" + name + " depth"
				if a.trails[key] == nil {
					a.trails[key] = &trail{}
				}
				if g.there {
					a.trails[key].add(g.at, float64(g.value.depth.Visible))
				}
			}
		}, err
	}
}

func (s Spec) askStream(cfg aws.Config) func(context.Context, []string) (func(*answers), error) {
	r := stream.NewReader(cfg, s.Stream.StreamName)
	return func(ctx context.Context, _ []string) (func(*answers), error) {
		return one(ctx, r.Summary, func(a *answers, got *answered[stream.Summary]) { a.stream = got })
	}
}

func (s Spec) askShards(cfg aws.Config) func(context.Context, []string) (func(*answers), error) {
	r := stream.NewReader(cfg, s.Stream.StreamName)
	return func(ctx context.Context, _ []string) (func(*answers), error) {
		return one(ctx, r.OpenShards, func(a *answers, got *answered[[]stream.OpenShard]) { a.shards = got })
	}
}

func (s Spec) askAlarms(cfg aws.Config) func(context.Context, []string) (func(*answers), error) {
	set := alarm.NewSet(cfg, s.AlarmPrefix)
	return func(ctx context.Context, _ []string) (func(*answers), error) {
		return one(ctx, set.States, func(a *answers, got *answered[[]alarm.State]) { a.alarms = got })
	}
}

func (s Spec) askConsumers(cfg aws.Config) func(context.Context, []string) (func(*answers), error) {
	return func(ctx context.Context, _ []string) (func(*answers), error) {
		got, err := each(ctx, s.Functions, func(ctx context.Context, f FunctionSpec) (mapping.State, bool, error) {
			return mapping.Find(ctx, cfg, f.SourceARN, f.FunctionName)
		})
		return func(a *answers) {
			for f, g := range got {
				a.consumers[f.Name] = g
			}
		}, err
	}
}

func (s Spec) askSubscriptions(cfg aws.Config) func(context.Context, []string) (func(*answers), error) {
	return func(ctx context.Context, _ []string) (func(*answers), error) {
		got, err := each(ctx, s.Topics, func(ctx context.Context, t TopicSpec) ([]topic.Listener, bool, error) {
			all, err := topic.Listeners(ctx, cfg, t.ARN)
			return all, true, err
		})
		return func(a *answers) {
			for t, g := range got {
				a.listeners[t.Name] = g
			}
		}, err
	}
}

// mostExecutions is how many of the newest executions are shown.
const mostExecutions = 10

func (s Spec) askExecutions(cfg aws.Config) func(context.Context, []string) (func(*answers), error) {
	return func(ctx context.Context, _ []string) (func(*answers), error) {
		return one(ctx, func(ctx context.Context) ([]workflow.Run, error) {
			return workflow.Recent(ctx, cfg, s.Workflow.ARN, mostExecutions)
		}, func(a *answers, got *answered[[]workflow.Run]) { a.executions = got })
	}
}

func (s Spec) askDelivery(cfg aws.Config) func(context.Context, []string) (func(*answers), error) {
	return func(ctx context.Context, _ []string) (func(*answers), error) {
		state, trouble, there, err := delivery.State(ctx, cfg, s.Delivery.DeliveryName)
		if err != nil {
			return nil, fmt.Errorf("delivery: %w", err)
		}
		return func(a *answers) {
			a.delivery = &answered[delivering]{wall(), there, delivering{state, trouble}}
		}, nil
	}
}
