package cmd_test

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/daemon"
)

// interrupt is a program that runs another and sends it a SIGINT for each
// pattern, one after the other, when a line of its stderr matches:
//
//	exits 130 interrupt CreateKey stopping -- ccsctl up --sandbox --yes
func interrupt() {
	args := os.Args[1:]
	var patterns []*regexp.Regexp
	for args[0] != "--" {
		patterns = append(patterns, regexp.MustCompile(args[0]))
		args = args[1:]
	}
	c := exec.Command(args[1], args[2:]...)
	c.Stdout = os.Stdout
	silence, _, err := os.Pipe() // a person who does not answer
	c.Stdin = silence
	var said io.ReadCloser
	if err == nil {
		said, err = c.StderrPipe()
	}
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "interrupt:", err)
		os.Exit(1)
	}
	for lines := bufio.NewScanner(said); lines.Scan(); {
		fmt.Fprintln(os.Stderr, lines.Text())
		if len(patterns) > 0 && patterns[0].MatchString(lines.Text()) {
			patterns = patterns[1:]
			_ = c.Process.Signal(os.Interrupt)
		}
	}
	_ = c.Wait()
	os.Exit(c.ProcessState.ExitCode())
}

// running is the script's sandbox.
func running(ts *testscript.TestScript) daemon.Info {
	info, ok, err := daemon.Find(context.Background(), ts.Getenv("CCSCTL_SANDBOX_DIR"))
	ts.Check(err)
	if !ok {
		ts.Fatalf("no sandbox is running")
	}
	return info
}

// client is a configuration for somebody else's calls to the script's sandbox.
func client(ts *testscript.TestScript) aws.Config {
	info := running(ts)
	return aws.Config{Region: info.Region, BaseEndpoint: &info.URL, Credentials: credentials.NewStaticCredentialsProvider("them", "them", "")}
}

func control(ts *testscript.TestScript, method, path, body string) []byte {
	r, err := http.NewRequest(method, running(ts).URL+path, strings.NewReader(body))
	ts.Check(err)
	res, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	ts.Check(err)
	if res.StatusCode >= 300 {
		ts.Fatalf("%s %s: %s: %s", method, path, res.Status, text)
	}
	return text
}

// setFault asks the sandbox for trouble, or ends all of it:
//
//	fault '{"service":"kms","operation":"CreateKey","code":"ThrottlingException","times":3}'
//	fault clear
func setFault(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case neg || len(args) != 1:
		ts.Fatalf("usage: fault JSON|clear")
	case args[0] == "clear":
		control(ts, http.MethodDelete, sandbox.ControlFaults, "")
	default:
		control(ts, http.MethodPost, sandbox.ControlFaults, args[0])
	}
}

// counted compares the sandbox's own count of mutating calls since the last
// reset with the "calls" of a result in a file:
//
//	counted reset
//	counted plan.json
func counted(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case neg || len(args) != 1:
		ts.Fatalf("usage: counted reset|FILE")
	case args[0] == "reset":
		control(ts, http.MethodDelete, sandbox.ControlCalls, "")
		return
	}
	var counts sandbox.CallCounts
	ts.Check(json.Unmarshal(control(ts, http.MethodGet, sandbox.ControlCalls, ""), &counts))
	var result struct {
		Calls *int `json:"calls"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &result))
	if result.Calls == nil {
		ts.Fatalf("%s has no calls", args[0])
	}
	if *result.Calls != counts.Mutating {
		ts.Fatalf("the sandbox counted %d mutating calls, %s says %d; all calls: %v", counts.Mutating, args[0], *result.Calls, counts.ByCall)
	}
}

// events checks that a file is what -o ndjson promises: each resource that has
// events begins, then ends once, and a summary that counts them closes the run.
func events(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: events FILE")
	}
	type event struct {
		Time, Event, Resource, Action, Outcome string
		Counts                                 map[string]int
	}
	begun, ended, got := map[string]bool{}, map[string]bool{}, map[string]int{}
	var last event
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if last.Event == "summary" {
			ts.Fatalf("after the summary: %s", line)
		}
		last = event{}
		ts.Check(json.Unmarshal([]byte(line), &last))
		if last.Event == "summary" {
			continue
		}
		r := last.Resource
		begun[r] = begun[r] || last.Event == "started" || last.Outcome == "skipped"
		if last.Time == "" || last.Action == "" || !begun[r] || ended[r] {
			ts.Fatalf("incomplete or out of place: %s", line)
		}
		if last.Event == "ended" {
			ended[r] = true
			got[last.Outcome]++
		}
	}
	delete(last.Counts, "unchanged") // which have no events
	if last.Event != "summary" || len(ended) != len(begun) || fmt.Sprint(got) != fmt.Sprint(last.Counts) {
		ts.Fatalf("%d began, %v ended; the last line is %q with %v", len(begun), got, last.Event, last.Counts)
	}
}

// trap listens where nobody may call and tells the script where in $TRAP. The
// script fails in the end when somebody has called.
func trap(ts *testscript.TestScript, _ bool, _ []string) {
	var called atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		called.Add(1)
		http.Error(w, "not here", http.StatusTeapot)
	}))
	ts.Setenv("TRAP", s.URL)
	ts.Defer(func() {
		s.Close()
		if n := called.Load(); n > 0 {
			ts.Fatalf("the trap was called %d times", n)
		}
	})
}

// tlsProxy puts TLS in front of the sandbox, with the certificate's authority in
// ca.pem and the address in $TLS.
func tlsProxy(ts *testscript.TestScript, _ bool, _ []string) {
	target, err := url.Parse(running(ts).URL)
	ts.Check(err)
	s := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that must fail
	s.StartTLS()
	ts.Defer(s.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), ca, 0o600))
	ts.Setenv("TLS", s.URL)
}
