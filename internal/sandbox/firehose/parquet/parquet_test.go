package parquet_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	reader "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/sandbox/firehose/parquet"
)

// cell is one value of a column with its levels, as a reader gives it.
type cell struct {
	rep, def int
	value    string // "" where def says that there is none
}

// drawNode makes a node of any kind, a group at most deep levels above a column.
func drawNode(t *rapid.T, name string, deep int) parquet.Node {
	kinds := []string{"column"}
	if deep > 0 {
		kinds = append(kinds, "group", "list", "map")
	}
	var n parquet.Node
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "column":
		n = rapid.SampledFrom([]parquet.Node{
			{Type: parquet.Boolean}, {Type: parquet.Int32}, {Type: parquet.Int32, Meaning: parquet.Date}, {Type: parquet.Int32, Meaning: parquet.Int8},
			{Type: parquet.Int64}, {Type: parquet.Int96}, {Type: parquet.Float}, {Type: parquet.Double}, {Type: parquet.Bytes}, {Type: parquet.Bytes, Meaning: parquet.Text},
			{Type: parquet.FixedBytes, Size: 5, Meaning: parquet.Decimal, Precision: 11, Scale: 3},
		}).Draw(t, "column")
		n.Name, n.Repetition = name, parquet.Repetition(rapid.IntRange(0, 1).Draw(t, "repetition"))
	case "group":
		n = parquet.Node{Name: name, Repetition: parquet.Repetition(rapid.IntRange(0, 1).Draw(t, "repetition"))}
		for i := range rapid.IntRange(1, 3).Draw(t, "fields") {
			n.Fields = append(n.Fields, drawNode(t, fmt.Sprintf("%s%d", name, i), deep-1))
		}
	case "list":
		n = parquet.List(name, drawNode(t, "", deep-1))
	case "map":
		n = parquet.Map(name, parquet.Node{Type: parquet.Bytes, Meaning: parquet.Text}, drawNode(t, "", deep-1))
	}
	return n
}

// rows puts random rows into a writer and notes what a reader must find.
type rows struct {
	t       *rapid.T
	columns []*parquet.Column
	next    int // the column that the walk comes to next
	want    [][]cell
}

// put walks through n once. rep and def are its place's levels; absent says that
// nothing is there any more.
func (r *rows) put(n *parquet.Node, rep, def, deepest int, absent bool) {
	switch {
	case n.Repetition == parquet.Repeated:
		deepest++
		times := rapid.SampledFrom([]int{0, 1, 1, 2, 12}).Draw(r.t, "times")
		if absent || times == 0 {
			r.inside(n, rep, def, deepest, true)
			return
		}
		first := r.next
		for i := range times {
			r.next = first // the same columns again
			r.inside(n, rep, def+1, deepest, false)
			if i == 0 {
				rep = deepest
			}
		}
	case n.Repetition == parquet.Optional && !absent:
		if rapid.IntRange(0, 3).Draw(r.t, "present") == 0 {
			absent = true
		} else {
			def++
		}
		r.inside(n, rep, def, deepest, absent)
	default:
		r.inside(n, rep, def, deepest, absent)
	}
}

func (r *rows) inside(n *parquet.Node, rep, def, deepest int, absent bool) {
	for i := range n.Fields {
		r.put(&n.Fields[i], rep, def, deepest, absent)
	}
	if n.Fields != nil {
		return
	}
	c := cell{rep: rep, def: def}
	if absent {
		r.columns[r.next].Null(rep, def)
	} else {
		c.value = value(r.t, r.columns[r.next], n, rep)
	}
	r.want[r.next] = append(r.want[r.next], c)
	r.next++
}

