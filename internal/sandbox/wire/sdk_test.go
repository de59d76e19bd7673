package wire

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire/model"
)

// TestMain lowers rapid's hundred runs unless a number is asked for: the two
// properties below are checked for each of some 170 operations.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", "25"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// clients are the SDK's clients by the name of the service's model.
func clients(h http.Handler) map[string]any {
	cfg := aws.Config{
		Region:       "eu-west-1",
		Credentials:  credentials.NewStaticCredentialsProvider("k", "s", ""),
		BaseEndpoint: aws.String("http://sandbox.invalid"),
		HTTPClient:   &http.Client{Transport: inProcess{h}},
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
	return map[string]any{
		"cloudwatch": cloudwatch.NewFromConfig(cfg), "firehose": firehose.NewFromConfig(cfg), "glue": glue.NewFromConfig(cfg),
		"iam": iam.NewFromConfig(cfg), "kinesis": kinesis.NewFromConfig(cfg), "kms": kms.NewFromConfig(cfg), "lambda": lambda.NewFromConfig(cfg),
		"logs": cloudwatchlogs.NewFromConfig(cfg), "resourcegroupstaggingapi": resourcegroupstaggingapi.NewFromConfig(cfg),
		"sns": sns.NewFromConfig(cfg), "sqs": sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.DisableMessageChecksumValidation = true }),
		"stepfunctions": sfn.NewFromConfig(cfg), "sts": sts.NewFromConfig(cfg),
	}
}

type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte{}
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	in := r.Clone(r.Context())
	in.Body = io.NopCloser(bytes.NewReader(body))
	out := httptest.NewRecorder()
	p.ServeHTTP(out, in)
	return out.Result(), nil
}

// operation is one operation of one service, by reflection.
type operation struct {
	service, name string
	method        reflect.Value // of the client
}

func (o operation) input() reflect.Type  { return o.method.Type().In(1).Elem() }
func (o operation) output() reflect.Type { return o.method.Type().Out(0).Elem() }

// operations are all that have a model.
func operations(t *testing.T, h http.Handler) []operation {
	t.Helper()
	var all []operation
	byName := clients(h)
	for _, service := range slices.Sorted(maps.Keys(byName)) {
		for _, name := range slices.Sorted(maps.Keys(load(t, service).Operations)) {
			method := reflect.ValueOf(byName[service]).MethodByName(name)
			if !method.IsValid() {
				t.Errorf("the SDK has no %s:%s", service, name)
				continue
			}
			all = append(all, operation{service, name, method})
		}
	}
	return all
}

func load(t *testing.T, service string) *model.Model {
	t.Helper()
	m, err := model.Load(service)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestModelsFitTheSDK: each member of each input has its field, of the right
// kind, and each pattern can be compiled.
func TestModelsFitTheSDK(t *testing.T) {
	for _, o := range operations(t, http.NotFoundHandler()) {
		m := load(t, o.service)
		if in := m.Operations[o.name].Input; in != "" {
			fits(t, m, in, o.service+":"+o.name, o.input(), map[string]bool{})
		}
	}
	for service := range clients(nil) {
		f := &filler{model: load(t, service)}
		for name, s := range f.model.Shapes {
			if s.Pattern == "" {
				continue
			}
			func() {
				defer func() {
					if p := recover(); p != nil {
						t.Errorf("%s: pattern of %s: %v", service, name, p)
					}
				}()
				f.pattern(s.Pattern)
			}()
		}
	}
}

func fits(t *testing.T, m *model.Model, shape, path string, goes reflect.Type, seen map[string]bool) {
	if goes.Kind() == reflect.Pointer {
		goes = goes.Elem()
	}
	if goes.Kind() == reflect.Interface || seen[shape] {
		return // a union, which is refused when it is sent
	}
	seen[shape] = true
	defer delete(seen, shape)
	s, ok := m.Shapes[shape]
	if !ok {
		t.Errorf("%s: no shape %s", path, shape)
		return
	}
	kinds := map[string][]reflect.Kind{
		"structure": {reflect.Struct}, "list": {reflect.Slice}, "map": {reflect.Map}, "string": {reflect.String}, "blob": {reflect.Slice},
		"timestamp": {reflect.Struct}, "boolean": {reflect.Bool}, "integer": {reflect.Int32}, "long": {reflect.Int64},
		"float": {reflect.Float32}, "double": {reflect.Float64},
	}
	if !slices.Contains(kinds[s.Type], goes.Kind()) {
		t.Errorf("%s: a %s goes into a %s", path, s.Type, goes)
		return
	}
	switch s.Type {
	case "structure":
		for name, member := range s.Members {
			field, ok := goes.FieldByName(strings.ToUpper(name[:1]) + name[1:])
			if !ok {
				t.Errorf("%s.%s: %s has no such field", path, name, goes)
				continue
			}
			fits(t, m, member.Shape, path+"."+name, field.Type, seen)
		}
	case "list":
		fits(t, m, s.Item.Shape, path+"[]", goes.Elem(), seen)
	case "map":
		fits(t, m, s.Key.Shape, path+"{key}", goes.Key(), seen)
		fits(t, m, s.Value.Shape, path+"{value}", goes.Elem(), seen)
	}
}

// same compares structs of the SDK by what they hold. An absent list and an
// empty one are the same: not every protocol can tell them apart.
var same = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.Exporter(func(reflect.Type) bool { return true }),
	cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".ResultMetadata" || p.Last().String() == ".StatusCode"
	}, cmp.Ignore()),
	cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
}

