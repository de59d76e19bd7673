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
	err := w.structure(f.model.Shapes[shape], tree, reflect.ValueOf(dst).Elem())
	slices.SortFunc(w.bad, func(a, b violation) int { return strings.Compare(a.text, b.text) })
	return w.bad, err
}

type walk struct {
	*filler
	path []step // to where it is
	bad  []violation
}

// step is one step of a path: to a member of a structure by its name, to an
// item of a list by its index, to the key or the value of a pair by its key. It
// is worded only for a refusal: most requests are right.
type step struct {
	kind  stepKind
	name  string
	index int
}

type stepKind int

const (
	toMember stepKind = iota
	toItem
	toKey
	toValue
)

// at words the path as AWS does: lower camel case, dots between.
func (w *walk) at() string {
	var b strings.Builder
	for i, s := range w.path {
		if i > 0 {
			b.WriteByte('.')
		}
		switch s.kind {
		case toMember:
			b.WriteString(strings.ToLower(s.name[:1]) + s.name[1:])
		case toItem:
			b.WriteString(strconv.Itoa(s.index+1) + ".member")
		case toKey:
			b.WriteString(s.name + ".key")
		case toValue:
			b.WriteString(s.name + ".member")
		}
	}
	return b.String()
}

// down reads v, one step further down, into dst.
func (w *walk) down(to step, shape string, v any, dst reflect.Value) error {
	w.path = append(w.path, to)
	err := w.value(shape, v, dst)
	w.path = w.path[:len(w.path)-1]
	return err
}

func (w *walk) refuse(value, rule string) {
	w.bad = append(w.bad, violation{text: fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: Member must %s", value, w.at(), rule)})
}

func (w *walk) structure(s model.Shape, tree map[string]any, dst reflect.Value) error {
	for _, name := range s.Required {
		if v, ok := tree[name]; !ok || v == nil {
			w.path = append(w.path, step{kind: toMember, name: name})
			w.bad = append(w.bad, violation{text: fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", w.at()), missing: name})
			w.path = w.path[:len(w.path)-1]
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
		if err := w.down(step{kind: toMember, name: name}, m.Shape, v, field); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) value(shape string, v any, dst reflect.Value) error {
	if dst.Kind() == reflect.Interface { // a union: none that the pipeline sends
		return &Error{Code: "NotImplemented", Status: http.StatusNotImplemented, Message: "the sandbox does not read the member " + w.at()}
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
		return w.structure(s, tree, dst)
	case "list":
		return w.list(s, v, dst)
	case "map":
		return w.mapping(s, v, dst)
	case "string":
		return w.text(s, v, dst)
	case "blob":
		return w.blob(s, v, dst)
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
		return w.number(s, v, dst)
	}
}

func (w *walk) list(s model.Shape, v any, dst reflect.Value) error {
	items, ok := v.([]any)
	if !ok {
		return mistyped(v, "list")
	}
	w.size(s, len(items), func() string { return fmt.Sprint(items) })
	out := reflect.MakeSlice(dst.Type(), len(items), len(items))
	for i, item := range items {
		if item == nil {
			continue
		}
		if err := w.down(step{kind: toItem, index: i}, s.Item.Shape, item, out.Index(i)); err != nil {
			return err
		}
	}
	dst.Set(out)
	return nil
}

func (w *walk) mapping(s model.Shape, v any, dst reflect.Value) error {
	tree, ok := v.(map[string]any)
	if !ok {
		return mistyped(v, "map")
	}
	w.size(s, len(tree), func() string { return fmt.Sprint(tree) })
	out := reflect.MakeMapWithSize(dst.Type(), len(tree))
	for k, item := range tree {
		key := reflect.New(dst.Type().Key()).Elem()
		if err := w.down(step{kind: toKey, name: k}, s.Key.Shape, k, key); err != nil {
			return err
		}
		val := reflect.New(dst.Type().Elem()).Elem()
		if item != nil {
			if err := w.down(step{kind: toValue, name: k}, s.Value.Shape, item, val); err != nil {
				return err
			}
		}
		out.SetMapIndex(key, val)
	}
	dst.Set(out)
	return nil
}

func (w *walk) text(s model.Shape, v any, dst reflect.Value) error {
	text, ok := v.(string)
	if !ok {
		return mistyped(v, "String")
	}
	dst.SetString(text)
	if s.Min != nil || s.Max != nil {
		w.size(s, utf8.RuneCountInString(text), func() string { return text })
	}
	if s.Pattern != "" && !w.pattern(s.Pattern).MatchString(text) {
		w.refuse(text, "satisfy regular expression pattern: "+s.Pattern)
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, text) {
		w.refuse(text, fmt.Sprintf("satisfy enum value set: [%s]", strings.Join(s.Enum, ", ")))
	}
	return nil
}

func (w *walk) blob(s model.Shape, v any, dst reflect.Value) error {
	var data []byte
	switch v := v.(type) {
	case []byte:
		data = v
	case string:
		var err error
		if data, err = base64.StdEncoding.DecodeString(v); err != nil {
			return malformed{fmt.Errorf("invalid base64 at %s", w.at())}
		}
	default:
		return mistyped(v, "Blob")
	}
	w.size(s, len(data), func() string { return "java.nio.HeapByteBuffer" })
	dst.SetBytes(data)
	return nil
}

// size bounds a length. The value is written out only when it is refused.
func (w *walk) size(s model.Shape, n int, value func() string) {
	if s.Min != nil && float64(n) < *s.Min {
		w.refuse(value(), fmt.Sprintf("have length greater than or equal to %.0f", *s.Min))
	}
	if s.Max != nil && float64(n) > *s.Max {
		w.refuse(value(), fmt.Sprintf("have length less than or equal to %.0f", *s.Max))
	}
}

func (w *walk) number(s model.Shape, v any, dst reflect.Value) error {
	n, err := toNumber(v)
	if err != nil {
		return err
	}
	if s.Min != nil && n < *s.Min {
		w.refuse(strconv.FormatFloat(n, 'f', -1, 64), fmt.Sprintf("have value greater than or equal to %.0f", *s.Min))
	}
	if s.Max != nil && n > *s.Max {
		w.refuse(strconv.FormatFloat(n, 'f', -1, 64), fmt.Sprintf("have value less than or equal to %.0f", *s.Max))
	}
	if dst.CanFloat() {
		dst.SetFloat(n)
		return nil
	}
	i, ok := toInteger(v, n)
	if !ok || dst.OverflowInt(i) {
		return malformed{fmt.Errorf("%v at %s is no %s", v, w.at(), s.Type)}
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
