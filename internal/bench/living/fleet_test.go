package living_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/parquet-go/parquet-go"

	"github.com/ccs-platform/ccsctl/internal/bench/living"
	"github.com/ccs-platform/ccsctl/internal/functions"
	"github.com/ccs-platform/ccsctl/internal/functions/environment"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// town is a living pipeline, a fleet that sends to it, and everything that its
// functions were given.
type town struct {
	*living.World
	t      *testing.T
	stream *kinesis.Client
	queues *sqs.Client
	topics *sns.Client
	watch  *cloudwatch.Client

	every int // so many events have two follow-ups
	next  int // number of the next event

	sent, accepted int
	refused        map[string]int // by the shard's refusal
	taken          map[string]bool
	emergencies    map[string]bool
	followUps      map[string]bool

	mu       sync.Mutex
	log      bytes.Buffer     // of the functions
	ingested map[string]int   // how often ingest saw a record, by shard and sequence number
	told     map[string][]int // receive counts that a function saw, by function and message body or event
}

func settle(t *testing.T, timing string) *town {
	t.Helper()
	a := &town{t: t, every: 200, refused: map[string]int{}, taken: map[string]bool{}, emergencies: map[string]bool{}, followUps: map[string]bool{}, ingested: map[string]int{}, told: map[string][]int{}}
	w, err := living.Up(t.Context(), living.Options{Timing: timing, Observe: a.observe, Log: slog.New(slog.NewJSONHandler(locked{a}, nil))})
	must(t, err)
	t.Cleanup(w.Close)
	a.World = w
	a.stream, a.queues, a.topics, a.watch = kinesis.NewFromConfig(w.AWS), sqs.NewFromConfig(w.AWS), sns.NewFromConfig(w.AWS), cloudwatch.NewFromConfig(w.AWS)
	return a
}

// locked is the functions' log, whose lines come from many goroutines.
type locked struct{ a *town }

func (l locked) Write(line []byte) (int, error) {
	l.a.mu.Lock()
	defer l.a.mu.Unlock()
	return l.a.log.Write(line)
}

// observe notes what a function is given.
func (a *town) observe(function string, payload []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if function == environment.Ingest {
		// There are many, and decoding them would be most of the test's work.
		for _, r := range bytes.Split(payload, []byte(`"eventID":"`))[1:] {
			id, _, _ := bytes.Cut(r, []byte(`"`))
			a.ingested[string(id)]++
		}
		return
	}
	var batch events.SQSEvent
	must(a.t, json.Unmarshal(payload, &batch))
	for _, m := range batch.Records {
		what := m.Body
		if e, err := functions.Decode([]byte(m.Body)); err == nil {
			what = e.ID
		}
		receives, err := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
		if err != nil {
			a.t.Error(err)
		}
		a.told[function+" "+what] = append(a.told[function+" "+what], receives)
	}
}

// seen are the events or bodies that a function was given.
func (a *town) seen(function string) map[string]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := map[string]bool{}
	for key := range a.told {
		if len(key) > len(function) && key[:len(function)+1] == function+" " {
			all[key[len(function)+1:]] = true
		}
	}
	return all
}

// kind is what the i-th event is: one in a thousand is a crash, and of every so
// many one brakes harshly and one leaves its area.
func (a *town) kind(i int) (functions.Kind, functions.Severity) {
	switch {
	case i%1000 == 7:
		return functions.Crash, functions.Critical
	case i%a.every == 3:
		return functions.HarshBraking, functions.Info
	case i%a.every == a.every/2:
		return functions.Geofence, functions.Warning
	}
	return functions.Position, functions.Info
}

