package daemon

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

// How long things may take at the end of one sandbox and the start of the next.
const (
	drainWithin    = 2 * time.Second // for the answers under way
	handoverWithin = 2 * drainWithin // for the sandbox before to be gone
)

// Serve is the sandbox's process: it serves one on loopback until ctx ends or
// Stop asks, which is no error. It refuses to when one runs already for the
// same folder.
func Serve(ctx context.Context, o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	f, err := makeFolder(o.Dir)
	if err != nil {
		return err
	}
	if other, running, err := Find(ctx, o.Dir); err != nil {
		return err
	} else if running {
		return fault.As(fault.Failed, fmt.Errorf("a sandbox runs already at %s (process %d)", other.URL, other.PID), "run 'ccsctl sandbox stop' first")
	}
	unlock, err := f.lock(ctx, serveLock, handoverWithin)
	if err != nil {
		return err
	}
	defer unlock() // the last act: it tells Stop that nothing is left

	listener, err := net.Listen("tcp", cmp.Or(o.Addr, defaultAddr))
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	defer listener.Close()
	us := record{Token: rand.Text(), Info: Info{
		URL:     "http://" + listener.Addr().String(),
		PID:     os.Getpid(),
		Started: time.Now().UTC().Truncate(time.Millisecond),
		Timing:  cmp.Or(o.Timing, DefaultTiming),
		Region:  cmp.Or(o.Region, sandbox.Region),
		Limits:  o.Limits || o.Timing == "aws", // which has them in any case
		Account: sandbox.Account,
		Version: o.Version,
	}}
	aws, err := sandbox.New(sandbox.Options{Region: us.Region, Timing: us.Timing, Limits: us.Limits, Handlers: o.Handlers, Endpoint: us.URL})
	if err != nil {
		return err
	}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	server := newServer(ctx, control(us, stop, aws))
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if err := f.write(us); err != nil {
		return errors.Join(err, server.Close())
	}
	lived := make(chan struct{})
	go func() {
		defer close(lived)
		aws.Run(ctx)
	}()
	if o.Ready != nil {
		o.Ready(us.Info)
	}
	if os.Getenv("GOGC") == startGC {
		debug.SetGCPercent(100)
	}
	select {
	case err = <-failed:
		err = fmt.Errorf("sandbox: %w", err)
	case <-ctx.Done():
	}
	// First the word, then the deed: who looks for a sandbox now finds none
	// rather than one that no longer answers.
	err = errors.Join(err, f.forget(), drain(server))
	stop()
	<-lived // functions' processes end with it
	return err
}

// newServer is the HTTP server of a sandbox, whose requests end with ctx.
//
// It bounds how long a client may take to ask, and not how long an answer
// takes: a long poll waits 20 s and more.
func newServer(ctx context.Context, sandbox http.Handler) *http.Server {
	return &http.Server{
		Handler:           guard(sandbox),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute, // a function's zip is large, but loopback is fast
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}

// drain lets the answers under way finish. Long polls end by themselves: their
// contexts have ended.
func drain(server *http.Server) error {
	ctx, done := context.WithTimeout(context.Background(), drainWithin)
	defer done()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return server.Close() // slow clients are cut off; the state is gone anyway
	}
	return err
}

// guard refuses what a web page could send through the browser of this
// machine's user: requests under a foreign name that was made to resolve to
// loopback (DNS rebinding), and changes asked for by another origin.
func guard(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback(hostname(r.Host)) {
			http.Error(w, fmt.Sprintf("the sandbox answers requests to this machine only, not to host %q", r.Host), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostname is the host of a Host header, which may lack a port.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}
