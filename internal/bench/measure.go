package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/bench/program"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/daemon"
)

func (b *bench) help() error {
	w, err := b.program.NewWorld(b.dir)
	if err != nil {
		return err
	}
	var took times
	for range 3 * b.runs { // it is quick, and the first run reads the file from disk
		r, err := w.Want(b.ctx, "--help")
		if err != nil {
			return err
		}
		took = append(took, r.Elapsed)
	}
	b.line("help", took.String(), "< 50 ms", "ccsctl --help")
	return nil
}

// sandbox measures an empty sandbox: from the start of its process until it
// answers, and what it then holds.
func (b *bench) sandbox() error {
	var took times
	var memory uint64
	for range b.runs {
		w, err := b.program.NewWorld(b.dir)
		if err != nil {
			return err
		}
		start, held, err := b.startSandbox(w)
		if err != nil {
			return err
		}
		took, memory = append(took, start), max(memory, held)
	}
	b.line("sandbox, until it answers", took.String(), "< 20 ms", "ccsctl sandbox serve --timing instant")
	b.line("sandbox, idle memory", fmt.Sprintf("%.1f MiB", float64(memory)/(1<<20)), "< 30 MiB", "ccsctl sandbox status -o json")
	return nil
}

func (b *bench) startSandbox(w program.World) (start time.Duration, memory uint64, err error) {
	addr, err := freeAddress()
	if err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	begin := time.Now()
	run, err := w.Start(ctx, "sandbox", "serve", "--timing", "instant", "--addr", addr)
	if err != nil {
		return 0, 0, err
	}
	for !answers(ctx, addr) {
		if ctx.Err() != nil || run.Ended() {
			return 0, 0, fmt.Errorf("a sandbox at %s does not answer", addr)
		}
		time.Sleep(500 * time.Microsecond)
	}
	start = time.Since(begin)
	memory, err = held(ctx, w)
	if err != nil {
		return 0, 0, err
	}
	if _, err := w.Want(ctx, "sandbox", "stop"); err != nil {
		return 0, 0, err
	}
	_, err = run.Wait()
	return start, memory, err
}

// freeAddress is one that nobody listened on a moment ago.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func answers(ctx context.Context, addr string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+sandbox.ControlHealth, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// held is the memory of the world's sandbox, in bytes.
func held(ctx context.Context, w program.World) (uint64, error) {
	r, err := w.Want(ctx, "sandbox", "status", "-o", "json")
	if err != nil {
		return 0, err
	}
	var info daemon.Info
	if err := json.Unmarshal([]byte(r.Stdout), &info); err != nil {
		return 0, fmt.Errorf("sandbox status: %w", err)
	}
	return info.Memory, nil
}

// pipeline measures the commands on the whole pipeline at instant timing, each
// in a process of its own, and has the sandbox count their calls.
func (b *bench) pipeline() error {
	commands := []struct {
		what, bar string
		args      []string
	}{
		{"up, whole pipeline", "< 1000 ms", []string{"up", "--sandbox", "--yes", "-c", "streaming.tf"}},
		{"up again", "0 mutating", []string{"up", "--sandbox", "--yes", "-c", "streaming.tf"}},
		{"plan, nothing to do", "< 300 ms", []string{"plan", "--sandbox", "--exit-code", "-c", "streaming.tf"}},
		{"down", "", []string{"down", "--sandbox", "--confirm=prod", "-c", "streaming.tf"}},
	}
	took := make([]times, len(commands))
	counts := make([]sandbox.CallCounts, len(commands))
	for range b.runs {
		w, err := b.program.NewWorld(b.dir)
		if err != nil {
			return err
		}
		s, err := w.Serve(b.ctx, "instant")
		if err != nil {
			return err
		}
		for i, c := range commands {
			if err := s.Reset(b.ctx); err != nil {
				return err
			}
			r, err := w.Want(b.ctx, c.args...)
			if err != nil {
				return err
			}
			took[i] = append(took[i], r.Elapsed)
			if counts[i], err = s.Calls(b.ctx); err != nil {
				return err
			}
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
	for i, c := range commands {
		command := "ccsctl " + strings.Join(c.args, " ")
		b.line(c.what, took[i].String(), c.bar, command)
		b.line("", fmt.Sprintf("%d calls, %d of them mutating", counts[i].Total, counts[i].Mutating), "", "counted by the sandbox")
	}
	return nil
}

// latency is what the benchmark of the critical path adds to each call: a call
// to AWS from another continent.
const latency = 50 * time.Millisecond

func (b *bench) criticalPath() error {
	var best timed
	var took times
	var ratios []float64
	for range b.runs {
		w, err := b.program.NewWorld(b.dir)
		if err != nil {
			return err
		}
		t, err := upWithLatency(b.ctx, w, latency)
		if err != nil {
			return err
		}
		took, ratios = append(took, t.elapsed), append(ratios, t.ratio())
		if best.elapsed == 0 || t.elapsed < best.elapsed {
			best = t
		}
	}
	b.line("up, 50 ms more a call", took.String(), "", fmt.Sprintf("in process, over loopback, %d calls", best.calls))
	b.line("its critical path", fmt.Sprintf("%s, %d calls one after another", ms(best.critical), best.rounds()), "", best.String())
	b.line("ratio", fmt.Sprintf("median %.2f, least %.2f", middle(ratios), best.ratio()), "<= 1.20", "time / critical path of its own call graph")
	return nil
}
