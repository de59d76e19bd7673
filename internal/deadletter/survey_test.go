package deadletter_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/aws/mapping"
	"github.com/ccs-platform/ccsctl/internal/aws/metric"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/deadletter"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

const sqsARN = "arn:aws:sqs:" + sandbox.Region + ":" + sandbox.Account + ":"

// What a survey reads is told, and of what it can't read only that: whether
// nothing feeds a function is known although another read failed, and not known
// when that one did.
func TestSurveyTellsNoneFromUnknown(t *testing.T) {
	// One line a place: visible messages, their age in minutes, SQS's tasks, the
	// consumer, and what is wrong.
	for failing, want := range map[string][]string{
		"": {
			"fed: 8 visible, dead 4m, moves [RUNNING], consumer Disabled, 0 wrong",
			"unfed: 0 visible, dead –, moves [], consumer none, 0 wrong",
			"gone: unread, dead –, moves [], consumer none, 1 wrong",
		},
		"ListMessageMoveTasks": {
			"fed: 8 visible, dead 4m, moves [], consumer Disabled, 1 wrong",
			"unfed: 0 visible, dead –, moves [], consumer none, 1 wrong",
			"gone: unread, dead –, moves [], consumer none, 1 wrong",
		},
		"ListEventSourceMappings": {
			"fed: 8 visible, dead 4m, moves [RUNNING], consumer –, 1 wrong",
			"unfed: 0 visible, dead –, moves [], consumer –, 1 wrong",
			"gone: unread, dead –, moves [], consumer –, 2 wrong",
		},
		"GetQueueAttributes": {
			"fed: unread, dead –, moves [], consumer Disabled, 1 wrong",
			"unfed: unread, dead –, moves [], consumer none, 1 wrong",
			"gone: unread, dead –, moves [], consumer none, 1 wrong",
		},
		"GetMetricData": {
			"fed: 8 visible, dead –, moves [RUNNING], consumer Disabled, 1 wrong",
			"unfed: 0 visible, dead –, moves [], consumer none, 1 wrong",
			"gone: unread, dead –, moves [], consumer none, 2 wrong",
		},
	} {
		t.Run(failing, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, cfg := sandboxtest.New(t, sandbox.Options{})
				running, stop := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() { defer close(ended); s.Run(running) }()
				defer func() { stop(); <-ended }()
				letDie(t, cfg, "fed", 9)
				filled(t, cfg, "unfed-dlq")
				idleFunction(t, cfg, "handler", sqsARN+"fed")
				dead, err := queue.Open(t.Context(), cfg, "fed-dlq")
				must(t, err)
				_, err = dead.StartMove(t.Context(), "", 1)
				must(t, err)
				time.Sleep(1500 * time.Millisecond) // one is moved
				if failing != "" {
					s.Faults.Add(sandbox.Fault{Operation: failing, Code: "AccessDenied", Status: 403})
				}
				var got []string
				places := []deadletter.Place{place(cfg, "fed"), place(cfg, "unfed"), place(cfg, "gone")}
				for i, state := range deadletter.Survey(t.Context(), places, metric.New(cfg)) {
					got = append(got, strings.TrimSuffix(places[i].QueueName, "-dlq")+": "+told(t, state))
				}
				if !slices.Equal(got, want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				time.Sleep(time.Minute)
				s.Faults.Clear()
				if over := deadletter.Survey(t.Context(), places[:1], metric.New(cfg))[0]; over.Depth.Total() != 0 || over.Dead != nil || len(over.Moves) != 0 {
					t.Errorf("once the task is over: got %s", told(t, over))
				}
			})
		})
	}
}

// A stream's failures are in a queue that SQS has no tasks for.
func TestSurveyAsksForTasksOnlyWhereThereCanBeSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := sandboxtest.New(t, sandbox.Options{})
		filled(t, cfg, "unfed-dlq", queue.Outgoing{Body: "{}"})
		s.Faults.Add(sandbox.Fault{Operation: "ListMessageMoveTasks", Code: "AccessDenied", Status: 403})
		p := place(cfg, "unfed")
		p.Moved = false
		if got := told(t, deadletter.Survey(t.Context(), []deadletter.Place{p}, metric.New(cfg))[0]); got != "1 visible, dead –, moves [], consumer none, 0 wrong" {
			t.Errorf("got %s", got)
		}
	})
}

