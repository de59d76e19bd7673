package kinesis

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// token is where the next page of a list begins. It lives as long as AWS's.
type token struct {
	List    string
	Stream  string             `json:",omitempty"`
	Created time.Time          `json:",omitzero"`
	After   string             // the last that was given
	Filter  *types.ShardFilter `json:",omitempty"`
	Issued  time.Time
}

const tokenLife = 300 * time.Second

func (t token) String() string {
	t.Issued = time.Now()
	text, err := json.Marshal(t)
	if err != nil {
		panic(err) // strings and times always marshal
	}
	return base64.StdEncoding.EncodeToString(text)
}

func readToken(list, text string) (token, error) {
	var t token
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &t) != nil || t.List != list {
		return token{}, wire.Errorf("InvalidArgumentException", "NextToken is invalid.")
	}
	if time.Since(t.Issued) > tokenLife {
		return token{}, wire.Errorf("ExpiredNextTokenException", "NextToken is expired: it was issued at %s and lives for %v.", t.Issued.UTC().Format(time.RFC3339), tokenLife)
	}
	return t, nil
}

func (s *Service) listStreams(_ context.Context, in *kinesis.ListStreamsInput) (*kinesis.ListStreamsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	after := aws.ToString(in.ExclusiveStartStreamName)
	if in.NextToken != nil {
		t, err := readToken("streams", *in.NextToken)
		if err != nil {
			return nil, err
		}
		after = t.After
	}
	most := 100
	if in.Limit != nil {
		most = int(*in.Limit)
	}
	out := &kinesis.ListStreamsOutput{StreamNames: []string{}, HasMoreStreams: aws.Bool(false)}
	for _, st := range s.live() {
		if st.name <= after {
			continue
		}
		if len(out.StreamNames) == most {
			out.HasMoreStreams = aws.Bool(true)
			out.NextToken = aws.String(token{List: "streams", After: out.StreamNames[most-1]}.String())
			break
		}
		out.StreamNames = append(out.StreamNames, st.name)
		out.StreamSummaries = append(out.StreamSummaries, types.StreamSummary{
			StreamName: aws.String(st.name), StreamARN: aws.String(s.arn(st)), StreamStatus: st.status,
			StreamModeDetails: &types.StreamModeDetails{StreamMode: st.mode}, StreamCreationTimestamp: aws.Time(st.created),
		})
	}
	return out, nil
}

func (s *Service) listShards(_ context.Context, in *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := token{List: "shards", After: aws.ToString(in.ExclusiveStartShardId), Filter: in.ShardFilter, Created: aws.ToTime(in.StreamCreationTimestamp)}
	name := in.StreamName
	if in.NextToken != nil {
		if in.StreamName != nil || in.StreamCreationTimestamp != nil || in.ExclusiveStartShardId != nil {
			return nil, wire.Errorf("InvalidArgumentException", "NextToken and StreamName cannot be provided together.")
		}
		var err error
		if from, err = readToken("shards", *in.NextToken); err != nil {
			return nil, err
		}
		name = &from.Stream
	} else if name == nil && in.StreamARN == nil {
		return nil, wire.Errorf("InvalidArgumentException", "Either NextToken or StreamName should be provided.")
	}
	st, err := s.find(name, in.StreamARN)
	if err != nil {
		return nil, err
	}
	if !from.Created.IsZero() && from.Created.Unix() != st.created.Unix() {
		return nil, wire.Errorf("ResourceNotFoundException", "Stream %s under account %s created at %s not found.", st.name, s.bus.Account, from.Created.UTC().Format(time.RFC3339))
	}
	if !st.readable() { // the errors of its API ref: not while CREATING or DELETING
		return nil, s.checkActive(st)
	}
	shards, err := st.filter(from.Filter)
	if err != nil {
		return nil, err
	}
	if from.After != "" {
		if shards, err = s.after(st, shards, &from.After); err != nil {
			return nil, err
		}
	}
	most := 1000
	if in.MaxResults != nil {
		most = int(*in.MaxResults)
	}
	page := shards[:min(most, len(shards))]
	out := &kinesis.ListShardsOutput{Shards: describeAll(page)}
	if len(page) < len(shards) {
		from.Stream, from.Created, from.After = st.name, st.created, shardID(page[len(page)-1].index)
		out.NextToken = aws.String(from.String())
	}
	return out, nil
}

// after drops the shards up to and including id.
func (s *Service) after(st *stream, shards []*shard, id *string) ([]*shard, error) {
	if id == nil {
		return shards, nil
	}
	last, ok := shardIndex(*id)
	if !ok {
		return nil, wire.Errorf("InvalidArgumentException", "ExclusiveStartShardId %s in %s is invalid.", *id, s.where(st))
	}
	return slices.DeleteFunc(shards, func(sh *shard) bool { return sh.index <= last }), nil
}

// filter are the shards that a ShardFilter of ListShards keeps (API ref
// ShardFilter). Without one they are all that have not expired.
func (st *stream) filter(f *types.ShardFilter) ([]*shard, error) {
	all := st.listed()
	if f == nil {
		return all, nil
	}
	if needs := f.Type == types.ShardFilterTypeAfterShardId; needs != (f.ShardId != nil) {
		return nil, wire.Errorf("InvalidArgumentException", "ShardFilter: ShardId goes with the type AFTER_SHARD_ID and only with it.")
	}
	needs := f.Type == types.ShardFilterTypeAtTimestamp || f.Type == types.ShardFilterTypeFromTimestamp
	if needs != (f.Timestamp != nil) {
		return nil, wire.Errorf("InvalidArgumentException", "ShardFilter: Timestamp goes with the types AT_TIMESTAMP and FROM_TIMESTAMP and only with them.")
	}
	now := time.Now()
	horizon := now.Add(-st.keep())
	if len(st.shards) > 0 && st.shards[0].opened.After(horizon) {
		horizon = st.shards[0].opened
	}
	var keep func(*shard) bool
	switch f.Type {
	case types.ShardFilterTypeAfterShardId:
		last, ok := shardIndex(*f.ShardId)
		if !ok {
			return nil, wire.Errorf("InvalidArgumentException", "ShardFilter: ShardId %s is invalid.", *f.ShardId)
		}
		keep = func(sh *shard) bool { return sh.index > last }
	case types.ShardFilterTypeAtLatest:
		keep = func(sh *shard) bool { return sh.closed.IsZero() }
	case types.ShardFilterTypeAtTrimHorizon:
		keep = func(sh *shard) bool { return sh.openAt(horizon) }
	case types.ShardFilterTypeAtTimestamp, types.ShardFilterTypeFromTimestamp:
		if f.Timestamp.After(now) {
			return nil, wire.Errorf("InvalidArgumentException", "ShardFilter: Timestamp %s is in the future.", f.Timestamp.UTC().Format(time.RFC3339))
		}
		at := *f.Timestamp
		if at.Before(horizon) {
			at = horizon
		}
		if f.Type == types.ShardFilterTypeAtTimestamp {
			keep = func(sh *shard) bool { return sh.openAt(at) }
		} else {
			keep = func(sh *shard) bool { return sh.closed.IsZero() || sh.closed.After(at) }
		}
	default: // FROM_TRIM_HORIZON
		return all, nil
	}
	return slices.DeleteFunc(all, func(sh *shard) bool { return !keep(sh) }), nil
}

func (sh *shard) openAt(t time.Time) bool {
	return !sh.opened.After(t) && (sh.closed.IsZero() || sh.closed.After(t))
}
