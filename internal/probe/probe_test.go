package probe_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/ccs-platform/ccsctl/internal/probe"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

func TestAnEventIsTimedAtEveryHop(t *testing.T) {
	for _, timing := range []string{"fast", "aws"} {
		t.Run(timing, func(t *testing.T) {
			inPipeline(t, timing, func(w *world) {
				report := w.run(options())
				if report.Failure != nil || len(report.Hops) != 6 || len(report.Left) > 0 {
					w.Fatalf("%+v", report)
				}
				var sum int64
				for i, h := range report.Hops {
					if h.State != probe.Reached || h.At == nil || h.TookMS == nil {
						w.Errorf("%+v", h)
						continue
					}
					if i > 0 {
						sum += *h.TookMS
					}
				}
				// At AWS's timing a shard is read once a second.
				if sum != *report.TotalMS || *report.TotalMS > 1500 || !report.Kept {
					w.Errorf("%d ms in all, the hops say %d; kept: %v", *report.TotalMS, sum, report.Kept)
				}
				letters := w.letters(report.Event)
				if len(letters) != 1 || letters[0].To != "+4912345678" || !strings.Contains(letters[0].Body, "[TEST]") {
					w.Errorf("the authorities got %+v", letters)
				}
				w.clean()
			})
		})
	}
}

func TestASilentTestAlertsNobody(t *testing.T) {
	inPipeline(t, "fast", func(w *world) {
		o := options()
		o.Silent = true
		report := w.run(o)
		if !report.Kept || report.Failure != nil || !report.Silent {
			w.Errorf("%+v", report)
		}
		if letters := w.letters(report.Event); len(letters) > 0 {
			w.Errorf("somebody was alerted: %+v", letters)
		}
		w.clean()

		// Where the workflow is another one nothing may be sent at all.
		w.changeWorkflow()
		report, err := w.probe().Run(w.Context(), w.Context(), o)
		if err == nil || !strings.Contains(err.Error(), "live workflow") {
			w.Errorf("with another workflow: %+v, %v", report, err)
		}
		if n := w.sandbox.Calls.Count(); n[putRecord] != 1 {
			w.Errorf("%d records were put, want the first test's alone", n[putRecord])
		}
		w.clean()
	})
}

func TestBeginningAtTheQueueLeavesTheStreamOut(t *testing.T) {
	inPipeline(t, "fast", func(w *world) {
		o := options()
		o.FromQueue, o.Promise = true, 100*time.Millisecond
		report := w.run(o)
		if !report.Kept || len(report.Hops) != 4 || report.Hops[0].Name != "queue/emergency.fifo" {
			w.Errorf("%+v", report)
		}
		w.clean()
	})
}

func TestABrokenPromiseIsTold(t *testing.T) {
	inPipeline(t, "fast", func(w *world) {
		w.slow("emergency", "1s")
		o := options()
		o.Promise = 500 * time.Millisecond
		if report := w.run(o); report.Kept || report.Failure != nil {
			w.Errorf("%+v", report)
		}
		w.clean()
	})
}

