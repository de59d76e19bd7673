package parquet

import "encoding/binary"

const (
	snappyHash  = 14        // bits of a place's hash
	snappyReach = 1<<16 - 1 // how far back a copy may begin
)

// snappy packs data as Snappy's format description says: its length, then
// literals and copies of what came before, found by the hash of four bytes.
func (p *packer) snappy(data []byte) {
	if p.seen == nil {
		p.seen = make([]int32, 1<<snappyHash)
	}
	clear(p.seen) // 0 is no place, others are one more than theirs
	out := binary.AppendUvarint(p.out.AvailableBuffer(), uint64(len(data)))
	literal := 0 // where what is not packed yet begins
	for i := 0; i+4 <= len(data); {
		four := binary.LittleEndian.Uint32(data[i:])
		place := &p.seen[four*0x9E3779B1>>(32-snappyHash)]
		before := int(*place) - 1
		*place = int32(i + 1)
		if before < 0 || i-before > snappyReach || binary.LittleEndian.Uint32(data[before:]) != four {
			i++
			continue
		}
		n := 4
		for i+n < len(data) && data[before+n] == data[i+n] {
			n++
		}
		out = appendCopies(appendLiteral(out, data[literal:i]), i-before, n)
		i += n
		literal = i
	}
	p.out.Write(appendLiteral(out, data[literal:]))
}

func appendLiteral(out, data []byte) []byte {
	switch n := len(data) - 1; {
	case n < 0:
		return out
	case n < 60:
		out = append(out, byte(n)<<2)
	default:
		out = binary.LittleEndian.AppendUint32(append(out, 63<<2), uint32(n))
	}
	return append(out, data...)
}

// appendCopies repeats n bytes from offset bytes before, 64 at a time.
func appendCopies(out []byte, offset, n int) []byte {
	for ; n > 0; n -= 64 {
		out = append(out, byte(min(n, 64)-1)<<2|2, byte(offset), byte(offset>>8))
	}
	return out
}
