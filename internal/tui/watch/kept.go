package watch

import (
	"slices"
	"time"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// maxKept is how many Snapshots are kept to go back to, some 100 kB each.
const maxKept = 180

// kept are Snapshots, oldest first. The newest are all there; the further back,
// the fewer are left, so that a screen that is open for a night still knows how
// it began.
type kept []status.Snapshot

func (k *kept) add(s status.Snapshot) {
	if n := len(*k); n > 0 && !s.At.After((*k)[n-1].At) {
		*k = (*k)[:0] // a recording that starts again, or a clock that was set back
	}
	*k = append(*k, s)
	if len(*k) > maxKept {
		old := maxKept * 2 / 3
		thin := (*k)[:0]
		for i, s := range *k {
			if i == 0 || i >= old || i%2 == 0 {
				thin = append(thin, s)
			}
		}
		clear((*k)[len(thin):])
		*k = thin
	}
}

// near is the index of the last one that is not after t.
func (k kept) near(t time.Time) int {
	i, found := slices.BinarySearchFunc(k, t, func(s status.Snapshot, t time.Time) int { return s.At.Compare(t) })
	if !found {
		i--
	}
	return max(0, i)
}
