package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// code is AWS's code in err, "" for none.
func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// once is a configuration whose clients do not try again.
func once(cfg aws.Config) aws.Config {
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return cfg
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := sandboxtest.New(t, sandbox.Options{})
		cfg = once(cfg)
		list := func() (string, time.Duration) {
			start := time.Now()
			_, err := kms.NewFromConfig(cfg).ListKeys(t.Context(), &kms.ListKeysInput{})
			return code(err), time.Since(start)
		}
		identify := func() (string, time.Duration) {
			start := time.Now()
			_, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
			return code(err), time.Since(start)
		}
		expect := func(call func() (string, time.Duration), want string, after time.Duration) {
			t.Helper()
			if got, took := call(); got != want || took != after {
				t.Errorf("got %q after %v, want %q after %v", got, took, want, after)
			}
		}

		s.Faults.Add(sandbox.Fault{Latency: sandbox.Duration(50 * time.Millisecond)})
		s.Faults.Add(sandbox.Fault{Service: "kms", Latency: sandbox.Duration(time.Second), Times: 1})
		s.Faults.Add(sandbox.Fault{Service: "kms", Operation: "ListKeys", Code: "ThrottlingException", Message: "slow down", Times: 2})
		s.Faults.Add(sandbox.Fault{Operation: "ListKeys", Code: "KMSInternalException", Status: 500, Times: 1})
		expect(identify, "", 50*time.Millisecond)
		expect(list, "ThrottlingException", 1050*time.Millisecond) // delays add up, the first refusal counts
		expect(list, "ThrottlingException", 50*time.Millisecond)
		expect(list, "KMSInternalException", 50*time.Millisecond) // it was not spent by the calls it did not refuse
		expect(list, "", 50*time.Millisecond)
		if left := s.Faults.List(); len(left) != 1 || left[0].Latency != sandbox.Duration(50*time.Millisecond) {
			t.Errorf("left are %v, want the one without an end", left)
		}
		s.Faults.Clear()
		expect(list, "", 0)

		// A delay ends with the call that it delays.
		s.Faults.Add(sandbox.Fault{Latency: sandbox.Duration(time.Hour)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := kms.NewFromConfig(cfg).ListKeys(ctx, nil); err == nil || time.Since(start) != time.Second {
			t.Errorf("a call of a second took %v, %v", time.Since(start), err)
		}
	})
}

// TestLimits holds the sandbox to AWS's documented rates: nine at once, then
// nine a second.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		burst := func(o sandbox.Options, n int) (refused int) {
			_, cfg := sandboxtest.New(t, o)
			cw := cloudwatch.NewFromConfig(once(cfg))
			for range n {
				if _, err := cw.DescribeAlarms(t.Context(), nil); code(err) == "Throttling" {
					refused++
				} else if err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
			for range 9 {
				if _, err := cw.DescribeAlarms(t.Context(), nil); err != nil {
					t.Fatalf("a second later: %v", err)
				}
			}
			return refused
		}
		if n := burst(sandbox.Options{Limits: true}, 20); n != 11 {
			t.Errorf("%d of 20 calls refused, want 11", n)
		}
		if n := burst(sandbox.Options{Timing: "aws"}, 20); n != 11 {
			t.Errorf("at aws timing %d of 20 calls refused, want 11", n)
		}
		if n := burst(sandbox.Options{}, 20); n != 0 {
			t.Errorf("without limits %d of 20 calls refused", n)
		}
	})
}

func TestCalls(t *testing.T) {
	s, cfg := sandboxtest.New(t, sandbox.Options{})
	client := kms.NewFromConfig(once(cfg))
	s.Faults.Add(sandbox.Fault{Operation: "DescribeKey", Code: "KMSInternalException", Status: 500})
	_, err := client.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = client.ListKeys(t.Context(), nil)
	_, _ = client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("x")})
	_, _ = client.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: aws.String("x")}) // refused, and counted
	_, _ = client.Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String("x"), Plaintext: []byte("x")})
	want := map[wire.Call]int{{Service: "kms", Operation: "CreateKey"}: 1, {Service: "kms", Operation: "ListKeys"}: 1,
		{Service: "kms", Operation: "DescribeKey"}: 1, {Service: "kms", Operation: "EnableKey"}: 1}
	if d := cmp.Diff(want, s.Calls.Count()); d != "" {
		t.Error(d)
	}
	if n := s.Calls.Mutating(); n != 2 {
		t.Errorf("%d mutating calls, want 2", n)
	}
	s.Calls.Reset()
	if n := len(s.Calls.Count()); n != 0 {
		t.Errorf("%d after a reset", n)
	}
}

