package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/aws/workflow"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// lost is where an event was lost.
type lost struct {
	hop    hop
	reason string
	causes []string // what is not as it should be at that hop
	next   string   // the command to type when there are no causes
	unsent bool     // nothing is on its way
}

// parts are the resources that can keep the event from passing a hop.
var parts = [...][]string{
	hopStream:    {"stream/telemetry", "key/pipeline"},
	hopIngest:    {"mapping/ingest", "function/ingest", "role/ingest"},
	hopQueue:     {"queue/emergency.fifo", "mapping/emergency"},
	hopEmergency: {"function/emergency", "role/emergency"},
	hopWorkflow:  {"workflow/emergency", "role/workflow", "key/pipeline"},
	hopTopic:     {"topic/authorities-alerts"},
	hopLake:      {"delivery/data-lake", "bucket/data-lake", "catalog/telemetry", "role/data-lake"},
}

// inspect says what differs from the configuration at a hop, or does not work.
func (r *run) inspect(ctx context.Context, h hop) (causes []string) {
	for _, id := range parts[h] {
		for _, thing := range r.path.Resources {
			if thing.ID().String() != id {
				continue
			}
			c, err := thing.Diff(ctx)
			if err != nil {
				causes = append(causes, fmt.Sprintf("%s can't be read: %v", id, err))
			} else if wrong := wrong(c); wrong != "" {
				causes = append(causes, id+" "+wrong)
			}
		}
	}
	return causes
}

// wrong is what a resource's change says about it, "" for one that is well.
func wrong(c resource.Change) string {
	switch {
	case c.Problem != "":
		return "does not work: " + c.Problem
	case c.Action == resource.Create:
		return "is missing"
	case c.Action == resource.Conflict:
		return "is not ours: " + c.Reason
	case c.Action == resource.None:
		return ""
	}
	var texts []string
	for _, a := range c.Attributes {
		text := a.Name
		if len(a.Old)+len(a.New) < 60 { // no document
			text = fmt.Sprintf("%s is %s, want %s", a.Name, cmp.Or(a.Old, "none"), cmp.Or(a.New, "none"))
		}
		texts = append(texts, text)
	}
	return "has changed: " + strings.Join(texts, ", ")
}

// lostAt is an event lost at a hop that is known for certain.
func (r *run) lostAt(ctx context.Context, h hop, reason string) *lost {
	return &lost{hop: h, reason: reason, causes: r.inspect(ctx, h)}
}

// unsent is an event that was not even taken at the first hop.
func (r *run) unsent(ctx context.Context, h hop, reason error) *lost {
	l := r.lostAt(ctx, h, reason.Error())
	l.unsent = true
	return l
}

// depth is how many messages a queue holds, 0 for a queue that can't be asked:
// what else is wrong with it is found when it is inspected.
func (r *run) depth(ctx context.Context, name string) queue.Depth {
	q, err := queue.Open(ctx, r.aws, name)
	if err != nil {
		return queue.Depth{}
	}
	d, _ := q.Depth(ctx)
	return d
}

// settling is how long a message may be seen waiting that is not: between two
// receives of a function that fails on it, it waits for a moment.
const settling = 5 * time.Second

// whereMessagesAre counts what is on the emergency queue and behind it. While
// some only wait it looks again for a while, whether somebody takes them.
func (r *run) whereMessagesAre(ctx context.Context) (waiting, dead queue.Depth) {
	ctx, done := context.WithTimeout(ctx, settling)
	defer done()
	_ = resource.Poll(ctx, "looking whether somebody takes the messages", func(ctx context.Context) (bool, error) {
		w, d := r.depth(ctx, r.path.Queue), r.depth(ctx, r.path.DeadLetters)
		if ctx.Err() != nil {
			return true, nil // the counts are those of before
		}
		waiting, dead = w, d
		return dead.Total() > r.dead || waiting.InFlight > 0 || waiting.Visible == 0, nil
	})
	return waiting, dead
}