// told is a state in one line.
func told(t *testing.T, s deadletter.State) string {
	t.Helper()
	depth, dead, consumer, moves := "unread", "–", "none", []string{}
	if !s.Depth.At.IsZero() {
		depth = fmt.Sprintf("%d visible", s.Depth.Visible)
	}
	if s.Dead != nil {
		dead = fmt.Sprintf("%.0fm", s.Dead.Minutes())
	}
	for _, m := range s.Moves {
		moves = append(moves, string(m.State))
	}
	switch {
	case s.Consumer != nil:
		consumer = s.Consumer.State
	case s.ConsumerErr != nil:
		consumer = "–"
		if !slices.ContainsFunc(s.Errs, func(err error) bool { return errors.Is(err, s.ConsumerErr) }) {
			t.Errorf("%v is not among %v", s.ConsumerErr, s.Errs)
		}
	}
	return fmt.Sprintf("%s, dead %s, moves %v, consumer %s, %d wrong", depth, dead, moves, consumer, len(s.Errs))
}

// place is a queue's dead letters as the pipeline has them.
func place(cfg aws.Config, name string) deadletter.Place {
	return deadletter.Place{
		QueueName: name + "-dlq", Moved: true,
		Open: func(ctx context.Context) (deadletter.Watched, error) { return queue.Open(ctx, cfg, name+"-dlq") },
		Consumer: func(ctx context.Context) (mapping.State, bool, error) {
			return mapping.Find(ctx, cfg, sqsARN+name, "handler")
		},
	}
}

// letDie makes a queue, and receives some messages of it once too often, so that
// they are in NAME-dlq.
func letDie(t *testing.T, cfg aws.Config, name string, count int) {
	t.Helper()
	filled(t, cfg, name+"-dlq")
	_, err := sqs.NewFromConfig(cfg).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{
		"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":1}`, sqsARN+name+"-dlq")}})
	must(t, err)
	q, err := queue.Open(t.Context(), cfg, name)
	must(t, err)
	for i := range count {
		for _, sent := range q.Send(t.Context(), []queue.Outgoing{{Body: fmt.Sprint(i)}}) {
			must(t, sent.Err)
		}
	}
	for range 2 {
		for {
			got, err := q.Receive(t.Context(), queue.Ask{Most: queue.MaxBatch, Visibility: time.Second})
			must(t, err)
			if len(got) == 0 {
				break
			}
		}
		time.Sleep(2 * time.Second)
	}
}

// idleFunction is a function whose mapping from a queue is disabled.
func idleFunction(t *testing.T, cfg aws.Config, name, source string) {
	t.Helper()
	ctx := t.Context()
	_, err := iam.NewFromConfig(cfg).CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(name), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	must(t, err)
	_, err = iam.NewFromConfig(cfg).PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String(name), PolicyName: aws.String("p"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:ReceiveMessage","sqs:DeleteMessage","sqs:GetQueueAttributes"],"Resource":"*"}]}`)})
	must(t, err)
	var code bytes.Buffer
	w := zip.NewWriter(&code)
	_, err = w.Create("bootstrap")
	must(t, err)
	must(t, w.Close())
	time.Sleep(time.Minute) // until the role is known everywhere
	client := lambda.NewFromConfig(cfg)
	_, err = client.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: &name, Role: aws.String("arn:aws:iam::" + sandbox.Account + ":role/" + name), Handler: aws.String("bootstrap"),
		Runtime: types.RuntimeProvidedal2023, Code: &types.FunctionCode{ZipFile: code.Bytes()},
	})
	must(t, err)
	time.Sleep(time.Minute)
	_, err = client.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{EventSourceArn: &source, FunctionName: &name, Enabled: aws.Bool(false)})
	must(t, err)
	time.Sleep(time.Minute)
}
