package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// deadLetterChecks are what the dlq commands go through, in order. Each needs
// those before it, but for a redrive by SQS's own task, which few have.
var deadLetterChecks = []string{
	"dlq list", "dlq list knows of tasks",
	"telemetry peek", "telemetry dry run", "telemetry purge", "telemetry redrive client", "telemetry redrive native", "telemetry nothing lost",
	"emergency peek", "emergency dry run", "emergency purge", "emergency redrive client", "emergency nothing lost",
}

// checkDeadLetters fills the dead letters of the pipeline's queues, which are
// all that there is of it, and has the program look at them, throw some away and
// send the others back.
func checkDeadLetters(ctx context.Context, w *world) error {
	// moto answers a call that it does not know as if it were in trouble, which
	// is otherwise tried again for a quarter of a minute.
	if err := os.Setenv("AWS_MAX_ATTEMPTS", "2"); err != nil {
		return err
	}
	defer unset("AWS_MAX_ATTEMPTS")
	s, err := w.session(ctx)
	if err != nil {
		return err
	}
	run := &programRun{world: w, cfg: s.Config}
	standard := &lettersQueue{programRun: run, sqs: sqs.NewFromConfig(s.Config), name: "telemetry"}
	fifo := &lettersQueue{programRun: run, sqs: standard.sqs, name: "emergency", fifo: true}
	for _, q := range []*lettersQueue{standard, fifo} {
		if err := q.fill(ctx); err != nil {
			return fmt.Errorf("dead letters of %s: %w", q.name, err)
		}
	}
	if _, err := standard.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(base + "-stream-failures")}); err != nil {
		return err
	}
	problems, err := run.listed(ctx)
	w.check("dlq list", err)
	w.check("dlq list knows of tasks", problems)
	for _, q := range []*lettersQueue{standard, fifo} {
		q.replay(ctx)
	}
	return nil
}

// replay goes through a queue's checks.
func (q *lettersQueue) replay(ctx context.Context) {
	failed := ""
	check := func(name string, step func(context.Context) error) {
		name = q.name + " " + name
		if failed != "" {
			q.skip(name, failed+" failed")
			return
		}
		err := step(ctx)
		q.check(name, err)
		if err != nil && !strings.HasSuffix(name, "native") {
			failed = name
		}
	}
	check("peek", q.peek)
	check("dry run", q.dryRun)
	check("purge", q.purge)
	if q.fifo {
		check("redrive client", func(ctx context.Context) error { return q.redrive(ctx, "client", good) })
	} else {
		check("redrive client", func(ctx context.Context) error {
			return q.redrive(ctx, "client", firstMove, "--max", fmt.Sprint(firstMove))
		})
		check("redrive native", func(ctx context.Context) error { return q.redrive(ctx, "native", good-firstMove, "--engine", "native") })
	}
	check("nothing lost", q.nothingLost)
}

// result runs the program and reads its result.
func (p *programRun) result(ctx context.Context, into any, args ...string) error {
	stdout, stderr, err := p.ccsctl(ctx, 0, append(args, "-o", "json")...)
	if err != nil {
		for line := range strings.Lines(stderr) {
			if strings.Contains(line, "hint:") {
				err = fmt.Errorf("%w; %s", err, strings.TrimSpace(line))
			}
		}
		return err
	}
	return json.Unmarshal([]byte(stdout), into)
}

// listed wants both queues in the list with their messages, fed by nothing. The
// problems are what the list could not read.
func (p *programRun) listed(ctx context.Context) (problems, err error) {
	var list struct {
		Queues []struct {
			Name     string
			Visible  int
			Consumer struct{ State string }
			Problems []string
		}
	}
	if err := p.result(ctx, &list, "dlq", "list"); err != nil {
		return err, err
	}
	var got []string
	for _, q := range list.Queues {
		got = append(got, fmt.Sprintf("%s %d %s", q.Name, q.Visible, q.Consumer.State))
		for _, text := range q.Problems {
			problems = fmt.Errorf("%s: %s", q.Name, text)
		}
	}
	if want := []string{fmt.Sprintf("emergency %d none", letters), fmt.Sprintf("telemetry %d none", letters), "stream-failures 0 none"}; !slices.Equal(got, want) {
		err = fmt.Errorf("got %q, want %q", got, want)
	}
	return problems, err
}

// peeked is one message as the program shows it.
type peeked struct {
	Body       string
	Attributes map[string]struct{ String string }
}

