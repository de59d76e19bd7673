package living_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ccs-platform/ccsctl/internal/functions"
	"github.com/ccs-platform/ccsctl/internal/functions/environment"
)

// What is beyond the shards' capacity is refused shard by shard and entry by
// entry, nothing else is, and the metrics say the same.
func TestASurgeIsRefusedPerShard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := settle(t, "instant")
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
		a.drive(20_000, "") // in one second; ten shards take a thousand each
		total := 0
		for text, n := range a.refused {
			if !strings.HasPrefix(text, "ProvisionedThroughputExceededException Rate exceeded for shard shardId-") || n < 100 {
				t.Errorf("%d entries: %s", n, text)
			}
			total += n
		}
		if len(a.refused) != 10 || a.accepted != 10_000 || a.sent != a.accepted+total {
			t.Errorf("sent %d = %d accepted + %d refused by %d shards, want 20000 = 10000 + 10000 by 10", a.sent, a.accepted, total, len(a.refused))
		}
		time.Sleep(time.Second)
		before := a.accepted
		a.drive(2500, "veh-hot") // one vehicle is one shard; the others have room
		if got := a.accepted - before; got != 1000 {
			t.Errorf("a shard took %d records of one vehicle in a second, want 1000", got)
		}
		time.Sleep(time.Second)
		before = a.accepted
		a.drive(5000, "")
		if got := a.accepted - before; got != 5000 {
			t.Errorf("after the surge %d of 5000 were accepted", got)
		}
		time.Sleep(time.Minute)
		a.drained()
		stream := a.Name("telemetry")
		if in, no := a.sum("AWS/Kinesis", "IncomingRecords", "StreamName", stream), a.sum("AWS/Kinesis", "WriteProvisionedThroughputExceeded", "StreamName", stream); int(in) != a.accepted || int(no) != a.sent-a.accepted {
			t.Errorf("metrics say %.0f in and %.0f refused, want %d and %d", in, no, a.accepted, a.sent-a.accepted)
		}
	})
}

// Half of what ten shards take, for half a minute: nothing is refused, and every
// record goes where the rules send it, once.
func TestFiveThousandASecond(t *testing.T) {
	seconds := 30
	if underRace {
		seconds = 3
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := settle(t, "fast")
		for range 10 * seconds {
			a.drive(500, "")
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		if want := 5000 * seconds; a.sent != want || a.accepted != want {
			t.Errorf("sent %d, accepted %d (%v), want %d", a.sent, a.accepted, a.refused, want)
		}
		a.drained()
		for _, c := range []struct {
			namespace, metric, dimension, of string
			want                             int
		}{
			{"AWS/Kinesis", "IncomingRecords", "StreamName", "telemetry", a.accepted},
			{"AWS/SQS", "NumberOfMessagesSent", "QueueName", "emergency.fifo", len(a.emergencies)},
			{"AWS/SQS", "NumberOfMessagesDeleted", "QueueName", "emergency.fifo", len(a.emergencies)},
			{"AWS/SQS", "NumberOfMessagesSent", "QueueName", "telemetry", len(a.followUps)},
			{"AWS/SQS", "NumberOfMessagesDeleted", "QueueName", "telemetry", len(a.followUps)},
			{"AWS/SNS", "NumberOfMessagesPublished", "TopicName", "authorities-alerts", len(a.emergencies)},
			{"AWS/SNS", "NumberOfMessagesPublished", "TopicName", "owner-alerts", len(a.emergencies) + len(a.followUps)/2}, // the geofences
			{"AWS/SNS", "NumberOfMessagesPublished", "TopicName", "manager-notifications", len(a.followUps)},
		} {
			if got := a.sum(c.namespace, c.metric, c.dimension, a.Name(c.of)); int(got) != c.want {
				t.Errorf("%s of %s: %.0f, want %d", c.metric, c.of, got, c.want)
			}
		}
		if names := a.alarming(); len(names) > 0 {
			t.Errorf("in ALARM: %v", names)
		}
	})
}

