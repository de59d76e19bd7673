package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/alert"
	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/inbox"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

func newAlert(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:     "alert",
		Short:   "Prove that alerts arrive",
		Long:    "Alerts go from the pipeline's topics to whoever is subscribed to them.",
		Example: "  ccsctl alert test",
		Args:    subcommand,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newAlertTest(e))
	return c
}

type alertTestOptions struct {
	limit       time.Duration
	waitMetrics bool
}

func (o *alertTestOptions) flags(f *pflag.FlagSet) {
	f.DurationVar(&o.limit, "limit", 30*time.Second, "an alert that has not arrived after this `time` is lost")
	f.BoolVar(&o.waitMetrics, "wait-metrics", false, "wait for CloudWatch's count of what was delivered and failed, up to 6 minutes")
}

// alarmsTopic is tested when none is named: it tells engineers, the others tell
// authorities and customers.
const alarmsTopic = "alarms"

func newAlertTest(e *env) *cobra.Command {
	var o alertTestOptions
	c := &cobra.Command{
		Use:   "test [TOPIC...]",
		Short: "Send a test alert, and prove that it arrived",
		Long: `Publishes an alert that is marked [TEST], in its subject and its text, and with
the message attribute ccsctl-test. A queue of the test's own is subscribed for
the time being: the test has arrived when it is there. The time is from when SNS
took the alert to when SQS had it, by their clocks. The queue is taken away at the
end, also after Ctrl-C, and what a killed test has left by the next one an hour
later.

The topic's own subscribers get the alert, too. They are listed with whether they
are confirmed: SNS tells nobody who is not. What became of each of them SNS does
not tell; with --wait-metrics CloudWatch says how many deliveries of that minute
succeeded and failed.

TOPIC is alarms unless it is named: it tells the engineers. authorities-alerts,
owner-alerts and manager-notifications tell authorities and customers: they are
tested only when they are named, and not without asking, unless --yes or in a
sandbox.

Exit codes: 0 every alert arrived; 1 one did not; 2 wrong usage or configuration;
4 not allowed; 5 something of the test's own could not be taken away; 130
interrupted.`,
		Example: `  ccsctl alert test -c streaming.tf
  ccsctl alert test alarms --wait-metrics -o json
  ccsctl alert test authorities-alerts owner-alerts --sandbox`,
		ValidArgsFunction: func(_ *cobra.Command, given []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return slices.DeleteFunc(pipeline.TopicNames(), func(name string) bool { return slices.Contains(given, name) }), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, topics []string) error { return runAlertTest(c.Context(), e, topics, o) },
	}
	o.flags(c.Flags())
	return c
}

// measuring bounds the wait for CloudWatch: two minutes of the test, two that
// it is late, and two more.
const measuring = 6 * time.Minute

func runAlertTest(ctx context.Context, e *env, names []string, o alertTestOptions) error {
	if o.limit <= 0 {
		return fault.Usagef("--limit %v: want more than nothing", o.limit)
	}
	if len(names) == 0 {
		names = []string{alarmsTopic}
	}
	c, err := e.config()
	if err != nil {
		return err
	}
	outward := false
	for _, name := range names { // while nothing has been called
		topic, err := pipeline.New(pipeline.Settings{Config: c}).FindTopic(name)
		if err != nil {
			return err
		}
		outward = outward || topic.Name != alarmsTopic
	}
	if outward && !e.flags.yes && !e.flags.sandbox { // better told now than after the reading
		if err := e.console.CanAsk("--yes"); err != nil {
			return err
		}
	}
	t, err := e.target(ctx, false)
	if err != nil {
		return err
	}
	defer e.countCalls(ctx, t)()
	var topics []alert.Topic
	for _, name := range names {
		topic, err := t.pipeline.FindTopic(name)
		if err != nil {
			return err
		}
		if !slices.Contains(topics, alert.Topic(topic)) {
			topics = append(topics, alert.Topic(topic))
		}
	}
	tester := t.alertTester(o.limit)
	if err := e.mayTest(ctx, t, tester, topics, outward); err != nil {
		return err
	}
	return e.testAlerts(ctx, t, tester, topics, o)
}

