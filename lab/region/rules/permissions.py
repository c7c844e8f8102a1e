"""Checks permissions by inline policies, which moto does for few services.

Access keys from the metadata service belong to a role, those that IAM made to a user; all others
are the administrator's.
"""

import fnmatch
import ipaddress
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from lab.region import backends
from lab.region.errors import ApiError
from lab.region.memory import Memory

Context = Mapping[str, list[str]]


def judge(memory: Memory, key: str, action: str, resource: str, context: Context) -> None:
    """Raise AccessDenied unless an Allow matches and no Deny matches."""
    if found := _whose(memory, key):
        _judge(*found, action, resource, context)


def judge_role(role_name: str, action: str, resource: str, context: Context) -> None:
    """The same of a role that a service works as."""
    _judge(*_role(role_name), action, resource, context)


def _judge(arn: str, policies: list[str], action: str, resource: str, context: Context) -> None:
    effects = {
        statement["Effect"]
        for text in policies
        for statement in listed(json.loads(unquote(text))["Statement"])
        if matches(statement, action, resource, context)
    }
    # a Deny of any policy overrules every Allow
    if effects == {"Allow"}:
        return
    why = (
        "with an explicit deny in an identity-based policy"
        if effects
        else "because no identity-based policy allows the action"
    )
    raise ApiError(
        "AccessDenied",
        f"User: {arn} is not authorized to perform: {action} on resource: {resource} {why}",
        403,
    )


def _whose(memory: Memory, key: str) -> tuple[str, list[str]] | None:
    """The ARN and the inline policies of a key's role or user; None for the administrator."""
    if role_name := memory.sessions.get(key):
        return _role(role_name)
    for user in backends.iam().users.values():
        if key in [held.access_key_id for held in user.access_keys]:
            return user.arn, [*user.policies.values()]
    return None


def _role(name: str) -> tuple[str, list[str]]:
    roles = {role.name: role for role in backends.iam().roles.values()}
    policies = roles[name].policies.values() if name in roles else ()
    return f"arn:aws:sts::{backends.ACCOUNT}:assumed-role/{name}/instance", [*policies]


def listed(value: Any) -> list[Any]:
    """A policy's value that may stand alone instead of in a list."""
    return value if isinstance(value, list) else [value]


def matches(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    """Whether a statement is about an action on a resource, in this context."""
    actions = listed(statement.get("Action", []))
    resources = listed(statement.get("Resource", "*"))
    return (
        any(fnmatch.fnmatchcase(action.lower(), a.lower()) for a in actions)
        and any(fnmatch.fnmatchcase(resource, r) for r in resources)
        and all(
            _condition(operator, name, listed(wanted), context)
            for operator, tests in statement.get("Condition", {}).items()
            for name, wanted in tests.items()
        )
    )


def _condition(operator: str, key: str, wanted: list[Any], context: Context) -> bool:
    values = {k.lower(): v for k, v in context.items()}.get(key.lower())
    texts = [str(w).lower() if isinstance(w, bool) else str(w) for w in wanted]
    if operator == "Null":
        return (values is None) == (texts == ["true"])
    if operator == "ForAllValues:StringEquals":  # true if the key is absent, as on AWS
        return all(value in texts for value in values or [])
    if operator in ("StringLike", "ArnLike", "ArnEquals"):  # the last two are the same
        return any(fnmatch.fnmatchcase(value, t) for value in values or [] for t in texts)
    if operator == "IpAddress":
        networks = [ipaddress.ip_network(text, strict=False) for text in texts]
        return any(ipaddress.ip_address(v) in net for v in values or [] for net in networks)
    if operator == "NumericLessThanEquals":
        return any(float(value) <= float(text) for value in values or [] for text in texts)
    if operator in ("StringEquals", "Bool", "NumericEquals"):
        return values is not None and any(value in texts for value in values)
    raise ApiError("MalformedPolicyDocument", f"the lab does not know the operator {operator}")
