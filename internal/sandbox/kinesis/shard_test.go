package kinesis

import (
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever is split and merged, every hash key has one open shard, and every
// shard's keys come from its parents.
func TestShardsCoverAllKeysWhateverIsResharded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_700_000_000, 0)
		st := &stream{retention: defaultRetention}
		st.addShard(hash{}, lastHash, now)
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			now = now.Add(time.Minute)
			switch rapid.SampledFrom([]string{"resize", "split", "merge"}).Draw(t, "change") {
			case "resize":
				n := rapid.IntRange(1, 40).Draw(t, "to")
				st.resize(n, now)
				if len(st.open) != n {
					t.Fatalf("%d open shards, want %d", len(st.open), n)
				}
				for i, first := range uniform(n) {
					if st.open[i].first != first {
						t.Fatalf("shard %d of %d begins at %v, want %v", i, n, st.open[i].first, first)
					}
				}
			case "split":
				at := hash{rapid.Uint64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")}
				if sh := st.route(at); sh.first != at {
					st.split(sh, at, now)
				}
			case "merge":
				if len(st.open) > 1 {
					i := rapid.IntRange(0, len(st.open)-2).Draw(t, "first")
					st.merge(st.open[i], st.open[i+1], now)
				}
			}
			checkShards(t, st)
		}
	})
}

func checkShards(t *rapid.T, st *stream) {
	next := hash{}
	for i, sh := range st.open {
		if sh.first != next || sh.first.compare(sh.last) > 0 {
			t.Fatalf("open shard %d is %v to %v, want it to begin at %v", i, sh.first, sh.last, next)
		}
		if !sh.closed.IsZero() || len(sh.children) > 0 {
			t.Fatalf("shard %d takes records and is closed", sh.index)
		}
		if st.route(sh.first) != sh || st.route(sh.last) != sh {
			t.Fatalf("the keys of shard %d lead elsewhere", sh.index)
		}
		next = sh.last.next()
	}
	if st.open[len(st.open)-1].last != lastHash {
		t.Fatal("the last keys have no shard")
	}
	open := 0
	for _, sh := range st.shards {
		if sh.closed.IsZero() {
			open++
		} else if len(sh.children) == 0 {
			t.Fatalf("shard %d is closed and left nothing", sh.index)
		}
		for _, p := range sh.parents {
			parent := st.shards[p]
			if parent.closed.IsZero() || parent.closed.After(sh.opened) {
				t.Fatalf("shard %d opened before its parent %d closed", sh.index, p)
			}
			if parent.first.compare(sh.last) > 0 || parent.last.compare(sh.first) < 0 {
				t.Fatalf("shard %d has no keys of its parent %d", sh.index, p)
			}
		}
	}
	if open != len(st.open) {
		t.Fatalf("%d shards are open, %d take records", open, len(st.open))
	}
}

func TestDoublingOnlySplitsAndHalvingOnlyMerges(t *testing.T) {
	for n := 1; n <= 200; n++ {
		st := &stream{retention: defaultRetention}
		starts := uniform(n)
		for i, first := range starts {
			last := lastHash
			if i+1 < n {
				last = starts[i+1].previous()
			}
			st.addShard(first, last, time.Unix(0, 0))
		}
		st.resize(2*n, time.Unix(1, 0))
		if got := len(st.shards); got != 3*n {
			t.Fatalf("%d -> %d made %d shards, want %d", n, 2*n, got-n, 2*n)
		}
		st.resize(n, time.Unix(2, 0))
		if got := len(st.shards); got != 4*n {
			t.Fatalf("%d -> %d made %d shards, want %d", 2*n, n, got-3*n, n)
		}
	}
}

func TestSequenceNumbersGrowAndHaveAWSsLength(t *testing.T) {
	sh := &shard{index: 12, opened: time.Unix(1_800_000_000, 0)}
	previous := new(big.Int)
	for _, n := range []uint64{0, 1, 2, 1 << 40, lastSequence} {
		text := sh.sequence(n, sh.opened.Add(time.Hour))
		if len(text) != 56 {
			t.Errorf("%s has %d digits", text, len(text))
		}
		number, _ := new(big.Int).SetString(text, 10)
		if number.Cmp(previous) <= 0 {
			t.Errorf("%s does not grow", text)
		}
		previous = number
	}
}

// Sequence numbers are written digit by digit for speed.
func TestDecimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 2))
		hi, mid, lo := word.Draw(t, "hi"), word.Draw(t, "mid"), word.Draw(t, "lo")
		want := new(big.Int).SetUint64(hi)
		want.Add(want.Lsh(want, 64), new(big.Int).SetUint64(mid))
		want.Add(want.Lsh(want, 64), new(big.Int).SetUint64(lo))
		if got := decimal(hi, mid, lo); got != want.String() {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// What a stream has no room for goes oldest first, whichever shard it is in, and
// readers go on at what is left.
func TestAStreamThatIsTooFullDropsTheOldestFirst(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	st := &stream{name: "s", retention: defaultRetention, maxRecord: 1024}
	st.addShard(hash{}, lastHash, now)
	st.resize(2, now)
	p, first, second := st.pass(), st.open[0], st.open[1]
	for range 5 { // 2,500 records in the first shard, then 2,500 in the second
		now = now.Add(time.Second)
		for range 500 {
			p.put(first.first, record{at: now, key: "k", data: []byte("v")})
		}
	}
	for range 5 {
		now = now.Add(time.Second)
		for range 500 {
			p.put(second.first, record{at: now, key: "k", data: []byte("v")})
		}
	}
	each := (&record{key: "k", data: []byte("v")}).cost()
	if st.held != 5000*each {
		t.Fatalf("holds %d bytes, want %d", st.held, 5000*each)
	}
	st.relieve(1600 * each)
	if a, b := len(first.records), len(second.records); a != 0 || b != 1500 || st.held != 1500*each {
		t.Errorf("%d and %d records left in %d bytes, want the newest 1500 in %d", a, b, st.held, 1500*each)
	}
	if page, at, _ := second.read(1, 10); len(page) != 10 || at != 1001 {
		t.Errorf("a reader at the first record goes on with %d records at %d, want 10 at 1001", len(page), at)
	}
	p.trim(second, now)
	if st.held != 0 || len(second.records) != 0 {
		t.Errorf("%d bytes left after their retention", st.held)
	}
}
