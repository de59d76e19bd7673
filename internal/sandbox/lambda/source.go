package lambda

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// kind is what a mapping reads.
type kind int

const (
	kinesis kind = iota
	queue
	fifo
)

// source is what a mapping reads, and the rules that come with its kind
// (API ref CreateEventSourceMapping; Lambda guide, "Lambda parameters for
// Amazon SQS event source mappings" and the same for Kinesis).
type source struct {
	kind kind
	arn  string
}

func (s *Service) sourceOf(arn *string) (source, error) {
	if arn == nil {
		return source{}, invalid("Unrecognized event source.")
	}
	parts := strings.SplitN(*arn, ":", 6)
	if len(parts) != 6 {
		return source{}, invalid("Unrecognized event source.")
	}
	switch src := (source{arn: *arn}); {
	case parts[2] == "kinesis" && strings.HasPrefix(parts[5], "stream/"):
		if strings.Contains(parts[5], "/consumer/") {
			return src, unserved("stream consumers")
		}
		return src, nil
	case parts[2] == "sqs" && strings.HasSuffix(parts[5], ".fifo"):
		src.kind = fifo
		return src, nil
	case parts[2] == "sqs":
		src.kind = queue
		return src, nil
	case slices.Contains([]string{"dynamodb", "kafka", "mq", "rds"}, parts[2]):
		return src, unserved("event sources of " + parts[2])
	}
	return source{}, invalid("Unrecognized event source.")
}

// defaults are what a new mapping has before anything is asked for.
func (src source) defaults() types.EventSourceMappingConfiguration {
	c := types.EventSourceMappingConfiguration{
		EventSourceArn: &src.arn, MaximumBatchingWindowInSeconds: aws.Int32(0), BatchSize: aws.Int32(10),
		FunctionResponseTypes: []types.FunctionResponseType{}, StateTransitionReason: aws.String("USER_INITIATED"),
	}
	if src.kind == kinesis {
		c.BatchSize, c.StateTransitionReason = aws.Int32(100), aws.String("User action")
		c.BisectBatchOnFunctionError = aws.Bool(false)
		c.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{}}
		c.MaximumRecordAgeInSeconds, c.MaximumRetryAttempts = aws.Int32(-1), aws.Int32(-1)
		c.ParallelizationFactor, c.TumblingWindowInSeconds = aws.Int32(1), aws.Int32(0)
	}
	return c
}

func (src source) checkStart(in *lambda.CreateEventSourceMappingInput) error {
	switch {
	case src.kind != kinesis && in.StartingPosition != "":
		return unsupported("StartingPosition")
	case src.kind != kinesis:
		return nil
	case in.StartingPosition == "":
		return invalid("1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.")
	case (in.StartingPosition == types.EventSourcePositionAtTimestamp) != (in.StartingPositionTimestamp != nil):
		return invalid("StartingPositionTimestamp is required for, and only for, StartingPosition AT_TIMESTAMP.")
	}
	return nil
}

func unsupported(member string) error {
	return invalid("Unsupported %s parameter for given event source mapping type.", member)
}

// wiring is what creating and updating a mapping have in common. What is absent
// stays as it is.
type wiring struct {
	batch, window *int32
	bisect        *bool
	retries, age  *int32
	parallel      *int32
	scaling       *types.ScalingConfig
	destination   *types.DestinationConfig
	responses     []types.FunctionResponseType // nil is absent, empty is none
}

// connect applies w to m, a mapping of its source to f, when AWS would.
func (s *Service) connect(m *mapping, f *function, w wiring) error {
	if err := m.source.check(w); err != nil {
		return err
	}
	c := &m.settings
	c.FunctionArn = aws.String(s.functionARN(f.name))
	set(&c.BatchSize, w.batch)
	set(&c.MaximumBatchingWindowInSeconds, w.window)
	set(&c.BisectBatchOnFunctionError, w.bisect)
	set(&c.MaximumRetryAttempts, w.retries)
	set(&c.MaximumRecordAgeInSeconds, w.age)
	set(&c.ParallelizationFactor, w.parallel)
	if w.scaling != nil {
		c.ScalingConfig = w.scaling
		if w.scaling.MaximumConcurrency == nil {
			c.ScalingConfig = nil // an empty value removes it
		}
	}
	if w.responses != nil {
		c.FunctionResponseTypes = w.responses
	}
	if w.destination != nil {
		c.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{}}
		if on := w.destination.OnFailure; on != nil {
			c.DestinationConfig.OnFailure = on
		}
	}
	if err := m.source.checkBatch(*c.BatchSize, *c.MaximumBatchingWindowInSeconds); err != nil {
		return err
	}
	return s.reachable(m, f)
}

