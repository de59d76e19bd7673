package progress

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"
	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

var began = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// happens is one event, so many milliseconds after the run began.
func happens(ms int, id string, a resource.Action, k plan.EventKind, text string) plan.Event {
	kind, name, _ := strings.Cut(id, "/")
	return plan.Event{
		Time: began.Add(time.Duration(ms) * time.Millisecond),
		ID:   resource.ID{Kind: kind, Name: name}, Action: a, Kind: k, Text: text,
	}
}

func ends(ms int, id string, a resource.Action, o plan.Outcome, elapsed time.Duration, err error) plan.Event {
	e := happens(ms, id, a, plan.Ended, "")
	e.Outcome, e.Elapsed, e.Err = o, elapsed, err
	if o == plan.Left {
		e.Text = "it is not empty"
	}
	return e
}

func items(events []plan.Event) []plan.Item {
	var items []plan.Item
	seen := map[resource.ID]bool{}
	for _, e := range events {
		if !seen[e.ID] {
			seen[e.ID] = true
			items = append(items, plan.Item{ID: e.ID})
		}
	}
	return items
}

var (
	errShards = errors.New("kinesis:CreateStream: LimitExceededException: this request would exceed the shard limit " +
		"for the account 123456789012 in eu-central-1: current shard count 490, limit 500, requested 64\n\x1b[2J(request 1f3a)")
	errNeeds = errors.New("skipped: needs key/pipeline")
)

var running = []plan.Event{
	happens(0, "key/pipeline", resource.None, plan.Started, ""),
	happens(0, "key/pipeline", resource.None, plan.Waiting, "waiting until the key is Enabled"),
	happens(10, "queue/telemetry", resource.Create, plan.Started, ""),
	happens(12, "queue/telemetry", resource.Create, plan.Calling, "sqs:CreateQueue"),
	happens(20, "stream/telemetry", resource.Create, plan.Started, ""),
	happens(30, "stream/telemetry", resource.Create, plan.Calling, "kinesis:CreateStream"),
	ends(810, "queue/telemetry", resource.Create, plan.Done, 800*time.Millisecond, nil),
	happens(900, "stream/telemetry", resource.Create, plan.Waiting, "waiting until the stream is ACTIVE"),
	happens(7100, "queue/emergency-deadletter.fifo", resource.Update, plan.Started, ""),
	happens(7200, "queue/emergency-deadletter.fifo", resource.Update, plan.Waiting, "waiting for AWS to free the name of what was just deleted (up to 60 s)"),
}

var scenes = []struct {
	name   string
	events []plan.Event
	note   string
	at     time.Duration
}{
	{name: "running", events: running, at: 8250 * time.Millisecond},
	{name: "ended", at: 125 * time.Second, events: append(running[:len(running):len(running)],
		ends(9000, "key/pipeline", resource.None, plan.Done, 9*time.Second, nil),
		ends(9000, "queue/emergency-deadletter.fifo", resource.Update, plan.Done, 1900*time.Millisecond, nil),
		ends(9100, "policy/ingest", resource.Conflict, plan.Done, 300*time.Millisecond, nil),
		ends(9100, "function/ingest", resource.Replace, plan.Done, 2*time.Second, nil),
		ends(9200, "topic/alerts", resource.Delete, plan.Done, 40*time.Millisecond, nil),
		ends(9300, "bucket/data-lake", resource.Delete, plan.Left, time.Second, nil),
		ends(125000, "stream/telemetry", resource.Create, plan.Done, 124980*time.Millisecond, nil),
	)},
	{name: "failed", at: 11 * time.Second, events: append(running[:len(running):len(running)],
		ends(9000, "key/pipeline", resource.None, plan.Errored, 9*time.Second, errors.New("the key is PendingDeletion")),
		ends(9100, "stream/telemetry", resource.Create, plan.Errored, 9*time.Second, errShards),
		ends(9200, "topic/alerts", resource.Create, plan.Skipped, 0, errNeeds),
	)},
	{name: "stopped", at: 10 * time.Second, note: "stopping: calls in flight are finished, no others are started", events: append(running[:len(running):len(running)],
		ends(9000, "stream/telemetry", resource.Create, plan.Stopped, 9*time.Second, plan.ErrStopped),
		ends(9100, "key/pipeline", resource.None, plan.Stopped, 9*time.Second, errors.New("interrupted")),
		ends(9200, "topic/alerts", resource.Create, plan.Skipped, 0, errors.New("skipped: interrupted")),
	)},
}

