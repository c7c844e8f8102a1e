"""Two environments at once in one lab, which has no other stack: mail passes in each, none meets.

The story is told in the order of the tests; `./relay env` is what a user types.
"""

import json
import smtplib
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from world import PROJECT

from lab import control
from lab.internet.smtp import Internet
from lab.lab import Lab
from ops.edit.stack_file import StackFile
from ops.lab import region
from ops.lab.target import LabTarget
from ops.outputs import Outputs

LAB = Lab("test21")
NAMES = ("one", "two")


def relay(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(PROJECT / "relay"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=1000)


def env(*arguments: str) -> Any:
    """The result of a command that must work."""
    result = relay("env", *arguments, f"--lab={LAB.name}", "--json")
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def environments() -> Iterator[dict[str, Outputs]]:
    """Both, made at once; the outputs of each."""
    control.remove(LAB)
    control.start(LAB, print)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: env("up", name, "--ttl=1h"), NAMES))
    yield {name: target(name).outputs() for name in NAMES}
    control.remove(LAB)
    assert control.remains(LAB) == []


def target(name: str) -> LabTarget:
    return LabTarget(f"env-{name}", LAB)


def internet(name: str) -> Internet:
    """A computer that trusts the environment's authority, as its own clients do."""
    root = StackFile(target(name)).settings().acme.root
    assert root
    return Internet(LAB, root)


def login(name: str, outputs: Outputs, password: str) -> None:
    """Log in at an environment's gateway as its own user."""
    gateway = outputs.gateways[0]
    with internet(name).connect(gateway.name, gateway.address, 587) as session:
        session.login(outputs.logins[0], password)


def password(outputs: Outputs) -> str:
    """That of an environment's own user."""
    return outputs.passwords[outputs.logins[0]]


def test_mail_passes_in_each(environments: dict[str, Outputs]) -> None:
    for name in environments:
        result = relay("lab", "send", f"--lab={LAB.name}", f"--stack=env-{name}", "--json")
        assert result.returncode == 0, result.stderr
        rows = json.loads(result.stdout)
        assert [row["via"] for row in rows] == ["client's shell", "login on 587", "login on 465"]
        for row in rows:
            assert row["from"].endswith(f"@shop.example.{name}.relay.example")
            assert (row["spf"], row["dkim"], row["dmarc"]) == ("pass", "pass", "pass")
            assert row["tls"][0].endswith(" verified")


def test_the_login_of_one_is_refused_at_the_other(environments: dict[str, Outputs]) -> None:
    one, two = environments["one"], environments["two"]
    login("one", one, password(one))
    with pytest.raises(smtplib.SMTPAuthenticationError):
        login("two", two, password(one))
    result = relay("users", "test", one.logins[0], f"--lab={LAB.name}", "--stack=env-two")
    assert result.returncode == 1
    assert "is no login of the running stack" in result.stderr


def test_nobody_trusts_their_certificates_who_was_not_told_to(
    environments: dict[str, Outputs],
) -> None:
    gateway = environments["one"].gateways[0]
    with pytest.raises(OSError, match="certificate verify failed"):
        Internet(LAB).connect(gateway.name, gateway.address, 465)


def test_each_is_listed_with_its_zone_and_end(environments: dict[str, Outputs]) -> None:
    rows = {row["name"]: row for row in env("list")}
    assert {name: row["zone"] for name, row in rows.items()} == {
        "one": "one.relay.example",
        "two": "two.relay.example",
    }
    assert not any(row["pastDue"] for row in rows.values())


def test_down_takes_one_away_and_the_other_goes_on(environments: dict[str, Outputs]) -> None:
    env("down", "one", "--yes")
    left = region.leftovers(LAB)
    assert "hosted zone two.relay.example." in left
    assert not [thing for thing in left if "one.relay.example" in thing]
    two = environments["two"]
    login("two", two, password(two))


def test_after_the_last_nothing_is_left(environments: dict[str, Outputs]) -> None:
    env("down", "two", "--yes")
    assert env("list") == []
    assert region.leftovers(LAB) == []
