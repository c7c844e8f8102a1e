"""Amazon Data Lifecycle Manager, which moto lacks: policies of snapshots of volumes, carried out.

The control API runs all policies at once (`/_lab/dlm/run`); the clock runs those whose time has
come. The policy's role is asked for each call that DLM makes as it, as AWS does.
"""

import json
import logging
import re
import secrets
import threading
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

from lab.region import backends
from lab.region.errors import ApiError
from lab.region.lifecycle import ENABLED, ERROR, Policy
from lab.region.memory import Memory
from lab.region.rules import permissions, snapshots

log = logging.getLogger(__name__)
CLOCK_SECONDS = 30.0
INTERVALS = (1, 2, 3, 4, 6, 8, 12, 24)
DESCRIPTION = re.compile(r"[0-9A-Za-z _-]{1,500}")
POLICIES = 100  # of a region (DLM's quotas)
BY, SCHEDULE = "aws:dlm:lifecycle-policy-id", "aws:dlm:lifecycle-schedule-name"


def answer(memory: Memory, request: Request, body: bytes) -> Response:
    """Answer one call, in DLM's REST and JSON."""
    try:
        return Response(
            json.dumps(_call(memory, request, json.loads(body or b"{}"))),
            content_type="application/json",
        )
    except ApiError as error:
        text = json.dumps({"Message": error.message, "Code": error.code})
        made = Response(text, error.status, content_type="application/json")
        made.headers["x-amzn-ErrorType"] = error.code
        return made


def _call(memory: Memory, request: Request, given: dict[str, Any]) -> dict[str, Any]:
    match (request.method, unquote(request.path).strip("/").split("/", 1)):
        case ("POST", ["policies"]):
            return {"PolicyId": _create(memory, given).id}
        case ("GET", ["policies"]):
            wanted = request.args.getlist("policyIds")
            found = [p for p in memory.policies.values() if not wanted or p.id in wanted]
            return {"Policies": [_summary(policy) for policy in found]}
        case ("GET", ["policies", identity]):
            return {"Policy": _whole(_found(memory, identity))}
        case ("PATCH", ["policies", identity]):
            _update(_found(memory, identity), given)
        case ("DELETE", ["policies", identity]):
            del memory.policies[_found(memory, identity).id]
        case ("GET", ["tags", arn]):
            return {"Tags": _by_arn(memory, arn).tags}
        case ("POST", ["tags", arn]):
            _by_arn(memory, arn).tags.update(given["Tags"])
        case ("DELETE", ["tags", arn]):
            for key in request.args.getlist("tagKeys"):
                _by_arn(memory, arn).tags.pop(key, None)
        case _:
            raise ApiError("InvalidRequestException", "the lab does not have this call of DLM")
    return {}


def _found(memory: Memory, identity: str) -> Policy:
    if identity in memory.policies:
        return memory.policies[identity]
    raise ApiError("ResourceNotFoundException", f"The policy {identity} does not exist.", 404)


def _by_arn(memory: Memory, arn: str) -> Policy:
    return _found(memory, arn.rpartition("/")[2])


def _create(memory: Memory, given: dict[str, Any]) -> Policy:
    if len(memory.policies) >= POLICIES:
        raise ApiError("LimitExceededException", "too many lifecycle policies", 429)
    details = _checked(given["PolicyDetails"])
    _described(given["Description"])
    identity, now = f"policy-{secrets.token_hex(8)}1", datetime.now(UTC)
    policy = Policy(
        identity,
        f"arn:aws:dlm:{backends.REGION}:{backends.ACCOUNT}:policy/{identity}",
        given["Description"],
        _role(given["ExecutionRoleArn"]),
        given["State"],
        details,
        dict(given.get("Tags", {})),
        now,
        now,
    )
    memory.policies[identity] = policy
    return policy


def _update(policy: Policy, given: dict[str, Any]) -> None:
    if "PolicyDetails" in given:
        policy.details = _checked(given["PolicyDetails"])
    if "Description" in given:
        policy.description = _described(given["Description"])
    if "ExecutionRoleArn" in given:
        policy.role = _role(given["ExecutionRoleArn"])
    policy.state = given.get("State", ENABLED if policy.state == ERROR else policy.state)
    policy.changed, policy.message = datetime.now(UTC), ""


def _described(text: str) -> str:
    if not DESCRIPTION.fullmatch(text):
        raise _invalid("Description", "it must match ^[0-9A-Za-z _-]+$")
    return text


def _role(arn: str) -> str:
    """The role's ARN, if the role exists and lets DLM in."""
    name = arn.rpartition("/")[2]
    roles = {role.name: role for role in backends.iam().roles.values()}
    trusts = name in roles and "dlm.amazonaws.com" in unquote(
        roles[name].assume_role_policy_document
    )
    if not trusts:
        raise _invalid("ExecutionRoleArn", f"{arn} cannot be assumed by dlm.amazonaws.com")
    return arn


