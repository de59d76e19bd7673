"""Lambda: invocations, and mappings from queues and streams."""

import io
import json
import zipfile

import kinesis
from fifo import fifo
from sqs import arn, queue
from table import behaviour, refusal, until

# A function for the runtime that brings nothing along. It answers with its
# event, and fails when that says so.
BOOTSTRAP = """#!/usr/bin/env python3
import json, os, urllib.request
api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as call:
        event, to = json.load(call), api + call.headers["Lambda-Runtime-Aws-Request-Id"]
    if event.get("fail"):
        to, event = to + "/error", {"errorType": "Broken", "errorMessage": "as asked"}
    else:
        to += "/response"
    urllib.request.urlopen(urllib.request.Request(to, json.dumps(event).encode(), method="POST"))
"""


def role(world, service):
    name = world.name()
    trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    out = world.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    world.iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everything]}))
    return out["Role"]["Arn"]


def function(world):
    name, code = world.name(), io.BytesIO()
    with zipfile.ZipFile(code, "w") as z:
        entry = zipfile.ZipInfo("bootstrap")
        entry.create_system, entry.external_attr = 3, 0o100755 << 16  # Unix, executable
        z.writestr(entry, BOOTSTRAP)
    world.functions.create_function(
        FunctionName=name, Runtime="provided.al2023", Handler="bootstrap", Role=role(world, "lambda"), Timeout=5, Code={"ZipFile": code.getvalue()}
    )
    until(lambda: world.functions.get_function_configuration(FunctionName=name)["State"] == "Active")
    return name


def mapped(world, name, source, **more):
    return world.functions.create_event_source_mapping(FunctionName=name, EventSourceArn=source, **more)


@behaviour("lambda/a call is answered", '200, {"speed": 1}, $LATEST')
def _(world):
    out = world.functions.invoke(FunctionName=function(world), Payload=b'{"speed": 1}')
    return out["StatusCode"], out["Payload"].read(), out.get("ExecutedVersion")


@behaviour("lambda/a function that fails", "200, Unhandled, Broken: as asked")
def _(world):
    out = world.functions.invoke(FunctionName=function(world), Payload=b'{"fail": true}')
    answer = out["Payload"].read()
    error = json.loads(answer) if answer.startswith(b"{") else {}
    return out["StatusCode"], out.get("FunctionError"), f"{error.get('errorType')}: {error.get('errorMessage')}"


@behaviour("lambda/a call that is not waited for, and one that is only tried", "202, 204")
def _(world):
    name = function(world)
    return [world.functions.invoke(FunctionName=name, InvocationType=kind, Payload=b"{}")["StatusCode"] for kind in ("Event", "DryRun")]


@behaviour("lambda/a function that is not there, and a payload that is no JSON", "ResourceNotFoundException, InvalidRequestContentException")
def _(world):
    invoke = world.functions.invoke
    return refusal(invoke, FunctionName="nobodys", Payload=b"{}"), refusal(invoke, FunctionName=function(world), Payload=b"{")


@behaviour("lambda/a mapping is enabled, disabled, and deleted", "Enabled, Disabled, ResourceNotFoundException")
def _(world):
    uuid = mapped(world, function(world), arn(world, queue(world)))["UUID"]
    state = lambda: world.functions.get_event_source_mapping(UUID=uuid)["State"]
    until(lambda: state() == "Enabled")
    enabled = state()
    world.functions.update_event_source_mapping(UUID=uuid, Enabled=False)
    until(lambda: state() == "Disabled")
    disabled = state()
    world.functions.delete_event_source_mapping(UUID=uuid)
    until(lambda: refusal(state) != "ok")
    return enabled, disabled, refusal(state)


@behaviour("lambda/a mapping's defaults: a queue's batch, a stream's batch and retries", "10, 100 -1 -1")
def _(world):
    name = function(world)
    stream = world.kinesis.describe_stream_summary(StreamName=kinesis.stream(world))["StreamDescriptionSummary"]["StreamARN"]
    m = mapped(world, name, stream, StartingPosition="LATEST")
    return mapped(world, name, arn(world, queue(world)))["BatchSize"], f"{m['BatchSize']} {m.get('MaximumRetryAttempts')} {m.get('MaximumRecordAgeInSeconds')}"


@behaviour("lambda/the same mapping twice", "ResourceConflictException")
def _(world):
    name, source = function(world), arn(world, queue(world))
    mapped(world, name, source)
    return refusal(mapped, world, name, source)


@behaviour("lambda/mappings that can't be: no queue, no position, 11 of a FIFO queue", "InvalidParameterValueException, InvalidParameterValueException, InvalidParameterValueException")
def _(world):
    name = function(world)
    stream = world.kinesis.describe_stream_summary(StreamName=kinesis.stream(world))["StreamDescriptionSummary"]["StreamARN"]
    return (
        refusal(mapped, world, name, arn(world, queue(world)) + "-nobodys"),
        refusal(mapped, world, name, stream),
        refusal(mapped, world, name, arn(world, fifo(world)), BatchSize=11),
    )


@behaviour("lambda/a mapping for a function that is not there, one that is not there", "ResourceNotFoundException, ResourceNotFoundException")
def _(world):
    nobodys = "00000000-0000-0000-0000-000000000000"
    return (
        refusal(mapped, world, "nobodys", arn(world, queue(world))),
        refusal(world.functions.get_event_source_mapping, UUID=nobodys),
    )
