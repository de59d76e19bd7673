package lambda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// mostProcesses is how many processes one function gets: AWS gives each
// concurrent invocation an environment of its own, one machine can't. What
// comes beyond waits.
const mostProcesses = 10

// idleLife is how long an environment waits for its next invocation.
const idleLife = time.Minute

// invocation is one request to a function.
type invocation struct {
	id      string
	payload []byte
}

// environment runs one invocation at a time.
type environment interface {
	// invoke runs the function. alive says whether the environment may be used
	// again. An error says that the function could not be asked at all.
	invoke(ctx context.Context, in invocation) (out outcome, alive bool, err error)
	close()
}

// pool is the environments of one function with one code and configuration.
type pool struct {
	revision string
	// start makes one more environment. What hinders it is a failure in a
	// function's words, or an error when it isn't the function's fault.
	start func() (env environment, failure []byte, err error)
	slots chan struct{}

	mu      sync.Mutex
	idle    []resting // the latest used last
	retired bool
}

type resting struct {
	environment
	since time.Time
}

func (p *pool) invoke(ctx context.Context, in invocation) (outcome, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return outcome{}, ctx.Err()
	}
	defer func() { <-p.slots }()
	env := p.take()
	if env == nil {
		made, said, err := p.start()
		if err != nil || said != nil {
			return outcome{failure: said}, err
		}
		env = made
	}
	out, alive, err := env.invoke(ctx, in)
	p.put(env, alive)
	return out, err
}

func (p *pool) take() environment {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	last := len(p.idle) - 1
	env := p.idle[last].environment
	p.idle = p.idle[:last]
	return env
}

func (p *pool) put(env environment, alive bool) {
	p.mu.Lock()
	keep := alive && !p.retired
	if keep {
		p.idle = append(p.idle, resting{env, time.Now()})
	}
	p.mu.Unlock()
	if !keep {
		env.close()
	}
}

// trim ends the environments that have been idle since before the given time,
// and all of them when the pool is retired.
func (p *pool) trim(before time.Time) {
	p.mu.Lock()
	if p.retired {
		before = time.Now().Add(time.Nanosecond)
	}
	n := slices.IndexFunc(p.idle, func(r resting) bool { return !r.since.Before(before) })
	if n < 0 {
		n = len(p.idle)
	}
	old := slices.Clone(p.idle[:n])
	p.idle = slices.Delete(p.idle, 0, n)
	p.mu.Unlock()
	for _, r := range old {
		r.close()
	}
}

// retire lets no environment be used again: those at work end when they are
// done, the idle ones with the next trim.
func (p *pool) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
}

// over reports whether nothing is left of a retired pool.
func (p *pool) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.retired && len(p.idle) == 0
}

// poolOf is the pool of the function as it is now. An older one is retired.
func (s *Service) poolOf(f *function) *pool {
	if f.pool != nil && f.pool.revision == *f.settings.RevisionId {
		return f.pool
	}
	if f.pool != nil {
		f.pool.retire()
	}
	f.pool = &pool{revision: *f.settings.RevisionId}
	s.pools = append(s.pools, f.pool)
	snapshot := f.deployed()
	if s.bus.Handlers != nil {
		f.pool.slots = make(chan struct{}, accountConcurrency)
		f.pool.start = func() (environment, []byte, error) {
			handle, err := s.bus.Handlers(snapshot.environment)
			if err != nil {
				return nil, failure("Runtime.ExitError", err.Error()), nil
			}
			return &inProcess{handle: handle, timeout: snapshot.timeout}, nil, nil
		}
		return f.pool
	}
	f.pool.slots = make(chan struct{}, mostProcesses)
	f.pool.start = func() (environment, []byte, error) {
		h := s.home.Load()
		if h == nil {
			return nil, nil, errors.New("the sandbox runs functions only while it is running")
		}
		return h.start(snapshot)
	}
	return f.pool
}

// inProcess is an environment for a handler of our own process.
type inProcess struct {
	handle  bus.Handler
	timeout time.Duration
}

func (e *inProcess) close() {}

func (e *inProcess) invoke(ctx context.Context, in invocation) (outcome, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	type answer struct {
		payload []byte
		err     error
	}
	done := make(chan answer, 1)
	go func() { // a handler may not care for its context
		payload, err := e.handle(ctx, in.payload)
		done <- answer{payload, err}
	}()
	select {
	case a := <-done:
		if own, ok := errors.AsType[*bus.FunctionError](a.err); ok {
			return outcome{failure: failure(own.Type, own.Message)}, true, nil
		}
		if a.err != nil && ctx.Err() == nil {
			return outcome{failure: failure(fmt.Sprintf("%T", a.err), a.err.Error())}, true, nil
		}
		if a.err == nil {
			// Ours: a handler of aws-lambda-go writes its next answer over this one.
			return outcome{payload: slices.Clone(a.payload)}, true, nil
		}
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return outcome{failure: timedOut(in.id, e.timeout)}, false, nil
	}
	return outcome{}, false, ctx.Err()
}

func timedOut(id string, after time.Duration) []byte {
	return failure("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", id, after.Seconds()))
}
