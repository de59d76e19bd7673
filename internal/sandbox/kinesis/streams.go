package kinesis

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// What a new stream has unless it is told otherwise.
const (
	defaultRetention = 24   // hours
	defaultMaxRecord = 1024 // KiB
	onDemandShards   = 4
)

// mostCreating is how many streams of an account may be CREATING at a time.
const mostCreating = 5

func (s *Service) createStream(_ context.Context, in *kinesis.CreateStreamInput) (*kinesis.CreateStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mode, shards, err := birth(in)
	if err != nil {
		return nil, err
	}
	if st, ok := s.streams[*in.StreamName]; ok && s.settle(st) {
		return nil, wire.Errorf("ResourceInUseException", "Stream %s under account %s already exists.", st.name, s.bus.Account)
	}
	creating := 0
	for _, st := range s.live() {
		if st.status == types.StreamStatusCreating {
			creating++
		}
	}
	if creating >= mostCreating {
		return nil, wire.Errorf("LimitExceededException", "Account %s has %d streams in the CREATING state, and may have no more than %d.", s.bus.Account, creating, mostCreating)
	}
	if mode == types.StreamModeProvisioned {
		if err := s.checkQuota(shards); err != nil {
			return nil, err
		}
	}
	st := &stream{
		name: *in.StreamName, created: time.Now(), mode: mode,
		retention: defaultRetention, maxRecord: defaultMaxRecord, tags: map[string]string{}, consumers: map[string]*consumer{},
	}
	if in.MaxRecordSizeInKiB != nil {
		st.maxRecord = *in.MaxRecordSizeInKiB
	}
	if err := s.addTags(st.tags, in.Tags, s.where(st)); err != nil {
		return nil, err
	}
	st.begin(types.StreamStatusCreating, s.bus.Timing.StreamCreate, func() {
		starts := uniform(shards)
		for i, first := range starts {
			last := lastHash
			if i+1 < shards {
				last = starts[i+1].previous()
			}
			st.addShard(first, last, st.ready)
		}
	})
	s.streams[st.name] = st
	return &kinesis.CreateStreamOutput{}, nil
}

// birth is the mode and the number of shards that a new stream begins with.
func birth(in *kinesis.CreateStreamInput) (types.StreamMode, int, error) {
	if in.WarmThroughputMiBps != nil {
		return "", 0, wire.Errorf("ValidationException", "Warm throughput needs an account with the minimum throughput commitment.")
	}
	if in.StreamModeDetails != nil && in.StreamModeDetails.StreamMode == types.StreamModeOnDemand {
		if in.ShardCount != nil {
			return "", 0, wire.Errorf("ValidationException", "ShardCount must not be set when StreamMode is ON_DEMAND.")
		}
		return types.StreamModeOnDemand, onDemandShards, nil
	}
	if in.ShardCount == nil {
		return "", 0, wire.Errorf("ValidationException", "ShardCount must be set when StreamMode is PROVISIONED.")
	}
	return types.StreamModeProvisioned, int(*in.ShardCount), nil
}

func (s *Service) deleteStream(_ context.Context, in *kinesis.DeleteStreamInput) (*kinesis.DeleteStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.active(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	if len(st.liveConsumers()) > 0 && !aws.ToBool(in.EnforceConsumerDeletion) {
		return nil, wire.Errorf("ResourceInUseException", "Stream %s under account %s has registered consumers. Deregister them or set EnforceConsumerDeletion.", st.name, s.bus.Account)
	}
	st.begin(types.StreamStatusDeleting, s.bus.Timing.StreamDelete, nil)
	return &kinesis.DeleteStreamOutput{}, nil
}

func (s *Service) describeStreamSummary(_ context.Context, in *kinesis.DescribeStreamSummaryInput) (*kinesis.DescribeStreamSummaryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: &types.StreamDescriptionSummary{
		StreamName: aws.String(st.name), StreamARN: aws.String(s.arn(st)), StreamStatus: st.status,
		StreamModeDetails: &types.StreamModeDetails{StreamMode: st.mode}, StreamCreationTimestamp: aws.Time(st.created),
		RetentionPeriodHours: aws.Int32(st.retention), EncryptionType: st.encryption(), KeyId: st.keyID(),
		EnhancedMonitoring: st.monitoring(), OpenShardCount: aws.Int32(int32(len(st.open))),
		ConsumerCount: aws.Int32(int32(len(st.liveConsumers()))), MaxRecordSizeInKiB: aws.Int32(st.maxRecord),
	}}, nil
}

// describePage is the most shards that DescribeStream gives at a time (trap 39).
const describePage = 100

func (s *Service) describeStream(_ context.Context, in *kinesis.DescribeStreamInput) (*kinesis.DescribeStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	most := describePage
	if in.Limit != nil {
		most = min(most, int(*in.Limit))
	}
	shards, err := s.after(st, st.listed(), in.ExclusiveStartShardId)
	if err != nil {
		return nil, err
	}
	page := shards[:min(most, len(shards))]
	return &kinesis.DescribeStreamOutput{StreamDescription: &types.StreamDescription{
		StreamName: aws.String(st.name), StreamARN: aws.String(s.arn(st)), StreamStatus: st.status,
		StreamModeDetails: &types.StreamModeDetails{StreamMode: st.mode}, StreamCreationTimestamp: aws.Time(st.created),
		RetentionPeriodHours: aws.Int32(st.retention), EncryptionType: st.encryption(), KeyId: st.keyID(),
		EnhancedMonitoring: st.monitoring(), Shards: describeAll(page), HasMoreShards: aws.Bool(len(page) < len(shards)),
	}}, nil
}

func describeAll(shards []*shard) []types.Shard {
	all := make([]types.Shard, len(shards))
	for i, sh := range shards {
		all[i] = sh.describe()
	}
	return all
}

func (st *stream) encryption() types.EncryptionType {
	if st.key == "" {
		return types.EncryptionTypeNone
	}
	return types.EncryptionTypeKms
}

func (st *stream) keyID() *string {
	if st.key == "" {
		return nil
	}
	return aws.String(st.key)
}

func (st *stream) monitoring() []types.EnhancedMetrics {
	return []types.EnhancedMetrics{{ShardLevelMetrics: append([]types.MetricsName{}, st.metrics...)}}
}

func (s *Service) describeLimits(context.Context, *kinesis.DescribeLimitsInput) (*kinesis.DescribeLimitsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	onDemand := 0
	for _, st := range s.live() {
		if st.mode == types.StreamModeOnDemand {
			onDemand++
		}
	}
	return &kinesis.DescribeLimitsOutput{
		ShardLimit: aws.Int32(int32(s.shardQuota())), OpenShardCount: aws.Int32(int32(s.openShards())),
		OnDemandStreamCount: aws.Int32(int32(onDemand)), OnDemandStreamCountLimit: aws.Int32(50),
	}, nil
}
