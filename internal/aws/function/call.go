package function

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// MaxPayload is what a call that waits for its answer may carry ("Lambda
// quotas").
const MaxPayload = 6 << 20

// Caller calls one live function.
type Caller struct {
	lambda *lambda.Client
	name   string
}

// NewCaller calls the function of that name.
func NewCaller(cfg aws.Config, name string) *Caller {
	return &Caller{lambda: lambda.NewFromConfig(cfg), name: name}
}

// Call calls the function and waits for its answer. A function that fails, as by
// an exception or its timeout, is an error with what it said. It may be called
// twice when the first answer is lost, as Lambda itself does.
func (c *Caller) Call(ctx context.Context, payload []byte) ([]byte, error) {
	out, err := c.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &c.name, Payload: payload})
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", c.name, err)
	}
	if out.FunctionError != nil {
		const most = 500
		return nil, fmt.Errorf("call %s: %s: %.*s", c.name, *out.FunctionError, most, out.Payload)
	}
	return out.Payload, nil
}
