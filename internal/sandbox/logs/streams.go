package logs

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Limits of PutLogEvents ("CloudWatch Logs quotas" and API ref PutLogEvents).
const (
	maxBatch  = 1 << 20 // bytes, each event counting overhead more than its message
	overhead  = 26
	maxSpan   = 24 * time.Hour // between the first and the last event of a batch
	maxAge    = 14 * 24 * time.Hour
	maxFuture = 2 * time.Hour
	// maxKept is how many events the sandbox keeps of a stream; AWS keeps all.
	maxKept = 10_000
)

// streamOf calls f with a stream under the lock.
func (s *Service) streamOf(name, streamName *string, f func(*group, *stream) error) error {
	return s.change(name, func(g *group) error {
		st := g.streams[*streamName]
		if st == nil {
			return wire.Errorf("ResourceNotFoundException", "The specified log stream does not exist.")
		}
		return f(g, st)
	})
}

// either is the group named by one of the two ways to name it.
func either(name, identifier *string) (*string, error) {
	switch {
	case name != nil && identifier != nil:
		return nil, invalid("LogGroup name and LogGroup identifier are mutually exclusive parameters.")
	case name == nil && identifier == nil:
		return nil, invalid("You must provide either logGroupName or logGroupIdentifier.")
	case name == nil:
		return identifier, nil
	}
	return name, nil
}

func (s *Service) createLogStream(_ context.Context, in *cloudwatchlogs.CreateLogStreamInput) (*cloudwatchlogs.CreateLogStreamOutput, error) {
	return &cloudwatchlogs.CreateLogStreamOutput{}, s.change(in.LogGroupName, func(g *group) error {
		if g.streams[*in.LogStreamName] != nil {
			return wire.Errorf("ResourceAlreadyExistsException", "The specified log stream already exists")
		}
		g.streams[*in.LogStreamName] = &stream{name: *in.LogStreamName, created: time.Now()}
		return nil
	})
}

func (s *Service) deleteLogStream(_ context.Context, in *cloudwatchlogs.DeleteLogStreamInput) (*cloudwatchlogs.DeleteLogStreamOutput, error) {
	return &cloudwatchlogs.DeleteLogStreamOutput{}, s.streamOf(in.LogGroupName, in.LogStreamName, func(g *group, st *stream) error {
		delete(g.streams, st.name)
		return nil
	})
}

