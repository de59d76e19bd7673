// Package function is a Lambda function made of a zip. It knows that Lambda
// makes one change to a function at a time, and which call changes what. What
// feeds the function is package mapping's; what the code does and how the zip
// comes to be is not its business.
package function

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Spec is the wanted function. It runs a program called bootstrap on
// provided.al2023, and shares the account's concurrency with all others.
type Spec struct {
	Name         string // within the pipeline, for people
	FunctionName string
	Description  string
	RoleARN      string
	// Code is the zip and its digest as Lambda tells it, base64 of SHA-256. It
	// is asked for when the function is there, to compare, and when it is made.
	Code         func(ctx context.Context) (zip []byte, sha256 string, err error)
	Architecture string // arm64 or x86_64, as the program in the zip is built
	MemoryMB     int32
	Timeout      time.Duration // whole seconds
	Environment  map[string]string
	LogGroup     string // "" is /aws/lambda/FUNCTION, which is Lambda's own choice
	Owner        resource.Owner
}

// Function is a Lambda function, live or still to be made.
type Function struct {
	lambda *lambda.Client
	spec   Spec
}

var _ resource.Resource = (*Function)(nil)

// New is the function of spec in the account of cfg.
func New(cfg aws.Config, spec Spec) *Function {
	if spec.LogGroup == "" {
		spec.LogGroup = "/aws/lambda/" + spec.FunctionName
	}
	return &Function{lambda: lambda.NewFromConfig(cfg), spec: spec}
}

// ID is function/NAME.
func (f *Function) ID() resource.ID { return resource.ID{Kind: "function", Name: f.spec.Name} }

// Lambda ignores the handler of such a runtime but wants one.
const (
	runtime = types.RuntimeProvidedal2023
	handler = "bootstrap"
)

// find reads the function; nil is none.
func (f *Function) find(ctx context.Context) (*lambda.GetFunctionOutput, error) {
	out, err := f.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &f.spec.FunctionName})
	if apierr.NotFound(err) {
		return nil, nil
	}
	if err == nil && out.Configuration == nil {
		err = errors.New("GetFunction tells no configuration")
	}
	return out, err
}

