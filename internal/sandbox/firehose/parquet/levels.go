package parquet

import (
	"encoding/binary"
	"math/bits"
)

// appendLevels appends the levels of a page in the hybrid of runs and bit-packed
// groups ("Run Length Encoding / Bit-Packing Hybrid"), after their length.
// Levels that can only be 0 are not stored.
func appendLevels(out, levels []byte, highest byte) []byte {
	if highest == 0 {
		return out
	}
	start := len(out)
	out = append(out, 0, 0, 0, 0)
	width := bits.Len8(highest)
	for len(levels) > 0 {
		if n := run(levels); n >= 8 || n == len(levels) {
			out = binary.AppendUvarint(out, uint64(n)<<1)
			out = append(out, levels[0])
			levels = levels[n:]
			continue
		}
		n := 8 // whole groups of eight, up to the next long run
		for n < len(levels) && run(levels[n:]) < 8 {
			n += 8
		}
		out = binary.AppendUvarint(out, uint64(n/8)<<1|1)
		n = min(n, len(levels))
		out = appendBits(out, levels[:n], width)
		for range (8 - n%8) % 8 * width / 8 { // the last group's missing levels are not read
			out = append(out, 0)
		}
		levels = levels[n:]
	}
	binary.LittleEndian.PutUint32(out[start:], uint32(len(out)-start-4))
	return out
}

// run is how often the first level repeats.
func run(levels []byte) int {
	n := 1
	for n < len(levels) && levels[n] == levels[0] {
		n++
	}
	return n
}

// appendBits packs values of width bits each, the lowest bit first. The last
// byte is filled with zeros.
func appendBits(out, values []byte, width int) []byte {
	held, n := uint(0), 0
	for _, v := range values {
		held |= uint(v) << n
		for n += width; n >= 8; n -= 8 {
			out = append(out, byte(held))
			held >>= 8
		}
	}
	if n > 0 {
		out = append(out, byte(held))
	}
	return out
}
