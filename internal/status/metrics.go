package status

import (
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/metric"
)

// query is one metric that is asked for, by the key under which its series is
// kept.
type query struct {
	key string
	metric.Query
}

// queries are all metrics of the pipeline, one call's worth. Those of shards
// are there when shards are given.
func (s Spec) queries(shards []string) []query {
	var all []query
	of := func(part, namespace, dimension, value string) func(key, name, statistic string) {
		return func(key, name, statistic string) {
			all = append(all, query{part + " " + key, metric.Query{Namespace: namespace, Name: name, Dimensions: map[string]string{dimension: value}, Statistic: statistic}})
		}
	}
	add := of("stream", "AWS/Kinesis", "StreamName", s.Stream.StreamName)
	add("records", "IncomingRecords", "Sum")
	add("bytes", "IncomingBytes", "Sum")
	add("refused", "WriteProvisionedThroughputExceeded", "Sum")
	add("iterator age", "GetRecords.IteratorAgeMilliseconds", "Maximum") // the slowest reader's
	for _, f := range s.Functions {
		add := of("function/"+f.Name, "AWS/Lambda", "FunctionName", f.FunctionName)
		add("invocations", "Invocations", "Sum")
		add("errors", "Errors", "Sum")
		add("throttles", "Throttles", "Sum")
		add("concurrency", "ConcurrentExecutions", "Maximum")
	}
	for _, q := range s.Queues {
		add := of("queue/"+q.Name, "AWS/SQS", "QueueName", q.QueueName)
		add("depth", "ApproximateNumberOfMessagesVisible", "Maximum")
		add("oldest", "ApproximateAgeOfOldestMessage", "Maximum")
		add("sent", "NumberOfMessagesSent", "Sum")
		add("deleted", "NumberOfMessagesDeleted", "Sum")
		if q.DeadLetters != "" {
			add := of("queue/"+q.DeadLetters, "AWS/SQS", "QueueName", q.DeadLettersQueue)
			add("depth", "ApproximateNumberOfMessagesVisible", "Maximum")
			add("oldest", "ApproximateAgeOfOldestMessage", "Maximum")
		}
	}
	for _, t := range s.Topics {
		add := of("topic/"+t.Name, "AWS/SNS", "TopicName", nameIn(t.ARN))
		add("published", "NumberOfMessagesPublished", "Sum")
		add("delivered", "NumberOfNotificationsDelivered", "Sum")
		add("failed", "NumberOfNotificationsFailed", "Sum")
	}
	add = of("delivery", "AWS/Firehose", "DeliveryStreamName", s.Delivery.DeliveryName)
	add("freshness", "DeliveryToS3.DataFreshness", "Maximum")
	add("bytes", "DeliveryToS3.Bytes", "Sum")
	add("success", "DeliveryToS3.Success", "Average")
	add("bad records", "FailedConversion.Records", "Sum")
	add = of("workflow", "AWS/States", "StateMachineArn", s.Workflow.ARN)
	add("started", "ExecutionsStarted", "Sum")
	add("succeeded", "ExecutionsSucceeded", "Sum")
	add("failed", "ExecutionsFailed", "Sum")
	add("late", "ExecutionsTimedOut", "Sum")
	add("throttled", "ExecutionThrottled", "Sum")
	add("duration", "ExecutionTime", "p95")
	for _, id := range shards[:min(len(shards), (mostQueries-len(all))/2)] {
		for key, name := range map[string]string{"records": "IncomingRecords", "bytes": "IncomingBytes"} {
			all = append(all, query{"shard/" + id + " " + key, metric.Query{
				Namespace: "AWS/Kinesis", Name: name, Statistic: "Sum",
				Dimensions: map[string]string{"StreamName": s.Stream.StreamName, "ShardId": id},
			}})
		}
	}
	return all
}

// mostQueries is how many metrics one call takes (API ref GetMetricData).
// Shards beyond it are estimated.
const mostQueries = 500

// points are a series as history. A minute that CloudWatch may not have all of
// is marked.
func points(s metric.Series, complete time.Time) []Point {
	all := make([]Point, len(s))
	for i, p := range s {
		all[i] = Point{At: p.At.UTC(), Value: p.Value, Partial: p.At.Add(time.Minute).After(complete)}
	}
	return all
}

// scaled are the points with their values changed.
func scaled(points []Point, by float64) []Point {
	if by == 1 {
		return points
	}
	all := make([]Point, len(points))
	for i, p := range points {
		p.Value *= by
		all[i] = p
	}
	return all
}

// combined joins two series minute by minute. What one of them does not have
// counts as nothing, as in CloudWatch's arithmetic; ok says whether the result
// is a point.
func combined(a, b []Point, f func(a, b float64) (v float64, ok bool)) []Point {
	var all []Point
	for i, k := 0, 0; i < len(a) || k < len(b); {
		var p Point
		var x, y float64
		switch {
		case k == len(b) || i < len(a) && a[i].At.Before(b[k].At):
			p, x, i = a[i], a[i].Value, i+1
		case i == len(a) || b[k].At.Before(a[i].At):
			p, y, k = b[k], b[k].Value, k+1
		default:
			p, x, y, i, k = a[i], a[i].Value, b[k].Value, i+1, k+1
		}
		if v, ok := f(x, y); ok {
			p.Value = v
			all = append(all, p)
		}
	}
	return all
}
