// Package cmd is the command line: one file a command. It builds, calls and
// prints; what the commands do is in the packages under internal.
package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// errSignal ends a run that the person interrupted.
var errSignal = errors.New("interrupted")

// Main runs the program and returns its exit code.
//
// The first Ctrl-C ends the commands' context; a change under way finishes the
// calls in flight and starts no others. The second ends everything at once.
func Main() int {
	hard, kill := context.WithCancelCause(context.Background())
	soft, stop := context.WithCancelCause(hard)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	e := &env{hard: hard, soft: soft}
	go func() {
		<-signals
		stop(errSignal)
		if say := e.say.Load(); say != nil {
			(*say)("stopping: calls in flight are finished, no others are started; Ctrl-C again stops at once")
		}
		<-signals
		kill(errSignal)
	}()
	err := newRoot(e).ExecuteContext(soft)
	if err == nil {
		return 0
	}
	err = explain(err, e.soft)
	if e.console == nil { // flags that can't be parsed come before the console
		e.console = e.newConsole("")
	}
	e.console.Fail(err)
	return int(fault.KindOf(err))
}

// timeoutError is the end of a command whose --timeout is over.
type timeoutError struct{ limit time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("the --timeout of %v is over", e.limit) }

// Is lets it pass for what the context package calls it.
func (e *timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// cut is why ctx made err happen: the interruption or the time limit, nil when
// err has a cause of its own. The SDK says only that a context ended.
func cut(err error, ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(err, cause) || errors.Is(err, ctx.Err()) {
		return cause
	}
	return nil
}

// explain gives an error that has no kind yet the one that AWS's answer or an
// interruption means, and a hint where there is something to do about it.
func explain(err error, ctx context.Context) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	switch cause := cut(err, ctx); {
	case errors.Is(cause, errSignal):
		return fault.As(fault.Interrupted, errSignal, "")
	case cause != nil:
		return fault.As(fault.Failed, cause, "raise --timeout")
	}
	spent, isSpent := errors.AsType[*plan.Exhausted](err)
	switch {
	case apierr.Expired(err):
		return fault.As(fault.Denied, err, "sign in again and run the command again")
	case isSpent && spent.Trouble == resource.Fresh:
		return fault.As(fault.Failed, err, "AWS kept refusing the role: compare its policy with 'ccsctl plan', and look for a permissions boundary or an SCP")
	case isSpent:
		return fault.As(fault.Failed, err, "run the command again: what is done stays done")
	case apierr.Denied(err):
		return fault.As(fault.Denied, err, "ask for the action that AWS names, or use another --profile")
	default:
		return err
	}
}
