package wire

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire/model"
)

// restMatch finds the operation that a REST request is for, and what its path
// says of the input. Of several that match, the one with the fewest variable
// parts is meant.
func restMatch(m *model.Model, r *http.Request) (op string, labels map[string]string) {
	path := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	for name, o := range m.Operations {
		if o.Method != r.Method {
			continue
		}
		found, ok := matchPath(strings.Split(strings.Trim(o.URI, "/"), "/"), path)
		if ok && (op == "" || len(found) < len(labels)) {
			op, labels = name, found
		}
	}
	return op, labels
}

func matchPath(pattern, path []string) (map[string]string, bool) {
	labels := map[string]string{}
	for i, p := range pattern {
		name, isLabel := strings.CutPrefix(p, "{")
		if i >= len(path) || (!isLabel && p != path[i]) {
			return nil, false
		}
		if !isLabel {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		if greedy, ok := strings.CutSuffix(name, "+"); ok {
			labels[greedy] = unescape(strings.Join(path[i:], "/"))
			return labels, true
		}
		labels[name] = unescape(path[i])
	}
	return labels, len(pattern) == len(path)
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// restTree reads a REST JSON request into a tree.
func restTree(m *model.Model, shape string, labels map[string]string, r *http.Request, body []byte) (map[string]any, error) {
	s := m.Shapes[shape]
	tree := map[string]any{}
	if s.Payload == "" && len(body) > 0 {
		var err error
		if tree, err = jsonTree(body); err != nil {
			return nil, err
		}
	}
	query := r.URL.Query()
	for name, member := range s.Members {
		wireName := nameOf(&member, name)
		target := m.Shapes[member.Shape]
		switch {
		case member.Location == "uri":
			if v, ok := labels[wireName]; ok {
				tree[name] = v
			}
		case member.Location == "querystring" && target.Type == "list":
			if v, ok := query[wireName]; ok {
				items := make([]any, len(v))
				for i := range v {
					items[i] = v[i]
				}
				tree[name] = items
			}
		case member.Location == "querystring" && query.Has(wireName):
			tree[name] = scalar(target, query.Get(wireName))
		case member.Location == "header" && r.Header.Get(wireName) != "":
			tree[name] = scalar(target, r.Header.Get(wireName))
		case name == s.Payload && target.Type == "blob":
			tree[name] = body
		case member.Location == "" && wireName != name:
			if v, ok := tree[wireName]; ok {
				tree[name] = v
			}
		}
	}
	return tree, nil
}

// scalar reads the text of a header or a query parameter.
func scalar(s model.Shape, text string) any {
	switch s.Type {
	case "integer", "long", "float", "double":
		return json.Number(text)
	case "boolean":
		return text == "true"
	default:
		return text
	}
}
