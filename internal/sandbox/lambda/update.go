package lambda

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Limits of a function (Lambda quotas page). The API's model allows more, for
// kinds of function that the sandbox lacks.
const (
	maxTimeout     = 900   // seconds
	maxMemory      = 10240 // MB
	maxEnvironment = 4096  // bytes of all variables together
)

// settings are what creating and configuring a function have in common. What
// is absent stays as it is.
type settings struct {
	role        *string
	handler     *string
	runtime     types.Runtime
	description *string
	timeout     *int32
	memory      *int32
	environment *types.Environment
	logging     *types.LoggingConfig
	tracing     *types.TracingConfig
	storage     *types.EphemeralStorage
}

func settingsOf(in *lambda.CreateFunctionInput) settings {
	return settings{role: in.Role, handler: in.Handler, runtime: in.Runtime, description: in.Description, timeout: in.Timeout,
		memory: in.MemorySize, environment: in.Environment, logging: in.LoggingConfig, tracing: in.TracingConfig, storage: in.EphemeralStorage}
}

// configure checks settings and applies them to c.
func (s *Service) configure(c *types.FunctionConfiguration, in settings) error {
	if err := in.check(); err != nil {
		return err
	}
	set(&c.Role, in.role)
	set(&c.Handler, in.handler)
	set(&c.Description, in.description)
	set(&c.Timeout, in.timeout)
	set(&c.MemorySize, in.memory)
	set(&c.EphemeralStorage, in.storage)
	if in.runtime != "" {
		c.Runtime = in.runtime
		c.RuntimeVersionConfig = &types.RuntimeVersionConfig{RuntimeVersionArn: aws.String("arn:aws:lambda:" + s.bus.Region + "::runtime:" + strings.Repeat("0", 64))}
	}
	if in.environment != nil {
		c.Environment = nil
		if len(in.environment.Variables) > 0 {
			c.Environment = &types.EnvironmentResponse{Variables: in.environment.Variables}
		}
	}
	if in.tracing != nil {
		c.TracingConfig = &types.TracingConfigResponse{Mode: in.tracing.Mode}
	}
	if in.logging != nil {
		l := *c.LoggingConfig
		set(&l.LogGroup, in.logging.LogGroup)
		if in.logging.LogFormat != "" {
			l.LogFormat = in.logging.LogFormat
		}
		if l.LogFormat == types.LogFormatText && (in.logging.ApplicationLogLevel != "" || in.logging.SystemLogLevel != "") {
			return invalid("LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from your request or change the LogFormat to \"JSON\" and try again.")
		}
		l.ApplicationLogLevel, l.SystemLogLevel = in.logging.ApplicationLogLevel, in.logging.SystemLogLevel
		c.LoggingConfig = &l
	}
	return nil
}

func set[T any](field **T, value *T) {
	if value != nil {
		*field = value
	}
}

func (in settings) check() error {
	switch in.runtime {
	case "", types.RuntimeProvidedal2, types.RuntimeProvidedal2023:
	case types.RuntimeGo1x, types.RuntimeProvided:
		return invalid("The runtime parameter of %s is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions.", in.runtime)
	default:
		return unserved("the runtime " + string(in.runtime))
	}
	if in.timeout != nil && *in.timeout > maxTimeout {
		return outOfRange(*in.timeout, "timeout", "have value less than or equal to 900")
	}
	if in.memory != nil && *in.memory > maxMemory {
		return outOfRange(*in.memory, "memorySize", "have value less than or equal to 10240")
	}
	if in.environment != nil {
		return checkEnvironment(in.environment.Variables)
	}
	return nil
}

// reserved are the variables that Lambda sets itself ("Defined runtime
// environment variables" of its guide).
var reserved = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
	"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY",
	"AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
}

func checkEnvironment(variables map[string]string) error {
	const unable = "Lambda was unable to configure your environment variables because the environment variables you have provided "
	var taken []string
	for _, name := range reserved {
		if _, ok := variables[name]; ok {
			taken = append(taken, name)
		}
	}
	if len(taken) > 0 {
		return invalid(unable+"contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(taken, ", "))
	}
	text, err := json.Marshal(variables)
	if err != nil {
		return err
	}
	if len(text) > maxEnvironment {
		return invalid(unable+"exceeded the 4KB limit. String measured: %s", text)
	}
	return nil
}

// changing finds a function that can be changed now: not Pending, and with no
// change under way (trap 35).
func (s *Service) changing(name, revision *string) (*function, error) {
	f, err := s.find(*name)
	if err != nil {
		return nil, err
	}
	if err := f.notPending(); err != nil {
		return nil, err
	}
	if time.Now().Before(f.updated) {
		return nil, wire.Errorf("ResourceConflictException", "The operation cannot be performed at this time. An update is in progress for resource: %s", s.functionARN(f.name))
	}
	if revision != nil && *revision != *f.settings.RevisionId {
		return nil, wire.Errorf("PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
	}
	return f, nil
}

func (s *Service) change(f *function) *types.FunctionConfiguration {
	f.touch()
	f.updated = time.Now().Add(s.bus.Timing.FunctionUpdate)
	return f.view()
}

func (s *Service) updateFunctionConfiguration(_ context.Context, in *lambda.UpdateFunctionConfigurationInput) (*types.FunctionConfiguration, error) {
	if err := firstUnserved(map[string]bool{
		"CapacityProviderConfig": in.CapacityProviderConfig != nil,
		"DeadLetterConfig":       in.DeadLetterConfig != nil,
		"DurableConfig":          in.DurableConfig != nil,
		"FileSystemConfigs":      len(in.FileSystemConfigs) > 0,
		"ImageConfig":            in.ImageConfig != nil,
		"KMSKeyArn":              aws.ToString(in.KMSKeyArn) != "",
		"Layers":                 len(in.Layers) > 0,
		"SnapStart":              in.SnapStart != nil && in.SnapStart.ApplyOn != types.SnapStartApplyOnNone,
		"VpcConfig":              in.VpcConfig != nil,
	}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.changing(in.FunctionName, in.RevisionId)
	if err != nil {
		return nil, err
	}
	wanted := f.settings
	err = s.configure(&wanted, settings{role: in.Role, handler: in.Handler, runtime: in.Runtime, description: in.Description, timeout: in.Timeout,
		memory: in.MemorySize, environment: in.Environment, logging: in.LoggingConfig, tracing: in.TracingConfig, storage: in.EphemeralStorage})
	if err != nil {
		return nil, err
	}
	if in.Role != nil {
		if err := s.assume(*in.Role, f.name); err != nil {
			return nil, err
		}
	}
	f.settings = wanted
	return s.change(f), nil
}

func (s *Service) updateFunctionCode(_ context.Context, in *lambda.UpdateFunctionCodeInput) (*types.FunctionConfiguration, error) {
	if err := firstUnserved(map[string]bool{
		"DryRun":   in.DryRun,
		"ImageUri": in.ImageUri != nil,
		"Publish":  in.Publish || in.PublishTo != "",
		"S3Bucket": in.S3Bucket != nil,
	}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.changing(in.FunctionName, in.RevisionId)
	if err != nil {
		return nil, err
	}
	if err := f.load(in.ZipFile); err != nil {
		return nil, err
	}
	if len(in.Architectures) > 0 {
		f.settings.Architectures = slices.Clone(in.Architectures)
	}
	return s.change(f), nil
}
