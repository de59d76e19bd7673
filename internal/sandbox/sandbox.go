// Package sandbox is a local AWS for exactly what the pipeline uses: an HTTP
// handler that speaks AWS's protocols, refuses what AWS refuses, and takes its
// time where AWS does. It holds its state in memory and pretends to be one
// account in one region.
//
// What it does not know it refuses by name with status 501.
package sandbox

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// The account that every sandbox pretends to be. No AWS account has this
// number, so that a sandbox and an account can't be mistaken for one another.
const (
	Account = "000000000000"
	Region  = "eu-west-1" // unless Options says otherwise
)

// Options shape a sandbox. The zero value is instant and faultless.
type Options struct {
	Region string
	Timing string // instant, fast or aws; "" is instant
	Limits bool   // refuse calls beyond AWS's documented rates, as aws timing does
	// Handlers, when set, answers for functions in process in place of running
	// their code: it gets a function's environment and returns its handler. In
	// a synctest bubble there are no processes.
	Handlers func(environment map[string]string) (bus.Handler, error)
	// Endpoint is the URL under which it will answer; "" when in process only.
	Endpoint string
}

// Sandbox is one local AWS.
type Sandbox struct {
	http.Handler
	Calls  *Calls
	Faults *Faults
	bus    *bus.Bus

	operations map[string][]string // served, by service
}

// Region is the region it pretends to be in.
func (s *Sandbox) Region() string { return s.bus.Region }

// New makes an empty account. It fails only for an unknown timing.
func New(o Options) (*Sandbox, error) {
	if o.Timing == "" {
		o.Timing = "instant"
	}
	if o.Region == "" {
		o.Region = Region
	}
	timing, err := bus.TimingNamed(o.Timing)
	if err != nil {
		return nil, err
	}
	b := &bus.Bus{Account: Account, Region: o.Region, Timing: timing, Limits: o.Limits || timing.Name == "aws", Endpoint: o.Endpoint, Handlers: o.Handlers}
	s := &Sandbox{Calls: newCalls(), Faults: newFaults(), bus: b}
	b.Trouble = s.Faults
	services, rest := services(b, s.hook)
	b.Publisher = publisher{b.Publisher, s.Faults}
	s.operations = map[string][]string{}
	for _, service := range services {
		s.operations[service.Name] = slices.Sorted(maps.Keys(service.Ops))
	}
	aws := wire.NewServer(services, s.hook, rest)
	s.Handler = s.control(aws)
	return s, nil
}

// Run lets the account live: records are polled, messages delivered, alarms
// evaluated, until ctx ends. Without it a sandbox only answers.
func (s *Sandbox) Run(ctx context.Context) { s.bus.Run(ctx) }

// Tagged lists everything in the account that has tags.
func (s *Sandbox) Tagged() []bus.Tagged { return s.bus.Tagged() }