// A message that no emergency function can read is tried three times and buried,
// and meanwhile every other vehicle's crash is told at once.
func TestPoisonIsBuriedAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := settle(t, "instant")
		emergency := a.QueueURL("emergency.fifo")
		send := func(vehicle, body string) {
			_, err := a.queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: emergency, MessageBody: &body, MessageGroupId: &vehicle})
			must(t, err)
		}
		authorities := a.subscribe("authorities-alerts", "authorities")
		send("veh-poisoned", "poison")
		for round := range 9 { // 90 s, while the poison is tried and hidden in turn
			for v := range 12 {
				send(fmt.Sprint("veh-", v), string(event(100*round+v, fmt.Sprint("veh-", v), functions.Crash, functions.Critical)))
			}
			time.Sleep(time.Second)
			if got := len(authorities.heard()); got != 12 {
				t.Errorf("round %d: the authorities heard of %d crashes within a second, want 12", round, got)
			}
			time.Sleep(9 * time.Second)
		}
		time.Sleep(10 * time.Second)
		a.mu.Lock()
		receives := a.told[environment.Emergency+" poison"]
		a.mu.Unlock()
		if !slices.Equal(receives, []int{1, 2, 3}) {
			t.Errorf("the poison was received %v, want 1, 2, 3", receives)
		}
		out, err := a.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: a.QueueURL("emergency-dlq.fifo"),
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{"All"}, MaxNumberOfMessages: 10})
		must(t, err)
		if len(out.Messages) != 1 || *out.Messages[0].Body != "poison" || out.Messages[0].Attributes["MessageGroupId"] != "veh-poisoned" ||
			out.Messages[0].Attributes["ApproximateReceiveCount"] != "4" { // three, and ours
			t.Errorf("the dead-letter queue holds %v", out.Messages)
		}
		if got := a.alarming(); !slices.Equal(got, []string{"emergency-dlq"}) {
			t.Errorf("in ALARM: %v, want emergency-dlq", got)
		}
	})
}

// However often a crash is sent, and by whatever way it comes again, it is told
// once: the queue knows it for five minutes, and the workflow's executions keep
// their names for ninety days. A warning is told once for as long as followup's
// environment lives and remembers (docs/adr/0009).
func TestADuplicateNeverAlertsTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := settle(t, "aws")
		authorities, owner := a.subscribe("authorities-alerts", "authorities"), a.subscribe("owner-alerts", "owner")
		crash, geofence := event(1, "veh-1", functions.Crash, functions.Critical), event(2, "veh-1", functions.Geofence, functions.Warning)
		a.put("veh-1", crash, geofence, crash, geofence)
		time.Sleep(30 * time.Second)
		a.put("veh-1", crash, geofence)
		time.Sleep(10 * time.Minute) // the queue has forgotten it
		a.put("veh-1", crash)
		body := string(crash)
		for i := range 3 { // sent to the queue as if by others
			_, err := a.queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: a.QueueURL("emergency.fifo"), MessageBody: &body,
				MessageGroupId: aws.String("veh-1"), MessageDeduplicationId: aws.String(fmt.Sprint("again-", i))})
			must(t, err)
		}
		time.Sleep(time.Hour)
		a.put("veh-1", crash)
		time.Sleep(time.Minute)
		if got := authorities.heard(); len(got) != 1 {
			t.Errorf("the authorities heard of one crash %d times", len(got))
		}
		if got := owner.heard(); len(got) != 2 {
			t.Errorf("the owner heard of a crash and a geofence %d times", len(got))
		}
		if got := a.seen(environment.Emergency); !maps.Equal(got, map[string]bool{"e-0000001": true}) {
			t.Errorf("emergency was given %v", got)
		}
	})
}

// A record that nobody can read is reported with its reason and its place, once;
// it is not tried again and holds up nothing behind it.
func TestAnUnreadableRecordIsReportedAndPassedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := settle(t, "instant")
		authorities := a.subscribe("authorities-alerts", "authorities")
		a.put("veh-1", []byte("poison"), []byte(`{"event_id":"e-1","vehicle_id":"veh-1","type":"boom","severity":"info","occurred_at":"2026-11-23T15:00:00Z"}`),
			event(2, "veh-1", functions.Crash, functions.Critical))
		time.Sleep(2 * time.Second)
		if got := len(authorities.heard()); got != 1 {
			t.Errorf("the crash behind it was told %d times within 2 s", got)
		}
		time.Sleep(10 * time.Minute)
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.ingested) != 3 || slices.Max(slices.Collect(maps.Values(a.ingested))) != 1 {
			t.Errorf("ingest was given %v, want three records once", a.ingested)
		}
		var said []string
		for line := range strings.Lines(a.log.String()) {
			var l struct{ Msg, Level, Shard, Reason string }
			must(t, json.Unmarshal([]byte(line), &l))
			if !strings.HasPrefix(l.Shard, "shardId-") {
				t.Errorf("not said where: %s", line)
			}
			said = append(said, l.Level+" "+l.Msg+": "+l.Reason)
		}
		want := []string{
			"WARN record passed over: invalid event: not a JSON object: invalid character 'p' looking for beginning of value",
			`WARN record passed over: invalid event: type "boom" is unknown`,
		}
		if !slices.Equal(said, want) {
			t.Errorf("reported\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
		}
	})
}

// change is what a subscriber of the alarms topic hears of.
type change struct{ AlarmName, NewStateValue string }

func changes(t *testing.T, bodies []string) (all []string) {
	t.Helper()
	for _, b := range bodies {
		var c change
		must(t, json.Unmarshal([]byte(b), &c))
		all = append(all, strings.TrimPrefix(c.AlarmName, "ccs-prod-")+" "+c.NewStateValue)
	}
	return all
}