// Diff implements resource.Resource.
func (f *Function) Diff(ctx context.Context) (resource.Change, error) {
	l, err := f.find(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	if l == nil {
		return f.creation(), nil
	}
	owned := f.spec.Owner.Owns(l.Tags)
	switch {
	case owned && l.Configuration.State == types.StateFailed:
		return f.replacement(l.Configuration), nil
	case l.Configuration.State == types.StateDeleting: // whoever's it was
		c := f.creation()
		c.Reason = "the one before is still being deleted"
		c.Steps = append([]resource.Step{{Wait: f.waitGone}}, c.Steps...)
		return c, nil
	}
	c, err := f.converge(ctx, l)
	if !owned {
		c.Action, c.Reason = resource.Conflict, fmt.Sprintf("the function %s is somebody else's", f.spec.FunctionName)
	}
	return c, err
}

func (f *Function) creation() resource.Change {
	return resource.Change{
		Action: resource.Create,
		Attributes: []resource.Attribute{
			{Name: "function_name", New: f.spec.FunctionName},
			{Name: "architecture", New: f.spec.Architecture},
			{Name: "memory", New: megabytes(f.spec.MemoryMB)},
			{Name: "timeout", New: resource.Duration(f.spec.Timeout)},
			{Name: "role", New: f.spec.RoleARN},
		},
		Steps: []resource.Step{f.createStep()},
	}
}

// replacement is for a function whose creation failed: no update brings it back.
func (f *Function) replacement(l *types.FunctionConfiguration) resource.Change {
	return resource.Change{
		Action:     resource.Replace,
		Reason:     "AWS could not make it",
		Problem:    reason(l.StateReason, "the function is in the state Failed"),
		Attributes: []resource.Attribute{{Name: "state", Old: string(l.State), New: string(types.StateActive), Replaces: true}},
		Steps:      []resource.Step{f.deleteStep(), f.createStep()},
	}
}

func reason(told *string, otherwise string) string {
	if aws.ToString(told) == "" {
		return otherwise
	}
	return *told
}

// converge is what makes the live function as wanted.
func (f *Function) converge(ctx context.Context, l *lambda.GetFunctionOutput) (resource.Change, error) {
	c := resource.Change{Action: resource.None}
	if busy(l.Configuration) {
		c.Steps = append(c.Steps, resource.Step{Wait: f.waitSettled})
	}
	if tags := f.spec.Owner.DiffTags(l.Tags); len(tags) > 0 {
		c.Action = resource.Update
		c.Attributes = append(c.Attributes, tags...)
		// First: what is marked as ours is found again by a run that follows a killed one.
		c.Steps = append(c.Steps, resource.Step{Call: "lambda:TagResource", Do: func(ctx context.Context) error {
			_, err := f.lambda.TagResource(ctx, &lambda.TagResourceInput{Resource: l.Configuration.FunctionArn, Tags: f.spec.Owner.Tags()})
			return err
		}})
	}
	settings := f.diffSettings(l.Configuration)
	if l.Configuration.LastUpdateStatus == types.LastUpdateStatusFailed {
		c.Problem = reason(l.Configuration.LastUpdateStatusReason, "the last update failed")
		settings = append(settings, resource.Attribute{Name: "last_update", Old: "failed", New: "successful"})
	}
	if len(settings) > 0 {
		c.Action = resource.Update
		c.Attributes = append(c.Attributes, settings...)
		c.Steps = append(c.Steps, f.configureStep())
	}
	if r := l.Concurrency; r != nil && r.ReservedConcurrentExecutions != nil {
		// By hand it is most often 0, which switches the function off.
		c.Action = resource.Update
		c.Attributes = append(c.Attributes, resource.Attribute{Name: "reserved_concurrency", Old: strconv.Itoa(int(*r.ReservedConcurrentExecutions)), New: "none"})
		c.Steps = append(c.Steps, f.unreserveStep())
	}
	code, err := f.diffCode(ctx, l.Configuration)
	if len(code) > 0 {
		c.Action = resource.Update
		c.Attributes = append(c.Attributes, code...)
		c.Steps = append(c.Steps, f.codeStep())
	}
	return c, err
}

// diffCode are the differences that UpdateFunctionCode removes.
func (f *Function) diffCode(ctx context.Context, l *types.FunctionConfiguration) ([]resource.Attribute, error) {
	_, want, err := f.spec.Code(ctx)
	if err != nil {
		return nil, err
	}
	var diff differences
	diff.add("code", aws.ToString(l.CodeSha256), want)
	architecture := ""
	if len(l.Architectures) > 0 {
		architecture = string(l.Architectures[0])
	}
	diff.add("architecture", architecture, f.spec.Architecture)
	return diff, nil
}

// busy reports whether Lambda is at work on the function. A function that idles
// (Inactive) is as good as an active one.
func busy(l *types.FunctionConfiguration) bool {
	return l.State == types.StatePending || l.LastUpdateStatus == types.LastUpdateStatusInProgress
}

// Removal implements resource.Resource.
func (f *Function) Removal(ctx context.Context) (resource.Change, error) {
	l, err := f.find(ctx)
	switch {
	case err != nil || l == nil:
		return resource.Change{Action: resource.None}, err
	case !f.spec.Owner.Owns(l.Tags):
		return resource.Change{Action: resource.Keep, Reason: "not ours"}, nil
	}
	c := resource.Change{Action: resource.Delete}
	if l.Configuration.State == types.StateDeleting {
		c.Steps = []resource.Step{{Wait: f.waitGone}}
		return c, nil
	}
	if busy(l.Configuration) {
		c.Steps = append(c.Steps, resource.Step{Wait: f.waitSettled})
	}
	c.Steps = append(c.Steps, f.deleteStep())
	return c, nil
}
