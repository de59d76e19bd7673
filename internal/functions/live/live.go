// Package live connects the functions to AWS: which handler runs, with which
// queues, topics and workflow, as a Lambda handler over the SDK. What the
// handlers decide is package functions' business; where the SDK's configuration
// comes from is the caller's.
package live

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/functions"
	"github.com/ccs-platform/ccsctl/internal/functions/environment"
)

// A Handler is a Lambda function: it gets an event and gives its answer, both as
// JSON. Lambda's own library takes it as it is. That library is not linked here,
// since whoever runs functions in process is a larger program than bootstrap:
// its net/rpc keeps the linker from leaving out what is never called, which
// makes ccsctl half as large again.
type Handler interface {
	Invoke(ctx context.Context, event []byte) ([]byte, error)
}

// handling is a Handler of a function over an event's type.
type handling[Event, Answer any] func(context.Context, Event) (Answer, error)

func (h handling[Event, Answer]) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event Event
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	answer, err := h(ctx, event)
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

// New is the function that the environment names. It fails when the
// environment lacks something that function needs, and calls nothing yet.
func New(cfg aws.Config, getenv func(string) string, log *slog.Logger) (Handler, error) {
	var errs []error
	need := func(key string) string {
		v := getenv(key)
		if v == "" {
			errs = append(errs, fmt.Errorf("%s is not set", key))
		}
		return v
	}
	var h Handler
	switch name := getenv(environment.Handler); name {
	case environment.Ingest:
		client := sqs.NewFromConfig(cfg)
		h = handling[events.KinesisEvent, events.KinesisEventResponse](functions.Ingest{
			Emergencies: queue{client, need(environment.EmergencyQueue)},
			FollowUps:   queue{client, need(environment.TelemetryQueue)},
			Log:         log,
		}.Handle)
	case environment.FollowUp:
		client := sns.NewFromConfig(cfg)
		h = handling[events.SQSEvent, events.SQSEventResponse](functions.NewFollowUp(topic{client, need(environment.OwnerTopic)}, topic{client, need(environment.ManagerTopic)}, log).Handle)
	case environment.Emergency:
		h = handling[events.SQSEvent, events.SQSEventResponse](functions.Emergency{
			Workflow: workflow{sfn.NewFromConfig(cfg), need(environment.StateMachine)},
			Log:      log,
		}.Handle)
	default:
		return nil, fmt.Errorf("%s=%q names no function", environment.Handler, name)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return h, nil
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