// An hour of owners who can't be told: the alarm fires, the engineers hear of
// it, and hear again when it is over.
func TestADeadSubscriberRaisesTheAlarmUntilItIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := settle(t, "aws")
		a.every = 20
		owner, engineers := a.subscribe("owner-alerts", "owner"), a.subscribe("alarms", "engineers")
		drive := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Second) {
				a.drive(20, "")
			}
		}
		drive(15 * time.Minute)
		if got := changes(t, engineers.heard()); len(got) > 0 || len(owner.heard()) == 0 {
			t.Fatalf("while all is well: %v", got)
		}
		owner.listen(false)
		drive(15 * time.Minute)
		if got := changes(t, engineers.heard()); !slices.Equal(got, []string{"owner-alerts-failures ALARM"}) || !slices.Equal(a.alarming(), []string{"owner-alerts-failures"}) {
			t.Errorf("with a dead subscriber: heard %v, in ALARM %v", got, a.alarming())
		}
		failed, delivered := a.sum("AWS/SNS", "NumberOfNotificationsFailed", "TopicName", a.Name("owner-alerts")), a.sum("AWS/SNS", "NumberOfNotificationsDelivered", "TopicName", a.Name("owner-alerts"))
		if failed < 0.05*(failed+delivered) {
			t.Errorf("%.0f failed, %.0f delivered", failed, delivered)
		}
		owner.listen(true)
		drive(15 * time.Minute)
		if got := changes(t, engineers.heard()); !slices.Equal(got, []string{"owner-alerts-failures OK"}) || len(a.alarming()) > 0 || len(owner.heard()) == 0 {
			t.Errorf("after its return: heard %v, in ALARM %v", got, a.alarming())
		}
	})
}

// A day as it may come: traffic through all of it, a surge of one vehicle, a
// poisoned message, a subscriber that dies and comes back. What the engineers
// hear, and when, is the same every time.
func TestADay(t *testing.T) {
	began := time.Now()
	var hours float64
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := settle(t, "aws")
		a.every = 20
		midnight := time.Now().Truncate(time.Hour).Add(time.Hour)
		time.Sleep(time.Until(midnight))
		owner, engineers := a.subscribe("owner-alerts", "owner"), a.subscribe("alarms", "engineers")
		var diary []string
		until := func(clock time.Duration, each func()) {
			for time.Since(midnight) < clock {
				if a.drive(20, ""); each != nil {
					each()
				}
				time.Sleep(time.Minute)
				for _, c := range changes(t, engineers.heard()) {
					diary = append(diary, fmt.Sprintf("%v %s", time.Since(midnight).Truncate(time.Minute), c))
				}
			}
		}
		until(2*time.Hour, nil)
		until(2*time.Hour+10*time.Minute, func() { a.drive(1100, "veh-hot") })
		until(4*time.Hour, nil)
		_, err := a.queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: a.QueueURL("emergency.fifo"), MessageBody: aws.String("poison"), MessageGroupId: aws.String("veh-poisoned")})
		must(t, err)
		until(5*time.Hour, nil)
		_, err = a.queues.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: a.QueueURL("emergency-dlq.fifo")})
		must(t, err)
		until(6*time.Hour, nil)
		owner.listen(false)
		until(7*time.Hour, nil)
		owner.listen(true)
		until(8*time.Hour, nil)
		time.Sleep(20 * time.Minute) // what Firehose holds back

		want := []string{
			"2h4m0s write-throttling ALARM", "2h14m0s write-throttling OK",
			"4h5m0s emergency-dlq ALARM", "5h4m0s emergency-dlq OK",
			"6h4m0s owner-alerts-failures ALARM", "7h4m0s owner-alerts-failures OK",
		}
		if !slices.Equal(diary, want) {
			t.Errorf("the engineers heard\n%s\nwant\n%s", strings.Join(diary, "\n"), strings.Join(want, "\n"))
		}
		if names := a.alarming(); len(names) > 0 {
			t.Errorf("at the end of the day in ALARM: %v", names)
		}
		a.mu.Lock()
		delete(a.told, environment.Emergency+" poison")
		a.mu.Unlock()
		a.drained()
		if refused := slices.Collect(maps.Values(a.refused)); len(refused) != 1 || refused[0] < 10*100 {
			t.Errorf("refused: %v, want the hot vehicle's 1000 records and its neighbours' of one shard", a.refused)
		}
		if got := a.sum("AWS/Kinesis", "WriteProvisionedThroughputExceeded", "StreamName", a.Name("telemetry")); int(got) != a.sent-a.accepted {
			t.Errorf("the metrics say %.0f refused, want %d", got, a.sent-a.accepted)
		}
		hours = time.Since(midnight).Hours()
	})
	t.Logf("%.0f hours in %v", hours, time.Since(began).Round(time.Millisecond))
}
