package function

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// settling bounds one change of a function. Lambda takes seconds.
const settling = 5 * time.Minute

func (f *Function) createStep() resource.Step {
	return resource.Step{
		Call:     "lambda:CreateFunction",
		Patience: settling,
		Do: func(ctx context.Context) error {
			zip, _, err := f.spec.Code(ctx)
			if err != nil {
				return err
			}
			_, err = f.lambda.CreateFunction(ctx, &lambda.CreateFunctionInput{
				FunctionName: &f.spec.FunctionName, Description: &f.spec.Description, Role: &f.spec.RoleARN,
				Runtime: runtime, Handler: aws.String(handler), PackageType: types.PackageTypeZip,
				Code: &types.FunctionCode{ZipFile: zip}, Architectures: []types.Architecture{types.Architecture(f.spec.Architecture)},
				MemorySize: &f.spec.MemoryMB, Timeout: f.timeout(), Environment: f.environment(), LoggingConfig: f.logging(),
				Tags: f.spec.Owner.Tags(),
			})
			if apierr.Exists(err) {
				return f.ours(ctx, err)
			}
			return err
		},
		Wait: f.waitSettled,
	}
}

// ours is nil when the function that is in the way is our own, made by a call
// whose answer got lost, and taken when it is not.
func (f *Function) ours(ctx context.Context, taken error) error {
	l, err := f.find(ctx)
	if err != nil {
		return err
	}
	if l != nil && f.spec.Owner.Owns(l.Tags) {
		return nil
	}
	return taken
}

func (f *Function) configureStep() resource.Step {
	return resource.Step{
		Call:     "lambda:UpdateFunctionConfiguration",
		Patience: settling,
		Do: func(ctx context.Context) error {
			_, err := f.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
				FunctionName: &f.spec.FunctionName, Description: &f.spec.Description, Role: &f.spec.RoleARN,
				Runtime: runtime, Handler: aws.String(handler), MemorySize: &f.spec.MemoryMB, Timeout: f.timeout(),
				Environment: f.environment(), LoggingConfig: f.logging(),
			})
			return err
		},
		Wait: f.waitSettled, // or the next call is refused (trap 35)
	}
}

func (f *Function) codeStep() resource.Step {
	return resource.Step{
		Call:     "lambda:UpdateFunctionCode",
		Patience: settling,
		Do: func(ctx context.Context) error {
			zip, _, err := f.spec.Code(ctx)
			if err != nil {
				return err
			}
			_, err = f.lambda.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
				FunctionName: &f.spec.FunctionName, ZipFile: zip, Architectures: []types.Architecture{types.Architecture(f.spec.Architecture)},
			})
			return err
		},
		Wait: f.waitSettled,
	}
}

func (f *Function) unreserveStep() resource.Step {
	return resource.Step{Call: "lambda:DeleteFunctionConcurrency", Do: func(ctx context.Context) error {
		_, err := f.lambda.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: &f.spec.FunctionName})
		return err
	}}
}

// waitSettled returns when Lambda is done with the function, and fails when it
// could not do it.
func (f *Function) waitSettled(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until the function is active", func(ctx context.Context) (bool, error) {
		out, err := f.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &f.spec.FunctionName})
		if err != nil {
			return false, err
		}
		switch l := out.Configuration; {
		case l.State == types.StateFailed:
			return false, fmt.Errorf("the function failed: %s", reason(l.StateReason, "no reason given"))
		case l.LastUpdateStatus == types.LastUpdateStatusFailed:
			return false, fmt.Errorf("the update failed: %s", reason(l.LastUpdateStatusReason, "no reason given"))
		default:
			return !busy(l), nil
		}
	})
}

func (f *Function) deleteStep() resource.Step {
	return resource.Step{
		Call:     "lambda:DeleteFunction",
		Patience: settling,
		Do: func(ctx context.Context) error {
			_, err := f.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &f.spec.FunctionName})
			if apierr.NotFound(err) {
				return nil
			}
			return err
		},
		Wait: f.waitGone,
	}
}

func (f *Function) waitGone(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until the function is gone", func(ctx context.Context) (bool, error) {
		l, err := f.find(ctx)
		return l == nil, err
	})
}
