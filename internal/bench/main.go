// Command bench prints the times, sizes and counts that the documents quote,
// each with the command that gave it. It judges none of them but the size of
// the binary: how long something takes depends on the machine and on who else
// uses it.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/ccs-platform/ccsctl/internal/bench/program"
)

// maxBinary is what a release may weigh, in bytes.
const maxBinary = 40 << 20

func main() {
	quick := flag.Bool("quick", false, "the size, and each time once")
	load := flag.Bool("load", false, "only what a busy sandbox does")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *quick, *load); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, quick, load bool) error {
	dir, err := os.MkdirTemp("", "ccsctl-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := program.Build(ctx, dir)
	if err != nil {
		return err
	}
	b := &bench{ctx: ctx, program: p, dir: dir, runs: 7}
	if quick {
		b.runs = 1
	}
	measures := []func() error{b.messages, b.records, b.alerts}
	if !load {
		measures = append([]func() error{b.help, b.sandbox, b.pipeline, b.criticalPath}, measures...)
	}
	sizeErr := b.size()
	for _, measure := range measures {
		if err := measure(); err != nil {
			return err
		}
	}
	return sizeErr
}

// bench measures one program.
type bench struct {
	ctx     context.Context
	program program.Program
	dir     string
	runs    int
}

// line prints one measurement: what, how much, what was promised, and how to
// get it again.
func (b *bench) line(what, got, bar, command string) {
	fmt.Printf("%-34s %-40s %-12s %s\n", what, got, bar, command)
}

func (b *bench) size() error {
	info, err := os.Stat(b.program.Path)
	if err != nil {
		return err
	}
	b.line("binary", fmt.Sprintf("%.1f MiB", float64(info.Size())/(1<<20)), "<= 40 MiB", b.program.Built)
	if info.Size() > maxBinary {
		return fmt.Errorf("the binary has %d bytes, more than %d", info.Size(), maxBinary)
	}
	return nil
}

// times are measurements of the same thing.
type times []time.Duration

func (t times) median() time.Duration { return middle(t) }

// middle is the median, of an even number the upper one.
func middle[T cmp.Ordered](values []T) T { return slices.Sorted(slices.Values(values))[len(values)/2] }

func (t times) String() string {
	if len(t) == 1 {
		return ms(t[0])
	}
	return fmt.Sprintf("median %s (%s to %s, %d runs)", ms(t.median()), ms(slices.Min(t)), ms(slices.Max(t)), len(t))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond)) }
