package sqs

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

func (s *Service) listQueues(_ context.Context, in *sqs.ListQueuesInput) (*sqs.ListQueuesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name, q := range s.queues {
		if q.deleted.IsZero() && strings.HasPrefix(name, aws.ToString(in.QueueNamePrefix)) {
			names = append(names, name)
		}
	}
	urls, next, err := s.page(names, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sqs.ListQueuesOutput{QueueUrls: urls, NextToken: next}, nil
}

func (s *Service) listDeadLetterSourceQueues(_ context.Context, in *sqs.ListDeadLetterSourceQueuesInput) (*sqs.ListDeadLetterSourceQueuesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dlq, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	var names []string
	for name, q := range s.queues {
		if q.deleted.IsZero() && q.settings.redrive.Target == dlq.arn {
			names = append(names, name)
		}
	}
	urls, next, err := s.page(names, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sqs.ListDeadLetterSourceQueuesOutput{QueueUrls: urls, NextToken: next}, nil
}

// page cuts a page of queues, by name, and makes URLs of it. Without
// MaxResults, SQS lists the first thousand and gives no token.
func (s *Service) page(names []string, limit *int32, token *string) (urls []string, next *string, err error) {
	const most = 1000
	slices.Sort(names)
	if limit == nil && token != nil {
		return nil, nil, wire.Errorf("InvalidParameterValue", "MaxResults is a mandatory parameter when you provide a value for NextToken.")
	}
	if limit != nil && (*limit < 1 || *limit > most) {
		return nil, nil, wire.Errorf("InvalidParameterValue", "Value %d for parameter MaxResults is invalid. Reason: Must be an integer from 1 to 1000.", *limit)
	}
	if token != nil {
		after, err := hex.DecodeString(*token)
		if err != nil {
			return nil, nil, wire.Errorf("InvalidParameterValue", "Invalid or expired next token.")
		}
		token = aws.String(string(after))
	}
	names, next = wire.Page(names, token, limit, most)
	switch {
	case limit == nil:
		next = nil
	case next != nil:
		next = aws.String(hex.EncodeToString([]byte(*next)))
	}
	for _, name := range names {
		urls = append(urls, *s.url(name))
	}
	return urls, next, nil
}