func TestControl(t *testing.T) {
	s, _ := sandboxtest.New(t, sandbox.Options{Timing: "fast", Region: "us-east-1"})
	ask := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", sandbox.ControlHealth, "", 200, `{"account":"000000000000","region":"us-east-1","timing":"fast"}`},
		{"GET", sandbox.ControlFaults, "", 200, `[]`},
		{"POST", sandbox.ControlFaults, `{"service":"kms","code":"X","times":2}`, 200, `{"id":"1","service":"kms","times":2,"code":"X"}`},
		{"POST", sandbox.ControlFaults, `{"latencies":1}`, 400, `fault: json: unknown field "latencies"`},
		{"POST", sandbox.ControlFaults, `{"message":"` + strings.Repeat("x", 1<<16) + `"}`, 400, "fault: http: request body too large"},
		{"GET", sandbox.ControlFaults, "", 200, `[{"id":"1","service":"kms","times":2,"code":"X"}]`},
		{"DELETE", sandbox.ControlFaults, "", 200, `{"cleared":1}`},
		{"GET", sandbox.ControlFaults, "", 200, `[]`},
		{"GET", sandbox.ControlCalls, "", 200, `{"mutating":0,"total":0,"by_call":{}}`},
		{"GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "", 200, ""},
		{"GET", sandbox.ControlCalls, "", 200, `{"mutating":0,"total":1,"by_call":{"sts:GetCallerIdentity":1}}`},
		{"DELETE", sandbox.ControlCalls, "", 204, ""},
		{"GET", sandbox.ControlCalls, "", 200, `{"mutating":0,"total":0,"by_call":{}}`},
		{"GET", "/nothing", "", 501, "the sandbox does not serve GET /nothing"},
	} {
		status, says := ask(c.method, c.path, c.body)
		if status != c.status || c.says != "" && says != c.says {
			t.Errorf("%s %s: got %d %s, want %d %s", c.method, c.path, status, says, c.status, c.says)
		}
	}
	if _, err := sandbox.New(sandbox.Options{Timing: "soon"}); err == nil || err.Error() != `no timing "soon": want one of instant, fast, aws` {
		t.Errorf("an unknown timing: %v", err)
	}
	_, text := ask("GET", sandbox.ControlHealth, "")
	var health sandbox.Health
	if err := json.Unmarshal([]byte(text), &health); err != nil || health.Account != sandbox.Account {
		t.Errorf("%+v, %v", health, err)
	}
}

// TestEveryServiceHasItsModel loads each: an operation without a model would
// panic at its first request.
func TestEveryServiceHasItsModel(t *testing.T) {
	s, _ := sandboxtest.New(t, sandbox.Options{})
	for _, target := range []string{"Kinesis_20131202", "AmazonSQS", "Firehose_20150804", "AWSGlue", "TrentService", "Logs_20140328",
		"AWSStepFunctions", "ResourceGroupsTaggingAPI_20170126", "GraniteServiceVersion20100801"} {
		r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
		r.Header.Set("X-Amz-Target", target+".Nothing")
		expectUnknown(t, s, r, target)
	}
	for _, version := range []string{"2010-03-31", "2010-05-08", "2011-06-15", "2010-08-01"} {
		expectUnknown(t, s, httptest.NewRequest("GET", "/?Action=Nothing&Version="+version, nil), version)
	}
	r := httptest.NewRequest("GET", "/2015-03-31/Nothing", nil)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=k/20261123/eu-west-1/lambda/aws4_request, x")
	expectUnknown(t, s, r, "lambda")
}

func expectUnknown(t *testing.T, h http.Handler, r *http.Request, name string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusNotImplemented || !strings.Contains(w.Body.String(), "Nothing") {
		t.Errorf("%s: got %d %s, want 501 and the operation's name", name, w.Code, w.Body)
	}
}
