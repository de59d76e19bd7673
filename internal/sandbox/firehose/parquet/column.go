package parquet

import (
	"encoding/binary"
	"math"
)

// Column takes the values of one column, row after row. rep is the value's
// repetition level: 0 begins a row, n continues the nth repeated node on the
// way to the column (the format's "Nested Encoding"). A method that is not of
// the column's Type makes a file that nobody can read.
type Column struct {
	node     *Node
	path     []string
	def, rep byte // the highest levels

	defs, reps   []byte // the levels of the page under way
	values       []byte // its values, encoded but for booleans, which have a byte each
	levels, size int    // how long they were at the last commit

	chunk []byte // the pages of the group under way
	raw   int    // how long it would be without compression
	count int    // values in it, nulls too
}

// Null is a place without value: of all nodes on the way to it that may be
// absent or repeat, def are there.
func (c *Column) Null(rep, def int) { c.level(rep, byte(def)) }

func (c *Column) level(rep int, def byte) {
	c.defs = append(c.defs, def)
	if c.rep > 0 {
		c.reps = append(c.reps, byte(rep))
	}
}

// Boolean takes a value.
func (c *Column) Boolean(rep int, v bool) {
	c.level(rep, c.def)
	b := byte(0)
	if v {
		b = 1
	}
	c.values = append(c.values, b)
}

// Int32 takes a value.
func (c *Column) Int32(rep int, v int32) {
	c.level(rep, c.def)
	c.values = binary.LittleEndian.AppendUint32(c.values, uint32(v))
}

// Int64 takes a value.
func (c *Column) Int64(rep int, v int64) {
	c.level(rep, c.def)
	c.values = binary.LittleEndian.AppendUint64(c.values, uint64(v))
}

// Float takes a value.
func (c *Column) Float(rep int, v float32) { c.Int32(rep, int32(math.Float32bits(v))) }

// Double takes a value.
func (c *Column) Double(rep int, v float64) { c.Int64(rep, int64(math.Float64bits(v))) }

// Bytes takes a copy of a value: of any length in a column of Bytes, of its Size
// in one of FixedBytes, of 12 bytes in one of Int96.
func (c *Column) Bytes(rep int, v []byte) {
	c.level(rep, c.def)
	if c.node.Type == Bytes {
		c.values = binary.LittleEndian.AppendUint32(c.values, uint32(len(v)))
	}
	c.values = append(c.values, v...)
}

// pending is how many bytes the page under way has.
func (c *Column) pending() int { return len(c.defs) + len(c.reps) + len(c.values) }

func (c *Column) commit() { c.levels, c.size = len(c.defs), len(c.values) }

func (c *Column) rollback() {
	c.defs, c.values = c.defs[:c.levels], c.values[:c.size]
	if c.rep > 0 {
		c.reps = c.reps[:c.levels]
	}
}

// page ends the page under way, which is all committed, and appends it to the
// group. It says by how many bytes the group would grow without compression.
func (c *Column) page(p *packer) int {
	if len(c.defs) == 0 {
		return 0
	}
	body := appendLevels(appendLevels(p.page[:0], c.reps, c.rep), c.defs, c.def)
	if c.node.Type == Boolean {
		body = appendBits(body, c.values, 1)
	} else {
		body = append(body, c.values...)
	}
	p.page = body
	packed := p.pack(body)

	t := compact{out: c.chunk}
	t.begin()
	t.int(1, 0) // DATA_PAGE
	t.int(2, int64(len(body)))
	t.int(3, int64(len(packed)))
	t.structure(5)
	t.int(1, int64(len(c.defs)))
	t.int(2, encodingPlain)
	t.int(3, encodingRLE)
	t.int(4, encodingRLE)
	t.end()
	t.end()
	grown := len(t.out) - len(c.chunk) + len(body)
	c.chunk = append(t.out, packed...)
	c.raw += grown
	c.count += len(c.defs)
	c.defs, c.reps, c.values = c.defs[:0], c.reps[:0], c.values[:0]
	c.commit()
	return grown
}