// value adds one to a column, and is it in the words of said.
func value(t *rapid.T, c *parquet.Column, n *parquet.Node, rep int) string {
	switch n.Type {
	case parquet.Boolean:
		v := rapid.Bool().Draw(t, "boolean")
		c.Boolean(rep, v)
		return fmt.Sprint(v)
	case parquet.Int32:
		v := rapid.Int32().Draw(t, "int32")
		if n.Meaning == parquet.Int8 {
			v = int32(int8(v))
		}
		c.Int32(rep, v)
		return fmt.Sprint(v)
	case parquet.Int64:
		v := rapid.Int64().Draw(t, "int64")
		c.Int64(rep, v)
		return fmt.Sprint(v)
	case parquet.Float:
		v := rapid.Float32().Draw(t, "float")
		c.Float(rep, v)
		return fmt.Sprint(math.Float32bits(v))
	case parquet.Double:
		v := rapid.Float64().Draw(t, "double")
		c.Double(rep, v)
		return fmt.Sprint(math.Float64bits(v))
	}
	least, most := 0, 80
	switch n.Type {
	case parquet.Int96:
		least, most = 12, 12
	case parquet.FixedBytes:
		least, most = n.Size, n.Size
	}
	v := rapid.SliceOfN(rapid.ByteRange('a', 'd'), least, most).Draw(t, "bytes")
	if n.Type == parquet.Bytes && rapid.IntRange(0, 5).Draw(t, "long") == 0 {
		v = bytes.Repeat(v, 20) // for copies of more than Snappy makes at once
	}
	c.Bytes(rep, v)
	return fmt.Sprintf("%x", v)
}

// said is a value of the reader's in the words of value.
func said(v reader.Value) string {
	switch {
	case v.IsNull():
		return ""
	case v.Kind() == reader.Float:
		return fmt.Sprint(math.Float32bits(v.Float()))
	case v.Kind() == reader.Double:
		return fmt.Sprint(math.Float64bits(v.Double()))
	case v.Kind() == reader.Int96:
		var raw []byte
		for _, word := range v.Int96() {
			raw = append(raw, byte(word), byte(word>>8), byte(word>>16), byte(word>>24))
		}
		return fmt.Sprintf("%x", raw)
	case v.Kind() == reader.ByteArray || v.Kind() == reader.FixedLenByteArray:
		return fmt.Sprintf("%x", v.ByteArray())
	}
	return v.String()
}

// Whatever the schema and the rows, a reader that we did not write finds every
// value and every level where it was put, through pages and row groups of any
// size, and nothing of what was rolled back.
func TestAnotherReaderFindsWhatWasPut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root := parquet.Node{Name: "root"}
		for i := range rapid.IntRange(1, 4).Draw(t, "columns") {
			root.Fields = append(root.Fields, drawNode(t, fmt.Sprintf("c%d", i), 3))
		}
		w, err := parquet.NewWriter(root, parquet.Options{
			Codec:     parquet.Codec(rapid.IntRange(0, 2).Draw(t, "codec")),
			PageBytes: rapid.SampledFrom([]int{0, 1, 100}).Draw(t, "page"), GroupBytes: rapid.SampledFrom([]int{0, 1, 1000}).Draw(t, "group"),
			CreatedBy: "ccsctl version 1",
		})
		if err != nil {
			t.Fatal(err)
		}
		columns := w.Columns()
		kept := &rows{t: t, columns: columns, want: make([][]cell, len(columns))}
		lost := &rows{t: t, columns: columns, want: make([][]cell, len(columns))}
		n := rapid.IntRange(0, 40).Draw(t, "rows")
		for range n {
			if rapid.IntRange(0, 4).Draw(t, "lost") == 0 {
				lost.next = 0
				lost.inside(&root, 0, 0, 0, false)
				w.Rollback()
			}
			kept.next = 0
			kept.inside(&root, 0, 0, 0, false)
			w.Commit(1)
		}
		lost.next = 0
		lost.inside(&root, 0, 0, 0, false)
		file := w.Close()

		got := read(t, file, len(columns), n)
		for i := range kept.want {
			if fmt.Sprint(got[i]) != fmt.Sprint(kept.want[i]) {
				t.Fatalf("column %d:\ngot  %v\nwant %v", i, got[i], kept.want[i])
			}
		}
	})
}

// read is what a file's columns hold.
func read(t interface {
	Fatalf(string, ...any)
}, file []byte, columns, rows int) [][]cell {
	f, err := reader.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if f.NumRows() != int64(rows) {
		t.Fatalf("%d rows, want %d", f.NumRows(), rows)
	}
	got := make([][]cell, columns)
	for _, g := range f.RowGroups() {
		found := int64(0)
		all := g.Rows()
		buffer := make([]reader.Row, 7)
		for {
			n, err := all.ReadRows(buffer)
			for _, row := range buffer[:n] {
				for _, v := range row {
					got[v.Column()] = append(got[v.Column()], cell{v.RepetitionLevel(), v.DefinitionLevel(), said(v)})
				}
			}
			if found += int64(n); errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("read: %v", err)
			}
		}
		if err := all.Close(); err != nil || found != g.NumRows() {
			t.Fatalf("%d rows of %d in the group: %v", found, g.NumRows(), err)
		}
	}
	return got
}

