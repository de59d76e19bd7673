package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/aws/smithy-go/transport/http/protocol/rpcv2"
	"github.com/fxamacker/cbor/v2"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire/model"
)

type protocol int

const (
	jsonRPC protocol = iota
	restJSON
	query
	rpcCBOR
)

// codec turns one service's requests into inputs, and outputs into responses.
// Outputs are written by the SDK's own codecs where the form of a response is
// that of a request; XML has a writer of its own.
type codec struct {
	service Service
	model   *model.Model
	fill    filler
	json    *awsjson.Protocol
	cbor    *rpcv2.Protocol
}

func newCodec(s Service) *codec {
	m, err := model.Load(s.Name)
	if err != nil {
		panic(err)
	}
	for name := range s.Ops {
		if _, ok := m.Operations[name]; !ok {
			panic(fmt.Sprintf("%s: operation %s has no model", s.Name, name))
		}
	}
	schema := smithy.NewServiceSchema(smithy.NewSchema(smithy.ShapeID{Name: s.Name}, smithy.ShapeTypeService, 0), "")
	return &codec{service: s, model: m, fill: filler{model: m}, json: awsjson.New11(schema), cbor: rpcv2.NewCBOR(schema)}
}

func (c *codec) decode(req *request, in any) error {
	o := c.model.Operations[req.op]
	if o.Input == "" {
		return nil
	}
	tree, err := c.tree(req, o.Input)
	if err != nil {
		return Errorf("SerializationException", "%v", err)
	}
	bad, err := c.fill.fill(o.Input, tree, in)
	if bad, ok := errors.AsType[malformed](err); ok {
		return Errorf("SerializationException", "%v", bad)
	}
	if err != nil || len(bad) == 0 {
		return err
	}
	return c.refusal(bad)
}

func (c *codec) tree(req *request, shape string) (map[string]any, error) {
	switch req.speak {
	case query:
		return queryTree(c.model, shape, req.form), nil
	case restJSON:
		return restTree(c.model, shape, req.labels, req.http, req.body)
	case rpcCBOR:
		return cborTree(req.body)
	default:
		return jsonTree(req.body)
	}
}

func (c *codec) refusal(bad []violation) error {
	if c.service.Missing != "" {
		for _, v := range bad {
			if v.missing != "" {
				return Errorf(c.service.Missing, "The request must contain the parameter %s.", v.missing)
			}
		}
	}
	texts := make([]string, len(bad))
	for i, v := range bad {
		texts[i] = v.text
	}
	noun := "errors"
	if len(bad) == 1 {
		noun = "error"
	}
	return Errorf(c.service.Invalid, "%d validation %s detected: %s", len(bad), noun, strings.Join(texts, "; "))
}

var cborMode = func() cbor.DecMode {
	m, err := cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any](), IntDec: cbor.IntDecConvertSignedOrFail}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// cborErrors writes the members of errors in one order.
var cborErrors = func() cbor.EncMode {
	m, err := cbor.CanonicalEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return m
}()

func cborTree(body []byte) (map[string]any, error) {
	tree := map[string]any{}
	if len(body) == 0 {
		return tree, nil
	}
	if err := cborMode.Unmarshal(body, &tree); err != nil {
		return nil, err
	}
	return tree, nil
}

func (c *codec) succeed(w http.ResponseWriter, req *request, out any) {
	if raw, ok := out.(*Raw); ok {
		maps.Copy(w.Header(), raw.Header)
		w.WriteHeader(raw.Status)
		_, _ = w.Write(raw.Body) // the client is gone when it fails
		return
	}
	o := c.model.Operations[req.op]
	status := o.Status
	if status == 0 {
		status = http.StatusOK
	}
	body, err := c.encode(req, o, out)
	if err != nil {
		c.fail(w, req, err)
		return
	}
	c.write(w, req, status, body)
}

// anyInput makes the SDK's codecs write a body at all; which shape it is comes
// from the value.
var anyInput = smithy.NewSchema(smithy.ShapeID{Name: "Output"}, smithy.ShapeTypeStructure, 0)

