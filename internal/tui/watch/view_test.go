package watch

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/ccs-platform/ccsctl/internal/status"
)

var scenes = []struct {
	name string
	of   func() status.Snapshot
}{
	{"empty", empty}, {"loading", loading}, {"healthy", healthy}, {"breaching", breaching}, {"stale", stale}, {"error", failing},
}

// heights that the widths usually come with.
var sizes = []struct{ width, height int }{{60, 30}, {80, 24}, {120, 40}, {200, 50}}

// screen is a model of a size that has seen messages.
func screen(t testing.TB, o Options, width, height int, messages ...tea.Msg) *model {
	m := newModel(t.Context(), o)
	m.Update(tea.WindowSizeMsg{Width: width, Height: height})
	for _, msg := range messages {
		m.Update(msg)
	}
	return m
}

// text is the screen without the spaces at the ends of its lines.
func text(m *model) string { return flush(m.View().Content) }

func flush(content string) string {
	lines := strings.Split(content, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestScreen(t *testing.T) {
	for _, s := range scenes {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s-%d", s.name, size.width), func(t *testing.T) {
				plain := text(screen(t, Options{}, size.width, size.height, snapshotMsg(s.of())))
				golden.RequireEqual(t, plain)
				if strings.Contains(plain, "\x1b") {
					t.Error("escape sequence without colour")
				}
				for _, p := range []colorprofile.Profile{colorprofile.ANSI, colorprofile.ANSI256, colorprofile.TrueColor} {
					m := screen(t, Options{Color: true}, size.width, size.height, tea.ColorProfileMsg{Profile: p}, snapshotMsg(s.of()))
					if coloured := ansi.Strip(m.View().Content); flush(coloured) != plain {
						t.Errorf("%v changes the text:\n%s", p, coloured)
					}
				}
			})
			t.Run(fmt.Sprintf("%s-%d-colour", s.name, size.width), func(t *testing.T) {
				golden.RequireEqual(t, text(screen(t, Options{Color: true}, size.width, size.height, tea.ColorProfileMsg{Profile: colorprofile.ANSI}, snapshotMsg(s.of()))))
			})
		}
	}
}

// What opens over the pipeline.
func TestOpened(t *testing.T) {
	hot := breaching()
	hot.Stream.PerShard = shardsOf(50, 92)
	hot.Stream.Shards = live(50, status.Shards)
	for _, part := range []string{"stream/telemetry", "queue/emergency.fifo", "topic/owner-alerts", "workflow/emergency", "delivery/data-lake", "function/ingest", "alarm/emergency-depth", "sources"} {
		for _, width := range []int{60, 120, 200} {
			t.Run(fmt.Sprintf("%s-%d", strings.ReplaceAll(part, "/", "-"), width), func(t *testing.T) {
				m := screen(t, Options{}, width, 60, snapshotMsg(hot))
				m.part = part
				golden.RequireEqual(t, text(m))
			})
		}
	}
	t.Run("help", func(t *testing.T) {
		m := screen(t, Options{Actions: Actions{Locked: "only for looking: --actions allows more"}}, 80, 40, snapshotMsg(hot))
		typed(m, "?")
		golden.RequireEqual(t, text(m))
	})
	t.Run("panel", func(t *testing.T) {
		m := screen(t, Options{Actions: Actions{Redrive: func(queue string) Action { return &move{queue: queue} }}}, 80, 24, snapshotMsg(hot))
		typed(m, "r")
		golden.RequireEqual(t, text(m))
	})
	t.Run("first", func(t *testing.T) { golden.RequireEqual(t, text(screen(t, Options{}, 80, 24))) })
}
