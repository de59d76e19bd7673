package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// MaxRequest bounds a request's body. The largest that AWS takes here is a
// function's code, 70,167,211 bytes in all.
const MaxRequest = 72 << 20

// readAhead is how much of a body's length is believed before it is there. No
// PutRecords is much longer.
const readAhead = 16 << 20

// Server answers for a set of services.
type Server struct {
	services map[string]*served
	hook     Hook
	rest     http.Handler
}

// NewServer serves the given services. The hook may be nil. What is for none of
// them, S3's requests above all, goes to rest.
//
// It panics when a service names an operation that has no model: our mistake.
func NewServer(services []Service, hook Hook, rest http.Handler) *Server {
	s := &Server{services: map[string]*served{}, hook: hook, rest: rest}
	if s.hook == nil {
		s.hook = func(context.Context, Call) error { return nil }
	}
	for _, svc := range services {
		s.services[svc.Name] = &served{Service: svc, load: sync.OnceValue(func() *codec { return newCodec(svc) })}
	}
	return s
}

// served loads its model at the first request, so that starting is quick.
type served struct {
	Service
	load func() *codec
}

// request is one request on its way.
type request struct {
	http   *http.Request
	body   []byte
	id     string
	codec  *codec
	op     string
	labels map[string]string
	form   url.Values
	speak  protocol
}

// The names that requests carry, by the service they are for. They are AWS's
// own and as stable as its SDKs; kept here so that a request is routed before
// any model is loaded.
var (
	byTarget = map[string]string{
		"Kinesis_20131202": "kinesis", "AmazonSQS": "sqs", "Firehose_20150804": "firehose", "AWSGlue": "glue",
		"TrentService": "kms", "Logs_20140328": "logs", "AWSStepFunctions": "stepfunctions",
		"ResourceGroupsTaggingAPI_20170126": "resourcegroupstaggingapi", "GraniteServiceVersion20100801": "cloudwatch",
	}
	byVersion = map[string]string{
		"2010-03-31": "sns", "2010-05-08": "iam", "2011-06-15": "sts", "2010-08-01": "cloudwatch",
	}
)

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := &request{http: r, id: requestID()}
	if isS3(r) {
		w.Header().Set("x-amz-request-id", req.id)
		s.rest.ServeHTTP(w, r)
		return
	}
	w.Header().Set("x-amzn-RequestId", req.id)
	service, err := s.route(req)
	if err != nil {
		(&codec{}).fail(w, req, err)
		return
	}
	if service == nil {
		s.rest.ServeHTTP(w, r)
		return
	}
	out, err := s.answer(service, req)
	if err != nil {
		req.codec.fail(w, req, err)
		return
	}
	req.codec.succeed(w, req, out)
}

// isS3 tells S3's requests, which are the only ones whose signature names it.
func isS3(r *http.Request) bool {
	return signedFor(r) == "s3"
}

// signedFor is the service in the credential scope of a SigV4 signature.
func signedFor(r *http.Request) string {
	_, scope, ok := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !ok {
		scope = r.URL.Query().Get("X-Amz-Credential")
	}
	scope, _, _ = strings.Cut(scope, ",")
	if parts := strings.Split(scope, "/"); len(parts) == 5 {
		return parts[3]
	}
	return ""
}

// route finds out what the request is for and in which protocol. A nil service
// is nobody's we know.
func (s *Server) route(req *request) (*served, error) {
	r := req.http
	var name string
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		prefix, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		name, req.op, req.speak = byTarget[prefix], op, jsonRPC
		if name == "" {
			return nil, notServed(req, fmt.Sprintf("%q", r.Header.Get("X-Amz-Target")))
		}
	case r.Header.Get("Smithy-Protocol") != "":
		req.speak = rpcCBOR
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		if len(parts) == 4 && parts[0] == "service" && parts[2] == "operation" {
			name, req.op = byTarget[parts[1]], parts[3]
		}
		if name == "" {
			return nil, notServed(req, fmt.Sprintf("%s %s", r.Method, r.URL.Path))
		}
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") || r.URL.Query().Has("Action"):
		if err := req.read(); err != nil {
			return nil, err
		}
		form, err := url.ParseQuery(string(req.body))
		if err != nil {
			return nil, Errorf("MalformedQueryString", "the form can't be read: %v", err)
		}
		for k, v := range r.URL.Query() {
			form[k] = v
		}
		req.form, req.op, req.speak = form, form.Get("Action"), query
		name = byVersion[form.Get("Version")]
		if name == "" {
			return nil, notServed(req, fmt.Sprintf("action %q of the Query API of version %q", req.op, form.Get("Version")))
		}
	case signedFor(r) == "lambda":
		name, req.speak = "lambda", restJSON
	default:
		return nil, nil
	}
	svc := s.services[name]
	if svc == nil {
		return nil, notServed(req, name+":"+req.op)
	}
	req.codec = svc.load()
	if req.speak == restJSON {
		req.op, req.labels = restMatch(req.codec.model, r)
		if req.op == "" {
			req.op = r.Method + " " + r.URL.Path
		}
	}
	return svc, nil
}

// read takes in the body, once. Clients of CloudWatch compress theirs.
func (req *request) read() error {
	if req.body != nil {
		return nil
	}
	var from io.Reader = http.MaxBytesReader(nil, req.http.Body, MaxRequest)
	if req.http.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(from)
		if err != nil {
			return Errorf("SerializationException", "the compressed request can't be read: %v", err)
		}
		from = http.MaxBytesReader(nil, z, MaxRequest)
	}
	var body bytes.Buffer
	body.Grow(int(min(max(0, req.http.ContentLength), readAhead)) + bytes.MinRead)
	_, err := body.ReadFrom(from)
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return &Error{Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge, Message: "the request is larger than any that AWS takes"}
		}
		return Errorf("SerializationException", "the request can't be read: %v", err)
	}
	req.body = body.Bytes()
	return nil
}

// answer runs the operation.
func (s *Server) answer(svc *served, req *request) (any, error) {
	op, ok := svc.Ops[req.op]
	if !ok {
		return nil, notServed(req, svc.Name+":"+req.op)
	}
	ctx := req.http.Context()
	if err := s.hook(ctx, Call{Service: svc.Name, Operation: req.op}); err != nil {
		return nil, err
	}
	if err := req.read(); err != nil {
		return nil, err
	}
	in := op.input()
	if err := req.codec.decode(req, in); err != nil {
		return nil, err
	}
	return op.answer(ctx, in)
}

// notServed refuses by name, with the code that AWS has for an operation that
// it does not know.
func notServed(req *request, what string) error {
	code := "UnknownOperationException"
	if req.speak == query {
		code = "InvalidAction"
	}
	return &Error{Code: code, Status: http.StatusNotImplemented, Message: "the sandbox does not serve " + what}
}

func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
