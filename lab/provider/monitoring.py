"""CloudWatch's alarms and dashboards, SNS's topics, their policies and subscriptions.

terraform-provider-aws, cloudwatch/metric_alarm.go and dashboard.go, sns/topic.go, topic_policy.go
and topic_subscription.go.
"""

import json
from typing import Any

from botocore.exceptions import ClientError

from lab.provider.kinds import (
    Clients,
    Create,
    Kind,
    Properties,
    Update,
    code,
    forgiving,
    gone,
    names,
)

ACCOUNT = "123456789012"
# properties of an alarm: our names and the API's
ALARM = {
    "name": "AlarmName",
    "alarmDescription": "AlarmDescription",
    "namespace": "Namespace",
    "metricName": "MetricName",
    "statistic": "Statistic",
    "extendedStatistic": "ExtendedStatistic",
    "period": "Period",
    "evaluationPeriods": "EvaluationPeriods",
    "datapointsToAlarm": "DatapointsToAlarm",
    "threshold": "Threshold",
    "comparisonOperator": "ComparisonOperator",
    "treatMissingData": "TreatMissingData",
    "unit": "Unit",
    "actionsEnabled": "ActionsEnabled",
    "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
}
ACTIONS = {
    "alarmActions": "AlarmActions",
    "okActions": "OKActions",
    "insufficientDataActions": "InsufficientDataActions",
}
# what the provider's schema sets where the program says nothing
DEFAULTS = {"actionsEnabled": True, "treatMissingData": "missing"}
TREATMENTS = ("breaching", "notBreaching", "ignore", "missing")


def _tags(held: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in held}


def _removed(c: Clients, old: Properties, new: Properties) -> list[str]:
    return sorted(set(c.tags(old)) - set(c.tags(new)))


def _put_alarm(c: Clients, p: Properties, **others: Any) -> None:
    given = {theirs: p[ours] for ours, theirs in {**ALARM, **ACTIONS}.items() if ours in p}
    dimensions = [{"Name": k, "Value": v} for k, v in sorted((p.get("dimensions") or {}).items())]
    c.cloudwatch.put_metric_alarm(**given, Dimensions=dimensions, **others)


def create_alarm(c: Clients, p: Properties) -> str:
    tags = c.tag_list(p)
    _put_alarm(c, p, **({"Tags": tags} if tags else {}))
    return p["name"]


def read_alarm(c: Clients, i: str, p: Properties) -> Properties | None:
    held = c.cloudwatch.describe_alarms(AlarmNames=[i], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    if not held:
        return None
    (alarm,) = held
    found: Properties = {"arn": alarm["AlarmArn"]}
    found |= {ours: alarm[theirs] for ours, theirs in ALARM.items() if theirs in alarm}
    for ours, theirs in ACTIONS.items():
        known, now = p.get(ours) or [], alarm[theirs]
        if known or now:  # a set, in the program's order
            found[ours] = known if sorted(known) == sorted(now) else now
    if alarm["Dimensions"] or p.get("dimensions"):
        found["dimensions"] = {d["Name"]: d["Value"] for d in alarm["Dimensions"]}
    tags = c.cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    return {**found, "tagsAll": _tags(tags)}


def update_alarm(c: Clients, _: str, old: Properties, new: Properties) -> None:
    _put_alarm(c, new)
    arn = old["arn"]
    if removed := _removed(c, old, new):
        c.cloudwatch.untag_resource(ResourceARN=arn, TagKeys=removed)
    if tags := c.tag_list(new):
        c.cloudwatch.tag_resource(ResourceARN=arn, Tags=tags)


def alarm_problem(p: Properties) -> str | None:
    """The limits of the provider's schema, which it checks in a preview."""
    period, treat = p.get("period"), p.get("treatMissingData", "missing")
    if isinstance(period, int) and period not in (10, 20, 30) and period % 60:
        return f"expected period to be divisible by 60, got: {period}"
    if isinstance(treat, str) and treat not in TREATMENTS:
        return f"expected treat_missing_data to be one of {list(TREATMENTS)}, got {treat}"
    if "metricName" in p and ("statistic" in p) == ("extendedStatistic" in p):
        return (
            "One of `statistic` or `extended_statistic` must be set for a cloudwatch metric alarm"
        )
    return None


def put_dashboard(c: Clients, p: Properties) -> str:
    name = p["dashboardName"]
    c.cloudwatch.put_dashboard(DashboardName=name, DashboardBody=p["dashboardBody"])
    return name


def read_dashboard(c: Clients, i: str, p: Properties) -> Properties | None:
    try:
        held = c.cloudwatch.get_dashboard(DashboardName=i)
    except ClientError as error:
        if code(error) == "ResourceNotFound":
            return None
        raise
    body = _spelled(p.get("dashboardBody"), held["DashboardBody"])
    return {"dashboardName": i, "dashboardArn": held["DashboardArn"], "dashboardBody": body}


def _spelled(known: str | None, held: str) -> str:
    """A JSON document as the program spells it, if that is the same."""
    return known if known and json.loads(known) == json.loads(held) else held


def create_topic(c: Clients, p: Properties) -> str:
    tags = c.tag_list(p)
    arn = c.sns.create_topic(Name=p["name"], **({"Tags": tags} if tags else {}))["TopicArn"]
    if "displayName" in p:
        _set(c, arn, "DisplayName", p["displayName"])
    return arn


def _set(c: Clients, arn: str, name: str, value: str) -> None:
    c.sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)


