"""Resource types of Amazon Data Lifecycle Manager: policies of daily snapshots."""

from typing import Any

from botocore.exceptions import ClientError

from lab.provider.kinds import Clients, Kind, Properties, forgiving, gone, names

ACCOUNT = "123456789012"


def _details(p: Properties) -> dict[str, Any]:
    """The API's form of `policyDetails`."""
    given = p["policyDetails"]
    return {
        "PolicyType": "EBS_SNAPSHOT_MANAGEMENT",
        "ResourceTypes": given["resourceTypes"],
        "TargetTags": [{"Key": k, "Value": v} for k, v in sorted(given["targetTags"].items())],
        "Schedules": [
            {
                "Name": schedule["name"],
                "CopyTags": schedule.get("copyTags", False),
                "CreateRule": {
                    "Interval": int(schedule["createRule"]["interval"]),
                    "IntervalUnit": schedule["createRule"].get("intervalUnit", "HOURS"),
                    "Times": [schedule["createRule"]["times"]],
                },
                "RetainRule": {"Count": int(schedule["retainRule"]["count"])},
            }
            for schedule in given["schedules"]
        ],
    }


def create_policy(c: Clients, p: Properties) -> str:
    return c.dlm.create_lifecycle_policy(
        Description=p["description"],
        ExecutionRoleArn=p["executionRoleArn"],
        State=p["state"],
        PolicyDetails=_details(p),
        Tags=c.tags(p),
    )["PolicyId"]


def read_policy(c: Clients, i: str, p: Properties) -> Properties | None:
    try:
        found = c.dlm.get_lifecycle_policy(PolicyId=i)["Policy"]
    except ClientError as error:
        if gone(error):
            return None
        raise
    return {
        "arn": found["PolicyArn"],
        "description": found["Description"],
        "executionRoleArn": found["ExecutionRoleArn"],
        "state": found["State"],
        "policyDetails": _read_details(found["PolicyDetails"], p.get("policyDetails", {})),
        "tagsAll": found.get("Tags", {}),
    }


def _read_details(found: dict[str, Any], known: Properties) -> Properties:
    """The details as the program wrote them, with what the API has now."""
    return {
        **{k: v for k, v in known.items() if k == "policyType"},
        "resourceTypes": found["ResourceTypes"],
        "targetTags": {tag["Key"]: tag["Value"] for tag in found["TargetTags"]},
        "schedules": [
            {
                "name": schedule["Name"],
                "copyTags": schedule["CopyTags"],
                "createRule": {
                    "interval": schedule["CreateRule"]["Interval"],
                    "intervalUnit": schedule["CreateRule"]["IntervalUnit"],
                    "times": schedule["CreateRule"]["Times"][0],
                },
                "retainRule": {"count": schedule["RetainRule"]["Count"]},
            }
            for schedule in found["Schedules"]
        ],
    }


def update_policy(c: Clients, i: str, old: Properties, new: Properties) -> None:
    """Send what has changed, and the tags by calls of their own."""
    sent = {
        "description": {"Description": new["description"]},
        "executionRoleArn": {"ExecutionRoleArn": new["executionRoleArn"]},
        "state": {"State": new["state"]},
        "policyDetails": {"PolicyDetails": _details(new)},
    }
    changes: dict[str, Any] = {}
    for key, value in sent.items():
        if old.get(key) != new.get(key):
            changes |= value
    if changes:
        c.dlm.update_lifecycle_policy(PolicyId=i, **changes)
    arn = f"arn:aws:dlm:{c.region}:{ACCOUNT}:policy/{i}"
    if removed := sorted(set(c.tags(old)) - set(c.tags(new))):
        c.dlm.untag_resource(ResourceArn=arn, TagKeys=removed)
    if tags := c.tags(new):
        c.dlm.tag_resource(ResourceArn=arn, Tags=tags)


KINDS = {
    "aws:dlm/lifecyclePolicy:LifecyclePolicy": Kind(
        names("description executionRoleArn policyDetails state tags"),
        create_policy,
        read_policy,
        lambda c, i, _: forgiving(lambda: c.dlm.delete_lifecycle_policy(PolicyId=i)),
        update_policy,
        defaults={"state": "ENABLED"},
    ),
}
