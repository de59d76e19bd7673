package kinesis

import (
	"log/slog"
	"slices"
	"time"
)

// cost is about what a record takes of memory: what is in it, and itself.
func (r *record) cost() int { return r.size() + 80 }

// trim drops a shard's records from before the horizon, which are past their
// retention.
func (st *stream) trim(sh *shard, horizon time.Time) {
	if len(sh.records) == 0 || sh.records[0].at.After(horizon) {
		return
	}
	gone := slices.IndexFunc(sh.records, func(r record) bool { return r.at.After(horizon) })
	if gone < 0 {
		gone = len(sh.records)
	}
	st.drop(sh, gone)
}

// drop drops the oldest n records of a shard.
func (st *stream) drop(sh *shard, n int) {
	for i := range sh.records[:n] {
		st.held -= sh.records[i].cost()
	}
	clear(sh.records[:n])
	sh.records = sh.records[n:]
}

// memory is what a stream's records may take of this machine's, in bytes. A
// stream at 5,000 records a second fills its day's retention with 150 GB on
// AWS; here it gets four minutes.
const memory = 512 << 20

// relieve drops the oldest records, ahead of their retention, until the others
// take no more than limit. A reader behind them goes on at the oldest that is
// left, as it would after their retention.
func (st *stream) relieve(limit int) {
	if st.held <= limit {
		return
	}
	if !st.relieved {
		st.relieved = true
		slog.Warn("a stream holds more than the sandbox has room for: its oldest records go before their retention is over", "stream", st.name, "bytes", limit)
	}
	const many = 1000 // at a time, for looking at all shards is slow
	for st.held > limit {
		var oldest *shard
		for _, sh := range st.shards {
			if len(sh.records) > 0 && (oldest == nil || sh.records[0].at.Before(oldest.records[0].at)) {
				oldest = sh
			}
		}
		st.drop(oldest, min(many, len(oldest.records)))
	}
}
