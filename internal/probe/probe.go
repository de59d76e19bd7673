// Package probe sends one marked event the way of an emergency and tells when it
// came where, against what the pipeline promises. It knows the hops of that way,
// what each is seen and timed by, and how to find out at which one an event was
// lost. It takes away what it made, whatever happens.
//
// The times are those that AWS's services note, since nobody else sees a message
// that Lambda takes; so two neighbours may be by different clocks, and a hop
// that is quicker than they differ counts as 0.
//
// What people see, and whether they were asked before, it leaves to others.
package probe

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/bucket"
	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/aws/topic"
	"github.com/ccs-platform/ccsctl/internal/aws/workflow"
	"github.com/ccs-platform/ccsctl/internal/functions"
	"github.com/ccs-platform/ccsctl/internal/inbox"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Path is what an emergency passes, as the pipeline tells it.
type Path struct {
	Stream      string   // names in AWS
	Queue       string   // where ingest leaves emergencies
	DeadLetters string   // and where those end that no function can handle
	Workflow    string   // ARNs
	Authorities string   // the topic that is told first of all
	Told        []string // all topics that a test tells
	Topics      []string // all that there are
	Logs        string   // begins the names of the functions' log groups

	Lake       *bucket.Bucket
	LakeDay    func(time.Time) string // the prefix of what arrives then
	LakeErrors func(time.Time) string // and of what can't be converted
	Buffer     time.Duration          // the most that Firehose keeps a record back

	// A test makes a queue that hears a topic, and a topic of its own when
	// nobody else is to hear it. Their names in AWS begin with Temporary.
	Temporary string
	NewQueue  func(name, topicARN string, until time.Time) resource.Resource
	NewTopic  func(name string, until time.Time) (topic resource.Resource, arn string)

	Resources []resource.Resource // all that the pipeline has
}

// Options are what a run may differ in.
type Options struct {
	// Silent tells a topic of the probe's own in place of the pipeline's, so
	// that nobody is alerted. What is between the pipeline's topics and their
	// subscribers is then not tried.
	Silent bool
	// FromQueue begins at the emergency queue, and leaves the stream out.
	FromQueue bool
	// Deep waits for the stream's delivery to the data lake too.
	Deep bool
	// Promise is what the whole way may take, without the lake.
	Promise time.Duration
	// Limit is how long one hop may take before it counts as broken.
	Limit time.Duration
}

// Probe tries one pipeline.
type Probe struct {
	aws        aws.Config
	path       Path
	executions *workflow.Executions
	site       *inbox.Site
}

// New is a probe of the path in the account of cfg; owner is the pipeline's. It
// makes no call.
func New(cfg aws.Config, path Path, owner resource.Owner) *Probe {
	return &Probe{
		aws: cfg, path: path, executions: workflow.ExecutionsOf(cfg, path.Workflow),
		site: &inbox.Site{AWS: cfg, Owner: owner, Prefix: path.Temporary, Topics: path.Topics, NewQueue: path.NewQueue, NewTopic: path.NewTopic},
	}
}

// Listener is a subscription that hears a test.
type Listener struct {
	Topic    string `json:"topic"` // its name
	Protocol string `json:"protocol"`
	Endpoint string `json:"endpoint"`
}

// Listeners are those whom a test alerts unless it is silent: the confirmed
// subscriptions of the topics that it tells.
func (p *Probe) Listeners(ctx context.Context) ([]Listener, error) {
	listeners := []Listener{}
	for _, arn := range p.path.Told {
		subscribers, err := topic.AudienceOf(p.aws, arn).Subscribers(ctx)
		if apierr.NotFound(err) {
			continue // what that means for the way, a run finds out
		}
		if err != nil {
			return nil, err
		}
		for _, s := range subscribers {
			if !s.Pending && !p.site.Made(s.Endpoint) {
				listeners = append(listeners, Listener{Topic: last(arn), Protocol: s.Protocol, Endpoint: s.Endpoint})
			}
		}
	}
	return listeners, nil
}

// last is the name in an ARN.
func last(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// run is one event on its way.
type run struct {
	*Probe
	Options
	mark  string
	event functions.Event
	inbox *inbox.Inbox
	times times
	place stream.Place  // of the record
	put   time.Duration // how long the stream took to take the record
	dead  int           // messages in the dead-letter queue before
}

// Run sends one event, follows it, and takes away what it made, also when ctx
// ends. It says what it waits for by resource.Note. An error is what kept it
// from trying, an interruption included; a pipeline that does not do what it
// promises is none: the report tells. When clean ends, what is still to be taken
// away is left, to the next probe after an hour.
func (p *Probe) Run(ctx, clean context.Context, o Options) (*Report, error) {
	mark, err := inbox.NewMark(time.Now())
	if err != nil {
		return nil, err
	}
	r := &run{Probe: p, Options: o, mark: mark, inbox: p.site.New(mark)}
	r.event = functions.Event{
		ID: "probe-" + mark, Vehicle: functions.TestVehicle + "ccsctl-probe-" + mark, Kind: functions.Test,
		Severity: functions.Critical, OccurredAt: time.Now().UTC().Truncate(time.Millisecond), Probe: &functions.Probe{},
	}
	report := newReport(r)
	report.Swept = p.site.Sweep(clean, time.Now())
	err = r.try(ctx, report)
	if !r.inbox.Empty() {
		resource.Note(ctx, "taking away what the probe made")
	}
	report.Left = append(report.Left, r.inbox.Remove(clean)...)
	return report, err
}

// open makes the queue that hears the alert, and the topic of a silent probe.
func (r *run) open(ctx context.Context) error {
	if !r.Silent {
		// Of everything else that this topic tells nothing comes in.
		return r.inbox.Listen(ctx, r.path.Authorities, "event_id", r.event.ID)
	}
	own, err := r.inbox.Topic(ctx)
	if err != nil {
		return err
	}
	r.event.Probe.Topic = own
	return r.inbox.Listen(ctx, own, "", "")
}

// try does all between the first look and the last answer.
func (r *run) try(ctx context.Context, report *Report) error {
	if r.Silent {
		if err := r.diverts(ctx); err != nil {
			return err
		}
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	if err := r.open(ctx); err != nil {
		err = fmt.Errorf("subscribe a queue of the probe's own: %w", err)
		if !apierr.NotFound(err) || r.Silent {
			return err
		}
		report.fill(r, r.unsent(ctx, hopTopic, err))
		return ctx.Err()
	}
	var lake *lake
	if r.Deep {
		var err error
		if lake, err = r.lakeBefore(ctx); err != nil {
			return err
		}
	}
	lost, err := r.follow(ctx)
	if err != nil {
		return err
	}
	report.fill(r, lost)
	if lake == nil || lost != nil && lost.hop == hopStream {
		return nil
	}
	return lake.wait(ctx, r, report)
}
