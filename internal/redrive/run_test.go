package redrive_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/redrive"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

// never is a consumer that succeeds.
func never(int) bool { return false }

// consuming starts a consumer; the returned function ends it.
func (w *world) consuming(fails func(int) bool) (end func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var consumer sync.WaitGroup
	consumer.Go(func() { w.consume(ctx, fails) })
	return func() { cancel(); consumer.Wait() }
}

func (w *world) depth(q *queue.Client) queue.Depth {
	w.t.Helper()
	d, err := q.Depth(w.t.Context())
	must(w.t, err)
	return d
}

// A dry run leaves everything as it was: the same messages, for everybody to see,
// in the same order.
func TestDryRunTakesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fifo, n, groups, even := rapid.Bool().Draw(rt, "fifo"), rapid.IntRange(1, 40).Draw(rt, "n"), rapid.IntRange(1, 6).Draw(rt, "groups"), rapid.Bool().Draw(rt, "even")
		problem := ""
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, fifo)
			w.bury(n, groups)
			job, ctx, end := w.job(nil)
			job.DryRun = true
			if even {
				job.Filter = func(m queue.Message) (bool, error) {
					return (m.Body[len(m.Body)-2]-'0')%2 == 0, nil
				}
			}
			sum, err := job.Run(ctx)
			end()
			must(t, err)
			d := w.depth(w.dlq)
			if d.Visible != n || d.InFlight != 0 || w.depth(w.work).Total() != 0 {
				problem = fmt.Sprintf("the queue has %+v, want %d visible", d, n)
			}
			if seen := sum.Counts[redrive.Matched] + sum.Counts[redrive.Unmatched] + sum.Behind; seen != n {
				problem = fmt.Sprintf("told of %d, want %d: %+v", seen, n, sum)
			}
			last := map[string]int{}
			for left := n; left > 0; {
				got, err := w.dlq.Receive(t.Context(), queue.Ask{Most: queue.MaxBatch, Wait: time.Second, Visibility: time.Minute})
				must(t, err)
				if len(got) == 0 {
					problem = fmt.Sprintf("%d messages are gone", left)
					break
				}
				for _, m := range got {
					number := w.number[m.ID]
					if number < last[m.Group] && fifo {
						problem = fmt.Sprintf("%d comes after %d in group %s", number, last[m.Group], m.Group)
					}
					last[m.Group] = number
				}
				left -= len(got)
				w.dlq.Delete(t.Context(), got)
			}
		})
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

// What was moved and comes back ends the run, whose canary is then all that was
// moved. The next run is free to try again.
func TestCanaryThatComesBackEndsTheRun(t *testing.T) {
	for _, fifo := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, fifo)
			w.bury(40, 7)
			end := w.consuming(func(int) bool { return true })
			job, ctx, finish := w.job(nil)
			job.Canary, job.CanaryWait = 3, 90*time.Second
			sum, err := job.Run(ctx)
			finish()
			end()
			if fault.KindOf(err) != fault.Partial || sum.Counts[redrive.Moved] != 3 || sum.Stopped == "" {
				t.Errorf("fifo %v: got %v, %+v, want three moved and a stop", fifo, err, sum)
			}
			time.Sleep(2 * time.Minute)
			if d := w.depth(w.dlq); d.Visible != 40 {
				t.Errorf("fifo %v: got %+v among the dead letters, want all 40 back", fifo, d)
			}
			end = w.consuming(never)
			job, ctx, finish = w.job(nil)
			job.Canary, job.CanaryWait = 3, 90*time.Second
			sum, err = job.Run(ctx)
			finish()
			end()
			if err != nil || sum.Counts[redrive.Moved] != 40 {
				t.Errorf("fifo %v: got %v, %+v, want all moved", fifo, err, sum)
			}
		})
	}
}

// Nobody reads the queue that they go to, or the one that can tell says so.
func TestCanaryAsksForItsConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, false)
		w.bury(20, 1)
		job, ctx, finish := w.job(nil)
		job.Canary, job.CanaryWait = 5, time.Minute
		job.Trouble = func(context.Context) (string, error) { return "its mapping is disabled", nil }
		sum, err := job.Run(ctx)
		finish()
		if err == nil || !strings.Contains(err.Error(), "its mapping is disabled") || sum.Counts[redrive.Moved] != 5 {
			t.Errorf("got %v, %+v, want a stop after 5", err, sum)
		}
	})
}

