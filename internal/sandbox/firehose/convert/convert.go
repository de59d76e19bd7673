// Package convert turns JSON records into Parquet files as Data Firehose does:
// by the columns of a Glue table and the rules of the OpenX JSON SerDe. It knows
// formats; what records are, where files go and what becomes of the records that
// don't fit is left to its user.
package convert

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/firehose/parquet"
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
	BlockBytes    int    // of one row group; 0 is 256 MiB
}

// codec is that of a ParquetSerDe's Compression.
func codec(name string) (c parquet.Codec, ok bool) {
	switch name {
	case "UNCOMPRESSED":
		return parquet.Uncompressed, true
	case "SNAPPY", "":
		return parquet.Snappy, true
	case "GZIP":
		return parquet.Gzip, true
	}
	return 0, false
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
	schema  parquet.Node
	options Options
	file    parquet.Options
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
	t := &Table{root: root, schema: parquet.Node{Name: "hive_schema", Fields: group}, options: o,
		file: parquet.Options{Codec: compression, PageBytes: o.PageBytes, GroupBytes: o.BlockBytes, CreatedBy: "ccsctl version 1"}}
	if _, err := parquet.NewWriter(t.schema, t.file); err != nil {
		return fail(err)
	}
	return t, nil
}

// File is one Parquet file that is being written. It is not safe for many
// goroutines.
type File struct {
	table   *Table
	writer  *parquet.Writer
	columns []*parquet.Column // the leaves
	scan    scanner
	seen    []bool // a stack: the fields that the objects under way had
	key     []byte
	rows    int
}

// Begin is a new file of the table.
func (t *Table) Begin() *File {
	w, err := parquet.NewWriter(t.schema, t.file)
	if err != nil {
		panic(err) // New has made one
	}
	return &File{table: t, writer: w, columns: w.Columns()}
}

// Rows is how many rows the file has. One record may be several.
func (f *File) Rows() int { return f.rows }

// Add takes a record: JSON objects, one after the other, a row each. The error
// is a *Failure when one of them does not fit; then none of them is taken.
func (f *File) Add(data []byte) error {
	rows, err := f.record(data)
	if err != nil {
		f.writer.Rollback()
		return err
	}
	f.writer.Commit(rows)
	f.rows += rows
	return nil
}

// Bytes ends the file and is all of it.
func (f *File) Bytes() []byte { return f.writer.Close() }
