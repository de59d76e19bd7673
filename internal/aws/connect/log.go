package connect

import (
	"context"
	"errors"
	"log/slog"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// logCalls tells of every call once it has ended, its retries included: service,
// operation, how long, AWS's code when it was refused, and the resource that it
// was made for. No parameters: they may be secret.
func logCalls(log *slog.Logger) func(*middleware.Stack) error {
	tell := middleware.InitializeMiddlewareFunc("ccsctl.LogCalls", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		start := time.Now()
		out, meta, err := next.HandleInitialize(ctx, in)
		attrs := []any{"call", awsmiddleware.GetServiceID(ctx) + ":" + awsmiddleware.GetOperationName(ctx), "took", time.Since(start).Round(time.Millisecond)}
		if id, ok := resource.Of(ctx); ok {
			attrs = append(attrs, "for", id.String())
		}
		if err != nil {
			attrs = append(attrs, "refused", refusal(err))
		}
		log.Debug("aws", attrs...)
		return out, meta, err
	})
	return func(stack *middleware.Stack) error { return stack.Initialize.Add(tell, middleware.After) }
}

// refusal is AWS's code, or what else went wrong.
func refusal(err error) string {
	if code := apierr.Code(err); code != "" {
		return code
	}
	if _, ok := errors.AsType[*smithy.CanceledError](err); ok {
		return "canceled"
	}
	return err.Error()
}