func (c *codec) encode(req *request, o model.Operation, answer any) ([]byte, error) {
	if req.speak == query {
		return encodeXML(req, c.model.XMLNamespace, o.Wrapper, answer), nil
	}
	out, ok := answer.(serializable)
	if !ok {
		return json.Marshal(plainJSON(reflect.ValueOf(answer).Elem()))
	}
	op := smithy.NewOperationSchema(smithy.NewSchema(smithy.ShapeID{Name: req.op}, smithy.ShapeTypeOperation, 0), anyInput, nil)
	var speak smithyhttp.ClientProtocol = c.json
	if req.speak == rpcCBOR {
		speak = c.cbor
	}
	r, ok := smithyhttp.NewStackRequest().(*smithyhttp.Request)
	if !ok {
		return nil, errors.New("the SDK makes requests of another type")
	}
	if err := speak.SerializeRequest(context.Background(), op, out, r); err != nil {
		return nil, err
	}
	body, err := whole(r.GetStream())
	if len(body) == 0 && req.speak == rpcCBOR {
		body = []byte{0xa0} // an empty map: a response has a body even when it says nothing
	}
	return body, err
}

// whole reads a stream to its end, into as many bytes as it says that it has.
func whole(r io.Reader) ([]byte, error) {
	sized, ok := r.(interface{ Len() int })
	if !ok {
		return io.ReadAll(r)
	}
	b := make([]byte, sized.Len())
	_, err := io.ReadFull(r, b)
	return b, err
}

func (c *codec) write(w http.ResponseWriter, req *request, status int, body []byte) {
	switch req.speak {
	case query:
		w.Header().Set("Content-Type", "text/xml")
	case rpcCBOR:
		w.Header().Set("Content-Type", "application/cbor")
		w.Header().Set("smithy-protocol", "rpc-v2-cbor")
	case restJSON:
		w.Header().Set("Content-Type", "application/json")
	default:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if c.model != nil && c.model.JSONVersion != "" {
			w.Header().Set("Content-Type", "application/x-amz-json-"+c.model.JSONVersion)
		}
	}
	if status == http.StatusNoContent {
		body = nil
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone when it fails
}

// fail answers with an error. What is not a refusal is our own mistake, which
// is logged and answered as AWS answers its own.
func (c *codec) fail(w http.ResponseWriter, req *request, err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		if req.http.Context().Err() == nil { // else nobody waits for the answer
			slog.Error("sandbox", "operation", req.op, "err", err)
		}
		e = &Error{Code: "InternalFailure", Message: err.Error(), Status: http.StatusInternalServerError}
	}
	code, status := e.Code, http.StatusBadRequest
	if c.model != nil {
		if m, ok := c.model.Errors[e.Code]; ok {
			status = m.Status
			if m.Code != "" {
				code = m.Code
			}
		}
	}
	if e.Status != 0 {
		status = e.Status
	}
	if c.model != nil && c.model.QueryCompatible {
		w.Header().Set("x-amzn-query-error", code+";"+side(status))
	}
	switch req.speak {
	case query:
		c.write(w, req, status, errorXML(req, c.namespace(), code, e.Message, side(status)))
	case rpcCBOR:
		body, err := cborErrors.Marshal(e.members("com.amazonaws."+c.service.Name+"#"+e.Code, "message"))
		if err != nil {
			slog.Error("sandbox", "operation", req.op, "err", err)
		}
		c.write(w, req, status, body)
	default:
		if req.speak == restJSON {
			w.Header().Set("X-Amzn-ErrorType", e.Code)
		}
		body, err := json.Marshal(e.members(e.Code, "message"))
		if err != nil {
			slog.Error("sandbox", "operation", req.op, "err", err)
		}
		c.write(w, req, status, body)
	}
}

func (c *codec) namespace() string {
	if c.model == nil {
		return ""
	}
	return c.model.XMLNamespace
}

func (e *Error) members(typ, message string) map[string]any {
	m := map[string]any{"__type": typ, message: e.Message}
	for _, k := range slices.Sorted(maps.Keys(e.Fields)) {
		m[k] = e.Fields[k]
	}
	return m
}

func side(status int) string {
	if status >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}
