package connect_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/ccs-platform/ccsctl/internal/aws/connect"
	"github.com/ccs-platform/ccsctl/internal/fault"
)

// isolate leaves the SDK nothing of this machine: no variables but the given
// ones, and no shared files but the given configuration.
func isolate(t *testing.T, configuration string, env map[string]string) {
	t.Helper()
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			t.Setenv(name, "") // so that it comes back
			os.Unsetenv(name)
		}
	}
	home := t.TempDir()
	file := filepath.Join(home, "config")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("AWS_CONFIG_FILE", file)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "none"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	for k, v := range env {
		t.Setenv(k, v)
	}
}

// keys are credentials by variables, in a region.
func keys(more map[string]string) map[string]string {
	env := map[string]string{"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"}
	for k, v := range more {
		env[k] = v
	}
	return env
}

// caller answers every request as STS answers GetCallerIdentity.
func caller(account, partition string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
			<Arn>arn:%s:iam::%s:user/ops</Arn><UserId>AIDA</UserId><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, partition, account, account)
	}
}

// refuse answers every request with one of STS's errors.
func refuse(code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>no</Message></Error></ErrorResponse>`, code)
	}
}

// serve counts the requests that h answers.
func serve(t *testing.T, h http.HandlerFunc) (url string, hits *atomic.Int32) {
	t.Helper()
	hits = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, hits
}

const ssoProfile = `
[profile ops]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = Ops
region = eu-west-1
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
`

const oldSSOProfile = `
[profile ops]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 111122223333
sso_role_name = Ops
region = eu-west-1
`

func TestFailuresSayWhatToDo(t *testing.T) {
	tests := []struct {
		name   string
		config string
		env    map[string]string
		o      connect.Options
		sts    http.HandlerFunc // nil: nothing listens
		want   string           // of the message
		hint   string
	}{
		{name: "no region", env: map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, want: "no AWS region", hint: "--region"},
		{name: "no credentials", env: map[string]string{"AWS_REGION": "eu-west-1"}, want: "no AWS credentials were found", hint: "--sandbox"},
		{name: "no such profile", o: connect.Options{Profile: "prdo"}, want: "there is no profile prdo", hint: "aws configure list-profiles"},
		{name: "no such profile, by variable", env: map[string]string{"AWS_PROFILE": "prdo"}, want: "there is no profile prdo", hint: "--profile prdo"},
		{name: "SSO session over", config: ssoProfile, o: connect.Options{Profile: "ops"}, want: "SSO session is over", hint: "run 'aws sso login --profile ops'"},
		{name: "SSO session over, old kind", config: oldSSOProfile, env: map[string]string{"AWS_PROFILE": "ops"}, want: "SSO session is over", hint: "run 'aws sso login --profile ops'"},
		{name: "login session over", config: "[profile ops]\nlogin_session = arn:aws:iam::111122223333:user/ops\nregion = eu-west-1\n", o: connect.Options{Profile: "ops"}, want: "login session is over", hint: "run 'aws login --profile ops'"},
		{name: "process fails", config: "[profile ops]\ncredential_process = /bin/false\nregion = eu-west-1\n", o: connect.Options{Profile: "ops"}, want: "process", hint: "credential_process"},
		{name: "token expired", env: keys(map[string]string{"AWS_SESSION_TOKEN": "t"}), sts: refuse("ExpiredToken"), want: "session of these credentials is over", hint: "AWS_SESSION_TOKEN"},
		{name: "unknown key", env: keys(nil), sts: refuse("InvalidClientTokenId"), want: "InvalidClientTokenId", hint: "does not know the access key"},
		{name: "wrong secret", env: keys(nil), sts: refuse("SignatureDoesNotMatch"), want: "SignatureDoesNotMatch", hint: "clock"},
		{name: "nothing there", env: keys(nil), want: "nothing answers at http://127.0.0.1:", hint: "take the endpoint away"},
		{name: "other account", env: keys(nil), o: connect.Options{ExpectAccount: "999988887777"}, sts: caller("111122223333", "aws"), want: "account 111122223333", hint: "--profile"},
		{name: "no AWS at all", env: keys(nil), sts: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Welcome</html>") }, want: "not AWS", hint: "check the endpoint (http://127.0.0.1:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			isolate(t, tt.config, tt.env)
			url := "http://127.0.0.1:9" // discard: nobody serves it
			if tt.sts != nil {
				url, _ = serve(t, tt.sts)
			}
			t.Setenv("AWS_ENDPOINT_URL_STS", url)
			_, err := connect.Open(t.Context(), tt.o)
			if fault.KindOf(err) != fault.Denied {
				t.Fatalf("got kind %d of %v", fault.KindOf(err), err)
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.Contains(fault.HintOf(err), tt.hint) {
				t.Errorf("got %q with hint %q, want %q and %q", err, fault.HintOf(err), tt.want, tt.hint)
			}
		})
	}
}

func TestOpenTellsWhoAndWhere(t *testing.T) {
	isolate(t, "[profile cn]\nregion = cn-north-1\naws_access_key_id = a\naws_secret_access_key = b\n", nil)
	url, _ := serve(t, caller("111122223333", "aws-cn"))
	t.Setenv("AWS_ENDPOINT_URL_STS", url)
	s, err := connect.Open(t.Context(), connect.Options{Profile: "cn", ExpectAccount: "111122223333"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Account != "111122223333" || s.Partition != "aws-cn" || s.Region != "cn-north-1" || s.PathStyle || s.ARN != "arn:aws-cn:iam::111122223333:user/ops" {
		t.Errorf("got %+v", s)
	}
	if want := url + " (AWS_ENDPOINT_URL_STS)"; s.Endpoint != want {
		t.Errorf("got endpoint %q, want %q", s.Endpoint, want)
	}
	if o := kinesis.NewFromConfig(s.Config).Options(); o.AccountIDEndpointMode != "disabled" {
		t.Errorf("account endpoints are %s", o.AccountIDEndpointMode)
	}
	t.Setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "required")
	if s, err = connect.Open(t.Context(), connect.Options{Profile: "cn"}); err != nil || s.Config.AccountIDEndpointMode != "required" {
		t.Errorf("asked for account endpoints: %s, %v", s.Config.AccountIDEndpointMode, err)
	}
}

func TestEndpointsAreShownWithTheirOrigin(t *testing.T) {
	url, _ := serve(t, caller("111122223333", "aws"))
	own := "[default]\nservices = local\n[services local]\nsts =\n  endpoint_url = " + url + "\ns3 =\n  endpoint_url = " + url + "/s3\n"
	tests := []struct {
		name, config string
		env          map[string]string
		o            connect.Options
		want         string
		path         bool
	}{
		{"all", "", map[string]string{"AWS_ENDPOINT_URL": url}, connect.Options{}, url + " (AWS_ENDPOINT_URL)", true},
		{"all, in the profile", "[default]\nendpoint_url = " + url + "\n", nil, connect.Options{}, url + " (endpoint_url of the profile)", true},
		{"two", "", map[string]string{"AWS_ENDPOINT_URL_STS": url, "AWS_ENDPOINT_URL_KINESIS": "http://127.0.0.1:1"}, connect.Options{}, "http://127.0.0.1:1 (AWS_ENDPOINT_URL_KINESIS), " + url + " (AWS_ENDPOINT_URL_STS)", false},
		{"some, in the profile", own, nil, connect.Options{}, url + "/s3 (S3 in the profile), " + url + " (STS in the profile)", true},
		{"by flag", own, map[string]string{"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"}, connect.Options{EndpointURL: url}, url + " (--endpoint-url)", true},
		{"by flag, though told to ignore the others", "", map[string]string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, connect.Options{EndpointURL: url}, url + " (--endpoint-url)", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			isolate(t, tt.config, keys(tt.env))
			s, err := connect.Open(t.Context(), tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if s.Endpoint != tt.want || s.PathStyle != tt.path {
				t.Errorf("got %q, path style %v; want %q, %v", s.Endpoint, s.PathStyle, tt.want, tt.path)
			}
		})
	}
}

// Our own settings of the HTTP client must not cost the SDK's.
func TestCABundleIsKept(t *testing.T) {
	isolate(t, "", keys(nil))
	s := httptest.NewUnstartedServer(caller("111122223333", "aws"))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that must fail
	s.StartTLS()
	defer s.Close()
	t.Setenv("AWS_ENDPOINT_URL_STS", s.URL)
	if _, err := connect.Open(t.Context(), connect.Options{}); !strings.Contains(fault.HintOf(err), "AWS_CA_BUNDLE") {
		t.Errorf("an unknown authority: %v, hint %q", err, fault.HintOf(err))
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", file)
	if _, err := connect.Open(t.Context(), connect.Options{}); err != nil {
		t.Error(err)
	}
}

func TestInterruptedIsNoTroubleWithCredentials(t *testing.T) {
	isolate(t, "", keys(nil))
	ctx, cancel := context.WithCancel(t.Context())
	url, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the server sees that the client is gone only behind its body
		cancel()
		<-r.Context().Done() // or an empty answer might be quicker than the interruption
	})
	t.Setenv("AWS_ENDPOINT_URL_STS", url)
	if _, err := connect.Open(ctx, connect.Options{}); err != context.Canceled {
		t.Errorf("got %v", err)
	}
}
