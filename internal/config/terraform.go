package config

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
)

// parseModule reads the block that calls the streaming module, as teams have it
// in their Terraform. Everything else in the file is theirs and passed over.
func parseModule(f file, lines map[string]int) (map[string]any, []syntax) {
	body, wrong := parseHCL(f)
	if wrong != nil {
		return nil, wrong
	}
	content, _, diags := body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "module", LabelNames: []string{"name"}}}})
	if diags.HasErrors() {
		return nil, diagnosed(diags)
	}
	block, wrong := streamingBlock(content.Blocks)
	if wrong != nil {
		return nil, wrong
	}
	attrs, diags := block.Body.JustAttributes()
	if diags.HasErrors() {
		return nil, diagnosed(diags)
	}
	for _, name := range []string{"count", "for_each"} {
		if a, ok := attrs[name]; ok {
			return nil, []syntax{{a.Range.Start.Line, name + ": a file is one pipeline; use environments for several"}}
		}
	}
	for _, name := range []string{"source", "version", "providers", "depends_on"} {
		delete(attrs, name) // Terraform's own business
	}
	return evaluate(attrs, f.data, lines), nil
}

// streamingBlock is the only module block, or the only one that looks like ours.
func streamingBlock(blocks hcl.Blocks) (*hcl.Block, []syntax) {
	ours := blocks
	if len(blocks) > 1 {
		ours = slices.DeleteFunc(slices.Clone(blocks), func(b *hcl.Block) bool {
			attrs, _ := b.Body.JustAttributes()
			return attrs["s3_data_lake_bucket"] == nil && attrs["kinesis_shard_count"] == nil
		})
	}
	switch len(ours) {
	case 0:
		return nil, []syntax{{msg: "no module block with the settings of a pipeline (project_name, environment, s3_data_lake_bucket, ...)"}}
	case 1:
		return ours[0], nil
	}
	var labels []string
	for _, b := range ours {
		labels = append(labels, b.Labels[0])
	}
	return nil, []syntax{{ours[1].DefRange.Start.Line, "several module blocks look like a pipeline (" + strings.Join(labels, ", ") + "): a file is one pipeline"}}
}

func parseVariables(f file, lines map[string]int) (map[string]any, []syntax) {
	body, wrong := parseHCL(f)
	if wrong != nil {
		return nil, wrong
	}
	attrs, diags := body.JustAttributes()
	if diags.HasErrors() {
		return nil, diagnosed(diags)
	}
	return evaluate(attrs, f.data, lines), nil
}

// The parser recurses and works out every number in full: enough brackets end
// the process, and 1e999999999 keeps it busy for hours.
const (
	maxNesting   = 100
	maxOperators = 5000 // of those that recurse, in the whole file
)

var outlandish = pattern(`[eE][+-]?[0-9]{4}`)

// tame looks at the tokens first. JSON is near enough to have the same ones.
func tame(f file) []syntax {
	tokens, _ := hclsyntax.LexConfig(f.data, f.name, hcl.InitialPos) // the parser will tell what is wrong with them
	depth, operators := 0, 0
	for _, t := range tokens {
		line := t.Range.Start.Line
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
			depth--
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion:
			operators++
		case hclsyntax.TokenNumberLit:
			if outlandish().Match(t.Bytes) {
				return []syntax{{line, "a number beyond reason: " + string(t.Bytes)}}
			}
		}
		if depth > maxNesting || operators > maxOperators {
			return []syntax{{line, "nested too deeply"}}
		}
	}
	return nil
}

func parseHCL(f file) (hcl.Body, []syntax) {
	if wrong := tame(f); wrong != nil {
		return nil, wrong
	}
	var parsed *hcl.File
	var diags hcl.Diagnostics
	if strings.HasSuffix(strings.ToLower(f.name), ".json") {
		parsed, diags = hcljson.Parse(f.data, f.name)
	} else {
		parsed, diags = hclsyntax.ParseConfig(f.data, f.name, hcl.InitialPos)
	}
	if diags.HasErrors() {
		return nil, diagnosed(diags)
	}
	return parsed.Body, nil
}

func diagnosed(diags hcl.Diagnostics) []syntax {
	var out []syntax
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		w := syntax{msg: strings.Join(strings.Fields(d.Summary+": "+d.Detail), " ")}
		if d.Subject != nil {
			w.line = d.Subject.Start.Line
		}
		out = append(out, w)
	}
	return out
}

func evaluate(attrs hcl.Attributes, src []byte, lines map[string]int) map[string]any {
	tree := make(map[string]any, len(attrs))
	for name, a := range attrs {
		lines[name] = a.NameRange.Start.Line
		tree[name] = expression(a.Expr, name, src, lines)
	}
	return tree
}

// expression evaluates without variables or functions. It enters objects and
// lists itself, so that one reference in a map spoils one entry only.
func expression(e hcl.Expression, path string, src []byte, lines map[string]int) any {
	if pairs, diags := hcl.ExprMap(e); !diags.HasErrors() {
		tree := make(map[string]any, len(pairs))
		for _, pair := range pairs {
			name, diags := pair.Key.Value(nil)
			if diags.HasErrors() || name.IsNull() || !name.IsKnown() || name.Type() != cty.String {
				return reference{written(pair.Key, src)}
			}
			p := join(path, name.AsString())
			lines[p] = pair.Key.Range().Start.Line
			tree[name.AsString()] = expression(pair.Value, p, src, lines)
		}
		return tree
	}
	if items, diags := hcl.ExprList(e); !diags.HasErrors() {
		out := make([]any, len(items))
		for i, item := range items {
			p := fmt.Sprintf("%s[%d]", path, i)
			lines[p] = item.Range().Start.Line
			out[i] = expression(item, p, src, lines)
		}
		return out
	}
	v, diags := e.Value(nil)
	if diags.HasErrors() || !v.IsWhollyKnown() {
		return reference{written(e, src)}
	}
	return goValue(v)
}

// written is an expression as it stands in the file, on one line.
func written(e hcl.Expression, src []byte) string {
	r := e.Range()
	if !r.CanSliceBytes(src) {
		return "the expression"
	}
	s := []rune(strings.Join(strings.Fields(strings.ToValidUTF8(string(r.SliceBytes(src)), "?")), " "))
	if len(s) > 80 {
		return string(s[:79]) + "…"
	}
	return string(s)
}

func goValue(v cty.Value) any {
	t := v.Type()
	switch {
	case v.IsNull():
		return nil
	case t == cty.String:
		return v.AsString()
	case t == cty.Bool:
		return v.True()
	case t == cty.Number:
		return number10(v.AsBigFloat())
	case t.IsObjectType(), t.IsMapType():
		tree := map[string]any{}
		for name, e := range v.AsValueMap() {
			tree[name] = goValue(e)
		}
		return tree
	case t.IsTupleType(), t.IsListType(), t.IsSetType():
		out := []any{}
		for _, e := range v.AsValueSlice() {
			out = append(out, goValue(e))
		}
		return out
	}
	return v.GoString()
}

// number10 keeps a number as Terraform turns it into text.
func number10(f *big.Float) json.Number { return json.Number(f.Text('f', -1)) }