// play gives the model all that happens in one frame and returns what is printed
// above the screen, a ruler, and the screen.
func play(o Options, events []plan.Event, note string, at time.Duration) string {
	o.Items, o.Title = items(events), "up ccs/prod"
	m := newModel(o, began)
	m.Update(tea.WindowSizeMsg{Width: o.Width, Height: usualHeight})
	m.Update(frame{now: began.Add(at), events: events, note: note})
	var b strings.Builder
	for _, e := range events {
		if e.Kind == plan.Ended {
			fmt.Fprintln(&b, m.endedLine(e))
		}
	}
	fmt.Fprintln(&b, strings.Repeat("=", o.Width))
	b.WriteString(m.View().Content)
	return b.String()
}

func TestScreen(t *testing.T) {
	for _, s := range scenes {
		for _, width := range []int{60, 80, 120} {
			t.Run(fmt.Sprintf("%s-%d", s.name, width), func(t *testing.T) {
				plain := play(Options{Width: width}, s.events, s.note, s.at)
				golden.RequireEqual(t, plain)
				if strings.Contains(plain, "\x1b") {
					t.Error("escape sequence without colour")
				}
				if coloured := play(Options{Width: width, Color: true}, s.events, s.note, s.at); ansi.Strip(coloured) != plain {
					t.Errorf("colour changes the text:\n%s", ansi.Strip(coloured))
				}
			})
		}
		t.Run(s.name+"-colour", func(t *testing.T) {
			golden.RequireEqual(t, play(Options{Width: 80, Color: true}, s.events, s.note, s.at))
		})
	}
}

func TestLines(t *testing.T) {
	var b strings.Builder
	observe := Lines(&b)
	for _, s := range scenes {
		fmt.Fprintln(&b, "#", s.name)
		for _, e := range s.events {
			observe(e)
		}
	}
	golden.RequireEqual(t, b.String())
}

// What is wider or higher than the terminal wraps or scrolls, and everything
// drawn after that is in the wrong place.
func TestScreenStaysWithinTheTerminal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(1, 200).Draw(t, "width"), rapid.IntRange(1, 60).Draw(t, "height")
		var events []plan.Event
		for i := range rapid.IntRange(0, 40).Draw(t, "resources") {
			id := fmt.Sprintf("%s/%d", rapid.StringMatching("[a-z-]{1,40}").Draw(t, "kind"), i)
			start := rapid.IntRange(0, 1e6).Draw(t, "start")
			events = append(events,
				happens(start, id, resource.Create, plan.Started, ""),
				happens(start, id, resource.Create, plan.Waiting, rapid.String().Draw(t, "text")))
			if rapid.Bool().Draw(t, "fails") {
				events = append(events, ends(start, id, resource.Create, plan.Errored, time.Second, errors.New(rapid.String().Draw(t, "reason"))))
			}
		}
		m := newModel(Options{Items: items(events), Title: "up ccs/prod", Width: 80, Color: rapid.Bool().Draw(t, "colour")}, began)
		m.Update(tea.WindowSizeMsg{Width: width, Height: height})
		m.Update(frame{now: began.Add(time.Hour), events: events, note: rapid.String().Draw(t, "note")})

		lines := m.lines()
		if most := max(4, height/2+1); len(lines) > most {
			t.Fatalf("%d lines in %d rows, want at most %d", len(lines), height, most)
		}
		check := func(line string, width int) {
			if got := ansi.StringWidth(line); got > width {
				t.Fatalf("%d columns, want at most %d: %q", got, width, line)
			}
			if i := strings.IndexFunc(ansi.Strip(line), unicode.IsControl); i >= 0 {
				t.Fatalf("control character at %d of %q", i, line)
			}
		}
		for _, line := range lines {
			check(line, max(0, width-1))
		}
		for _, e := range events {
			if e.Kind == plan.Ended {
				for row := range strings.SplitSeq(m.endedLine(e), "\n") {
					check(row, max(24, width-1))
				}
			}
		}
	})
}