// Each hop is broken in turn.
func TestTheHopIsNamedWhereAnEventWasLost(t *testing.T) {
	for name, tt := range map[string]struct {
		hop    string
		cause  string // in the causes, or in the reason
		next   string
		broken func(w *world)
		seen   string // last, where more than a time is to be told
		from   bool   // the queue
		silent bool
	}{
		"the stream refuses": {hop: "stream/telemetry", seen: "not sent", cause: "Rate exceeded", next: "ccsctl status", broken: func(w *world) {
			w.sandbox.Faults.Add(sandbox.Fault{Service: "kinesis", Operation: "PutRecord", Code: "ProvisionedThroughputExceededException", Message: "Rate exceeded", Status: 400})
		}},
		"nothing reads the stream": {hop: "function/ingest", cause: "mapping/ingest has changed: state is Disabled", next: "ccsctl plan", broken: func(w *world) { w.disable("ccs-prod-ingest") }},
		"ingest can't send": {hop: "function/ingest", seen: "shardId-", cause: "nothing came to queue/emergency.fifo", next: "aws logs tail /aws/lambda/ccs-prod-ingest", broken: func(w *world) {
			w.sandbox.Faults.Add(sandbox.Fault{Service: "sqs", Operation: "SendMessageBatch", Code: "InternalError", Status: 500})
		}},
		"nothing reads the queue": {hop: "queue/emergency.fifo", cause: "mapping/emergency has changed: state is Disabled", next: "ccsctl plan", broken: func(w *world) { w.disable("ccs-prod-emergency") }},
		"the workflow can't be started": {hop: "function/emergency", cause: "in hand", next: "aws logs tail /aws/lambda/ccs-prod-emergency", broken: func(w *world) {
			w.sandbox.Faults.Add(sandbox.Fault{Service: "stepfunctions", Operation: "StartExecution", Code: "InternalError", Status: 500})
		}},
		"from the queue, the workflow can't be started": {from: true, seen: "sent to queue/emergency.fifo", hop: "function/emergency", cause: "in hand", next: "aws logs tail", broken: func(w *world) {
			w.sandbox.Faults.Add(sandbox.Fault{Service: "stepfunctions", Operation: "StartExecution", Code: "InternalError", Status: 500})
		}},
		"the workflow may not publish":         {hop: "workflow/emergency", seen: "function/emergency starts the workflow", cause: "role/workflow", next: "ccsctl plan", broken: func(w *world) { w.disarm("ccs-prod-workflow-eu-west-1") }},
		"silent, the workflow may not publish": {silent: true, hop: "workflow/emergency", cause: "role/workflow", next: "ccsctl plan", broken: func(w *world) { w.disarm("ccs-prod-workflow-eu-west-1") }},
		"the topic does not deliver": {hop: "topic/authorities-alerts", cause: "nothing was delivered", next: "ccsctl status", broken: func(w *world) {
			w.slow("emergency", "3s")
			go func() { // while the function has the event
				time.Sleep(3 * time.Second)
				w.unsubscribeProbe()
			}()
		}},
		"there is no topic": {hop: "topic/authorities-alerts", seen: "not sent", cause: "topic/authorities-alerts is missing", next: "ccsctl plan", broken: func(w *world) {
			_, err := sns.NewFromConfig(w.aws).DeleteTopic(w.Context(), &sns.DeleteTopicInput{TopicArn: aws.String(w.pipeline.EmergencyPath().Authorities)})
			w.must(err)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inPipeline(t, "fast", func(w *world) {
				tt.broken(w)
				o := options()
				o.FromQueue, o.Silent = tt.from, tt.silent
				report := w.run(o)
				f := report.Failure
				if f == nil || f.Hop != tt.hop || report.Kept || report.TotalMS != nil {
					w.Fatalf("%+v %+v", report, f)
				}
				if why := f.Reason + strings.Join(f.Causes, "; "); !strings.Contains(why, tt.cause) || !strings.HasPrefix(f.Next, tt.next) || !strings.Contains(f.LastSeen, tt.seen) {
					w.Errorf("got %q, next %q, last seen %q", why, f.Next, f.LastSeen)
				}
				for i, h := range report.Hops {
					if h.Name == f.Hop && h.State != probe.Missed || i > 0 && report.Hops[i-1].State == probe.Missed && h.State != probe.Untried {
						w.Errorf("%s: %s", h.Name, h.State)
					}
				}
				w.sandbox.Faults.Clear()
				w.clean()
			})
		})
	}
}

// A message that a function fails on for good is found among the dead letters.
func TestAnEventIsFoundAmongTheDeadLetters(t *testing.T) {
	inPipeline(t, "fast", func(w *world) {
		w.sandbox.Faults.Add(sandbox.Fault{Service: "stepfunctions", Operation: "StartExecution", Code: "InternalError", Status: 500})
		o := options()
		o.Limit = 3 * time.Minute // three receives, half a minute apart
		report := w.run(o)
		if f := report.Failure; f == nil || f.Hop != "function/emergency" || f.Next != "ccsctl dlq peek emergency" {
			w.Errorf("%+v", f)
		}
		w.sandbox.Faults.Clear()
		w.clean()
	})
}

