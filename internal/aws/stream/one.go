package stream

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// Place is where a record is in a stream.
type Place struct {
	Shard    string
	Sequence string // of its shard
}

// PutOne puts a single record into the stream of that name, in one call without
// repetition. A call without an answer may have put it all the same.
func PutOne(ctx context.Context, cfg aws.Config, streamName, key string, data []byte) (Place, error) {
	out, err := kinesis.NewFromConfig(cfg).PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &streamName, PartitionKey: &key, Data: data}, once)
	if err != nil {
		return Place{}, fmt.Errorf("stream %s: %w", streamName, err)
	}
	return Place{Shard: aws.ToString(out.ShardId), Sequence: aws.ToString(out.SequenceNumber)}, nil
}
