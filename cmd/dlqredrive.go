package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/mapping"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/deadletter"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/redrive"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

type redriveOptions struct {
	filter     string
	edits      []string
	max        int
	rate       int
	to         string
	engine     string
	dryRun     bool
	canary     int
	canaryWait time.Duration
	keepGoing  bool
	wait       bool
	giveUp     bool
}

func (o *redriveOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.filter, "filter", "", "move only messages that match this `expression`; see 'ccsctl help filters'")
	f.StringArrayVar(&o.edits, "edit", nil, "set `body.MEMBER=VALUE` or attr.NAME=VALUE of each message on its way; repeatable")
	f.IntVar(&o.max, "max", 0, "move at most this `number` of messages")
	f.IntVar(&o.rate, "rate", 0, "move at most this `number` of messages a second")
	f.StringVar(&o.to, "to", "", "move to this `queue`, not back to where the messages came from; of stream-failures: function or stream")
	f.StringVar(&o.engine, "engine", "auto", "who moves: native (SQS itself), client (this program) or `auto`")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be moved, and move nothing")
	f.IntVar(&o.canary, "canary", 0, "move this `number` first, watch them, then the others")
	f.DurationVar(&o.canaryWait, "canary-wait", 0, "how `long` to watch them (as long as the consumer has for all its tries by default)")
	f.BoolVar(&o.keepGoing, "keep-going", false, "leave messages that come back, and go on with the others")
	f.BoolVar(&o.wait, "wait", true, "follow SQS's own task to its end; --wait=false returns once it runs")
	f.BoolVar(&o.giveUp, "give-up-lost", false, "of stream-failures: delete notices of records that the stream does not have any more")
}

func newDLQRedrive(e *env) *cobra.Command {
	var o redriveOptions
	c := &cobra.Command{
		Use:   "redrive QUEUE",
		Short: "Send dead letters through the pipeline again",
		Long: `Moves dead letters back to where they came from. Mend what they failed on first.

Two engines do it. SQS's own task (native) goes on whatever becomes of this
terminal: leave it with Ctrl-C, come back with 'ccsctl dlq status QUEUE', end it
with 'ccsctl dlq cancel QUEUE'. This program (client) can do what SQS can't:
--filter, --edit, --max, --canary, another kind of source, and the order of the
groups of a FIFO queue. Which one it takes and why is said before anything moves.

The client engine deletes a message only when SQS has confirmed its copy, and
writes down what it does in a journal, so that a run that was killed, run again,
repeats nothing it can know about: what may be there twice is listed. It stops
when messages that it moved come back. --canary 10 moves ten, watches whether
they come back or stay unread, and only then moves the others.

--dry-run takes nothing. It receives messages to look at them, which SQS counts,
and shows them to others again at once.

QUEUE stream-failures holds notices of records that ingest gave up on. They are
read from the stream while it has them, and handed to ingest once more; a notice
goes when all of its records came through. With --to stream they are put into
the stream again, which stores them in the data lake a second time.

Exit codes: 0 all was moved; 1 failed, nothing moved; 2 wrong usage or
configuration; 3 some moved, or it stopped by itself; 4 not allowed; 130
interrupted.`,
		Example: `  ccsctl dlq redrive emergency --dry-run
  ccsctl dlq redrive emergency --canary 5
  ccsctl dlq redrive telemetry --rate 50
  ccsctl dlq redrive telemetry --filter 'body.type=="geofence"' --max 100
  ccsctl dlq redrive stream-failures`,
		Args:              oneQueue,
		ValidArgsFunction: completeQueue,
		RunE:              func(c *cobra.Command, args []string) error { return runDLQRedrive(c.Context(), e, args[0], o) },
	}
	o.flags(c.Flags())
	return c
}