// Messages that come back while a long run lasts are not moved twice by it.
func TestRunDoesNotMoveTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, false)
		w.bury(300, 1)
		end := w.consuming(func(number int) bool { return number%10 == 0 })
		job, ctx, finish := w.job(nil)
		job.KeepGoing, job.Rate = true, 2 // for two and a half minutes
		sum, err := job.Run(ctx)
		finish()
		end()
		if fault.KindOf(err) != fault.Partial || sum.Counts[redrive.Moved] != 300 || sum.Counts[redrive.CameBack] == 0 {
			t.Errorf("got %v, %+v, want 300 moved, and some back", err, sum.Counts)
		}
		for number, copies := range w.copies {
			ids := map[string]bool{}
			for _, c := range copies {
				ids[c.id] = true
			}
			if len(ids) > 1 {
				t.Errorf("message %d was moved %d times", number, len(ids))
			}
		}
		if got := sum.Took.Seconds(); got < 0.95*150 || got > 1.05*150+80 {
			t.Errorf("300 messages at 2/s took %.0f s", got)
		}
	})
}

// A message that SQS drops, because somebody sent it under the same id, stays
// among the dead letters, and so do the later ones of its group.
func TestSuppressedMessageStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, true)
		w.bury(6, 1)
		other := &fixed{Client: w.work, at: 3}
		job, ctx, finish := w.job(nil)
		job.Sources = map[string]redrive.Queue{w.work.Info().Name: other}
		sum, err := job.Run(ctx)
		finish()
		want := map[redrive.Outcome]int{redrive.Moved: 3, redrive.Suppressed: 1, redrive.HeldBack: 2}
		if d := cmp.Diff(want, sum.Counts); d != "" || fault.KindOf(err) != fault.Partial {
			t.Errorf("%v %s", err, d)
		}
		if d := w.depth(w.dlq); d.Visible != 3 {
			t.Errorf("got %+v among the dead letters, want 3", d)
		}
	})
}

// fixed is a queue that answers one send with the message of an earlier one, as
// SQS does when it drops a repetition.
type fixed struct {
	*queue.Client
	at    int
	first queue.Sent
}

func (f *fixed) Send(ctx context.Context, messages []queue.Outgoing) []queue.Sent {
	if f.at--; f.at == -1 {
		return []queue.Sent{f.first}
	}
	sent := f.Client.Send(ctx, messages)
	f.first = sent[0]
	return sent
}

// A message that can't be sent holds back the later ones of its group, and only
// those.
func TestFailureHoldsBackItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, true)
		w.bury(30, 3)
		job, ctx, finish := w.job(nil)
		job.Edit = func(o *queue.Outgoing) error {
			if o.Attributes["number"].String == "13" { // the fifth of g1
				return errors.New("no")
			}
			return nil
		}
		sum, err := job.Run(ctx)
		finish()
		if d := cmp.Diff(map[redrive.Outcome]int{redrive.Moved: 24, redrive.Failed: 1, redrive.HeldBack: 5}, sum.Counts); d != "" || fault.KindOf(err) != fault.Partial {
			t.Errorf("%v %s", err, d)
		}
	})
}

// Somebody's stop lets calls in flight finish, and puts everything else back.
func TestStopPutsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, false)
		w.bury(100, 1)
		stop := make(chan struct{})
		job, ctx, finish := w.job(nil)
		job.Rate, job.Stop = 5, stop
		time.AfterFunc(7*time.Second, func() { close(stop) })
		sum, err := job.Run(ctx)
		finish()
		d := w.depth(w.dlq)
		if !errors.Is(err, redrive.ErrStopped) || d.InFlight != 0 || d.Visible != 100-sum.Counts[redrive.Moved] || sum.Counts[redrive.Moved] == 0 {
			t.Errorf("got %v, %+v; %+v are left", err, sum, d)
		}
	})
}

func TestEdits(t *testing.T) {
	edit, err := redrive.ParseEdits([]string{"body.place.speed=80", "body.kind=crash", "attr.priority=high", "attr.speed=7"})
	must(t, err)
	o := queue.Outgoing{Body: `{"id":123456789012345678901,"place":{"a":"<&>"}}`, Attributes: map[string]queue.Attribute{"speed": {Type: "Number", String: "1"}}}
	must(t, edit(&o))
	if want := `{"id":123456789012345678901,"kind":"crash","place":{"a":"<&>","speed":80}}`; o.Body != want {
		t.Errorf("got %s, want %s", o.Body, want)
	}
	if d := cmp.Diff(map[string]queue.Attribute{"speed": {Type: "Number", String: "7"}, "priority": {Type: "String", String: "high"}}, o.Attributes); d != "" {
		t.Error(d)
	}
	for _, body := range []string{"", "[]", "null", `{"place":3}`, "{} {}"} {
		if err := edit(&queue.Outgoing{Body: body}); err == nil {
			t.Errorf("%q was edited", body)
		}
	}
	for _, bad := range []string{"", "body", "body.a", "body.=1", "body..a=1", "x.a=1", "attr=1"} {
		if _, err := redrive.ParseEdits([]string{bad}); fault.KindOf(err) != fault.Usage {
			t.Errorf("%q: got %v, want a fault of usage", bad, err)
		}
	}
}

