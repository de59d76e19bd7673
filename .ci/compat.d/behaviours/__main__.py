"""Looks at what a server does, behaviour by behaviour.

The arguments are services, none for all. Endpoint, region and credentials are
the environment's.
"""

import sys

import cloudwatch, fifo, firehose, functions, kinesis, s3, sns, sqs, workflows
from table import World, run

run(World(), sys.argv[1:])