// peek wants every message seen, grouped by its cause, and put back.
func (q *lettersQueue) peek(ctx context.Context) error {
	var seen struct {
		Looked int `json:"looked_at"`
		Groups []struct {
			Count int
			Cause struct {
				Certain bool `json:"fails_again"`
			}
		}
		Messages []peeked
	}
	if err := q.result(ctx, &seen, "dlq", "peek", q.name, "--full"); err != nil {
		return err
	}
	if seen.Looked != letters || len(seen.Groups) != 2 || seen.Groups[0].Count != good || seen.Groups[0].Cause.Certain || seen.Groups[1].Count != garbage || !seen.Groups[1].Cause.Certain {
		return fmt.Errorf("looked at %d, grouped as %+v", seen.Looked, seen.Groups)
	}
	for i := range letters {
		whole := func(m peeked) bool { return m.Body == letter(i) && m.Attributes["number"].String == fmt.Sprint(i) }
		if !slices.ContainsFunc(seen.Messages, whole) {
			return fmt.Errorf("message %d was not shown whole", i)
		}
	}
	return q.waiting(ctx, q.dead, letters)
}

// chosen is what both the dry run and the purge are asked for.
const chosen = "not exists(body.event_id)"

func (q *lettersQueue) dryRun(ctx context.Context) error {
	var done struct {
		Counts map[string]int
	}
	if err := q.result(ctx, &done, "dlq", "redrive", q.name, "--dry-run", "--filter", "exists(body.event_id)"); err != nil {
		return err
	}
	if done.Counts["matched"] != good || done.Counts["unmatched"] != garbage {
		return fmt.Errorf("got %v", done.Counts)
	}
	return q.waiting(ctx, q.dead, letters)
}

// purge wants exactly the chosen ones deleted, and in the file.
func (q *lettersQueue) purge(ctx context.Context) error {
	var done struct {
		Deleted, Kept int
		Queue         string
	}
	file := filepath.Join(q.host.state, strings.ReplaceAll(q.profile, " ", "-")+"-"+q.name+".ndjson")
	name := filepath.Base(q.dead)
	if err := q.result(ctx, &done, "dlq", "purge", q.name, "--filter", chosen, "--export", file, "--confirm="+name); err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if lines := strings.Count(string(text), "\n"); done.Deleted != garbage || done.Kept != good || lines != garbage {
		return fmt.Errorf("deleted %d and kept %d, %d are in the file", done.Deleted, done.Kept, lines)
	}
	return q.waiting(ctx, q.dead, good)
}

// redrive wants that many moved, by that engine.
func (q *lettersQueue) redrive(ctx context.Context, engine string, want int, flags ...string) error {
	var done struct {
		Engine string
		Counts map[string]int
	}
	if err := q.result(ctx, &done, append([]string{"dlq", "redrive", q.name, "--yes"}, flags...)...); err != nil {
		return err
	}
	if done.Engine != engine || done.Counts["moved"] != want {
		return fmt.Errorf("engine %s: %v", done.Engine, done.Counts)
	}
	return nil
}

// nothingLost moves what may be left, as where SQS takes no task, and wants every
// good message whole in the working queue, once, and a vehicle's in their order.
func (q *lettersQueue) nothingLost(ctx context.Context) error {
	if q.waiting(ctx, q.dead, 0) != nil {
		if err := q.redrive(ctx, "client", good-firstMove, "--engine", "client"); err != nil {
			return err
		}
		if err := q.waiting(ctx, q.dead, 0); err != nil {
			return err
		}
	}
	want, got := map[string][]string{}, map[string][]string{}
	for i := range letters {
		if !cutOff(i) {
			want[vehicle(i)] = append(want[vehicle(i)], letter(i)+" "+fmt.Sprint(i))
		}
	}
	for n := 0; n < good; {
		out, err := q.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.work, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 60,
			MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}})
		if err != nil {
			return err
		}
		if len(out.Messages) == 0 {
			return fmt.Errorf("%d of %d came back", n, good)
		}
		for _, m := range out.Messages {
			n++
			var body struct {
				Vehicle string `json:"vehicle_id"`
			}
			if err := json.Unmarshal([]byte(*m.Body), &body); err != nil {
				return err
			}
			if group := m.Attributes["MessageGroupId"]; q.fifo && group != body.Vehicle {
				return fmt.Errorf("a message of %s is in group %q", body.Vehicle, group)
			}
			got[body.Vehicle] = append(got[body.Vehicle], *m.Body+" "+aws.ToString(m.MessageAttributes["number"].StringValue))
			if _, err := q.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.work, ReceiptHandle: m.ReceiptHandle}); err != nil {
				return err
			}
		}
	}
	for v := range want {
		if !q.fifo {
			slices.Sort(want[v])
			slices.Sort(got[v])
		}
		if !slices.Equal(got[v], want[v]) {
			return fmt.Errorf("of %s came %q, want %q", v, got[v], want[v])
		}
	}
	return q.waiting(ctx, q.work, 0)
}
