// Package sqs is the sandbox's Simple Queue Service: queues with their
// attributes, tags and permissions to be a dead-letter queue, and the messages
// in them, with visibility, FIFO groups, deduplication and the tasks that move
// dead letters back. It takes as long as SQS does to spread a change and to let
// go of a name.
package sqs

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Service is SQS.
type Service struct {
	bus      *bus.Bus
	sequence atomic.Uint64 // of the last message in any FIFO queue
	tasks    *tasks

	mu       sync.RWMutex
	queues   map[string]*queue    // by name
	released map[string]time.Time // when the name of a deleted queue is free (trap 9)
}

// queue is one queue. A deleted one stays for a while, seen by some reads and
// not by others.
//
// What it is belongs to the service's lock, its messages to its own. Settings
// and deletion matter to both: they are changed under both, and read under
// either. The service's lock is taken first, or not at all.
type queue struct {
	name     string
	arn      string
	used     atomic.Int64 // last, in nanoseconds of Unix time
	reads    atomic.Int64 // of what is not settled, to take turns between old and new
	tags     bus.Tags
	settings settings
	before   settings // the settings until changed, still seen by some reads for a while
	created  time.Time
	changed  time.Time
	deleted  time.Time // zero for a live one
	purged   time.Time

	mu sync.Mutex
	store
}

// New is SQS with no queues.
func New(b *bus.Bus) *Service {
	s := &Service{bus: b, tasks: newTasks(), queues: map[string]*queue{}, released: map[string]time.Time{}}
	b.Queues, b.QueueData = s, s
	b.Background(s.gauge)
	b.Background(s.move)
	b.ListTagged(s.tagged)
	return s
}

// Wire is what the service offers. The only constraints that AWS's model puts
// on SQS's inputs, beside what is required, are the names of attributes.
func (s *Service) Wire() wire.Service {
	return wire.Service{Name: "sqs", Invalid: "InvalidAttributeName", Missing: "MissingParameter", Ops: map[string]wire.Op{
		"CreateQueue":                  wire.Handle(s.createQueue),
		"DeleteQueue":                  wire.Handle(s.deleteQueue),
		"GetQueueUrl":                  wire.Handle(s.getQueueURL),
		"ListQueues":                   wire.Handle(s.listQueues),
		"GetQueueAttributes":           wire.Handle(s.getQueueAttributes),
		"SetQueueAttributes":           wire.Handle(s.setQueueAttributes),
		"ListDeadLetterSourceQueues":   wire.Handle(s.listDeadLetterSourceQueues),
		"ListQueueTags":                wire.Handle(s.listQueueTags),
		"TagQueue":                     wire.Handle(s.tagQueue),
		"UntagQueue":                   wire.Handle(s.untagQueue),
		"PurgeQueue":                   wire.Handle(s.purgeQueue),
		"StartMessageMoveTask":         wire.Handle(s.startMessageMoveTask),
		"ListMessageMoveTasks":         wire.Handle(s.listMessageMoveTasks),
		"CancelMessageMoveTask":        wire.Handle(s.cancelMessageMoveTask),
		"SendMessage":                  wire.Handle(s.sendMessage),
		"SendMessageBatch":             wire.Handle(s.sendMessageBatch),
		"ReceiveMessage":               wire.Handle(s.receiveMessage),
		"DeleteMessage":                wire.Handle(s.deleteMessage),
		"DeleteMessageBatch":           wire.Handle(s.deleteMessageBatch),
		"ChangeMessageVisibility":      wire.Handle(s.changeMessageVisibility),
		"ChangeMessageVisibilityBatch": wire.Handle(s.changeMessageVisibilityBatch),
	}}
}

// Queue implements bus.Queues.
func (s *Service) Queue(arn string) (bus.Queue, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	q := s.byARN(arn)
	if q == nil {
		return bus.Queue{}, false
	}
	return bus.Queue{ARN: q.arn, FIFO: q.settings.fifo, Visibility: q.settings.visibility}, true
}

func (s *Service) tagged(add func(arn string, tags bus.Tags)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		if q.deleted.IsZero() {
			add(q.arn, q.tags)
		}
	}
}

// byARN is a live queue of this account and region, nil for none.
func (s *Service) byARN(arn string) *queue {
	name, ok := s.bus.Name(arn, "sqs", "")
	if !ok {
		return nil
	}
	if q := s.queues[name]; q != nil && q.deleted.IsZero() {
		return q
	}
	return nil
}

func (s *Service) url(name string) *string {
	endpoint := strings.TrimSuffix(cmp.Or(s.bus.Endpoint, bus.NoEndpoint), "/")
	return aws.String(endpoint + "/" + s.bus.Account + "/" + name)
}

