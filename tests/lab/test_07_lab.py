"""The lab as its users meet it: `./relay`, labs side by side, and what a kill leaves."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from world import GATEWAY, LOGIN, PROJECT, SHARED, World

from lab import control
from lab.internet import send
from lab.lab import Lab
from lab.wait import until
from ops.lab import region

SECOND = Lab("test2")


def relay(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(PROJECT / "relay"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)


@pytest.fixture
def second() -> Iterator[Lab]:
    control.remove(SECOND)
    yield SECOND
    control.remove(SECOND)


def test_a_second_up_changes_nothing(world: World) -> None:
    result = relay("pulumi", f"--lab={SHARED}", "preview", "--expect-no-changes", "--stack=lab")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_review_needs_no_cloud(world: World) -> None:
    result = relay("review", f"--lab={SHARED}")
    assert result.returncode == 0, result.stderr
    assert "- Nothing changes for mail." in result.stdout


def test_the_labs_stack_breaks_no_rule(world: World) -> None:
    arguments = ("--policy-pack=policy", "--stack=lab")
    result = relay("pulumi", f"--lab={SHARED}", "preview", *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "mail-relay@" in result.stdout


def test_send_tells_what_became_of_three_messages(world: World) -> None:
    result = relay("lab", "send", f"--lab={SHARED}", "--json")
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)
    assert [row["via"] for row in rows] == ["client's shell", "login on 587", "login on 465"]
    for row in rows:
        assert (row["spf"], row["dkim"], row["dmarc"]) == ("pass", "pass", "pass")
        assert all(hop.startswith("TLSv1.3 ") for hop in row["tls"])
        assert row["tls"][0].endswith(" verified")
        assert set(row) == {"from", "to", "via", "spf", "dkim", "dmarc", "tls", "seconds"}


def test_a_system_of_which_nothing_stays_says_nothing_itself(world: World) -> None:
    result = relay("lab", "shell", "laptop", f"--lab={SHARED}", "--", "echo", "hello")
    assert (result.returncode, result.stdout.strip(), result.stderr) == (0, "hello", "")


def test_a_blocked_port_25_keeps_mail_until_aws_opens_it(world: World) -> None:
    region.block_port_25(world.lab, True)
    try:
        until("port 25 is blocked", lambda: "tcp dport 25 drop" in rules(world))
        subject = send.unique("from a new account")
        world.submit(send.compose(LOGIN, send.RECIPIENT, subject))
        until("it waits", lambda: "Connection timed out" in world.queue(GATEWAY))
    finally:
        region.block_port_25(world.lab, False)
    until("port 25 is open", lambda: "tcp dport 25 drop" not in rules(world))
    world.run(GATEWAY, "postqueue", "-f")
    assert world.arrived(subject).verdict.passes()


def rules(world: World) -> str:
    return (world.lab.directory / "rules.nft").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lab", "up", "--lab=Not_A_Name"], "'Not_A_Name'"),
        (["lab", "up", "--lab=nobody", "--file=/nowhere.yaml"], "/nowhere.yaml: there is no such"),
        (
            ["lab", "shell", "nobody", f"--lab={SHARED}"],
            "nobody: there is no such machine; there is gateway",
        ),
        (["lab", "send", "--lab=nobody"], "nobody"),
        (["pulumi", "--lab=nobody", "preview"], "./relay lab up --lab nobody"),
    ],
)
def test_a_users_mistake_is_one_line(world: World, arguments: list[str], said: str) -> None:
    result = relay(*arguments)
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_killed_up_is_finished_by_up_beside_another_lab(world: World, second: Lab) -> None:
    process = subprocess.Popen(
        [str(PROJECT / "relay"), "lab", "up", f"--lab={second.name}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # the first machine is being made: Pulumi is in the middle of its work
    machines = second.directory / "machines"
    until("a host of the second lab", lambda: list(machines.glob("i-*")))
    working = relay("lab", "status", f"--lab={second.name}")
    assert "the stack lab is not up yet: a `pulumi` works on it" in working.stdout
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    result = relay("lab", "up", f"--lab={second.name}", "--json")
    assert result.returncode == 0, result.stderr
    for name in (second.name, world.lab.name):
        sent = relay("lab", "send", f"--lab={name}", "--json")
        assert sent.returncode == 0, sent.stderr
        assert {row["dmarc"] for row in json.loads(sent.stdout)} == {"pass"}

    down = relay("lab", "down", f"--lab={second.name}", "--json")
    assert (down.returncode, json.loads(down.stdout)["left"]) == (0, []), down.stderr
    assert control.remains(second) == []
    assert control.running(world.lab)


def test_down_finishes_what_an_interrupted_up_left(world: World, second: Lab) -> None:
    process = subprocess.Popen(
        # as from a terminal: in the background of a script it would be ignored, and inherited so
        ["env", "--default-signal=INT", PROJECT / "relay", "lab", "up", f"--lab={second.name}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    machines = second.directory / "machines"
    until("a host of the second lab", lambda: list(machines.glob("i-*")))
    os.killpg(process.pid, signal.SIGINT)  # Ctrl-C reaches the whole foreground group
    _, said = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "Traceback" not in said
    down = relay("lab", "down", f"--lab={second.name}", "--json")
    assert (down.returncode, json.loads(down.stdout)["left"]) == (0, []), down.stderr
    assert control.remains(second) == []
