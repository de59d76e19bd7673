package sqs_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	service "github.com/ccs-platform/ccsctl/internal/sandbox/sqs"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// meter sums up what SQS measures and reads its gauges when asked. The service
// counts and offers its gauges from goroutines of its own.
type meter struct {
	mu      sync.Mutex
	counted map[string]float64
	read    func(func(bus.MetricID, float64))
}

func (m *meter) Add(id bus.MetricID, s bus.Samples) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counted[id.Dims[0].Value+" "+strings.TrimPrefix(id.Name, "NumberOf")] += s.Sum
}

func (m *meter) Gauge(read func(func(bus.MetricID, float64))) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.read = read
}

// counts is what was counted since the last time.
func (m *meter) counts() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, name := range slices.Sorted(maps.Keys(m.counted)) {
		all = append(all, fmt.Sprint(name, " ", m.counted[name]))
	}
	clear(m.counted)
	return strings.Join(all, ", ")
}

func (m *meter) gauges() string {
	m.mu.Lock()
	read := m.read
	m.mu.Unlock()
	var all []string
	read(func(id bus.MetricID, v float64) {
		all = append(all, fmt.Sprint(id.Dims[0].Value, " ", strings.TrimPrefix(id.Name, "Approximate"), " ", v))
	})
	slices.Sort(all)
	return strings.Join(all, ", ")
}

type inProcess struct{ http.Handler }

func (p inProcess) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result(), nil
}

// alone is SQS without the other services.
func alone(t *testing.T) (*bus.Bus, *sqs.Client, *meter) {
	t.Helper()
	m := &meter{counted: map[string]float64{}}
	b := &bus.Bus{Account: sandbox.Account, Region: sandbox.Region, Metrics: m}
	server := wire.NewServer([]wire.Service{service.New(b).Wire()}, nil, http.NotFoundHandler())
	return b, sqs.New(sqs.Options{Region: sandbox.Region, BaseEndpoint: aws.String(bus.NoEndpoint), HTTPClient: inProcess{server}, Credentials: aws.AnonymousCredentials{}}), m
}

// The other services see the same messages as clients do.
func TestMessagesOverTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c, _ := alone(t)
		q := create(t, c, "q.fifo", "FifoQueue=true")
		sent := bus.Outgoing{Body: "m", Group: "g", Dedup: "d", UserData: map[string]bus.MessageAttribute{"k": {DataType: "Binary", Binary: []byte{1}}}}
		if err := b.QueueData.Send(arn("q.fifo"), bus.Outgoing{Body: "m", Group: "g"}); err == nil {
			t.Error("sent without a deduplication id")
		}
		if err := b.QueueData.Send(arn("absent"), sent); err == nil {
			t.Error("sent to no queue")
		}
		start := time.Now()
		go func() {
			time.Sleep(7 * time.Second)
			must(t, b.QueueData.Send(arn("q.fifo"), sent))
		}()
		got, err := b.QueueData.Receive(t.Context(), arn("q.fifo"), 10, 20*time.Second)
		must(t, err)
		if len(got) != 1 || time.Since(start) != 7*time.Second {
			t.Fatalf("received %v after %v", got, time.Since(start))
		}
		m := got[0]
		if diff := cmp.Diff(sent, bus.Outgoing{Body: m.Body, Group: m.Attributes["MessageGroupId"], Dedup: m.Attributes["MessageDeduplicationId"], UserData: m.UserData}); diff != "" {
			t.Error(diff)
		}
		if m.Attributes["ApproximateReceiveCount"] != "1" || m.AttributesMD5 == "" || m.BodyMD5 != "6f8f57715090da2632453988d9a1501b" {
			t.Errorf("received %+v", m)
		}
		must(t, b.QueueData.Delete(arn("q.fifo"), m.Handle))
		expect(t, "deleted", depth(t, c, q), "0 0 0")
		if err := b.QueueData.Delete(arn("q.fifo"), "x"); err == nil {
			t.Error("deleted by no receipt")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got, err := b.QueueData.Receive(ctx, arn("q.fifo"), 1, 20*time.Second); len(got) != 0 || err != nil || ctx.Err() == nil {
			t.Errorf("given up: %v, %v", got, err)
		}
	})
}

// A dead letter is not sent, though it adds to the depth; a queue without
// messages is silent six hours after its last use.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c, m := alone(t)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { b.Run(ctx); close(done) }()
		defer func() { stop(); <-done }()
		dlq := create(t, c, "dlq")
		q := create(t, c, "q", redriveTo("dlq", 1))
		send(t, c, q, "", "one", "three")
		got := receive(t, c, q)
		drop(t, c, q, got[1])
		receive(t, c, q)
		expect(t, "a call each", m.counts(), "q EmptyReceives 1, q MessagesDeleted 1, q MessagesReceived 2, q MessagesSent 2, q SentMessageSize 8")
		time.Sleep(30 * time.Second)
		receive(t, c, q)
		expect(t, "a dead letter", m.counts(), "q EmptyReceives 1")
		time.Sleep(5 * time.Second)
		expect(t, "depths", m.gauges(), "dlq AgeOfOldestMessage 5, dlq NumberOfMessagesDelayed 0, dlq NumberOfMessagesNotVisible 0, dlq NumberOfMessagesVisible 1, "+
			"q AgeOfOldestMessage 0, q NumberOfMessagesDelayed 0, q NumberOfMessagesNotVisible 0, q NumberOfMessagesVisible 0")
		time.Sleep(6 * time.Hour)
		expect(t, "six hours later", m.gauges(), "dlq AgeOfOldestMessage 21605, dlq NumberOfMessagesDelayed 0, dlq NumberOfMessagesNotVisible 0, dlq NumberOfMessagesVisible 1")
		drop(t, c, dlq, receive(t, c, dlq)...)
	})
}
