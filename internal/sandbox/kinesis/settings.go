package kinesis

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// change begins a change of settings, which shows when it ends.
func (s *Service) change(st *stream, effect func()) {
	st.begin(types.StreamStatusUpdating, s.bus.Timing.StreamUpdate, effect)
}

func (s *Service) increaseRetention(_ context.Context, in *kinesis.IncreaseStreamRetentionPeriodInput) (*kinesis.IncreaseStreamRetentionPeriodOutput, error) {
	return &kinesis.IncreaseStreamRetentionPeriodOutput{}, s.retain(in.StreamName, in.StreamARN, *in.RetentionPeriodHours, func(st *stream) error {
		if *in.RetentionPeriodHours < st.retention {
			return wire.Errorf("InvalidArgumentException", "Requested retention period (%d hours) for stream %s can not be shorter than existing retention period (%d hours). Use DecreaseRetentionPeriod API.",
				*in.RetentionPeriodHours, st.name, st.retention)
		}
		return nil
	})
}

func (s *Service) decreaseRetention(_ context.Context, in *kinesis.DecreaseStreamRetentionPeriodInput) (*kinesis.DecreaseStreamRetentionPeriodOutput, error) {
	return &kinesis.DecreaseStreamRetentionPeriodOutput{}, s.retain(in.StreamName, in.StreamARN, *in.RetentionPeriodHours, func(st *stream) error {
		if *in.RetentionPeriodHours > st.retention {
			return wire.Errorf("InvalidArgumentException", "Requested retention period (%d hours) for stream %s can not be longer than existing retention period (%d hours). Use IncreaseRetentionPeriod API.",
				*in.RetentionPeriodHours, st.name, st.retention)
		}
		return nil
	})
}

func (s *Service) retain(name, arn *string, hours int32, check func(*stream) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.active(name, arn)
	if err != nil {
		return err
	}
	switch {
	case hours < 24:
		return wire.Errorf("InvalidArgumentException", "Minimum allowed retention period is 24 hours. Requested retention period (%d hours) is too short.", hours)
	case hours > 8760:
		return wire.Errorf("InvalidArgumentException", "Maximum allowed retention period is 8760 hours. Requested retention period (%d hours) is too long.", hours)
	}
	if err := check(st); err != nil {
		return err
	}
	s.change(st, func() { st.retention = hours })
	return nil
}

// encryptionsPerDay bounds how often a key is applied, and how often taken off
// (API refs StartStreamEncryption, StopStreamEncryption).
const encryptionsPerDay = 25

// ownKey is the key that Kinesis makes for the account by itself.
const ownKey = "alias/aws/kinesis"

