// Package s3 is the sandbox's Simple Storage Service. A library keeps the
// objects, their versions and multipart uploads; the buckets' own settings,
// AWS's rules for making and deleting buckets, and the framing of uploads are
// here. Requests are path style.
package s3

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Service is S3.
type Service struct {
	bus     *bus.Bus
	hook    wire.Hook
	objects http.Handler // the library
	store   store        // what the library keeps them in

	mu      sync.Mutex
	buckets map[string]*bucket
}

// New is S3 with no buckets. The hook, which may be nil, sees every request
// that was understood, as it does those of the other services.
func New(b *bus.Bus, hook wire.Hook) *Service {
	s := &Service{bus: b, hook: hook, store: store{s3mem.New()}, buckets: map[string]*bucket{}}
	// The signature's date is not checked, so neither is its skew.
	s.objects = gofakes3.New(s.store, gofakes3.WithTimeSkewLimit(0), gofakes3.WithIntegrityCheck(false)).Server()
	b.Buckets, b.Objects = s, s
	b.ListTagged(s.tagged)
	return s
}

// store is the library's memory, with versions named as S3 names them.
type store struct{ *s3mem.Backend }

// DeleteMultiVersions takes the version "null", which is how S3 lists an object
// of a bucket that never had versions, for the object itself.
func (s store) DeleteMultiVersions(bucket string, objects ...gofakes3.ObjectID) (gofakes3.MultiDeleteResult, error) {
	for i := range objects {
		if objects[i].VersionID == "null" {
			objects[i].VersionID = ""
		}
	}
	return s.Backend.DeleteMultiVersions(bucket, objects...)
}

// Bucket implements bus.Buckets.
func (s *Service) Bucket(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buckets[name] != nil
}

// BucketKey implements bus.Buckets.
func (s *Service) BucketKey(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[name]
	if b == nil || b.encryption.Rules[0].Default.SSEAlgorithm == "AES256" {
		return ""
	}
	return cmp.Or(b.encryption.Rules[0].Default.KMSMasterKeyID, "alias/aws/s3")
}

// Put implements bus.Objects.
func (s *Service) Put(bucket, key, contentType string, data []byte) error {
	if !s.Bucket(bucket) {
		return noSuchBucket()
	}
	meta := map[string]string{"Content-Type": contentType, "Last-Modified": time.Now().UTC().Format(http.TimeFormat)}
	_, err := s.store.PutObject(bucket, key, meta, bytes.NewReader(data), int64(len(data)), nil)
	return err
}

func (s *Service) tagged(add func(arn string, tags bus.Tags)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, b := range s.buckets {
		add(arn(name), b.tags)
	}
}

func arn(bucket string) string { return "arn:" + bus.Partition + ":s3:::" + bucket }

// request is one request on its way to a handler of ours.
type request struct {
	http   *http.Request
	w      http.ResponseWriter
	bucket string
	body   []byte
}

// decode reads the body's XML.
func (r *request) decode(into any) error {
	if err := xml.Unmarshal(r.body, into); err != nil {
		return wire.Errorf("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	return nil
}

// reply answers with XML.
func (r *request) reply(v any) error {
	text, err := xml.Marshal(v)
	if err != nil {
		return err
	}
	r.w.Header().Set("Content-Type", "application/xml")
	_, _ = r.w.Write(append([]byte(xml.Header), text...)) // the client is gone when it fails
	return nil
}

func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.serve(w, r); err != nil {
		fail(w, r, err)
	}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) error {
	rt, name := routeOf(r)
	op, ok := operations[rt]
	if !ok {
		return &wire.Error{Code: "NotImplemented", Status: http.StatusNotImplemented,
			Message: fmt.Sprintf("the sandbox does not serve %s %s?%s", r.Method, r.URL.Path, rt.subresource)}
	}
	if rt.level == objectLevel && r.Header.Get("X-Amz-Copy-Source") != "" && op.name == "PutObject" {
		op.name = "CopyObject"
	}
	if s.hook != nil {
		if err := s.hook(r.Context(), wire.Call{Service: "s3", Operation: op.name}); err != nil {
			return err
		}
	}
	// Two accounts never meet here, but a client that names the wrong owner is
	// told so as AWS tells it.
	if owner := r.Header.Get("X-Amz-Expected-Bucket-Owner"); owner != "" && owner != s.bus.Account {
		return wire.Errorf("AccessDenied", "Access Denied")
	}
	if err := read(r); err != nil {
		return err
	}
	if rt.level == bucketLevel {
		w.Header().Set("X-Amz-Bucket-Region", s.bus.Region)
	}
	if op.handle == nil {
		s.objects.ServeHTTP(metadataWriter{w}, r)
		return nil
	}
	req := &request{http: r, w: w, bucket: name}
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(r.Body); err != nil {
		return err
	}
	req.body = buf.Bytes()
	r.Body = readAgain(req.body)
	return op.handle(s, req)
}

// statuses are the HTTP statuses of S3's error codes where they are not 400
// ("Error responses", S3 API ref).
var statuses = map[string]int{
	"AccessDenied": http.StatusForbidden, "NotImplemented": http.StatusNotImplemented, "MethodNotAllowed": http.StatusMethodNotAllowed,
	"NoSuchBucket": http.StatusNotFound, "NoSuchTagSet": http.StatusNotFound, "NoSuchBucketPolicy": http.StatusNotFound,
	"NoSuchLifecycleConfiguration": http.StatusNotFound, "NoSuchPublicAccessBlockConfiguration": http.StatusNotFound,
	"OwnershipControlsNotFoundError": http.StatusNotFound,
	"BucketAlreadyExists":            http.StatusConflict, "BucketAlreadyOwnedByYou": http.StatusConflict, "BucketNotEmpty": http.StatusConflict,
	"OperationAborted": http.StatusConflict, "SlowDown": http.StatusServiceUnavailable, "ServiceUnavailable": http.StatusServiceUnavailable,
	"InternalError": http.StatusInternalServerError,
}

type failure struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	Resource  string
	RequestID string `xml:"RequestId"`
}

func fail(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*wire.Error](err)
	if !ok {
		slog.Error("sandbox", "service", "s3", "err", err)
		e = wire.Errorf("InternalError", "%v", err)
	}
	status := e.Status
	if status == 0 {
		status = statuses[e.Code]
	}
	if status == 0 {
		status = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return // S3 says nothing there but the status
	}
	text, err := xml.Marshal(failure{Code: e.Code, Message: e.Message, Resource: r.URL.Path, RequestID: w.Header().Get("X-Amz-Request-Id")})
	if err != nil {
		slog.Error("sandbox", "service", "s3", "err", err)
	}
	_, _ = w.Write(append([]byte(xml.Header), text...)) // the client is gone when it fails
}
