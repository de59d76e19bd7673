package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/probe"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

type probeOptions struct {
	probe.Options
	from string
}

func (o *probeOptions) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.Silent, "silent", false, "alert nobody: the workflow tells a topic of the probe's own")
	f.StringVar(&o.from, "from", "stream", "where the event begins: `stream` or queue")
	f.BoolVar(&o.Deep, "deep", false, "wait for the delivery to the data lake too, up to its buffer's time and 2 minutes")
	f.DurationVar(&o.Promise, "promise", 2*time.Second, "fail when the alert takes longer than this `time`")
	f.DurationVar(&o.Limit, "limit", 30*time.Second, "give a hop up after this `time`")
}

// check finds what is wrong with the flags before anything is touched.
func (o *probeOptions) check() error {
	switch {
	case o.from != "stream" && o.from != "queue":
		return fault.Usagef("--from %q: want stream or queue", o.from)
	case o.from == "queue" && o.Deep:
		return fault.As(fault.Usage, errors.New("--deep follows the stream, and --from queue leaves it out"), "give one of them")
	case o.Promise <= 0:
		return fault.Usagef("--promise %v: want more than nothing", o.Promise)
	case o.Limit <= 0:
		return fault.Usagef("--limit %v: want more than nothing", o.Limit)
	}
	o.FromQueue = o.from == "queue"
	return nil
}

func newProbe(e *env) *cobra.Command {
	var o probeOptions
	c := &cobra.Command{
		Use:   "probe",
		Short: "Send one marked event through every hop, and time each",
		Long: `Sends one event of the type [TEST] the way of an emergency: stream, function,
queue, function, workflow, topic, subscriber. A queue of the probe's own is
subscribed meanwhile; it and all else that the probe makes is taken away at the
end, also after Ctrl-C, and what a killed one has left by the next probe an hour
later.

The topics' real subscribers are alerted too: a [TEST] stands in the subject and
the text. The probe says whom it will alert, and asks, unless --yes or in a
sandbox. With --silent the workflow tells a topic of the probe's own and nobody
is alerted; what is between the real topics and their subscribers is then not
tried. The event stays in the stream, and in the data lake with a vehicle_id that
begins with [TEST].

When an event came where is told by AWS: Kinesis's time of arrival, SQS's of
sending and first receive, Step Functions' start, SNS's timestamp. These clocks
may differ by some milliseconds, so a very quick hop may show as 0. The total is
from the arrival in the stream (or the emergency queue) to the subscriber's
queue. --deep waits for a new object in the data lake: it proves that Firehose
delivers, not that this event is in it.

Exit codes: 0 every hop was passed and the promise kept; 1 a hop was not passed,
or not in time; 2 wrong usage or configuration; 4 not allowed; 5 something of the
probe's own could not be taken away; 130 interrupted.`,
		Example: `  ccsctl probe --silent -c streaming.tf        alert nobody
  ccsctl probe --sandbox                       the whole way, in a sandbox
  ccsctl probe --from queue --promise 500ms    only what follows the queue
  ccsctl probe --silent --deep -o json         with the data lake, for CI`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runProbe(c.Context(), e, o) },
	}
	o.flags(c.Flags())
	return c
}

func runProbe(ctx context.Context, e *env, o probeOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if _, err := e.config(); err != nil {
		return err
	}
	if !o.Silent && !e.flags.yes && !e.flags.sandbox { // better told now than after the reading
		if err := e.console.CanAsk("--yes, or --silent to alert nobody"); err != nil {
			return err
		}
	}
	t, err := e.target(ctx, false)
	if err != nil {
		return err
	}
	defer e.countCalls(ctx, t)()
	p := probe.New(t.session.Config, t.pipeline.EmergencyPath(), t.pipeline.Owner())
	v := &probeView{where: t.where(), Alerted: []probe.Listener{}}
	if !o.Silent {
		if v.Alerted, err = p.Listeners(ctx); err != nil {
			return fmt.Errorf("probe: %w", err)
		}
		if err := e.mayAlert(ctx, t, v.Alerted); err != nil {
			return err
		}
	}
	noting := resource.WithNotes(ctx, func(note string) { e.console.Notef("%s", note) })
	v.Report, err = p.Run(noting, e.hard, o.Options)
	if err != nil {
		for _, left := range v.Report.Left {
			e.console.Warnf("left behind: %s", left)
		}
		return fmt.Errorf("probe: %w", err)
	}
	return errors.Join(e.console.Print(v), v.err())
}

