// Package sts is the sandbox's Security Token Service: everyone is the same
// operator.
package sts

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Service is STS.
type Service struct{ bus *bus.Bus }

// New is STS for the bus's account.
func New(b *bus.Bus) *Service { return &Service{b} }

// Wire is what the service offers.
func (s *Service) Wire() wire.Service {
	return wire.Service{Name: "sts", Invalid: "ValidationError", Ops: map[string]wire.Op{
		"GetCallerIdentity": wire.Handle(s.getCallerIdentity),
	}}
}

func (s *Service) getCallerIdentity(context.Context, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{
		Account: aws.String(s.bus.Account),
		Arn:     aws.String(fmt.Sprintf("arn:%s:iam::%s:user/sandbox", bus.Partition, s.bus.Account)),
		UserId:  aws.String("AIDASANDBOX0000000000"),
	}, nil
}