// The footer says what readers plan by: the schema with the meaning of its
// columns, where chunks are and how big.
func TestTheFooterSaysWhatIsThere(t *testing.T) {
	w, err := parquet.NewWriter(parquet.Node{Name: "root", Fields: []parquet.Node{
		{Name: "z", Repetition: parquet.Optional, Type: parquet.Bytes, Meaning: parquet.Text},
		{Name: "d", Repetition: parquet.Optional, Type: parquet.FixedBytes, Meaning: parquet.Decimal, Size: 5, Precision: 10, Scale: 2},
		parquet.List("l", parquet.Node{Repetition: parquet.Optional, Type: parquet.Int32, Meaning: parquet.Date}),
		parquet.Map("m", parquet.Node{Type: parquet.Bytes, Meaning: parquet.Text}, parquet.Node{Repetition: parquet.Optional, Type: parquet.Int32, Meaning: parquet.Int16}),
	}}, parquet.Options{Codec: parquet.Gzip, GroupBytes: 1 << 16, PageBytes: 1 << 12, CreatedBy: "ccsctl version 1"})
	if err != nil {
		t.Fatal(err)
	}
	const rows = 1000
	for range rows {
		columns := w.Columns()
		columns[0].Bytes(0, bytes.Repeat([]byte("x"), 500))
		for _, c := range columns[1:] {
			c.Null(0, 0)
		}
		w.Commit(1)
	}
	file := w.Close()
	f, err := reader.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	const schema = "message root {\n\toptional binary z (STRING);\n\toptional fixed_len_byte_array(5) d (DECIMAL(10,2));\n" +
		"\toptional group l (LIST) {\n\t\trepeated group list {\n\t\t\toptional int32 element (DATE);\n\t\t}\n\t}\n" +
		"\toptional group m (MAP) {\n\t\trepeated group key_value {\n\t\t\trequired binary key (STRING);\n\t\t\toptional int32 value (INT(16,true));\n\t\t}\n\t}\n}"
	if got := f.Schema().String(); got != schema {
		t.Errorf("schema:\ngot  %s\nwant %s", got, schema)
	}
	m := f.Metadata()
	if m.CreatedBy != "ccsctl version 1" || m.NumRows != rows || len(m.RowGroups) != 8 {
		t.Errorf("created by %q, %d rows in %d groups", m.CreatedBy, m.NumRows, len(m.RowGroups))
	}
	at := int64(len("PAR1"))
	for _, g := range m.RowGroups {
		var raw, packed int64
		for _, c := range g.Columns {
			if c.MetaData.DataPageOffset != at || c.MetaData.Codec != format.Gzip || c.MetaData.NumValues != g.NumRows {
				t.Errorf("%v: %d values at %d by %v, want %d at %d", c.MetaData.PathInSchema, c.MetaData.NumValues, c.MetaData.DataPageOffset, c.MetaData.Codec, g.NumRows, at)
			}
			at += c.MetaData.TotalCompressedSize
			raw, packed = raw+c.MetaData.TotalUncompressedSize, packed+c.MetaData.TotalCompressedSize
		}
		if g.TotalByteSize != raw || g.TotalCompressedSize != packed || raw > 1<<16+1<<13 {
			t.Errorf("group of %d, packed %d; its columns sum up to %d and %d", g.TotalByteSize, g.TotalCompressedSize, raw, packed)
		}
	}
}

func TestSchemasThatCannotBeWritten(t *testing.T) {
	deep := parquet.Node{Name: "c", Type: parquet.Int32}
	for range 130 {
		deep = parquet.List("c", deep)
	}
	for want, root := range map[string]parquet.Node{"nested too deep": {Fields: []parquet.Node{deep}}, "no columns": {Name: "empty"}} {
		if _, err := parquet.NewWriter(root, parquet.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
