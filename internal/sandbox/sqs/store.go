package sqs

import (
	"container/heap"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// message is one message in a queue.
type message struct {
	id         string
	body       string
	md5        string
	attributes map[string]types.MessageAttributeValue
	trace      string // the system attribute AWSTraceHeader
	group      string
	dedup      string
	sequence   string
	source     string    // the ARN of the queue that it was moved from as a dead letter
	sent       time.Time // retention counts from here
	entered    time.Time // into this queue: what is said of its age counts from here
	first      time.Time // received first
	taken      time.Time // received last
	received   int       // how often

	state state
	until time.Time // of a hidden message: when it can be received
	lane  *lane
	index int // in the heap

	before, after *message // in the order in which they entered
}

type state int

const (
	visible state = iota
	delayed       // not to be received yet
	flying        // received and neither deleted nor let go
)

// lane is what keeps its order: a message group of a FIFO queue. In a standard
// queue each message has a lane of its own.
type lane struct {
	messages []*message // in order, with those in flight in front
	flying   int
	queued   bool // in the queue's line of lanes
}

// open says whether a message of the lane can be received: none is in flight
// and the first is visible.
func (l *lane) open() bool {
	return l.flying == 0 && len(l.messages) > 0 && l.messages[0].state == visible
}

// store holds a queue's messages. Time moves only in tick.
type store struct {
	messages map[string]*message // by id
	first    *message            // of those that are here, the one that entered first
	last     *message
	groups   map[string]*lane // of a FIFO queue
	line     []*lane          // lanes that may be open, the next to be received from first
	timers   timers
	visible  int
	inflight int
	seen     map[string]accepted // of a FIFO queue: what was sent lately, by deduplication id
	lately   []sending           // seen, oldest first
	waiting  int                 // how many wait for messages
	arrived  chan struct{}       // closed when they should look again
}

type sending struct {
	key string
	at  time.Time
}

// accepted is what a sender learns of a message: the id and number that it has,
// and the sum of the body that it sent.
type accepted struct{ id, sequence, md5 string }

func newStore(retention time.Duration) store {
	s := store{arrived: make(chan struct{}), seen: map[string]accepted{}}
	s.timers.retention = retention
	s.empty()
	return s
}

// empty forgets all messages, but not what was deduplicated.
func (s *store) empty() {
	s.messages, s.groups = map[string]*message{}, map[string]*lane{}
	s.first, s.last = nil, nil
	s.line, s.timers.list, s.visible, s.inflight = nil, nil, 0, 0
}

// announce wakes those who wait for messages.
func (s *store) announce() {
	if s.waiting == 0 {
		return
	}
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// add puts a message into the store, hidden for the given delay. group is ""
// for a message with no order.
func (s *store) add(m *message, group string, delay time.Duration, now time.Time) {
	m.lane = s.groups[group]
	if m.lane == nil || group == "" {
		m.lane = new(lane)
		if group != "" {
			s.groups[group] = m.lane
		}
	}
	m.lane.messages = append(m.lane.messages, m)
	s.messages[m.id] = m
	m.state, m.entered = visible, now
	s.link(m)
	if delay > 0 {
		m.state, m.until = delayed, now.Add(delay)
	}
	s.count(m, 1)
	heap.Push(&s.timers, m)
	s.queue(m.lane)
}

func (s *store) link(m *message) {
	m.before, m.after = s.last, nil
	if s.last == nil {
		s.first = m
	} else {
		s.last.after = m
	}
	s.last = m
}

func (s *store) unlink(m *message) {
	if m.before == nil {
		s.first = m.after
	} else {
		m.before.after = m.after
	}
	if m.after == nil {
		s.last = m.before
	} else {
		m.after.before = m.before
	}
	m.before, m.after = nil, nil
}

func (s *store) count(m *message, by int) {
	switch m.state {
	case visible:
		s.visible += by
	case flying:
		s.inflight += by
		m.lane.flying += by
	}
}

// move changes a message's state until a time.
func (s *store) move(m *message, to state, until time.Time) {
	s.count(m, -1)
	m.state, m.until = to, until
	s.count(m, 1)
	heap.Fix(&s.timers, m.index)
	s.queue(m.lane)
}

// queue puts an open lane in line, once.
func (s *store) queue(l *lane) {
	if l.open() && !l.queued {
		l.queued = true
		s.line = append(s.line, l)
		s.announce()
	}
}

// remove takes a message out of the store.
func (s *store) remove(m *message) {
	s.count(m, -1)
	delete(s.messages, m.id)
	s.unlink(m)
	heap.Remove(&s.timers, m.index)
	l := m.lane
	i := slices.Index(l.messages, m)
	if i == 0 {
		l.messages[0] = nil
		l.messages = l.messages[1:]
	} else {
		l.messages = slices.Delete(l.messages, i, i+1)
	}
	if len(l.messages) == 0 && m.group != "" && s.groups[m.group] == l {
		delete(s.groups, m.group)
	}
	s.queue(l)
}

// tick lets time pass: what was hidden becomes visible, and what is older than
// the queue's retention goes, unless it is in flight.
func (s *store) tick(now time.Time) {
	for len(s.timers.list) > 0 && !s.timers.due(0).After(now) {
		if m := s.timers.list[0]; m.state == visible {
			s.remove(m)
		} else {
			s.move(m, visible, time.Time{})
		}
	}
}

// keep changes how long messages are retained.
func (s *store) keep(retention time.Duration) {
	s.timers.retention = retention
	heap.Init(&s.timers)
}

// timers is a heap of messages by what happens to them next: a visible one
// expires, a hidden one becomes visible.
type timers struct {
	list      []*message
	retention time.Duration
}

func (t *timers) due(i int) time.Time {
	if m := t.list[i]; m.state != visible {
		return m.until
	}
	return t.list[i].sent.Add(t.retention)
}

func (t *timers) Len() int           { return len(t.list) }
func (t *timers) Less(i, j int) bool { return t.due(i).Before(t.due(j)) }

func (t *timers) Swap(i, j int) {
	t.list[i], t.list[j] = t.list[j], t.list[i]
	t.list[i].index, t.list[j].index = i, j
}

func (t *timers) Push(v any) {
	m := v.(*message)
	m.index = len(t.list)
	t.list = append(t.list, m)
}

func (t *timers) Pop() any {
	last := len(t.list) - 1
	m := t.list[last]
	t.list[last] = nil
	t.list = t.list[:last]
	return m
}
