package kinesis

import (
	"encoding/binary"
	"math/big"
	"math/bits"
	"time"
)

// lastSequence is the number at which a closed shard ends.
const lastSequence = 1<<63 - 1

// A sequence number has three words: when its shard was opened, which record
// of the shard it is, and when that came in, to which shard. So it has 56
// digits like AWS's, and grows with the records of its shard.
func (sh *shard) era() uint64 { return 2<<56 | uint64(sh.opened.Unix())&(1<<36-1)<<20 }

func (sh *shard) mark() uint64 { return uint64(sh.index)&(1<<24-1)<<4 | 2 }

// sequence is the number of the n-th record of the shard, from 1 on. 0 is
// where the shard begins.
func (sh *shard) sequence(n uint64, at time.Time) string {
	return decimal(sh.era(), n, uint64(at.Unix())&(1<<36-1)<<28|sh.mark())
}

// decimal writes a number of three words. It is called for every record, which
// package big would make twenty times as dear.
func decimal(hi, mid, lo uint64) string {
	const (
		digits = 19
		ten19  = 10_000_000_000_000_000_000 // the largest power of ten in a word
	)
	var text [4 * digits]byte
	at := len(text)
	for hi|mid|lo != 0 || at == len(text) {
		var rest uint64
		hi, rest = bits.Div64(0, hi, ten19)
		mid, rest = bits.Div64(rest, mid, ten19)
		lo, rest = bits.Div64(rest, lo, ten19)
		for end := at - digits; at > end; rest /= 10 {
			at--
			text[at] = byte('0' + rest%10)
		}
	}
	for at < len(text)-1 && text[at] == '0' {
		at++
	}
	return string(text[at:])
}

// number undoes sequence. ok is false for numbers of other shards and for what
// is no sequence number.
func (sh *shard) number(sequence string) (n uint64, ok bool) {
	v, ok := new(big.Int).SetString(sequence, 10)
	if !ok || v.Sign() < 0 || v.BitLen() > 192 {
		return 0, false
	}
	var b [24]byte
	v.FillBytes(b[:])
	ok = binary.BigEndian.Uint64(b[:8]) == sh.era() && binary.BigEndian.Uint64(b[16:])&(1<<28-1) == sh.mark()
	return binary.BigEndian.Uint64(b[8:16]), ok
}
