package deadletter_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/deadletter"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// filled is a fresh queue with messages in it, made in order.
func filled(t *testing.T, cfg aws.Config, name string, messages ...queue.Outgoing) *queue.Client {
	t.Helper()
	ctx := context.Background()
	in := &sqs.CreateQueueInput{QueueName: &name}
	if strings.HasSuffix(name, ".fifo") {
		in.Attributes = map[string]string{"FifoQueue": "true"}
	}
	_, err := sqs.NewFromConfig(cfg).CreateQueue(ctx, in)
	must(t, err)
	q, err := queue.Open(ctx, cfg, name)
	must(t, err)
	for _, s := range q.Send(ctx, messages) {
		must(t, s.Err)
	}
	return q
}

// drain takes all out of a queue, and gives what each group had, in order; a
// standard queue has one, sorted.
func drain(t *testing.T, q *queue.Client) map[string][]string {
	t.Helper()
	ctx, all := context.Background(), map[string][]string{}
	for {
		got, err := q.Receive(ctx, queue.Ask{Most: queue.MaxBatch, Wait: time.Second, Visibility: time.Minute})
		must(t, err)
		if len(got) == 0 {
			break
		}
		for _, m := range got {
			all[m.Group] = append(all[m.Group], m.ID+" "+m.Body)
		}
		for _, err := range q.Delete(ctx, got) {
			must(t, err)
		}
	}
	if !q.Info().FIFO {
		slices.Sort(all[""])
	}
	return all
}

// A look takes nothing, whatever is in the queue, wherever it ends and whatever
// goes wrong on its way: afterwards everybody can receive the same messages, of
// a group in the same order.
func TestPeekTakesNothing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		fifo := rapid.Bool().Draw(r, "fifo")
		groups := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 60).Draw(r, "groups")
		most := rapid.IntRange(0, 70).Draw(r, "most")
		fault := rapid.SampledFrom([]string{"", "", "ReceiveMessage", "ChangeMessageVisibilityBatch"}).Draw(r, "fault")
		after := rapid.IntRange(0, 6).Draw(r, "after")
		stopAfter := rapid.IntRange(-1, 3).Draw(r, "stop after")
		cut := rapid.Bool().Draw(r, "cut off")
		var wrong []string // rapid must be told on its own goroutine
		synctest.Test(t, func(t *testing.T) {
			failf := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
			s, cfg := sandboxtest.New(t, sandbox.Options{})
			name := "dead"
			if fifo {
				name = "dead.fifo"
			}
			var messages []queue.Outgoing
			want := map[string][]string{}
			for i, g := range groups {
				o := queue.Outgoing{Body: fmt.Sprintf(`{"n":%d}`, i)}
				if fifo {
					o.Group, o.Dedup = fmt.Sprintf("veh-%d", g), fmt.Sprint(i)
				}
				messages = append(messages, o)
			}
			q := filled(t, cfg, name)
			for i, sent := range q.Send(context.Background(), messages) {
				must(t, sent.Err)
				want[messages[i].Group] = append(want[messages[i].Group], sent.ID+" "+messages[i].Body)
			}
			if !fifo {
				slices.Sort(want[""])
			}
			if fault != "" {
				s.Faults.Add(sandbox.Fault{Operation: fault, After: after, Code: "InternalError", Status: 500, Times: 40})
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			stop := make(chan struct{})
			watched := &stopping{Queue: q, left: stopAfter, stop: func() {
				if cut {
					cancel()
				} else {
					close(stop)
				}
			}}
			filter, err := deadletter.ParseFilter("body.n >= 5")
			must(t, err)
			sample, err := deadletter.Peek(ctx, watched, deadletter.Look{Most: most, Filter: filter, Stop: stop})
			s.Faults.Clear()
			if fault == "" && (stopAfter < 0 || !cut) {
				must(t, err)
				if len(sample.Hidden) > 0 {
					failf("still hidden: %v", sample.Hidden)
				}
			} else { // killed, or AWS down: at the latest it comes back by itself
				time.Sleep(deadletter.Hold)
			}
			if most > 0 && sample.Looked > most {
				failf("looked at %d, asked for %d", sample.Looked, most)
			}
			if !fifo && err == nil && stopAfter < 0 && (most == 0 || most >= len(groups)) {
				if sample.Looked != len(groups) || len(sample.Messages) != max(0, len(groups)-5) {
					failf("looked at %d and chose %d of %d", sample.Looked, len(sample.Messages), len(groups))
				}
			}
			if d := cmp.Diff(want, drain(t, q)); d != "" && len(groups) > 0 {
				failf("the queue afterwards (-before +after):\n%s", d)
			}
		})
		if len(wrong) > 0 {
			r.Fatal(strings.Join(wrong, "\n"))
		}
	})
}

