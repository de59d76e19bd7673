// Command crash kills the real ccsctl: 'up' and 'down', while the k-th of their
// mutating calls is on its way, for every k. From AWS's side a killed process
// is the calls that arrived, so all the states that a crash can leave are those
// of k-1 calls. Running the command again must then end as an undisturbed run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/bench/program"
)

func main() {
	parallel := flag.Int("parallel", 2, "how many `runs` at a time")
	every := flag.Int("every", 1, "kill after every `n`-th call only")
	verbose := flag.Bool("v", false, "a line for each kill")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	passed, failed, err := run(ctx, *parallel, max(1, *every), *verbose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
	}
	fmt.Printf("crash: %d passed, %d failed\n", passed, failed)
	if err != nil || failed > 0 {
		os.Exit(1)
	}
}

// kill is one trial: which command is killed at which of its calls.
type kill struct {
	verb string
	call int
}

func run(ctx context.Context, parallel, every int, verbose bool) (passed, failed int, err error) {
	dir, err := os.MkdirTemp("", "ccsctl-crash")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	p, err := program.Build(ctx, dir)
	if err != nil {
		return 0, 0, err
	}
	t := &trials{program: p, dir: dir}
	start := time.Now()
	up, down, err := t.undisturbed(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("undisturbed: %w", err)
	}
	fmt.Printf("undisturbed: up makes %d mutating calls and %v; down makes %d\n", up, t.want, down)

	var kills []kill
	for _, c := range []struct {
		verb  string
		calls int
	}{{"up", up}, {"down", down}} {
		for k := 1; k <= c.calls; k += every {
			kills = append(kills, kill{c.verb, k})
		}
	}
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		tally = map[string]int{} // trials that passed, by verb
		slots = make(chan struct{}, parallel)
	)
	for _, k := range kills {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			err := ctx.Err()
			if err == nil {
				err = t.trial(ctx, k)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed++
				fmt.Printf("%s killed at call %d: %v\n", k.verb, k.call, err)
				return
			}
			passed++
			tally[k.verb]++
			if verbose {
				fmt.Printf("%s killed at call %d: converged\n", k.verb, k.call)
			}
		})
	}
	wg.Wait()
	fmt.Printf("up: killed at %d calls, %d converged; down: killed at %d calls, %d converged; %v\n",
		(up+every-1)/every, tally["up"], (down+every-1)/every, tally["down"], time.Since(start).Round(time.Second))
	return passed, failed, context.Cause(ctx)
}

var errNotKilled = errors.New("the command ended before its call came")
