package wire

import (
	"bytes"
	"context"
	"errors"
	"flag"
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
		if failure = err; err == nil && svc == nil {
			failure = errors.New("no service answers")
		}
		if failure != nil {
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
