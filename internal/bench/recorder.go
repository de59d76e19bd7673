package main

import (
	"cmp"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/resource"
)

// call is one request and the resource that it was made for.
type call struct {
	resource   resource.ID
	start, end time.Time
}

// recorder writes down every request that goes through it, until the answer's
// body is read: that is when the caller can go on.
type recorder struct {
	next http.RoundTripper

	mu    sync.Mutex
	calls []call
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	res, err := r.next.RoundTrip(req)
	id, _ := resource.Of(req.Context()) // the zero ID is the run's own
	if err != nil {
		r.add(call{id, start, time.Now()})
		return nil, err
	}
	res.Body = &body{ReadCloser: res.Body, closed: func() { r.add(call{id, start, time.Now()}) }}
	return res, nil
}

func (r *recorder) add(c call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
}

// body tells when it is closed, once.
type body struct {
	io.ReadCloser
	once   sync.Once
	closed func()
}

func (b *body) Close() error {
	b.once.Do(b.closed)
	return b.ReadCloser.Close()
}

// between are the calls that began in a span of time, by resource.
func (r *recorder) between(from, to time.Time) map[resource.ID][]call {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := map[resource.ID][]call{}
	for _, c := range r.calls {
		if !c.start.Before(from) && c.start.Before(to) {
			calls[c.resource] = append(calls[c.resource], c)
		}
	}
	return calls
}

// rounds is how many of the calls came one after another: the length of the
// longest chain in which each begins after the one before has ended. Calls side
// by side are one round.
func rounds(calls []call) int {
	byEnd := slices.SortedFunc(slices.Values(calls), func(a, b call) int { return cmp.Compare(a.end.UnixNano(), b.end.UnixNano()) })
	n, free := 0, time.Time{}
	for _, c := range byEnd {
		if !c.start.Before(free) {
			n, free = n+1, c.end
		}
	}
	return n
}
