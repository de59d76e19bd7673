package daemon

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

const (
	answerWithin  = 2 * time.Second // one request to a sandbox
	patientWithin = 3 * time.Second // for one that lives but doesn't answer
)

// Find looks for the sandbox of a folder ("" is Dir()). It counts only when the
// process that answers proves to be the one that left word there; what a dead
// one left is removed. One that lives and does not answer is an error.
func Find(ctx context.Context, dir string) (Info, bool, error) {
	r, err := find(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Info{}, false, nil
	}
	return r.Info, err == nil, err
}

// Stop ends the sandbox of a folder ("" is Dir()) and waits until it is gone.
// stopped is false when none ran. It asks the process, which must prove to be
// the sandbox first: it signals none.
func Stop(ctx context.Context, dir string) (stopped bool, err error) {
	r, err := find(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	f, err := openFolder(dir)
	if err != nil {
		return false, err
	}
	asked := r.stop(ctx)
	unlock, err := f.lock(ctx, serveLock, handoverWithin) // free means that it is gone, whoever asked
	if err != nil {
		return false, errors.Join(asked, fmt.Errorf("wait for process %d to end: %w", r.PID, err))
	}
	unlock()
	return true, nil
}

// find gives fs.ErrNotExist when no sandbox runs.
func find(ctx context.Context, dir string) (record, error) {
	f, err := openFolder(dir)
	if err != nil {
		return record{}, err
	}
	for giveUp := time.Now().Add(patientWithin); ; {
		r, err := f.read()
		if errors.Is(err, fs.ErrNotExist) {
			return record{}, err
		}
		if err == nil {
			if r.Info, err = r.ask(ctx); err == nil {
				return r, nil
			}
		}
		if ctx.Err() != nil {
			return record{}, context.Cause(ctx)
		}
		// Only the lock says whether the one who wrote the record lives. With
		// the lock in hand nobody else writes one.
		unlock, locked := f.lock(ctx, serveLock, 0)
		if locked == nil {
			err := f.forget()
			unlock()
			return record{}, errors.Join(err, fs.ErrNotExist)
		}
		if !errors.Is(locked, errHeld) {
			return record{}, locked
		}
		if time.Now().After(giveUp) {
			return record{}, fault.As(fault.Failed, fmt.Errorf("the sandbox of %s does not answer: %w", f, err), "end its process and try again")
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return record{}, err
		}
	}
}

// ask asks the process at the record's address who it is, and believes it only
// when it knows the record's token.
func (r record) ask(ctx context.Context) (Info, error) {
	challenge := rand.Text()
	answer, err := r.send(ctx, http.MethodGet, sandbox.ControlHealth, challengeHeader, challenge)
	if err != nil {
		return r.Info, err
	}
	var h health
	if err := json.Unmarshal(answer, &h); err != nil {
		return r.Info, fmt.Errorf("%s is no sandbox: %w", r.URL, err)
	}
	if h.Proof != proof(r.Token, challenge) {
		return r.Info, fmt.Errorf("%s is another sandbox", r.URL)
	}
	return h.Info, nil
}

func (r record) stop(ctx context.Context) error {
	_, err := r.send(ctx, http.MethodPost, ControlStop, tokenHeader, r.Token)
	return err
}

// send makes one request on a connection of its own, past any proxy, to
// loopback or not at all.
func (r record) send(ctx context.Context, method, path, header, value string) ([]byte, error) {
	if !loopbackURL(r.URL) {
		return nil, fmt.Errorf("sandbox record: %q is not on this machine", r.URL)
	}
	ctx, done := context.WithTimeout(ctx, answerWithin)
	defer done()
	request, err := http.NewRequestWithContext(ctx, method, r.URL+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("sandbox record: %w", err)
	}
	request.Header.Set(header, value)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request) // follows no redirect either
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, request.URL, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, request.URL, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s", method, request.URL, response.Status)
	}
	return body, nil
}