func runDLQRedrive(ctx context.Context, e *env, name string, o redriveOptions) error {
	bulk()
	filter, edit, err := o.parse()
	if err != nil {
		return err
	}
	if !o.dryRun && !e.flags.yes { // better told now than after the reading
		if err := e.console.CanAsk("--yes"); err != nil {
			return err
		}
	}
	t, d, err := e.deadLetters(ctx, name)
	if err != nil {
		return err
	}
	if d.OfStream() {
		return runStreamFailures(ctx, e, t, d, o)
	}
	if o.giveUp {
		return fault.Usagef("--give-up-lost: only the records of stream-failures can be past their retention")
	}
	r := &redriving{env: e, target: t, letters: d, options: o}
	if err := r.open(ctx); err != nil {
		return err
	}
	depth, err := r.from.Depth(ctx)
	if err != nil {
		return err
	}
	if depth.Total() == 0 {
		e.console.Notef("%s is empty: nothing to move", d.QueueName)
		return e.console.Print(newRedriveView(t, d.QueueName, string(r.engine), redrive.Summary{}))
	}
	e.console.Notef("%s → %s: about %s; engine %s: %s", d.QueueName, r.toName(), count(depth.Total(), "message"), r.engine, r.why)
	if !o.dryRun {
		ok, err := e.console.Confirm(ctx, fmt.Sprintf("Move them in %s?", t.place()), "--yes")
		if err != nil {
			return err
		}
		if !ok {
			return fault.As(fault.Interrupted, errDeclined, "")
		}
	}
	if r.engine == redrive.Native {
		return r.native(ctx, depth)
	}
	return r.client(ctx, filter, edit)
}

// parse checks what needs no configuration.
func (o *redriveOptions) parse() (filter redrive.Filter, edit func(*queue.Outgoing) error, err error) {
	f, err := deadletter.ParseFilter(o.filter)
	if err != nil {
		return nil, nil, err
	}
	if !f.All() {
		filter = f.Match
	}
	if edit, err = redrive.ParseEdits(o.edits); err != nil {
		return nil, nil, err
	}
	for flag, n := range map[string]int{"--max": o.max, "--rate": o.rate, "--canary": o.canary} {
		if n < 0 {
			return nil, nil, fault.Usagef("%s %d is less than nothing", flag, n)
		}
	}
	return filter, edit, nil
}

// redriving is one redrive of a queue.
type redriving struct {
	env     *env
	target  *target
	letters pipeline.DeadLetters
	options redriveOptions

	from    *queue.Client
	to      *queue.Client            // nil for back to the sources
	sources map[string]redrive.Queue // by name
	source  *queue.Client            // the only one of them, else nil
	engine  redrive.Engine
	why     string
}

// open reads the queues and chooses the engine.
func (r *redriving) open(ctx context.Context) (err error) {
	cfg := r.target.session.Config
	if r.from, err = queue.Open(ctx, cfg, r.letters.QueueName); err != nil {
		return notBuilt(err)
	}
	if r.options.to != "" {
		if r.to, err = queue.Open(ctx, cfg, r.target.queueName(r.options.to)); err != nil {
			if apierr.NotFound(err) {
				return fault.As(fault.Usage, fmt.Errorf("--to %s: there is no such queue", r.options.to), "give the queue's whole name")
			}
			return err
		}
		if r.to.Info().ARN == r.from.Info().ARN {
			return fault.Usagef("--to %s is the queue that they are in", r.options.to)
		}
	}
	names, err := r.from.Sources(ctx)
	if err != nil {
		return err
	}
	r.sources = map[string]redrive.Queue{}
	for _, name := range names {
		q, err := queue.Open(ctx, cfg, name)
		if err != nil {
			return err
		}
		r.sources[name], r.source = q, q
	}
	if len(names) != 1 {
		r.source = nil
	}
	r.engine, r.why, err = redrive.Choose(redrive.Wish{
		Engine: redrive.Engine(r.options.engine), FIFO: r.from.Info().FIFO, Sources: len(names), To: r.to != nil,
		OnlyClient: r.options.onlyClient(), Rate: r.options.rate,
	})
	return err
}

func (o *redriveOptions) onlyClient() (flags []string) {
	for flag, set := range map[string]bool{"--filter": o.filter != "", "--edit": len(o.edits) > 0, "--max": o.max > 0, "--canary": o.canary > 0, "--keep-going": o.keepGoing} {
		if set {
			flags = append(flags, flag)
		}
	}
	slices.Sort(flags)
	return flags
}

func (r *redriving) toName() string {
	if r.to != nil {
		return r.to.Info().Name
	}
	if r.source != nil {
		return r.source.Info().Name
	}
	return "where each came from"
}

// queueName is a queue by what it is called in the pipeline, or by its name.
func (t *target) queueName(name string) string {
	for _, d := range t.pipeline.DeadLetters() {
		if !d.OfStream() && name == d.Name {
			return d.Source
		}
	}
	return name
}

