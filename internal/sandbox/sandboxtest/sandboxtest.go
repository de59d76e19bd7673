// Package sandboxtest gives tests a fresh sandbox and an SDK configuration that
// it answers in process: no socket, so that a test may run in a synctest
// bubble, where an hour takes no time.
package sandboxtest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

// New is a fresh sandbox and the configuration of clients that call it.
func New(t testing.TB, o sandbox.Options) (*sandbox.Sandbox, aws.Config) {
	t.Helper()
	s, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, Config(s, s)
}

// Config is the configuration of clients whose requests h answers, for tests
// that put something between the clients and the sandbox.
func Config(s *sandbox.Sandbox, h http.Handler) aws.Config {
	return aws.Config{
		Region:       s.Region(),
		Credentials:  credentials.NewStaticCredentialsProvider("sandbox", "sandbox", ""),
		BaseEndpoint: aws.String("http://sandbox.invalid"),
		HTTPClient:   &http.Client{Transport: transport{h}},
	}
}

// transport answers requests by calling the handler.
type transport struct{ handler http.Handler }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte{}
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	in.Body = io.NopCloser(bytes.NewReader(body))
	in.RequestURI = r.URL.RequestURI()
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	in.ContentLength = int64(len(body))
	out := httptest.NewRecorder()
	t.handler.ServeHTTP(out, in)
	res := out.Result()
	res.Request = r
	if err := r.Context().Err(); err != nil {
		return nil, err // the caller gave up while the handler was at work
	}
	return res, nil
}
