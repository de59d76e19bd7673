// Package bus is the world that the sandbox's services share: the account and
// region they pretend to be in, how long things take, and what each needs to
// know of the others, by ARN. Services never import one another.
//
// Each service sets its own field when it is made; all are set before the first
// request is served.
package bus

import (
	"context"
	"strings"
	"time"
)

// Bus is one account in one region.
type Bus struct {
	Account string // 12 digits
	Region  string
	Timing  Timing
	Limits  bool // refuse calls beyond AWS's documented rates
	// Endpoint is the URL under which the sandbox answers, "" when it answers
	// in process only. Queue URLs carry it: some SDKs send requests there.
	Endpoint string

	// Handlers, when set, answers for functions in process: it makes a handler
	// for a function with the given environment.
	Handlers func(environment map[string]string) (Handler, error)

	Roles     Roles
	Keys      Keys
	Queues    Queues
	Streams   Streams
	Topics    Topics
	Buckets   Buckets
	Tables    Tables
	Logs      Logs
	Functions Functions

	StreamData StreamData
	QueueData  QueueData
	Publisher  Publisher
	Outbox     Outbox
	Invoker    Invoker
	Objects    Objects
	Metrics    Metrics
	// Trouble is what was asked to go wrong within services; nil is nothing.
	Trouble Trouble

	background []func(ctx context.Context)
	tagged     []func(add func(arn string, tags Tags))
}

// NoEndpoint is where the URLs of a sandbox without an Endpoint point to.
const NoEndpoint = "http://sandbox.invalid"

// Partition of the region's ARNs. The sandbox knows the commercial one only.
const Partition = "aws"

// ARN is the ARN of a thing of this account and region.
func (b *Bus) ARN(service, resource string) string {
	return "arn:" + Partition + ":" + service + ":" + b.Region + ":" + b.Account + ":" + resource
}

// Name is what follows prefix in the resource part of an ARN of the given
// service in this account: Name(arn, "kinesis", "stream/"). ok is false for
// every other ARN.
func (b *Bus) Name(arn, service, prefix string) (name string, ok bool) {
	return strings.CutPrefix(arn, b.ARN(service, prefix))
}

// Roles are the roles of IAM, as the services that use them see them.
type Roles interface {
	// Assume says whether service (lambda.amazonaws.com) may act as the role
	// for the thing source. The error is one of NotSpread or Refused, or nil.
	Assume(role, service, source string) error
	// Allowed says whether the role's policies let it do action
	// (kinesis:GetRecords) on resource, an ARN.
	Allowed(role, action, resource string) bool
}

// RoleError says why a role can not be used.
type RoleError string

func (e RoleError) Error() string { return string(e) }

// The refusals of roles.
const (
	NotSpread RoleError = "the role is not known here yet" // made less than Timing.RoleSpread ago
	Refused   RoleError = "the role can not be assumed"    // absent, or its trust policy says no
)

// Key is a KMS key as those who encrypt with it see it.
type Key struct {
	ID    string
	ARN   string
	State string // Enabled, Disabled, PendingDeletion
}

// Keys are the keys of KMS.
type Keys interface {
	// Key finds a key by id, ARN, alias name ("alias/x") or alias ARN.
	Key(ref string) (Key, bool)
	// ServiceMay says whether the key's policy lets an AWS service
	// (cloudwatch.amazonaws.com) do action (kms:Decrypt).
	ServiceMay(ref, service, action string) bool
}

// Queue is an SQS queue as others see it.
type Queue struct {
	ARN        string
	FIFO       bool
	Visibility int // seconds
}

// Queues are the queues of SQS.
type Queues interface {
	Queue(arn string) (Queue, bool)
	// ServiceMay says whether the queue's policy, and that of its key, let an
	// AWS service (sns.amazonaws.com) send messages for source, an ARN. It is
	// false when there is no such queue.
	ServiceMay(arn, service, source string) bool
}

// Stream is a Kinesis stream as others see it.
type Stream struct {
	ARN       string
	Active    bool // ACTIVE or UPDATING: its data can be read
	KeyRef    string
	Retention time.Duration
}

// Streams are the streams of Kinesis.
type Streams interface {
	Stream(arn string) (Stream, bool)
}

// Topics are the topics of SNS.
type Topics interface {
	Topic(arn string) bool
}

// Buckets are the buckets of S3.
type Buckets interface {
	Bucket(name string) bool
	// BucketKey is the KMS key, as the bucket names it, that objects are
	// encrypted with when their writer asks for nothing else; "" when S3's own
	// are used.
	BucketKey(name string) string
}

// Column is one column of a table. Type is Hive's: string, array<int>.
type Column struct {
	Name string
	Type string
}

// Tables are the tables of Glue's catalog.
type Tables interface {
	Table(database, name string) bool
	// Columns are those of one version of a table, or of the newest when
	// version is "". ok is false when there is none.
	Columns(database, name, version string) (columns []Column, ok bool)
}

// Logs are the groups of CloudWatch Logs.
type Logs interface {
	Group(name string) bool
	Stream(group, name string) bool
	// Put adds lines to a log stream, as of now. It makes the stream, and the
	// group too, when they are not there.
	Put(group, stream string, lines ...string)
}

// Functions are the functions of Lambda.
type Functions interface {
	Function(arn string) bool
}