// stopping ends a look after some receives.
type stopping struct {
	deadletter.Queue
	left int
	stop func()
}

func (s *stopping) Receive(ctx context.Context, a queue.Ask) ([]queue.Message, error) {
	if s.left == 0 {
		s.stop()
	}
	s.left--
	return s.Queue.Receive(ctx, a)
}

// The head of a group is the last to be put back: while it is hidden nobody can
// receive what is behind it.
func TestPeekPutsTheHeadOfAGroupBackLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{})
		var messages []queue.Outgoing
		for i := range 25 { // three calls to put back
			messages = append(messages, queue.Outgoing{Body: fmt.Sprint(i), Group: fmt.Sprint("veh-", i%3), Dedup: fmt.Sprint(i)})
		}
		q := &noting{Queue: filled(t, cfg, "dead.fifo", messages...)}
		if _, err := deadletter.Peek(t.Context(), q, deadletter.Look{}); err != nil {
			t.Fatal(err)
		}
		last := map[string]string{}
		for _, m := range q.back {
			if before := last[m.Group]; before != "" && m.Sequence >= before {
				t.Errorf("%s: %s is put back after %s", m.Group, m.Sequence, before)
			}
			last[m.Group] = m.Sequence
		}
		if len(q.back) <= queue.MaxBatch {
			t.Errorf("%d were put back: one call has no order", len(q.back))
		}
	})
}

// noting remembers what was put back, in order.
type noting struct {
	deadletter.Queue
	back []queue.Message
}

func (n *noting) Hide(ctx context.Context, messages []queue.Message, d time.Duration) []error {
	n.back = append(n.back, messages...)
	return n.Queue.Hide(ctx, messages, d)
}

// Purge deletes what its filter chooses and nothing else, and has every message
// on the disk, whole, before.
func TestPurgeDeletesOnlyWhatWasChosenAndExported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := sandboxtest.New(t, sandbox.Options{})
		var messages []queue.Outgoing
		for i := range 523 {
			messages = append(messages, queue.Outgoing{
				Body:       fmt.Sprintf("{\"n\":%d,\"odd\":\"a\\tb \u2028 <&> é\"}\t", i),
				Attributes: map[string]queue.Attribute{"raw": {Type: "Binary", Binary: []byte{0, 255, byte(i)}}, "speed": {Type: "Number.kmh", String: "1"}},
			})
		}
		q := filled(t, cfg, "dead", messages...)
		path := filepath.Join(t.TempDir(), "export.ndjson")
		export, err := deadletter.NewExport(path)
		must(t, err)
		s.Faults.Add(sandbox.Fault{Operation: "ReceiveMessage", Latency: sandbox.Duration(20 * time.Second)}) // so that what is hidden would come back meanwhile
		reports := 0
		done, err := deadletter.Purge{Filter: parse(t, "body.n >= 100 and body.n < 400"), Export: export, Observe: func(deadletter.Purged) { reports++ }}.Run(t.Context(), q)
		s.Faults.Clear()
		must(t, err)
		must(t, export.Close())
		if done.Deleted != 300 || done.Looked != 523 || len(done.Failed) != 0 || len(done.Hidden) != 0 || done.Ended != deadletter.Dry || reports < 2 {
			t.Errorf("got %+v after %d reports", done, reports)
		}
		seen, err := deadletter.Peek(t.Context(), q, deadletter.Look{})
		must(t, err)
		for _, m := range seen.Messages {
			if m.Receives != 2 {
				t.Errorf("%s was received %d times, want once by the purge and once by the look", m.Body, m.Receives)
			}
		}
		left := drain(t, q)[""]
		if len(left) != 223 {
			t.Errorf("%d are left, want 223", len(left))
		}
		for _, m := range left {
			var n int
			if _, err := fmt.Sscanf(m[strings.Index(m, "{"):], `{"n":%d`, &n); err != nil || n >= 100 && n < 400 {
				t.Errorf("%s is left", m)
			}
		}
		var exported []queue.Outgoing
		for _, r := range records(t, path) {
			exported = append(exported, r.Message().Again())
		}
		want := slices.Clone(messages[100:400])
		byBody := func(a, b queue.Outgoing) int { return strings.Compare(a.Body, b.Body) }
		slices.SortFunc(exported, byBody)
		slices.SortFunc(want, byBody)
		if d := cmp.Diff(want, exported); d != "" {
			t.Errorf("the export (-sent +exported):\n%s", d)
		}
	})
}

func records(t *testing.T, path string) (all []deadletter.Record) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var r deadletter.Record
		must(t, json.Unmarshal(lines.Bytes(), &r))
		all = append(all, r)
	}
	return all
}

