package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

func TestWhatADeadSandboxLeftIsRemoved(t *testing.T) {
	listener, err := net.Listen("tcp", defaultAddr)
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + listener.Addr().String()
	_ = listener.Close()
	other, _ := serving(t, Options{Dir: newDir(t)})

	for name, text := range map[string]string{
		"nobody at the port":     fmt.Sprintf(`{"url":%q,"pid":%d,"token":"t"}`, nobody, os.Getpid()),
		"another at the port":    fmt.Sprintf(`{"url":%q,"pid":%d,"token":"t"}`, other.URL, other.PID),
		"not on this machine":    `{"url":"http://192.0.2.1:80","token":"t"}`,
		"half a file":            `{"url":"http://127.0`,
		"another kind of server": fmt.Sprintf(`{"url":%q,"token":"t"}`, other.URL+"/elsewhere"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := newDir(t)
			if _, err := makeFolder(dir); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, recordFile)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if stopped, err := Stop(t.Context(), dir); stopped || err != nil {
				t.Errorf("stopped %v, %v, want nothing to stop", stopped, err)
			}
			if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the record is still there: %v", err)
			}
		})
	}
	res, err := http.Get(other.URL + sandbox.ControlHealth)
	if err != nil {
		t.Fatalf("the other was stopped: %v", err)
	}
	res.Body.Close()
}

func TestFoldersOfOthersAreRefused(t *testing.T) {
	open := t.TempDir()
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{open, link} {
		_, _, err := Find(t.Context(), dir)
		if fault.HintOf(err) == "" {
			t.Errorf("find in %s: %v, want a refusal with a hint", dir, err)
		}
		if _, err := Start(t.Context(), Options{Dir: dir}); err == nil {
			t.Errorf("start in %s: no error", dir)
		}
	}
}

func TestManyStartsMakeOneSandbox(t *testing.T) {
	dir := newDir(t)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	infos := make([]Info, 8)
	var group sync.WaitGroup
	for i := range infos {
		group.Go(func() {
			var err error
			if infos[i], err = Start(t.Context(), Options{Dir: dir, Timing: "instant"}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, info := range infos {
		if info.URL != infos[0].URL || info.PID != infos[0].PID || info.PID == os.Getpid() || info.Mismatch != "" {
			t.Errorf("%+v beside %+v", info, infos[0])
		}
	}
	if environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", infos[0].PID)); err == nil && strings.Contains(string(environ), "AWS_SECRET") {
		t.Error("the sandbox was given the credentials of its user")
	}

	again, err := Start(t.Context(), Options{Dir: dir, Timing: "fast", Region: "us-east-1", Addr: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("timing instant, not fast; region eu-west-1, not us-east-1; address %s, not 127.0.0.1:1", strings.TrimPrefix(again.URL, "http://"))
	if again.Mismatch != want {
		t.Errorf("mismatch %q, want %q", again.Mismatch, want)
	}
	if stopped, err := Stop(t.Context(), dir); !stopped || err != nil {
		t.Fatalf("stopped %v, %v", stopped, err)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(again.URL, "http://")); err == nil {
		t.Error("somebody listens still")
	}
	next, err := Start(t.Context(), Options{Dir: dir, Timing: "fast"})
	if err != nil || next.PID == again.PID || next.Timing != "fast" || next.Mismatch != "" {
		t.Errorf("the next is %+v, %v", next, err)
	}
}

func TestAKilledSandboxIsReplaced(t *testing.T) {
	dir := newDir(t)
	first, err := Start(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	process, err := os.FindProcess(first.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	second, err := Start(t.Context(), Options{Dir: dir})
	if err != nil || second.PID == first.PID {
		t.Errorf("started %+v, %v", second, err)
	}
}

func TestAFailedStartShowsTheEndOfTheLog(t *testing.T) {
	dir := newDir(t)
	t.Setenv("CCSCTL_TEST_SERVE", "broken")
	_, err := Start(t.Context(), Options{Dir: dir})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"exit status 3", "line 20\n", "line 29"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "line 19") {
		t.Errorf("%q shows more than the last lines", err)
	}
	if !strings.Contains(fault.HintOf(err), filepath.Join(dir, logFile)) {
		t.Errorf("the hint %q does not name the log", fault.HintOf(err))
	}
}
