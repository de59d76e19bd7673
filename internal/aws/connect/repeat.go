package connect

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/fault"
)

// The patience of calls that are made again soon anyway: one more try, which
// also corrects a clock that is wrong, and no long pause before it.
const (
	repeatedAttempts = 2
	repeatedPause    = time.Second
)

// Repeated is cfg for somebody who asks the same again and again, and for whom
// a late answer is worth less than the next question. Every attempt of a call
// is told to called, from any goroutine, as IAM names it: sqs:GetQueueAttributes.
func Repeated(cfg aws.Config, called func(operation string)) aws.Config {
	cfg = cfg.Copy()
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = repeatedAttempts, repeatedPause })
	}
	count := middleware.FinalizeMiddlewareFunc("ccsctl.Repeated", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		called(operation(ctx))
		return next.HandleFinalize(ctx, in)
	})
	// Behind the retries, so that each is seen.
	cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error { return stack.Finalize.Add(count, middleware.After) })
	return cfg
}

// operation is the call under ctx as IAM names it.
func operation(ctx context.Context) string {
	service := strings.ToLower(awsmiddleware.GetServiceID(ctx))
	if service == "sfn" {
		service = "states"
	}
	return service + ":" + awsmiddleware.GetOperationName(ctx)
}

// Explain gives the failure of a later call of the session its kind and what
// helps against it. What it knows nothing of stays as it is.
func (s Session) Explain(ctx context.Context, err error) error {
	who := s.who
	if who == nil {
		who = &identity{region: s.Region, endpoint: s.Endpoint}
	}
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case apierr.Expired(err) || apierr.Is(err, "InvalidClientTokenId", "UnrecognizedClient", "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "InvalidSignature"):
		return who.explainCall(ctx, err)
	case strings.Contains(err.Error(), "failed to refresh cached credentials"), strings.Contains(err.Error(), "get identity: get credentials"):
		return who.explainCredentials(ctx, err)
	case apierr.Denied(err):
		return fault.As(fault.Denied, err, "ask for the action that AWS names, or use another --profile")
	case apierr.Code(err) == "" && unreachable(err):
		return who.unreachable(err)
	default:
		return err
	}
}
