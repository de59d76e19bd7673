package redrive_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// scenario is one history of runs that are killed and started again.
type scenario struct {
	fifo             bool
	messages, groups int
	kills            []kill
	noise            uint64 // seeds the smaller troubles
	noisy            int    // of a hundred calls
	fails            int    // of ten messages fail once more
	max              int
}

// kill ends a run at a call, and the next begins a while later.
type kill struct {
	call  int
	late  bool // after its effect
	pause time.Duration
}

func scenarios(t *rapid.T) scenario {
	return scenario{
		fifo:     rapid.Bool().Draw(t, "fifo"),
		messages: rapid.IntRange(1, 30).Draw(t, "messages"),
		groups:   rapid.IntRange(1, 5).Draw(t, "groups"),
		kills: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) kill {
			return kill{rapid.IntRange(2, 12).Draw(t, "call"), rapid.Bool().Draw(t, "late"),
				time.Duration(rapid.IntRange(0, 400).Draw(t, "pause")) * time.Second}
		}), 14, 22).Draw(t, "kills"),
		noise: rapid.Uint64().Draw(t, "noise"),
		noisy: rapid.IntRange(0, 30).Draw(t, "noisy"),
		fails: rapid.SampledFrom([]int{0, 0, 1, 5}).Draw(t, "fails"),
		max:   rapid.SampledFrom([]int{0, 0, 1, 7}).Draw(t, "max"),
	}
}

// Whatever happens to its calls, and wherever it is killed, a redrive that is
// run again until it ends well has lost nothing, kept the order of the groups,
// and repeated only what it says it may have.
func TestNothingIsLostWhereverItIsKilled(t *testing.T) {
	points := 0
	rapid.Check(t, func(rt *rapid.T) {
		s := scenarios(rt)
		var problems []string
		synctest.Test(t, func(t *testing.T) {
			n, found := s.play(t)
			points += n
			problems = found
		})
		if len(problems) > 0 {
			rt.Fatal(strings.Join(problems, "\n"))
		}
	})
	t.Logf("%d kill points", points)
	if points < 1000 {
		t.Errorf("only %d kill points, want 1000", points)
	}
}

// play plays a scenario and tells how often a run was killed, and what is wrong.
func (s scenario) play(t *testing.T) (points int, problems []string) {
	w := newWorld(t, s.fifo)
	w.bury(s.messages, s.groups)
	consuming, enough := context.WithCancel(t.Context())
	var consumer sync.WaitGroup
	consumer.Go(func() {
		w.consume(consuming, func(number int) bool { return number%10 < s.fails && w.deaths[number] == 0 })
	})
	listed := map[int]bool{}
	random := rand.New(rand.NewPCG(s.noise, 0))
	var mu sync.Mutex
	for turn := 0; ; turn++ {
		var k *kill
		if turn < len(s.kills) {
			k = &s.kills[turn]
		}
		job, ctx, end := w.job(func(call int, _ string) trouble {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case k != nil && call == k.call && k.late:
				return killedLate
			case k != nil && call == k.call:
				return killed
			case turn > len(s.kills)+3 || random.IntN(100) >= s.noisy:
				return fine
			}
			return []trouble{throttled, lost, unreached, partly}[random.IntN(4)]
		})
		if k != nil {
			job.Max = s.max
		}
		sum, err := job.Run(ctx)
		dead := ctx.Err() != nil
		end()
		if dead {
			points++
			time.Sleep(k.pause)
			continue
		}
		for _, id := range sum.Duplicates {
			w.mu.Lock()
			listed[w.number[id]] = true
			w.mu.Unlock()
		}
		time.Sleep(2 * time.Minute) // until what fails again is a dead letter again
		left, e := w.dlq.Depth(t.Context())
		must(t, e)
		if k == nil && err == nil && left.Total() == 0 {
			break
		}
		if turn > len(s.kills)+20 {
			problems = append(problems, fmt.Sprintf("it does not come to an end: %v, %+v", err, sum))
			break
		}
	}
	enough()
	consumer.Wait()
	return points, append(problems, w.judge(listed)...)
}

// judge says what is wrong with what the consumer got.
func (w *world) judge(listed map[int]bool) (problems []string) {
	first := map[string][]copyOf{} // of each message of a group, in their order
	for _, number := range slices.Sorted(maps.Keys(w.groups)) {
		group := w.groups[number]
		copies := map[string]bool{}
		for _, c := range w.copies[number] {
			copies[c.id] = true
		}
		if !w.deleted[number] {
			problems = append(problems, fmt.Sprintf("message %d is lost: %d copies, %d deaths", number, len(copies), w.deaths[number]))
			continue
		}
		if extra := len(copies) - 1 - w.deaths[number]; extra > 0 && !listed[number] {
			problems = append(problems, fmt.Sprintf("message %d was sent %d times too often, which nobody lists", number, extra))
		}
		if group != "" {
			first[group] = append(first[group], w.copies[number][0])
		}
	}
	for group, copies := range first {
		if !slices.IsSortedFunc(copies, func(a, b copyOf) int { return strings.Compare(a.sequence, b.sequence) }) {
			problems = append(problems, fmt.Sprintf("group %s changed its order: %v", group, copies))
		}
	}
	return problems
}
