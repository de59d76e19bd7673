// Package live connects the functions to AWS: which handler runs, with which
// queues, topics and workflow, as a Lambda handler over the SDK. What the
// handlers decide is package functions' business; where the SDK's configuration
// comes from is the caller's.
package live

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/functions"
	"github.com/ccs-platform/ccsctl/internal/functions/environment"
)

// Handler is the function that the environment names. It fails when the
// environment lacks something that function needs, and calls nothing yet.
func Handler(cfg aws.Config, getenv func(string) string, log *slog.Logger) (lambda.Handler, error) {
	var errs []error
	need := func(key string) string {
		v := getenv(key)
		if v == "" {
			errs = append(errs, fmt.Errorf("%s is not set", key))
		}
		return v
	}
	var handle any
	switch name := getenv(environment.Handler); name {
	case environment.Ingest:
		client := sqs.NewFromConfig(cfg)
		handle = functions.Ingest{
			Emergencies: queue{client, need(environment.EmergencyQueue)},
			FollowUps:   queue{client, need(environment.TelemetryQueue)},
			Log:         log,
		}.Handle
	case environment.FollowUp:
		client := sns.NewFromConfig(cfg)
		handle = functions.NewFollowUp(topic{client, need(environment.OwnerTopic)}, topic{client, need(environment.ManagerTopic)}, log).Handle
	case environment.Emergency:
		handle = functions.Emergency{
			Workflow: workflow{sfn.NewFromConfig(cfg), need(environment.StateMachine)},
			Log:      log,
		}.Handle
	default:
		return nil, fmt.Errorf("%s=%q names no function", environment.Handler, name)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return lambda.NewHandler(handle), nil
}

// Config is the SDK's configuration inside a Lambda function, where everything
// comes from the environment. The SDK's own loader knows a dozen more sources,
// which would double the size of the program.
func Config(getenv func(string) string) aws.Config {
	cfg := aws.Config{
		Region: cmp.Or(getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION")),
		Credentials: credentials.NewStaticCredentialsProvider(
			getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"), getenv("AWS_SESSION_TOKEN")),
	}
	if url := getenv("AWS_ENDPOINT_URL"); url != "" {
		cfg.BaseEndpoint = &url
	}
	return cfg
}
