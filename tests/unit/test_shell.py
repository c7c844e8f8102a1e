"""`./relay shell`, and the way that commands take into a host."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from typer.testing import CliRunner
from verify_world import GATEWAY, WANTED

from lab.lab import Lab
from ops import shell, ssh, tunnel
from ops.cli import app
from ops.errors import StackError
from ops.instances import Down
from ops.lab import target as lab_target
from ops.lab.target import LabTarget
from ops.outputs import Endpoint, Host, Outputs, read
from ops.ssh import CLOSED, Ssh
from ops.target import AwsTarget

ENDPOINT = Endpoint(id="eice-1", dns_name="eice-1.example")
HOST = WANTED.gateways[0]
REACHED = HOST.model_copy(update={"endpoint": ENDPOINT, "private_address": "10.20.0.4"})


class Called:
    """ssh and the tunnel, as literals; `argv` are the command lines of ssh."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int = 0, ended: str = "") -> None:
        self.argv: list[list[str]] = []
        self.code, self.ended = code, ended
        monkeypatch.setattr(subprocess, "run", self.run)
        monkeypatch.setattr(tunnel, "through", self.through)
        self.ssh = Ssh(lambda _: None, lambda host: host.name)  # type: ignore[arg-type,return-value]

    def run(self, argv: Sequence[str], **_: object) -> Any:
        self.argv.append([*argv])
        return subprocess.CompletedProcess(argv, self.code, "done\n", "lost\n")

    @contextmanager
    def through(self, connection: Any) -> Iterator[tunnel.Tunnel]:
        assert connection == GATEWAY
        yield tunnel.Tunnel(["-o", "ProxyCommand=x"], self.ended)

    def run_on(self, host: Host) -> str:
        return self.ssh.run(host, "postqueue", "-j", text="", fine=(0,), seconds=None)


def options(argv: Sequence[str]) -> list[str]:
    return [value for option, value in pairwise(argv) if option == "-o"]


def test_a_host_with_an_endpoint_is_reached_through_it_by_its_private_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called = Called(monkeypatch)
    assert called.run_on(REACHED) == "done\n"
    (argv,) = called.argv
    assert argv[-5:] == ["admin@10.20.0.4", "--", "sudo", "-n", "postqueue -j"]
    # a rebuilt host has another key, and is another instance
    for option in (
        "ProxyCommand=x",
        f"HostKeyAlias={HOST.instance_id}",
        "ControlPath=none",
        "StrictHostKeyChecking=accept-new",
        "BatchMode=yes",
    ):
        assert option in options(argv)


def test_other_hosts_are_reached_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    called = Called(monkeypatch)
    called.run_on(HOST)
    (argv,) = called.argv
    assert argv[-5] == f"admin@{HOST.address}"
    assert f"HostKeyAlias={GATEWAY}" in options(argv)
    assert not any("Proxy" in each or "StrictHostKey" in each for each in options(argv))


@pytest.mark.parametrize(
    ("host", "ended", "said"),
    [
        (HOST, "", r"by ssh \(lost\): mail-relay:ssh is to have your publicKey and, in allowFrom"),
        (REACHED, "", r"by ssh \(lost\): mail-relay:ssh.publicKey is to be yours"),
        (REACHED, "Unable to connect to target", "no way into .*: Unable to connect to target"),
    ],
)
def test_no_connection_is_told_with_what_may_be_missing(
    monkeypatch: pytest.MonkeyPatch, host: Host, ended: str, said: str
) -> None:
    called = Called(monkeypatch, ssh.SSH_FAILED, ended)
    with pytest.raises(StackError, match=said):
        called.run_on(host)
    called.ssh = Ssh(lambda _: Down("it is stopped", "start it"), called.ssh.open_tunnel)
    with pytest.raises(StackError, match="it is stopped"):
        called.run_on(host)


@pytest.mark.parametrize(
    ("command", "terminal", "words"),
    [
        ((), True, ["-t", "--", "sudo -n -i"]),
        ((), False, ["-T", "--", "sudo -n -i"]),
        (("sh", "-c", "exit 7"), False, ["-T", "--", "sudo -n -- sh -c 'exit 7'"]),
        (("grep", ""), False, ["-T", "--", "sudo -n -- grep ''"]),
    ],
)
def test_a_shell_is_roots_and_has_this_terminal_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch, command: Sequence[str], terminal: bool, words: list[str]
) -> None:
    called = Called(monkeypatch, 7)
    assert called.ssh.shell(REACHED, command, terminal=terminal) == 7
    assert called.argv[0][-3:] == words
    assert "BatchMode=yes" not in options(called.argv[0])  # a person may have a passphrase


def test_a_shell_says_why_the_tunnel_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    called = Called(monkeypatch, ssh.SSH_FAILED, "Unable to connect to target")
    with pytest.raises(StackError, match="Unable to connect to target"):
        called.ssh.shell(REACHED, (), terminal=False)
    called = Called(monkeypatch, ssh.SSH_FAILED)
    assert called.ssh.shell(REACHED, (), terminal=False) == ssh.SSH_FAILED  # ssh itself has said it


def test_a_shell_says_why_a_host_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    called = Called(monkeypatch, ssh.SSH_FAILED)
    called.ssh = Ssh(lambda _: Down("it is stopped", "start it"), called.ssh.open_tunnel)
    for host in (HOST, REACHED):
        with pytest.raises(StackError, match="it is stopped"):
            called.ssh.shell(host, (), terminal=True)


def relay(monkeypatch: pytest.MonkeyPatch, outputs: Outputs, *words: str) -> Any:
    monkeypatch.setattr(shell, "target", lambda *_: AwsTarget("prod"))
    monkeypatch.setattr(AwsTarget, "outputs", lambda _: outputs)
    monkeypatch.setattr(AwsTarget, "shell", lambda _, host, command, terminal: len(command) + 40)
    return CliRunner().invoke(app, ["shell", *words])


@pytest.mark.parametrize("way", ["allow_from", "endpoint"])
def test_the_exit_status_is_the_commands(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    value = {"allow_from": ("192.0.2.0/24",), "endpoint": ENDPOINT}[way]
    given = WANTED.model_copy(update={"ssh": WANTED.ssh.model_copy(update={way: value})})
    assert relay(monkeypatch, given, "gateway").exit_code == 40
    assert relay(monkeypatch, given, GATEWAY, "--", "ls", "-l").exit_code == 42


def test_without_a_way_in_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    result = relay(monkeypatch, WANTED, "gateway")
    assert isinstance(result.exception, StackError)
    assert str(result.exception) == CLOSED
    result = relay(monkeypatch, WANTED, "elsewhere.example")
    assert "there is no such host; there is gateway" in str(result.exception)


def test_each_host_knows_the_stacks_endpoint() -> None:
    exported = {**WANTED.exported, "ssh": {"allowFrom": [], "endpoint": ENDPOINT.model_dump()}}
    found = read(exported)
    assert all(host.endpoint == ENDPOINT for host in found.hosts)
    assert "endpoint" not in found.gateways[0].json_object()


def test_a_lab_has_a_shell_without_an_endpoint_too(monkeypatch: pytest.MonkeyPatch) -> None:
    called = Called(monkeypatch, 5)
    monkeypatch.setattr(lab_target, "inside", lambda _, machine: ["into", machine])
    target = LabTarget("lab", Lab("dev"))
    assert target.shell(HOST, ("true",), terminal=False) == 5
    assert called.argv == [["into", HOST.instance_id, "true"]]
