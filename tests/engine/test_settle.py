"""A `pulumi up` that was killed is settled by one command, with the real engine."""

import signal
from typing import Any

import pytest
import yaml
from killed import Here, here, make_pending, unknown, until_quiet, up_killed
from stacks import PROJECT, Stack

from ops.settle import state
from ops.settle.settle import ADOPTED, DELETED, settle, unlock

__all__ = ["here"]

DEV: dict[str, Any] = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
# About as many resources as the dev stack begins to make.
BEGUN = 75
# To make them again is the same call as to make them.
REPEATED = (
    "BucketLifecycleConfiguration",
    "BucketObjectv2",
    "BucketPolicy",
    "BucketPublicAccessBlock",
    "BucketServerSideEncryptionConfiguration",
    "BucketVersioning",
)


def destroyed(stack: Stack) -> None:
    code, said = stack.pulumi("destroy", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    assert stack.region.door.get("leftovers") == []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "begun" in metafunc.fixturenames:
        moments = metafunc.config.getoption("--moments")
        step = BEGUN / moments
        metafunc.parametrize("begun", [1 + round(step * n) for n in range(moments)])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_01_an_up_that_was_killed_goes_on_and_leaves_nothing(
    stack: Stack, here: Here, begun: int, how: signal.Signals
) -> None:
    up_killed(stack, begun, how)
    until_quiet(stack)
    pending = state.pending(stack.export(), "creating")
    done = settle(here)
    print(
        f"{how.name} {begun}: pending {len(pending)}, "
        f"adopted {sum(f.result == ADOPTED for f in done.findings)}"
    )
    if not done:
        unlock(here)
    assert unknown(stack, DEV) == []
    assert not settle(here)
    stack.up()
    assert unknown(stack, DEV) == []
    destroyed(stack)


# With resources of every type that the program makes.
WHOLE = {
    **{k: v for k, v in DEV.items() if k != "mail-relay:forwards"},  # which SES would not take
    "mail-relay:smarthost": {"ses": True},
    "mail-relay:clients": [
        {"name": "app.shop.example", "private": True},
        {"name": "b.shop.example"},
    ],
}


def test_02_whatever_was_being_made_is_found_and_taken_into_the_state(
    stack: Stack, here: Here
) -> None:
    stack.write(WHOLE)
    stack.up()
    # of the others there is no id to find: an object is put again, a key is made anew
    made = make_pending(stack, lambda kind: kind not in (*REPEATED, "AccessKey"))
    done = settle(here)
    assert {(f.result, f.urn, f.id) for f in done.findings} == {
        (ADOPTED, r["urn"], r["id"]) for r in made
    }
    assert unknown(stack, WHOLE) == []
    stack.up("--expect-no-changes")
    destroyed(stack)


def test_03_what_was_being_made_is_destroyed_without_an_up(stack: Stack, here: Here) -> None:
    stack.up()
    make_pending(stack, lambda kind: kind not in (*REPEATED, "AccessKey"))
    settle(here)
    destroyed(stack)


def test_04_an_access_key_whose_secret_is_lost_is_deleted_and_made_anew(
    stack: Stack, here: Here
) -> None:
    up_killed(stack, 1, kind="iam:AccessKey")
    until_quiet(stack)
    make_pending(stack, lambda kind: kind == "AccessKey")
    iam = stack.region.client("iam")
    (user,) = [user["UserName"] for user in iam.list_users()["Users"]]
    (lost,) = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    (found,) = [f for f in settle(here).findings if f.result == DELETED]
    assert found.id == lost["AccessKeyId"]
    stack.up()
    (key,) = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    assert key["AccessKeyId"] != lost["AccessKeyId"]
    assert unknown(stack, WHOLE) == []
    destroyed(stack)
