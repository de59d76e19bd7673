package convert

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/firehose/parquet"
)

// kind is what a column holds.
type kind int

const (
	text kind = iota
	integer
	float
	double
	boolean
	date
	timestamp
	decimal
	list
	mapping
	structure
)

// node is one type in a table: a column, or a part of one. The levels are those
// of Parquet's "Nested Encoding": def when a value is there, rep for the second
// and later elements of a list or map.
type node struct {
	kind      kind
	bits      int // of an integer or a float
	precision int // of a decimal, in digits
	scale     int
	def, rep  int
	leaf, end int // the leaf columns below it

	key, elem *node // of a map; elem of a list too
	fields    []*node
	index     map[string]int // of fields, by JSON key
}

// builder makes nodes and, at the same time, the file's schema.
type builder struct {
	options Options
	leaves  int
}

// field is a named type.
type field struct {
	name string
	of   hive
}

// hive is a parsed Hive type.
type hive struct {
	name   string  // without arguments
	bounds []int   // what stands in parentheses
	args   []hive  // of array and map
	fields []field // of struct
}

// primitives are Hive's types that hold one value, and what Hive writes for them.
var primitives = map[string]struct {
	kind    kind
	bits    int
	stored  parquet.Type
	meaning parquet.Meaning
}{
	"string":           {text, 0, parquet.Bytes, parquet.Text},
	"varchar":          {text, 0, parquet.Bytes, parquet.Text},
	"char":             {text, 0, parquet.Bytes, parquet.Text},
	"tinyint":          {integer, 8, parquet.Int32, parquet.Int8},
	"smallint":         {integer, 16, parquet.Int32, parquet.Int16},
	"int":              {integer, 32, parquet.Int32, parquet.Plain},
	"integer":          {integer, 32, parquet.Int32, parquet.Plain},
	"bigint":           {integer, 64, parquet.Int64, parquet.Plain},
	"float":            {float, 32, parquet.Float, parquet.Plain},
	"double":           {double, 64, parquet.Double, parquet.Plain},
	"double precision": {double, 64, parquet.Double, parquet.Plain},
	"boolean":          {boolean, 0, parquet.Boolean, parquet.Plain},
	"date":             {date, 0, parquet.Int32, parquet.Date},
	"timestamp":        {timestamp, 0, parquet.Int96, parquet.Plain},
	"decimal":          {decimal, 0, parquet.FixedBytes, parquet.Decimal},
	"numeric":          {decimal, 0, parquet.FixedBytes, parquet.Decimal},
}

// build makes the node of a type below def and rep. Everything is optional, as
// Hive writes it.
func (b *builder) build(name string, t hive, def, rep int) (*node, parquet.Node, error) {
	n := &node{def: def + 1, rep: rep, leaf: b.leaves}
	file, err := b.inner(n, name, t)
	n.end = b.leaves
	file.Repetition = parquet.Optional
	return n, file, err
}

func (b *builder) inner(n *node, name string, t hive) (parquet.Node, error) {
	switch t.name {
	case "array":
		n.kind, n.rep = list, n.rep+1
		elem, inner, err := b.build("", t.args[0], n.def+1, n.rep)
		n.elem = elem
		return parquet.List(name, inner), err
	case "map":
		key := primitives[t.args[0].name]
		if key.meaning != parquet.Text {
			return parquet.Node{}, fmt.Errorf("a map's keys are strings, not %s", t.args[0].name)
		}
		n.kind, n.rep = mapping, n.rep+1
		n.key = &node{kind: text, def: n.def + 1, rep: n.rep, leaf: b.leaves, end: b.leaves + 1}
		b.leaves++
		elem, inner, err := b.build("", t.args[1], n.def+1, n.rep)
		n.elem = elem
		return parquet.Map(name, parquet.Node{Type: key.stored, Meaning: key.meaning}, inner), err
	case "struct":
		n.kind = structure
		fields, err := b.fields(n, t.fields)
		return parquet.Node{Name: name, Fields: fields}, err
	}
	p, ok := primitives[t.name]
	if !ok {
		return parquet.Node{}, fmt.Errorf("the type %s is not supported", t.name)
	}
	n.kind, n.bits = p.kind, p.bits
	b.leaves++
	leaf := parquet.Node{Name: name, Type: p.stored, Meaning: p.meaning}
	if n.kind == decimal {
		var err error
		if n.precision, n.scale, err = t.decimal(); err != nil {
			return leaf, err
		}
		leaf.Precision, leaf.Scale, leaf.Size = n.precision, n.scale, decimalSize(n.precision)
	}
	return leaf, nil
}

// fields makes those of a struct, or the columns of a table.
func (b *builder) fields(n *node, fields []field) ([]parquet.Node, error) {
	n.index = map[string]int{}
	var file []parquet.Node
	for i, f := range fields {
		if _, twice := n.index[b.options.key(f.name)]; twice || f.name == "" {
			return nil, fmt.Errorf("the name %q is there twice, or none", f.name)
		}
		inner, leaf, err := b.build(f.name, f.of, n.def, n.rep)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		n.fields = append(n.fields, inner)
		n.index[b.options.key(f.name)] = i
		file = append(file, leaf)
	}
	n.end = b.leaves
	return file, nil
}

// parseType reads a Hive type: struct<a:int,b:array<string>>, varchar(20).
func parseType(text string) (hive, error) {
	p := typeParser{strings.ToLower(strings.TrimSpace(text))}
	t, err := p.parse(0)
	if err == nil && p.rest != "" {
		err = fmt.Errorf("%q follows", p.rest)
	}
	if err != nil {
		return t, fmt.Errorf("the type %q: %w", text, err)
	}
	return t, nil
}

type typeParser struct{ rest string }

func (p *typeParser) take(c string) bool {
	rest, ok := strings.CutPrefix(p.rest, c)
	if ok {
		p.rest = rest
	}
	return ok
}

// word takes all before the next of the characters that structure a type.
func (p *typeParser) word() string {
	i := strings.IndexAny(p.rest, "<>(),:")
	if i < 0 {
		i = len(p.rest)
	}
	word := strings.TrimSpace(p.rest[:i])
	p.rest = p.rest[i:]
	return word
}

func (p *typeParser) parse(depth int) (hive, error) {
	t := hive{name: p.word()}
	if depth > deepest {
		return t, fmt.Errorf("nested too deep")
	}
	if p.take("(") {
		for more := true; more; more = p.take(",") {
			bound, err := strconv.Atoi(p.word())
			if err != nil {
				return t, fmt.Errorf("no number in the parentheses of %q", t.name)
			}
			t.bounds = append(t.bounds, bound)
		}
		if !p.take(")") {
			return t, fmt.Errorf("no ) after the numbers of %q", t.name)
		}
	}
	if !p.take("<") {
		return t, t.check()
	}
	for more := true; more; more = p.take(",") {
		name := ""
		if t.name == "struct" {
			if name = p.word(); !p.take(":") {
				return t, fmt.Errorf("no type for %q", name)
			}
		}
		inner, err := p.parse(depth + 1)
		if err != nil {
			return t, err
		}
		if t.name == "struct" {
			t.fields = append(t.fields, field{name, inner})
		} else {
			t.args = append(t.args, inner)
		}
	}
	if !p.take(">") {
		return t, fmt.Errorf("no > at the end")
	}
	return t, t.check()
}

func (t hive) check() error {
	if want := map[string]int{"array": 1, "map": 2}; len(t.args) != want[t.name] || t.name == "struct" && len(t.fields) == 0 {
		return fmt.Errorf("%q of %d types", t.name, len(t.args))
	}
	return nil
}
