package redrive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/redrive"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// trouble is what happens to one call of a run.
type trouble int

const (
	fine       trouble = iota
	throttled          // refused
	lost               // carried out, and the answer is lost
	unreached          // not carried out, which looks the same
	partly             // one entry of a batch is refused
	killed             // the process ends before the call
	killedLate         // the process ends after the call, before its answer
)

var errCut = errors.New("connection reset by peer")

// wire is between a run and the sandbox.
type wire struct {
	next    http.RoundTripper
	mu      sync.Mutex
	calls   int
	trouble func(call int, operation string) trouble
	kill    func()
	dead    bool
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	operation := r.Header.Get("X-Amz-Target")
	operation = operation[strings.IndexByte(operation, '.')+1:]
	w.mu.Lock()
	dead := w.dead
	w.calls++
	what := w.trouble(w.calls, operation)
	if what == killed || what == killedLate {
		w.dead = true
	}
	w.mu.Unlock()
	if dead {
		return nil, errCut
	}
	switch what {
	case throttled:
		return answer(http.StatusBadRequest, `{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow down"}`), nil
	case unreached:
		return nil, errCut
	case killed:
		w.kill()
		return nil, errCut
	case killedLate, lost:
		// The context of the request may not end before the sandbox is done.
		if res, err := w.next.RoundTrip(r); err == nil {
			res.Body.Close()
		}
		if what == killedLate {
			w.kill()
		}
		return nil, errCut
	case partly:
		if strings.HasSuffix(operation, "Batch") {
			return w.withoutFirst(r)
		}
	}
	return w.next.RoundTrip(r)
}

// withoutFirst carries out a batch without its first entry, which fails.
func (w *wire) withoutFirst(r *http.Request) (*http.Response, error) {
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	entries := in["Entries"].([]any)
	id := entries[0].(map[string]any)["Id"]
	out := map[string]any{}
	if in["Entries"] = entries[1:]; len(entries) > 1 {
		text, _ := json.Marshal(in)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		res, err := w.next.RoundTrip(r)
		if err != nil || res.StatusCode != http.StatusOK {
			return res, err
		}
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
			return nil, err
		}
	}
	failed, _ := out["Failed"].([]any)
	out["Failed"] = append(failed, map[string]any{"Id": id, "Code": "InternalError", "SenderFault": false, "Message": "not now"})
	text, _ := json.Marshal(out)
	return answer(http.StatusOK, string(text)), nil
}

func answer(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: strconv.Itoa(status), Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// world is a queue, its dead-letter queue and what is known of the messages.
type world struct {
	t       testing.TB
	sandbox *sandbox.Sandbox
	cfg     aws.Config
	suffix  string
	work    *queue.Client
	dlq     *queue.Client
	folder  string
	number  map[string]int // of a message, by every id that it ever had
	groups  map[int]string // of a message, by its number
	mu      sync.Mutex
	copies  map[int][]copyOf // seen by the consumer
	deaths  map[int]int      // by the consumer's fault
	deleted map[int]bool     // processed
}

// copyOf is one message of the working queue.
type copyOf struct{ id, sequence string }

func newWorld(t testing.TB, fifo bool) *world {
	s, cfg := sandboxtest.New(t, sandbox.Options{})
	w := &world{t: t, sandbox: s, cfg: cfg, folder: t.TempDir(), number: map[string]int{}, groups: map[int]string{}, copies: map[int][]copyOf{}, deaths: map[int]int{}, deleted: map[int]bool{}}
	attributes := map[string]string{"VisibilityTimeout": "30"}
	if fifo {
		w.suffix = ".fifo"
		attributes["FifoQueue"] = "true"
	}
	c := sqs.NewFromConfig(cfg)
	_, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("dead" + w.suffix), Attributes: attributes})
	must(t, err)
	w.dlq = w.open(cfg, "dead")
	attributes["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":1}`, w.dlq.Info().ARN)
	_, err = c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("work" + w.suffix), Attributes: attributes})
	must(t, err)
	w.work = w.open(cfg, "work")
	time.Sleep(time.Minute) // until both are known everywhere
	return w
}

func (w *world) open(cfg aws.Config, name string) *queue.Client {
	w.t.Helper()
	q, err := queue.Open(w.t.Context(), cfg, name+w.suffix)
	must(w.t, err)
	return q
}

// bury puts messages among the dead letters, in turn into groups.
func (w *world) bury(n, groups int) {
	w.t.Helper()
	var all []queue.Outgoing
	for range n {
		number := len(w.groups)
		m := queue.Outgoing{Body: fmt.Sprintf(`{"number":%d}`, number), Attributes: map[string]queue.Attribute{"number": {Type: "Number", String: strconv.Itoa(number)}}}
		w.groups[number] = ""
		if w.suffix != "" {
			m.Group, m.Dedup = fmt.Sprintf("g%d", number%groups), fmt.Sprint(number)
			w.groups[number] = m.Group
		}
		all = append(all, m)
	}
	first := len(w.groups) - n
	for i, s := range w.dlq.Send(w.t.Context(), all) {
		must(w.t, s.Err)
		w.number[s.ID] = first + i
	}
}

// consume takes what is in the working queue, as long as there is any. What
// fails says by its number is left, and so becomes a dead letter again.
func (w *world) consume(ctx context.Context, fails func(number int) bool) {
	for ctx.Err() == nil {
		got, err := w.work.Receive(ctx, queue.Ask{Most: queue.MaxBatch, Wait: 20 * time.Second, Visibility: 30 * time.Second})
		if err != nil {
			return
		}
		var done []queue.Message
		for _, m := range got {
			number, err := strconv.Atoi(m.Attributes["number"].String)
			if err != nil {
				w.t.Errorf("message %s came without its attributes", m.ID)
			}
			w.mu.Lock()
			w.number[m.ID] = number
			w.copies[number] = append(w.copies[number], copyOf{m.ID, m.Sequence})
			if fails(number) {
				w.deaths[number]++
			} else {
				w.deleted[number] = true
				done = append(done, m)
			}
			w.mu.Unlock()
		}
		w.work.Delete(w.t.Context(), done)
	}
}

// job is a job for a run whose calls meet trouble, nil for none. end ends the
// process that it stands for.
func (w *world) job(trouble func(call int, operation string) trouble) (j redrive.Job, ctx context.Context, end func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	cfg := w.cfg.Copy()
	if trouble != nil {
		next := cfg.HTTPClient.(*http.Client).Transport
		cfg.HTTPClient = &http.Client{Transport: &wire{next: next, trouble: trouble, kill: cancel}}
	}
	// What opens the queues is not worth an interruption.
	dlq, work := w.open(w.cfg, "dead"), w.open(w.cfg, "work")
	if trouble != nil {
		dlq, work = dlq.With(cfg), work.With(cfg)
	}
	journal, err := redrive.OpenJournal(w.folder, dlq.Info().ARN)
	must(w.t, err)
	return redrive.Job{From: dlq, Sources: map[string]redrive.Queue{work.Info().Name: work}, Journal: journal}, ctx, func() {
		cancel()
		must(w.t, journal.Close())
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
