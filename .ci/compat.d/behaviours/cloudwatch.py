"""CloudWatch: metrics of one's own, and alarms."""

import datetime

from table import aws, behaviour, refusal, until

MINUTE = datetime.timedelta(minutes=1)


def minute(ago=0):
    """The start of a whole minute, some minutes ago."""
    return datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0) - ago * MINUTE


def put(world, space, *values, ago=10, metric="speed", **more):
    data = [{"MetricName": metric, "Timestamp": minute(ago), "Value": v, **more} for v in values]
    world.cloudwatch.put_metric_data(Namespace=space, MetricData=data)


def query(space, id="m", stat="Sum", metric="speed", dimensions=()):
    metric = {"Namespace": space, "MetricName": metric, "Dimensions": list(dimensions)}
    return {"Id": id, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}


def values(world, *queries, **more):
    """The values of the last query, oldest first."""
    options = {"StartTime": minute(20), "EndTime": minute(), "ScanBy": "TimestampAscending", **more}
    get = lambda: world.cloudwatch.get_metric_data(MetricDataQueries=list(queries), **options)["MetricDataResults"]
    until(lambda: get()[-1]["Values"], 2)
    return get()[-1]["Values"]


def alarm(world, **more):
    name = world.name()
    options = {
        "AlarmName": name, "Namespace": "nobodys", "MetricName": "speed", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
        "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold", **more,
    }
    world.cloudwatch.put_metric_alarm(**options)
    return name


def state(world, name):
    a = world.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    return a["StateValue"], a["StateReason"]


@behaviour("cloudwatch/sum, average, least, most and number of three values", "6, 2, 1, 3, 3")
def _(world):
    space = world.name()
    put(world, space, 1, 2, 3)
    return [v for stat in ("Sum", "Average", "Minimum", "Maximum", "SampleCount") for v in values(world, query(space, stat=stat))]


@behaviour("cloudwatch/the AWS CLI puts, GetMetricStatistics gives", "5")
def _(world):
    space = world.name()
    aws("cloudwatch", "put-metric-data", "--namespace", space, "--metric-name", "speed", "--value", "5", "--timestamp", minute(10).isoformat())
    options = {"Namespace": space, "MetricName": "speed", "StartTime": minute(20), "EndTime": minute(), "Period": 60, "Statistics": ["Sum"]}
    return [p["Sum"] for p in world.cloudwatch.get_metric_statistics(**options)["Datapoints"]]


@behaviour("cloudwatch/a minute without values has none", "1, 3")
def _(world):
    space = world.name()
    put(world, space, 1, ago=10)
    put(world, space, 3, ago=8)
    return values(world, query(space))


@behaviour("cloudwatch/the start is within, the end is not", "1")
def _(world):
    space = world.name()
    put(world, space, 1, ago=10)
    put(world, space, 2, ago=9)
    return values(world, query(space), StartTime=minute(10), EndTime=minute(9))


@behaviour("cloudwatch/a metric is its name with exactly its dimensions", "nothing, 1, nothing")
def _(world):
    space = world.name()
    one, two = {"Name": "Queue", "Value": "a"}, {"Name": "Side", "Value": "b"}
    put(world, space, 1, Dimensions=[one])
    return [" ".join(f"{v:g}" for v in values(world, query(space, dimensions=d))) for d in ([], [one], [one, two])]


@behaviour("cloudwatch/an expression over two metrics", "75")
def _(world):
    space = world.name()
    put(world, space, 3, metric="failed")
    put(world, space, 1, metric="delivered")
    f, d = query(space, "f", metric="failed"), query(space, "d", metric="delivered")
    return values(world, f, d, {"Id": "rate", "Expression": "100 * f / (f + d)"})


@behaviour("cloudwatch/values with counts, and a set of statistics", "50 5, 10 4")
def _(world):
    space = world.name()
    world.cloudwatch.put_metric_data(Namespace=space, MetricData=[
        {"MetricName": "a", "Timestamp": minute(10), "Values": [10, 5], "Counts": [4, 2]},
        {"MetricName": "b", "Timestamp": minute(10), "StatisticValues": {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 4}},
    ])
    pair = lambda m, s: " ".join(f"{v:g}" for stat in s for v in values(world, query(space, metric=m, stat=stat)))
    return pair("a", ("Sum", "Minimum")), pair("b", ("Sum", "Maximum"))


@behaviour("cloudwatch/an id that begins with a capital letter", "ValidationError")
def _(world):
    return refusal(values, world, query("nobodys", "M"))


@behaviour("cloudwatch/a value and a set of statistics together, and a namespace of AWS", "InvalidParameterCombination, InvalidParameterValue")
def _(world):
    both = {"MetricName": "a", "Value": 1, "StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1}}
    call = world.cloudwatch.put_metric_data
    return (
        refusal(call, Namespace=world.name(), MetricData=[both]),
        refusal(call, Namespace="AWS/SQS", MetricData=[{"MetricName": "a", "Value": 1}]),
    )


@behaviour("cloudwatch/a metric is listed under its namespace", "speed Queue=a")
def _(world):
    space = world.name()
    put(world, space, 1, Dimensions=[{"Name": "Queue", "Value": "a"}])
    listed = lambda: world.cloudwatch.list_metrics(Namespace=space)["Metrics"]
    until(listed, 2)
    return [f"{m['MetricName']} " + " ".join(f"{d['Name']}={d['Value']}" for d in m["Dimensions"]) for m in listed()]


@behaviour("cloudwatch/a new alarm knows nothing", "INSUFFICIENT_DATA, Unchecked: Initial alarm creation")
def _(world):
    return state(world, alarm(world, EvaluationPeriods=5, Period=3600))


@behaviour("cloudwatch/a state that is set shows, with its reason", "ALARM, as asked")
def _(world):
    name = alarm(world)
    world.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="as asked")
    return state(world, name)


@behaviour("cloudwatch/what happened to an alarm, newest first", "StateUpdate, ConfigurationUpdate")
def _(world):
    name = alarm(world)
    world.cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="as asked")
    return [item["HistoryItemType"] for item in world.cloudwatch.describe_alarm_history(AlarmName=name)["AlarmHistoryItems"]]


@behaviour("cloudwatch/the state of an alarm that is not there, a state that is none", "ResourceNotFound, ValidationError")
def _(world):
    call = world.cloudwatch.set_alarm_state
    return (
        refusal(call, AlarmName="nobodys", StateValue="OK", StateReason="x"),
        refusal(call, AlarmName=alarm(world), StateValue="CALM", StateReason="x"),
    )


@behaviour("cloudwatch/an alarm is put again: new threshold, same state", "2, ALARM")
def _(world):
    name = alarm(world)
    world.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="as asked")
    alarm(world, AlarmName=name, Threshold=2)
    return world.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["Threshold"], state(world, name)[0]
