package cmd

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"

	"github.com/ccs-platform/ccsctl/internal/aws/connect"
	"github.com/ccs-platform/ccsctl/internal/demo"
	"github.com/ccs-platform/ccsctl/internal/functions/live"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/daemon"
)

// ownSandbox is a sandbox in this process that only the demo knows.
type ownSandbox struct {
	connect.SandboxEndpoint
	folder string // private; it goes with the sandbox
	stop   func()
	ended  chan error
}

// startOwnSandbox serves one under a free port. With inProcess its functions are
// our own handlers, whatever code they are given.
func startOwnSandbox(ctx context.Context, inProcess bool) (*ownSandbox, error) {
	folder, err := os.MkdirTemp("", "ccsctl-demo-")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	s := &ownSandbox{folder: folder, stop: stop, ended: make(chan error, 1)}
	ready := make(chan daemon.Info, 1)
	o := daemon.Options{Dir: folder, Version: version(), Ready: func(i daemon.Info) { ready <- i }}
	if inProcess {
		o.Handlers = s.handler
	}
	go func() { s.ended <- daemon.Serve(ctx, o) }()
	select {
	case i := <-ready:
		s.SandboxEndpoint = connect.SandboxEndpoint{URL: i.URL, Region: i.Region, Account: i.Account}
		return s, nil
	case err := <-s.ended:
		s.ended <- err
		return nil, errors.Join(fmt.Errorf("the demo's sandbox: %w", err), s.close())
	}
}

// close ends the sandbox and returns when nothing is left of it.
func (s *ownSandbox) close() error {
	s.stop()
	return errors.Join(<-s.ended, os.RemoveAll(s.folder))
}

// handler is a function of the pipeline as a part of this process.
func (s *ownSandbox) handler(environment map[string]string) (bus.Handler, error) {
	getenv := func(name string) string {
		switch name {
		case "AWS_ENDPOINT_URL":
			return s.URL
		case "AWS_REGION":
			return s.Region
		case "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY":
			return "sandbox"
		}
		return environment[name]
	}
	h, err := live.New(live.Config(getenv), getenv, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return h.Invoke, nil
}

// letters are what its people were sent.
func (s *ownSandbox) letters(ctx context.Context) (letters []demo.Letter, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+sandbox.ControlOutbox, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return letters, json.NewDecoder(res.Body).Decode(&letters)
}

// breakFunction has every invocation of a function fail until it is mended.
func (s *ownSandbox) breakFunction(ctx context.Context, function string) (mend func(context.Context) error, err error) {
	f, err := addFault(ctx, s.URL, "function:"+function+" fail=100%")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		var out sandbox.Cleared
		return control(ctx, http.MethodDelete, s.URL+sandbox.ControlFaults+"?"+url.Values{"id": {f.ID}}.Encode(), "", &out)
	}, nil
}

// standIn is code that Lambda takes and that nothing runs.
func standIn() (code []byte, digest string, err error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "bootstrap"}
	h.SetMode(0o755)
	f, err := w.CreateHeader(h)
	if err == nil {
		_, err = f.Write([]byte("#!/bin/sh\nexit 1\n"))
	}
	if err == nil {
		err = w.Close()
	}
	sum := sha256.Sum256(b.Bytes())
	return b.Bytes(), base64.StdEncoding.EncodeToString(sum[:]), err
}
