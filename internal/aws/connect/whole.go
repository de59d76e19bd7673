package connect

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// whole is a request whose answer comes whole, however quickly it comes. The SDK
// closes a request's body when the answer begins; its bodies then fail where
// they are asked to write themselves (WriteTo), as net/http does once more after
// the last byte, to see that there is no more. An answer over loopback can begin
// before that: the request counts as failed, and the connection is closed under
// the answer, so that what was carried out is not known to be. Where a body is
// only read, nothing fails.
func whole(r *http.Request) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	body := r.Body
	r = r.WithContext(r.Context()) // a copy: who sends a request does not change it
	r.Body = struct{ io.ReadCloser }{body}
	return r
}

// wholeAnswers is a transport, wholeClient a client of which this holds.
type (
	wholeAnswers struct{ *http.Transport }
	wholeClient  struct{ aws.HTTPClient }
)

func (t wholeAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.Transport.RoundTrip(whole(r))
}

func (c wholeClient) Do(r *http.Request) (*http.Response, error) {
	return c.HTTPClient.Do(whole(r))
}
