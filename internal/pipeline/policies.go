package pipeline

import (
	"context"

	"github.com/ccs-platform/ccsctl/internal/aws/policy"
)

// The documents that say who may do what. One least-privilege role a consumer;
// what a consumer does not do is not in its policy.

// keyPolicy lets the account's IAM policies decide, and CloudWatch's alarms
// publish to the encrypted topics (trap 22), which no role does for them.
func (p *Pipeline) keyPolicy() string {
	admin := policy.Allow("Account", []string{"kms:*"}, "*")
	admin.Principal = map[string]any{"AWS": p.names.root()}
	return policy.Document{Statement: []policy.Statement{
		admin,
		policy.Allow("AlarmsPublish", []string{"kms:Decrypt", "kms:GenerateDataKey*"}, "*").
			To("cloudwatch.amazonaws.com").If("StringEquals", "aws:SourceAccount", p.names.account),
	}}.JSON()
}

// topicPolicy takes the place of SNS's default policy, so it must let the
// account's own identities and CloudWatch in again (trap 23).
func (p *Pipeline) topicPolicy(topic string) string {
	owner := policy.Allow("Account", []string{
		"sns:GetTopicAttributes", "sns:SetTopicAttributes", "sns:AddPermission", "sns:RemovePermission",
		"sns:DeleteTopic", "sns:Subscribe", "sns:ListSubscriptionsByTopic", "sns:Publish",
	}, topic)
	owner.Principal = map[string]any{"AWS": p.names.root()}
	return policy.Document{Statement: []policy.Statement{
		owner,
		policy.Allow("AlarmsPublish", []string{"sns:Publish"}, topic).
			To("cloudwatch.amazonaws.com").If("StringEquals", "aws:SourceAccount", p.names.account),
	}}.JSON()
}

// bucketPolicy refuses every request that is not over TLS.
func (p *Pipeline) bucketPolicy() string {
	arn := p.names.bucket(p.config.DataLake.Bucket)
	deny := policy.Statement{
		Sid: "TLSOnly", Effect: "Deny", Principal: map[string]any{"AWS": "*"},
		Action: []string{"s3:*"}, Resource: []string{arn, arn + "/*"},
	}
	return policy.Document{Statement: []policy.Statement{deny.If("Bool", "aws:SecureTransport", "false")}}.JSON()
}

// trust lets one AWS service take a role, for this account only.
func (p *Pipeline) trust(service string) policy.Statement {
	return policy.Allow("", []string{"sts:AssumeRole"}).To(service)
}

func (p *Pipeline) lambdaTrust() string {
	return policy.Document{Statement: []policy.Statement{
		p.trust("lambda.amazonaws.com").If("StringEquals", "aws:SourceAccount", p.names.account),
	}}.JSON()
}

// deliveryTrust names the account the way Firehose documents it: as the
// external id ("Controlling access", Firehose developer guide).
func (p *Pipeline) deliveryTrust() string {
	return policy.Document{Statement: []policy.Statement{
		p.trust("firehose.amazonaws.com").If("StringEquals", "sts:ExternalId", p.names.account),
	}}.JSON()
}

func (p *Pipeline) workflowTrust() string {
	return policy.Document{Statement: []policy.Statement{
		p.trust("states.amazonaws.com").
			If("StringEquals", "aws:SourceAccount", p.names.account).
			If("ArnLike", "aws:SourceArn", p.names.machine()),
	}}.JSON()
}

// grants makes a role's policy. Those who read or write under the pipeline's
// key are also allowed the named uses of it; its ARN is known once it is made.
func (p *Pipeline) grants(keyUses []string, statements ...policy.Statement) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		all := statements
		if len(keyUses) > 0 {
			arn, _, err := p.key.ARN(ctx)
			if err != nil {
				return "", err
			}
			all = append(all[:len(all):len(all)], policy.Allow("Key", keyUses, arn))
		}
		return policy.Document{Statement: all}.JSON(), nil
	}
}

var (
	keyRead    = []string{"kms:Decrypt"}
	keyPublish = []string{"kms:Decrypt", "kms:GenerateDataKey*"}
)

func (p *Pipeline) logsGrant(what string) policy.Statement {
	group := p.names.logGroup(p.names.functionLogs(what))
	return policy.Allow("Logs", []string{"logs:CreateLogStream", "logs:PutLogEvents"}, group+":*")
}

func (p *Pipeline) ingestGrants() func(context.Context) (string, error) {
	n := p.names
	return p.grants(keyRead,
		policy.Allow("ReadStream", []string{
			"kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:ListShards",
		}, n.stream()),
		policy.Allow("ListStreams", []string{"kinesis:ListStreams"}, "*"), // it has no resource to name
		policy.Allow("Send", []string{"sqs:SendMessage"}, n.queue("emergency.fifo"), n.queue("telemetry"), n.queue("stream-failures")),
		p.logsGrant("ingest"),
	)
}

// consume is what Lambda's pollers need on the queue that they read.
func (p *Pipeline) consume(queue string) policy.Statement {
	return policy.Allow("Receive", []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}, p.names.queue(queue))
}

func (p *Pipeline) followupGrants() func(context.Context) (string, error) {
	return p.grants(keyPublish,
		p.consume("telemetry"),
		policy.Allow("Notify", []string{"sns:Publish"}, p.names.topic("owner-alerts"), p.names.topic("manager-notifications")),
		p.logsGrant("followup"),
	)
}

func (p *Pipeline) emergencyGrants() func(context.Context) (string, error) {
	return p.grants(nil,
		p.consume("emergency.fifo"),
		policy.Allow("StartWorkflow", []string{"states:StartExecution"}, p.names.machine()),
		p.logsGrant("emergency"),
	)
}

func (p *Pipeline) workflowGrants() func(context.Context) (string, error) {
	n := p.names
	return p.grants(keyPublish,
		policy.Allow("Notify", []string{"sns:Publish"},
			n.topic("authorities-alerts"), n.topic("owner-alerts"), n.topic("manager-notifications"), n.topic("alarms"),
			n.topic(probeName("*"))),
	)
}

// deliveryGrants follow "Controlling access" of the Firehose developer guide.
// Glue asks about the catalog and the database too when a table is read.
func (p *Pipeline) deliveryGrants() func(context.Context) (string, error) {
	n, lake := p.names, p.names.bucket(p.config.DataLake.Bucket)
	return p.grants(keyPublish,
		policy.Allow("ReadStream", []string{"kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards"}, n.stream()),
		policy.Allow("WriteLake", []string{
			"s3:AbortMultipartUpload", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:PutObject",
		}, lake, lake+"/*"),
		policy.Allow("ReadSchema", []string{"glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"},
			n.arn("glue", "catalog"), n.arn("glue", "database/"+p.database()), n.arn("glue", "table/"+p.database()+"/"+tableName)),
		policy.Allow("Logs", []string{"logs:PutLogEvents"}, n.logGroup(n.deliveryLogs())+":log-stream:*"),
	)
}
