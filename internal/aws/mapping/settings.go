package mapping

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/resource"
)

// differences are attributes that are not as wanted.
type differences []resource.Attribute

func (d *differences) add(name, old, want string) {
	if old != want {
		*d = append(*d, resource.Attribute{Name: name, Old: old, New: want})
	}
}

// diffSettings are the differences that UpdateEventSourceMapping removes. Those
// of an empty mapping are what is worth reading of a new one.
func (m *Mapping) diffSettings(l *live) []resource.Attribute {
	var diff differences
	diff.add("batch_size", number(l.BatchSize), number(&m.spec.BatchSize))
	if !m.fifo() {
		diff.add("window", seconds(l.MaximumBatchingWindowInSeconds), resource.Duration(m.spec.Window))
	}
	diff.add("partial_responses", onOff(slices.Contains(l.FunctionResponseTypes, types.FunctionResponseTypeReportBatchItemFailures)), onOff(m.spec.PartialResponses))
	if m.stream() {
		diff.add("bisect_on_error", onOff(aws.ToBool(l.BisectBatchOnFunctionError)), onOff(m.spec.BisectOnError))
		diff.add("max_retries", unbounded(l.MaximumRetryAttempts, number), unbounded(&m.spec.MaxRetries, number))
		diff.add("max_record_age", unbounded(l.MaximumRecordAgeInSeconds, seconds), unbounded(m.recordAge(), seconds))
		diff.add("on_failure", onFailure(l), m.spec.OnFailureARN)
		diff.add("parallelization_factor", number(l.ParallelizationFactor), number(&m.spec.ParallelizationFactor))
	} else {
		diff.add("maximum_concurrency", concurrency(l.ScalingConfig), concurrency(m.scaling()))
	}
	// Creating and Updating don't tell what comes of them.
	switch s := l.state(); {
	case m.spec.Enabled && (s == disabled || s == disabling):
		diff.add("state", s, enabled)
	case !m.spec.Enabled && (s == enabled || s == enabling):
		diff.add("state", s, disabled)
	}
	return diff
}

func number(n *int32) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(int(*n))
}

func seconds(n *int32) string {
	if n == nil {
		return ""
	}
	return resource.Duration(time.Duration(*n) * time.Second)
}

// unbounded words -1.
func unbounded(n *int32, word func(*int32) string) string {
	if n != nil && *n < 0 {
		return "no bound"
	}
	return word(n)
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func onFailure(l *live) string {
	if l.DestinationConfig == nil || l.DestinationConfig.OnFailure == nil {
		return ""
	}
	return aws.ToString(l.DestinationConfig.OnFailure.Destination)
}

func concurrency(c *types.ScalingConfig) string {
	if c == nil || aws.ToInt32(c.MaximumConcurrency) == 0 {
		return "no bound"
	}
	return fmt.Sprint(*c.MaximumConcurrency)
}

func (m *Mapping) window() *int32 {
	if m.fifo() {
		return nil // not even 0 is sent where a window is not supported
	}
	return aws.Int32(int32(m.spec.Window / time.Second))
}

func (m *Mapping) recordAge() *int32 {
	if m.spec.MaxRecordAge == 0 {
		return aws.Int32(-1)
	}
	return aws.Int32(int32(m.spec.MaxRecordAge / time.Second))
}

// scaling is an empty value, which takes a bound away, when there is to be none.
func (m *Mapping) scaling() *types.ScalingConfig {
	if m.spec.MaximumConcurrency == 0 {
		return &types.ScalingConfig{}
	}
	return &types.ScalingConfig{MaximumConcurrency: &m.spec.MaximumConcurrency}
}

// responses is never nil, which would leave what is there.
func (m *Mapping) responses() []types.FunctionResponseType {
	if m.spec.PartialResponses {
		return []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}
	}
	return []types.FunctionResponseType{}
}

// destination is an empty value, which takes one away, when there is to be
// none. An OnFailure without its destination would be refused.
func (m *Mapping) destination() *types.DestinationConfig {
	if m.spec.OnFailureARN == "" {
		return &types.DestinationConfig{}
	}
	return &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: &m.spec.OnFailureARN}}
}

func (m *Mapping) createInput() *lambda.CreateEventSourceMappingInput {
	in := &lambda.CreateEventSourceMappingInput{
		FunctionName: &m.spec.FunctionName, EventSourceArn: &m.spec.SourceARN, Enabled: &m.spec.Enabled, BatchSize: &m.spec.BatchSize,
		MaximumBatchingWindowInSeconds: m.window(), FunctionResponseTypes: m.responses(), Tags: m.spec.Owner.Tags(),
	}
	if m.stream() {
		in.StartingPosition = types.EventSourcePosition(m.spec.StartingPosition)
		in.BisectBatchOnFunctionError = &m.spec.BisectOnError
		in.MaximumRetryAttempts, in.MaximumRecordAgeInSeconds = &m.spec.MaxRetries, m.recordAge()
		in.ParallelizationFactor = &m.spec.ParallelizationFactor
		if m.spec.OnFailureARN != "" {
			in.DestinationConfig = m.destination()
		}
	} else if m.spec.MaximumConcurrency > 0 {
		in.ScalingConfig = m.scaling()
	}
	return in
}

func (m *Mapping) updateInput(uuid *string) *lambda.UpdateEventSourceMappingInput {
	in := &lambda.UpdateEventSourceMappingInput{
		UUID: uuid, FunctionName: &m.spec.FunctionName, Enabled: &m.spec.Enabled, BatchSize: &m.spec.BatchSize,
		MaximumBatchingWindowInSeconds: m.window(), FunctionResponseTypes: m.responses(),
	}
	if m.stream() {
		in.BisectBatchOnFunctionError = &m.spec.BisectOnError
		in.MaximumRetryAttempts, in.MaximumRecordAgeInSeconds = &m.spec.MaxRetries, m.recordAge()
		in.ParallelizationFactor, in.DestinationConfig = &m.spec.ParallelizationFactor, m.destination()
	} else {
		in.ScalingConfig = m.scaling()
	}
	return in
}
