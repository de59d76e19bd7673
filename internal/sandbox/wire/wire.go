// Package wire speaks AWS's protocols on the server's side: AWS JSON 1.0 and
// 1.1, Query with XML, REST JSON, and RPC v2 CBOR. It turns requests into the
// SDK's own input structs, checks them against AWS's API models on the way, and
// turns output structs and errors back. What an operation does it leaves to the
// services.
package wire

import (
	"context"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"
)

// Service is one AWS service as this server offers it.
type Service struct {
	// Name is the name of its API model: "kinesis", "stepfunctions".
	Name string
	// Invalid is the error code of a request that breaks a constraint of the
	// model. Services differ: ValidationException, InvalidParameterException,
	// ValidationError. Missing is the one for an absent required member, ""
	// for the same code and wording.
	Invalid string
	Missing string
	// Ops are the operations served. Every other one is refused by name.
	Ops map[string]Op
}

// Op is one operation: a fresh input, and what answers it.
type Op struct {
	input  func() any
	answer func(ctx context.Context, in any) (any, error)
}

// Handle makes an Op of a function over the SDK's structs of one operation.
// The function may be called from many goroutines at once. An error that is
// not an *Error is answered as InternalFailure.
func Handle[In, Out any](f func(ctx context.Context, in *In) (*Out, error)) Op {
	return Op{
		input:  func() any { return new(In) },
		answer: func(ctx context.Context, in any) (any, error) { return f(ctx, in.(*In)) },
	}
}

// Raw is an output that brings its own HTTP form, for the few operations whose
// answer is not a structure.
type Raw struct {
	Status int
	Header http.Header
	Body   []byte
}

// Error is a refusal. Code is the name of the error's shape in AWS's model, or
// the bare code where AWS uses one that the model does not list.
type Error struct {
	Code    string
	Message string
	// Status overrides the model's HTTP status when it is not 0.
	Status int
	// Fields are the error's members beside the message.
	Fields map[string]any
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf makes a refusal.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Call names one request, for those who count, delay or refuse it.
type Call struct {
	Service   string
	Operation string
}

func (c Call) String() string { return c.Service + ":" + c.Operation }

// Hook sees every call that was understood, before its input is read. An error
// is the answer in place of the operation's own.
type Hook func(ctx context.Context, c Call) error

var (
	_ smithy.Serializable = (serializable)(nil)
	_ error               = (*Error)(nil)
)

type serializable interface{ Serialize(smithy.ShapeSerializer) }
