"""What the lab's region lets a role do, judged as IAM judges it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.region import backends
from lab.region.errors import ApiError
from lab.region.memory import Memory
from lab.region.rules import permissions

OBJECT = "arn:aws:s3:::tables/gateway.json"


@pytest.fixture
def role() -> Iterator[Any]:
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    made = backends.iam().create_role("host", trust, "/", None, "", {}, 3600)
    yield made
    backends.iam().roles.clear()


def allowed(action: str = "s3:GetObject") -> bool:
    try:
        permissions.judge(Memory(sessions={"KEY": "host"}), "KEY", action, OBJECT, {})
    except ApiError as error:
        assert error.code == "AccessDenied"
        return False
    return True


def policy(*effects: str) -> str:
    statements = [{"Effect": e, "Action": "s3:Get*", "Resource": OBJECT} for e in effects]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.mark.parametrize(
    ("policies", "right"),
    [
        ([], False),
        ([("Allow",)], True),
        ([("Deny",), ("Allow",)], False),
        ([("Allow",), ("Deny",)], False),
        ([("Deny", "Allow")], False),
        ([("Allow", "Deny")], False),
    ],
)
def test_a_deny_is_final_wherever_it_stands(
    role: Any, policies: list[tuple[str, ...]], right: bool
) -> None:
    for number, effects in enumerate(policies):
        role.policies[f"p{number}"] = policy(*effects)
    assert allowed() is right
    assert not allowed("s3:PutObject")
