package watch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
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

// gives is these Snapshots, one a second, and then silence.
func gives(all ...status.Snapshot) Source {
	return func(ctx context.Context) iter.Seq2[status.Snapshot, error] {
		return func(yield func(status.Snapshot, error) bool) {
			for i, s := range all {
				s.At = s.At.Add(time.Duration(i) * time.Second)
				if !yield(s, nil) {
					return
				}
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
					return
				}
			}
			<-ctx.Done()
		}
	}
}

// The bubbles also hold that no goroutine outlives Run.

func TestRunShowsWhatComesAndEndsWithQ(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		err := Run(t.Context(), gives(healthy(), healthy(), healthy()), Options{In: keyboard(t, "j", "\r", "q"), Out: &out, Width: 100, Height: 40, Environ: []string{"TERM=xterm-256color"}})
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
		var out bytes.Buffer
		if err := Run(t.Context(), gives(healthy()), Options{In: keyboard(t, strings.Split(strings.Repeat("j", 20)+"q", "")...), Out: &out, Width: 80, Height: 24}); err != nil {
			t.Error(err)
		}
		if !strings.Contains(ansi.Strip(out.String()), "nothing new since 12:04:31") {
			t.Error("a screen that hears nothing looks alive")
		}
	})
}

func TestRunEndsWithItsContextAndItsActions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(30*time.Second, func() { cancel(gone) })
		a := &move{}
		o := Options{In: keyboard(t, "r", "y"), Out: io.Discard, Width: 80, Height: 24, Actions: Actions{Redrive: func(string) Action { return a }}}
		if err := Run(ctx, gives(breaching()), o); !errors.Is(err, gone) {
			t.Errorf("got %v, want %v", err, gone)
		}
		if a.ran != 1 {
			t.Errorf("the action ran %d times, want once", a.ran)
		}
	})
}

func TestRunTellsWhyARecordingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		torn := errors.New("line 7 is cut off")
		source := func(context.Context) iter.Seq2[status.Snapshot, error] {
			return func(yield func(status.Snapshot, error) bool) {
				_ = yield(healthy(), nil) && yield(status.Snapshot{}, torn)
			}
		}
		var out bytes.Buffer
		if err := Run(t.Context(), source, Options{In: keyboard(t, "q"), Out: &out, Width: 80, Height: 24}); !errors.Is(err, torn) {
			t.Errorf("got %v, want %v", err, torn)
		}
		if screen := ansi.Strip(out.String()); !strings.Contains(screen, "END") || !strings.Contains(screen, "line 7 is cut off") {
			t.Error("the screen does not say that it ended")
		}
	})
}
