package alert_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/alert"
	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/aws/sweep"
	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/graph"
	"github.com/ccs-platform/ccsctl/internal/inbox"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// world is a pipeline's topics with their key, and a tester of them.
type world struct {
	*testing.T
	box      *sandbox.Sandbox
	cfg      aws.Config
	pipeline *pipeline.Pipeline
	tester   *alert.Tester
	notes    []string
}

var configuration = sync.OnceValues(func() (*config.Config, error) {
	dir, err := os.MkdirTemp("", "alert")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "c.yaml")
	text := "project_name: ccs\nenvironment: prod\ns3_data_lake_bucket: ccs-lake\n" +
		"subscriptions:\n  alarms:\n    - {protocol: email, endpoint: duty@example.com}\n    - {protocol: sms, endpoint: \"+4912345678\"}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return config.Load(config.Source{Files: []string{file}})
})

func inPipeline(t *testing.T, timing string, test func(w *world)) {
	t.Helper()
	c, err := configuration()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s, cfg := sandboxtest.New(t, sandbox.Options{Timing: timing})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		defer func() { stop(); <-done }()
		p := pipeline.New(pipeline.Settings{Config: c, AWS: cfg, Account: sandbox.Account, Region: cfg.Region, Partition: "aws", Architecture: "arm64"})
		g := new(graph.Graph[resource.Resource])
		for _, r := range p.Graph().Nodes() {
			if kind := r.ID().Kind; kind == "topic" || kind == "key" {
				g.Add(r, slices.DeleteFunc(p.Graph().Needs(r), func(n resource.Resource) bool { return n.ID().Kind != "key" })...)
			}
		}
		up, err := plan.Compute(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		results, err := up.Apply(t.Context(), plan.Options{Sort: apierr.Sort})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil {
				t.Fatalf("up %s: %v", r.ID, r.Err)
			}
		}
		path := p.EmergencyPath()
		w := &world{T: t, box: s, cfg: cfg, pipeline: p, tester: &alert.Tester{
			Site:     inbox.Site{AWS: cfg, Owner: p.Owner(), Prefix: path.Temporary, Topics: path.Topics, NewQueue: path.NewQueue, NewTopic: path.NewTopic},
			Pipeline: "ccs/prod", By: "arn:aws:iam::000000000000:user/me", Limit: 30 * time.Second,
		}}
		if timing == "aws" {
			w.tester.Lag = 2 * time.Minute
		}
		test(w)
		if left := w.left(); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func (w *world) topic(name string) alert.Topic {
	w.Helper()
	t, err := w.pipeline.FindTopic(name)
	if err != nil {
		w.Fatal(err)
	}
	return alert.Topic(t)
}

func (w *world) run(ctx context.Context, name string) (*alert.Report, error) {
	w.Helper()
	ctx = resource.WithNotes(ctx, func(n string) { w.notes = append(w.notes, n) })
	return w.tester.Run(ctx, w.Context(), w.topic(name))
}

// left is what is there that was made for a while: queues, topics, and
// subscriptions of such queues.
func (w *world) left() []string {
	w.Helper()
	left, err := sweep.New(w.cfg, w.pipeline.Owner()).Expired(w.Context(), time.Now().Add(24*time.Hour))
	if err != nil {
		w.Fatal(err)
	}
	all, err := sns.NewFromConfig(w.cfg).ListSubscriptions(w.Context(), &sns.ListSubscriptionsInput{})
	if err != nil {
		w.Fatal(err)
	}
	for _, s := range all.Subscriptions {
		if aws.ToString(s.Protocol) == "sqs" && aws.ToString(s.SubscriptionArn) != "Deleted" {
			left = append(left, aws.ToString(s.SubscriptionArn))
		}
	}
	return left
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func TestArrivesAsItIsRendered(t *testing.T) {
	for _, timing := range []string{"instant", "aws"} {
		t.Run(timing, func(t *testing.T) {
			inPipeline(t, timing, func(w *world) {
				r, err := w.run(w.Context(), "alarms")
				w.must(err)
				if !r.Arrived || r.Problem != "" || r.LatencyMS == nil || *r.LatencyMS > 2000 || r.MessageID == "" {
					w.Fatalf("%+v", r)
				}
				if !strings.HasPrefix(r.Subject, "[TEST] ccs/prod") || !strings.HasPrefix(r.Text, "[TEST] Nothing is wrong") || !strings.Contains(r.Text, "user/me") {
					w.Errorf("subject %q, text %q", r.Subject, r.Text)
				}
				want := []alert.Subscription{{Protocol: "email", Endpoint: "duty@example.com"}, {Protocol: "sms", Endpoint: "+4912345678", Confirmed: true}}
				if !slices.Equal(r.Subscriptions, want) {
					w.Errorf("heard by %v", r.Subscriptions)
				}
				w.must(w.tester.Measure(w.Context(), []*alert.Report{r}, 10*time.Minute))
				if r.Delivered == nil || *r.Delivered != 2 || r.Failed != nil && *r.Failed != 0 {
					w.Errorf("delivered %v, failed %v", r.Delivered, r.Failed)
				}
			})
		})
	}
}

// A real alert in the midst is not taken for the test.
func TestTellsItsOwnFromOthers(t *testing.T) {
	inPipeline(t, "instant", func(w *world) {
		real := sns.NewFromConfig(w.cfg)
		sent := 0
		w.tester.Site.AWS.HTTPClient = publishing(w.cfg.HTTPClient, func(ctx context.Context) {
			_, err := real.Publish(ctx, &sns.PublishInput{TopicArn: aws.String(w.topic("alarms").ARN), Subject: aws.String("ALARM"), Message: aws.String("real")})
			w.must(err)
			sent++
		})
		r, err := w.run(w.Context(), "alarms")
		w.must(err)
		if sent != 1 || !r.Arrived || !strings.HasPrefix(r.Subject, "[TEST]") {
			w.Errorf("%d real ones; %+v", sent, r)
		}
	})
}

func TestLostAlertsAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		fault sandbox.Fault
		want  string
	}{
		"not let in":       {sandbox.Fault{Service: "sns", Operation: "Publish", Code: "AuthorizationError", Message: "not allowed", Status: 403}, "publish to ccs-prod-alarms: .*AuthorizationError"},
		"no queue":         {sandbox.Fault{Service: "sqs", Operation: "CreateQueue", Code: "AccessDenied", Message: "no", Status: 403}, "subscribe a queue of the test's own: sqs:CreateQueue"},
		"no subscription":  {sandbox.Fault{Service: "sns", Operation: "Subscribe", Code: "AuthorizationError", Message: "no", Status: 403}, "subscribe a queue of the test's own: subscribe to"},
		"nothing received": {sandbox.Fault{Service: "sqs", Operation: "ReceiveMessage", Code: "ServiceUnavailable", Status: 503}, "did not arrive within 30s, though SNS took it"},
	} {
		t.Run(name, func(t *testing.T) {
			inPipeline(t, "instant", func(w *world) {
				w.box.Faults.Add(c.fault)
				r, err := w.run(w.Context(), "alarms")
				w.must(err)
				if r.Arrived || !regexp.MustCompile(c.want).MatchString(r.Problem) || len(r.Left) > 0 {
					w.Errorf("arrived %v, %q, left %v", r.Arrived, r.Problem, r.Left)
				}
				w.box.Faults.Clear()
			})
		})
	}
}

