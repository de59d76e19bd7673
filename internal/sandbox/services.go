package sandbox

import (
	"fmt"
	"net/http"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/cloudwatch"
	"github.com/ccs-platform/ccsctl/internal/sandbox/iam"
	"github.com/ccs-platform/ccsctl/internal/sandbox/kms"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sts"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// services is the list of what the sandbox serves, and the handler for S3,
// whose requests carry no operation's name.
func services(b *bus.Bus) ([]wire.Service, http.Handler) {
	return []wire.Service{
		sts.New(b).Wire(),
		iam.New(b).Wire(),
		kms.New(b).Wire(),
		cloudwatch.New(b).Wire(),
	}, http.HandlerFunc(unknown)
}

// unknown refuses a request that is for no service we know.
func unknown(w http.ResponseWriter, r *http.Request) {
	http.Error(w, fmt.Sprintf("the sandbox does not serve %s %s", r.Method, r.URL.Path), http.StatusNotImplemented)
}
