"""Firehose: what a put answers."""

import kinesis
from functions import role
from s3 import bucket
from table import aws, behaviour, refusal, until


def delivery(world, **source):
    name = world.name()
    destination = {
        "RoleARN": role(world, "firehose"), "BucketARN": f"arn:aws:s3:::{bucket(world)}",
        "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60},
    }
    world.firehose.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=destination, **source)
    describe = world.firehose.describe_delivery_stream
    until(lambda: describe(DeliveryStreamName=name)["DeliveryStreamDescription"]["DeliveryStreamStatus"] == "ACTIVE")
    return name


def fields(out):
    return " ".join(sorted(set(out) - {"ResponseMetadata"}))


@behaviour("firehose/a put answers with the record's id", "Encrypted RecordId, no")
def _(world):
    out = world.firehose.put_record(DeliveryStreamName=delivery(world), Record={"Data": b"x"})
    return fields(out), out.get("Encrypted")


@behaviour("firehose/a batch answers record by record", "0 failed, RecordId, RecordId")
def _(world):
    out = world.firehose.put_record_batch(DeliveryStreamName=delivery(world), Records=[{"Data": b"a"}, {"Data": b"b"}])
    return f"{out['FailedPutCount']} failed", *(fields(entry) for entry in out["RequestResponses"])


@behaviour("firehose/the AWS CLI puts a batch", "0")
def _(world):
    return aws("firehose", "put-record-batch", "--delivery-stream-name", delivery(world), "--records", "Data=hello", "--query", "FailedPutCount")


@behaviour("firehose/a delivery stream that is not there", "ResourceNotFoundException")
def _(world):
    return refusal(world.firehose.put_record, DeliveryStreamName="nobodys", Record={"Data": b"x"})


@behaviour("firehose/a put to a delivery stream that reads from Kinesis", "InvalidArgumentException")
def _(world):
    stream = world.kinesis.describe_stream_summary(StreamName=kinesis.stream(world))["StreamDescriptionSummary"]["StreamARN"]
    source = {"KinesisStreamARN": stream, "RoleARN": role(world, "firehose")}
    name = delivery(world, DeliveryStreamType="KinesisStreamAsSource", KinesisStreamSourceConfiguration=source)
    return refusal(world.firehose.put_record, DeliveryStreamName=name, Record={"Data": b"x"})


@behaviour("firehose/500 records, and one more", "ok, InvalidArgumentException")
def _(world):
    name = delivery(world)
    return [refusal(world.firehose.put_record_batch, DeliveryStreamName=name, Records=[{"Data": b"x"}] * n) for n in (500, 501)]


@behaviour("firehose/a record of 1000 KiB, and one byte more", "ok, InvalidArgumentException")
def _(world):
    name = delivery(world)
    return [refusal(world.firehose.put_record, DeliveryStreamName=name, Record={"Data": b"x" * n}) for n in (1000 << 10, (1000 << 10) + 1)]
