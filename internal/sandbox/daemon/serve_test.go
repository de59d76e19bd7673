package daemon

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

func TestServeRefusesWhatIsNotLoopback(t *testing.T) {
	dir := newDir(t)
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1"} {
		if err := Serve(t.Context(), Options{Dir: dir, Addr: addr}); fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v, want a fault of usage", addr, err)
		}
	}
	if err := Serve(t.Context(), Options{Dir: dir, Timing: "never"}); fault.KindOf(err) != fault.Usage {
		t.Errorf("timing never: %v, want a fault of usage", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was touched: %v", err)
	}
}

func TestForeignRequestsAreRefused(t *testing.T) {
	dir := newDir(t)
	info, _ := serving(t, Options{Dir: dir})
	r, err := folder(dir).read()
	if err != nil {
		t.Fatal(err)
	}
	port := info.URL[strings.LastIndexByte(info.URL, ':'):]
	for _, tt := range []struct {
		method, path, host, header, value string
		want                              int
	}{
		{"GET", sandbox.ControlHealth, "127.0.0.1" + port, "", "", 200},
		{"GET", sandbox.ControlHealth, "127.8.9.10", "", "", 200},
		{"GET", sandbox.ControlHealth, "[::1]" + port, "", "", 200},
		{"GET", sandbox.ControlHealth, "[::1]", "", "", 200},
		{"GET", sandbox.ControlHealth, "LocalHost" + port, "", "", 200},
		{"GET", sandbox.ControlCalls, "bucket.s3.localhost" + port, "", "", 200},
		{"GET", sandbox.ControlHealth, "example.com" + port, "", "", 403},
		{"GET", sandbox.ControlHealth, "127.0.0.1.example.com", "", "", 403},
		{"GET", sandbox.ControlHealth, "notlocalhost", "", "", 403},
		{"GET", sandbox.ControlHealth, "192.168.0.1" + port, "", "", 403},
		{"GET", sandbox.ControlHealth, "0.0.0.0" + port, "", "", 403},
		{"DELETE", sandbox.ControlCalls, "127.0.0.1" + port, "Origin", "https://example.com", 403},
		{"DELETE", sandbox.ControlCalls, "127.0.0.1" + port, "Sec-Fetch-Site", "cross-site", 403},
		{"DELETE", sandbox.ControlCalls, "127.0.0.1" + port, "", "", 204},
		{"POST", ControlStop, "127.0.0.1" + port, "", "", 403},
		{"POST", ControlStop, "127.0.0.1" + port, tokenHeader, "guess", 403},
		{"POST", ControlStop, "example.com", tokenHeader, r.Token, 403},
	} {
		request, err := http.NewRequestWithContext(t.Context(), tt.method, info.URL+tt.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = tt.host
		if tt.header != "" {
			request.Header.Set(tt.header, tt.value)
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != tt.want {
			t.Errorf("%s %s, Host %s, %s %s: %d, want %d", tt.method, tt.path, tt.host, tt.header, tt.value, response.StatusCode, tt.want)
		}
	}
	if _, running, err := Find(t.Context(), dir); !running || err != nil {
		t.Errorf("it should run still: %v, %v", running, err)
	}
}

// pipes is a listener whose connections stay in a bubble.
type pipes struct {
	net.Listener
	next chan net.Conn
}

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p.next
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func TestLongPollsAreAnsweredAndEndWithTheSandbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		listener := pipes{next: make(chan net.Conn, 2)}
		server := newServer(ctx, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // from here on the server watches the connection
			wait := 5 * time.Minute
			if r.URL.Path == "/endless" {
				wait = 24 * time.Hour
			}
			select {
			case <-time.After(wait):
			case <-r.Context().Done():
			}
		}))
		go func() { _ = server.Serve(listener) }()
		poll := func(path string) time.Duration {
			begun := time.Now()
			ours, theirs := net.Pipe()
			listener.next <- theirs
			transport := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return ours, nil }}
			response, err := (&http.Client{Transport: transport}).Post("http://localhost"+path, "text/plain", strings.NewReader("x"))
			if err != nil {
				t.Errorf("%s: %v", path, err)
				return 0
			}
			_ = response.Body.Close()
			return time.Since(begun)
		}
		if took := poll("/minutes"); took != 5*time.Minute {
			t.Errorf("a poll of 5 minutes ended after %v", took)
		}
		drained := make(chan error, 1)
		go func() {
			time.Sleep(time.Hour)
			stop()
			close(listener.next)
			drained <- drain(server)
		}()
		if took := poll("/endless"); took < time.Hour || took > time.Hour+drainWithin {
			t.Errorf("an endless poll ended after %v, want soon after the hour", took)
		}
		if err := <-drained; err != nil {
			t.Errorf("drain: %v", err)
		}
	})
}
