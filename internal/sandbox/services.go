package sandbox

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/cloudwatch"
	"github.com/ccs-platform/ccsctl/internal/sandbox/firehose"
	"github.com/ccs-platform/ccsctl/internal/sandbox/glue"
	"github.com/ccs-platform/ccsctl/internal/sandbox/iam"
	"github.com/ccs-platform/ccsctl/internal/sandbox/kinesis"
	"github.com/ccs-platform/ccsctl/internal/sandbox/kms"
	"github.com/ccs-platform/ccsctl/internal/sandbox/lambda"
	"github.com/ccs-platform/ccsctl/internal/sandbox/logs"
	"github.com/ccs-platform/ccsctl/internal/sandbox/s3"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sns"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sqs"
	"github.com/ccs-platform/ccsctl/internal/sandbox/stepfunctions"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sts"
	"github.com/ccs-platform/ccsctl/internal/sandbox/tagging"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// services is the list of what the sandbox serves, and the handler for S3,
// whose requests carry no operation's name. S3 meets the hook by itself.
func services(b *bus.Bus, hook wire.Hook) ([]wire.Service, http.Handler) {
	return []wire.Service{
		sts.New(b).Wire(),
		iam.New(b).Wire(),
		kms.New(b).Wire(),
		sqs.New(b).Wire(),
		sns.New(b).Wire(),
		kinesis.New(b).Wire(),
		cloudwatch.New(b).Wire(),
		logs.New(b).Wire(),
		lambda.New(b).Wire(),
		stepfunctions.New(b).Wire(),
		tagging.New(b).Wire(),
		glue.New(b).Wire(),
		firehose.New(b).Wire(),
	}, rest(s3.New(b, hook))
}

// rest serves what is signed for S3, presigned or not, and refuses the others.
func rest(s3 http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization")+r.URL.Query().Get("X-Amz-Credential"), "/s3/aws4_request") {
			s3.ServeHTTP(w, r)
			return
		}
		unknown(w, r)
	})
}

// unknown refuses a request that is for no service we know.
func unknown(w http.ResponseWriter, r *http.Request) {
	http.Error(w, fmt.Sprintf("the sandbox does not serve %s %s", r.Method, r.URL.Path), http.StatusNotImplemented)
}
