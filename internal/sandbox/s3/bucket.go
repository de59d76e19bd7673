package s3

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"

	"github.com/johannesboyne/gofakes3"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// bucket is what a bucket is beside its objects. A nil setting is one that is
// not there.
type bucket struct {
	tags       bus.Tags
	encryption *encryption
	block      *accessBlock
	ownership  *ownership
	lifecycle  *lifecycle
	policy     string
}

// newBucket has the settings of every bucket made since April 2023: encrypted
// by S3, closed to the public, without ACLs ("Creating a bucket", S3 guide).
func newBucket() *bucket {
	return &bucket{
		encryption: defaultEncryption(),
		block:      &accessBlock{BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true},
		ownership:  &ownership{Rules: []ownershipRule{{ObjectOwnership: "BucketOwnerEnforced"}}},
	}
}

// find is the bucket of a request.
func (s *Service) find(r *request) (*bucket, error) {
	b := s.buckets[r.bucket]
	if b == nil {
		return nil, noSuchBucket()
	}
	return b, nil
}

func noSuchBucket() error { return wire.Errorf("NoSuchBucket", "The specified bucket does not exist") }

// change applies f to the request's bucket and answers with status.
func (s *Service) change(r *request, status int, f func(*bucket) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(r)
	if err != nil {
		return err
	}
	if err := f(b); err != nil {
		return err
	}
	r.w.WriteHeader(status)
	return nil
}

// look answers with what f finds in the request's bucket.
func (s *Service) look(r *request, f func(*bucket) (any, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(r)
	if err != nil {
		return err
	}
	v, err := f(b)
	if err != nil {
		return err
	}
	return r.reply(v)
}

type createConfiguration struct {
	LocationConstraint string
	Tags               []tag `xml:"Tags>Tag"`
}

// createBucket follows trap 32. us-east-1 is the Region that must not be named
// and where a repetition by the owner succeeds.
func (s *Service) createBucket(r *request) error {
	var in createConfiguration
	if len(r.body) > 0 {
		if err := r.decode(&in); err != nil {
			return err
		}
	}
	switch {
	case in.LocationConstraint == "us-east-1":
		return wire.Errorf("InvalidLocationConstraint", "The specified location-constraint is not valid")
	case in.LocationConstraint == "" && s.bus.Region != "us-east-1":
		return wire.Errorf("IllegalLocationConstraintException", "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	case in.LocationConstraint != "" && in.LocationConstraint != s.bus.Region:
		return wire.Errorf("IllegalLocationConstraintException", "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", in.LocationConstraint)
	}
	if err := gofakes3.ValidateBucketName(r.bucket); err != nil {
		return wire.Errorf("InvalidBucketName", "The specified bucket is not valid.")
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[r.bucket] != nil {
		if s.bus.Region == "us-east-1" {
			r.w.Header().Set("Location", "/"+r.bucket)
			return nil
		}
		return wire.Errorf("BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.")
	}
	if out := s.ask(r.http); out.status != http.StatusOK {
		out.copyTo(r.w)
		return nil
	}
	b := newBucket()
	b.tags = tags
	s.buckets[r.bucket] = b
	r.w.Header().Set("Location", "/"+r.bucket)
	return nil
}

// deleteBucket wants neither objects nor versions nor uploads left (trap 33).
func (s *Service) deleteBucket(r *request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(r); err != nil {
		return err
	}
	uploads, err := s.uploads(r)
	if err != nil {
		return err
	}
	if uploads {
		return wire.Errorf("BucketNotEmpty", "The bucket you tried to delete is not empty")
	}
	out := s.ask(r.http)
	if out.status == http.StatusNoContent {
		delete(s.buckets, r.bucket)
	}
	out.copyTo(r.w)
	return nil
}

// uploads says whether a bucket has multipart uploads under way.
func (s *Service) uploads(r *request) (bool, error) {
	q := r.http.Clone(r.http.Context())
	q.Method, q.URL.RawQuery, q.Body = http.MethodGet, "uploads", http.NoBody
	out := s.ask(q)
	if out.status != http.StatusOK {
		return false, nil // the library has no list before the first upload
	}
	var list struct{ Upload []struct{ Key string } }
	err := xml.Unmarshal(out.body.Bytes(), &list)
	return len(list.Upload) > 0, err
}

// listUploads gives an empty list where the library knows of no upload yet.
func (s *Service) listUploads(r *request) error {
	if !s.Bucket(r.bucket) {
		return noSuchBucket()
	}
	out := s.ask(r.http)
	if out.status != http.StatusNotFound {
		out.copyTo(r.w)
		return nil
	}
	return r.reply(struct {
		XMLName     xml.Name `xml:"ListMultipartUploadsResult"`
		Bucket      string
		MaxUploads  int
		IsTruncated bool
	}{Bucket: r.bucket, MaxUploads: maxKeys})
}

// maxKeys is the most that one page or one DeleteObjects holds.
const maxKeys = 1000

func (s *Service) deleteObjects(r *request) error {
	var in struct {
		Object []struct{ Key string }
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if len(in.Object) == 0 || len(in.Object) > maxKeys {
		return wire.Errorf("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	s.objects.ServeHTTP(r.w, r.http)
	return nil
}

func (s *Service) getLocation(r *request) error {
	return s.look(r, func(*bucket) (any, error) {
		region := s.bus.Region
		if region == "us-east-1" {
			region = "" // where S3 began, its name goes without saying
		}
		return struct {
			XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
			Region  string   `xml:",chardata"`
		}{Region: region}, nil
	})
}

// ask puts a request to the library and keeps the answer.
func (s *Service) ask(r *http.Request) *answer {
	out := &answer{header: http.Header{}, status: http.StatusOK}
	s.objects.ServeHTTP(out, r)
	return out
}

// answer is a response kept back.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

func (a *answer) copyTo(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // the client is gone when it fails
}

func readAgain(body []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }
