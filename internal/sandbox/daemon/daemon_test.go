package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

// TestMain lets the test binary be the program that Start runs.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "sandbox" && os.Args[2] == "serve" {
		os.Exit(serve(os.Args[3:]))
	}
	os.Exit(m.Run())
}

func serve(args []string) int {
	if os.Getenv("CCSCTL_TEST_SERVE") == "broken" {
		for i := range 30 {
			fmt.Fprintf(os.Stderr, "line %d\n", i)
		}
		return 3
	}
	var o Options
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	flags.StringVar(&o.Addr, "addr", "", "")
	flags.StringVar(&o.Timing, "timing", "", "")
	flags.StringVar(&o.Region, "region", "", "")
	flags.BoolVar(&o.Limits, "limits", false, "")
	_ = flags.Parse(args) // ends the process on an error
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := Serve(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// newDir is a private folder, and the promise that no sandbox outlives the test.
func newDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "private")
	t.Cleanup(func() {
		if _, err := Stop(context.Background(), dir); err != nil {
			t.Errorf("stop at the end: %v", err)
		}
	})
	return dir
}

// serving runs Serve in this process and returns when it answers.
func serving(t *testing.T, o Options) (info Info, ended <-chan error) {
	t.Helper()
	ready, result := make(chan Info, 1), make(chan error, 1)
	o.Ready = func(i Info) { ready <- i }
	go func() { result <- Serve(t.Context(), o) }()
	select {
	case info = <-ready:
		return info, result
	case err := <-result:
		t.Fatalf("serve: %v", err)
		return Info{}, nil
	}
}

func TestServeLeavesWordUntilStopped(t *testing.T) {
	dir := newDir(t)
	if _, running, err := Find(t.Context(), dir); running || err != nil {
		t.Fatalf("before: running %v, %v", running, err)
	}
	if stopped, err := Stop(t.Context(), dir); stopped || err != nil {
		t.Fatalf("stop before: stopped %v, %v", stopped, err)
	}
	want, ended := serving(t, Options{Dir: dir, Region: "eu-central-1", Version: "1.2.3"})

	got, running, err := Find(t.Context(), dir)
	if err != nil || !running {
		t.Fatalf("find: running %v, %v", running, err)
	}
	if got.Memory == 0 {
		t.Error("its memory is unknown")
	}
	got.Memory = 0
	if got != want {
		t.Errorf("found %+v, want %+v", got, want)
	}
	if got.PID != os.Getpid() || got.Timing != DefaultTiming || got.Region != "eu-central-1" || got.Account != sandbox.Account {
		t.Errorf("found %+v", got)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, recordFile): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v, want mode %o", path, info, err, mode)
		}
	}

	err = Serve(t.Context(), Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), got.URL) {
		t.Errorf("a second one: %v, want a refusal that names %s", err, got.URL)
	}
	if stopped, err := Stop(t.Context(), dir); !stopped || err != nil {
		t.Fatalf("stop: stopped %v, %v", stopped, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("serve ended with %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, recordFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the record is still there: %v", err)
	}
	if _, running, err := Find(t.Context(), dir); running || err != nil {
		t.Errorf("after: running %v, %v", running, err)
	}
}

func TestDirIsPerUser(t *testing.T) {
	runtime := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	t.Setenv(DirVariable, "")
	if got, want := Dir(), filepath.Join(runtime, "ccsctl"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(runtime, "absent"))
	if got, want := Dir(), filepath.Join(os.TempDir(), fmt.Sprintf("ccsctl-%d", os.Getuid())); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	t.Setenv(DirVariable, "/elsewhere")
	if got := Dir(); got != "/elsewhere" {
		t.Errorf("got %s, want /elsewhere", got)
	}
}

// The JSON of Info is printed by 'sandbox status', so its names are a promise.
func TestInfoNames(t *testing.T) {
	text, err := json.Marshal(Info{Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Memory: 1, Mismatch: "m"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"url":"","pid":0,"started":"2026-01-02T03:04:05Z","timing":"","region":"","limits":false,"account":"","version":"","memory_bytes":1,"mismatch":"m"}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}
