module "streaming" {
  source = "./modules/streaming"

  project_name             = "ccs"
  environment              = "prod"
  kinesis_shard_count      = 10
  kinesis_retention_period = 24
  s3_data_lake_bucket      = "ccs-data-lake-prod"
  kms_key_id               = module.security.kms_key_id

  tags = {
    Project = "CCS"
  }
}
