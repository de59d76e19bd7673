"""boto3 against the sandbox: what the AWS CLI's calls leave out.

Pages, waiters, typed errors and timestamps, each as a Python program would use
them. Prints a line for each check: its name, then a tab and what failed, if
anything did. Endpoint, region and credentials are the environment's.
"""

import datetime
import io

import boto3
from botocore.exceptions import ClientError


def streams_by_page():
    pages = boto3.client("kinesis").get_paginator("list_streams").paginate()
    names = [name for page in pages for name in page["StreamNames"]]
    assert names == ["ccs-prod-telemetry"], names


def stream_waiter():
    boto3.client("kinesis").get_waiter("stream_exists").wait(StreamName="ccs-prod-telemetry")


def typed_refusal():
    client = boto3.client("kinesis")
    try:
        client.describe_stream_summary(StreamName="nobodys")
    except client.exceptions.ResourceNotFoundException as e:
        assert "nobodys" in e.response["Error"]["Message"], e
        assert e.response["ResponseMetadata"]["RequestId"], e
    else:
        raise AssertionError("not refused")


def queue_resource():
    queue = boto3.resource("sqs").get_queue_by_name(QueueName="ccs-prod-telemetry")
    assert queue.attributes["QueueArn"].endswith(":ccs-prod-telemetry"), queue.attributes


def missing_queue():
    client = boto3.client("sqs")
    try:
        client.get_queue_url(QueueName="nobodys")
    except client.exceptions.QueueDoesNotExist:
        return
    raise AssertionError("not refused")


def alarm_times():
    alarm = boto3.client("cloudwatch").describe_alarms(AlarmNames=["ccs-prod-iterator-age"])["MetricAlarms"][0]
    age = datetime.datetime.now(datetime.timezone.utc) - alarm["AlarmConfigurationUpdatedTimestamp"]
    assert abs(age) < datetime.timedelta(minutes=10), age


def alarms_by_page():
    pages = boto3.client("cloudwatch").get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 5})
    assert sum(len(page["MetricAlarms"]) for page in pages) == 12


def role_documents():
    role = boto3.resource("iam").Role("ccs-prod-ingest-eu-west-1")
    assert role.assume_role_policy_document["Version"] == "2012-10-17", role.assume_role_policy_document
    assert role.create_date.tzinfo, role.create_date


def missing_role():
    client = boto3.client("iam")
    try:
        client.get_role(RoleName="nobodys")
    except client.exceptions.NoSuchEntityException:
        return
    raise AssertionError("not refused")


def tagged_by_page():
    pages = boto3.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(
        TagFilters=[{"Key": "ccsctl:project", "Values": ["ccs"]}], PaginationConfig={"PageSize": 10}
    )
    arns = [m["ResourceARN"] for page in pages for m in page["ResourceTagMappingList"]]
    assert len(arns) == len(set(arns)) > 10, arns


def objects():
    bucket = boto3.resource("s3").Bucket("ccs-data-lake-prod")
    bucket.put_object(Key="compat/a b+c.txt", Body=b"hello")
    body = bucket.Object("compat/a b+c.txt").get()["Body"].read()
    assert body == b"hello", body
    bucket.upload_fileobj(io.BytesIO(b"x" * (9 << 20)), "compat/large")
    sizes = {o.key: o.size for o in bucket.objects.filter(Prefix="compat/")}
    assert sizes == {"compat/a b+c.txt": 5, "compat/large": 9 << 20}, sizes
    bucket.objects.filter(Prefix="compat/").delete()
    assert not list(bucket.objects.all())


def missing_object():
    client = boto3.client("s3")
    try:
        client.get_object(Bucket="ccs-data-lake-prod", Key="nobodys")
    except client.exceptions.NoSuchKey:
        return
    raise AssertionError("not refused")


def mappings_by_page():
    pages = boto3.client("lambda").get_paginator("list_event_source_mappings").paginate(PaginationConfig={"PageSize": 1})
    assert sum(len(page["EventSourceMappings"]) for page in pages) == 3


def log_groups_by_page():
    pages = boto3.client("logs").get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 2})
    assert sum(len(page["logGroups"]) for page in pages) == 4


def unknown_operation():
    try:
        boto3.client("lambda").list_layers()
    except ClientError as e:
        assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 501, e.response
        return
    raise AssertionError("a silent success")


for check in (
    streams_by_page, stream_waiter, typed_refusal, queue_resource, missing_queue, alarm_times, alarms_by_page, role_documents,
    missing_role, tagged_by_page, objects, missing_object, mappings_by_page, log_groups_by_page, unknown_operation,
):
    name = check.__name__.replace("_", " ")
    try:
        check()
    except Exception as e:  # whatever it is, the next check may still hold
        print(f"{name}\t{type(e).__name__}: {e}".replace("\n", " "))
    else:
        print(name)
