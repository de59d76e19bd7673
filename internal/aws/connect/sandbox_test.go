package connect_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ccs-platform/ccsctl/internal/aws/connect"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

// strayed is an environment that would lead every AWS client to elsewhere.
func strayed(t *testing.T, elsewhere string) {
	isolate(t, "[default]\nendpoint_url = "+elsewhere+"\n[profile real]\nregion = us-east-1\n", map[string]string{
		"AWS_PROFILE": "real", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDREAL", "AWS_SECRET_ACCESS_KEY": "real",
		"AWS_ENDPOINT_URL": elsewhere, "AWS_ENDPOINT_URL_KINESIS": elsewhere, "AWS_ENDPOINT_URL_S3": elsewhere, "AWS_ENDPOINT_URL_STS": elsewhere,
		"HTTP_PROXY": elsewhere, "HTTPS_PROXY": elsewhere, "http_proxy": elsewhere,
	})
}

func TestSandboxSessionReachesNothingElse(t *testing.T) {
	elsewhere, strays := serve(t, caller("111122223333", "aws"))
	strayed(t, elsewhere)
	box, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box)
	defer server.Close()
	at := &connect.SandboxEndpoint{URL: server.URL, Region: box.Region(), Account: sandbox.Account}

	s, err := connect.Open(t.Context(), connect.Options{Profile: "real", Region: "us-east-1", EndpointURL: elsewhere, ExpectAccount: sandbox.Account, Sandbox: at})
	if err != nil {
		t.Fatal(err)
	}
	if s.Account != sandbox.Account || s.Region != sandbox.Region || s.Endpoint != "sandbox "+server.URL || !s.PathStyle {
		t.Errorf("got %+v", s)
	}
	ctx := t.Context()
	calls := map[string]func(cfg aws.Config) error{
		"cloudwatch": func(cfg aws.Config) error {
			_, err := cloudwatch.NewFromConfig(cfg).DescribeAlarms(ctx, nil)
			return err
		},
		"iam":     func(cfg aws.Config) error { _, err := iam.NewFromConfig(cfg).ListRoles(ctx, nil); return err },
		"kinesis": func(cfg aws.Config) error { _, err := kinesis.NewFromConfig(cfg).ListStreams(ctx, nil); return err },
		"kms":     func(cfg aws.Config) error { _, err := kms.NewFromConfig(cfg).ListKeys(ctx, nil); return err },
		"lambda":  func(cfg aws.Config) error { _, err := lambda.NewFromConfig(cfg).ListFunctions(ctx, nil); return err },
		"s3": func(cfg aws.Config) error {
			_, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = s.PathStyle }).ListBuckets(ctx, nil)
			return err
		},
	}
	for name, call := range calls {
		if err := call(s.Config); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Even a client that is led astray gets nowhere: not by itself, not
	// through the proxy.
	astray := s.Config.Copy()
	astray.BaseEndpoint = aws.String("http://kinesis.eu-west-1.amazonaws.com")
	astray.RetryMaxAttempts = 1
	if err := calls["kinesis"](astray); err == nil || !strings.Contains(err.Error(), "is not this machine") {
		t.Errorf("a call to AWS: %v", err)
	}
	if n := strays.Load(); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

func TestSandboxRedirectsAreNotFollowed(t *testing.T) {
	elsewhere, strays := serve(t, caller(sandbox.Account, "aws"))
	strayed(t, elsewhere)
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
	})
	_, err := connect.Open(t.Context(), connect.Options{Sandbox: &connect.SandboxEndpoint{URL: url, Region: sandbox.Region, Account: sandbox.Account}})
	if err == nil || strays.Load() != 0 {
		t.Errorf("got %v after %d requests elsewhere", err, strays.Load())
	}
}

func TestSandboxIsOnThisMachineAndIsOne(t *testing.T) {
	for _, url := range []string{"http://example.com:4566", "http://192.0.2.1:4566", "http://127.0.0.1.example.com", "https://127.0.0.1", "127.0.0.1:4566", ""} {
		_, err := connect.Open(t.Context(), connect.Options{Sandbox: &connect.SandboxEndpoint{URL: url, Region: "eu-west-1", Account: sandbox.Account}})
		if fault.KindOf(err) != fault.Usage {
			t.Errorf("%q: got %v", url, err)
		}
	}
	url, _ := serve(t, caller("111122223333", "aws"))
	_, err := connect.Open(t.Context(), connect.Options{Sandbox: &connect.SandboxEndpoint{URL: url, Region: "eu-west-1", Account: sandbox.Account}})
	if fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "no sandbox") {
		t.Errorf("another account at the sandbox's address: %v", err)
	}
}

// hasty is a body as the SDK's are when the answer begins before the request is
// over: it can be read, and no longer writes itself.
type hasty struct{ *strings.Reader }

func (b hasty) Close() error { return nil }

func (b hasty) WriteTo(io.Writer) (int64, error) { return 0, io.EOF }

func TestAnAnswerThatComesAtOnceComesWhole(t *testing.T) {
	const length = 1 << 20
	whoami := caller(sandbox.Account, "aws")
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/long" {
			whoami(w, r)
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		_, _ = w.Write(make([]byte, length)) // the client says when it fails
	})
	for name, options := range map[string]connect.Options{
		"the sandbox": {Sandbox: &connect.SandboxEndpoint{URL: url, Region: sandbox.Region, Account: sandbox.Account}},
		"an endpoint": {Region: "eu-west-1", EndpointURL: url},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", "key")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
			session, err := connect.Open(t.Context(), options)
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/long", hasty{strings.NewReader("question")})
				if err != nil {
					t.Fatal(err)
				}
				r.ContentLength = int64(len("question"))
				res, err := session.Config.HTTPClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				answer, err := io.ReadAll(res.Body)
				if res.Body.Close(); err != nil || len(answer) != length {
					t.Fatalf("%d bytes of the answer, %v", len(answer), err)
				}
			}
		})
	}
}
