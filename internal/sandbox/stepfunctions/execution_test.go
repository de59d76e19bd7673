package stepfunctions_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/aws/workflow"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// live is an account that runs, with a role that may publish.
type live struct {
	*testing.T
	sfn *sfn.Client
	sns *sns.Client
	sqs *sqs.Client

	started int
}

// inBubble runs a test in an account that lives for as long.
func inBubble(t *testing.T, test func(t *testing.T, l *live)) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := sandboxtest.New(t, sandbox.Options{})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		defer func() { stop(); <-done }()
		roles := iam.NewFromConfig(cfg)
		_, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("one"), AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
		must(t, err)
		_, err = roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("one"), PolicyName: aws.String("p"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sns:Publish","Resource":"*"}]}`)})
		must(t, err)
		test(t, &live{T: t, sfn: sfn.NewFromConfig(cfg), sns: sns.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg)})
	})
}

// machine makes a state machine of a definition.
func (l *live) machine(definition string) {
	l.Helper()
	_, err := l.sfn.CreateStateMachine(l.Context(), &sfn.CreateStateMachineInput{Name: aws.String("m"), Definition: &definition, RoleArn: aws.String(role + "one")})
	must(l.T, err)
}

// start starts an execution and returns its ARN.
func (l *live) start(name, input string) (string, error) {
	out, err := l.sfn.StartExecution(l.Context(), &sfn.StartExecutionInput{StateMachineArn: aws.String(machines + "m"), Name: &name, Input: &input})
	if err != nil {
		return "", err
	}
	return *out.ExecutionArn, nil
}

