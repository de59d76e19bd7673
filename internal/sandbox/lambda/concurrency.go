package lambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// An account's concurrent executions, and how many of them must stay free of
// reservations (Lambda guide, "Configuring reserved concurrency").
const (
	accountConcurrency = 1000
	leastUnreserved    = 100
)

func (s *Service) putFunctionConcurrency(_ context.Context, in *lambda.PutFunctionConcurrencyInput) (*lambda.PutFunctionConcurrencyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(*in.FunctionName)
	if err != nil {
		return nil, err
	}
	left := accountConcurrency - *in.ReservedConcurrentExecutions
	for _, other := range s.functions {
		if other != f {
			left -= aws.ToInt32(other.reserved)
		}
	}
	if left < leastUnreserved {
		return nil, invalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", leastUnreserved)
	}
	f.reserved = in.ReservedConcurrentExecutions
	return &lambda.PutFunctionConcurrencyOutput{ReservedConcurrentExecutions: f.reserved}, nil
}

func (s *Service) getFunctionConcurrency(_ context.Context, in *lambda.GetFunctionConcurrencyInput) (*lambda.GetFunctionConcurrencyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(*in.FunctionName)
	if err != nil {
		return nil, err
	}
	return &lambda.GetFunctionConcurrencyOutput{ReservedConcurrentExecutions: f.reserved}, nil
}

func (s *Service) deleteFunctionConcurrency(_ context.Context, in *lambda.DeleteFunctionConcurrencyInput) (*lambda.DeleteFunctionConcurrencyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(*in.FunctionName)
	if err != nil {
		return nil, err
	}
	f.reserved = nil
	return &lambda.DeleteFunctionConcurrencyOutput{}, nil
}
