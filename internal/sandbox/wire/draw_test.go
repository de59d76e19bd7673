package wire

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire/model"
)

// deepest is how many structures may hold one another before only what is
// required is filled in.
const deepest = 3

// drawer fills structs of the SDK at random: the forms are the model's, the
// values are not held to its constraints.
type drawer struct {
	t     *rapid.T
	model *model.Model
}

func (d *drawer) structure(s model.Shape, dst reflect.Value, depth int) {
	for i, name := range slices.Sorted(maps.Keys(s.Members)) {
		member := s.Members[name]
		field := dst.FieldByName(strings.ToUpper(name[:1]) + name[1:])
		// Query can't tell an element with nothing in it from none: each has something.
		needed := slices.Contains(s.Required, name) || idempotency[name] || i == 0 && depth > 0
		if union(field.Type()) || !needed && (depth > deepest || !rapid.Bool().Draw(d.t, "with "+name)) {
			continue
		}
		d.value(member.Shape, member.Location, field, depth+1)
	}
}

// union reports whether a member takes one of several forms, or a list of such.
// None that the pipeline uses does.
func union(t reflect.Type) bool {
	return t.Kind() == reflect.Interface || t.Kind() == reflect.Slice && union(t.Elem())
}

// idempotency are the members that the SDK fills in when they are absent.
var idempotency = map[string]bool{"ClientRequestToken": true, "ClientToken": true, "Name": true}

func (d *drawer) value(shape, location string, dst reflect.Value, depth int) {
	if dst.Kind() == reflect.Pointer {
		dst.Set(reflect.New(dst.Type().Elem()))
		dst = dst.Elem()
	}
	s := d.model.Shapes[shape]
	switch s.Type {
	case "structure":
		d.structure(s, dst, depth)
	case "list":
		n := rapid.IntRange(1, 3).Draw(d.t, "items")
		if location != "" {
			n = 1 // signing sorts the parameters of a query
		}
		dst.Set(reflect.MakeSlice(dst.Type(), n, n))
		for i := range n {
			d.value(s.Item.Shape, location, dst.Index(i), depth)
		}
	case "map":
		dst.Set(reflect.MakeMap(dst.Type()))
		for range rapid.IntRange(1, 3).Draw(d.t, "entries") {
			k, v := reflect.New(dst.Type().Key()).Elem(), reflect.New(dst.Type().Elem()).Elem()
			d.value(s.Key.Shape, location, k, depth)
			d.value(s.Value.Shape, location, v, depth)
			dst.SetMapIndex(k, v)
		}
	case "string":
		text := rapid.StringN(1, 12, -1)
		if location != "" { // of a header, or a label that a proxy would clean
			text = rapid.StringMatching(`[a-zA-Z0-9:/ %+=?&_-]{0,10}[a-z]`)
		}
		dst.SetString(text.Draw(d.t, "text"))
	case "blob":
		dst.SetBytes(rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(d.t, "blob"))
	case "timestamp":
		dst.Set(reflect.ValueOf(time.Unix(rapid.Int64Range(0, 4e9).Draw(d.t, "time"), 0).UTC()))
	case "boolean":
		dst.SetBool(rapid.Bool().Draw(d.t, "bool"))
	default:
		number(d.t, dst)
	}
}

func number(t *rapid.T, dst reflect.Value) {
	switch dst.Kind() {
	case reflect.Int32:
		dst.SetInt(int64(rapid.Int32().Draw(t, "int")))
	case reflect.Int64:
		dst.SetInt(rapid.Int64().Draw(t, "long"))
	case reflect.Float32:
		dst.SetFloat(float64(rapid.Float32Range(-1e9, 1e9).Draw(t, "float")))
	default:
		dst.SetFloat(rapid.Float64Range(-1e15, 1e15).Draw(t, "double"))
	}
}

// draw fills a value of an output at random. Texts are what XML can carry.
func draw(t *rapid.T, dst reflect.Value, depth int) {
	if _, ok := dst.Interface().(time.Time); ok {
		dst.Set(reflect.ValueOf(time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "time"), 0).UTC()))
		return
	}
	switch dst.Kind() {
	case reflect.Pointer:
		dst.Set(reflect.New(dst.Type().Elem()))
		draw(t, dst.Elem(), depth)
	case reflect.Struct:
		for i := range dst.NumField() {
			f := dst.Type().Field(i)
			if f.IsExported() && f.Name != "ResultMetadata" && depth <= deepest && rapid.Bool().Draw(t, f.Name) {
				draw(t, dst.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		if dst.Type().Elem().Kind() == reflect.Uint8 {
			dst.SetBytes(rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "blob"))
			return
		}
		n := rapid.IntRange(1, 3).Draw(t, "items")
		dst.Set(reflect.MakeSlice(dst.Type(), n, n))
		for i := range n {
			draw(t, dst.Index(i), depth+1)
		}
	case reflect.Map:
		dst.Set(reflect.MakeMap(dst.Type()))
		for range rapid.IntRange(1, 3).Draw(t, "entries") {
			k, v := reflect.New(dst.Type().Key()).Elem(), reflect.New(dst.Type().Elem()).Elem()
			draw(t, k, depth+1)
			draw(t, v, depth+1)
			dst.SetMapIndex(k, v)
		}
	case reflect.String:
		dst.SetString(rapid.StringMatching(`[ -~é雪\n]{0,8}[!-~]`).Draw(t, "text"))
	case reflect.Bool:
		dst.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Interface: // a union: none that the pipeline reads
	default:
		number(t, dst)
	}
}