func (l *live) describe(arn string) *sfn.DescribeExecutionOutput {
	l.Helper()
	out, err := l.sfn.DescribeExecution(l.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	must(l.T, err)
	return out
}

// outcome is how an execution of an input ended, and after how long.
func (l *live) outcome(input string) (string, time.Duration) {
	l.Helper()
	l.started++
	arn, err := l.start(fmt.Sprint("x", l.started), input)
	must(l.T, err)
	for {
		synctest.Wait()
		if e := l.describe(arn); e.Status != types.ExecutionStatusRunning {
			return strings.TrimSpace(fmt.Sprint(e.Status, " ", aws.ToString(e.Output), aws.ToString(e.Error), " ", aws.ToString(e.Cause))), e.StopDate.Sub(*e.StartDate)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (l *live) events(arn string) []string {
	l.Helper()
	var kinds []string
	pages := sfn.NewGetExecutionHistoryPaginator(l.sfn, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: 3})
	for pages.HasMorePages() {
		page, err := pages.NextPage(l.Context())
		must(l.T, err)
		for _, e := range page.Events {
			kinds = append(kinds, string(e.Type))
		}
	}
	return kinds
}

// listen makes a topic and a queue that gets what is published to it, raw.
func (l *live) listen(name string) (received func() []string) {
	l.Helper()
	made, err := l.sns.CreateTopic(l.Context(), &sns.CreateTopicInput{Name: &name})
	must(l.T, err)
	arn := "arn:aws:sqs:" + sandbox.Region + ":" + sandbox.Account + ":" + name
	q, err := l.sqs.CreateQueue(l.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"Policy": fmt.Sprintf(
		`{"Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":%q,"Condition":{"ArnEquals":{"aws:SourceArn":%q}}}]}`, arn, *made.TopicArn)}})
	must(l.T, err)
	_, err = l.sns.Subscribe(l.Context(), &sns.SubscribeInput{TopicArn: made.TopicArn, Protocol: aws.String("sqs"), Endpoint: &arn, Attributes: map[string]string{"RawMessageDelivery": "true"}})
	must(l.T, err)
	return func() (texts []string) {
		synctest.Wait()
		out, err := l.sqs.ReceiveMessage(l.Context(), &sqs.ReceiveMessageInput{QueueUrl: q.QueueUrl, MaxNumberOfMessages: 10})
		must(l.T, err)
		for _, m := range out.Messages {
			texts = append(texts, *m.Body)
		}
		return texts
	}
}

func topicARN(name string) string {
	return "arn:aws:sns:" + sandbox.Region + ":" + sandbox.Account + ":" + name
}

const crash = `{"event_id":"e1","vehicle_id":"v1","type":"crash","severity":"critical","occurred_at":"2026-01-01T00:00:00Z","speed_kmh":12.50}`

// The pipeline's own workflow tells whom it should, and whoever can't be told is
// reported after the retries.
func TestTheEmergencyWorkflow(t *testing.T) {
	topics := workflow.Topics{Authorities: topicARN("authorities"), Owners: topicARN("owners"), Managers: topicARN("managers"), Alarms: topicARN("alarms")}
	inBubble(t, func(t *testing.T, l *live) {
		authorities, owners, managers, alarms := l.listen("authorities"), l.listen("owners"), l.listen("managers"), l.listen("alarms")
		l.machine(workflow.Definition(topics))
		got, took := l.outcome(crash)
		if !strings.HasPrefix(got, "SUCCEEDED") || took > time.Second {
			t.Errorf("a crash: %s after %v", got, took)
		}
		a := authorities()
		if len(a) != 1 || !strings.HasPrefix(a[0], "Vehicle v1 reported crash (critical) at 2026-01-01T00:00:00Z. Event e1: {") || !strings.Contains(a[0], `"speed_kmh":12.50`) {
			t.Errorf("the authorities got %q", a)
		}
		if o, m, x := owners(), managers(), alarms(); len(o) != 1 || len(m) != 0 || len(x) != 0 {
			t.Errorf("owner %q, manager %q, alarms %q", o, m, x)
		}
		got, _ = l.outcome(strings.Replace(crash, "crash", "theft", 1))
		if m := managers(); len(m) != 1 {
			t.Errorf("a theft: %s, and the manager got %q", got, m)
		}
	})
	inBubble(t, func(t *testing.T, l *live) { // nobody made the authorities' topic
		owners, _, alarms := l.listen("owners"), l.listen("managers"), l.listen("alarms")
		l.machine(workflow.Definition(topics))
		arn, err := l.start("e1", crash)
		must(t, err)
		if o := owners(); len(o) != 1 {
			t.Errorf("the owner waits for the authorities' retries: %q", o)
		}
		time.Sleep(time.Minute)
		if x := alarms(); len(x) != 1 || !strings.Contains(x[0], arn) || !strings.Contains(x[0], "SNS.NotFoundException") {
			t.Errorf("the alarms topic got %q", x)
		}
		e := l.describe(arn)
		if e.Status != types.ExecutionStatusFailed || aws.ToString(e.Error) != "AlertNotDelivered" {
			t.Errorf("ended %s with %s", e.Status, aws.ToString(e.Error))
		}
		events := l.events(arn)
		tries := 0
		for _, kind := range events {
			if kind == "TaskFailed" {
				tries++
			}
		}
		if tries != 6 || events[0] != "ExecutionStarted" || !slices.Contains(events, "ParallelStateSucceeded") || !slices.Equal(events[len(events)-2:], []string{"FailStateEntered", "ExecutionFailed"}) {
			t.Errorf("%d tries; events %v", tries, events)
		}
	})
}

// Trap 26: a name is held while its execution runs for the same input, and for
// 90 days after it closed for nobody.
func TestNamesOfExecutions(t *testing.T) {
	inBubble(t, func(t *testing.T, l *live) {
		l.machine(`{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"End":true}}}`)
		first, err := l.start("e", "{}")
		must(t, err)
		if again, err := l.start("e", "{}"); err != nil || again != first {
			t.Errorf("the same again: %s, %v", again, err)
		}
		_, err = l.start("e", `{"x":1}`)
		refused(t, "other input", err, "ExecutionAlreadyExists", "Execution Already Exists: '"+first+"'")
		_, err = l.start("a b", "{}")
		refused(t, "name", err, "InvalidName", "Invalid Name: 'a b'")
		_, err = l.start("bad", "{")
		refused(t, "input", err, "InvalidExecutionInput", "Invalid State Machine Execution Input")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		_, err = l.start("e", "{}")
		refused(t, "closed", err, "ExecutionAlreadyExists", "")
	})
	synctest.Test(t, func(t *testing.T) { // nothing runs, so that 90 days pass quickly
		l := &live{T: t, sfn: world(t, "instant")}
		l.machine(first)
		arn, err := l.start("e", "{}")
		must(t, err)
		_, err = l.sfn.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &arn})
		must(t, err)
		_, err = l.start("e", "{}")
		refused(t, "stopped", err, "ExecutionAlreadyExists", "")
		time.Sleep(90 * 24 * time.Hour)
		if _, err := l.start("e", "{}"); err != nil {
			t.Errorf("after 90 days: %v", err)
		}
	})
}

