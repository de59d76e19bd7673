package function_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/aws/function"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/resource/resourcetest"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

const (
	name  = "ccs-test-ingest"
	arn   = "arn:aws:lambda:" + sandbox.Region + ":" + sandbox.Account + ":function:" + name
	role  = "arn:aws:iam::" + sandbox.Account + ":role/ingest"
	other = "arn:aws:iam::" + sandbox.Account + ":role/other"
)

func spec(t *testing.T) function.Spec {
	code := pack(t, "the program")
	sum := sha256.Sum256(code)
	return function.Spec{
		Name: "ingest", FunctionName: name, Description: "sorts telemetry", RoleARN: role,
		Code: func(context.Context) ([]byte, string, error) {
			return code, base64.StdEncoding.EncodeToString(sum[:]), nil
		},
		Architecture: "arm64", MemoryMB: 256, Timeout: 5 * time.Second,
		Environment: map[string]string{"CCSCTL_HANDLER": "ingest", "LOG": "info"},
		Owner:       resource.Owner{Project: "ccs", Environment: "test", Extra: map[string]string{"Team": "data"}},
	}
}

func pack(t *testing.T, program string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.Create("bootstrap")
	must(t, err)
	_, err = f.Write([]byte(program))
	must(t, err)
	must(t, w.Close())
	return out.Bytes()
}

func TestLifecycle(t *testing.T) {
	settings := func(in lambda.UpdateFunctionConfigurationInput) func(*testing.T, aws.Config) {
		return func(t *testing.T, cfg aws.Config) {
			in.FunctionName = aws.String(name)
			_, err := lambda.NewFromConfig(cfg).UpdateFunctionConfiguration(t.Context(), &in)
			must(t, err)
		}
	}
	code := func(program string, arch types.Architecture) func(*testing.T, aws.Config) {
		return func(t *testing.T, cfg aws.Config) {
			_, err := lambda.NewFromConfig(cfg).UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{
				FunctionName: aws.String(name), ZipFile: pack(t, program), Architectures: []types.Architecture{arch}})
			must(t, err)
		}
	}
	environment := func(v map[string]string) func(*testing.T, aws.Config) {
		return settings(lambda.UpdateFunctionConfigurationInput{Environment: &types.Environment{Variables: v}})
	}
	resourcetest.Lifecycle(t, resourcetest.Case{
		New:   func(cfg aws.Config) resource.Resource { return function.New(cfg, spec(t)) },
		Setup: roles,
		Foreign: func(t *testing.T, cfg aws.Config) {
			must(t, resource.Sleep(t.Context(), time.Minute)) // the role must spread
			_, err := lambda.NewFromConfig(cfg).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
				FunctionName: aws.String(name), Role: aws.String(role), Handler: aws.String("theirs"), Runtime: types.RuntimeProvidedal2,
				Code: &types.FunctionCode{ZipFile: pack(t, "theirs")}, Tags: map[string]string{"Team": "others"},
			})
			must(t, err)
		},
		Drift: map[string]func(*testing.T, aws.Config){
			"architecture":    code("the program", types.ArchitectureX8664),
			"code":            code("another program", types.ArchitectureArm64),
			"description":     settings(lambda.UpdateFunctionConfigurationInput{Description: aws.String("")}),
			"environment.LOG": environment(map[string]string{"CCSCTL_HANDLER": "ingest"}),
			"environment.NEW": environment(map[string]string{"CCSCTL_HANDLER": "ingest", "LOG": "info", "NEW": "x"}),
			"handler":         settings(lambda.UpdateFunctionConfigurationInput{Handler: aws.String("other")}),
			"log_format":      settings(lambda.UpdateFunctionConfigurationInput{LoggingConfig: &types.LoggingConfig{LogFormat: types.LogFormatJson}}),
			"log_group":       settings(lambda.UpdateFunctionConfigurationInput{LoggingConfig: &types.LoggingConfig{LogGroup: aws.String("/other")}}),
			"memory":          settings(lambda.UpdateFunctionConfigurationInput{MemorySize: aws.Int32(512)}),
			"reserved_concurrency": func(t *testing.T, cfg aws.Config) {
				_, err := lambda.NewFromConfig(cfg).PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: aws.String(name), ReservedConcurrentExecutions: aws.Int32(0)})
				must(t, err)
			},
			"role":    settings(lambda.UpdateFunctionConfigurationInput{Role: aws.String(other)}),
			"runtime": settings(lambda.UpdateFunctionConfigurationInput{Runtime: types.RuntimeProvidedal2}),
			"tags.Team": func(t *testing.T, cfg aws.Config) {
				_, err := lambda.NewFromConfig(cfg).TagResource(t.Context(), &lambda.TagResourceInput{Resource: aws.String(arn), Tags: map[string]string{"Team": "x"}})
				must(t, err)
			},
			"timeout": settings(lambda.UpdateFunctionConfigurationInput{Timeout: aws.Int32(60)}),
		},
	})
}

// States that the sandbox's own functions never get into.
func TestStates(t *testing.T) {
	tests := map[string]struct {
		old, new string // in the answer to GetFunction
		action   resource.Action
		problem  string
		calls    string
	}{
		"idle":          {`"State":"Active"`, `"State":"Inactive","StateReasonCode":"Idle"`, resource.None, "", ""},
		"failed":        {`"State":"Active"`, `"State":"Failed","StateReason":"no luck"`, resource.Replace, "no luck", "lambda:DeleteFunction lambda:CreateFunction"},
		"update failed": {`"LastUpdateStatus":"Successful"`, `"LastUpdateStatus":"Failed","LastUpdateStatusReason":"no luck"`, resource.Update, "no luck", "lambda:UpdateFunctionConfiguration"},
		"deleting":      {`"State":"Active"`, `"State":"Deleting"`, resource.Create, "", "lambda:CreateFunction"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, cfg := sandboxtest.New(t, sandbox.Options{})
			roles(t, cfg)
			f := function.New(cfg, spec(t))
			c, err := f.Diff(t.Context())
			must(t, err)
			must(t, c.Steps[0].Do(t.Context()))

			f = function.New(sandboxtest.Config(s, replace{s, test.old, test.new}), spec(t))
			c, err = f.Diff(t.Context())
			must(t, err)
			if got := strings.Join(c.Calls(), " "); c.Action != test.action || c.Problem != test.problem || got != test.calls {
				t.Errorf("got %s, problem %q, calls %q; want %s, %q, %q", c.Action, c.Problem, got, test.action, test.problem, test.calls)
			}
		})
	}
}

// replace changes what the sandbox answers.
type replace struct {
	http.Handler
	old, new string
}

func (r replace) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	rec := httptest.NewRecorder()
	r.Handler.ServeHTTP(rec, req)
	w.WriteHeader(rec.Code)
	_, _ = w.Write(bytes.ReplaceAll(rec.Body.Bytes(), []byte(r.old), []byte(r.new)))
}

func roles(t *testing.T, cfg aws.Config) {
	t.Helper()
	for _, name := range []string{"ingest", "other"} {
		_, err := iam.NewFromConfig(cfg).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
		must(t, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