// event is the i-th event that a vehicle sends.
func event(i int, vehicle string, k functions.Kind, s functions.Severity) []byte {
	return fmt.Appendf(nil, `{"event_id":"e-%07d","vehicle_id":%q,"type":%q,"severity":%q,"occurred_at":%q,"latitude":48.%06d,"longitude":11.5,"speed_kmh":%d,"heading":90,"battery_volts":12.6,"fuel_percent":40,"odometer_km":12000}`,
		i, vehicle, k, s, time.Now().UTC().Format(time.RFC3339Nano), i%1000000, i%130)
}

// drive sends n events of a thousand vehicles, or all of one vehicle when it is
// named, and resends nothing.
func (a *town) drive(n int, vehicle string) {
	a.t.Helper()
	for n > 0 {
		size := min(n, 500)
		n -= size
		in := &kinesis.PutRecordsInput{StreamName: aws.String(a.Name("telemetry"))}
		for i := a.next; i < a.next+size; i++ {
			v := vehicle
			if v == "" {
				v = fmt.Sprintf("veh-%03d", i%997)
			}
			k, s := a.kind(i)
			in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: &v, Data: event(i, v, k, s)})
		}
		out, err := a.stream.PutRecords(a.t.Context(), in)
		must(a.t, err)
		refused := 0
		for j, r := range out.Records {
			if r.ErrorCode != nil {
				a.refused[*r.ErrorCode+" "+*r.ErrorMessage]++
				refused++
				continue
			}
			id := fmt.Sprintf("e-%07d", a.next+j)
			a.taken[id] = true
			switch k, _ := a.kind(a.next + j); k {
			case functions.Crash:
				a.emergencies[id] = true
			case functions.HarshBraking, functions.Geofence:
				a.followUps[id] = true
			}
		}
		if int(*out.FailedRecordCount) != refused {
			a.t.Errorf("FailedRecordCount %d, and %d entries with an error", *out.FailedRecordCount, refused)
		}
		a.next += size
		a.sent += size
		a.accepted += size - refused
	}
}

// put puts records into the stream as they are.
func (a *town) put(key string, records ...[]byte) {
	a.t.Helper()
	in := &kinesis.PutRecordsInput{StreamName: aws.String(a.Name("telemetry"))}
	for _, r := range records {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: &key, Data: r})
	}
	out, err := a.stream.PutRecords(a.t.Context(), in)
	must(a.t, err)
	if *out.FailedRecordCount > 0 {
		a.t.Fatalf("%d refused", *out.FailedRecordCount)
	}
}

// drained fails the test unless every accepted record was seen by ingest once
// and lies in the lake once, and what ingest had to pass on was seen by the
// functions behind it.
func (a *town) drained() {
	a.t.Helper()
	a.mu.Lock()
	n, twice := len(a.ingested), 0
	for _, times := range a.ingested {
		if times != 1 {
			twice++
		}
	}
	a.mu.Unlock()
	if n != a.accepted || twice > 0 {
		a.t.Errorf("ingest saw %d records, %d of them more than once; %d were accepted", n, twice, a.accepted)
	}
	lake, wrong := a.lake(), 0
	for id, times := range lake {
		if times != 1 || !a.taken[id] {
			wrong++
		}
	}
	if len(lake) != a.accepted || wrong > 0 {
		a.t.Errorf("the lake holds %d events, %d of them more than once or unasked; %d were accepted", len(lake), wrong, a.accepted)
	}
	for _, c := range []struct {
		function string
		want     map[string]bool
	}{{environment.Emergency, a.emergencies}, {environment.FollowUp, a.followUps}} {
		if got := a.seen(c.function); !maps.Equal(got, c.want) {
			a.t.Errorf("%s was given %d events, want %d", c.function, len(got), len(c.want))
		}
	}
}

