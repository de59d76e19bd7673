// Package kinesis is the sandbox's Kinesis Data Streams: streams with their
// asynchronous states, shards with lineage and hash ranges, resharding under
// AWS's rules, encryption, tags and consumers, and the records themselves. What
// a key is it asks the bus; who reads the records it leaves to the readers.
package kinesis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Service is Kinesis Data Streams.
type Service struct {
	bus *bus.Bus

	// mu guards the streams and all of them but their data. Nobody waits for it
	// with a stream's data locked.
	mu      sync.Mutex
	streams map[string]*stream // by name
}

// stream is one stream. A change that AWS makes in the background shows when
// its time has come: until then readers see what was before, and every other
// change is refused.
type stream struct {
	name    string
	created time.Time

	status types.StreamStatus
	ready  time.Time // when status becomes ACTIVE, or the stream is gone
	effect func()    // what has changed by then; nil for nothing

	mode      types.StreamMode
	retention int32 // hours
	key       string
	metrics   []types.MetricsName
	maxRecord int32 // KiB
	tags      bus.Tags
	consumers map[string]*consumer

	// data guards what is in the shards. Which shards there are changes with
	// both locks held, the service's first, and may be read with either.
	data   sync.Mutex
	shards []*shard // in the order they were made: a shard's id is its index
	open   []*shard // by hash range
	// held is what the records take of memory, relieved whether it was once too
	// much.
	held     int
	relieved bool

	// What counts against the daily limits, oldest first.
	resizes, encryptions, stops, modes []time.Time
}

// New is Kinesis with no streams.
func New(b *bus.Bus) *Service {
	s := &Service{bus: b, streams: map[string]*stream{}}
	b.Streams, b.StreamData = s, s
	b.ListTagged(s.tagged)
	return s
}

// Wire is what the service offers.
func (s *Service) Wire() wire.Service {
	return wire.Service{Name: "kinesis", Invalid: "ValidationException", Ops: map[string]wire.Op{
		"CreateStream":                  wire.Handle(s.createStream),
		"DeleteStream":                  wire.Handle(s.deleteStream),
		"DescribeStream":                wire.Handle(s.describeStream),
		"DescribeStreamSummary":         wire.Handle(s.describeStreamSummary),
		"DescribeLimits":                wire.Handle(s.describeLimits),
		"ListStreams":                   wire.Handle(s.listStreams),
		"ListShards":                    wire.Handle(s.listShards),
		"UpdateShardCount":              wire.Handle(s.updateShardCount),
		"SplitShard":                    wire.Handle(s.splitShard),
		"MergeShards":                   wire.Handle(s.mergeShards),
		"IncreaseStreamRetentionPeriod": wire.Handle(s.increaseRetention),
		"DecreaseStreamRetentionPeriod": wire.Handle(s.decreaseRetention),
		"StartStreamEncryption":         wire.Handle(s.startEncryption),
		"StopStreamEncryption":          wire.Handle(s.stopEncryption),
		"EnableEnhancedMonitoring":      wire.Handle(s.enableMonitoring),
		"DisableEnhancedMonitoring":     wire.Handle(s.disableMonitoring),
		"UpdateStreamMode":              wire.Handle(s.updateMode),
		"UpdateMaxRecordSize":           wire.Handle(s.updateMaxRecordSize),
		"AddTagsToStream":               wire.Handle(s.addTagsToStream),
		"RemoveTagsFromStream":          wire.Handle(s.removeTagsFromStream),
		"ListTagsForStream":             wire.Handle(s.listTagsForStream),
		"TagResource":                   wire.Handle(s.tagResource),
		"UntagResource":                 wire.Handle(s.untagResource),
		"ListTagsForResource":           wire.Handle(s.listTagsForResource),
		"RegisterStreamConsumer":        wire.Handle(s.registerConsumer),
		"DeregisterStreamConsumer":      wire.Handle(s.deregisterConsumer),
		"ListStreamConsumers":           wire.Handle(s.listConsumers),
		"DescribeStreamConsumer":        wire.Handle(s.describeConsumer),
		"PutRecord":                     wire.Handle(s.putRecord),
		"PutRecords":                    wire.Handle(s.putRecords),
		"GetShardIterator":              wire.Handle(s.getShardIterator),
		"GetRecords":                    wire.Handle(s.getRecords),
	}}
}

// Stream implements bus.Streams.
func (s *Service) Stream(arn string) (bus.Stream, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(nil, &arn)
	if err != nil {
		return bus.Stream{}, false
	}
	return bus.Stream{ARN: s.arn(st), Active: st.readable(), KeyRef: st.key, Retention: st.keep()}, true
}

func (s *Service) tagged(add func(arn string, tags bus.Tags)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.live() {
		add(s.arn(st), st.tags)
		for _, c := range st.liveConsumers() {
			add(s.consumerARN(st, c), c.tags)
		}
	}
}