func TestTheLakeIsWaitedFor(t *testing.T) {
	inPipeline(t, "aws", func(w *world) {
		path := w.pipeline.EmergencyPath()
		o := options()
		o.Deep, o.Promise = true, 3*time.Second
		var notes []string
		ctx := resource.WithNotes(w.Context(), func(note string) { notes = append(notes, note) })
		report, err := w.probe().Run(ctx, w.Context(), o)
		w.must(err)
		lake := report.Hops[len(report.Hops)-1]
		buffer := path.Buffer.Milliseconds()
		if !report.Kept || lake.State != probe.Reached || *lake.TookMS < buffer-2000 || *lake.TookMS > buffer+10_000 || !strings.Contains(lake.Note, ".parquet") {
			w.Errorf("%+v", report)
		}
		told := 0
		for _, note := range notes {
			if strings.Contains(note, "of it left") {
				told++
			}
		}
		if told < 15 {
			w.Errorf("waited %v and said so %d times: %q", path.Buffer, told, notes)
		}

		name := "ccs-prod-data-lake"
		_, err = firehose.NewFromConfig(w.aws).DeleteDeliveryStream(w.Context(), &firehose.DeleteDeliveryStreamInput{DeliveryStreamName: &name})
		w.must(err)
		time.Sleep(time.Hour)
		start := time.Now()
		report = w.run(o)
		if f := report.Failure; f == nil || f.Hop != "delivery/data-lake" || f.Causes[0] != "delivery/data-lake is missing" || report.Kept || report.TotalMS == nil {
			w.Errorf("%+v %+v", report, report.Failure)
		}
		if took := time.Since(start); took < path.Buffer || took > path.Buffer+5*time.Minute {
			w.Errorf("gave up after %v", took)
		}
		w.clean()
	})
}

func TestAnInterruptedProbeLeavesNothing(t *testing.T) {
	// From the first calls to the wait at the end.
	for _, after := range []time.Duration{0, time.Millisecond, 60 * time.Millisecond, 150 * time.Millisecond, 400 * time.Millisecond, 1200 * time.Millisecond} {
		for _, silent := range []bool{false, true} {
			inPipeline(t, "fast", func(w *world) {
				ctx, cancel := context.WithCancel(w.Context())
				time.AfterFunc(after, cancel)
				w.sandbox.Faults.Add(sandbox.Fault{Latency: sandbox.Duration(20 * time.Millisecond)})
				w.slow("emergency", "1s")
				o := options()
				o.Silent = silent
				if report, err := w.probe().Run(ctx, w.Context(), o); !errors.Is(err, context.Canceled) || len(report.Left) > 0 {
					w.Errorf("after %v: %+v, %v", after, report, err)
				}
				w.sandbox.Faults.Clear()
				w.clean()
			})
		}
	}
}

// Whatever call the probe is killed at, the next one an hour later takes away
// what it left, and none before: it may still be at work.
func TestAKilledProbeIsCleanedUpAfter(t *testing.T) {
	for _, silent := range []bool{false, true} {
		inPipeline(t, "fast", func(w *world) {
			o := options()
			o.Silent = silent
			for k := 0; ; k++ {
				w.sandbox.Faults.Clear()
				ctx, kill := context.WithCancel(w.Context())
				w.sandbox.Faults.Add(sandbox.Fault{Mutating: true, After: k, Hold: true})
				time.AfterFunc(10*time.Second, kill)
				_, err := w.probe().Run(ctx, ctx, o)
				kill()
				if err == nil {
					break
				}
			}
			w.sandbox.Faults.Clear()
			left := w.left()
			if len(left) < 2 {
				w.Fatalf("nothing was left to clean: %v", left)
			}
			if report := w.run(o); len(report.Swept) > 0 || len(w.left()) != len(left) {
				w.Errorf("swept what may be in use: %v", report.Swept)
			}
			time.Sleep(2 * time.Hour)
			if report := w.run(o); len(report.Swept) == 0 || !report.Kept {
				w.Errorf("swept %v", report.Swept)
			}
			w.clean()
		})
	}
}

// disable turns off what feeds a function.
func (w *world) disable(function string) {
	w.Helper()
	client := lambda.NewFromConfig(w.aws)
	out, err := client.ListEventSourceMappings(w.Context(), &lambda.ListEventSourceMappingsInput{FunctionName: &function})
	w.must(err)
	_, err = client.UpdateEventSourceMapping(w.Context(), &lambda.UpdateEventSourceMappingInput{UUID: out.EventSourceMappings[0].UUID, Enabled: aws.Bool(false)})
	w.must(err)
	time.Sleep(time.Minute)
}

// disarm takes a role's policy away.
func (w *world) disarm(role string) {
	w.Helper()
	_, err := iam.NewFromConfig(w.aws).DeleteRolePolicy(w.Context(), &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: aws.String("pipeline")})
	w.must(err)
	time.Sleep(time.Minute)
}
