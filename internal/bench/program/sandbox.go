package program

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/ccs-platform/ccsctl/internal/aws/connect"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/daemon"
)

// Sandbox is a sandbox that serves a world from within this process: the
// program finds it by its runtime file like any other.
type Sandbox struct {
	URL    string
	cancel context.CancelFunc
	ended  chan error
}

// Serve starts the world's sandbox at the given timing. It must be closed.
func (w World) Serve(ctx context.Context, timing string) (*Sandbox, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &Sandbox{cancel: cancel, ended: make(chan error, 1)}
	ready := make(chan daemon.Info, 1)
	go func() {
		s.ended <- daemon.Serve(ctx, daemon.Options{Dir: w.Sandbox, Timing: timing, Ready: func(i daemon.Info) { ready <- i }})
	}()
	select {
	case i := <-ready:
		s.URL = i.URL
		return s, nil
	case err := <-s.ended:
		cancel()
		return nil, fmt.Errorf("serve a sandbox: %w", err)
	}
}

// Close ends the sandbox and forgets what was in it.
func (s *Sandbox) Close() error {
	s.cancel()
	return <-s.ended
}

// Session is a connection to the sandbox, as the program makes it.
func (s *Sandbox) Session(ctx context.Context) (connect.Session, error) {
	return connect.Open(ctx, connect.Options{Version: "bench", Sandbox: &connect.SandboxEndpoint{URL: s.URL, Region: sandbox.Region, Account: sandbox.Account}})
}

// Calls are the sandbox's counts since its start or the last Reset.
func (s *Sandbox) Calls(ctx context.Context) (counts sandbox.CallCounts, err error) {
	return counts, s.control(ctx, http.MethodGet, sandbox.ControlCalls, nil, &counts)
}

// Reset starts the counts anew.
func (s *Sandbox) Reset(ctx context.Context) error {
	return s.control(ctx, http.MethodDelete, sandbox.ControlCalls, nil, nil)
}

// Faults are the faults in force.
func (s *Sandbox) Faults(ctx context.Context) (list []sandbox.Fault, err error) {
	return list, s.control(ctx, http.MethodGet, sandbox.ControlFaults, nil, &list)
}

// Fault asks for a fault.
func (s *Sandbox) Fault(ctx context.Context, f sandbox.Fault) error {
	return s.control(ctx, http.MethodPost, sandbox.ControlFaults, f, nil)
}

// ClearFaults ends all faults.
func (s *Sandbox) ClearFaults(ctx context.Context) error {
	return s.control(ctx, http.MethodDelete, sandbox.ControlFaults, nil, nil)
}

// control asks the sandbox itself. in and out may be nil.
func (s *Sandbox) control(ctx context.Context, method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, &body)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s", method, path, res.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(out)
}