func (s *Service) startEncryption(_ context.Context, in *kinesis.StartStreamEncryptionInput) (*kinesis.StartStreamEncryptionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.active(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	if in.EncryptionType != types.EncryptionTypeKms {
		return nil, wire.Errorf("InvalidArgumentException", "The only valid EncryptionType of StartStreamEncryption is KMS.")
	}
	if err := s.checkKey(*in.KeyId); err != nil {
		return nil, err
	}
	if !daily(&st.encryptions, encryptionsPerDay) {
		return nil, wire.Errorf("LimitExceededException", "A key can be applied to %s no more than %d times in a rolling 24-hour period.", s.where(st), encryptionsPerDay)
	}
	s.change(st, func() { st.key = *in.KeyId })
	return &kinesis.StartStreamEncryptionOutput{}, nil
}

// checkKey refuses a key that does not exist or can't be used.
func (s *Service) checkKey(ref string) error {
	if name, ok := s.bus.Name(ref, "kms", ""); ref == ownKey || ok && name == ownKey {
		return nil
	}
	k, ok := s.bus.Keys.Key(ref)
	switch {
	case !ok:
		return wire.Errorf("KMSNotFoundException", "Key '%s' does not exist", ref)
	case k.State == "Disabled":
		return wire.Errorf("KMSDisabledException", "%s is disabled.", k.ARN)
	case k.State == "PendingDeletion":
		return wire.Errorf("KMSInvalidStateException", "%s is pending deletion.", k.ARN)
	case k.State != "Enabled":
		return wire.Errorf("KMSInvalidStateException", "%s is in state %s.", k.ARN, k.State)
	}
	return nil
}

func (s *Service) stopEncryption(_ context.Context, in *kinesis.StopStreamEncryptionInput) (*kinesis.StopStreamEncryptionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.active(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	if in.EncryptionType != types.EncryptionTypeKms {
		return nil, wire.Errorf("InvalidArgumentException", "The only valid EncryptionType of StopStreamEncryption is KMS.")
	}
	if !daily(&st.stops, encryptionsPerDay) {
		return nil, wire.Errorf("LimitExceededException", "Encryption of %s can be stopped no more than %d times in a rolling 24-hour period.", s.where(st), encryptionsPerDay)
	}
	s.change(st, func() { st.key = "" })
	return &kinesis.StopStreamEncryptionOutput{}, nil
}

// modesPerDay bounds changes of the capacity mode.
const modesPerDay = 2

func (s *Service) updateMode(_ context.Context, in *kinesis.UpdateStreamModeInput) (*kinesis.UpdateStreamModeOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.active(nil, in.StreamARN)
	if err != nil {
		return nil, err
	}
	if in.WarmThroughputMiBps != nil {
		return nil, wire.Errorf("ValidationException", "Warm throughput needs an account with the minimum throughput commitment.")
	}
	if !daily(&st.modes, modesPerDay) {
		return nil, wire.Errorf("LimitExceededException", "The capacity mode of %s can be changed no more than %d times in a rolling 24-hour period.", s.where(st), modesPerDay)
	}
	s.change(st, func() { st.mode = in.StreamModeDetails.StreamMode })
	return &kinesis.UpdateStreamModeOutput{}, nil
}

func (s *Service) updateMaxRecordSize(_ context.Context, in *kinesis.UpdateMaxRecordSizeInput) (*kinesis.UpdateMaxRecordSizeOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.active(nil, in.StreamARN)
	if err != nil {
		return nil, err
	}
	s.change(st, func() { st.maxRecord = *in.MaxRecordSizeInKiB })
	return &kinesis.UpdateMaxRecordSizeOutput{}, nil
}

// shardMetrics are the shard-level metrics in the order in which AWS lists
// them, whatever the order of the request.
var shardMetrics = []types.MetricsName{
	types.MetricsNameIncomingBytes, types.MetricsNameOutgoingRecords, types.MetricsNameIteratorAgeMilliseconds, types.MetricsNameIncomingRecords,
	types.MetricsNameReadProvisionedThroughputExceeded, types.MetricsNameWriteProvisionedThroughputExceeded, types.MetricsNameOutgoingBytes,
}

func (s *Service) enableMonitoring(_ context.Context, in *kinesis.EnableEnhancedMonitoringInput) (*kinesis.EnableEnhancedMonitoringOutput, error) {
	st, before, after, err := s.monitor(in.StreamName, in.StreamARN, func(name types.MetricsName, on bool) bool {
		return on || named(in.ShardLevelMetrics, name)
	})
	if err != nil {
		return nil, err
	}
	return &kinesis.EnableEnhancedMonitoringOutput{
		StreamName: aws.String(st.name), StreamARN: aws.String(s.arn(st)), CurrentShardLevelMetrics: before, DesiredShardLevelMetrics: after,
	}, nil
}

func (s *Service) disableMonitoring(_ context.Context, in *kinesis.DisableEnhancedMonitoringInput) (*kinesis.DisableEnhancedMonitoringOutput, error) {
	st, before, after, err := s.monitor(in.StreamName, in.StreamARN, func(name types.MetricsName, on bool) bool {
		return on && !named(in.ShardLevelMetrics, name)
	})
	if err != nil {
		return nil, err
	}
	return &kinesis.DisableEnhancedMonitoringOutput{
		StreamName: aws.String(st.name), StreamARN: aws.String(s.arn(st)), CurrentShardLevelMetrics: before, DesiredShardLevelMetrics: after,
	}, nil
}

func named(list []types.MetricsName, name types.MetricsName) bool {
	return slices.Contains(list, name) || slices.Contains(list, types.MetricsNameAll)
}

// monitor changes the set of shard-level metrics. ALL is an order only: it
// reads back as the seven names.
func (s *Service) monitor(name, arn *string, keep func(name types.MetricsName, on bool) bool) (st *stream, before, after []types.MetricsName, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st, err = s.active(name, arn); err != nil {
		return nil, nil, nil, err
	}
	before = append([]types.MetricsName{}, st.metrics...)
	after = []types.MetricsName{}
	for _, m := range shardMetrics {
		if keep(m, slices.Contains(st.metrics, m)) {
			after = append(after, m)
		}
	}
	s.change(st, func() { st.metrics = after })
	return st, before, after, nil
}
