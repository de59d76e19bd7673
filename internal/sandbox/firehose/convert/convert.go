// Package convert turns JSON records into Parquet files as Data Firehose does:
// by the columns of a Glue table and the rules of the OpenX JSON SerDe. It knows
// formats; what records are, where files go and what becomes of the records that
// don't fit is left to its user.
package convert

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// Codes of a Failure, as Firehose writes them next to a record that failed.
const (
	ParseError    = "DataFormatConversion.ParseError"    // not JSON
	MalformedData = "DataFormatConversion.MalformedData" // JSON that does not fit the table
	InvalidSchema = "DataFormatConversion.InvalidSchema" // a table that no record fits
)

// Failure is why a record can't be converted.
type Failure struct {
	Code    string
	Message string
}

func (f *Failure) Error() string { return f.Code + ": " + f.Message }

// Options are those of the SerDes (API ref OpenXJsonSerDe, ParquetSerDe). The
// zero value is theirs, but for the compression.
type Options struct {
	Keys          map[string]string // JSON key by column, where they differ
	CaseSensitive bool
	Dots          bool   // in JSON keys are underscores in columns
	Compression   string // "" is SNAPPY
	PageBytes     int    // of one page; 0 is 1 MiB
	SecondVersion bool   // of Parquet's pages
	Dictionary    bool
}

// codec is that of a ParquetSerDe's Compression.
func codec(name string) (compress.Codec, bool) {
	switch name {
	case "UNCOMPRESSED":
		return &parquet.Uncompressed, true
	case "SNAPPY", "":
		return &parquet.Snappy, true
	case "GZIP":
		return &parquet.Gzip, true
	}
	return nil, false
}

// key is the JSON key of a column, as keys are compared.
func (o Options) key(column string) string {
	if key, ok := o.Keys[column]; ok {
		column = key
	}
	if !o.CaseSensitive {
		column = strings.ToLower(column)
	}
	return column
}

// Table is a table that records are converted for. It may be used by many
// goroutines.
type Table struct {
	root    *node
	schema  *parquet.Schema
	options Options
	codec   compress.Codec
}

// New is the table of the given columns. The error is a *Failure for one that
// can't be written.
func New(columns []bus.Column, o Options) (*Table, error) {
	fail := func(err error) (*Table, error) {
		return nil, &Failure{Code: InvalidSchema, Message: "The schema is invalid. " + err.Error()}
	}
	if len(columns) == 0 {
		return fail(errors.New("the specified table has no columns"))
	}
	fields := make([]field, len(columns))
	for i, c := range columns {
		of, err := parseType(c.Type)
		if err != nil {
			return fail(fmt.Errorf("column %s: %w", c.Name, err))
		}
		fields[i] = field{c.Name, of}
	}
	b := builder{options: o}
	root := &node{kind: structure}
	group, err := b.fields(root, fields)
	if err != nil {
		return fail(err)
	}
	compression, ok := codec(o.Compression)
	if !ok {
		return fail(fmt.Errorf("no compression %s", o.Compression))
	}
	return &Table{root: root, schema: parquet.NewSchema("hive_schema", group), options: o, codec: compression}, nil
}

// chunk is how many rows are collected before they are written: few enough to
// stay in the processor's caches.
const chunk = 512

// File is one Parquet file that is being written. It is not safe for many
// goroutines.
type File struct {
	table   *Table
	buffer  bytes.Buffer
	writer  *parquet.GenericWriter[any]
	scan    scanner
	leaves  [][]parquet.Value // rows not written yet, by leaf column
	mark    []int             // how long leaves were before the record under way
	seen    []bool            // a stack: the fields that the objects under way had
	key     []byte
	pending int
	rows    int
}

// Begin is a new file of the table.
func (t *Table) Begin() *File {
	page, version := t.options.PageBytes, 1
	if page == 0 {
		page = 1 << 20
	}
	if t.options.SecondVersion {
		version = 2
	}
	f := &File{table: t, leaves: make([][]parquet.Value, t.root.end), mark: make([]int, t.root.end)}
	f.writer = parquet.NewGenericWriter[any](&f.buffer, t.schema, parquet.Compression(t.codec),
		parquet.PageBufferSize(page), parquet.DataPageVersion(version), parquet.CreatedBy("ccsctl-sandbox", "", ""))
	return f
}

// Rows is how many rows the file has. One record may be several.
func (f *File) Rows() int { return f.rows }

// Add takes a record: JSON objects, one after the other, a row each. The error
// is a *Failure when one of them does not fit; then none of them is taken. data
// must not be changed until the file is done.
func (f *File) Add(data []byte) error {
	for i := range f.leaves {
		f.mark[i] = len(f.leaves[i])
	}
	rows, err := f.record(data)
	if err != nil {
		for i := range f.leaves {
			f.leaves[i] = f.leaves[i][:f.mark[i]]
		}
		return err
	}
	f.rows += rows
	if f.pending += rows; f.pending >= chunk {
		return f.flush()
	}
	return nil
}

func (f *File) flush() error {
	for i, w := range f.writer.ColumnWriters() {
		if _, err := w.WriteRowValues(f.leaves[i]); err != nil {
			return fmt.Errorf("write column %d: %w", i, err)
		}
		clear(f.leaves[i])
		f.leaves[i] = f.leaves[i][:0]
	}
	f.pending = 0
	return nil
}

// Bytes ends the file and is all of it.
func (f *File) Bytes() ([]byte, error) {
	if f.pending > 0 {
		if err := f.flush(); err != nil {
			return nil, err
		}
	}
	if err := f.writer.Close(); err != nil {
		return nil, err
	}
	return f.buffer.Bytes(), nil
}
