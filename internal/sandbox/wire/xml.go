package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"math/big"
	"reflect"
	"strconv"
	"time"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/document"
	"github.com/aws/smithy-go/traits"
)

// encodeXML writes an output as the Query protocol does.
func encodeXML(req *request, namespace, wrapper string, out any) []byte {
	x := new(xmlWriter)
	x.buf.WriteString(`<` + req.op + `Response xmlns="` + namespace + `">`)
	if wrapper != "" {
		x.open(wrapper)
	}
	if s, ok := out.(serializable); ok {
		s.Serialize(x)
	} else {
		plainXML(x, reflect.ValueOf(out).Elem())
	}
	if wrapper != "" {
		x.close(wrapper)
	}
	x.buf.WriteString(`<ResponseMetadata><RequestId>` + req.id + `</RequestId></ResponseMetadata>`)
	x.close(req.op + "Response")
	return x.buf.Bytes()
}

func errorXML(req *request, namespace, code, message, side string) []byte {
	x := new(xmlWriter)
	x.buf.WriteString(`<ErrorResponse xmlns="` + namespace + `"><Error>`)
	for _, e := range [][2]string{{"Type", side}, {"Code", code}, {"Message", message}} {
		x.element(e[0], e[1])
	}
	x.buf.WriteString(`</Error><RequestId>` + req.id + `</RequestId></ErrorResponse>`)
	return x.buf.Bytes()
}

// xmlWriter writes a structure the way Query responses do: lists in <member>
// elements, maps in <entry> elements, unless the schema says otherwise.
type xmlWriter struct {
	buf   bytes.Buffer
	stack []frame
}

// frame is an aggregate being written.
type frame struct {
	kind   smithy.ShapeType
	schema *smithy.Schema
	tag    string // the element to close it with, "" for none
	key    string // of a map, the key whose value comes next
	named  bool
}

var _ smithy.ShapeSerializer = (*xmlWriter)(nil)

func (x *xmlWriter) open(name string)  { x.buf.WriteString("<" + name + ">") }
func (x *xmlWriter) close(name string) { x.buf.WriteString("</" + name + ">") }

func (x *xmlWriter) element(name, text string) {
	x.open(name)
	_ = xml.EscapeText(&x.buf, []byte(text)) // a buffer does not fail
	x.close(name)
}

func (x *xmlWriter) top() *frame {
	if len(x.stack) == 0 {
		return &frame{}
	}
	return &x.stack[len(x.stack)-1]
}

func xmlName(s *smithy.Schema, otherwise string) string {
	if n, ok := smithy.SchemaDirectTrait[*traits.XMLName](s); ok {
		return n.Name
	}
	return otherwise
}

func flattened(s *smithy.Schema) bool {
	_, ok := smithy.SchemaTrait[*traits.XMLFlattened](s)
	return ok
}

// name is the element for a value of the given schema where the writer stands.
func (x *xmlWriter) name(s *smithy.Schema) string {
	switch f := x.top(); f.kind {
	case smithy.ShapeTypeList:
		if flattened(f.schema) {
			return xmlName(f.schema, f.schema.MemberName())
		}
		return xmlName(f.schema.ListMember(), "member")
	case smithy.ShapeTypeMap:
		return xmlName(f.schema.MapValue(), "value")
	default:
		return xmlName(s, s.MemberName())
	}
}

// enter opens the element of an aggregate. In a map it opens the entry and
// writes its key first.
func (x *xmlWriter) enter(kind smithy.ShapeType, s *smithy.Schema) {
	f := frame{kind: kind, schema: s}
	if len(x.stack) > 0 && (kind == smithy.ShapeTypeStructure || !flattened(s)) {
		f.tag = x.name(s)
		x.open(f.tag)
	}
	x.stack = append(x.stack, f)
}

