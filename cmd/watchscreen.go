package cmd

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ccs-platform/ccsctl/internal/tui/watch"
)

// hasScreen reports whether a person looks and can press keys. With -v the calls
// are told line by line, which no screen survives.
func (e *env) hasScreen(o watchOptions) bool {
	return !o.once && e.flags.output == "" && e.flags.verbose == 0 && e.console.Interactive()
}

// showScreen is the dashboard, until the person quits it.
func (e *env) showScreen(ctx context.Context, f *feed, o watchOptions) error {
	return watch.Run(ctx, f.snapshots, watch.Options{
		In: os.Stdin, Out: os.Stdout, Color: e.console.Out.Color(),
		Period: f.pace, Actions: e.screenActions(f, o),
	})
}

// screenActions are the commands that the dashboard can start. On an account it
// is for looking unless somebody says otherwise.
func (e *env) screenActions(f *feed, o watchOptions) watch.Actions {
	if f.target == nil {
		return watch.Actions{Locked: "a recording: nothing can be started from it"}
	}
	act := func(effect, path string, make func(*env) *cobra.Command, args ...string) watch.Action {
		return &action{env: e, make: make, path: path, args: args, given: o.given, effect: effect + "\nin " + f.target.place()}
	}
	drift := func() watch.Action {
		return act("Compares what is live with the configuration, and changes nothing.", "plan", newPlan)
	}
	if !f.target.inSandbox() && !o.actions {
		return watch.Actions{Locked: "only for looking: --actions allows more", Drift: drift}
	}
	return watch.Actions{
		Drift: drift,
		Redrive: func(queue string) watch.Action {
			if d, err := f.target.pipeline.FindDeadLetters(queue); err == nil && d.OfStream() {
				return act("Reads the records from the stream again and hands them to the function once more.", "dlq redrive", newDLQRedrive, queue)
			}
			return act("Moves ten dead letters back first and watches whether they fail again; then the others.", "dlq redrive", newDLQRedrive, queue, "--canary=10")
		},
		TestAlert: func() watch.Action {
			return act("Sends an alert marked [TEST] to the alarms topic and proves that it arrives. Its subscribers, the engineers, get it, too.", "alert test", newAlertTest)
		},
		Scale: func(shards int) watch.Action {
			return act(fmt.Sprintf("Resizes the stream to %s, in the steps that AWS allows; each takes a few minutes and is one of 10 in 24 hours.", count(shards, "shard")), "scale", newScale, strconv.Itoa(shards))
		},
	}
}