// mayAlert says who will be alerted, and asks unless they are in a sandbox.
func (e *env) mayAlert(ctx context.Context, t *target, listeners []probe.Listener) error {
	if len(listeners) == 0 {
		e.console.Notef("nobody is subscribed to the topics that this alerts")
		return nil
	}
	e.console.Notef("this sends an alert marked [TEST] to %s:", count(len(listeners), "subscriber"))
	for _, l := range listeners {
		e.console.Notef("  %s  %s %s", l.Topic, l.Protocol, l.Endpoint)
	}
	if t.inSandbox() {
		return nil
	}
	ok, err := e.console.Confirm(ctx, fmt.Sprintf("Alert them from %s?", t.place()), "--yes, or --silent to alert nobody")
	if err == nil && !ok {
		err = fault.As(fault.Interrupted, errDeclined, "")
	}
	return err
}

// probeView is what became of a probe.
type probeView struct {
	where
	Alerted []probe.Listener `json:"alerted"`
	*probe.Report
}

func (v *probeView) Header() []string {
	return []string{"hop", "does", "took", "at (UTC)", "by the clock of"}
}

func (v *probeView) Rows() [][]string {
	var rows [][]string
	for _, h := range v.Hops {
		took, at := string(h.State), ""
		if h.TookMS != nil {
			took = milliseconds(*h.TookMS)
		}
		if h.At != nil {
			at = h.At.Format("15:04:05.000")
		}
		rows = append(rows, []string{h.Name, h.Does, took, at, h.Clock})
	}
	return rows
}

// milliseconds is a duration as people read it.
func milliseconds(ms int64) string {
	if ms < 10_000 {
		return fmt.Sprintf("%d ms", ms)
	}
	return seconds(ms)
}

// Human is the table and the verdict under it.
func (v *probeView) Human(p *console.Painter) string {
	rows := v.Rows()
	for i, h := range v.Hops {
		if h.State == probe.Missed {
			rows[i][0], rows[i][2] = p.Red("✖ "+h.Name), p.Red(rows[i][2])
		} else if h.State == probe.Untried {
			rows[i][0] = p.Dim("· " + h.Name)
		} else {
			rows[i][0] = p.Green("✔") + " " + h.Name
		}
	}
	var b strings.Builder
	b.WriteString(p.Table(v.Header(), rows))
	b.WriteString("\n")
	if v.TotalMS != nil {
		verdict := p.Green("kept")
		if *v.TotalMS > v.PromiseMS {
			verdict = p.Red("broken")
		}
		fmt.Fprintf(&b, "%s in all, %s promised: %s\n", milliseconds(*v.TotalMS), milliseconds(v.PromiseMS), verdict)
	}
	for _, h := range v.Hops {
		if h.Note != "" {
			fmt.Fprintf(&b, "%s: %s\n", h.Name, h.Note)
		}
	}
	if v.Silent {
		b.WriteString("nobody was alerted, and nothing between the real topics and their subscribers was tried\n")
	}
	if len(v.Swept) > 0 {
		fmt.Fprintf(&b, "taken away what earlier probes had left: %s\n", strings.Join(v.Swept, ", "))
	}
	return b.String()
}

// err is the probe's failure: the hop where the event was lost before a promise
// that was broken, and both before something left behind.
func (v *probeView) err() error {
	var errs []error
	switch f := v.Failure; {
	case f != nil:
		text := fmt.Sprintf("probe: %s: %s", f.Hop, f.Reason)
		if len(f.Causes) > 0 {
			text += "; " + strings.Join(f.Causes, "; ")
		}
		errs = append(errs, fault.As(fault.Failed, fmt.Errorf("%s (last seen: %s)", text, f.LastSeen), fmt.Sprintf("run '%s'", f.Next)))
	case !v.Kept:
		errs = append(errs, fault.As(fault.Failed, fmt.Errorf("probe: the alert took %s, %s are promised", milliseconds(*v.TotalMS), milliseconds(v.PromiseMS)),
			"the slowest hop is in the table; 'ccsctl status' shows whether something has changed"))
	}
	if len(v.Left) > 0 {
		errs = append(errs, fault.As(fault.Leftover, fmt.Errorf("probe: left behind: %s", strings.Join(v.Left, "; ")),
			"the next probe takes it away, an hour from now"))
	}
	return errors.Join(errs...)
}