// notBuilt explains that a queue is not there.
func notBuilt(err error) error {
	if apierr.NotFound(err) {
		return fault.As(fault.Failed, err, "build the pipeline with 'ccsctl up', or give another --environment or --region")
	}
	return err
}

// canaryWait is how long the consumer may take to fail as often as it may.
func (r *redriving) canaryWait() time.Duration {
	const margin, otherwise = 30 * time.Second, 3 * time.Minute
	if r.options.canaryWait > 0 {
		return r.options.canaryWait
	}
	q := r.to
	if q == nil {
		q = r.source
	}
	if q == nil || q.Info().DeadLetter == nil {
		return otherwise
	}
	return time.Duration(q.Info().DeadLetter.MaxReceives)*q.Info().Visibility + margin
}

// consumer says what is wrong with whoever reads the queue that the messages go
// back to, "" for nothing.
func (r *redriving) consumer(ctx context.Context) (string, error) {
	m, ok, err := mapping.Find(ctx, r.target.session.Config, r.letters.SourceARN, r.letters.Function)
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "nothing hands the messages to " + r.letters.Function, nil
	case m.Problem != "":
		return m.Problem, nil
	case m.State != "Enabled" && m.State != "Updating":
		return "the mapping of " + r.letters.Function + " is " + m.State, nil
	}
	return "", nil
}

// native has SQS do it.
func (r *redriving) native(ctx context.Context, depth queue.Depth) error {
	e, name := r.env, r.letters.QueueName
	if r.options.dryRun {
		e.console.Notef("dry run: nothing was received or moved")
		s := redrive.Summary{Counts: map[redrive.Outcome]int{redrive.Matched: depth.Visible}, Elsewhere: depth.InFlight}
		return e.console.Print(newRedriveView(r.target, name, string(redrive.Native), s))
	}
	to := ""
	if r.to != nil {
		to = r.to.Info().ARN
	}
	began := time.Now()
	m, err := redrive.StartTask(ctx, r.from, to, r.options.rate)
	if err != nil {
		return err
	}
	if !r.options.wait {
		e.console.Notef("SQS has the task. Follow it with 'ccsctl dlq status %s', end it with 'ccsctl dlq cancel %s'", r.letters.Name, r.letters.Name)
		return e.console.Print(newMoveView(r.target, name, m))
	}
	show, done := e.redriveProgress(name)
	m, err = redrive.FollowTask(ctx, r.from, ctx.Done(), show)
	done()
	if errors.Is(err, redrive.ErrLeft) || ctx.Err() != nil {
		return leftRunning(r.letters)
	}
	if err != nil && !m.State.Over() {
		return err
	}
	s := redrive.Summary{Counts: map[redrive.Outcome]int{redrive.Moved: m.Moved}, Took: time.Since(began)}
	return errors.Join(e.console.Print(newRedriveView(r.target, name, string(redrive.Native), s)), err)
}

// client does it from here.
func (r *redriving) client(ctx context.Context, filter redrive.Filter, edit func(*queue.Outgoing) error) error {
	e, o := r.env, r.options
	job := redrive.Job{
		From: r.from, Sources: r.sources, Filter: filter, Edit: edit, Max: o.max, Rate: float64(o.rate), DryRun: o.dryRun,
		Canary: o.canary, CanaryWait: r.canaryWait(), KeepGoing: o.keepGoing, Stop: ctx.Done(),
	}
	if r.to != nil {
		job.To = r.to
	} else {
		job.Trouble = r.consumer
	}
	if own := r.from.Info().DeadLetter; own != nil && o.dryRun {
		return fault.As(fault.Failed, fmt.Errorf("%s has a dead-letter queue of its own: even a look may move its messages there", r.from.Info().Name), "leave out --dry-run, or take its redrive policy away")
	}
	if !o.dryRun {
		journal, err := redrive.OpenJournal(stateDir("redrive"), r.from.Info().ARN)
		if err != nil {
			return err
		}
		defer journal.Close()
		job.Journal = journal
		e.console.Verbosef("journal: %s", journal.Path())
	}
	show, done := e.redriveProgress(r.letters.QueueName)
	job.Observe = show
	say := func(text string) { e.console.Notef("%s", text) }
	e.say.Store(&say)
	defer e.say.Store(nil)
	s, err := job.Run(resource.Until(e.hard, ctx))
	done()
	return e.endRedrive(ctx, newRedriveView(r.target, r.letters.QueueName, string(redrive.Client), s), job.Journal, err)
}
