package wire

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire/model"
)

// A request travels through a tree of plain values on its way from bytes to a
// struct: map[string]any, []any, string, bool, json.Number, int64, float64,
// []byte, time.Time. Every protocol makes one; here it is checked against the
// model and put into the SDK's struct, in one pass.

// filler decodes into the input structs of one service.
type filler struct {
	model *model.Model

	mu       sync.Mutex
	patterns map[string]*regexp.Regexp

	fields sync.Map // index of a field by member, for speed
}

// member is a member of a shape that goes into a struct.
type member struct {
	in   reflect.Type
	name string
}

// field is where a member goes: the field of its name, beginning in upper case.
// A service may embed the SDK's struct in one of its own, to tell what the
// SDK's can not, so the field may be an embedded one's.
func (f *filler) field(dst reflect.Value, name string) (reflect.Value, bool) {
	m := member{dst.Type(), name}
	if at, ok := f.fields.Load(m); ok {
		return dst.FieldByIndex(at.([]int)), true
	}
	found, ok := m.in.FieldByName(strings.ToUpper(name[:1]) + name[1:])
	if !ok {
		return reflect.Value{}, false
	}
	f.fields.Store(m, found.Index)
	return dst.FieldByIndex(found.Index), true
}

// malformed is a value of the wrong type, which AWS answers with
// SerializationException whatever the service.
type malformed struct{ error }

// violation is one broken constraint, worded as AWS words it.
type violation struct {
	text    string
	missing string // the member, when that is what is wrong
}

// fill puts tree into dst, a pointer to the struct for the named shape. It
// reports what breaks the model's constraints; a value of the wrong type is an
// error instead.
func (f *filler) fill(shape string, tree map[string]any, dst any) ([]violation, error) {
	w := &walk{filler: f}
	err := w.structure(f.model.Shapes[shape], "", tree, reflect.ValueOf(dst).Elem())
	slices.SortFunc(w.bad, func(a, b violation) int { return strings.Compare(a.text, b.text) })
	return w.bad, err
}

type walk struct {
	*filler
	bad []violation
}