// check refuses what the kind of source has no use for.
func (src source) check(w wiring) error {
	if src.kind == kinesis {
		if w.scaling != nil {
			return unsupported("ScalingConfig")
		}
		if w.age != nil && *w.age != -1 && *w.age < 60 {
			return outOfRange(*w.age, "maximumRecordAgeInSeconds", "have value greater than or equal to 60")
		}
		switch d := w.destination; {
		case d == nil:
		case d.OnSuccess != nil:
			return unsupported("DestinationConfig.OnSuccess")
		case d.OnFailure != nil && aws.ToString(d.OnFailure.Destination) == "":
			return invalid("The Destination field is required for an OnFailure configuration.")
		}
		return nil
	}
	switch {
	case w.bisect != nil:
		return unsupported("BisectBatchOnFunctionError")
	case w.retries != nil:
		return unsupported("MaximumRetryAttempts")
	case w.age != nil:
		return unsupported("MaximumRecordAgeInSeconds")
	case w.parallel != nil:
		return unsupported("ParallelizationFactor")
	case w.destination != nil:
		return unsupported("DestinationConfig")
	}
	return nil
}

func (src source) checkBatch(size, window int32) error {
	switch {
	case src.kind == fifo && window > 0:
		return invalid("Batching window is not supported for FIFO queues")
	case src.kind == fifo && size > 10:
		return invalid("Maximum batch size for FIFO queues is 10.")
	case src.kind == queue && size > 10 && window == 0:
		return invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
	}
	return nil
}

// reachable refuses a source that is not there, that the function's role may
// not read, or whose messages come back before the function is done with them
// (trap 16).
func (s *Service) reachable(m *mapping, f *function) error {
	role := *f.settings.Role
	if m.source.kind == kinesis {
		if _, ok := s.bus.Streams.Stream(m.source.arn); !ok {
			return invalid("Stream not found: %s", m.source.arn)
		}
		allowed := s.bus.Roles.Allowed(role, "kinesis:ListStreams", "*")
		for _, action := range []string{"GetRecords", "GetShardIterator", "DescribeStream", "ListShards"} {
			allowed = allowed && s.bus.Roles.Allowed(role, "kinesis:"+action, m.source.arn)
		}
		if !allowed {
			return invalid("Cannot access stream %s. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, ListShards, and ListStreams Actions on your stream in IAM.", m.source.arn)
		}
		return s.destination(m, role)
	}
	q, ok := s.bus.Queues.Queue(m.source.arn)
	if !ok {
		return invalid("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.")
	}
	for _, action := range []string{"ReceiveMessage", "DeleteMessage", "GetQueueAttributes"} {
		if !s.bus.Roles.Allowed(role, "sqs:"+action, m.source.arn) {
			return invalid("The provided execution role does not have permissions to call %s on SQS", action)
		}
	}
	if timeout := *f.settings.Timeout; q.Visibility < int(timeout) {
		return invalid("Queue visibility timeout: %d seconds is less than Function timeout: %d seconds", q.Visibility, timeout)
	}
	return nil
}

// destination checks where a stream's mapping reports what it gave up on.
func (s *Service) destination(m *mapping, role string) error {
	on := m.settings.DestinationConfig.OnFailure.Destination
	if aws.ToString(on) == "" {
		return nil
	}
	parts := strings.SplitN(*on, ":", 6)
	service := ""
	if len(parts) == 6 {
		service = parts[2]
	}
	found, action := false, ""
	switch service {
	case "sqs":
		_, found = s.bus.Queues.Queue(*on)
		action = "SendMessage"
	case "sns":
		found, action = s.bus.Topics.Topic(*on), "Publish"
	case "s3":
		return unserved("buckets as destinations")
	}
	if !found || strings.HasSuffix(*on, ".fifo") {
		return invalid("The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination=%s)) is invalid.", *on)
	}
	if !s.bus.Roles.Allowed(role, service+":"+action, *on) {
		return invalid("The provided execution role does not have permissions to call %s on %s", action, strings.ToUpper(service))
	}
	return nil
}