func (s *Service) describeLogStreams(_ context.Context, in *cloudwatchlogs.DescribeLogStreamsInput) (*cloudwatchlogs.DescribeLogStreamsOutput, error) {
	name, err := either(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	byTime := in.OrderBy == types.OrderByLastEventTime
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	out := &cloudwatchlogs.DescribeLogStreamsOutput{LogStreams: []types.LogStream{}}
	return out, s.change(name, func(g *group) error {
		all := slices.SortedFunc(maps.Values(g.streams), func(a, b *stream) int {
			order := cmp.Compare(a.name, b.name)
			if byTime {
				order = cmp.Or(cmp.Compare(a.last(), b.last()), order)
			}
			if aws.ToBool(in.Descending) {
				return -order
			}
			return order
		})
		all = slices.DeleteFunc(all, func(st *stream) bool { return !strings.HasPrefix(st.name, aws.ToString(in.LogStreamNamePrefix)) })
		if in.NextToken != nil {
			i := slices.IndexFunc(all, func(st *stream) bool { return st.name == *in.NextToken })
			if i < 0 {
				return invalid("The specified nextToken is invalid.")
			}
			all = all[i:]
		}
		if most := int(cmp.Or(aws.ToInt32(in.Limit), 50)); len(all) > most {
			out.NextToken = aws.String(all[most].name)
			all = all[:most]
		}
		for _, st := range all {
			out.LogStreams = append(out.LogStreams, s.describeStream(g, st))
		}
		return nil
	})
}

func (s *Service) describeStream(g *group, st *stream) types.LogStream {
	d := types.LogStream{
		LogStreamName: aws.String(st.name), Arn: aws.String(s.arn(g) + ":log-stream:" + st.name),
		CreationTime: aws.Int64(st.created.UnixMilli()), StoredBytes: aws.Int64(0),
	}
	if len(st.events) > 0 {
		d.FirstEventTimestamp, d.LastEventTimestamp = st.events[0].Timestamp, aws.Int64(st.last())
		d.LastIngestionTime = aws.Int64(st.taken.UnixMilli())
	}
	return d
}

// last is the time of the newest event, 0 for none.
func (st *stream) last() int64 {
	if len(st.events) == 0 {
		return 0
	}
	return *st.events[len(st.events)-1].Timestamp
}

// keep forgets the oldest events of a long stream.
func (st *stream) keep() {
	if n := len(st.events) - maxKept; n > 0 {
		st.events = slices.Delete(st.events, 0, n)
	}
}

func size(message *string) int64 { return int64(len(aws.ToString(message)) + overhead) }

func (s *Service) putLogEvents(_ context.Context, in *cloudwatchlogs.PutLogEventsInput) (*cloudwatchlogs.PutLogEventsOutput, error) {
	var total int64
	for i, e := range in.LogEvents {
		total += size(e.Message)
		if i > 0 && *e.Timestamp < *in.LogEvents[i-1].Timestamp {
			return nil, invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	first, last := *in.LogEvents[0].Timestamp, *in.LogEvents[len(in.LogEvents)-1].Timestamp
	switch {
	case total > maxBatch:
		return nil, invalid("Upload too large: %d bytes exceeds limit of %d", total, maxBatch)
	case last-first > maxSpan.Milliseconds():
		return nil, invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	out := &cloudwatchlogs.PutLogEventsOutput{}
	return out, s.streamOf(in.LogGroupName, in.LogStreamName, func(_ *group, st *stream) error {
		now := time.Now()
		oldest, newest := now.Add(-maxAge).UnixMilli(), now.Add(maxFuture).UnixMilli()
		var rejected types.RejectedLogEventsInfo
		for i, e := range in.LogEvents {
			switch {
			case *e.Timestamp < oldest:
				rejected.TooOldLogEventEndIndex = aws.Int32(int32(i + 1))
			case *e.Timestamp > newest:
				if rejected.TooNewLogEventStartIndex == nil {
					rejected.TooNewLogEventStartIndex = aws.Int32(int32(i))
				}
			default:
				st.events = append(st.events, types.OutputLogEvent{Message: e.Message, Timestamp: e.Timestamp, IngestionTime: aws.Int64(now.UnixMilli())})
			}
		}
		if rejected.TooNewLogEventStartIndex != nil || rejected.TooOldLogEventEndIndex != nil {
			out.RejectedLogEventsInfo = &rejected
		}
		slices.SortStableFunc(st.events, func(a, b types.OutputLogEvent) int { return cmp.Compare(*a.Timestamp, *b.Timestamp) })
		st.keep()
		st.taken = now
		return nil
	})
}

// getLogEvents gives a window of a stream's events. Its tokens are positions:
// "f/N" is what comes at and after the N-th event, "b/N" what comes before. At
// either end AWS gives back the token that it was given.
func (s *Service) getLogEvents(_ context.Context, in *cloudwatchlogs.GetLogEventsInput) (*cloudwatchlogs.GetLogEventsOutput, error) {
	name, err := either(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.GetLogEventsOutput{Events: []types.OutputLogEvent{}}
	return out, s.streamOf(name, in.LogStreamName, func(_ *group, st *stream) error {
		var events []types.OutputLogEvent
		for _, e := range st.events {
			if (in.StartTime == nil || *e.Timestamp >= *in.StartTime) && (in.EndTime == nil || *e.Timestamp < *in.EndTime) {
				events = append(events, e)
			}
		}
		most := int(cmp.Or(aws.ToInt32(in.Limit), 10_000))
		from, to := max(0, len(events)-most), len(events)
		if aws.ToBool(in.StartFromHead) {
			from, to = 0, min(most, len(events))
		}
		if in.NextToken != nil {
			way, at, _ := strings.Cut(*in.NextToken, "/")
			n, err := strconv.Atoi(at)
			if err != nil || n < 0 || (way != "f" && way != "b") {
				return invalid("The specified nextToken is invalid.")
			}
			n = min(n, len(events))
			from, to = n, min(n+most, len(events))
			if way == "b" {
				from, to = max(0, n-most), n
			}
		}
		out.Events = append(out.Events, events[from:to]...)
		out.NextForwardToken, out.NextBackwardToken = aws.String(fmt.Sprint("f/", to)), aws.String(fmt.Sprint("b/", from))
		return nil
	})
}
