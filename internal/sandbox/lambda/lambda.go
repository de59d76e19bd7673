// Package lambda is the sandbox's Lambda: functions with their code and states,
// their invocations, which really run the code, and the event source mappings
// that feed them from streams and queues. It checks what AWS checks when these
// are made and changed, and when they are at work.
package lambda

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// principal is how Lambda assumes a role.
const principal = "lambda.amazonaws.com"

// Service is Lambda.
type Service struct {
	bus *bus.Bus

	mu        sync.Mutex
	functions map[string]*function // by name
	mappings  map[string]*mapping  // by UUID
	events    []event              // accepted and not yet begun
	pools     []*pool              // that may have environments

	accepted chan struct{}        // told when there are events
	rewired  chan struct{}        // told when a mapping changed
	home     atomic.Pointer[home] // while the sandbox runs
}

// New is Lambda with no functions.
func New(b *bus.Bus) *Service {
	s := &Service{
		bus: b, functions: map[string]*function{}, mappings: map[string]*mapping{},
		accepted: make(chan struct{}, 1), rewired: make(chan struct{}, 1),
	}
	b.Functions, b.Invoker = s, s
	b.Background(s.live)
	b.ListTagged(s.tagged)
	return s
}

// Wire is what the service offers.
func (s *Service) Wire() wire.Service {
	return wire.Service{Name: "lambda", Invalid: "ValidationException", Ops: map[string]wire.Op{
		"CreateFunction":              wire.Handle(s.createFunction),
		"GetFunction":                 wire.Handle(s.getFunction),
		"GetFunctionConfiguration":    wire.Handle(s.getFunctionConfiguration),
		"ListFunctions":               wire.Handle(s.listFunctions),
		"UpdateFunctionCode":          wire.Handle(s.updateFunctionCode),
		"UpdateFunctionConfiguration": wire.Handle(s.updateFunctionConfiguration),
		"DeleteFunction":              wire.Handle(s.deleteFunction),
		"PutFunctionConcurrency":      wire.Handle(s.putFunctionConcurrency),
		"GetFunctionConcurrency":      wire.Handle(s.getFunctionConcurrency),
		"DeleteFunctionConcurrency":   wire.Handle(s.deleteFunctionConcurrency),
		"Invoke":                      wire.Handle(s.invoke),
		"CreateEventSourceMapping":    wire.Handle(s.createEventSourceMapping),
		"GetEventSourceMapping":       wire.Handle(s.getEventSourceMapping),
		"ListEventSourceMappings":     wire.Handle(s.listEventSourceMappings),
		"UpdateEventSourceMapping":    wire.Handle(s.updateEventSourceMapping),
		"DeleteEventSourceMapping":    wire.Handle(s.deleteEventSourceMapping),
		"TagResource":                 wire.Handle(s.tagResource),
		"UntagResource":               wire.Handle(s.untagResource),
		"ListTags":                    wire.Handle(s.listTags),
	}}
}

// live runs functions and feeds them until ctx ends.
func (s *Service) live(ctx context.Context) {
	h := newHome(ctx, s.bus)
	s.home.Store(h)
	var work works
	work.Go(func() { s.runEvents(ctx, &work) })
	work.Go(func() { s.feed(ctx) })
	for sleep(ctx, idleLife/2) {
		s.trim(time.Now().Add(-idleLife))
	}
	work.Wait()
	s.home.Store(nil)
	h.close()
	s.trim(time.Now().Add(time.Second))
}

// trim ends the environments that have been idle since before the given time.
func (s *Service) trim(before time.Time) {
	s.mu.Lock()
	s.pools = slices.DeleteFunc(s.pools, (*pool).over)
	all := slices.Clone(s.pools)
	s.mu.Unlock()
	for _, p := range all {
		p.trim(before)
	}
}

// page cuts a page of at most most names, whatever the caller wishes.
func page(names []string, marker *string, limit *int32, most int) ([]string, *string) {
	if aws.ToInt32(limit) > int32(most) {
		limit = nil
	}
	return wire.Page(names, marker, limit, most)
}

// Function implements bus.Functions.
func (s *Service) Function(arn string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, ok := s.bus.Name(arn, "lambda", "function:")
	return ok && s.functions[name] != nil
}

func (s *Service) tagged(add func(arn string, tags bus.Tags)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	for _, f := range s.functions {
		add(s.functionARN(f.name), f.tags)
	}
	for _, m := range s.mappings {
		add(s.mappingARN(m.uuid), m.tags)
	}
}

func (s *Service) functionARN(name string) string {
	return s.bus.ARN("lambda", "function:"+name)
}

func (s *Service) mappingARN(uuid string) string {
	return s.bus.ARN("lambda", "event-source-mapping:"+uuid)
}

// find resolves the forms in which calls name a function: its name, its ARN, or
// account:function:name, each with or without a qualifier. There are no
// versions here, so the only qualifier is $LATEST.
func (s *Service) find(ref string) (*function, error) {
	name := ref
	for _, prefix := range []string{s.functionARN(""), s.bus.Region + ":", s.bus.Account + ":", "function:"} {
		name = strings.TrimPrefix(name, prefix)
	}
	name, qualifier, _ := strings.Cut(name, ":")
	f := s.functions[name]
	switch {
	case f == nil:
		return nil, notFound("Function not found: %s", s.functionARN(name))
	case qualifier != "" && qualifier != "$LATEST":
		return nil, notFound("Function not found: %s:%s", s.functionARN(name), qualifier)
	}
	return f, nil
}

func notFound(format string, args ...any) error {
	return wire.Errorf("ResourceNotFoundException", format, args...)
}

func invalid(format string, args ...any) error {
	return wire.Errorf("InvalidParameterValueException", format, args...)
}

// outOfRange words a broken constraint that AWS's model does not state.
func outOfRange(value any, member, rule string) error {
	return wire.Errorf("ValidationException", "1 validation error detected: Value '%v' at '%s' failed to satisfy constraint: Member must %s", value, member, rule)
}

// unserved refuses what AWS has and the sandbox lacks.
func unserved(what string) error {
	return &wire.Error{Code: "UnsupportedOperationException", Status: http.StatusNotImplemented, Message: "the sandbox's Lambda does not serve " + what}
}

// firstUnserved refuses the first, by name, of the members that are set.
func firstUnserved(members map[string]bool) error {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if members[name] {
			return unserved(name)
		}
	}
	return nil
}