// The test's subscriber is cut off from its topic: SNS takes the alert and can't
// deliver it, which its count says, too.
func TestUndeliveredIsLostAndCounted(t *testing.T) {
	inPipeline(t, "aws", func(w *world) {
		w.tester.Site.AWS.HTTPClient = publishing(w.cfg.HTTPClient, func(ctx context.Context) {
			q := sqs.NewFromConfig(w.cfg)
			all, err := q.ListQueues(ctx, &sqs.ListQueuesInput{})
			w.must(err)
			for _, url := range all.QueueUrls {
				_, err := q.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"Policy": ""}})
				w.must(err)
			}
			time.Sleep(2 * time.Minute) // until SQS knows it everywhere
		})
		r, err := w.run(w.Context(), "alarms")
		w.must(err)
		if r.Arrived || !errors.Is(r.Err, alert.ErrLost) {
			w.Fatalf("%+v", r)
		}
		w.must(w.tester.Measure(w.Context(), []*alert.Report{r}, 10*time.Minute))
		if r.Failed == nil || *r.Failed != 1 || r.Delivered == nil || *r.Delivered != 1 {
			w.Errorf("delivered %v, failed %v", r.Delivered, r.Failed)
		}
	})
}

// Interrupted, it takes its things away before it ends; killed, the next sweeps
// them, an hour later, from whichever topic.
func TestNothingIsLeft(t *testing.T) {
	inPipeline(t, "instant", func(w *world) {
		w.box.Faults.Add(sandbox.Fault{Service: "sqs", Operation: "ReceiveMessage", Code: "ServiceUnavailable", Status: 503})
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(w.Context())
		time.AfterFunc(5*time.Second, func() { cancel(stop) })
		if r, err := w.run(ctx, "alarms"); !errors.Is(err, stop) || len(r.Left) > 0 || len(w.left()) > 0 {
			w.Fatalf("%v, left %v, %v", err, r.Left, w.left())
		}
		gone, kill := context.WithCancel(w.Context())
		time.AfterFunc(5*time.Second, kill)
		r, _ := w.tester.Run(gone, gone, w.topic("manager-notifications"))
		if len(r.Left) == 0 || len(w.left()) != 2 {
			w.Fatalf("left %v, %v", r.Left, w.left())
		}
		if swept := w.tester.Sweep(w.Context()); len(swept) != 0 {
			w.Errorf("swept what may be in use: %v", swept)
		}
		time.Sleep(inbox.Life + time.Minute)
		if swept := w.tester.Sweep(w.Context()); len(swept) != 2 {
			w.Errorf("swept %v", swept)
		}
	})
}

func TestNoTopic(t *testing.T) {
	inPipeline(t, "instant", func(w *world) {
		_, err := sns.NewFromConfig(w.cfg).DeleteTopic(w.Context(), &sns.DeleteTopicInput{TopicArn: aws.String(w.topic("alarms").ARN)})
		w.must(err)
		r, err := w.run(w.Context(), "alarms")
		if err != nil || !apierr.NotFound(r.Err) {
			w.Errorf("%v, %v", err, r.Err)
		}
	})
}

// between puts something between a client and what answers it.
type between struct {
	do   func(r *http.Request, next aws.HTTPClient) (*http.Response, error)
	next aws.HTTPClient
}

func (b between) Do(r *http.Request) (*http.Response, error) { return b.do(r, b.next) }

// publishing runs f before a message is published.
func publishing(next aws.HTTPClient, f func(ctx context.Context)) aws.HTTPClient {
	return between{next: next, do: func(r *http.Request, next aws.HTTPClient) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("Action=Publish")) {
			f(r.Context())
		}
		return next.Do(r)
	}}
}
