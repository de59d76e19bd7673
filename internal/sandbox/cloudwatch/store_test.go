package cloudwatch

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// Whatever the order in which samples come, a track tells the sums of every
// window; what it forgets is old.
func TestTrackSumsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const keep = 40 * minute
		tr := track{step: minute}
		model := map[int64]bus.Samples{}
		newest := int64(0)
		for range rapid.IntRange(0, 200).Draw(t, "samples") {
			at := rapid.Int64Range(0, 100*minute).Draw(t, "at")
			if newest = max(newest, at); at < newest-keep {
				continue
			}
			s := bus.One(float64(rapid.IntRange(-5, 5).Draw(t, "value")))
			tr.add(at, s)
			tr.forget(newest - keep)
			model[at/minute] = merge(model[at/minute], s)
		}
		w := window{step: minute * rapid.Int64Range(1, 7).Draw(t, "step")}
		w.from = newest - keep + 2*minute - newest%minute
		w.from += (w.step - w.from%w.step) % w.step
		w.from = max(w.from, 0)
		w.to = newest + 1
		want := map[int64]bus.Samples{}
		for m, s := range model {
			if at := m * minute; at >= w.from && at < w.to {
				bucket := at - (at-w.from)%w.step
				want[bucket] = merge(want[bucket], s)
			}
		}
		var sums []sample
		for _, s := range tr.between(w.from, w.to) {
			sums = w.sum(sums, s)
		}
		if len(sums) != len(want) {
			t.Fatalf("%d periods, want %d", len(sums), len(want))
		}
		for i, s := range sums {
			if s.Samples != want[s.at] || i > 0 && sums[i-1].at >= s.at {
				t.Fatalf("period %d: %v, want %v", s.at, s.Samples, want[s.at])
			}
		}
	})
}

// Seconds are forgotten when nothing needs them any more, so that what an hour
// takes does not grow with the hours.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, timing := range []string{"fast", "aws"} {
			s := newStore(timingNamed(t, timing))
			id := bus.ID("AWS/SQS", "NumberOfMessagesSent", "QueueName", "q")
			for range 6 * 3600 {
				s.Add(id, bus.One(1))
				time.Sleep(time.Second)
			}
			m := s.find(id)
			seconds, minutes := cap(m.seconds.samples), cap(m.minutes.samples)
			if most := int(s.fine) * 3; seconds > most || minutes > 2*6*60 {
				t.Errorf("%s: room for %d seconds and %d minutes after 6 hours, want at most %d and %d", timing, seconds, minutes, most, 2*6*60)
			}
		}
	})
}

func timingNamed(t testing.TB, name string) bus.Timing {
	t.Helper()
	timing, err := bus.TimingNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return timing
}

func BenchmarkAdd(b *testing.B) {
	for _, timing := range []string{"fast", "aws"} {
		b.Run(timing, func(b *testing.B) {
			s := newStore(timingNamed(b, timing))
			ids := make([]bus.MetricID, 100)
			for i := range ids {
				ids[i] = bus.ID("AWS/Kinesis", "IncomingRecords", "StreamName", fmt.Sprint("stream-", i))
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					s.Add(ids[i%len(ids)], bus.One(1))
				}
			})
		})
	}
}
