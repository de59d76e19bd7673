package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	yaml "go.yaml.in/yaml/v3"
)

// document is a file of any format, parsed: a tree of map[string]any, []any and
// scalars, and the line of each path ("subscriptions.owners[0].endpoint").
type document struct {
	name  string
	tree  map[string]any
	lines map[string]int
}

func (d document) at(path string) Origin { return Origin{File: d.name, Line: d.lines[path]} }

// syntax is what a parser found, with its line when it says so.
type syntax struct {
	line int
	msg  string
}

// parse reads a file by the format its name says; a name without extension is
// YAML. What it finds wrong goes to p.
func parse(f file, p *problems) (document, bool) {
	d := document{name: f.name, lines: map[string]int{}}
	var wrong []syntax
	switch base := strings.ToLower(filepath.Base(f.name)); {
	case strings.HasSuffix(base, ".tf.json"), strings.HasSuffix(base, ".tf"):
		d.tree, wrong = parseModule(f, d.lines)
	case strings.HasSuffix(base, ".tfvars.json"), strings.HasSuffix(base, ".tfvars"):
		d.tree, wrong = parseVariables(f, d.lines)
	case strings.HasSuffix(base, ".json"):
		d.tree, wrong = parseJSON(f.data, d.lines)
	case strings.HasSuffix(base, ".toml"):
		d.tree, wrong = parseTOML(f.data, d.lines)
	case strings.HasSuffix(base, ".yaml"), strings.HasSuffix(base, ".yml"), filepath.Ext(base) == "":
		d.tree, wrong = parseYAML(f.data, d.lines)
	default:
		wrong = []syntax{{msg: "not a kind of file ccsctl reads: want .yaml, .json, .toml, .tf or .tfvars"}}
	}
	for _, w := range wrong {
		p.add(Origin{File: f.name, Line: w.line}, "", "%s", w.msg)
	}
	return d, len(wrong) == 0
}

var yamlLine = pattern(`line (\d+): (.*)`)

func parseYAML(data []byte, lines map[string]int) (map[string]any, []syntax) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var root yaml.Node
	err := dec.Decode(&root)
	if errors.Is(err, io.EOF) {
		return nil, nil // nothing but comments
	}
	var tree any
	if err == nil {
		err = root.Decode(&tree)
	}
	if err != nil {
		return nil, yamlErrors(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, []syntax{{msg: "more than one document: want one"}}
	}
	index(&root, "", lines)
	if tree == nil {
		return nil, nil
	}
	top, ok := stringKeys(tree).(map[string]any)
	if !ok {
		return nil, []syntax{{msg: "want keys and values, got " + describe(tree)}}
	}
	return top, nil
}

func yamlErrors(err error) []syntax {
	var out []syntax
	for _, m := range yamlLine().FindAllStringSubmatch(err.Error(), -1) {
		line, _ := strconv.Atoi(m[1])
		out = append(out, syntax{line, m[2]})
	}
	if out == nil {
		out = []syntax{{msg: strings.TrimPrefix(err.Error(), "yaml: ")}}
	}
	return out
}

// stringKeys turns the maps that YAML makes of other keys (1: x) into ours.
func stringKeys(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = stringKeys(e)
		}
	case map[any]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[fmt.Sprint(k)] = stringKeys(e)
		}
		return out
	case []any:
		for i, e := range v {
			v[i] = stringKeys(e)
		}
	}
	return v
}

// index notes the line of every path. It does not follow aliases: what comes
// through one has the line of nothing.
func index(n *yaml.Node, path string, lines map[string]int) {
	switch n.Kind {
	case yaml.DocumentNode:
		for _, c := range n.Content {
			index(c, path, lines)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			p := join(path, n.Content[i].Value)
			lines[p] = n.Content[i].Line
			index(n.Content[i+1], p, lines)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			p := fmt.Sprintf("%s[%d]", path, i)
			lines[p] = c.Line
			index(c, p, lines)
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func parseJSON(data []byte, lines map[string]int) (map[string]any, []syntax) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var tree map[string]any
	err := dec.Decode(&tree)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the object: want one object")
		}
	}
	if bad, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, []syntax{{line: lineOf(data, bad.Offset), msg: bad.Error()}}
	}
	if bad, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil, []syntax{{line: lineOf(data, bad.Offset), msg: "want an object, got " + bad.Value}}
	}
	if err != nil {
		return nil, []syntax{{msg: err.Error()}}
	}
	// JSON is nearly YAML: near enough to find lines, and the keys that are
	// there twice, of which encoding/json keeps the last without a word.
	var root yaml.Node
	if yaml.Unmarshal(data, &root) == nil {
		index(&root, "", lines)
		if err := root.Decode(new(any)); err != nil {
			return nil, yamlErrors(err)
		}
	}
	return tree, nil
}

func lineOf(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), int64(len(data)))], []byte("\n"))
}

func parseTOML(data []byte, lines map[string]int) (map[string]any, []syntax) {
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		if bad, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, _ := bad.Position()
			return nil, []syntax{{line, strings.TrimPrefix(bad.Error(), "toml: ")}}
		}
		return nil, []syntax{{msg: strings.TrimPrefix(err.Error(), "toml: ")}}
	}
	// The decoder keeps no lines; the parser under it does. Items of arrays of
	// tables share the line of the first.
	p := unstable.Parser{}
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		path, line := table, 0
		if e.Kind != unstable.KeyValue {
			path = ""
		}
		for it := e.Key(); it.Next(); {
			path = join(path, string(it.Node().Data))
			line = p.Shape(it.Node().Raw).Start.Line
			if lines[path] == 0 {
				lines[path] = line
			}
		}
		if e.Kind != unstable.KeyValue {
			table = path
		}
	}
	return tree, nil
}
