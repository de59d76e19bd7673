package resource

import (
	"context"
	"time"
)

type noteKey struct{}

// WithNotes returns a context whose Note calls reach f. f is called from the
// goroutine that waits and must be quick.
func WithNotes(ctx context.Context, f func(note string)) context.Context {
	return context.WithValue(ctx, noteKey{}, f)
}

type idKey struct{}

// For returns a context for work on behalf of a resource, so that whoever sees
// the calls under it can tell whose they are.
func For(ctx context.Context, id ID) context.Context { return context.WithValue(ctx, idKey{}, id) }

// Of is the resource that ctx works for; ok is false when there is none.
func Of(ctx context.Context) (id ID, ok bool) {
	id, ok = ctx.Value(idKey{}).(ID)
	return id, ok
}

type stopKey struct{}

// Until returns a context for work that goes on for now but is to begin nothing
// new, another attempt of a failed call included, once stop ends.
func Until(ctx, stop context.Context) context.Context { return context.WithValue(ctx, stopKey{}, stop) }

// Stopped is why the work under ctx is to begin nothing new, nil while it may.
func Stopped(ctx context.Context) error {
	if stop, ok := ctx.Value(stopKey{}).(context.Context); ok {
		return context.Cause(stop)
	}
	return nil
}

// Note says what the work under ctx is doing or waiting for, in words that fit
// behind a resource's name: "waiting until the stream is ACTIVE". Without
// WithNotes it does nothing.
func Note(ctx context.Context, note string) {
	if f, ok := ctx.Value(noteKey{}).(func(string)); ok {
		f(note)
	}
}

// The pace of Poll: dense at first, because many waits are short, but never
// more than the 5 calls a second that the strictest of AWS's describe calls
// allow an account (Firehose's; trap 38).
const (
	pollFirst = 100 * time.Millisecond
	pollMost  = 5 * time.Second
)

// Poll calls ready until it reports true or fails, noting what it waits for
// when the first answer is not yet. Between calls it sleeps, from 100 ms growing
// by half to 5 s. It ends with the context's cause when ctx ends.
func Poll(ctx context.Context, note string, ready func(ctx context.Context) (bool, error)) error {
	pause := pollFirst
	for first := true; ; first = false {
		ok, err := ready(ctx)
		if ok || err != nil {
			return err
		}
		if first {
			Note(ctx, note)
		}
		if err := Sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(pause+pause/2, pollMost)
	}
}

// Sleep waits for d or until ctx ends, which it returns the cause of.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
