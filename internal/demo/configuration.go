package demo

// Shards is how many shards the demo's stream has.
const Shards = 2

// Configuration is that of the demo's pipeline: as small as a pipeline is, with
// subscribers who are nobody, and a short time until a failed message is tried
// again, since a person watches.
const Configuration = `project_name: ccs
environment: demo
kinesis_shard_count: 2
s3_data_lake_bucket: ccs-demo-data-lake
autoscaling:
  min_shards: 2
emergency_queue:
  visibility_timeout: 5s
subscriptions:
  authorities:
    - {protocol: sms, endpoint: "+4955501112"}
  owners:
    - {protocol: sms, endpoint: "+4955500100"}
  alarms:
    - {protocol: sms, endpoint: "+4955500300"}
`
