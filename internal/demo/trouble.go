package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/alarm"
	"github.com/ccs-platform/ccsctl/internal/aws/queue"
)

// theAlarm is the one that watches the dead letters of emergencies.
const theAlarm = "emergency-dlq"

// deadLetters waits until the messages that nobody can read and those of the
// outage are set aside, and looks how often each was received. It leaves them
// there.
func deadLetters(ctx context.Context, s *Stage) (string, error) {
	q, err := queue.Open(ctx, s.AWS, s.Pipeline.EmergencyPath().DeadLetters)
	if err != nil {
		return "", err
	}
	want := poisons + len(s.stranded)
	depth := queue.Depth{}
	err = until(ctx, "waiting for the dead letters", func(ctx context.Context) (bool, error) {
		depth, err = q.Depth(ctx)
		return depth.Total() >= want, err
	})
	if err != nil {
		return fmt.Sprintf("%d of %d are with the dead letters", depth.Total(), want), err
	}
	after := time.Since(s.lastSent)
	letters, err := q.Receive(ctx, queue.Ask{Most: queue.MaxBatch, Wait: time.Second, Visibility: 30 * time.Second})
	if err != nil {
		return "", err
	}
	var wrong error
	for _, m := range letters {
		// SQS counts on after its own move: this look is one more.
		if times := m.Receives - 1; times != 3 {
			wrong = fmt.Errorf("%s was received %d times", m.ID, times)
		}
	}
	if len(letters) != want {
		wrong = fmt.Errorf("%d of %d can be seen", len(letters), want)
	}
	if err := errors.Join(q.Hide(ctx, letters, 0)...); err != nil { // the alarm counts what can be seen
		return "", err
	}
	return fmt.Sprintf("%d of %d set aside after 3 receives each, %s after the last was sent", len(letters), want, seconds(after)), wrong
}

// alarmed waits until the alarm's subscriber was told.
func alarmed(ctx context.Context, s *Stage) (string, error) {
	letter, err := s.letter(ctx, "the letter about the alarm", "-alarms", s.Name(theAlarm), `"NewStateValue":"ALARM"`)
	if err != nil {
		return "", err
	}
	state, err := s.alarm(ctx)
	if err != nil {
		return "", err
	}
	if state.State != "ALARM" {
		return "", fmt.Errorf("%s was told, and the alarm is %s", letter.To, state.State)
	}
	return fmt.Sprintf("%s is in ALARM, and %s was told %s after the messages were sent", state.Name, letter.To, seconds(letter.At.Sub(s.poisoned))), nil
}

// recovery throws the dead letters away and waits for the alarm.
func recovery(ctx context.Context, s *Stage) (string, error) {
	q, err := queue.Open(ctx, s.AWS, s.Pipeline.EmergencyPath().DeadLetters)
	if err != nil {
		return "", err
	}
	deleted := 0
	for {
		letters, err := q.Receive(ctx, queue.Ask{Most: queue.MaxBatch, Wait: time.Second, Visibility: 30 * time.Second})
		if err != nil {
			return "", err
		}
		if len(letters) == 0 {
			break
		}
		if err := errors.Join(q.Delete(ctx, letters)...); err != nil {
			return "", err
		}
		deleted += len(letters)
	}
	start := time.Now()
	err = until(ctx, "waiting until the alarm is OK", func(ctx context.Context) (bool, error) {
		state, err := s.alarm(ctx)
		return state.State == "OK", err
	})
	if err != nil {
		return fmt.Sprintf("%d dead letters thrown away", deleted), err
	}
	measured := fmt.Sprintf("%d dead letters thrown away, the alarm is OK %s later", deleted, seconds(time.Since(start)))
	if deleted != poisons {
		return measured, fmt.Errorf("%d dead letters, want %d", deleted, poisons)
	}
	return measured, nil
}

// alarm is the state of the alarm.
func (s *Stage) alarm(ctx context.Context) (alarm.State, error) {
	states, err := alarm.NewSet(s.AWS, s.Name("")).States(ctx)
	if err != nil {
		return alarm.State{}, err
	}
	for _, state := range states {
		if state.Name == theAlarm {
			return state, nil
		}
	}
	return alarm.State{}, fmt.Errorf("there is no alarm %s", theAlarm)
}

// letter waits for a letter of the topic whose name ends so, with all the texts
// in it; the newest of several.
func (s *Stage) letter(ctx context.Context, what, topic string, texts ...string) (found Letter, err error) {
	err = until(ctx, "waiting for "+what, func(ctx context.Context) (bool, error) {
		letters, err := s.Letters(ctx)
		for _, l := range slices.Backward(letters) {
			lacks := func(text string) bool { return !strings.Contains(l.Body, text) }
			if strings.HasSuffix(l.Topic, topic) && !slices.ContainsFunc(texts, lacks) {
				found = l
				return true, nil
			}
		}
		return false, err
	})
	return found, err
}