// bare is a server of every service, without any operation.
func bare() *Server {
	var services []Service
	for name := range clients(nil) {
		services = append(services, Service{Name: name, Invalid: "ValidationException"})
	}
	return NewServer(services, nil, http.NotFoundHandler())
}

// TestInputsArriveAsSent sends random inputs of every operation through the
// SDK's own client, and wants them back from the bytes.
func TestInputsArriveAsSent(t *testing.T) {
	var got any
	var failure error
	byName := map[string]operation{}
	server := bare()
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		req := &request{http: r}
		svc, err := server.route(req)
		if err != nil || svc == nil {
			failure = fmt.Errorf("route: %v, %v", svc, err)
			return
		}
		if failure = req.read(); failure != nil {
			return
		}
		in := reflect.New(byName[svc.Name+":"+req.op].input()).Interface()
		// What breaks the model's constraints is put into the struct too.
		tree, err := req.codec.tree(req, req.codec.model.Operations[req.op].Input)
		if err == nil {
			_, err = req.codec.fill.fill(req.codec.model.Operations[req.op].Input, tree, in)
		}
		got, failure = in, err
	})
	for _, o := range operations(t, h) {
		byName[o.service+":"+o.name] = o
		m := load(t, o.service)
		if m.Operations[o.name].Input == "" {
			continue
		}
		t.Run(o.service+"/"+o.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				want := reflect.New(o.input())
				(&drawer{t: rt, model: m}).structure(m.Shapes[m.Operations[o.name].Input], want.Elem(), 0)
				got, failure = nil, nil
				answer := o.method.Call([]reflect.Value{reflect.ValueOf(context.Background()), want})
				if err, _ := answer[1].Interface().(error); got == nil && err != nil && strings.Contains(err.Error(), "validation error(s) found") {
					return // it holds a document or union that is required: not sent
				}
				if failure != nil || got == nil {
					rt.Fatalf("%+v: %v (the client says %v)", want.Elem(), failure, answer[1])
				}
				if d := cmp.Diff(want.Interface(), got, same); d != "" {
					rt.Fatal(d)
				}
			})
		})
	}
}

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

// TestOutputsArriveAsAnswered answers every operation with random outputs, and
// wants the SDK's own client to return them.
func TestOutputsArriveAsAnswered(t *testing.T) {
	var answer any
	server := bare()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &request{http: r, id: requestID()}
		if svc, err := server.route(req); err != nil || svc == nil {
			t.Errorf("route: %v, %v", svc, err)
			return
		}
		req.codec.succeed(w, req, answer)
	})
	for _, o := range operations(t, h) {
		if o.service == "lambda" && o.name == "Invoke" {
			continue // its answer is no structure
		}
		m := load(t, o.service)
		in := reflect.New(o.input())
		t.Run(o.service+"/"+o.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				(&drawer{t: rt, model: m}).structure(m.Shapes[m.Operations[o.name].Input], in.Elem(), deepest+1)
				want := reflect.New(o.output())
				draw(rt, want.Elem(), 0)
				answer = want.Interface()
				out := o.method.Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
				if err, _ := out[1].Interface().(error); err != nil {
					rt.Fatalf("%+v: %v", want.Elem(), err)
				}
				if d := cmp.Diff(answer, out[0].Interface(), same); d != "" {
					rt.Fatal(d)
				}
			})
		})
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