func (w *walk) refuse(path, value, rule string) {
	w.bad = append(w.bad, violation{text: fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: Member must %s", value, path, rule)})
}

func (w *walk) structure(s model.Shape, path string, tree map[string]any, dst reflect.Value) error {
	for _, name := range s.Required {
		if v, ok := tree[name]; !ok || v == nil {
			w.bad = append(w.bad, violation{text: fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", join(path, name)), missing: name})
		}
	}
	for name, v := range tree {
		m, ok := s.Members[name]
		if !ok || v == nil {
			continue // AWS ignores members that it does not know
		}
		field, ok := w.field(dst, name)
		if !ok {
			return fmt.Errorf("%s has no field for %s", dst.Type(), name)
		}
		if err := w.value(m.Shape, join(path, name), v, field); err != nil {
			return err
		}
	}
	return nil
}

// join writes paths as AWS does: lower camel case, dots between.
func join(path, name string) string {
	name = strings.ToLower(name[:1]) + name[1:]
	if path == "" {
		return name
	}
	return path + "." + name
}

func (w *walk) value(shape, path string, v any, dst reflect.Value) error {
	if dst.Kind() == reflect.Interface { // a union: none that the pipeline sends
		return &Error{Code: "NotImplemented", Status: http.StatusNotImplemented, Message: "the sandbox does not read the member " + path}
	}
	if dst.Kind() == reflect.Pointer {
		dst.Set(reflect.New(dst.Type().Elem()))
		dst = dst.Elem()
	}
	s := w.model.Shapes[shape]
	switch s.Type {
	case "structure":
		tree, ok := v.(map[string]any)
		if !ok {
			return mistyped(v, "structure")
		}
		return w.structure(s, path, tree, dst)
	case "list":
		return w.list(s, path, v, dst)
	case "map":
		return w.mapping(s, path, v, dst)
	case "string":
		return w.text(s, path, v, dst)
	case "blob":
		return w.blob(s, path, v, dst)
	case "timestamp":
		t, err := toTime(v)
		if err != nil {
			return err
		}
		dst.Set(reflect.ValueOf(t))
		return nil
	case "boolean":
		b, err := toBool(v)
		dst.SetBool(b)
		return err
	default: // integer, long, float, double
		return w.number(s, path, v, dst)
	}
}

func (w *walk) list(s model.Shape, path string, v any, dst reflect.Value) error {
	items, ok := v.([]any)
	if !ok {
		return mistyped(v, "list")
	}
	w.size(s, path, items, len(items))
	out := reflect.MakeSlice(dst.Type(), len(items), len(items))
	for i, item := range items {
		if item == nil {
			continue
		}
		if err := w.value(s.Item.Shape, path+"."+strconv.Itoa(i+1)+".member", item, out.Index(i)); err != nil {
			return err
		}
	}
	dst.Set(out)
	return nil
}

func (w *walk) mapping(s model.Shape, path string, v any, dst reflect.Value) error {
	tree, ok := v.(map[string]any)
	if !ok {
		return mistyped(v, "map")
	}
	w.size(s, path, tree, len(tree))
	out := reflect.MakeMapWithSize(dst.Type(), len(tree))
	for k, item := range tree {
		key := reflect.New(dst.Type().Key()).Elem()
		if err := w.value(s.Key.Shape, path+"."+k+".key", k, key); err != nil {
			return err
		}
		val := reflect.New(dst.Type().Elem()).Elem()
		if item != nil {
			if err := w.value(s.Value.Shape, path+"."+k+".member", item, val); err != nil {
				return err
			}
		}
		out.SetMapIndex(key, val)
	}
	dst.Set(out)
	return nil
}

func (w *walk) text(s model.Shape, path string, v any, dst reflect.Value) error {
	text, ok := v.(string)
	if !ok {
		return mistyped(v, "String")
	}
	dst.SetString(text)
	if s.Min != nil || s.Max != nil {
		w.size(s, path, text, utf8.RuneCountInString(text))
	}
	if s.Pattern != "" && !w.pattern(s.Pattern).MatchString(text) {
		w.refuse(path, text, "satisfy regular expression pattern: "+s.Pattern)
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, text) {
		w.refuse(path, text, fmt.Sprintf("satisfy enum value set: [%s]", strings.Join(s.Enum, ", ")))
	}
	return nil
}

func (w *walk) blob(s model.Shape, path string, v any, dst reflect.Value) error {
	var data []byte
	switch v := v.(type) {
	case []byte:
		data = v
	case string:
		var err error
		if data, err = base64.StdEncoding.DecodeString(v); err != nil {
			return malformed{fmt.Errorf("invalid base64 at %s", path)}
		}
	default:
		return mistyped(v, "Blob")
	}
	w.size(s, path, "java.nio.HeapByteBuffer", len(data))
	dst.SetBytes(data)
	return nil
}

// size bounds a length. The value is written out only when it is refused.
func (w *walk) size(s model.Shape, path string, value any, n int) {
	if s.Min != nil && float64(n) < *s.Min {
		w.refuse(path, fmt.Sprint(value), fmt.Sprintf("have length greater than or equal to %.0f", *s.Min))
	}
	if s.Max != nil && float64(n) > *s.Max {
		w.refuse(path, fmt.Sprint(value), fmt.Sprintf("have length less than or equal to %.0f", *s.Max))
	}
}

func (w *walk) number(s model.Shape, path string, v any, dst reflect.Value) error {
	n, err := toNumber(v)
	if err != nil {
		return err
	}
	if s.Min != nil && n < *s.Min {
		w.refuse(path, strconv.FormatFloat(n, 'f', -1, 64), fmt.Sprintf("have value greater than or equal to %.0f", *s.Min))
	}
	if s.Max != nil && n > *s.Max {
		w.refuse(path, strconv.FormatFloat(n, 'f', -1, 64), fmt.Sprintf("have value less than or equal to %.0f", *s.Max))
	}
	if dst.CanFloat() {
		dst.SetFloat(n)
		return nil
	}
	i, ok := toInteger(v, n)
	if !ok || dst.OverflowInt(i) {
		return malformed{fmt.Errorf("%v at %s is no %s", v, path, s.Type)}
	}
	dst.SetInt(i)
	return nil
}

func (f *filler) pattern(p string) *regexp.Regexp {
	f.mu.Lock()
	defer f.mu.Unlock()
	re := f.patterns[p]
	if re == nil {
		if f.patterns == nil {
			f.patterns = map[string]*regexp.Regexp{}
		}
		re = regexp.MustCompile(`^(?s:` + p + `)$`)
		f.patterns[p] = re
	}
	return re
}
