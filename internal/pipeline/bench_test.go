package pipeline_test

import "testing"

// Building everything, at no latency and with nothing to wait for: what is left
// is the work of the program and of the sandbox.
func BenchmarkUp(b *testing.B) {
	total, mutating := 0, 0
	for b.Loop() {
		w := newWorld(b, "instant")
		w.up()
		total, mutating = w.calls()
	}
	b.ReportMetric(float64(total), "calls/op")
	b.ReportMetric(float64(mutating), "mutations/op")
}

// Finding that nothing is to be done, which status and every second up do.
func BenchmarkNoopPlan(b *testing.B) {
	w := newWorld(b, "instant")
	w.up()
	total, mutating := 0, 0
	for b.Loop() {
		w.sandbox.Calls.Reset()
		if n := len(w.compute().Changes()); n != 0 {
			b.Fatalf("%d changes", n)
		}
		total, mutating = w.calls()
	}
	b.ReportMetric(float64(total), "calls/op")
	b.ReportMetric(float64(mutating), "mutations/op")
}

func (w *world) calls() (total, mutating int) {
	for _, n := range w.sandbox.Calls.Count() {
		total += n
	}
	return total, w.sandbox.Calls.Mutating()
}
