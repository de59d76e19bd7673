package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/bench/program"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/daemon"
)

// busy is a sandbox in a process of its own and clients that reach it over
// loopback, as the program's own do.
type busy struct {
	world program.World
	aws   aws.Config
}

// occupy starts a sandbox. Stop ends it.
func (b *bench) occupy(timing string) (*busy, error) {
	w, err := b.program.NewWorld(b.dir)
	if err != nil {
		return nil, err
	}
	if _, err := w.Want(b.ctx, "sandbox", "start", "--timing", timing); err != nil {
		return nil, err
	}
	s := &busy{world: w}
	info, err := s.info(b.ctx)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	session, err := (&program.Sandbox{URL: info.URL}).Session(b.ctx)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.aws = session.Config
	return s, nil
}

// stop ends the sandbox even when the benchmark was interrupted.
func (s *busy) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := s.world.Want(ctx, "sandbox", "stop")
	return err
}

func (s *busy) info(ctx context.Context) (info daemon.Info, err error) {
	r, err := s.world.Want(ctx, "sandbox", "status", "-o", "json")
	if err != nil {
		return info, err
	}
	return info, json.Unmarshal([]byte(r.Stdout), &info)
}

// memory says what the sandbox holds now, and what a while after it was left
// alone.
func (b *bench) memory(s *busy, when string) error {
	now, err := held(b.ctx, s.world)
	if err != nil {
		return err
	}
	select {
	case <-time.After(time.Duration(b.runs) * time.Second):
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
	later, err := held(b.ctx, s.world)
	if err != nil {
		return err
	}
	b.line("sandbox's memory "+when, fmt.Sprintf("%.0f MiB, %.0f MiB %d s later", mib(now), mib(later), b.runs), "", "ccsctl sandbox status -o json")
	return nil
}

func mib(n uint64) float64 { return float64(n) / (1 << 20) }

// span is how long each load is kept up.
func (b *bench) span() time.Duration { return time.Duration(1+b.runs) * time.Second }

// workers is how many clients work at once.
const workers = 4

// each runs work in all workers until the span is over or one fails.
func (b *bench) each(work func(ctx context.Context, worker int) error) error {
	ctx, cancel := context.WithTimeout(b.ctx, b.span())
	defer cancel()
	var all sync.WaitGroup
	errs := make([]error, workers)
	for i := range workers {
		all.Go(func() {
			for ctx.Err() == nil && errs[i] == nil {
				errs[i] = work(b.ctx, i)
			}
			if errs[i] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// messages measures how many messages a second are sent, received and deleted.
func (b *bench) messages() (err error) {
	s, err := b.occupy("instant")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	c := sqs.NewFromConfig(s.aws)
	q, err := c.CreateQueue(b.ctx, &sqs.CreateQueueInput{QueueName: aws.String("load")})
	if err != nil {
		return err
	}
	var done atomic.Int64
	err = b.each(func(ctx context.Context, _ int) error {
		n, err := batch(ctx, c, q.QueueUrl)
		done.Add(int64(n))
		return err
	})
	if err != nil {
		return err
	}
	b.line("messages sent, received, deleted", fmt.Sprintf("%.0f a second", float64(done.Load())/b.span().Seconds()), ">= 10,000",
		fmt.Sprintf("%d SDK clients over loopback, batches of 10, for %v", workers, b.span()))
	return b.memory(s, "after messages")
}

// batch sends ten messages, and receives and deletes up to ten.
func batch(ctx context.Context, c *sqs.Client, url *string) (int, error) {
	var entries []sqstypes.SendMessageBatchRequestEntry
	for i := range 10 {
		entries = append(entries, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(telemetry(i, "position", "info")))})
	}
	if _, err := c.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries}); err != nil {
		return 0, err
	}
	got, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10})
	if err != nil || len(got.Messages) == 0 {
		return 0, err
	}
	var gone []sqstypes.DeleteMessageBatchRequestEntry
	for i, m := range got.Messages {
		gone = append(gone, sqstypes.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
	}
	out, err := c.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: url, Entries: gone})
	if err != nil {
		return 0, err
	}
	return len(out.Successful), nil
}

// telemetry is the i-th event of its kind, as a vehicle sends it.
func telemetry(i int, kind, severity string) []byte {
	return fmt.Appendf(nil, `{"event_id":"e-%d-%s","vehicle_id":"veh-%04d","type":%q,"severity":%q,"occurred_at":%q,"latitude":48.1,"longitude":11.5,"speed_kmh":52,"heading":90,"battery_volts":12.6,"fuel_percent":40,"odometer_km":12000}`,
		i, kind, i%5000, kind, severity, time.Now().UTC().Format(time.RFC3339Nano))
}

// records measures how many records a second a stream of 50 shards takes, which
// is 50,000 and no more: producers offer what they can, over whole seconds.
func (b *bench) records() (err error) {
	s, err := b.occupy("instant")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	c := kinesis.NewFromConfig(s.aws)
	if _, err := c.CreateStream(b.ctx, &kinesis.CreateStreamInput{StreamName: aws.String("load"), ShardCount: aws.Int32(50)}); err != nil {
		return err
	}
	var offered, accepted, next atomic.Int64
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // shards count by the second
	err = b.each(func(ctx context.Context, _ int) error {
		first := int(next.Add(500))
		in := &kinesis.PutRecordsInput{StreamName: aws.String("load")}
		for i := first; i < first+500; i++ {
			in.Records = append(in.Records, kinesistypes.PutRecordsRequestEntry{PartitionKey: aws.String("veh-" + strconv.Itoa(i)), Data: telemetry(i, "position", "info")})
		}
		out, err := c.PutRecords(ctx, in)
		if err == nil {
			offered.Add(500)
			accepted.Add(500 - int64(*out.FailedRecordCount))
		}
		return err
	})
	if err != nil {
		return err
	}
	b.line("records accepted, 50 shards", fmt.Sprintf("%.0f a second of %.0f offered", float64(accepted.Load())/b.span().Seconds(), float64(offered.Load())/b.span().Seconds()), ">= 50,000",
		fmt.Sprintf("%d producers over loopback, PutRecords of 500, for %v", workers, b.span()))
	return b.memory(s, "after records")
}

