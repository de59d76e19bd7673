package watch

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// What is wider or higher than the terminal wraps or scrolls, and what drives
// the terminal must not come out of what others wrote.
func TestFrameStaysWithinTheTerminal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(1, 220).Draw(t, "width"), rapid.IntRange(1, 70).Draw(t, "height")
		s := scenes[rapid.IntRange(0, len(scenes)-1).Draw(t, "scene")].of()
		wild := rapid.String()
		if len(s.Alarms) > 0 {
			s.Alarms[0].Reason, s.Alarms[0].Description = wild.Draw(t, "reason"), wild.Draw(t, "description")
		}
		s.Problems = append(s.Problems, status.Problem{Part: wild.Draw(t, "part"), Severity: status.Red, Text: wild.Draw(t, "text"), Fix: wild.Draw(t, "fix")})
		s.Events = append(s.Events, status.Event{Part: wild.Draw(t, "event part"), Text: wild.Draw(t, "event")})
		s.Identity.Project, s.Topics[0].Name = wild.Draw(t, "project"), wild.Draw(t, "topic")
		s.Stream.PerShard = shardsOf(rapid.IntRange(0, 60).Draw(t, "shards"), rapid.Float64Range(0, 200).Draw(t, "load"))
		s.Stream.Records = live(rapid.Float64().Draw(t, "rate"), status.RecordsPerSecond, limit(rapid.Float64().Draw(t, "limit")))
		m := newModel(context.Background(), Options{})
		m.Update(tea.WindowSizeMsg{Width: width, Height: height})
		check := func() {
			lines := m.frame()
			if len(lines) > height {
				t.Fatalf("%d lines in %d rows", len(lines), height)
			}
			for _, line := range lines {
				if got := ansi.StringWidth(line); got > width {
					t.Fatalf("%d columns in %d: %q", got, width, line)
				}
				if i := strings.IndexFunc(ansi.Strip(line), unicode.IsControl); i >= 0 {
					t.Fatalf("control character at %d of %q", i, line)
				}
			}
		}
		check()
		m.Update(snapshotMsg(s))
		check()
		for _, k := range rapid.SliceOfN(rapid.SampledFrom([]string{"down", "up", "enter", "esc", "/", "e", "?", "p", "left", "right", "r", "s", "t", "+", "pgdown", "home"}), 0, 12).Draw(t, "keys") {
			typed(m, k)
			check()
		}
	})
}

// What the screen says of a measure is what every other face says of it.
func TestNumbersAreThoseOfTheOtherFaces(t *testing.T) {
	for _, scene := range scenes {
		s := scene.of()
		m := screen(t, Options{}, 200, 400, snapshotMsg(s))
		var all strings.Builder
		all.WriteString(text(m))
		for _, part := range []string{"stream/telemetry", "delivery/data-lake", "workflow/emergency"} {
			m.part = part
			all.WriteString(text(m))
		}
		for _, f := range s.Functions {
			m.part = "function/" + f.Name
			all.WriteString(text(m))
		}
		for _, q := range s.Queues {
			m.part = "queue/" + q.Name
			all.WriteString(text(m))
		}
		for _, x := range s.Topics {
			m.part = "topic/" + x.Name
			all.WriteString(text(m))
		}
		screens := all.String()
		facts := s.Facts()
		if len(facts) < 40 {
			t.Errorf("%s: only %d measures to look for", scene.name, len(facts))
		}
		for _, f := range facts {
			if !strings.Contains(screens, f.Measure.String()) {
				t.Errorf("%s: %s of %s, %s is on no screen", scene.name, f.Measure, f.Part, f.Name)
			}
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	s := breaching()
	s.Stream.PerShard = shardsOf(50, 80)
	for name, o := range map[string]Options{"colour": {Color: true}, "none": {}} {
		for _, part := range []string{"", "stream/telemetry"} {
			b.Run(fmt.Sprintf("%s/%s", name, strings.Trim("pipeline "+part, " ")), func(b *testing.B) {
				m := screen(b, o, 200, 60, tea.ColorProfileMsg{Profile: 5}, snapshotMsg(s))
				m.part = part
				for b.Loop() {
					_, _ = io.WriteString(io.Discard, m.View().Content)
				}
			})
		}
	}
}
