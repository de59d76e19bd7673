"""SQS, standard queues."""

import hashlib
import json
import struct
import threading
import time

from table import aws, behaviour, refusal, until


def queue(world, **attributes):
    return world.sqs.create_queue(QueueName=world.name(), Attributes=attributes)["QueueUrl"]


def attribute(world, url, name):
    return world.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]


def arn(world, url):
    return attribute(world, url, "QueueArn")


def send(world, url, *bodies, **more):
    return [world.sqs.send_message(QueueUrl=url, MessageBody=body, **more) for body in bodies]


def receive(world, url, **more):
    options = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": 0, "MessageSystemAttributeNames": ["All"], **more}
    return world.sqs.receive_message(QueueUrl=url, **options).get("Messages", [])


def bodies(messages):
    return " ".join(m["Body"] for m in messages)


def redrive(world, dead, times):
    return json.dumps({"deadLetterTargetArn": arn(world, dead), "maxReceiveCount": times})


def buried(world, *texts):
    """A queue and its dead-letter queue, with the messages in the latter."""
    dead = queue(world)
    url = queue(world, RedrivePolicy=redrive(world, dead, 1), VisibilityTimeout="0")
    ids = [sent["MessageId"] for sent in send(world, url, *texts)]
    until(lambda: not receive(world, url))
    return url, dead, ids


def attributes_md5(attributes):
    """The digest of message attributes, as the developer guide says that it is made."""
    out = b""
    part = lambda b: struct.pack("!I", len(b)) + b
    for name in sorted(attributes):
        a = attributes[name]
        out += part(name.encode()) + part(a["DataType"].encode())
        out += b"\x01" + part(a["StringValue"].encode()) if "StringValue" in a else b"\x02" + part(a["BinaryValue"])
    return hashlib.md5(out).hexdigest()


@behaviour("sqs/a message comes back with the digest of its body", "hello, sent yes, received yes")
def _(world):
    url = queue(world)
    sent = send(world, url, "hello")[0]
    got = receive(world, url)[0]
    digest = hashlib.md5(b"hello").hexdigest()
    return [got["Body"]] + [f"{how} {'yes' if digest == d else 'no'}" for how, d in (("sent", sent["MD5OfMessageBody"]), ("received", got["MD5OfBody"]))]


@behaviour("sqs/the AWS CLI receives what it sent", "hello 1")
def _(world):
    url = queue(world)
    aws("sqs", "send-message", "--queue-url", url, "--message-body", "hello")
    query = "Messages[0].[Body,Attributes.ApproximateReceiveCount]"
    return aws("sqs", "receive-message", "--queue-url", url, "--attribute-names", "All", "--query", query).replace("\t", " ")


