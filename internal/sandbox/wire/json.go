package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// jsonTree reads one JSON object: the values that encoding/json makes, numbers
// as json.Number. Requests are mostly short plain strings, many of them, and
// most of a sandbox's work is to read them; what is not so plain, and what is
// wrong, is left to encoding/json.
func jsonTree(body []byte) (map[string]any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return map[string]any{}, nil
	}
	r := jsonReader{data: body}
	v, ok := r.value(0)
	if tree, isObject := v.(map[string]any); ok && isObject && r.ended() {
		return tree, nil
	}
	return slowTree(body)
}

func slowTree(body []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var tree map[string]any
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one value in the request")
	}
	if tree == nil { // the text "null"
		tree = map[string]any{}
	}
	return tree, nil
}

// maxDepth is how deep values may lie in one another to be read quickly.
const maxDepth = 100

// jsonReader reads JSON quickly. What it says ok to it reads as encoding/json
// does; it may decline what that would take.
type jsonReader struct {
	data []byte
	at   int
}

// next skips white space and is the byte behind it, 0 at the end.
func (r *jsonReader) next() byte {
	for ; r.at < len(r.data); r.at++ {
		switch c := r.data[r.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (r *jsonReader) ended() bool {
	r.next()
	return r.at == len(r.data)
}

// take reads over c if it is next.
func (r *jsonReader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.at++
	return true
}

func (r *jsonReader) value(depth int) (v any, ok bool) {
	if depth > maxDepth {
		return nil, false
	}
	switch r.next() {
	case '{':
		return r.object(depth)
	case '[':
		return r.array(depth)
	case '"':
		return r.text()
	case 't':
		return true, r.word("true")
	case 'f':
		return false, r.word("false")
	case 'n':
		return nil, r.word("null")
	default:
		return r.number()
	}
}

func (r *jsonReader) object(depth int) (any, bool) {
	r.at++
	tree := map[string]any{}
	if r.take('}') {
		return tree, true
	}
	for {
		if r.next() != '"' {
			return nil, false
		}
		key, ok := r.text()
		if !ok || !r.take(':') {
			return nil, false
		}
		if tree[key], ok = r.value(depth + 1); !ok {
			return nil, false
		}
		if !r.take(',') {
			return tree, r.take('}')
		}
	}
}

func (r *jsonReader) array(depth int) (any, bool) {
	r.at++
	items := []any{}
	if r.take(']') {
		return items, true
	}
	for {
		v, ok := r.value(depth + 1)
		if !ok {
			return nil, false
		}
		items = append(items, v)
		if !r.take(',') {
			return items, r.take(']')
		}
	}
}

func (r *jsonReader) word(w string) bool {
	if !bytes.HasPrefix(r.data[r.at:], []byte(w)) {
		return false
	}
	r.at += len(w)
	return true
}

func (r *jsonReader) number() (any, bool) {
	end := r.at
	for end < len(r.data) && bytes.IndexByte([]byte("+-.0123456789Ee"), r.data[end]) >= 0 {
		end++
	}
	text := r.data[r.at:end]
	r.at = end
	return json.Number(text), json.Valid(text)
}

// text reads a string. Most have nothing in them but ASCII.
func (r *jsonReader) text() (string, bool) {
	start := r.at + 1
	for i := start; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			r.at = i + 1
			return string(r.data[start:i]), true
		case c < ' ', c >= 0x80:
			return r.rich()
		case c == '\\':
			return r.escaped(i)
		}
	}
	return "", false
}

// plainEscape is what a backslash and c stand for. A code point's is not plain.
func plainEscape(c byte) (byte, bool) {
	switch c {
	case '"', '\\', '/':
		return c, true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	}
	return 0, false
}

// escaped reads a string whose first backslash is at i, such as JSON in JSON.
func (r *jsonReader) escaped(i int) (string, bool) {
	out := append(make([]byte, 0, 2*(i-r.at)+64), r.data[r.at+1:i]...)
	for ; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			r.at = i + 1
			return string(out), true
		case c < ' ', c >= 0x80:
			return r.rich()
		case c == '\\':
			if i++; i == len(r.data) {
				return "", false
			}
			c, ok := plainEscape(r.data[i])
			if !ok {
				return r.rich()
			}
			out = append(out, c)
		default:
			out = append(out, c)
		}
	}
	return "", false
}

// rich reads a string with anything in it.
func (r *jsonReader) rich() (s string, ok bool) {
	for i := r.at + 1; i < len(r.data); i++ {
		switch r.data[i] {
		case '\\':
			i++
		case '"':
			err := json.Unmarshal(r.data[r.at:i+1], &s)
			r.at = i + 1
			return s, err == nil
		}
	}
	return "", false
}
