"""Kinesis Data Streams: records, iterators, shards."""

import hashlib
import time

from table import aws, behaviour, refusal, until

FIRST = "shardId-000000000000"
HIGHEST = 2**128 - 1


def stream(world, shards=1):
    name = world.name()
    world.kinesis.create_stream(StreamName=name, ShardCount=shards)
    return active(world, name)


def active(world, name):
    describe = world.kinesis.describe_stream_summary
    until(lambda: describe(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE")
    return name


def put(world, name, *bodies):
    return [world.kinesis.put_record(StreamName=name, Data=body.encode(), PartitionKey="k") for body in bodies]


def iterator(world, name, kind="TRIM_HORIZON", shard=FIRST, **more):
    return world.kinesis.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType=kind, **more)["ShardIterator"]


def get(world, name, kind="TRIM_HORIZON", **more):
    records = world.kinesis.get_records(ShardIterator=iterator(world, name, kind, **more))["Records"]
    return "".join(r["Data"].decode() for r in records)


def shards(world, name, **more):
    return world.kinesis.list_shards(StreamName=name, **more)["Shards"]


def halved(world):
    """A stream whose only shard, with one record, was split in two."""
    name = stream(world)
    put(world, name, "before")
    world.kinesis.split_shard(StreamName=name, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    return active(world, name)


@behaviour("kinesis/a record comes back as it was put", "hello, k, ApproximateArrivalTimestamp Data PartitionKey SequenceNumber")
def _(world):
    name = stream(world)
    put(world, name, "hello")
    record = world.kinesis.get_records(ShardIterator=iterator(world, name))["Records"][0]
    return record["Data"], record["PartitionKey"], " ".join(sorted(set(record) - {"EncryptionType"}))


@behaviour("kinesis/the AWS CLI reads what it put", "aGVsbG8=")
def _(world):
    name = stream(world)
    aws("kinesis", "put-record", "--stream-name", name, "--partition-key", "k", "--data", "hello")
    return aws("kinesis", "get-records", "--shard-iterator", iterator(world, name), "--query", "Records[0].Data")


@behaviour("kinesis/TRIM_HORIZON, AT and AFTER the second of three, LATEST", "abc, bc, c, nothing")
def _(world):
    name = stream(world)
    second = put(world, name, "a", "b", "c")[1]["SequenceNumber"]
    at, after = (get(world, name, kind, StartingSequenceNumber=second) for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"))
    return get(world, name), at, after, get(world, name, "LATEST")


@behaviour("kinesis/AT_TIMESTAMP before, between and after two records", "ab, b, nothing")
def _(world):
    name = stream(world)
    began = time.time() - 60
    put(world, name, "a")
    time.sleep(0.3)
    between = time.time() - 0.15
    put(world, name, "b")
    time.sleep(0.3)
    return [get(world, name, "AT_TIMESTAMP", Timestamp=t) for t in (began, between, time.time())]


@behaviour("kinesis/a LATEST iterator sees what comes after it was made", "new")
def _(world):
    name = stream(world)
    put(world, name, "old")
    latest = iterator(world, name, "LATEST")
    put(world, name, "new")
    return [r["Data"] for r in world.kinesis.get_records(ShardIterator=latest)["Records"]]


@behaviour("kinesis/the next iterator goes on where the limit ended", "ab, c")
def _(world):
    name = stream(world)
    put(world, name, "a", "b", "c")
    first = world.kinesis.get_records(ShardIterator=iterator(world, name), Limit=2)
    second = world.kinesis.get_records(ShardIterator=first["NextShardIterator"])
    return [b"".join(r["Data"] for r in page["Records"]) for page in (first, second)]


@behaviour("kinesis/MillisBehindLatest with a record left, and at the tip", "more than 0, 0")
def _(world):
    name = stream(world)
    put(world, name, "a")
    time.sleep(0.1)
    put(world, name, "b")
    time.sleep(0.1)
    first = world.kinesis.get_records(ShardIterator=iterator(world, name), Limit=1)
    second = world.kinesis.get_records(ShardIterator=first["NextShardIterator"])
    return "more than 0" if first["MillisBehindLatest"] > 0 else "0", second["MillisBehindLatest"]


@behaviour("kinesis/sequence numbers rise in the order of arrival", "yes")
def _(world):
    name = stream(world)
    put(world, name, *"abcdefghij")
    records = world.kinesis.get_records(ShardIterator=iterator(world, name))["Records"]
    numbers = [int(r["SequenceNumber"]) for r in records]
    return b"".join(r["Data"] for r in records) == b"abcdefghij" and numbers == sorted(set(numbers))


@behaviour("kinesis/PutRecords answers entry by entry", "0 failed, SequenceNumber ShardId, SequenceNumber ShardId")
def _(world):
    entries = [{"Data": b"x", "PartitionKey": key} for key in "ab"]
    out = world.kinesis.put_records(StreamName=stream(world), Records=entries)
    return f"{out['FailedRecordCount']} failed", *(" ".join(sorted(entry)) for entry in out["Records"])


@behaviour("kinesis/a key goes to the shard whose range has its MD5", "20 of 20")
def _(world):
    name = stream(world, 4)
    ranges = [(s["ShardId"], int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"])) for s in shards(world, name)]
    keys = [f"vehicle-{i}" for i in range(20)]
    out = world.kinesis.put_records(StreamName=name, Records=[{"Data": b"x", "PartitionKey": key} for key in keys])
    right = 0
    for key, entry in zip(keys, out["Records"]):
        digest = int(hashlib.md5(key.encode()).hexdigest(), 16)
        right += [entry["ShardId"]] == [shard for shard, low, high in ranges if low <= digest <= high]
    return f"{right} of {len(keys)}"


@behaviour("kinesis/an explicit hash key is stronger than the key", "shardId-000000000000, shardId-000000000003")
def _(world):
    name = stream(world, 4)
    return [
        world.kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="k", ExplicitHashKey=str(key))["ShardId"] for key in (0, HIGHEST)
    ]


@behaviour("kinesis/the shards' ranges leave no gap", "0, no gap, 2^128-1")
def _(world):
    ranges = [s["HashKeyRange"] for s in shards(world, stream(world, 3))]
    starts, ends = ([int(r[side]) for r in ranges] for side in ("StartingHashKey", "EndingHashKey"))
    joined = all(start == end + 1 for start, end in zip(starts[1:], ends))
    return starts[0], "no gap" if joined else ranges, "2^128-1" if ends[-1] == HIGHEST else ends[-1]


@behaviour("kinesis/a split leaves a closed parent and two children", "closed, 1 of 0, 2 of 0")
def _(world):
    parent, *children = shards(world, halved(world))
    number = lambda shard: int(shard.removeprefix("shardId-"))
    state = "closed" if "EndingSequenceNumber" in parent["SequenceNumberRange"] else "open"
    return state, *(f"{number(c['ShardId'])} of {number(c['ParentShardId'])}" for c in children)


@behaviour("kinesis/a merge leaves a child that names both parents", "shardId-000000000000, shardId-000000000001, 1 open")
def _(world):
    name = stream(world, 2)
    world.kinesis.merge_shards(StreamName=name, ShardToMerge=FIRST, AdjacentShardToMerge="shardId-000000000001")
    child = shards(world, active(world, name))[-1]
    summary = world.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    return child.get("ParentShardId"), child.get("AdjacentParentShardId"), f"{summary['OpenShardCount']} open"


@behaviour("kinesis/a closed shard, once read, names its children and ends", "before, no iterator, 2 children")
def _(world):
    out = world.kinesis.get_records(ShardIterator=iterator(world, halved(world)))
    body = b"".join(r["Data"] for r in out["Records"])
    if out.get("NextShardIterator") and "ChildShards" not in out:
        out = world.kinesis.get_records(ShardIterator=out["NextShardIterator"])
    return body, "an iterator" if out.get("NextShardIterator") else "no iterator", f"{len(out.get('ChildShards', []))} children"


@behaviour("kinesis/records after a split go to a child", "shardId-000000000002")
def _(world):
    return world.kinesis.put_record(StreamName=halved(world), Data=b"x", PartitionKey="k", ExplicitHashKey=str(HIGHEST))["ShardId"]


@behaviour("kinesis/shards AT_LATEST, AT and FROM_TRIM_HORIZON, AFTER the first", "2, 1, 3, 2")
def _(world):
    name = halved(world)
    filters = {"Type": "AT_LATEST"}, {"Type": "AT_TRIM_HORIZON"}, {"Type": "FROM_TRIM_HORIZON"}, {"Type": "AFTER_SHARD_ID", "ShardId": FIRST}
    return [len(shards(world, name, ShardFilter=f)) for f in filters]


@behaviour("kinesis/shards come in pages, and a token goes without the stream's name", "2, 1, InvalidArgumentException")
def _(world):
    name = stream(world, 3)
    page = world.kinesis.list_shards(StreamName=name, MaxResults=2)
    token = page["NextToken"]
    rest = world.kinesis.list_shards(NextToken=token)
    return len(page["Shards"]), len(rest["Shards"]), refusal(world.kinesis.list_shards, StreamName=name, NextToken=token)


@behaviour("kinesis/a split at the very start of a shard", "InvalidArgumentException")
def _(world):
    return refusal(world.kinesis.split_shard, StreamName=stream(world), ShardToSplit=FIRST, NewStartingHashKey="0")


@behaviour("kinesis/a merge of shards that don't touch", "InvalidArgumentException")
def _(world):
    return refusal(world.kinesis.merge_shards, StreamName=stream(world, 3), ShardToMerge=FIRST, AdjacentShardToMerge="shardId-000000000002")


@behaviour("kinesis/more than double the shards, and less than half", "LimitExceededException, LimitExceededException")
def _(world):
    name = stream(world, 4)
    resize = world.kinesis.update_shard_count
    return [refusal(resize, StreamName=name, TargetShardCount=n, ScalingType="UNIFORM_SCALING") for n in (9, 1)]


@behaviour("kinesis/a stream that is not there: put, iterator, shards", "ResourceNotFoundException, ResourceNotFoundException, ResourceNotFoundException")
def _(world):
    k = world.kinesis
    return (
        refusal(k.put_record, StreamName="nobodys", Data=b"x", PartitionKey="k"),
        refusal(k.get_shard_iterator, StreamName="nobodys", ShardId=FIRST, ShardIteratorType="LATEST"),
        refusal(k.list_shards, StreamName="nobodys"),
    )


@behaviour("kinesis/an iterator on a shard that is not there", "ResourceNotFoundException")
def _(world):
    return refusal(iterator, world, stream(world), shard="shardId-000000000009")


@behaviour("kinesis/an iterator that nobody gave out", "InvalidArgumentException")
def _(world):
    return refusal(world.kinesis.get_records, ShardIterator="A" * 100)


@behaviour("kinesis/AT_SEQUENCE_NUMBER without the number", "InvalidArgumentException")
def _(world):
    return refusal(iterator, world, stream(world), "AT_SEQUENCE_NUMBER")


@behaviour("kinesis/a record of 1 MiB with its key, and one byte more", "ok, InvalidArgumentException")
def _(world):
    name = stream(world)
    return [refusal(world.kinesis.put_record, StreamName=name, Data=b"x" * n, PartitionKey="k") for n in (2**20 - 1, 2**20)]


@behaviour("kinesis/500 records, and one more", "ok, ValidationException")
def _(world):
    name = stream(world)
    entry = {"Data": b"x", "PartitionKey": "k"}
    return [refusal(world.kinesis.put_records, StreamName=name, Records=[entry] * n) for n in (500, 501)]


@behaviour("kinesis/an empty partition key, and one of 257 letters", "ValidationException, ValidationException")
def _(world):
    name = stream(world)
    return [refusal(world.kinesis.put_record, StreamName=name, Data=b"x", PartitionKey=key) for key in ("", "k" * 257)]


@behaviour("kinesis/retention up to 48 h, up to 24 h, down to 12 h, up to 8761 h", "ok, InvalidArgumentException, InvalidArgumentException, InvalidArgumentException")
def _(world):
    name = stream(world)
    up, down = world.kinesis.increase_stream_retention_period, world.kinesis.decrease_stream_retention_period
    calls = (up, 48), (up, 24), (down, 12), (up, 8761)
    return [refusal(call, StreamName=active(world, name), RetentionPeriodHours=hours) for call, hours in calls]
