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
)

// The environment of the three functions.
const (
	EnvHandler        = "CCSCTL_HANDLER" // Ingest, FollowUp or Emergency
	EnvEmergencyQueue = "EMERGENCY_QUEUE_URL"
	EnvTelemetryQueue = "TELEMETRY_QUEUE_URL"
	EnvStateMachine   = "STATE_MACHINE_ARN"
	EnvOwnerTopic     = "OWNER_TOPIC_ARN"
	EnvManagerTopic   = "MANAGER_TOPIC_ARN"
)

// The values of EnvHandler.
const (
	Ingest    = "ingest"    // needs EnvEmergencyQueue and EnvTelemetryQueue
	FollowUp  = "followup"  // needs EnvOwnerTopic and EnvManagerTopic
	Emergency = "emergency" // needs EnvStateMachine
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
	switch name := getenv(EnvHandler); name {
	case Ingest:
		client := sqs.NewFromConfig(cfg)
		handle = functions.Ingest{
			Emergencies: queue{client, need(EnvEmergencyQueue)},
			FollowUps:   queue{client, need(EnvTelemetryQueue)},
			Log:         log,
		}.Handle
	case FollowUp:
		client := sns.NewFromConfig(cfg)
		handle = functions.NewFollowUp(topic{client, need(EnvOwnerTopic)}, topic{client, need(EnvManagerTopic)}, log).Handle
	case Emergency:
		handle = functions.Emergency{
			Workflow: workflow{sfn.NewFromConfig(cfg), need(EnvStateMachine)},
			Log:      log,
		}.Handle
	default:
		return nil, fmt.Errorf("%s=%q names no function", EnvHandler, name)
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