func (s *Service) arn(st *stream) string { return s.bus.ARN("kinesis", "stream/"+st.name) }

// live are the streams that are there, by name.
func (s *Service) live() []*stream {
	var all []*stream
	for _, st := range s.streams {
		if s.settle(st) {
			all = append(all, st)
		}
	}
	slices.SortFunc(all, func(a, b *stream) int { return cmp.Compare(a.name, b.name) })
	return all
}

// settle ends the change under way if its time has come, and reports whether
// the stream is still there.
func (s *Service) settle(st *stream) bool {
	if st.ready.IsZero() || time.Now().Before(st.ready) {
		return true
	}
	if st.status == types.StreamStatusDeleting {
		delete(s.streams, st.name)
		return false
	}
	if st.effect != nil {
		st.data.Lock()
		st.effect()
		st.data.Unlock()
	}
	st.status, st.effect, st.ready = types.StreamStatusActive, nil, time.Time{}
	return true
}

// begin puts the stream into status for d, after which effect has happened.
func (st *stream) begin(status types.StreamStatus, d time.Duration, effect func()) {
	st.status, st.ready, st.effect = status, time.Now().Add(d), effect
}

// readable reports whether records go in and out.
func (st *stream) readable() bool {
	return st.status == types.StreamStatusActive || st.status == types.StreamStatusUpdating
}

// find resolves the two ways to name a stream, which must agree when both are
// used.
func (s *Service) find(name, arn *string) (*stream, error) {
	want := aws.ToString(name)
	if arn != nil {
		byARN, ok := s.bus.Name(*arn, "kinesis", "stream/")
		if !ok {
			return nil, wire.Errorf("ResourceNotFoundException", "Stream ARN %s not found.", *arn)
		}
		if name != nil && byARN != want {
			return nil, wire.Errorf("InvalidArgumentException", "StreamARN %s and StreamName %s do not name the same stream.", *arn, want)
		}
		want = byARN
	}
	if want == "" {
		return nil, wire.Errorf("InvalidArgumentException", "Either StreamName or StreamARN should be provided.")
	}
	st, ok := s.streams[want]
	if ok {
		ok = s.settle(st)
	}
	if !ok {
		return nil, s.notFound(want)
	}
	return st, nil
}

func (s *Service) notFound(name string) error {
	return wire.Errorf("ResourceNotFoundException", "Stream %s under account %s not found.", name, s.bus.Account)
}

// active is find for a change, which AWS takes of an ACTIVE stream only.
func (s *Service) active(name, arn *string) (*stream, error) {
	st, err := s.find(name, arn)
	if err != nil {
		return nil, err
	}
	return st, s.checkActive(st)
}

func (s *Service) checkActive(st *stream) error {
	if st.status == types.StreamStatusActive {
		return nil
	}
	return wire.Errorf("ResourceInUseException", "Stream %s under account %s not ACTIVE, instead in state %s", st.name, s.bus.Account, st.status)
}

// where is how AWS's messages name a stream.
func (s *Service) where(st *stream) string {
	return fmt.Sprintf("stream %s under account %s", st.name, s.bus.Account)
}

// daily counts one more use of what AWS allows most times in a rolling 24 h,
// unless that would be too many.
func daily(uses *[]time.Time, most int) bool {
	now := time.Now()
	*uses = slices.DeleteFunc(*uses, func(t time.Time) bool { return now.Sub(t) >= 24*time.Hour })
	if len(*uses) >= most {
		return false
	}
	*uses = append(*uses, now)
	return true
}

// shardQuota is the account's quota of shards by region (quotas page of the
// developer guide); the rest have the smallest.
func (s *Service) shardQuota() int {
	if slices.Contains([]string{"us-east-1", "us-west-2", "eu-west-1"}, s.bus.Region) {
		return 20_000
	}
	return 1_000
}

// openShards counts the account's open shards of provisioned streams.
func (s *Service) openShards() int {
	n := 0
	for _, st := range s.live() {
		if st.mode == types.StreamModeProvisioned {
			n += len(st.open)
		}
	}
	return n
}

// checkQuota refuses more shards than the account may have.
func (s *Service) checkQuota(more int) error {
	have, limit := s.openShards(), s.shardQuota()
	if have+more <= limit {
		return nil
	}
	return wire.Errorf("LimitExceededException", "This request would exceed the shard limit for the account %s in %s. Current shard count for the account: %d. Limit: %d. Number of additional shards that would have resulted from this request: %d. "+
		"Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits.",
		s.bus.Account, s.bus.Region, have, limit, more)
}

// checkProvisioned refuses what only streams in provisioned mode can do.
func (s *Service) checkProvisioned(st *stream, op string) error {
	if st.mode == types.StreamModeProvisioned {
		return nil
	}
	return wire.Errorf("ValidationException", "%s is not supported for %s because its capacity mode is %s.", op, s.where(st), strings.ToUpper(string(st.mode)))
}