// Each line is a machine's state X and the states behind it, an input, and what
// comes of it.
func TestStates(t *testing.T) {
	const end = `,"Good":{"Type":"Pass","Result":"good","End":true},"Bad":{"Type":"Pass","End":true}`
	for _, test := range []struct{ x, input, want string }{
		{`{"Type":"Pass","Parameters":{"a.$":"$.n[1]","b.$":"States.Format('{}-{}', $.s, $.n)","c":{"d.$":"$$.Execution.Name"}},"OutputPath":"$.b","End":true}`, `{"s":"x","n":[1,2]}`, `SUCCEEDED "x-[1,2]"`},
		{`{"Type":"Pass","Result":1,"ResultPath":"$.a.b","End":true}`, `{"a":{"c":2},"n":1.0}`, `SUCCEEDED {"a":{"b":1,"c":2},"n":1.0}`},
		{`{"Type":"Pass","InputPath":"$.a","ResultPath":null,"End":true}`, `{"a":1}`, `SUCCEEDED {"a":1}`},
		{`{"Type":"Pass","Parameters":{"a.$":"$.absent"},"End":true}`, `{}`, "FAILED States.Runtime The JSONPath '$['absent']' could not be found in the input '{}'"},
		{`{"Type":"Choice","Choices":[{"Variable":"$.t","StringMatches":"a*c","Next":"Good"},{"Variable":"$.t","IsString":true,"Next":"Bad"}]}` + end, `{"t":"abc"}`, `SUCCEEDED "good"`},
		{`{"Type":"Choice","Choices":[{"And":[{"Variable":"$.t","NumericGreaterThan":1},{"Not":{"Variable":"$.t","NumericGreaterThanEqualsPath":"$.u"}}],"Next":"Good"}],"Default":"Bad"}` + end, `{"t":2,"u":3}`, `SUCCEEDED "good"`},
		{`{"Type":"Choice","Choices":[{"Variable":"$.t","TimestampLessThan":"2026-01-01T00:00:00Z","Next":"Good"},{"Variable":"$.t","IsNull":true,"Next":"Bad"}]}` + end, `{"t":"2025-12-31T23:59:59-01:00"}`, "FAILED States.NoChoiceMatched No Choice rule matched and no Default state was specified"},
		{`{"Type":"Choice","Choices":[{"Variable":"$.absent","StringEquals":"x","Next":"Good"}],"Default":"Bad"}` + end, `{}`, "FAILED States.Runtime Invalid path '$.absent': The choice state's condition path references an invalid value."},
		{`{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":3,"End":true}}},{"StartAt":"B","States":{"B":{"Type":"Pass","Result":[],"End":true}}}],"End":true}`, `{"a":1}`, `SUCCEEDED [{"a":1},[]]`},
		{`{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":3,"End":true}}},{"StartAt":"B","States":{"B":{"Type":"Fail","Error":"E","Cause":"C"}}}],
			"Catch":[{"ErrorEquals":["E"],"ResultPath":"$.e","Next":"Bad"}],"Next":"Good"}` + end, `{"a":1}`, `SUCCEEDED {"a":1,"e":{"Cause":"C","Error":"E"}}`},
		{`{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","InputPath":"$.absent","End":true}}}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Bad"}],"End":true}` + end[len(`,"Good":{"Type":"Pass","Result":"good","End":true}`):], `{}`, "FAILED States.Runtime The JSONPath '$['absent']' could not be found in the input '{}'"},
	} {
		inBubble(t, func(t *testing.T, l *live) {
			l.machine(`{"StartAt":"X","States":{"X":` + test.x + `}}`)
			if got, _ := l.outcome(test.input); got != test.want {
				t.Errorf("%s of %s:\ngot  %s\nwant %s", test.x, test.input, got, test.want)
			}
		})
	}
}

// A retry waits for longer each time, up to its bound, and no retry outlasts the
// execution's timeout.
func TestRetriesAndTimeouts(t *testing.T) {
	task := `{"StartAt":"T","TimeoutSeconds":%d,"States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sns:publish","Parameters":{"TopicArn":"` + topicARN("absent") + `","Message":"m"},
		"Retry":[{"ErrorEquals":["States.Timeout"]},{"ErrorEquals":["SNS.NotFoundException"],"IntervalSeconds":2,"BackoffRate":3,"MaxAttempts":4,"MaxDelaySeconds":10}],"End":true}}}`
	for seconds, want := range map[int]string{
		60: "FAILED SNS.NotFoundException Topic does not exist (Service: AmazonSNS; Error Code: NotFound) after 28s", // 2 + 6 + 10 + 10
		20: "TIMED_OUT after 20s",
	} {
		inBubble(t, func(t *testing.T, l *live) {
			l.machine(fmt.Sprintf(task, seconds))
			got, took := l.outcome("{}")
			if got := fmt.Sprint(got, " after ", took); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// A deletion waits for what runs, which ends when it goes from one state to the
// next.
func TestDeletionEndsWhatRuns(t *testing.T) {
	inBubble(t, func(t *testing.T, l *live) {
		const waits = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"Next":"Z"},"Z":{"Type":"Wait","Seconds":1000,"End":true}}}`
		l.machine(waits)
		running, err := l.start("running", "{}")
		must(t, err)
		halted, err := l.start("halted", "{}")
		must(t, err)
		synctest.Wait()
		_, err = l.sfn.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &halted, Error: aws.String("E"), Cause: aws.String("C")})
		must(t, err)
		if e := l.describe(halted); e.Status != types.ExecutionStatusAborted || *e.Error != "E" {
			t.Errorf("stopped: %s", e.Status)
		}
		list, err := l.sfn.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: aws.String(machines + "m"), StatusFilter: types.ExecutionStatusRunning})
		must(t, err)
		if len(list.Executions) != 1 || *list.Executions[0].ExecutionArn != running {
			t.Errorf("running are %v", list.Executions)
		}
		_, err = l.sfn.DeleteStateMachine(t.Context(), &sfn.DeleteStateMachineInput{StateMachineArn: aws.String(machines + "m")})
		must(t, err)
		_, err = l.start("late", "{}")
		refused(t, "a start while deleting", err, "StateMachineDeleting", "")
		time.Sleep(9 * time.Second)
		if e := l.describe(running); e.Status != types.ExecutionStatusRunning {
			t.Errorf("within a state: %s", e.Status)
		}
		time.Sleep(2 * time.Second)
		_, err = l.sfn.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(machines + "m")})
		refused(t, "deleted", err, "StateMachineDoesNotExist", "")
		l.machine(waits)
	})
}
