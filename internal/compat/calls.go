package main

// cliCall is one command of the AWS CLI and what it must answer.
type cliCall struct {
	command string // without --query
	query   string
	want    string // all of the answer, as a regexp
	refused string // instead: what the refusal must say
}

// cliCalls are at least one for every service of the pipeline. The commands
// have no spaces within an argument.
func cliCalls() []cliCall {
	const (
		queues = "http://127.0.0.1/000000000000/ccs-prod-"
		sns    = "arn:aws:sns:eu-west-1:000000000000:ccs-prod-"
		key    = "arn:aws:kms:eu-west-1:000000000000:key/"
	)
	return []cliCall{
		{command: "sts get-caller-identity", query: "Account", want: account},

		{command: "kinesis describe-stream-summary --stream-name ccs-prod-telemetry",
			query: "StreamDescriptionSummary.[StreamStatus,OpenShardCount,RetentionPeriodHours,EncryptionType]", want: `ACTIVE\s+10\s+24\s+KMS`},
		{command: "kinesis describe-stream --stream-name ccs-prod-telemetry", query: "length(StreamDescription.Shards)", want: "10"},
		{command: "kinesis describe-stream-summary --stream-name nobodys", refused: "ResourceNotFoundException"},
		{command: "kinesis create-stream --stream-name ccs-prod-telemetry --shard-count 1", refused: "ResourceInUseException"},

		{command: "sqs get-queue-url --queue-name ccs-prod-emergency.fifo", query: "QueueUrl", want: `http.*/000000000000/ccs-prod-emergency\.fifo`},
		{command: "sqs get-queue-attributes --attribute-names All --queue-url " + queues + "emergency.fifo",
			query: "Attributes.[VisibilityTimeout,FifoQueue,ContentBasedDeduplication,DeduplicationScope,FifoThroughputLimit]", want: `30\s+true\s+true\s+messageGroup\s+perMessageGroupId`},
		{command: "sqs get-queue-attributes --attribute-names RedrivePolicy --queue-url " + queues + "telemetry",
			query: "Attributes.RedrivePolicy", want: `.*arn:aws:sqs:eu-west-1:000000000000:ccs-prod-telemetry-dlq.*`},
		{command: "sqs list-queues --queue-name-prefix ccs-prod-", query: "length(QueueUrls)", want: "5"},
		{command: "sqs list-queue-tags --queue-url " + queues + "telemetry", query: "Tags.Project", want: "CCS"},
		{command: "sqs get-queue-url --queue-name nobodys", refused: "AWS.SimpleQueueService.NonExistentQueue"},

		{command: "sns get-topic-attributes --topic-arn " + sns + "alarms", query: "Attributes.KmsMasterKeyId", want: "alias/ccs-prod"},
		{command: "sns list-tags-for-resource --resource-arn " + sns + "alarms", query: "Tags[?Key=='Project'].Value", want: "CCS"},
		{command: "sns get-topic-attributes --topic-arn " + sns + "nobodys", refused: "NotFound"},

		{command: "firehose describe-delivery-stream --delivery-stream-name ccs-prod-data-lake",
			query: "DeliveryStreamDescription.[DeliveryStreamStatus,DeliveryStreamType,Destinations[0].ExtendedS3DestinationDescription.BufferingHints.SizeInMBs]",
			want:  `ACTIVE\s+KinesisStreamAsSource\s+128`},

		{command: "lambda get-function-configuration --function-name ccs-prod-emergency", query: "[State,Runtime,Timeout]", want: `Active\s+provided.al2023\s+5`},
		{command: "lambda wait function-active-v2 --function-name ccs-prod-emergency"},
		{command: "lambda list-event-source-mappings --function-name ccs-prod-ingest",
			query: "EventSourceMappings[].[BatchSize,BisectBatchOnFunctionError,State,FunctionResponseTypes[0]]", want: `500\s+True\s+Enabled\s+ReportBatchItemFailures`},

		{command: "stepfunctions describe-state-machine --state-machine-arn arn:aws:states:eu-west-1:000000000000:stateMachine:ccs-prod-emergency",
			query: "[status,type]", want: `ACTIVE\s+STANDARD`},
		{command: "stepfunctions describe-state-machine --state-machine-arn arn:aws:states:eu-west-1:000000000000:stateMachine:nobodys", refused: "StateMachineDoesNotExist"},

		{command: "cloudwatch describe-alarms --alarm-name-prefix ccs-prod-", query: "length(MetricAlarms)", want: "12"},
		{command: "cloudwatch describe-alarms --alarm-names ccs-prod-iterator-age", query: "MetricAlarms[0].[Threshold,TreatMissingData,AlarmActions[0]]",
			want: `60000(\.0)?\s+notBreaching\s+` + sns + "alarms"},

		{command: "iam get-role --role-name ccs-prod-ingest-eu-west-1", query: "Role.[Path,AssumeRolePolicyDocument.Statement[0].Principal.Service]",
			want: `/ccsctl/\s+lambda.amazonaws.com`},
		{command: "iam get-role-policy --role-name ccs-prod-ingest-eu-west-1 --policy-name pipeline", query: "PolicyDocument.Version", want: "2012-10-17"},
		{command: "iam get-role --role-name nobodys", refused: "NoSuchEntity"},

		{command: "kms describe-key --key-id alias/ccs-prod", query: "KeyMetadata.[KeyState,KeyManager]", want: `Enabled\s+CUSTOMER`},
		{command: "kms get-key-policy --key-id alias/ccs-prod", refused: "NotFoundException"},
		{command: "kms list-aliases", query: "Aliases[?AliasName=='alias/ccs-prod']|length(@)", want: "1"},
		{command: "kms describe-key --key-id " + key + "12345678-1234-1234-1234-123456789012", refused: "NotFoundException"},

		{command: "s3api head-bucket --bucket ccs-data-lake-prod", query: "BucketRegion", want: region},
		{command: "s3api get-bucket-encryption --bucket ccs-data-lake-prod",
			query: "ServerSideEncryptionConfiguration.Rules[0].[ApplyServerSideEncryptionByDefault.SSEAlgorithm,BucketKeyEnabled]", want: `aws:kms\s+True`},
		{command: "s3api get-bucket-tagging --bucket ccs-data-lake-prod", query: "TagSet[?Key=='Project'].Value", want: "CCS"},
		{command: "s3api get-bucket-encryption --bucket nobodys-bucket", refused: "NoSuchBucket"},
		{command: "s3 ls s3://ccs-data-lake-prod"},

		{command: "glue get-table --database-name ccs_prod --name telemetry", query: "Table.[TableType,StorageDescriptor.Columns[0].Name,length(PartitionKeys)]",
			want: `EXTERNAL_TABLE\s+event_id\s+3`},
		{command: "glue get-table --database-name ccs_prod --name nobodys", refused: "EntityNotFoundException"},

		{command: "logs describe-log-groups --log-group-name-prefix /aws/lambda/ccs-prod-", query: "length(logGroups)", want: "3"},

		{command: "resourcegroupstaggingapi get-resources --tag-filters Key=ccsctl:project,Values=ccs --resource-type-filters sqs sns:topic kinesis",
			query: "length(ResourceTagMappingList)", want: "10"},

		// What the sandbox does not know it refuses by name.
		{command: "dynamodb list-tables", refused: "ListTables"},
		{command: "sqs list-queues --queue-name-prefix x --max-results 2000", refused: "InvalidParameterValue"},
	}
}