func (x *xmlWriter) leave() {
	f := x.stack[len(x.stack)-1]
	x.stack = x.stack[:len(x.stack)-1]
	if f.tag != "" {
		x.close(f.tag)
	}
	x.endEntry()
}

func (x *xmlWriter) leaf(s *smithy.Schema, text string) {
	x.element(x.name(s), text)
	x.endEntry()
}

// endEntry closes a map's entry once its value is written.
func (x *xmlWriter) endEntry() {
	if f := x.top(); f.kind == smithy.ShapeTypeMap && f.named {
		f.named = false
		x.close(f.key)
	}
}

// Bytes is what was written so far.
func (x *xmlWriter) Bytes() []byte { return x.buf.Bytes() }

// The methods of smithy.ShapeSerializer.

func (x *xmlWriter) WriteStruct(s *smithy.Schema) { x.enter(smithy.ShapeTypeStructure, s) }
func (x *xmlWriter) CloseStruct()                 { x.leave() }
func (x *xmlWriter) WriteList(s *smithy.Schema)   { x.enter(smithy.ShapeTypeList, s) }
func (x *xmlWriter) CloseList()                   { x.leave() }
func (x *xmlWriter) WriteMap(s *smithy.Schema)    { x.enter(smithy.ShapeTypeMap, s) }
func (x *xmlWriter) CloseMap()                    { x.leave() }

func (x *xmlWriter) WriteKey(_ *smithy.Schema, key string) {
	f := x.top()
	f.key, f.named = "entry", true
	if flattened(f.schema) {
		f.key = xmlName(f.schema, f.schema.MemberName())
	}
	x.open(f.key)
	x.element(xmlName(f.schema.MapKey(), "key"), key)
}

func (x *xmlWriter) WriteString(s *smithy.Schema, v string) { x.leaf(s, v) }
func (x *xmlWriter) WriteBool(s *smithy.Schema, v bool)     { x.leaf(s, strconv.FormatBool(v)) }
func (x *xmlWriter) WriteInt8(s *smithy.Schema, v int8)     { x.WriteInt64(s, int64(v)) }
func (x *xmlWriter) WriteInt16(s *smithy.Schema, v int16)   { x.WriteInt64(s, int64(v)) }
func (x *xmlWriter) WriteInt32(s *smithy.Schema, v int32)   { x.WriteInt64(s, int64(v)) }
func (x *xmlWriter) WriteInt64(s *smithy.Schema, v int64)   { x.leaf(s, strconv.FormatInt(v, 10)) }
func (x *xmlWriter) WriteFloat32(s *smithy.Schema, v float32) {
	x.leaf(s, strconv.FormatFloat(float64(v), 'g', -1, 32))
}
func (x *xmlWriter) WriteFloat64(s *smithy.Schema, v float64) {
	x.leaf(s, strconv.FormatFloat(v, 'g', -1, 64))
}
func (x *xmlWriter) WriteBigInt(s *smithy.Schema, v *big.Int)     { x.leaf(s, v.String()) }
func (x *xmlWriter) WriteBigFloat(s *smithy.Schema, v *big.Float) { x.leaf(s, v.String()) }
func (x *xmlWriter) WriteBlob(s *smithy.Schema, v []byte) {
	x.leaf(s, base64.StdEncoding.EncodeToString(v))
}
func (x *xmlWriter) WriteTime(s *smithy.Schema, v time.Time) {
	x.leaf(s, v.UTC().Format("2006-01-02T15:04:05.999Z"))
}
func (x *xmlWriter) WriteNil(*smithy.Schema) {}

// No operation of a Query service that the sandbox serves has a union or a
// document.

func (x *xmlWriter) WriteUnion(_, _ *smithy.Schema)               { panic("wire: a union in XML") }
func (x *xmlWriter) CloseUnion()                                  { panic("wire: a union in XML") }
func (x *xmlWriter) WriteDocument(*smithy.Schema, document.Value) { panic("wire: a document in XML") }