func TestChoose(t *testing.T) {
	for _, test := range []struct {
		wish redrive.Wish
		want redrive.Engine // "" is a fault of usage
	}{
		{redrive.Wish{Sources: 1}, redrive.Native},
		{redrive.Wish{Sources: 2, To: true, Rate: 500}, redrive.Native},
		{redrive.Wish{Sources: 1, Rate: 501}, redrive.Client},
		{redrive.Wish{Sources: 1, FIFO: true}, redrive.Client},
		{redrive.Wish{Sources: 1, FIFO: true, Engine: redrive.Native}, redrive.Native},
		{redrive.Wish{Sources: 1, OnlyClient: []string{"--max"}}, redrive.Client},
		{redrive.Wish{Sources: 1, OnlyClient: []string{"--max"}, Engine: redrive.Native}, ""},
		{redrive.Wish{Sources: 0, To: true}, redrive.Client},
		{redrive.Wish{Sources: 0, To: true, Engine: redrive.Native}, ""},
		{redrive.Wish{Sources: 0}, ""},
		{redrive.Wish{Sources: 1, Engine: redrive.Client}, redrive.Client},
		{redrive.Wish{Sources: 1, Engine: "fast"}, ""},
	} {
		got, why, err := redrive.Choose(test.wish)
		if got != test.want || (err == nil) != (why != "") || (test.want == "") != (fault.KindOf(err) == fault.Usage) {
			t.Errorf("%+v: got %q because %q, %v, want %q", test.wish, got, why, err, test.want)
		}
	}
}

// SQS's own task: started, refused a second time, followed, left, cancelled.
func TestTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, false)
		living, die := context.WithCancel(t.Context())
		var life sync.WaitGroup
		life.Go(func() { w.sandbox.Run(living) })
		defer func() { die(); life.Wait() }()
		w.bury(1, 1)
		if _, err := redrive.CancelTask(t.Context(), w.dlq); err == nil {
			t.Error("nothing was cancelled without an error")
		}
		w.bury(99, 1)
		to := w.work.Info().ARN
		m, err := redrive.StartTask(t.Context(), w.dlq, to, 10)
		must(t, err)
		if m.Handle == "" || m.State != queue.MoveRunning || m.ToMove != 100 {
			t.Errorf("got %+v", m)
		}
		_, err = redrive.StartTask(t.Context(), w.dlq, to, 10)
		if err == nil || !strings.Contains(fault.HintOf(err), "dlq cancel") {
			t.Errorf("got %v with hint %q for a second task", err, fault.HintOf(err))
		}
		stop := make(chan struct{})
		time.AfterFunc(3*time.Second, func() { close(stop) })
		var seen []int
		_, err = redrive.FollowTask(t.Context(), w.dlq, stop, func(p redrive.Progress) { seen = append(seen, p.Moved) })
		if !errors.Is(err, redrive.ErrLeft) || !slices.IsSorted(seen) || len(seen) < 3 {
			t.Errorf("got %v after %v", err, seen)
		}
		m, err = redrive.CancelTask(t.Context(), w.dlq)
		must(t, err)
		if m.State != queue.MoveCancelled || fault.KindOf(redrive.TaskVerdict("dead", m)) != fault.Partial {
			t.Errorf("got %+v", m)
		}
		_, err = redrive.StartTask(t.Context(), w.dlq, to, 0)
		must(t, err)
		_, err = redrive.FollowTask(t.Context(), w.dlq, nil, nil)
		must(t, err)
		if d := w.depth(w.work); d.Visible != 100 {
			t.Errorf("got %+v in the working queue, want 100", d)
		}
		if _, err := redrive.StartTask(t.Context(), w.work, "", 0); !strings.Contains(fault.HintOf(err), "--to") {
			t.Errorf("got %v: a queue that is nobody's dead-letter queue", err)
		}
		for code, status := range map[string]int{"InternalError": 500, "UnsupportedOperation": 400} { // as of an SQS that has no tasks
			w.sandbox.Faults.Add(sandbox.Fault{Operation: "StartMessageMoveTask", Code: code, Status: status, Times: 1})
			if _, err := redrive.StartTask(t.Context(), w.dlq, to, 0); !strings.Contains(fault.HintOf(err), "--engine client") {
				t.Errorf("%s: got %v with hint %q", code, err, fault.HintOf(err))
			}
		}
		w.sandbox.Faults.Add(sandbox.Fault{Operation: "StartMessageMoveTask", Code: "AccessDenied", Status: 403, Times: 1})
		if _, err := redrive.StartTask(t.Context(), w.dlq, to, 0); fault.HintOf(err) != "" {
			t.Errorf("a refusal of the caller: got %v with hint %q, which hides that it is one", err, fault.HintOf(err))
		}
	})
}
