package parquet

import "encoding/binary"

// compact writes structures in Thrift's compact protocol, in which Parquet's
// headers and footer are. Fields must come in the order of their numbers.
type compact struct {
	out  []byte
	last []int // a stack: the number of the last field, by structure
}

// Types in a field's header.
const (
	wireI32    = 5
	wireI64    = 6
	wireBinary = 8
	wireList   = 9
	wireStruct = 12
)

// begin starts a structure: the outermost, or an element of a list.
func (t *compact) begin() { t.last = append(t.last, 0) }

// end ends the structure that was begun last.
func (t *compact) end() {
	t.out = append(t.out, 0)
	t.last = t.last[:len(t.last)-1]
}

// field writes a header: how far its number is from the one before, which is
// never more than 15 in Parquet, and its type.
func (t *compact) field(id int, kind byte) {
	last := &t.last[len(t.last)-1]
	t.out = append(t.out, byte(id-*last)<<4|kind)
	*last = id
}

func (t *compact) int(id int, v int64) {
	t.field(id, wireI32)
	t.out = binary.AppendVarint(t.out, v)
}

func (t *compact) long(id int, v int64) {
	t.field(id, wireI64)
	t.out = binary.AppendVarint(t.out, v)
}

func (t *compact) text(id int, s string) {
	t.field(id, wireBinary)
	t.string(s)
}

func (t *compact) string(s string) {
	t.out = binary.AppendUvarint(t.out, uint64(len(s)))
	t.out = append(t.out, s...)
}

// structure starts one in a field.
func (t *compact) structure(id int) {
	t.field(id, wireStruct)
	t.begin()
}

// list starts one of n elements, which follow.
func (t *compact) list(id int, kind byte, n int) {
	t.field(id, wireList)
	if n < 15 {
		t.out = append(t.out, byte(n)<<4|kind)
		return
	}
	t.out = append(t.out, 15<<4|kind)
	t.out = binary.AppendUvarint(t.out, uint64(n))
}
