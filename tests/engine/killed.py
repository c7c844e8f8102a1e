"""A `pulumi up` that is killed, and what the account holds against what the state says."""

import gzip
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from stacks import Stack, credentials

from lab.wait import until
from ops.errors import StackError
from ops.leftovers.find import Stack as Account
from ops.leftovers.find import find
from ops.settle import state
from ops.target import AwsTarget
from settings import read

# Between two Ctrl-C: a person who does not wait.
IMPATIENCE_SECONDS = 0.05


@dataclass(frozen=True)
class Here(AwsTarget):
    """A test's stack, as `relay` sees a user's own."""

    of: Stack | None = None

    def pulumi(self, *arguments: str, text: str = "") -> str:
        assert self.of
        code, said = self.of.pulumi(*arguments, f"--stack={self.stack}")
        if code != 0:
            raise StackError(said)
        return said

    def operate(self, *arguments: str, shown: Callable[[str], str] = str) -> None:
        self.pulumi(*arguments)


@pytest.fixture
def here(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Here:
    """The stack, with the account's keys in the environment, as users have them."""
    for name, value in credentials(stack.region.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(stack.directory / "kept"))
    return Here("test", stack)


def up_killed(
    stack: Stack, begun: int, how: signal.Signals = signal.SIGKILL, kind: str = ""
) -> None:
    """`pulumi up`, ended when so many resources were begun: SIGKILL, or Ctrl-C twice.

    Of one kind, such as `ec2:Instance`, or of any.
    """
    process = stack.start("up", "--yes", "--skip-preview", "--stack=test")
    assert process.stdout
    for line in process.stdout:
        begun -= f"{kind} " in line and " creating" in line
        if begun == 0:
            break
    assert begun == 0, "it ended before it was killed"
    os.killpg(process.pid, how)
    if how is signal.SIGINT:
        try:
            process.wait(timeout=IMPATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, how)
    process.stdout.read()
    process.wait()
    process.stdout.close()


def up_killed_once(stack: Stack, holds: Callable[[], bool]) -> None:
    """`pulumi up`, ended as soon as something holds."""
    process = stack.start("up", "--yes", "--skip-preview", "--stack=test")
    until("it is so far", holds, 120)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.stdout
    process.stdout.read()
    process.wait()
    process.stdout.close()


def until_quiet(stack: Stack) -> None:
    """Wait for calls that were under way: the tests' plug-in outlives the engine."""
    seen: list[object] = [None]

    def quiet() -> bool:
        seen.append(stack.region.control.get("leftovers"))
        return seen[-1] == seen[-2]

    until("nothing more is made", quiet, 30)


def settings_of(config: dict[str, Any]) -> Any:
    prefix = "mail-relay:"
    return read({k.removeprefix(prefix): v for k, v in config.items() if k.startswith(prefix)})


def unknown(stack: Stack, config: dict[str, Any]) -> list[str]:
    """What the account has of the stack and the state does not, or has twice."""
    resources = [r for r in state.resources(stack.export()) if r["type"].startswith("aws:")]
    ids = {r.get("id", "") for r in resources}
    account = Account("mail-relay", "test", settings_of(config), stack.region.client)
    missing = [f"{item.what} {item.id}" for item in find(account) if item.id not in ids]
    missing += [what for what in _parts(stack, resources) if what.split()[-1] not in ids]
    urns = Counter(r["urn"] for r in resources)
    twice = Counter((r["type"], r["id"]) for r in resources)
    return missing + [str(key) for key, n in [*urns.items(), *twice.items()] if n > 1]


def _parts(stack: Stack, resources: list[state.Resource]) -> Iterator[str]:
    """What has no tags: rules, associations, attachments, keys, policies."""
    ec2, iam = stack.region.client("ec2"), stack.region.client("iam")
    held = {
        kind: [r["id"] for r in resources if r["type"].endswith(f":{kind}")]
        for kind in ("SecurityGroup", "RouteTable", "Volume", "User", "Role")
    }
    if held["SecurityGroup"]:
        filters = [{"Name": "group-id", "Values": held["SecurityGroup"]}]
        rules = ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
        yield from (f"rule {rule['SecurityGroupRuleId']}" for rule in rules)
    for table in held["RouteTable"]:
        found = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]
        for association in found["Associations"]:
            if not association.get("Main"):
                yield f"association {association['RouteTableAssociationId']}"
    for user in held["User"]:
        keys = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        yield from (f"key {key['AccessKeyId']}" for key in keys)
        for policy in iam.list_user_policies(UserName=user)["PolicyNames"]:
            yield f"policy {user}:{policy}"
    for role in held["Role"]:
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            yield f"policy {role}:{policy}"


def make_pending(stack: Stack, belongs: Callable[[str], bool]) -> list[state.Resource]:
    """Make the state forget resources that there are, as if their creates had been cut off.

    Those of AWS's whose type belongs, such as `Subnet`. Gives what was made pending.
    """
    told = ("id", "outputs")  # when it was made may be there already
    with _checkpoint(stack) as latest:
        gone = [
            r
            for r in latest.get("resources", [])
            if r["type"].startswith("aws:") and belongs(r["type"].rpartition(":")[2])
        ]
        latest["resources"] = [r for r in latest.get("resources", []) if r not in gone]
        _forget(latest["resources"], {r["urn"] for r in gone})
        latest.setdefault("pending_operations", []).extend(
            {"type": "creating", "resource": {k: v for k, v in r.items() if k not in told}}
            for r in gone
        )
    return gone


def _forget(resources: list[state.Resource], urns: set[str]) -> None:
    """Nothing in a state may refer to what it does not hold."""
    for resource in resources:
        if resource.get("parent") in urns:
            del resource["parent"]
        resource["dependencies"] = [u for u in resource.get("dependencies", []) if u not in urns]
        of = resource.get("propertyDependencies") or {}
        for name, needs in of.items():
            of[name] = [urn for urn in needs or [] if urn not in urns]


@contextmanager
def _checkpoint(stack: Stack) -> Iterator[dict[str, Any]]:
    """The state to be changed, in the backend's file: an import cannot hold what is pending."""
    file = stack.directory / "home/state/.pulumi/stacks/mail-relay/test.json.gz"
    kept = json.loads(gzip.decompress(file.read_bytes()))
    yield kept["checkpoint"]["latest"]
    file.write_bytes(gzip.compress(json.dumps(kept).encode()))


def begin(stack: Stack, resource: state.Resource, what: str = "creating") -> None:
    """Make the state say that an operation on a resource was begun, and no more."""
    told = ("id", "outputs") if what == "creating" else ()
    begun = {k: v for k, v in resource.items() if k not in told}
    with _checkpoint(stack) as latest:
        latest.setdefault("pending_operations", []).append({"type": what, "resource": begun})