def _checked(details: dict[str, Any]) -> dict[str, Any]:
    """The details of a policy of the kind that the lab plays, with what AWS fills in."""
    if details.get("PolicyType", "EBS_SNAPSHOT_MANAGEMENT") != "EBS_SNAPSHOT_MANAGEMENT":
        raise _invalid("PolicyType", "the lab has policies of snapshots alone")
    if details.get("ResourceTypes") != ["VOLUME"]:
        raise _invalid("ResourceTypes", "the lab has policies of volumes alone")
    if not details.get("TargetTags") or len(details.get("Schedules", [])) != 1:
        raise _invalid("PolicyDetails", "give target tags, and (in the lab) one schedule")
    (schedule,) = details["Schedules"]
    rule, count = schedule["CreateRule"], schedule["RetainRule"].get("Count")
    if rule.get("Interval") not in INTERVALS or rule.get("IntervalUnit") != "HOURS":
        raise _invalid("Interval", f"give one of {INTERVALS}, in HOURS")
    if not isinstance(count, int) or not 1 <= count <= 1000:
        raise _invalid("Count", "give 1 to 1000 (in the lab always by count)")
    rule.setdefault("Times", ["09:00"])
    schedule.setdefault("CopyTags", False)
    return {"PolicyType": "EBS_SNAPSHOT_MANAGEMENT", **details}


def _invalid(name: str, why: str) -> ApiError:
    return ApiError("InvalidRequestException", f"{name}: {why}")


def _summary(policy: Policy) -> dict[str, Any]:
    return {
        "PolicyId": policy.id,
        "Description": policy.description,
        "State": policy.state,
        "Tags": policy.tags,
        "PolicyType": "EBS_SNAPSHOT_MANAGEMENT",
    }


def _whole(policy: Policy) -> dict[str, Any]:
    return {
        **{k: v for k, v in _summary(policy).items() if k != "PolicyType"},
        "PolicyArn": policy.arn,
        "ExecutionRoleArn": policy.role,
        "StatusMessage": policy.message or policy.state,
        "DateCreated": policy.made.isoformat(),
        "DateModified": policy.changed.isoformat(),
        "PolicyDetails": policy.details,
    }


def run_all(memory: Memory) -> list[str]:
    """Run every policy that is enabled, and return the ids of its snapshots."""
    return [made for policy in list(memory.policies.values()) for made in run(memory, policy)]


def run(memory: Memory, policy: Policy) -> list[str]:
    """Make a snapshot of each volume with a target tag; delete those that are too many."""
    if policy.state != ENABLED:
        return []
    policy.ran = datetime.now(UTC)
    made: list[str] = []
    try:
        for volume in list(backends.ec2().volumes.values()):
            tags = {tag["key"]: tag["value"] for tag in volume.get_tags()}
            if policy.targets.items() & tags.items():
                made.append(_snapshot(memory, policy, volume, tags))
                _thin_out(memory, policy, volume.id)
    except ApiError as error:
        policy.state, policy.message = ERROR, error.message
    return made


def _snapshot(memory: Memory, policy: Policy, volume: Any, tags: dict[str, str]) -> str:
    arn = f"arn:aws:ec2:{backends.REGION}:{backends.ACCOUNT}:volume/{volume.id}"
    new = f"arn:aws:ec2:{backends.REGION}::snapshot/*"
    _judge(policy, "ec2:DescribeVolumes", "*", {})
    _judge(policy, "ec2:CreateSnapshot", arn, tags)
    _judge(policy, "ec2:CreateSnapshot", new, {})
    _judge(policy, "ec2:CreateTags", new, {})
    described = f"Created for policy: {policy.id} schedule: {policy.schedule['Name']}"
    snapshot = backends.ec2().create_snapshot(volume.id, described)
    copied = tags if policy.schedule["CopyTags"] else {}
    own = {BY: policy.id, SCHEDULE: policy.schedule["Name"]}
    backends.ec2().create_tags([snapshot.id], {**copied, **own})
    snapshots.begin(memory, snapshot)
    return snapshot.id


def _thin_out(memory: Memory, policy: Policy, volume: str) -> None:
    """Delete the oldest snapshots of a volume by this policy, until as many as it keeps are left.

    Those of a volume that is gone are not managed any more.
    """
    own = []
    for snapshot in backends.ec2().snapshots.values():
        tags = {tag["key"]: tag["value"] for tag in snapshot.get_tags()}
        if snapshot.volume_id == volume and tags.get(BY) == policy.id:
            own.append((snapshot.start_time, snapshot.id, tags))
    for _, identity, tags in sorted(own)[: -policy.keeps]:
        arn = f"arn:aws:ec2:{backends.REGION}::snapshot/{identity}"
        _judge(policy, "ec2:DescribeSnapshots", "*", {})
        _judge(policy, "ec2:DeleteSnapshot", arn, tags)
        backends.ec2().delete_snapshot(identity)
        memory.snapshots.known.discard(identity)


def _judge(policy: Policy, action: str, resource: str, tags: dict[str, str]) -> None:
    context = {f"aws:ResourceTag/{key}": [value] for key, value in tags.items()}
    permissions.judge_role(policy.role.rpartition("/")[2], action, resource, context)


def serve(memory: Memory) -> None:
    """Run the policies whose time comes, in a thread of its own."""

    def clock() -> None:
        while True:
            time.sleep(CLOCK_SECONDS)
            try:
                with memory.lock:
                    for policy in list(memory.policies.values()):
                        if policy.is_due(datetime.now(UTC)):
                            run(memory, policy)
            except Exception:  # the clock goes on
                log.exception("the policies could not be run")

    threading.Thread(target=clock, daemon=True).start()