// find is the queue of a URL. Only the account and the name in it count, so
// that a queue is found under every address of the sandbox.
func (s *Service) find(url *string) (*queue, error) {
	rest, name := cutLast(*url)
	_, account := cutLast(rest)
	if name == "" || account == "" {
		return nil, &wire.Error{Code: "InvalidAddress", Status: http.StatusNotFound, Message: "The address " + *url + " is not valid for this endpoint."}
	}
	if account != s.bus.Account {
		return nil, doesNotExist()
	}
	return s.named(name)
}

func cutLast(path string) (rest, last string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// named is the queue of a name. While a new queue is being spread, and while a
// deleted one goes away, two reads of three do not see it.
func (s *Service) named(name string) (*queue, error) {
	q := s.queues[name]
	if q == nil {
		return nil, doesNotExist()
	}
	now := time.Now()
	switch {
	case s.gone(q, now):
		return nil, doesNotExist()
	case !q.deleted.IsZero() || now.Sub(q.created) < s.bus.Timing.QueueSettle:
		if !q.turn() {
			return nil, doesNotExist()
		}
	}
	q.used.Store(now.UnixNano())
	return q, nil
}

// open is the queue of a URL with its messages locked. The caller unlocks them.
func (s *Service) open(url *string) (*queue, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	q, err := s.find(url)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	return q, nil
}

// gone says whether the deletion of a queue is over.
func (s *Service) gone(q *queue, now time.Time) bool {
	return !q.deleted.IsZero() && now.Sub(q.deleted) >= s.bus.Timing.QueueDelete
}

// turn is true for every third read.
func (q *queue) turn() bool {
	return q.reads.Add(1)%3 == 0
}

func doesNotExist() error {
	return wire.Errorf("QueueDoesNotExist", "The specified queue does not exist.")
}

func checkName(name string, fifo bool) error {
	base, dotted := strings.CutSuffix(name, ".fifo")
	if len(name) > 80 || !bus.PlainName(base, 80) || (dotted && !fifo) {
		return wire.Errorf("InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	if fifo && !dotted {
		return wire.Errorf("InvalidParameterValue", "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
	}
	return nil
}

func (s *Service) createQueue(_ context.Context, in *sqs.CreateQueueInput) (*sqs.CreateQueueOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, now := *in.QueueName, time.Now()
	fifo, err := wantsFIFO(in.Attributes)
	if err != nil {
		return nil, err
	}
	if err := checkName(name, fifo); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags, nil); err != nil {
		return nil, err
	}
	if now.Before(s.released[name]) {
		return nil, wire.Errorf("QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
	}
	arn := s.bus.ARN("sqs", name)
	made, err := s.apply(arn, defaults(fifo), in.Attributes)
	if err != nil {
		return nil, err
	}
	if q := s.queues[name]; q != nil && q.deleted.IsZero() {
		if err := sameAs(q.settings, made, in.Attributes); err != nil {
			return nil, err
		}
		return &sqs.CreateQueueOutput{QueueUrl: s.url(name)}, nil
	}
	q := &queue{name: name, arn: arn, settings: made, before: made, tags: bus.Tags(nil).With(in.Tags), created: now, changed: now, store: newStore(seconds(made.retention))}
	q.used.Store(now.UnixNano())
	maps.DeleteFunc(s.queues, func(_ string, q *queue) bool { return s.gone(q, now) })
	s.queues[name] = q
	delete(s.released, name)
	return &sqs.CreateQueueOutput{QueueUrl: s.url(name)}, nil
}

func (s *Service) deleteQueue(_ context.Context, in *sqs.DeleteQueueInput) (*sqs.DeleteQueueOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted.IsZero() {
		q.deleted = time.Now()
		q.reads.Store(0)
		q.empty()
		q.announce() // so that nobody waits for messages any more
		s.released[q.name] = q.deleted.Add(s.bus.Timing.QueueName)
	}
	return &sqs.DeleteQueueOutput{}, nil
}

func (s *Service) getQueueURL(_ context.Context, in *sqs.GetQueueUrlInput) (*sqs.GetQueueUrlOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if owner := aws.ToString(in.QueueOwnerAWSAccountId); owner != "" && owner != s.bus.Account {
		return nil, doesNotExist()
	}
	q, err := s.named(*in.QueueName)
	if err != nil {
		return nil, err
	}
	return &sqs.GetQueueUrlOutput{QueueUrl: s.url(q.name)}, nil
}

func (s *Service) purgeQueue(_ context.Context, in *sqs.PurgeQueueInput) (*sqs.PurgeQueueOutput, error) {
	q, err := s.open(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	defer q.mu.Unlock()
	if now := time.Now(); now.Sub(q.purged) >= time.Minute {
		q.purged = now
		q.empty()
		return &sqs.PurgeQueueOutput{}, nil
	}
	return nil, &wire.Error{Code: "PurgeQueueInProgress", Status: http.StatusForbidden, Message: "Only one PurgeQueue operation on " + q.name + " is allowed every 60 seconds."}
}