func (t *target) alertTester(limit time.Duration) *alert.Tester {
	path := t.pipeline.EmergencyPath()
	return &alert.Tester{
		Site: inbox.Site{
			AWS: t.session.Config, Owner: t.pipeline.Owner(), Prefix: path.Temporary, Topics: path.Topics,
			NewQueue: path.NewQueue, NewTopic: path.NewTopic,
		},
		Pipeline: t.config.Project + "/" + t.config.Environment, By: t.session.ARN, Limit: limit, Lag: t.metricLag(),
	}
}

// mayTest says who will be alerted, and asks where that is more than engineers.
func (e *env) mayTest(ctx context.Context, t *target, tester *alert.Tester, topics []alert.Topic, outward bool) error {
	told := 0
	for _, topic := range topics {
		all, err := tester.Subscriptions(ctx, topic)
		if err != nil {
			return noPipeline(t, fmt.Errorf("alert test: %w", err))
		}
		for _, s := range all {
			waits := "  (not confirmed: it gets nothing)"
			if s.Confirmed {
				waits = ""
				told++
			}
			e.console.Notef("  %s  %s %s%s", topic.Name, s.Protocol, s.Endpoint, waits)
		}
		if len(all) == 0 {
			e.console.Warnf("nobody is subscribed to %s: its alerts reach nobody", topic.Name)
		}
	}
	e.console.Notef("an alert marked %s goes to %s", alert.Mark, count(told, "confirmed subscriber"))
	if !outward || told == 0 || t.inSandbox() {
		return nil
	}
	ok, err := e.console.Confirm(ctx, fmt.Sprintf("Alert them from %s?", t.place()), "--yes")
	if err == nil && !ok {
		err = fault.As(fault.Interrupted, errDeclined, "")
	}
	return err
}

// testAlerts sends an alert to one topic after the other and prints what became
// of them, also when it is interrupted.
func (e *env) testAlerts(ctx context.Context, t *target, tester *alert.Tester, topics []alert.Topic, o alertTestOptions) error {
	note := func(text string) { e.console.Notef("%s", text) }
	noting := resource.WithNotes(ctx, note)
	v := &alertTestView{where: t.where(), Swept: tester.Sweep(noting), Alerts: []*alert.Report{}}
	var cut error
	for _, topic := range topics {
		r, err := tester.Run(noting, resource.WithNotes(e.hard, note), topic)
		v.Alerts = append(v.Alerts, r)
		if cut = err; err != nil {
			break
		}
	}
	if o.waitMetrics && cut == nil {
		cut = tester.Measure(noting, v.Alerts, measuring)
	}
	if cut != nil {
		cut = fmt.Errorf("alert test: %w", cut)
	}
	return errors.Join(e.console.Print(v), v.err(t), cut)
}

// err is every alert that did not arrive, and what is left behind.
func (v *alertTestView) err(t *target) error {
	var errs []error
	var left []string
	for _, r := range v.Alerts {
		if r.Err != nil && r.Problem != "" {
			errs = append(errs, lostAlert(t, r))
		}
		left = append(left, r.Left...)
	}
	if len(left) > 0 {
		errs = append(errs, fault.As(fault.Leftover, fmt.Errorf("alert test: left behind: %s", strings.Join(left, "; ")), "the next test takes it away, an hour from now"))
	}
	return errors.Join(errs...)
}

func lostAlert(t *target, r *alert.Report) error {
	err := fmt.Errorf("alert test: %s: %w", r.Topic, r.Err)
	switch {
	case apierr.NotFound(r.Err):
		return noPipeline(t, err)
	case apierr.Denied(r.Err):
		return fault.As(fault.Denied, err, "ask for the action that AWS names; the topic's key must be allowed, too")
	}
	return fault.As(fault.Failed, err, "run 'ccsctl plan': the topic's policy and key may differ from what is wanted")
}