// lake is how often each event lies in the data lake.
func (a *town) lake() map[string]int {
	a.t.Helper()
	objects := s3.NewFromConfig(a.AWS, func(o *s3.Options) { o.UsePathStyle = true })
	const bucket = "ccs-data-lake-prod"
	rows := map[string]int{}
	pages := s3.NewListObjectsV2Paginator(objects, &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(a.t.Context())
		must(a.t, err)
		for _, o := range page.Contents {
			out, err := objects.GetObject(a.t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: o.Key})
			must(a.t, err)
			file, err := io.ReadAll(out.Body)
			must(a.t, err)
			out.Body.Close()
			if !strings.HasPrefix(*o.Key, "telemetry/year=") {
				a.t.Errorf("in the lake: %s", *o.Key)
				continue
			}
			events, err := parquet.Read[struct {
				ID string `parquet:"event_id,optional"`
			}](bytes.NewReader(file), int64(len(file)))
			must(a.t, err)
			for _, e := range events {
				rows[e.ID]++
			}
		}
	}
	return rows
}

// sum adds up a metric over the last day.
func (a *town) sum(namespace, name, dimension, value string) float64 {
	a.t.Helper()
	now := time.Now()
	out, err := a.watch.GetMetricStatistics(a.t.Context(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: &namespace, MetricName: &name, Dimensions: []cwtypes.Dimension{{Name: &dimension, Value: &value}},
		StartTime: aws.Time(now.Add(-24 * time.Hour)), EndTime: aws.Time(now.Add(time.Minute)), Period: aws.Int32(3600), Statistics: []cwtypes.Statistic{cwtypes.StatisticSum},
	})
	must(a.t, err)
	total := 0.0
	for _, p := range out.Datapoints {
		total += *p.Sum
	}
	return total
}

// states are the alarms that are not OK, by the end of their names.
func (a *town) alarming() (names []string) {
	a.t.Helper()
	out, err := a.watch.DescribeAlarms(a.t.Context(), &cloudwatch.DescribeAlarmsInput{StateValue: cwtypes.StateValueAlarm})
	must(a.t, err)
	for _, alarm := range out.MetricAlarms {
		names = append(names, (*alarm.AlarmName)[len(a.Name("")):])
	}
	slices.Sort(names)
	return names
}

// subscriber is a queue that stands for somebody's endpoint.
type subscriber struct {
	a    *town
	name string
	url  *string
}

func (a *town) subscribe(topic, name string) subscriber {
	a.t.Helper()
	q, err := a.queues.CreateQueue(a.t.Context(), &sqs.CreateQueueInput{QueueName: &name})
	must(a.t, err)
	s := subscriber{a: a, name: name, url: q.QueueUrl}
	time.Sleep(2 * time.Second) // until the queue can be used
	s.listen(true)
	_, err = a.topics.Subscribe(a.t.Context(), &sns.SubscribeInput{
		TopicArn: aws.String(a.ARN("sns", a.Name(topic))), Protocol: aws.String("sqs"), Endpoint: aws.String(a.ARN("sqs", name)),
		Attributes: map[string]string{"RawMessageDelivery": "true"},
	})
	must(a.t, err)
	return s
}

// listen lets the subscriber take what SNS delivers, or has it refuse all.
func (s subscriber) listen(takes bool) {
	s.a.t.Helper()
	policy := ""
	if takes {
		policy = fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":%q}]}`, s.a.ARN("sqs", s.name))
	}
	_, err := s.a.queues.SetQueueAttributes(s.a.t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: s.url, Attributes: map[string]string{"Policy": policy}})
	must(s.a.t, err)
}

// heard takes all that was delivered.
func (s subscriber) heard() (bodies []string) {
	s.a.t.Helper()
	for {
		out, err := s.a.queues.ReceiveMessage(s.a.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: s.url, MaxNumberOfMessages: 10})
		must(s.a.t, err)
		if len(out.Messages) == 0 {
			return bodies
		}
		for _, m := range out.Messages {
			bodies = append(bodies, *m.Body)
			_, err := s.a.queues.DeleteMessage(s.a.t.Context(), &sqs.DeleteMessageInput{QueueUrl: s.url, ReceiptHandle: m.ReceiptHandle})
			must(s.a.t, err)
		}
	}
}
