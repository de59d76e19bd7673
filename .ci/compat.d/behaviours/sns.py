"""SNS: topics, and queues that are subscribed to them."""

import json

from fifo import fifo
from sqs import arn, bodies, queue, receive
from table import aws, behaviour, refusal, until

ENVELOPE = "Message MessageId Signature SignatureVersion SigningCertURL Timestamp TopicArn Type UnsubscribeURL"


def topic(world):
    return world.sns.create_topic(Name=world.name())["TopicArn"]


def let_in(world, url, to):
    """Lets a topic send to a queue, without which it may not."""
    allow = {
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn(world, url),
        "Condition": {"ArnEquals": {"aws:SourceArn": to}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    world.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def subscribed(world, to, **attributes):
    url = queue(world)
    let_in(world, url, to)
    world.sns.subscribe(TopicArn=to, Protocol="sqs", Endpoint=arn(world, url), Attributes=attributes, ReturnSubscriptionArn=True)
    return url


def delivered(world, url, **more):
    return until(lambda: receive(world, url, WaitTimeSeconds=1, MessageAttributeNames=["All"], **more), 5)


def text(value):
    return {"DataType": "String", "StringValue": value}


def number(value):
    return {"DataType": "Number", "StringValue": str(value)}


def passes(world, policy, messages, scope="MessageAttributes"):
    """The names of the messages that a filter policy lets through."""
    to = topic(world)
    url = subscribed(world, to, RawMessageDelivery="true", FilterPolicy=json.dumps(policy), FilterPolicyScope=scope)
    last = subscribed(world, to, RawMessageDelivery="true")
    for name, attributes in messages.items():
        body = json.dumps(attributes) if scope == "MessageBody" else name
        world.sns.publish(TopicArn=to, Message=body, MessageAttributes={} if scope == "MessageBody" else attributes)
    seen = set()
    until(lambda: seen.update(m["MessageId"] for m in receive(world, last)) or len(seen) == len(messages))
    got = {m["Body"] for m in receive(world, url, WaitTimeSeconds=1)}
    return " ".join(name for name, attributes in messages.items() if (json.dumps(attributes) if scope == "MessageBody" else name) in got)


@behaviour("sns/what is in the envelope", "Notification, hello, no subject; with one Subject: late")
def _(world):
    to = topic(world)
    url = subscribed(world, to)
    world.sns.publish(TopicArn=to, Message="hello")
    plain = json.loads(delivered(world, url)[0]["Body"])
    world.sns.publish(TopicArn=to, Message="hello", Subject="late")
    with_subject = json.loads(until(lambda: receive(world, url, WaitTimeSeconds=1))[0]["Body"])
    fields = "no subject" if " ".join(sorted(plain)) == ENVELOPE else " ".join(sorted(plain))
    return plain["Type"], plain["Message"], f"{fields}; with one Subject: {with_subject.get('Subject')}"


@behaviour("sns/attributes in the envelope", "String critical")
def _(world):
    to = topic(world)
    url = subscribed(world, to)
    world.sns.publish(TopicArn=to, Message="x", MessageAttributes={"kind": text("critical")})
    kind = json.loads(delivered(world, url)[0]["Body"])["MessageAttributes"]["kind"]
    return f"{kind['Type']} {kind['Value']}"


@behaviour("sns/raw delivery: the message itself, its attributes the queue's", "hello, String critical")
def _(world):
    to = topic(world)
    url = subscribed(world, to, RawMessageDelivery="true")
    world.sns.publish(TopicArn=to, Message="hello", MessageAttributes={"kind": text("critical")})
    m = delivered(world, url)[0]
    kind = m["MessageAttributes"]["kind"]
    return m["Body"], f"{kind['DataType']} {kind['StringValue']}"


@behaviour("sns/one message goes to each subscribed queue", "hello, hello")
def _(world):
    to = topic(world)
    urls = [subscribed(world, to, RawMessageDelivery="true") for _ in range(2)]
    world.sns.publish(TopicArn=to, Message="hello")
    return [delivered(world, url)[0]["Body"] for url in urls]


@behaviour("sns/a queue that does not let the topic in gets nothing", "nothing, hello")
def _(world):
    to, closed = topic(world), queue(world)
    world.sns.subscribe(TopicArn=to, Protocol="sqs", Endpoint=arn(world, closed))
    open_ = subscribed(world, to, RawMessageDelivery="true")
    world.sns.publish(TopicArn=to, Message="hello")
    got = delivered(world, open_)
    return "something" if receive(world, closed, WaitTimeSeconds=1) else "nothing", bodies(got)


@behaviour("sns/the AWS CLI publishes", "hello late")
def _(world):
    to = topic(world)
    url = subscribed(world, to)
    aws("sns", "publish", "--topic-arn", to, "--message", "hello", "--subject", "late")
    body = json.loads(delivered(world, url)[0]["Body"])
    return f"{body['Message']} {body['Subject']}"


@behaviour("sns/filter on an attribute: a value, another, none", "same")
def _(world):
    return passes(world, {"kind": ["a", "b"]}, {"same": {"kind": text("a")}, "other": {"kind": text("c")}, "none": {}})


@behaviour("sns/filter anything-but: the value, another, none", "other")
def _(world):
    return passes(world, {"kind": [{"anything-but": ["a"]}]}, {"same": {"kind": text("a")}, "other": {"kind": text("c")}, "none": {}})


@behaviour("sns/filter by prefix and by numbers, which must both hold", "both")
def _(world):
    policy = {"kind": [{"prefix": "crit"}], "speed": [{"numeric": [">", 0, "<=", 100]}]}
    messages = {"both": ("critical", 100), "fast": ("critical", 101), "calm": ("info", 50)}
    return passes(world, policy, {name: {"kind": text(kind), "speed": number(speed)} for name, (kind, speed) in messages.items()})


@behaviour("sns/filter on whether an attribute exists", "without")
def _(world):
    return passes(world, {"kind": [{"exists": False}]}, {"with": {"kind": text("a")}, "without": {"other": text("a")}})


@behaviour("sns/filter on the body, at a depth", "hot")
def _(world):
    policy = {"engine": {"state": ["hot"]}}
    return passes(world, policy, {"hot": {"engine": {"state": "hot"}}, "cold": {"engine": {"state": "cold"}}, "flat": {"state": "hot"}}, "MessageBody")


@behaviour("sns/a filter policy with a bare value", "InvalidParameter")
def _(world):
    return refusal(subscribed, world, topic(world), FilterPolicy='{"kind": "a"}')


@behaviour("sns/a subject of 101 letters, of two lines, of none", "InvalidParameter, InvalidParameter, InvalidParameter")
def _(world):
    to = topic(world)
    return [refusal(world.sns.publish, TopicArn=to, Message="x", Subject=s) for s in ("s" * 101, "a\nb", "")]


@behaviour("sns/an empty message, and one over 256 KiB", "InvalidParameter, InvalidParameter")
def _(world):
    to = topic(world)
    return [refusal(world.sns.publish, TopicArn=to, Message=m) for m in ("", "x" * (256 * 1024 + 1))]


@behaviour("sns/a message for each protocol, and one without a default", "for queues, InvalidParameter")
def _(world):
    to = topic(world)
    url = subscribed(world, to, RawMessageDelivery="true")
    world.sns.publish(TopicArn=to, MessageStructure="json", Message='{"default": "for all", "sqs": "for queues"}')
    missing = refusal(world.sns.publish, TopicArn=to, MessageStructure="json", Message='{"sqs": "for queues"}')
    return delivered(world, url)[0]["Body"], missing


@behaviour("sns/a batch of none, of eleven, with one id twice", "EmptyBatchRequest, TooManyEntriesInBatchRequest, BatchEntryIdsNotDistinct")
def _(world):
    to = topic(world)
    batches = [], [str(i) for i in range(11)], ["a", "a"]
    return [refusal(world.sns.publish_batch, TopicArn=to, PublishBatchRequestEntries=[{"Id": i, "Message": "x"} for i in ids]) for ids in batches]


@behaviour("sns/a batch's messages arrive one by one", "2 published, a b")
def _(world):
    to = topic(world)
    url = subscribed(world, to, RawMessageDelivery="true")
    out = world.sns.publish_batch(TopicArn=to, PublishBatchRequestEntries=[{"Id": i, "Message": i} for i in "ab"])
    got = set()
    until(lambda: got.update(m["Body"] for m in receive(world, url)) or len(got) == 2)
    return f"{len(out['Successful'])} published", " ".join(sorted(got))


@behaviour("sns/a topic that is not there: publish, subscribe", "NotFound, NotFound")
def _(world):
    missing = topic(world) + "-nobodys"
    return refusal(world.sns.publish, TopicArn=missing, Message="x"), refusal(subscribed, world, missing)


@behaviour("sns/a queue subscribed again, then with other attributes", "same ARN, InvalidParameter")
def _(world):
    to, endpoint = topic(world), arn(world, queue(world))
    subscribe = lambda **attributes: world.sns.subscribe(TopicArn=to, Protocol="sqs", Endpoint=endpoint, Attributes=attributes)
    first, second = subscribe()["SubscriptionArn"], subscribe()["SubscriptionArn"]
    return "same ARN" if first == second else "another ARN", refusal(subscribe, RawMessageDelivery="true")


@behaviour("sns/a FIFO queue subscribed to a standard topic", "InvalidParameter")
def _(world):
    return refusal(world.sns.subscribe, TopicArn=topic(world), Protocol="sqs", Endpoint=arn(world, fifo(world)))


@behaviour("sns/a message for a queue that is gone is taken all the same", "ok")
def _(world):
    to = topic(world)
    world.sqs.delete_queue(QueueUrl=subscribed(world, to))
    return refusal(world.sns.publish, TopicArn=to, Message="x")


@behaviour("sns/a topic that is deleted twice takes its subscriptions along", "ok, ok, 0 left")
def _(world):
    to = topic(world)
    subscribed(world, to)
    deleted = [refusal(world.sns.delete_topic, TopicArn=to) for _ in range(2)]
    left = [s for s in world.sns.list_subscriptions()["Subscriptions"] if s["TopicArn"] == to]
    return *deleted, f"{len(left)} left"
