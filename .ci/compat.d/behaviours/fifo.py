"""SQS, FIFO queues."""

import hashlib

from sqs import attribute, bodies, receive, redrive, send
from table import behaviour, refusal, until


def fifo(world, **attributes):
    return world.sqs.create_queue(QueueName=world.name(".fifo"), Attributes={"FifoQueue": "true", **attributes})["QueueUrl"]


def by_content(world, **attributes):
    return fifo(world, ContentBasedDeduplication="true", **attributes)


def visible(world, url):
    return attribute(world, url, "ApproximateNumberOfMessages")


@behaviour("sqs fifo/messages of a group come in the order they were sent", "1 2 3 4 5")
def _(world):
    url = by_content(world)
    send(world, url, *"12345", MessageGroupId="g")
    return bodies(receive(world, url))


@behaviour("sqs fifo/a message in flight holds up its group, not the others", "a1, b1, nothing, a2")
def _(world):
    url = by_content(world)
    send(world, url, "a1", "a2", MessageGroupId="a")
    send(world, url, "b1", MessageGroupId="b")
    first = receive(world, url, MaxNumberOfMessages=1)
    others, held = receive(world, url), receive(world, url)
    world.sqs.delete_message(QueueUrl=url, ReceiptHandle=first[0]["ReceiptHandle"])
    return [bodies(m) for m in (first, others, held, receive(world, url))]


@behaviour("sqs fifo/a message that comes back comes before its followers", "1, 1 2")
def _(world):
    url = by_content(world)
    send(world, url, "1", "2", MessageGroupId="g")
    first = receive(world, url, MaxNumberOfMessages=1)
    world.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first[0]["ReceiptHandle"], VisibilityTimeout=0)
    return bodies(first), bodies(receive(world, url))


@behaviour("sqs fifo/one deduplication id twice is one message, and one answer", "same MessageId, same SequenceNumber, 1 visible")
def _(world):
    url = fifo(world)
    a, b = send(world, url, "first", "second", MessageGroupId="g", MessageDeduplicationId="d")
    same = [f"{'same' if a[field] == b[field] else 'another'} {field}" for field in ("MessageId", "SequenceNumber")]
    return *same, f"{visible(world, url)} visible"


@behaviour("sqs fifo/a duplicate is dropped after the first was deleted too", "nothing")
def _(world):
    url = by_content(world)
    send(world, url, "x", MessageGroupId="g")
    world.sqs.delete_message(QueueUrl=url, ReceiptHandle=receive(world, url)[0]["ReceiptHandle"])
    send(world, url, "x", MessageGroupId="g")
    return bodies(receive(world, url))


@behaviour("sqs fifo/content-based deduplication looks at the body only", "1 visible, the body's SHA-256")
def _(world):
    url = by_content(world)
    for value in "ab":
        send(world, url, "x", MessageGroupId="g", MessageAttributes={"k": {"DataType": "String", "StringValue": value}})
    dedup = receive(world, url)[0]["Attributes"]["MessageDeduplicationId"]
    left = int(visible(world, url)) + 1
    return f"{left} visible", "the body's SHA-256" if dedup == hashlib.sha256(b"x").hexdigest() else dedup


@behaviour("sqs fifo/one body in two groups: deduplicated by queue, by group", "1, 2")
def _(world):
    seen = []
    for scope in ({}, {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}):
        url = by_content(world, **scope)
        for group in "ab":
            send(world, url, "x", MessageGroupId=group)
        seen.append(visible(world, url))
    return seen


@behaviour("sqs fifo/a message without group, without deduplication id, with a delay", "MissingParameter, InvalidParameterValue, InvalidParameterValue")
def _(world):
    url = fifo(world)
    return (
        refusal(send, world, url, "x", MessageDeduplicationId="d"),
        refusal(send, world, url, "x", MessageGroupId="g"),
        refusal(send, world, url, "x", MessageGroupId="g", MessageDeduplicationId="d", DelaySeconds=1),
    )


@behaviour("sqs fifo/sequence numbers rise and come back with the message", "yes, yes")
def _(world):
    url = by_content(world)
    numbers = [int(sent["SequenceNumber"]) for sent in send(world, url, *"1234", MessageGroupId="g")]
    received = [int(m["Attributes"]["SequenceNumber"]) for m in receive(world, url)]
    return numbers == sorted(set(numbers)), received == numbers


@behaviour("sqs fifo/system attributes that only FIFO queues have", "MessageDeduplicationId MessageGroupId SequenceNumber")
def _(world):
    url = by_content(world)
    send(world, url, "x", MessageGroupId="g")
    plain = {"ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "SenderId", "SentTimestamp"}
    return " ".join(sorted(set(receive(world, url)[0]["Attributes"]) - plain))


@behaviour("sqs fifo/a dead letter keeps group and id, and is deduplicated by its id", "g, same id, its id")
def _(world):
    dead = fifo(world)
    url = by_content(world, RedrivePolicy=redrive(world, dead, 1), VisibilityTimeout="0")
    sent = send(world, url, "poison", MessageGroupId="g")[0]["MessageId"]
    receive(world, url)
    until(lambda: not receive(world, url))
    m = until(lambda: receive(world, dead))[0]
    dedup = m["Attributes"]["MessageDeduplicationId"]
    return m["Attributes"]["MessageGroupId"], "same id" if m["MessageId"] == sent else "another id", "its id" if dedup == sent else "another"


@behaviour("sqs fifo/a poisoned message holds up its group only until it is a dead letter", "poison, b, a")
def _(world):
    dead = fifo(world)
    url = by_content(world, RedrivePolicy=redrive(world, dead, 1))
    send(world, url, "poison", "a", MessageGroupId="a")
    send(world, url, "b", MessageGroupId="b")
    first = receive(world, url, MaxNumberOfMessages=1)
    others = receive(world, url)
    world.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first[0]["ReceiptHandle"], VisibilityTimeout=0)
    return bodies(first), bodies(others), bodies(until(lambda: receive(world, url), 2))


@behaviour("sqs fifo/a receive repeated under its attempt id gets the same messages", "1 2, 1 2")
def _(world):
    url = by_content(world)
    send(world, url, *"12", MessageGroupId="g")
    return [bodies(receive(world, url, ReceiveRequestAttemptId="once")) for _ in range(2)]
