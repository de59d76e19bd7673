package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// hostArch is built in tests, so that they share compiled packages with 'go test'.
func hostArch() string {
	if runtime.GOARCH == "arm64" {
		return ARM64
	}
	return X86
}

func needGo(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go tool to build with")
	}
	root, err := sourceRoot()
	if err != nil {
		t.Skip(err) // 'go test -trimpath'
	}
	return root
}

// copySource copies what decides the program to another place.
func copySource(t *testing.T, root string) string {
	t.Helper()
	to := t.TempDir()
	for _, part := range []string{"go.mod", "go.sum", "internal/functions", "internal/fault"} {
		err := filepath.WalkDir(filepath.Join(root, part), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o700); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(to, rel), content, 0o600)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func TestTheSameSourceGivesTheSameZip(t *testing.T) {
	root := needGo(t)
	t.Setenv("GOFLAGS", "-tags=lambda.norpc,other") // a person's own settings change nothing
	cache := t.TempDir()
	said := 0
	find := func() Package {
		t.Helper()
		p, err := Find(t.Context(), Options{Arch: hostArch(), Cache: cache, Progress: func(string) { said++ }})
		if err != nil {
			t.Fatalf("%v (%s)", err, fault.HintOf(err))
		}
		return p
	}
	first := find()
	if err := check(first.Zip, hostArch()); err != nil {
		t.Errorf("our own zip would not start: %v", err)
	}
	if size := len(first.Zip); size > 5<<20 {
		t.Errorf("zip of %d bytes: more than 5 MiB slows every cold start", size)
	}
	if find(); said != 1 {
		t.Errorf("built %d times, want the second taken from the cache", said)
	}

	// A clone elsewhere, with a cache of its own, uploads nothing.
	clone := copySource(t, root)
	elsewhere, err := build(t.Context(), clone, hostArch())
	if err != nil {
		t.Fatal(err)
	}
	if sum := newPackage(elsewhere, "", "").SHA256; sum != first.SHA256 {
		t.Errorf("built in another folder: SHA256 %s, want %s", sum, first.SHA256)
	}

	// A cached file that lost its end is built again.
	files, _ := filepath.Glob(filepath.Join(cache, "*"))
	if len(files) != 1 {
		t.Fatalf("cache holds %v, want one file", files)
	}
	if err := os.Truncate(files[0], int64(len(first.Zip)/2)); err != nil {
		t.Fatal(err)
	}
	if p := find(); said != 2 || p.SHA256 != first.SHA256 {
		t.Errorf("damaged cache: built %d times, SHA256 %s, want 2 and %s", said, p.SHA256, first.SHA256)
	}

	// Without the Go tool what was built stays usable; the rest has a hint.
	t.Setenv("PATH", "")
	find()
	_, err = Find(t.Context(), Options{Arch: hostArch(), Cache: t.TempDir()})
	if !errors.Is(err, exec.ErrNotFound) || fault.KindOf(err) != fault.Failed || !strings.Contains(fault.HintOf(err), "released ccsctl") {
		t.Errorf("no go tool: got %v, hint %q", err, fault.HintOf(err))
	}
}

func TestDigestFollowsWhatTheProgramLinks(t *testing.T) {
	root := needGo(t)
	clone := copySource(t, root)
	same := func(a, b string) bool {
		t.Helper()
		x, err := digest(a, ARM64)
		if err != nil {
			t.Fatal(err)
		}
		y, err := digest(b, ARM64)
		if err != nil {
			t.Fatal(err)
		}
		return x == y
	}
	if !same(root, clone) {
		t.Fatal("the place of the source counts")
	}
	for name, counts := range map[string]bool{
		"go.mod":                                  true,
		"go.sum":                                  true,
		"internal/functions/ingest.go":            true,
		"internal/functions/live/send.go":         true,
		"internal/functions/bootstrap/main.go":    true,
		"internal/functions/bundle/zip.go":        true,
		"internal/functions/functions_test.go":    false,
		"internal/functions/pack/main.go":         false,
		"internal/functions/bundle/embedded.zip":  false,
		"internal/functions/live/another_test.go": false,
	} {
		file := filepath.Join(clone, filepath.FromSlash(name))
		before, err := os.ReadFile(file)
		absent := errors.Is(err, fs.ErrNotExist)
		if err := os.WriteFile(file, append(before, "\n// changed\n"...), 0o600); err != nil {
			t.Fatal(err)
		}
		if same(root, clone) == counts {
			t.Errorf("a change of %s: counts %v, want %v", name, !counts, counts)
		}
		if absent {
			err = os.Remove(file)
		} else {
			err = os.WriteFile(file, before, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The program in the zip, started as Lambda starts it, takes an invocation from
// the runtime API, sends the emergency to its queue and answers.
func TestTheProgramServesAnInvocation(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the program is for Linux")
	}
	needGo(t)
	p, err := Find(t.Context(), Options{Arch: hostArch(), Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(p.Zip), int64(len(p.Zip)))
	if err != nil {
		t.Fatal(err)
	}
	content, err := fs.ReadFile(r, entry)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), entry)
	if err := os.WriteFile(program, content, 0o700); err != nil {
		t.Fatal(err)
	}

	const crash = "eyJldmVudF9pZCI6ImUtMSIsInZlaGljbGVfaWQiOiJ2LTEiLCJ0eXBlIjoiY3Jhc2giLCJzZXZlcml0eSI6ImNyaXRpY2FsIiwib2NjdXJyZWRfYXQiOiIyMDI2LTExLTIzVDE1OjAwOjAwWiJ9"
	var handedOut atomic.Bool
	sent, answered := make(chan string, 1), make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		if handedOut.Swap(true) {
			<-r.Context().Done() // no more work
			return
		}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "r-1")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
		fmt.Fprintf(w, `{"Records":[{"kinesis":{"sequenceNumber":"49","data":%q}}]}`, crash)
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/r-1/response", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		answered <- string(body)
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent <- r.Header.Get("X-Amz-Target") + " " + string(body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		var in struct {
			Entries []struct{ MessageBody string }
		}
		if err := json.Unmarshal(body, &in); err != nil || len(in.Entries) != 1 {
			t.Errorf("sent %s (%v), want one message", body, err)
			return
		}
		fmt.Fprintf(w, `{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"%x"}]}`, md5.Sum([]byte(in.Entries[0].MessageBody)))
	})
	aws := httptest.NewServer(mux)
	t.Cleanup(aws.Close)

	var log bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(aws.URL, "http://"), "AWS_ENDPOINT_URL=" + aws.URL,
		"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_LAMBDA_FUNCTION_NAME=ingest",
		"CCSCTL_HANDLER=ingest", "EMERGENCY_QUEUE_URL=" + aws.URL + "/1/emergency.fifo", "TELEMETRY_QUEUE_URL=" + aws.URL + "/1/telemetry"}
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	stop := func() { cmd.Process.Kill(); <-exited }

	select {
	case err := <-exited:
		t.Fatalf("ended: %v\n%s", err, &log)
	case got := <-answered:
		stop()
		if got != `{"batchItemFailures":[]}` {
			t.Errorf("answered %s\n%s", got, &log)
		}
	}
	var got string
	select {
	case got = <-sent:
	default:
		t.Fatalf("sent nothing\n%s", &log)
	}
	for _, want := range []string{"AmazonSQS.SendMessageBatch", "emergency.fifo", `"MessageGroupId":"v-1"`, `"MessageDeduplicationId":"e-1"`} {
		if !strings.Contains(got, want) {
			t.Errorf("sent %s, want %s in it", got, want)
		}
	}
}

func BenchmarkFindKept(b *testing.B) {
	needGo(b)
	o := Options{Arch: hostArch(), Cache: b.TempDir()}
	if _, err := Find(b.Context(), o); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Find(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
}
