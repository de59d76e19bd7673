package parquet

import "fmt"

// Type is how the values of a column are stored.
type Type int

// Parquet's physical types, by their numbers in the footer.
const (
	Boolean Type = iota
	Int32
	Int64
	Int96
	Float
	Double
	Bytes
	FixedBytes
)

// Meaning says what stored values stand for: Parquet's converted types, which
// every reader knows.
type Meaning int

// The meanings that Hive's types need. The zero value is what the Type says.
const (
	Plain Meaning = iota
	Text
	mapping
	_ // of a map's pairs, which say it by where they are
	list
	_
	Decimal
	Date
	Int8  Meaning = 16
	Int16 Meaning = 17
)

// Repetition is how often a value is there.
type Repetition int

// By their numbers in the footer.
const (
	Required Repetition = iota
	Optional
	Repeated
)

// Node is a column, or a group of them.
type Node struct {
	Name       string
	Repetition Repetition
	Type       Type // of a column
	Meaning    Meaning
	Size       int // of FixedBytes, in bytes
	Precision  int // of a Decimal, in digits
	Scale      int
	Fields     []Node // of a group, in the order of the file; nil for a column
}

// List is an optional list of elements, in the three levels that the format's
// "Logical Types" page prescribes. An element of a list that has none is null
// two levels below it.
func List(name string, element Node) Node {
	element.Name = "element"
	return Node{Name: name, Repetition: Optional, Meaning: list, Fields: []Node{{Name: "list", Repetition: Repeated, Fields: []Node{element}}}}
}

// Map is an optional map. Its key should be Required.
func Map(name string, key, value Node) Node {
	key.Name, value.Name = "key", "value"
	return Node{Name: name, Repetition: Optional, Meaning: mapping, Fields: []Node{{Name: "key_value", Repetition: Repeated, Fields: []Node{key, value}}}}
}

// deepest is the highest level that a column may have: a byte holds it.
const deepest = 255

// columns makes those below n, whose place is at the levels def and rep.
func (n *Node) columns(path []string, def, rep int, add func(*Column)) error {
	path = append(path[:len(path):len(path)], n.Name)
	if n.Repetition != Required {
		def++
	}
	if n.Repetition == Repeated {
		rep++
	}
	if def > deepest {
		return fmt.Errorf("%s is nested too deep", n.Name)
	}
	if n.Fields == nil {
		add(&Column{node: n, path: path, def: byte(def), rep: byte(rep)})
		return nil
	}
	for i := range n.Fields {
		if err := n.Fields[i].columns(path, def, rep, add); err != nil {
			return err
		}
	}
	return nil
}

// schema writes n and what is below it, parents first.
func (n *Node) schema(t *compact, root bool) {
	t.begin()
	if n.Fields == nil {
		t.int(1, int64(n.Type))
		if n.Type == FixedBytes {
			t.int(2, int64(n.Size))
		}
	}
	if !root {
		t.int(3, int64(n.Repetition))
	}
	t.text(4, n.Name)
	if n.Fields != nil {
		t.int(5, int64(len(n.Fields)))
	}
	if n.Meaning != Plain {
		t.int(6, int64(n.Meaning-1))
	}
	if n.Meaning == Decimal {
		t.int(7, int64(n.Scale))
		t.int(8, int64(n.Precision))
	}
	t.end()
	for i := range n.Fields {
		n.Fields[i].schema(t, false)
	}
}

// elements is how many n and what is below it are.
func (n *Node) elements() int {
	total := 1
	for i := range n.Fields {
		total += n.Fields[i].elements()
	}
	return total
}
