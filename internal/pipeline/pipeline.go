// Package pipeline is the topology: which resources make up the pipeline, their
// names, their settings, and what needs what. It reads as the architecture
// diagram and makes no call of its own.
package pipeline

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/aws/bucket"
	"github.com/ccs-platform/ccsctl/internal/aws/key"
	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/graph"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Settings are what a pipeline is made of.
type Settings struct {
	Config    *config.Config
	AWS       aws.Config
	Account   string
	Region    string
	Partition string
	// Architecture is what the functions run on when the configuration leaves
	// the choice: arm64 or x86_64.
	Architecture string
	// Code is the functions' zip and its base64 SHA-256. It is called when a
	// function is compared, once a process.
	Code func(ctx context.Context) (zip []byte, sha256 string, err error)
	// PurgeData lets a removal delete the data lake's objects, and with them
	// the key.
	PurgeData bool
}

// Pipeline is the whole pipeline of one project's environment.
type Pipeline struct {
	config   *config.Config
	settings Settings
	names    names
	owner    resource.Owner
	key      key.Ref
	bucket   *bucket.Bucket
}

// New makes the pipeline that the settings describe. It makes no call.
func New(s Settings) *Pipeline {
	p := &Pipeline{
		config:   s.Config,
		settings: s,
		names:    names{base: s.Config.Project + "-" + s.Config.Environment, partition: s.Partition, region: s.Region, account: s.Account},
		owner:    resource.Owner{Project: s.Config.Project, Environment: s.Config.Environment, Extra: s.Config.Tags},
	}
	p.key = p.ownKey()
	if s.Config.KMSKeyID != "" {
		p.key = key.NewGiven(s.AWS, s.Config.KMSKeyID)
	}
	p.bucket = p.newBucket()
	return p
}

// Owner is whose the pipeline's things are.
func (p *Pipeline) Owner() resource.Owner { return p.owner }

// database is the catalog's name for the project's environment: Athena takes
// no hyphens without quoting.
func (p *Pipeline) database() string { return strings.ReplaceAll(p.names.base, "-", "_") }

const tableName = "telemetry"

// Graph is everything and what it needs. A removal goes through it backwards.
func (p *Pipeline) Graph() *graph.Graph[resource.Resource] {
	g := new(graph.Graph[resource.Resource])
	needs := func(rs ...resource.Resource) []resource.Resource { return rs }
	if own, ok := p.key.(*key.Key); ok { // what encrypts needs the key, when it is ours to make
		g.Add(own)
		needs = func(rs ...resource.Resource) []resource.Resource { return append(rs, own) }
	}

	// devices -> stream
	events := p.newStream()
	g.Add(events, needs()...)

	// queues, each behind its dead-letter queue
	emergencyDLQ, emergency := p.newEmergencyQueues()
	telemetryDLQ, telemetry := p.newTelemetryQueues()
	failures := p.newFailuresQueue()
	g.Add(emergency, emergencyDLQ)
	g.Add(telemetry, telemetryDLQ)
	g.Add(failures)

	// topics
	authorities, owners, managers, alarms := p.newTopics()
	for _, t := range []resource.Resource{authorities, owners, managers, alarms} {
		g.Add(t, needs()...)
	}

	// stream -> data lake
	lake := p.bucket
	table := p.newCatalog()
	deliveryLogs := p.newDeliveryLogs()
	deliveryRole := p.newRole("data-lake", "delivers the stream to the data lake", p.deliveryTrust(), p.deliveryGrants())
	g.Add(lake, needs()...)
	g.Add(table)
	g.Add(deliveryLogs)
	g.Add(deliveryRole, needs()...)
	g.Add(p.newDelivery(), events, lake, table, deliveryLogs, deliveryRole)

	// emergencies -> workflow -> topics
	workflowRole := p.newRole("workflow", "runs the emergency workflow", p.workflowTrust(), p.workflowGrants())
	g.Add(workflowRole, needs()...)
	flow := p.newWorkflow()
	g.Add(flow, workflowRole)

	// functions and what feeds them
	function := func(what, purpose string, grants func(context.Context) (string, error), timeout time.Duration, env map[string]string) resource.Resource {
		logs := p.newFunctionLogs(what)
		role := p.newRole(what, purpose, p.lambdaTrust(), grants)
		f := p.newFunction(what, purpose, timeout, env)
		g.Add(logs)
		g.Add(role, needs()...)
		g.Add(f, role, logs)
		return f
	}
	ingest := function("ingest", "sorts telemetry into emergencies and follow-ups", p.ingestGrants(), ingestTimeout, p.ingestEnvironment())
	followup := function("followup", "tells owners and managers", p.followupGrants(), config.FollowupTimeout, p.followupEnvironment())
	responder := function("emergency", "starts the emergency workflow", p.emergencyGrants(), config.EmergencyTimeout, p.emergencyEnvironment())
	g.Add(p.newStreamMapping(), events, ingest, failures, emergency, telemetry)
	g.Add(p.newQueueMapping("followup", "telemetry"), telemetry, followup, owners, managers)
	g.Add(p.newQueueMapping("emergency", "emergency.fifo"), emergency, responder, flow)

	// what watches it all
	for _, a := range p.newAlarms() {
		g.Add(a, alarms)
	}
	return g
}