// Killed at any call, a purge has deleted nothing that is not exported, and
// nothing that its filter keeps.
func TestPurgeKilledAnywhereLosesNothing(t *testing.T) {
	for _, name := range []string{"dead", "dead.fifo"} {
		for kill := 0; ; kill++ {
			over := false
			synctest.Test(t, func(t *testing.T) {
				_, cfg := sandboxtest.New(t, sandbox.Options{})
				var messages []queue.Outgoing
				for i := range 35 {
					o := queue.Outgoing{Body: fmt.Sprintf(`{"keep":%t,"n":%d}`, i%3 == 0, i)}
					if name != "dead" {
						o.Group, o.Dedup = fmt.Sprint("veh-", i%4), fmt.Sprint(i)
					}
					messages = append(messages, o)
				}
				q := filled(t, cfg, name, messages...)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				path := filepath.Join(t.TempDir(), "export.ndjson")
				export, err := deadletter.NewExport(path)
				must(t, err)
				k := &killing{Queue: q, left: kill, kill: cancel}
				done, err := deadletter.Purge{Filter: parse(t, "not body.keep"), Export: export}.Run(ctx, k)
				over = k.left >= 0
				if over != (err == nil) && k.left >= 0 {
					t.Errorf("call %d: got %v", kill, err)
				}
				text, err := os.ReadFile(path)
				must(t, err)
				time.Sleep(time.Hour) // and everything that was hidden is back
				left := ""
				for _, group := range drain(t, q) {
					left += strings.Join(group, "\n") + "\n"
				}
				for i, m := range messages {
					kept := i%3 == 0
					if there := strings.Contains(left, m.Body+"\n"); !there && kept {
						t.Errorf("%s, killed at call %d: %s is gone", name, kill, m.Body)
					} else if !there && !bytes.Contains(text, []byte(fmt.Sprintf(`\"n\":%d}`, i))) {
						t.Errorf("%s, killed at call %d: %s is gone and not exported", name, kill, m.Body)
					}
				}
				if gone := len(messages) - strings.Count(left, "\n") + strings.Count(left, "\n\n"); done.Deleted > gone {
					t.Errorf("%s, killed at call %d: told of %d deleted, %d are gone", name, kill, done.Deleted, gone)
				}
			})
			if over {
				if kill < 6 {
					t.Errorf("%s: %d calls only", name, kill)
				}
				break
			}
		}
	}
}

// What can't be exported is not deleted.
func TestPurgeNeedsItsExport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{})
		q := filled(t, cfg, "dead", queue.Outgoing{Body: "a"})
		export, err := deadletter.NewExport(filepath.Join(t.TempDir(), "export.ndjson"))
		must(t, err)
		must(t, export.Close()) // as good as a full disk
		if done, err := (deadletter.Purge{Export: export}).Run(t.Context(), q); err == nil || done.Deleted != 0 {
			t.Errorf("got %+v, %v", done, err)
		}
		if left := drain(t, q)[""]; len(left) != 1 {
			t.Errorf("left: %v", left)
		}
	})
}

// killing cancels the context before a call, or after its effect.
type killing struct {
	deadletter.Queue
	left int
	kill func()
}

func (k *killing) step() {
	if k.left--; k.left == -1 {
		k.kill()
	}
}

func (k *killing) Receive(ctx context.Context, a queue.Ask) ([]queue.Message, error) {
	k.step()
	got, err := k.Queue.Receive(ctx, a)
	k.step()
	return got, err
}

func (k *killing) Delete(ctx context.Context, m []queue.Message) []error {
	k.step()
	errs := k.Queue.Delete(ctx, m)
	k.step()
	return errs
}

// What can't be deleted is told one by one, and stays.
func TestPurgeTellsEachFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{})
		q := filled(t, cfg, "dead", queue.Outgoing{Body: "a"}, queue.Outgoing{Body: "b"}, queue.Outgoing{Body: "c"})
		done, err := deadletter.Purge{}.Run(t.Context(), refusing{q})
		must(t, err)
		if done.Deleted != 2 || len(done.Failed) != 1 || done.Failed[0].ID == "" || done.Failed[0].Err == nil {
			t.Errorf("got %+v", done)
		}
		if left := drain(t, q)[""]; len(left) != 1 || !strings.HasSuffix(left[0], " b") {
			t.Errorf("left: %v", left)
		}
	})
}

// refusing spoils the receipts of some messages.
type refusing struct{ deadletter.Queue }

func (r refusing) Delete(ctx context.Context, m []queue.Message) []error {
	m = slices.Clone(m)
	for i := range m {
		if m[i].Body == "b" {
			m[i].Receipt = "spoilt"
		}
	}
	return r.Queue.Delete(ctx, m)
}
