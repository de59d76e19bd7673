package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The SDK's modules of IAM, STS, SNS and Step Functions know no schemas, so
// their outputs can't write themselves. They are read by reflection, which is
// enough because the names on the wire are those of the Go fields: as they are
// in XML, with a small first letter in JSON.

// fields calls f with what is set in the struct v, in its order: no nil
// pointers, lists or maps, and no empty enumerations.
func fields(v reflect.Value, f func(name string, v reflect.Value)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || field.Name == "ResultMetadata" {
			continue
		}
		value := v.Field(i)
		switch value.Kind() {
		case reflect.Pointer:
			if value.IsNil() {
				continue
			}
			value = value.Elem()
		case reflect.Slice, reflect.Map:
			if value.IsNil() {
				continue
			}
		case reflect.String:
			if value.Len() == 0 {
				continue
			}
		}
		f(field.Name, value)
	}
}

// plainXML writes an output that has no schema as encodeXML does.
func plainXML(x *xmlWriter, v reflect.Value) {
	fields(v, func(name string, v reflect.Value) { x.plain(name, v) })
}

func (x *xmlWriter) plain(name string, v reflect.Value) {
	if text, ok := plainText(v); ok {
		x.element(name, text)
		return
	}
	x.open(name)
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			x.plain("member", reflect.Indirect(v.Index(i)))
		}
	case reflect.Map:
		for _, k := range sortedKeys(v) {
			x.open("entry")
			x.element("key", k.String())
			x.plain("value", reflect.Indirect(v.MapIndex(k)))
			x.close("entry")
		}
	default:
		plainXML(x, v)
	}
	x.close(name)
}

// plainText is the text of a value that is no aggregate, as XML has it.
func plainText(v reflect.Value) (text string, ok bool) {
	switch t := v.Interface().(type) {
	case time.Time:
		return t.UTC().Format("2006-01-02T15:04:05.999Z"), true
	case []byte:
		return base64.StdEncoding.EncodeToString(t), true
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), true
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	case reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), true
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64), true
	}
	return "", false
}

// plainJSON is an output that has no schema as encoding/json takes it.
func plainJSON(v reflect.Value) any {
	switch t := v.Interface().(type) {
	case time.Time:
		return json.Number(strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64))
	case []byte:
		return t // which encoding/json writes in base64
	}
	switch v.Kind() {
	case reflect.Struct:
		tree := map[string]any{}
		fields(v, func(name string, v reflect.Value) {
			tree[strings.ToLower(name[:1])+name[1:]] = plainJSON(v)
		})
		return tree
	case reflect.Slice:
		items := make([]any, v.Len())
		for i := range items {
			items[i] = plainJSON(reflect.Indirect(v.Index(i)))
		}
		return items
	case reflect.Map:
		tree := map[string]any{}
		for _, k := range v.MapKeys() {
			tree[k.String()] = plainJSON(reflect.Indirect(v.MapIndex(k)))
		}
		return tree
	case reflect.Interface:
		panic(fmt.Sprintf("wire: a union in %s", v.Type())) // none of these services has one
	default:
		return v.Interface()
	}
}

func sortedKeys(v reflect.Value) []reflect.Value {
	return slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
}
