"""The table that the other files fill: one row for each behaviour.

A row has a name, what AWS's documents say is seen, and a function that goes and
looks. It gets the clients and gives what it saw, which is told as text: a list
with commas between, a bare yes or no, "nothing" for nothing.
"""

import concurrent.futures
import itertools
import os
import subprocess
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROWS = []

# parallel is how many behaviours are looked at together. More streams than that
# in CREATING are refused (Kinesis API reference, CreateStream).
PARALLEL = 5

SERVICES = ("kinesis", "sqs", "sns", "iam", "lambda", "stepfunctions", "cloudwatch", "s3", "firehose")


def behaviour(name, want):
    """Makes a function a row of the table. Both texts are literals: docs/compat.md is made of them."""
    return lambda look: ROWS.append((name, want, look))


class World:
    """The clients, and names that nobody has taken."""

    def __init__(self):
        # A refusal is what is looked for, so nothing is tried again, and bad
        # input has to get as far as the server.
        config = Config(
            retries={"total_max_attempts": 1}, parameter_validation=False, read_timeout=30, s3={"addressing_style": "path"}
        )
        for service in SERVICES:
            setattr(self, "functions" if service == "lambda" else service, boto3.client(service, config=config))
        self._count = itertools.count(1)

    def name(self, suffix=""):
        return f"seen-{os.getpid()}-{next(self._count)}{suffix}"


def refusal(call, *args, **kwargs):
    """The code that a call is refused with, or "ok"."""
    try:
        call(*args, **kwargs)
    except ClientError as e:
        return e.response["Error"]["Code"]
    return "ok"


def until(look, patience=10):
    """What look gives once it gives something, or what it gives when the patience is at its end."""
    ends = time.monotonic() + patience
    while not (seen := look()) and time.monotonic() < ends:
        time.sleep(0.05)
    return seen


def aws(*args):
    """What the AWS CLI answers as text, or the last line of its complaint."""
    cli = [os.path.join(os.path.dirname(sys.executable), "aws"), "--endpoint-url", os.environ["AWS_ENDPOINT_URL"], "--output", "text"]
    done = subprocess.run([*cli, *args], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def told(seen):
    if isinstance(seen, (list, tuple)):
        return ", ".join(told(s) for s in seen) or "nothing"
    if isinstance(seen, bool):
        return "yes" if seen else "no"
    if seen in (None, "", b""):
        return "nothing"
    if isinstance(seen, float):
        return f"{seen:g}"
    return seen.decode() if isinstance(seen, bytes) else str(seen)


def look_at(world, look):
    try:
        return told(look(world))
    except ClientError as e:
        return f"{e.operation_name} is refused with {e.response['Error']['Code']}"
    except Exception as e:  # whatever it is, the next behaviour can still be seen
        return f"{type(e).__name__}: {e}"


def run(world, only):
    """Prints a line for each row of the services that are asked for: its name, then a tab and what failed, if anything did."""
    rows = [row for row in ROWS if not only or row[0].split("/")[0] in only]
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        for (name, want, _), seen in zip(rows, pool.map(lambda row: look_at(world, row[2]), rows)):
            problem = "" if seen == want else f"\tsaw {seen!r}, want {want!r}".replace("\n", " ")
            print(name + problem, flush=True)
