"""Step Functions: executions of standard workflows."""

import json

from functions import role
from sns import delivered, subscribed, topic
from table import aws, behaviour, refusal, until

PASS = {"Type": "Pass", "End": True}
WAIT = {"Type": "Wait", "Seconds": 30, "End": True}


def machine(world, **states):
    definition = json.dumps({"StartAt": next(iter(states)), "States": states})
    return world.stepfunctions.create_state_machine(name=world.name(), definition=definition, roleArn=role(world, "states"))["stateMachineArn"]


def start(world, arn, **more):
    return world.stepfunctions.start_execution(stateMachineArn=arn, **{"input": "{}", **more})["executionArn"]


def ended(world, execution):
    until(lambda: world.stepfunctions.describe_execution(executionArn=execution)["status"] != "RUNNING")
    return world.stepfunctions.describe_execution(executionArn=execution)


def result(world, input, **states):
    out = ended(world, start(world, machine(world, **states), input=json.dumps(input)))
    return f"{out['status']} {json.dumps(json.loads(out['output']), sort_keys=True)}" if "output" in out else out["status"]


@behaviour("step functions/an execution gives its input on", 'SUCCEEDED {"a": 1}')
def _(world):
    return result(world, {"a": 1}, Pass=PASS)


@behaviour("step functions/paths, parameters and results", 'SUCCEEDED {"a": {"b": 2}, "out": {"c": 2, "d": "x"}}')
def _(world):
    return result(world, {"a": {"b": 2}}, Pass={**PASS, "Parameters": {"c.$": "$.a.b", "d": "x"}, "ResultPath": "$.out"})


@behaviour("step functions/a choice", 'SUCCEEDED {"took": "fast"}')
def _(world):
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.speed", "NumericGreaterThan": 100, "Next": "Fast"}], "Default": "Slow"}
    return result(world, {"speed": 101}, Choice=choice, Fast={**PASS, "Result": {"took": "fast"}}, Slow={**PASS, "Result": {"took": "slow"}})


@behaviour("step functions/a failure has its error and cause", "FAILED, Broken, as asked")
def _(world):
    out = ended(world, start(world, machine(world, Fail={"Type": "Fail", "Error": "Broken", "Cause": "as asked"})))
    return out["status"], out.get("error"), out.get("cause")


@behaviour("step functions/a failure is caught", 'SUCCEEDED {"was": "caught"}')
def _(world):
    task = {
        "Type": "Task", "Resource": "arn:aws:states:::sns:publish", "End": True, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        "Parameters": {"TopicArn": topic(world) + "-nobodys", "Message": "x"},
    }
    return result(world, {}, Publish=task, Caught={**PASS, "Result": {"was": "caught"}})


@behaviour("step functions/a task publishes to a topic", "SUCCEEDED, hello")
def _(world):
    to = topic(world)
    url = subscribed(world, to, RawMessageDelivery="true")
    task = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": {"TopicArn": to, "Message.$": "$.text"}, "End": True}
    out = ended(world, start(world, machine(world, Publish=task), input='{"text": "hello"}'))
    return out["status"], [m["Body"] for m in delivered(world, url)]


@behaviour("step functions/the history of one state", "ExecutionStarted, PassStateEntered, PassStateExited, ExecutionSucceeded")
def _(world):
    execution = start(world, machine(world, Pass=PASS))
    ended(world, execution)
    return [e["type"] for e in world.stepfunctions.get_execution_history(executionArn=execution)["events"]]


@behaviour("step functions/the AWS CLI starts and describes", "SUCCEEDED named")
def _(world):
    arn = machine(world, Pass=PASS)
    execution = aws("stepfunctions", "start-execution", "--state-machine-arn", arn, "--name", "named", "--query", "executionArn")
    ended(world, execution)
    return aws("stepfunctions", "describe-execution", "--execution-arn", execution, "--query", "[status,name]").replace("\t", " ")


@behaviour("step functions/a name again while it runs: same input, other input", "same execution, ExecutionAlreadyExists")
def _(world):
    arn = machine(world, Wait=WAIT)
    first, again = (start(world, arn, name="once") for _ in range(2))
    return "same execution" if first == again else "another execution", refusal(start, world, arn, name="once", input='{"other": 1}')


@behaviour("step functions/a name again after it ended", "ExecutionAlreadyExists")
def _(world):
    arn = machine(world, Pass=PASS)
    ended(world, start(world, arn, name="once"))
    return refusal(start, world, arn, name="once")


@behaviour("step functions/a stopped execution", "RUNNING, ABORTED, Enough, as asked")
def _(world):
    execution = start(world, machine(world, Wait=WAIT))
    before = world.stepfunctions.describe_execution(executionArn=execution)["status"]
    world.stepfunctions.stop_execution(executionArn=execution, error="Enough", cause="as asked")
    out = ended(world, execution)
    return before, out["status"], out.get("error"), out.get("cause")


@behaviour("step functions/what is not there: the machine, the execution", "StateMachineDoesNotExist, ExecutionDoesNotExist")
def _(world):
    arn = machine(world, Pass=PASS)
    execution = arn.replace(":stateMachine:", ":execution:") + ":nobodys"
    return refusal(start, world, arn + "-nobodys"), refusal(world.stepfunctions.describe_execution, executionArn=execution)


@behaviour("step functions/input that is no JSON, and a name with a space", "InvalidExecutionInput, InvalidName")
def _(world):
    arn = machine(world, Pass=PASS)
    return refusal(start, world, arn, input="{"), refusal(start, world, arn, name="a b")


@behaviour("step functions/a definition that goes nowhere", "InvalidDefinition")
def _(world):
    return refusal(machine, world, Pass={"Type": "Pass", "Next": "Nowhere"})
