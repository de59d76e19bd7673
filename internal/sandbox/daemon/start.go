package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// startWithin is how long a sandbox in the background may take to answer: it
// needs milliseconds, a machine that swaps some seconds.
const startWithin = 10 * time.Second

// startGC puts off the first garbage collection until the sandbox answers. The
// SDK's schemas alone would bring one about, for a third of all the work that a
// start is. Serve goes back to the ordinary rate.
const startGC = "400"

// Start finds the sandbox of o.Dir or starts one in the background, which lives
// on when this process ends. However many start at once, one sandbox comes of
// it. A running one is taken as it is; Info.Mismatch says where it is not what
// o asks for.
//
// The process is this executable with the arguments "sandbox serve" and those
// of --addr, --timing, --region and --limits that o sets, and with DirVariable
// in its environment: it must call Serve with them.
func Start(ctx context.Context, o Options) (Info, error) {
	if err := o.check(); err != nil {
		return Info{}, err
	}
	f, err := makeFolder(o.Dir)
	if err != nil {
		return Info{}, err
	}
	unlock, err := f.lock(ctx, startLock, startWithin+handoverWithin)
	if err != nil {
		return Info{}, err
	}
	defer unlock()
	info, running, err := Find(ctx, string(f))
	if err != nil {
		return Info{}, err
	}
	if !running {
		info, err = f.launch(ctx, o)
		if ctx.Err() != nil {
			return Info{}, context.Cause(ctx)
		}
		if err != nil {
			return Info{}, f.explain(err)
		}
	}
	info.Mismatch = o.mismatch(info)
	return info, nil
}

// launch starts the process and waits until it answers.
func (f folder) launch(ctx context.Context, o Options) (Info, error) {
	child, err := f.spawn(o)
	if err != nil {
		return Info{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()

	ctx, done := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("no answer within %v", startWithin))
	defer done()
	for pause := 2 * time.Millisecond; ; pause = min(pause*5/4, 20*time.Millisecond) {
		select {
		case <-time.After(pause):
		case err := <-ended:
			// Unless someone else's, served in a terminal, was quicker.
			if info, running, _ := Find(ctx, string(f)); running {
				return info, nil
			}
			if err == nil {
				err = errors.New("ended at once")
			}
			return Info{}, err
		case <-ctx.Done():
			_ = child.Process.Kill() // an error says that it is gone
			<-ended
			return Info{}, context.Cause(ctx)
		}
		if info, running, err := Find(ctx, string(f)); err == nil && running {
			return info, nil
		}
	}
}

// spawn runs 'sandbox serve' detached from our terminal, its words in the log.
func (f folder) spawn(o Options) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	log, err := os.OpenFile(f.file(logFile), os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	defer log.Close() // the child has its own
	child := exec.Command(program, o.arguments()...)
	child.Dir = string(f)
	child.Env = append(environment(), DirVariable+"="+string(f))
	if os.Getenv("GOGC") == "" {
		child.Env = append(child.Env, "GOGC="+startGC)
	}
	child.Stdout, child.Stderr = log, log
	child.SysProcAttr = detached()
	if err := child.Start(); err != nil {
		return nil, err
	}
	return child, nil
}

func (o Options) arguments() []string {
	args := []string{"sandbox", "serve"}
	set := func(flag, value string) {
		if value != "" {
			args = append(args, flag+"="+value)
		}
	}
	set("--addr", o.Addr)
	set("--timing", o.Timing)
	set("--region", o.Region)
	if o.Limits {
		args = append(args, "--limits")
	}
	return args
}

// environment is ours without what leads to AWS: a process that outlives the
// command has no business with its credentials.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "AWS_") })
}

// explain adds what the process said to the reason why it did not come up.
func (f folder) explain(err error) error {
	err = fmt.Errorf("start the sandbox: %w", err)
	if tail := f.logTail(); tail != "" {
		err = fmt.Errorf("%w; it said:\n%s", err, tail)
	}
	return fault.As(fault.Failed, err, "read "+f.file(logFile)+", or run 'ccsctl sandbox serve' to see it fail")
}