@behaviour("sqs/the digest of message attributes of all three types", "yes, yes")
def _(world):
    url = queue(world)
    attributes = {
        "text": {"DataType": "String", "StringValue": "ä"}, "number": {"DataType": "Number.int", "StringValue": "1"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    want = attributes_md5(attributes)
    sent = send(world, url, "x", MessageAttributes=attributes)[0]
    got = receive(world, url, MessageAttributeNames=["All"])[0]
    return sent["MD5OfMessageAttributes"] == want, got["MD5OfMessageAttributes"] == want


@behaviour("sqs/message attributes come when asked for: not at all, by name, by prefix", "nothing, kind, kind kin.d")
def _(world):
    url = queue(world, VisibilityTimeout="0")
    send(world, url, "x", MessageAttributes={name: {"DataType": "String", "StringValue": "v"} for name in ("kind", "kin.d", "other")})
    ask = lambda names: " ".join(sorted(receive(world, url, MessageAttributeNames=names)[0].get("MessageAttributes", {}), reverse=True))
    return ask([]), ask(["kind"]), ask(["ki.*", "kin.*", "kind"])


@behaviour("sqs/system attributes of a received message", "ApproximateFirstReceiveTimestamp ApproximateReceiveCount SenderId SentTimestamp")
def _(world):
    url = queue(world)
    send(world, url, "x")
    return " ".join(sorted(receive(world, url)[0]["Attributes"]))


@behaviour("sqs/no system attributes unless asked for", "Body MD5OfBody MessageId ReceiptHandle")
def _(world):
    url = queue(world)
    send(world, url, "x")
    return " ".join(sorted(receive(world, url, MessageSystemAttributeNames=[])[0]))


@behaviour("sqs/each receive is counted, under another receipt handle", "1, 2, 3, 3 handles")
def _(world):
    url = queue(world, VisibilityTimeout="0")
    send(world, url, "x")
    got = [receive(world, url)[0] for _ in range(3)]
    return *(m["Attributes"]["ApproximateReceiveCount"] for m in got), f"{len({m['ReceiptHandle'] for m in got})} handles"


@behaviour("sqs/a received message is hidden until its visibility ends", "nothing, hello 2")
def _(world):
    url = queue(world, VisibilityTimeout="1")
    send(world, url, "hello")
    receive(world, url)
    hidden = receive(world, url)
    back = until(lambda: receive(world, url))[0]
    return bodies(hidden), f"{back['Body']} {back['Attributes']['ApproximateReceiveCount']}"


@behaviour("sqs/visibility 0 brings a message back at once", "nothing, hello")
def _(world):
    url = queue(world)
    send(world, url, "hello")
    got = receive(world, url)[0]
    hidden = receive(world, url)
    world.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"], VisibilityTimeout=0)
    return bodies(hidden), bodies(receive(world, url))


@behaviour("sqs/a visibility of more than 12 hours", "InvalidParameterValue")
def _(world):
    url = queue(world)
    send(world, url, "x")
    handle = receive(world, url)[0]["ReceiptHandle"]
    return refusal(world.sqs.change_message_visibility, QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=43201)


@behaviour("sqs/a deleted message is gone, and can be deleted again", "ok, ok, 0")
def _(world):
    url = queue(world)
    send(world, url, "x")
    handle = receive(world, url)[0]["ReceiptHandle"]
    deleted = [refusal(world.sqs.delete_message, QueueUrl=url, ReceiptHandle=handle) for _ in range(2)]
    return *deleted, attribute(world, url, "ApproximateNumberOfMessagesNotVisible")


@behaviour("sqs/a receipt handle that nobody gave out", "ReceiptHandleIsInvalid")
def _(world):
    return refusal(world.sqs.delete_message, QueueUrl=queue(world), ReceiptHandle="nobodys")


@behaviour("sqs/visible, in flight and delayed are counted apart", "1, 1, 1")
def _(world):
    url = queue(world)
    send(world, url, "a", "b")
    send(world, url, "later", DelaySeconds=60)
    receive(world, url, MaxNumberOfMessages=1)
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
    return [attribute(world, url, name) for name in names]


@behaviour("sqs/a delayed message comes late", "nothing, hello")
def _(world):
    url = queue(world)
    send(world, url, "hello", DelaySeconds=1)
    return bodies(receive(world, url)), bodies(until(lambda: receive(world, url)))


@behaviour("sqs/a delay of more than 15 minutes", "InvalidParameterValue")
def _(world):
    return refusal(send, world, queue(world), "x", DelaySeconds=901)


@behaviour("sqs/a long poll ends when a message comes", "hello, early")
def _(world):
    url = queue(world)
    threading.Timer(0.5, send, (world, url, "hello")).start()
    began = time.monotonic()
    got = receive(world, url, WaitTimeSeconds=15)
    return bodies(got), "early" if time.monotonic() - began < 8 else "late"


@behaviour("sqs/a wait of 21 s, 11 messages, 0 messages", "InvalidParameterValue, InvalidParameterValue, InvalidParameterValue")
def _(world):
    url = queue(world)
    return [refusal(receive, world, url, **bad) for bad in ({"WaitTimeSeconds": 21}, {"MaxNumberOfMessages": 11}, {"MaxNumberOfMessages": 0})]


def batch(world, ids, body="x", **more):
    return refusal(world.sqs.send_message_batch, QueueUrl=queue(world), Entries=[{"Id": i, "MessageBody": body, **more} for i in ids])


@behaviour("sqs/a batch of none", "AWS.SimpleQueueService.EmptyBatchRequest")
def _(world):
    return batch(world, [])


@behaviour("sqs/a batch of eleven", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
def _(world):
    return batch(world, [str(i) for i in range(11)])


@behaviour("sqs/a batch with one id twice", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
def _(world):
    return batch(world, ["a", "a"])


@behaviour("sqs/a batch with a space in an id", "AWS.SimpleQueueService.InvalidBatchEntryId")
def _(world):
    return batch(world, ["a b"])


@behaviour("sqs/a batch of more than 1 MiB in all", "AWS.SimpleQueueService.BatchRequestTooLong")
def _(world):
    return batch(world, ["a", "b"], "x" * (600 << 10))


@behaviour("sqs/one bad message of a batch fails alone", "sent good, bad InvalidParameterValue, sender's fault")
def _(world):
    url = queue(world)
    entries = [{"Id": "good", "MessageBody": "x"}, {"Id": "bad", "MessageBody": "x", "DelaySeconds": 901}]
    out = world.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    sent = " ".join(e["Id"] for e in out.get("Successful", []))
    return f"sent {sent}", *(f"{e['Id']} {e['Code']}, {'sender' if e['SenderFault'] else 'server'}'s fault" for e in out.get("Failed", []))


@behaviour("sqs/one bad receipt handle of a batch fails alone", "deleted good, bad ReceiptHandleIsInvalid")
def _(world):
    url = queue(world)
    send(world, url, "x")
    entries = [{"Id": "good", "ReceiptHandle": receive(world, url)[0]["ReceiptHandle"]}, {"Id": "bad", "ReceiptHandle": "nobodys"}]
    out = world.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    deleted = " ".join(e["Id"] for e in out.get("Successful", []))
    return f"deleted {deleted}", *(f"{e['Id']} {e['Code']}" for e in out.get("Failed", []))


@behaviour("sqs/a message of 1 MiB, and one byte more", "ok, InvalidParameterValue")
def _(world):
    url = queue(world)
    return [refusal(send, world, url, "x" * n) for n in (1 << 20, (1 << 20) + 1)]


@behaviour("sqs/a message as long as its queue allows, and one byte more", "ok, InvalidParameterValue")
def _(world):
    url = queue(world, MaximumMessageSize="1024")
    return [refusal(send, world, url, "x" * n) for n in (1024, 1025)]


@behaviour("sqs/an empty message", "MissingParameter")
def _(world):
    return refusal(send, world, queue(world), "")


@behaviour("sqs/a message with a character that is not XML's", "InvalidMessageContents")
def _(world):
    return refusal(send, world, queue(world), "\x01")


@behaviour("sqs/a queue that is not there", "AWS.SimpleQueueService.NonExistentQueue")
def _(world):
    return refusal(send, world, queue(world) + "-nobodys", "x")


@behaviour("sqs/a deduplication id", "InvalidParameterValue")
def _(world):
    return refusal(send, world, queue(world), "x", MessageDeduplicationId="d")


@behaviour("sqs/a queue made again with another attribute", "QueueAlreadyExists")
def _(world):
    url = queue(world, VisibilityTimeout="1")
    return refusal(world.sqs.create_queue, QueueName=url.rsplit("/", 1)[1], Attributes={"VisibilityTimeout": "2"})


@behaviour("sqs/a purge empties a queue, and is refused for a minute after", "nothing, AWS.SimpleQueueService.PurgeQueueInProgress")
def _(world):
    url = queue(world)
    send(world, url, "a", "b")
    world.sqs.purge_queue(QueueUrl=url)
    return bodies(receive(world, url)), refusal(world.sqs.purge_queue, QueueUrl=url)


@behaviour("sqs/a message goes to the dead letters after maxReceiveCount receives", "1, 2, nothing, same id, from its queue")
def _(world):
    dead = queue(world)
    url = queue(world, RedrivePolicy=redrive(world, dead, 2), VisibilityTimeout="0")
    sent = send(world, url, "poison")[0]["MessageId"]
    counts = [receive(world, url)[0]["Attributes"]["ApproximateReceiveCount"] for _ in range(2)]
    gone = receive(world, url)
    m = until(lambda: receive(world, dead))[0]
    origin = m["Attributes"].get("DeadLetterQueueSourceArn")
    return *counts, bodies(gone), "same id" if m["MessageId"] == sent else "another id", "from its queue" if origin == arn(world, url) else f"from {origin}"


@behaviour("sqs/a move task sends dead letters back as new messages", "hello 1, another id, COMPLETED 1 of 1, no handle")
def _(world):
    url, dead, [old] = buried(world, "hello")
    world.sqs.start_message_move_task(SourceArn=arn(world, dead))
    world.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive(world, dead, 5)})
    m = until(lambda: receive(world, url, VisibilityTimeout=30))[0]
    tasks = lambda: world.sqs.list_message_move_tasks(SourceArn=arn(world, dead))["Results"]
    until(lambda: tasks()[0]["Status"] != "RUNNING")
    task = tasks()[0]
    moved = f"{task['Status']} {task['ApproximateNumberOfMessagesMoved']} of {task['ApproximateNumberOfMessagesToMove']}"
    same = "same id" if m["MessageId"] == old else "another id"
    return f"{m['Body']} {m['Attributes']['ApproximateReceiveCount']}", same, moved, "a handle" if task.get("TaskHandle") else "no handle"


@behaviour("sqs/a second move task, while the first runs and can be cancelled", "InvalidParameterValue, RUNNING, ok")
def _(world):
    _, dead, _ = buried(world, *"abcdefgh")
    source = arn(world, dead)
    handle = world.sqs.start_message_move_task(SourceArn=source, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    second = refusal(world.sqs.start_message_move_task, SourceArn=source)
    status = world.sqs.list_message_move_tasks(SourceArn=source)["Results"][0]["Status"]
    return second, status, refusal(world.sqs.cancel_message_move_task, TaskHandle=handle)


@behaviour("sqs/a move task from a queue that is nobody's dead-letter queue", "InvalidParameterValue")
def _(world):
    return refusal(world.sqs.start_message_move_task, SourceArn=arn(world, queue(world)))


@behaviour("sqs/a move task to a queue that is not there", "ResourceNotFoundException")
def _(world):
    _, dead, _ = buried(world, "x")
    source = arn(world, dead)
    return refusal(world.sqs.start_message_move_task, SourceArn=source, DestinationArn=source + "-nobodys")
