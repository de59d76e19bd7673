package progress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// The bubble also holds that no goroutine outlives Close.
func TestCloseLeavesEverythingObservedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const resources, each = 8, 25
		var all []plan.Event
		id := func(r, i int) string { return fmt.Sprintf("queue/%d-%02d", r, i) }
		for r := range resources {
			for i := range each {
				all = append(all, happens(0, id(r, i), resource.Create, plan.Started, ""))
			}
		}
		var out bytes.Buffer
		p := New(Options{Out: &out, Width: 80, Items: items(all), Title: "up ccs/prod"})
		var wg sync.WaitGroup
		for r := range resources {
			wg.Go(func() {
				for i := range each {
					time.Sleep(time.Duration(r*7+i) * time.Millisecond)
					e := happens(0, id(r, i), resource.Create, plan.Started, "")
					e.Time = time.Now()
					p.Observe(e)
					p.Observe(ends(0, id(r, i), resource.Create, plan.Done, time.Second, nil))
				}
			})
		}
		p.Observe(happens(0, "not/known", resource.None, plan.Started, ""))
		time.Sleep(2 * time.Second)
		wg.Wait()
		p.Note("stopping")
		p.Close()
		p.Close()
		p.Observe(all[0])
		p.Note("late")

		text := ansi.Strip(out.String())
		for r := range resources {
			at := -1
			for i := range each {
				line := fmt.Sprintf("✔ %s  created  1.0 s", id(r, i))
				if n := strings.Count(text, line); n != 1 {
					t.Fatalf("%q stands there %d times, want once", line, n)
				}
				next := strings.Index(text, line)
				if next < at {
					t.Errorf("%q stands before what ended earlier", line)
				}
				at = next
			}
		}
		if strings.Contains(text, "not/known") || strings.Contains(text, "late") {
			t.Error("shows what it was not to show")
		}
		if i := strings.LastIndex(text, "✔"); !strings.Contains(text[i:], "! stopping") {
			t.Errorf("the note is not in the last state: %q", text[i:])
		}
		for _, taken := range []string{ansi.SetModeAltScreen, ansi.SetModeBracketedPaste, ansi.RequestKittyKeyboard, ansi.SetModeFocusEvent} {
			if strings.Contains(out.String(), taken) {
				t.Errorf("changes a mode of the terminal: %q", taken)
			}
		}
		if hides, shows := strings.LastIndex(out.String(), ansi.ResetModeTextCursorEnable), strings.LastIndex(out.String(), ansi.SetModeTextCursorEnable); hides > shows {
			t.Error("the cursor stays hidden")
		}
	})
}

func TestTimeGoesOnWithoutEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		e := happens(0, "stream/telemetry", resource.Create, plan.Started, "")
		e.Time = time.Now()
		p := New(Options{Out: &out, Width: 80, Items: items([]plan.Event{e}), Title: "up ccs/prod"})
		p.Observe(e)
		time.Sleep(101 * time.Second)
		p.Close()
		// Only what differs is drawn, so the header and the row each write the
		// time anew when its form changes.
		if text := ansi.Strip(out.String()); strings.Count(text, "1 min 40") != 2 {
			t.Errorf("after 100 s it drew %q", text)
		}
	})
}

type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// notTerminal has a descriptor that leads nowhere.
type notTerminal struct{ io.Writer }

func (notTerminal) Fd() uintptr { return ^uintptr(0) - 1 }

func TestCloseReturnsWhenTheTerminalIsGone(t *testing.T) {
	for name, w := range map[string]io.Writer{"closed": gone{}, "no size": notTerminal{gone{}}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(*testing.T) {
				e := ends(0, "queue/a", resource.Create, plan.Errored, 0, errors.New("no"))
				p := New(Options{Out: w, Width: 80, Items: items([]plan.Event{e})})
				p.Observe(e)
				time.Sleep(time.Second)
				p.Close()
			})
		})
	}
}