// alerts measures the way of an emergency, from before it is sent until a
// subscriber of the authorities has it, while the stream takes 5,000 events a
// second. The functions run as processes, as they do for everybody.
func (b *bench) alerts() (err error) {
	s, err := b.occupy("fast")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if _, err := s.world.Want(b.ctx, "up", "--sandbox", "--yes", "-c", "streaming.tf"); err != nil {
		return err
	}
	queues, topics, streams := sqs.NewFromConfig(s.aws), sns.NewFromConfig(s.aws), kinesis.NewFromConfig(s.aws)
	subscriber, err := subscribe(b.ctx, queues, topics, s.aws.Region)
	if err != nil {
		return err
	}
	emergency, err := queues.GetQueueUrl(b.ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("ccs-prod-emergency.fifo")})
	if err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	var background sync.WaitGroup
	var offered, refused atomic.Int64
	background.Go(func() {
		for i := 0; pause(ctx, time.Now().Truncate(50*time.Millisecond).Add(50*time.Millisecond)); i += 250 {
			in := &kinesis.PutRecordsInput{StreamName: aws.String("ccs-prod-telemetry")}
			for j := i; j < i+250; j++ {
				in.Records = append(in.Records, kinesistypes.PutRecordsRequestEntry{PartitionKey: aws.String("veh-" + strconv.Itoa(j%5000)), Data: telemetry(j, "position", "info")})
			}
			if out, err := streams.PutRecords(ctx, in); err == nil {
				offered.Add(250)
				refused.Add(int64(*out.FailedRecordCount))
			}
		}
	})
	defer background.Wait()
	defer cancel()

	sent := map[string]time.Time{}
	var mu sync.Mutex
	background.Go(func() {
		pause(ctx, time.Now().Add(2*time.Second)) // until everything is warm
		began := time.Now()
		for i := 0; time.Since(began) < b.span() && pause(ctx, began.Add(time.Duration(i)*20*time.Millisecond)); i++ {
			body, vehicle := string(telemetry(i, "crash", "critical")), "veh-"+strconv.Itoa(i)
			mu.Lock()
			sent["e-"+strconv.Itoa(i)+"-crash"] = time.Now()
			mu.Unlock()
			_, _ = queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: emergency.QueueUrl, MessageBody: &body, MessageGroupId: &vehicle})
		}
	})
	var took times
	for want := int(b.span() / (20 * time.Millisecond)); len(took) < want; {
		out, err := queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: subscriber, MaxNumberOfMessages: 10, WaitTimeSeconds: 10, MessageAttributeNames: []string{"event_id"}})
		if err != nil {
			return err
		}
		now := time.Now()
		if len(out.Messages) == 0 {
			return fmt.Errorf("%d of %d alerts arrived", len(took), want)
		}
		for _, m := range out.Messages {
			mu.Lock()
			took = append(took, now.Sub(sent[aws.ToString(m.MessageAttributes["event_id"].StringValue)]))
			mu.Unlock()
			if _, err := queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: subscriber, ReceiptHandle: m.ReceiptHandle}); err != nil {
				return err
			}
		}
	}
	rate := float64(offered.Load()) / (b.span() + 2*time.Second).Seconds()
	cancel()
	slices.Sort(took)
	at := func(share float64) time.Duration { return took[int(share*float64(len(took)-1))] }
	b.line("an emergency until it is heard of", fmt.Sprintf("p50 %s, p99 %s, most %s of %d", ms(at(0.5)), ms(at(0.99)), ms(at(1)), len(took)), "p99 < 100 ms",
		fmt.Sprintf("SendMessage, function, workflow, SNS, ReceiveMessage, beside %.0f events/s, %d refused", rate, refused.Load()))
	return b.memory(s, "after alerts")
}

// subscribe makes a queue that hears what the authorities hear.
func subscribe(ctx context.Context, queues *sqs.Client, topics *sns.Client, region string) (url *string, err error) {
	const name = "authorities"
	arn := "arn:aws:sqs:" + region + ":" + sandbox.Account + ":" + name
	q, err := queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(name), Attributes: map[string]string{
		"Policy": fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":%q}]}`, arn),
	}})
	if err != nil {
		return nil, err
	}
	_, err = topics.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: aws.String("arn:aws:sns:" + region + ":" + sandbox.Account + ":ccs-prod-authorities-alerts"), Protocol: aws.String("sqs"), Endpoint: &arn,
		Attributes: map[string]string{"RawMessageDelivery": "true"},
	})
	return q.QueueUrl, err
}

// pause waits until a time. It is false when ctx ended first.
func pause(ctx context.Context, until time.Time) bool {
	select {
	case <-time.After(time.Until(until)):
		return true
	case <-ctx.Done():
		return false
	}
}