def _topic(c: Clients, arn: str) -> dict[str, str] | None:
    try:
        return c.sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    except ClientError as error:
        if gone(error):
            return None
        raise


def read_topic(c: Clients, i: str, p: Properties) -> Properties | None:
    held = _topic(c, i)
    if held is None:
        return None
    found: Properties = {"arn": i, "name": i.rpartition(":")[2], "owner": held["Owner"]}
    found["policy"] = held["Policy"]
    if held.get("DisplayName") or p.get("displayName"):
        found["displayName"] = held.get("DisplayName", "")
    return {**found, "tagsAll": _tags(c.sns.list_tags_for_resource(ResourceArn=i)["Tags"])}


def update_topic(c: Clients, i: str, old: Properties, new: Properties) -> None:
    if old.get("displayName") != new.get("displayName"):
        _set(c, i, "DisplayName", new.get("displayName", ""))
    if removed := _removed(c, old, new):
        c.sns.untag_resource(ResourceArn=i, TagKeys=removed)
    if tags := c.tag_list(new):
        c.sns.tag_resource(ResourceArn=i, Tags=tags)


def put_policy(c: Clients, p: Properties) -> str:
    _set(c, p["arn"], "Policy", p["policy"])
    return p["arn"]


def read_policy(c: Clients, i: str, p: Properties) -> Properties | None:
    held = _topic(c, i)
    if held is None:
        return None
    return {
        "arn": i,
        "owner": held["Owner"],
        "policy": _spelled(p.get("policy"), held["Policy"]),
    }


def delete_policy(c: Clients, i: str, _: Properties) -> None:
    """A topic always has a policy; the provider sets the default one."""
    actions = "GetTopicAttributes SetTopicAttributes AddPermission RemovePermission DeleteTopic"
    actions += " Subscribe ListSubscriptionsByTopic Publish Receive"
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in actions.split()],
        "Resource": i,
        "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}},
    }
    policy = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
    forgiving(lambda: _set(c, i, "Policy", json.dumps(policy)))


def subscribe(c: Clients, p: Properties) -> str:
    """Neither mail nor (unless it says so) an https endpoint is waited for."""
    made = c.sns.subscribe(
        TopicArn=p["topic"],
        Protocol=p["protocol"],
        Endpoint=p["endpoint"],
        ReturnSubscriptionArn=True,
    )
    return made["SubscriptionArn"]


def read_subscription(c: Clients, i: str, _: Properties) -> Properties | None:
    try:
        held = c.sns.get_subscription_attributes(SubscriptionArn=i)["Attributes"]
    except ClientError as error:
        if gone(error):
            return None
        raise
    return {
        "arn": i,
        "topic": held["TopicArn"],
        "protocol": held["Protocol"],
        "endpoint": held["Endpoint"],
        "ownerId": held["Owner"],
        "pendingConfirmation": held["PendingConfirmation"] == "true",
        "confirmationWasAuthenticated": held["ConfirmationWasAuthenticated"] == "true",
    }


def unsubscribe(c: Clients, i: str, _: Properties) -> None:
    """One that was never confirmed cannot be removed, and the provider lets it be."""
    try:
        c.sns.unsubscribe(SubscriptionArn=i)
    except ClientError as error:
        said = error.response["Error"]["Message"]
        if "Cannot unsubscribe a subscription that is pending confirmation" not in said:
            raise


def _again(put: Create) -> Update:
    """An update that is the creation once more."""

    def update(c: Clients, _id: str, _old: Properties, new: Properties) -> None:
        put(c, new)

    return update


KINDS = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": Kind(
        frozenset({*ALARM, *ACTIONS, "dimensions", "tags"}),
        create_alarm,
        read_alarm,
        lambda c, i, _: forgiving(lambda: c.cloudwatch.delete_alarms(AlarmNames=[i])),
        update_alarm,
        names("name"),
        auto_named="name",
        problem=alarm_problem,
        defaults=DEFAULTS,
    ),
    "aws:cloudwatch/dashboard:Dashboard": Kind(
        names("dashboardName dashboardBody"),
        put_dashboard,
        read_dashboard,
        lambda c, i, _: forgiving(lambda: c.cloudwatch.delete_dashboards(DashboardNames=[i])),
        _again(put_dashboard),
        names("dashboardName"),
    ),
    "aws:sns/topic:Topic": Kind(
        names("name displayName tags"),
        create_topic,
        read_topic,
        lambda c, i, _: forgiving(lambda: c.sns.delete_topic(TopicArn=i)),
        update_topic,
        names("name"),
        auto_named="name",
        longest_name=256,
    ),
    "aws:sns/topicPolicy:TopicPolicy": Kind(
        names("arn policy"),
        put_policy,
        read_policy,
        delete_policy,
        _again(put_policy),
        names("arn"),
    ),
    "aws:sns/topicSubscription:TopicSubscription": Kind(
        names("topic protocol endpoint"),
        subscribe,
        read_subscription,
        unsubscribe,
        replaces=names("topic protocol endpoint"),
    ),
}
