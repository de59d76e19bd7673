// Package parquet writes Apache Parquet files: any schema, nested or flat,
// values PLAIN in data pages of the first version, levels in runs, pages packed
// by GZIP or Snappy. It knows the format (parquet.apache.org, "File Format") and
// nothing of what the values are; it has no dictionaries, statistics or indexes,
// which no reader needs. It exists because the libraries that do all that are
// bigger than the rest of the sandbox.
package parquet

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
)

// Codec is how pages are packed.
type Codec int

// By their numbers in the footer.
const (
	Uncompressed Codec = iota
	Snappy
	Gzip
)

// The numbers of the encodings that we use.
const (
	encodingPlain = 0
	encodingRLE   = 3
)

const magic = "PAR1"

// Options are those of a file.
type Options struct {
	Codec      Codec
	PageBytes  int    // of a page before it is packed; 0 is 1 MiB
	GroupBytes int    // of a row group before it is packed; 0 is 256 MiB
	CreatedBy  string // "program version 1", by which readers know a writer's mistakes
}

// Writer makes one file, in memory. Of what is not packed yet it holds one page
// a column. It is not safe for many goroutines.
type Writer struct {
	options Options
	root    Node
	columns []*Column
	packer  packer

	out    []byte
	groups []group
	rows   int // of the group under way
	raw    int // its bytes without compression
}

// group is what the footer says of a row group.
type group struct {
	at, rows, raw, packed int
	chunks                []chunk
}

// chunk is a column in a row group.
type chunk struct{ at, values, raw, packed int }

// NewWriter starts a file. root is a Required group: its name is the schema's,
// its fields are the columns and groups. The error is about a schema that can't
// be written.
func NewWriter(root Node, o Options) (*Writer, error) {
	if o.PageBytes == 0 {
		o.PageBytes = 1 << 20
	}
	if o.GroupBytes == 0 {
		o.GroupBytes = 256 << 20
	}
	w := &Writer{options: o, root: root, packer: packer{codec: o.Codec}, out: []byte(magic)}
	for i := range root.Fields {
		if err := root.Fields[i].columns(nil, 0, 0, func(c *Column) { w.columns = append(w.columns, c) }); err != nil {
			return nil, err
		}
	}
	if len(w.columns) == 0 {
		return nil, fmt.Errorf("schema %s has no columns", root.Name)
	}
	return w, nil
}

// Columns are where values go, in the order of the schema.
func (w *Writer) Columns() []*Column { return w.columns }

// Commit makes rows of what the columns took since the last call of Commit or
// Rollback. They must have taken as many rows each.
func (w *Writer) Commit(rows int) {
	w.rows += rows
	for _, c := range w.columns {
		if c.commit(); c.pending() >= w.options.PageBytes {
			w.raw += c.page(&w.packer)
		}
	}
	if w.raw >= w.options.GroupBytes {
		w.group()
	}
}

// Rollback forgets what the columns took since the last call of Commit or
// Rollback.
func (w *Writer) Rollback() {
	for _, c := range w.columns {
		c.rollback()
	}
}

// Close ends the file and is all of it. What is not committed is not in it.
// Nothing may be done with the writer afterwards.
func (w *Writer) Close() []byte {
	w.Rollback()
	if w.rows > 0 {
		w.group()
	}
	start := len(w.out)
	w.footer()
	w.out = binary.LittleEndian.AppendUint32(w.out, uint32(len(w.out)-start))
	return append(w.out, magic...)
}

// group ends the row group under way.
func (w *Writer) group() {
	g := group{at: len(w.out), rows: w.rows}
	for _, c := range w.columns {
		c.page(&w.packer)
		g.chunks = append(g.chunks, chunk{at: len(w.out), values: c.count, raw: c.raw, packed: len(c.chunk)})
		w.out = append(w.out, c.chunk...)
		g.raw += c.raw
		c.chunk, c.raw, c.count = c.chunk[:0], 0, 0
	}
	g.packed = len(w.out) - g.at
	w.groups = append(w.groups, g)
	w.rows, w.raw = 0, 0
}

// footer writes the file's metadata.
func (w *Writer) footer() {
	rows := 0
	for _, g := range w.groups {
		rows += g.rows
	}
	t := &compact{out: w.out}
	t.begin()
	t.int(1, 1) // the format's version
	t.list(2, wireStruct, w.root.elements())
	w.root.schema(t, true)
	t.long(3, int64(rows))
	t.list(4, wireStruct, len(w.groups))
	for _, g := range w.groups {
		t.begin()
		t.list(1, wireStruct, len(g.chunks))
		for i, c := range g.chunks {
			w.columns[i].footer(t, c, w.options.Codec)
		}
		t.long(2, int64(g.raw))
		t.long(3, int64(g.rows))
		t.long(5, int64(g.at))
		t.long(6, int64(g.packed))
		t.end()
	}
	t.text(6, w.options.CreatedBy)
	t.end()
	w.out = t.out
}

// footer writes where a column's chunk of a group is.
func (c *Column) footer(t *compact, at chunk, codec Codec) {
	t.begin()
	t.long(2, int64(at.at))
	t.structure(3)
	t.int(1, int64(c.node.Type))
	t.list(2, wireI32, 2)
	for _, encoding := range []int64{encodingPlain, encodingRLE} {
		t.out = binary.AppendVarint(t.out, encoding)
	}
	t.list(3, wireBinary, len(c.path))
	for _, name := range c.path {
		t.string(name)
	}
	t.int(4, int64(codec))
	t.long(5, int64(at.values))
	t.long(6, int64(at.raw))
	t.long(7, int64(at.packed))
	t.long(9, int64(at.at))
	t.end()
	t.end()
}

// packer compresses pages, one after the other.
type packer struct {
	codec Codec
	page  []byte // room for a page before it is packed
	out   bytes.Buffer
	gzip  *gzip.Writer // nil before the first page
	seen  []int32      // of snappy
}

// pack is a page as it is in the file, good until the next call.
func (p *packer) pack(page []byte) []byte {
	p.out.Reset()
	switch p.codec {
	case Gzip:
		if p.gzip == nil {
			p.gzip = gzip.NewWriter(&p.out)
		}
		p.gzip.Reset(&p.out)
		_, _ = p.gzip.Write(page) // to memory
		_ = p.gzip.Close()
	case Snappy:
		p.snappy(page)
	default:
		return page
	}
	return p.out.Bytes()
}
