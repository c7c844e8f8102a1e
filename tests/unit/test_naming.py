"""Names that AWS takes, whatever a project and a stack are called."""

import re

import pytest

from components.naming import bucket_name, role_name

ACCOUNT = "123456789012"
# S3 User Guide, "General purpose bucket naming rules", without dots
S3 = re.compile(r"(?!xn--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9](?<!-s3alias)")


@pytest.mark.parametrize(
    ("stack", "name"),
    [
        ("test", f"mail-relay-test-{ACCOUNT}"),
        ("Prod", f"mail-relay-prod-{ACCOUNT}"),
        ("a" * 39, f"mail-relay-{'a' * 39}-{ACCOUNT}"),  # 63 in all
    ],
)
def test_a_bucket_that_has_a_good_name_keeps_it(stack: str, name: str) -> None:
    assert bucket_name("mail-relay", stack, ACCOUNT) == name


STACKS = ["prod_eu", "prod.eu", "prod-eu", "prod_", "_", "a" * 40, "a" * 41, "a" * 99 + "_", "x..y"]


def test_every_stack_gets_a_bucket_of_its_own_that_s3_takes() -> None:
    names = [bucket_name("mail-relay", stack, ACCOUNT) for stack in STACKS]
    names += [bucket_name("Mail_Relay.2", stack, ACCOUNT) for stack in STACKS]
    assert len(set(names)) == len(names)
    for name in names:
        assert S3.fullmatch(name)
        assert name.endswith(f"-{ACCOUNT}")


def test_a_long_host_gets_a_role_name_that_iam_takes() -> None:
    long = [f"notifications.eu-central-{n}.customers.some-company.example.com" for n in (1, 2)]
    assert {len(host) for host in long} == {61}
    names = {role_name("mail-relay", stack, host) for stack in ("a", "b") for host in long}
    assert len(names) == 4
    assert all(name and re.fullmatch(r"[\w+=,.@-]{1,64}", name) for name in names)


def test_a_host_that_leaves_room_is_named_as_before() -> None:
    assert role_name("mail-relay", "test", "a" * 44 + ".example.com") is None
    assert role_name("mail-relay", "test", "a" * 45 + ".example.com")
