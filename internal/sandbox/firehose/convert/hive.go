package convert

import (
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go"
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
	list
	mapping
	structure
)

// node is one type in a table: a column, or a part of one. The levels are those
// of Parquet's "Nested Encoding": def when a value is there, rep for the second
// and later elements of a list or map.
type node struct {
	kind      kind
	bits      int // of an integer
	def, rep  int
	leaf, end int // the leaf columns below it

	key, elem *node // of a map; elem of a list too
	fields    []*node
	index     map[string]int // of fields, by JSON key
}

// builder makes nodes and, at the same time, the Parquet schema.
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
	args   []hive  // of array and map
	fields []field // of struct
}

// primitives are Hive's types that hold one value, and the Parquet types that
// Hive writes for them.
var primitives = map[string]struct {
	kind kind
	bits int
	node func() parquet.Node
}{
	"string":           {text, 0, parquet.String},
	"varchar":          {text, 0, parquet.String},
	"char":             {text, 0, parquet.String},
	"tinyint":          {integer, 8, func() parquet.Node { return parquet.Int(8) }},
	"smallint":         {integer, 16, func() parquet.Node { return parquet.Int(16) }},
	"int":              {integer, 32, func() parquet.Node { return parquet.Leaf(parquet.Int32Type) }},
	"integer":          {integer, 32, func() parquet.Node { return parquet.Leaf(parquet.Int32Type) }},
	"bigint":           {integer, 64, func() parquet.Node { return parquet.Leaf(parquet.Int64Type) }},
	"float":            {float, 32, func() parquet.Node { return parquet.Leaf(parquet.FloatType) }},
	"double":           {double, 64, func() parquet.Node { return parquet.Leaf(parquet.DoubleType) }},
	"double precision": {double, 64, func() parquet.Node { return parquet.Leaf(parquet.DoubleType) }},
	"boolean":          {boolean, 0, func() parquet.Node { return parquet.Leaf(parquet.BooleanType) }},
	"date":             {date, 0, parquet.Date},
	"timestamp":        {timestamp, 0, func() parquet.Node { return parquet.Leaf(parquet.Int96Type) }},
}

// build makes the node of a type below def and rep. Everything is optional, as
// Hive writes it.
func (b *builder) build(t hive, def, rep int) (*node, parquet.Node, error) {
	n := &node{def: def + 1, rep: rep, leaf: b.leaves}
	inner, err := b.inner(n, t)
	if err != nil {
		return nil, nil, err
	}
	n.end = b.leaves
	return n, parquet.Optional(inner), nil
}

func (b *builder) inner(n *node, t hive) (parquet.Node, error) {
	switch t.name {
	case "array":
		n.kind, n.rep = list, n.rep+1
		elem, inner, err := b.build(t.args[0], n.def+1, n.rep)
		if err != nil {
			return nil, err
		}
		n.elem = elem
		return parquet.List(inner), nil
	case "map":
		if primitives[t.args[0].name].kind != text || primitives[t.args[0].name].node == nil {
			return nil, fmt.Errorf("a map's keys are strings, not %s", t.args[0].name)
		}
		n.kind, n.rep = mapping, n.rep+1
		n.key = &node{kind: text, def: n.def + 1, rep: n.rep, leaf: b.leaves, end: b.leaves + 1}
		b.leaves++
		elem, inner, err := b.build(t.args[1], n.def+1, n.rep)
		if err != nil {
			return nil, err
		}
		n.elem = elem
		return parquet.Map(parquet.String(), inner), nil
	case "struct":
		n.kind = structure
		return b.fields(n, t.fields)
	}
	p, ok := primitives[t.name]
	if !ok {
		return nil, fmt.Errorf("the type %s is not supported", t.name)
	}
	n.kind, n.bits = p.kind, p.bits
	b.leaves++
	leaf := p.node()
	if b.options.Dictionary && n.kind != boolean {
		leaf = parquet.Encoded(leaf, &parquet.RLEDictionary)
	}
	return leaf, nil
}

// fields makes those of a struct, or the columns of a table.
func (b *builder) fields(n *node, fields []field) (parquet.Node, error) {
	n.index = map[string]int{}
	var group ordered
	for i, f := range fields {
		if _, twice := n.index[b.options.key(f.name)]; twice || f.name == "" {
			return nil, fmt.Errorf("the name %q is there twice, or none", f.name)
		}
		inner, leaf, err := b.build(f.of, n.def, n.rep)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		n.fields = append(n.fields, inner)
		n.index[b.options.key(f.name)] = i
		group.add(f.name, leaf)
	}
	n.end = b.leaves
	return group, nil
}

// ordered is a group whose fields keep the table's order; the library would
// sort them.
type ordered struct {
	parquet.Group
	names []string
}

func (o *ordered) add(name string, n parquet.Node) {
	if o.Group == nil {
		o.Group = parquet.Group{}
	}
	o.Group[name] = n
	o.names = append(o.names, name)
}

// Fields implements parquet.Node.
func (o ordered) Fields() []parquet.Field {
	byName := map[string]parquet.Field{}
	for _, f := range o.Group.Fields() {
		byName[f.Name()] = f
	}
	fields := make([]parquet.Field, len(o.names))
	for i, name := range o.names {
		fields[i] = byName[name]
	}
	return fields
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
	if p.take("(") { // a length, which limits nothing here
		p.word()
		if !p.take(")") {
			return t, fmt.Errorf("no ) after the length")
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
