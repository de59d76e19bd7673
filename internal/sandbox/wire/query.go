package wire

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire/model"
)

// queryTree reads a form of the Query protocol into a tree. The form is flat
// (Tags.member.1.Key=...), so the model says what each name means.
func queryTree(m *model.Model, shape string, form url.Values) map[string]any {
	root := new(node)
	for name, values := range form {
		if len(values) > 0 {
			root.put(strings.Split(name, "."), values[0])
		}
	}
	tree, _ := root.read(m, model.Member{Shape: shape}).(map[string]any)
	if tree == nil {
		tree = map[string]any{}
	}
	return tree
}

// node is one step of the dotted names of a form.
type node struct {
	text     string
	leaf     bool
	children map[string]*node
}

func (n *node) put(path []string, text string) {
	if len(path) == 0 {
		n.text, n.leaf = text, true
		return
	}
	if n.children == nil {
		n.children = map[string]*node{}
	}
	child := n.children[path[0]]
	if child == nil {
		child = new(node)
		n.children[path[0]] = child
	}
	child.put(path[1:], text)
}

// numbered are the children named by numbers, in their order.
func (n *node) numbered() []*node {
	byNumber := map[int]*node{}
	for k, child := range n.children {
		if i, err := strconv.Atoi(k); err == nil {
			byNumber[i] = child
		}
	}
	nodes := make([]*node, 0, len(byNumber))
	for _, i := range slices.Sorted(maps.Keys(byNumber)) {
		nodes = append(nodes, byNumber[i])
	}
	return nodes
}

// under is the child of the given name, or n itself for "".
func (n *node) under(name string) *node {
	if name == "" {
		return n
	}
	return n.children[name]
}

func (n *node) read(m *model.Model, use model.Member) any {
	if n == nil {
		return nil
	}
	s := m.Shapes[use.Shape]
	flat := s.Flattened || use.Flattened
	switch s.Type {
	case "structure":
		tree := map[string]any{}
		for name, member := range s.Members {
			key := name
			if member.Name != "" {
				key = member.Name
			}
			if v := n.children[key].read(m, member); v != nil {
				tree[name] = v
			}
		}
		if len(tree) == 0 && n.children == nil {
			return nil
		}
		return tree
	case "list":
		items := []any{}
		holder := n
		if !flat {
			holder = n.under(nameOf(s.Item, "member"))
		}
		if holder == nil {
			return n.empty(items)
		}
		for _, child := range holder.numbered() {
			items = append(items, child.read(m, *s.Item))
		}
		return items
	case "map":
		tree := map[string]any{}
		holder := n
		if !flat {
			holder = n.under("entry")
		}
		if holder == nil {
			return n.empty(tree)
		}
		for _, child := range holder.numbered() {
			key, _ := child.children[nameOf(s.Key, "key")].read(m, *s.Key).(string)
			tree[key] = child.children[nameOf(s.Value, "value")].read(m, *s.Value)
		}
		return tree
	}
	if !n.leaf {
		return nil
	}
	switch s.Type {
	case "integer", "long", "float", "double":
		return json.Number(n.text)
	case "boolean":
		if b, err := strconv.ParseBool(n.text); err == nil {
			return b
		}
	}
	return n.text
}

// empty is how the protocol writes a list or map with nothing in it: the bare
// name with no value.
func (n *node) empty(v any) any {
	if n.leaf {
		return v
	}
	return nil
}

func nameOf(m *model.Member, otherwise string) string {
	if m.Name != "" {
		return m.Name
	}
	return otherwise
}