// beforeWorkflow finds out where an event is that has started no workflow. Until
// one is started its message stays on the emergency queue or the one behind it;
// when neither holds any, it never got there.
func (r *run) beforeWorkflow(ctx context.Context) (*lost, error) {
	resource.Note(ctx, "looking for where the event is")
	waiting, dead := r.whereMessagesAre(ctx)
	logs := func(function string) string { return "aws logs tail " + r.path.Logs + function + " --since 15m" }
	var l *lost
	switch {
	case dead.Total() > r.dead:
		l = &lost{hop: hopEmergency, reason: "it failed on the message, which is with the dead letters now", next: "ccsctl dlq peek emergency"}
	case waiting.InFlight > 0:
		l = &lost{hop: hopEmergency, reason: fmt.Sprintf("it has messages in hand (%d) and started no workflow within %v", waiting.InFlight, r.Limit), next: logs("emergency")}
	case waiting.Visible > 0:
		l = &lost{hop: hopQueue, reason: fmt.Sprintf("nobody takes its messages (%d waiting)", waiting.Visible), next: "ccsctl status"}
	case r.FromQueue:
		l = &lost{hop: hopEmergency, reason: fmt.Sprintf("it took the message and started no workflow within %v", r.Limit), next: logs("emergency")}
	default:
		l = &lost{hop: hopIngest, reason: fmt.Sprintf("nothing came to queue/emergency.fifo within %v", r.Limit), next: logs("ingest")}
	}
	l.causes = r.inspect(ctx, l.hop)
	// SQS's counts may be a minute old, and those of a busy queue are of others:
	// a thing that is broken at exactly one hop says more.
	if len(l.causes) == 0 {
		for h := r.first(); h <= hopWorkflow; h++ {
			if causes := r.inspect(ctx, h); len(causes) > 0 {
				l.hop, l.causes = h, causes
				l.reason = fmt.Sprintf("no workflow was started within %v", r.Limit)
				break
			}
		}
	}
	return l, ctx.Err()
}

// afterStart finds out why an execution brought nothing to the probe's queue.
func (r *run) afterStart(ctx context.Context, e workflow.Execution) (*lost, error) {
	resource.Note(ctx, "looking for where the alert is")
	if e.Succeeded() {
		l := r.lostAt(ctx, hopTopic, fmt.Sprintf("the workflow told it, and nothing was delivered to the probe's queue within %v", r.Limit))
		l.next = "ccsctl status"
		return l, ctx.Err()
	}
	trouble, err := r.executions.Trouble(ctx, e)
	if err != nil && ctx.Err() == nil {
		trouble = err.Error()
	}
	l := r.lostAt(ctx, hopWorkflow, fmt.Sprintf("its execution is %s: %s", e.Status, cmp.Or(trouble, e.Failure, "it tells of no error")))
	l.causes = append(l.causes, r.inspect(ctx, hopTopic)...)
	l.next = "aws stepfunctions get-execution-history --reverse-order --max-items 10 --execution-arn " + e.ARN
	return l, ctx.Err()
}

// failure is l in the words of a report.
func (l *lost) failure(r *run) *Failure {
	f := &Failure{Hop: r.name(l.hop), Reason: l.reason, LastSeen: l.lastSeen(r), Causes: append([]string{}, l.causes...), Next: l.next}
	if len(f.Causes) > 0 {
		f.Next = "ccsctl plan"
	}
	f.Next = cmp.Or(f.Next, "ccsctl status")
	return f
}

// lastSeen is the last that is known of the event.
func (l *lost) lastSeen(r *run) string {
	if l.unsent {
		return "nowhere: it was not sent"
	}
	for h := l.hop - 1; h >= r.first(); h-- {
		if at := r.times[h]; !at.IsZero() {
			return fmt.Sprintf("%s %s, %s", hops[h].name, hops[h].does, clock(at))
		}
	}
	if r.FromQueue {
		return "it was sent to queue/emergency.fifo, " + clock(r.event.OccurredAt)
	}
	return fmt.Sprintf("%s %s, %s: %s, sequence number %s", hops[hopStream].name, hops[hopStream].does, clock(r.event.OccurredAt), r.place.Shard, r.place.Sequence)
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") + " UTC" }

// hintMissing is what to do where a part of the pipeline is not there.
const hintMissing = "'ccsctl status' shows what is there, and 'ccsctl up' builds what is missing"

// errUnsafe refuses a silent probe of a workflow that would alert.
var errUnsafe = errors.New("the live workflow is not the one of this version, which keeps a silent test from everybody")

// diverts makes certain that the live workflow keeps a silent test to itself.
func (r *run) diverts(ctx context.Context) error {
	for _, thing := range r.path.Resources {
		if thing.ID().String() != parts[hopWorkflow][0] {
			continue
		}
		c, err := thing.Diff(ctx)
		if err != nil {
			return err
		}
		if c.Action == resource.Create {
			return fault.As(fault.Failed, errors.New("workflow/emergency is missing"), hintMissing)
		}
		if c.Action != resource.None {
			return fault.As(fault.Failed, errUnsafe, "'ccsctl plan' shows what differs, and 'ccsctl up' puts it right")
		}
	}
	return nil
}

// look counts the dead letters, and fails where there is no pipeline at all.
func (r *run) look(ctx context.Context) error {
	q, err := queue.Open(ctx, r.aws, r.path.DeadLetters)
	if apierr.NotFound(err) {
		return fault.As(fault.Failed, err, hintMissing)
	}
	if err != nil {
		return err
	}
	d, err := q.Depth(ctx)
	r.dead = d.Total()
	return err
}
