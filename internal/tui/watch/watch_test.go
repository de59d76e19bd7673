package watch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// keyboard is what a person types, slowly, and then nothing until the end.
func keyboard(t *testing.T, keys ...string) io.Reader {
	r, w := io.Pipe()
	go func() {
		defer w.Close()
		for _, k := range keys {
			select {
			case <-time.After(5 * time.Second):
			case <-t.Context().Done():
				return
			}
			if _, err := io.WriteString(w, k); err != nil {
				return
			}
		}
	}()
	return r
}

// The bubbles also hold that no goroutine outlives Run.

func TestRunShowsWhatComesAndEndsWithQ(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		snapshots := make(chan status.Snapshot)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for i := 0; ; i++ {
				s := healthy()
				s.At = s.At.Add(time.Duration(i) * time.Second)
				select {
				case snapshots <- s:
				case <-ctx.Done():
					return
				}
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
					return
				}
			}
		}()
		var out bytes.Buffer
		err := Run(ctx, snapshots, Options{In: keyboard(t, "j", "\r", "q"), Out: &out, Width: 100, Height: 40, Environ: []string{"TERM=xterm-256color"}})
		cancel()
		if err != nil {
			t.Errorf("got %v, want nothing", err)
		}
		screen := ansi.Strip(out.String())
		for _, want := range []string{"ccs/prod", "authorities", "‹ STREAM telemetry"} {
			if !strings.Contains(screen, want) {
				t.Errorf("%q was never shown", want)
			}
		}
		if on, off := strings.LastIndex(out.String(), ansi.SetModeAltScreenSaveCursor), strings.LastIndex(out.String(), ansi.ResetModeAltScreenSaveCursor); on < 0 || off < on {
			t.Error("the terminal is not given back")
		}
		if strings.Contains(out.String(), "\x1b[31m") {
			t.Error("colours, though none were allowed")
		}
	})
}

func TestRunNoticesThatNothingComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		snapshots := make(chan status.Snapshot, 1)
		snapshots <- healthy()
		var out bytes.Buffer
		if err := Run(t.Context(), snapshots, Options{In: keyboard(t, strings.Split(strings.Repeat("j", 20)+"q", "")...), Out: &out, Width: 80, Height: 24}); err != nil {
			t.Error(err)
		}
		if !strings.Contains(ansi.Strip(out.String()), "nothing new since 12:04:31") {
			t.Error("a screen that hears nothing looks alive")
		}
	})
}

func TestRunEndsWithItsContextAndItsActions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		snapshots := make(chan status.Snapshot, 1)
		snapshots <- breaching()
		close(snapshots)
		gone := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(30*time.Second, func() { cancel(gone) })
		a := &move{}
		o := Options{In: keyboard(t, "r", "y"), Out: io.Discard, Width: 80, Height: 24, Actions: Actions{Redrive: func(string) Action { return a }}}
		if err := Run(ctx, snapshots, o); !errors.Is(err, gone) {
			t.Errorf("got %v, want %v", err, gone)
		}
		if a.ran != 1 {
			t.Errorf("the action ran %d times, want once", a.ran)
		}
	})
}
