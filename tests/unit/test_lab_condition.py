"""How the hosts of a lab are, and what is told of a way that leads to one that is dead."""

import imaplib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from subprocess import CompletedProcess, TimeoutExpired
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner
from verify_world import WANTED

from common.shell import ToolError
from lab import access
from lab.access import NotRunning
from lab.control import LabError
from lab.internet import send as mail
from lab.internet.smtp import Internet
from lab.lab import Lab
from ops import status
from ops.cli import app
from ops.lab import command, condition, power, region, send, stack
from ops.lab.failures import on_the_way, words
from ops.lab.stories.stage import Stage, Unexpected, play
from ops.lab.target import LabTarget
from ops.outputs import Host, Submission
from ops.status import NoStatus, Written

LAB = Lab("dev")
SETTINGS = SimpleNamespace(acme=SimpleNamespace(root=None))
GATEWAY = WANTED.gateways[0]
CLIENT = WANTED.clients[0]
EARLIER = "2026-11-26T19:22:01+00:00"


class Hosts:
    """A lab's hosts: the present boot of each by its kernel, and what each wrote last."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.boot, self.dark = "now", set[str]()
        self.written: Written | NoStatus = self.wrote("now")
        self.instances = {
            host.name: region.Instance(host.instance_id, "us-east-1a") for host in WANTED.hosts
        }
        patch.setattr(region, "instances", lambda _: self.instances)
        patch.setattr(region, "without_power", self.without_power)
        patch.setattr(region, "port_25_is_blocked", lambda _: False)
        patch.setattr(region, "clients", self.clients)
        patch.setattr(access, "run", self.run)
        patch.setattr(status, "read", self.read)

    def wrote(self, boot: str, seconds: float = 1, **missing: tuple[str, ...]) -> Written:
        said = SimpleNamespace(boot=boot, written=EARLIER, missing=missing)
        return Written(cast("Any", said), seconds)

    def without_power(self, _: Lab) -> tuple[set[str], set[str]]:
        return {self.instances[name].id for name in self.dark}, set()

    @contextmanager
    def clients(self, _: Lab) -> Iterator[Any]:
        yield None

    def run(self, _: Lab, machine: str, *command: str, **__: Any) -> CompletedProcess[str]:
        if not self.boot:
            raise NotRunning(f"the machine {machine} is not running")
        return CompletedProcess([], 0, f"{self.boot}\n", "")

    def read(self, client: object, host: Host) -> Written:
        if isinstance(self.written, NoStatus):
            raise self.written
        return self.written

    def lack(self) -> list[str]:
        return condition.lacks(LAB, [GATEWAY])[GATEWAY.name]


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    return Hosts(monkeypatch)


def test_a_host_that_says_so_since_its_boot_serves(hosts: Hosts) -> None:
    assert hosts.lack() == []
    hosts.written = hosts.wrote("now", certificate=("none yet",))
    assert hosts.lack() == ["certificate"]


@pytest.mark.parametrize("boot", ["now", ""])
def test_what_a_host_said_before_its_boot_is_no_state_of_it(hosts: Hosts, boot: str) -> None:
    """After `mend` it has not booted yet, or booted and not written anything."""
    hosts.boot, hosts.written = boot, hosts.wrote("before")
    assert hosts.lack() == [f"booting; not heard of since {EARLIER}"]


def test_a_host_that_is_silent_for_long_does_not_serve(hosts: Hosts) -> None:
    hosts.written = hosts.wrote("now", seconds=301)
    assert hosts.lack() == [f"not heard of since {EARLIER}"]


def test_a_new_host_has_written_nothing(hosts: Hosts) -> None:
    hosts.written = NoStatus("nothing yet")
    assert hosts.lack() == ["nothing yet"]
    hosts.boot = ""
    assert hosts.lack() == ["booting"]


def test_an_instance_that_was_stopped_or_replaced_does_not_run(hosts: Hosts) -> None:
    hosts.instances[GATEWAY.name] = region.Instance("i-other", "us-east-1a")
    assert hosts.lack() == ["its instance does not run"]
    del hosts.instances[GATEWAY.name]
    assert hosts.lack() == ["its instance does not run"]


def test_an_instance_that_a_pulumi_replaces_is_told_so(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "at_work", lambda _: True)
    assert hosts.lack() == []
    hosts.instances[GATEWAY.name] = region.Instance("i-other", "us-east-1a")
    assert hosts.lack() == ["being replaced: a `pulumi` works on the stack"]


def test_without_power_nobody_asks_the_host(hosts: Hosts) -> None:
    hosts.boot, hosts.dark = "", {GATEWAY.name}
    assert hosts.lack() == ["without power"]
    assert condition.why_not(LAB, [GATEWAY]) == (
        f"{GATEWAY.name} is without power: ./relay lab mend host {GATEWAY.name} --lab dev"
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError("timed out"), "no answer"),
        (TimeoutError(110, "Connection timed out"), "no answer"),
        (TimeoutError("after 60 s still not: x"), "after 60 s still not: x"),
        (TimeoutExpired(["mail"], 5), "no answer"),
        (ConnectionRefusedError(111, "Connection refused"), "the connection is refused"),
        (OSError(113, "No route to host"), "No route to host"),
        (smtplib.SMTPServerDisconnected("x"), "the server closed the connection"),
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 no\n such"), "535 5.7.8 no such"),
        (smtplib.SMTPRecipientsRefused({"a@b": (550, b"no")}), "550 no"),
        (imaplib.IMAP4.error(b"[AUTHENTICATIONFAILED] no"), "[AUTHENTICATIONFAILED] no"),
        (NotRunning("the machine i-1 of the lab dev is not running"), "it does not run"),
        (ToolError("`mail` on i-1 failed with 1: x"), "`mail` on i-1 failed with 1: x"),
    ],
)
def test_an_error_has_no_words_of_python(error: Exception, said: str) -> None:
    assert words(error) == said


def test_a_certificate_that_is_not_accepted_says_why() -> None:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = "self-signed certificate"
    assert words(error) == "its certificate is not accepted: self-signed certificate"


def test_what_fails_on_the_way_is_told_with_the_host_and_what_mends_it(hosts: Hosts) -> None:
    hosts.dark = {GATEWAY.name}
    with pytest.raises(LabError) as caught, on_the_way(LAB, GATEWAY, "sending by port 587"):
        raise TimeoutError("timed out")
    assert str(caught.value) == (
        f"sending by port 587: no answer after 0 s; {GATEWAY.name} is without power: "
        f"./relay lab mend host {GATEWAY.name} --lab dev"
    )


def test_of_a_host_that_serves_the_journal_is_named(hosts: Hosts) -> None:
    with pytest.raises(LabError) as caught, on_the_way(LAB, GATEWAY, "x"):
        raise ConnectionRefusedError(111, "Connection refused")
    assert str(caught.value).endswith(f"./relay lab logs {GATEWAY.name} --lab dev")


def test_with_all_gateways_dead_nothing_is_sent(hosts: Hosts) -> None:
    hosts.dark = {GATEWAY.name}
    with pytest.raises(LabError) as caught:
        send.by_each_way(Internet(LAB), WANTED)
    assert str(caught.value) == (
        f"no gateway takes mail: {GATEWAY.name} is without power: "
        f"./relay lab mend host {GATEWAY.name} --lab dev"
    )


def test_a_dead_client_is_named(hosts: Hosts) -> None:
    hosts.dark, hosts.boot = {CLIENT.name}, ""
    with pytest.raises(LabError) as caught:
        send.by_each_way(Internet(LAB), WANTED)
    assert str(caught.value).startswith(
        f"`mail` as app@shop.example on {CLIENT.name}: it does not run after 0 s; "
        f"{CLIENT.name} is without power: ./relay lab mend host {CLIENT.name}"
    )


def test_a_gateway_that_does_not_answer_is_named_with_its_port(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = WANTED.model_copy(update={"clients": (), "logins": ("me@shop.example",)})

    def dead(*_: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(send, "by_login", dead)
    with pytest.raises(LabError) as caught:
        send.by_each_way(Internet(LAB), outputs)
    assert str(caught.value).startswith(
        f"sending as me@shop.example by {GATEWAY.name}, port 587: no answer after 0 s; "
    )


@pytest.mark.parametrize(
    ("answers", "reached"),
    [([GATEWAY.address, "192.0.2.9"], GATEWAY.address), (["192.0.2.9"], "192.0.2.9"), ([], None)],
)
def test_a_login_connects_by_the_submission_name(
    monkeypatch: pytest.MonkeyPatch, answers: list[str], reached: str | None
) -> None:
    """Where that leads now: the gateways' own ports may be closed to all but a load balancer."""
    outputs = WANTED.model_copy(update={"submission": Submission(host="mail.relay.example")})
    tried = list[tuple[object, ...]]()

    def connect(_: Internet, *given: object) -> None:
        tried.append(given)
        raise ConnectionRefusedError

    monkeypatch.setattr(Internet, "resolve", lambda *_: answers)
    monkeypatch.setattr(Internet, "connect", connect)
    with pytest.raises(ConnectionRefusedError if reached else LabError):
        send.by_login(Internet(LAB), outputs, GATEWAY, 587, "me@shop.example", "x")
    assert tried == ([("mail.relay.example", reached, 587)] if reached else [])


class Provider:
    """The receiving provider, where no message arrives; it answers the first `answers` times."""

    def __init__(self, patch: pytest.MonkeyPatch, answers: int) -> None:
        self.answers, self.waited, self.told = answers, 0.0, list[str]()
        patch.setattr(mail, "arrived", self.arrived)
        patch.setattr(access, "entered", nullcontext)
        patch.setattr(send.smtplib, "SMTP", self.connect)
        patch.setattr(send.notes, "print", lambda *texts, **_: self.told.append(str(texts[-1])))

    def arrived(self, _: Lab, __: mail.Sent, seconds: float) -> None:
        self.waited += seconds
        raise TimeoutError(f"0 of 1 came in {seconds} s")

    def connect(self, *_: object) -> Any:
        self.answers -= 1
        if self.answers < 0:
            raise ConnectionRefusedError(111, "Connection refused")
        return nullcontext()


SENT = mail.Sent("login on 587", "me@shop.example", "me@inbox.example", "by port 1", 0.0)


def test_a_provider_that_does_not_answer_ends_the_wait_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remedy = (
        "no message can arrive: mx.inbox.example, the receiving provider, does not answer (the "
        "connection is refused): ./relay lab shell inbox --lab dev -- systemctl restart postfix"
    )
    provider = Provider(monkeypatch, answers=1)
    with pytest.raises(LabError) as caught:
        send.awaited(LabTarget("lab", LAB), SENT, WANTED, 300)
    assert (str(caught.value), provider.waited) == (remedy, 2 * send.LOOK_SECONDS)
    monkeypatch.setattr(command, "lab_of", lambda _: LAB)
    monkeypatch.setattr(command, "_outputs", lambda *_: WANTED)
    monkeypatch.setattr(command, "StackFile", lambda _: SimpleNamespace(settings=lambda: SETTINGS))
    monkeypatch.setattr(region, "port_25_is_blocked", lambda _: False)
    monkeypatch.setattr(send, "by_each_way", None)  # nothing is sent
    result = CliRunner().invoke(app, ["lab", "send"])
    assert (type(result.exception), str(result.exception)) == (LabError, remedy)


def test_a_message_that_does_not_come_is_told_with_where_it_may_wait(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = Provider(monkeypatch, answers=1000)
    with pytest.raises(LabError) as caught:
        send.awaited(LabTarget("env-try", LAB), SENT, WANTED, 300)
    assert provider.waited == 300
    assert len(provider.told) == 300 / send.LOOK_SECONDS
    assert provider.told[0] == (
        "    still without 'by port 1' of me@shop.example (login on 587), after 10 s"
    )
    assert str(caught.value) == (
        "'by port 1' of me@shop.example (login on 587) was handed in and did not reach "
        "me@inbox.example in 300 s: where it waits, and why, says "
        "./relay queue list --stack env-try --lab dev"
    )


def test_a_host_that_does_not_run_is_no_machine_by_its_number(hosts: Hosts) -> None:
    assert power.not_running(LAB, GATEWAY.name).startswith(f"{GATEWAY.name} does not run")


def fails_by(error: Exception) -> str:
    """What an act that ends with this error shows."""

    def act(_: Stage) -> str:
        """It works."""
        raise error

    played = play(cast("Stage", None), act)
    assert (played.act, played.passed) == ("It works", False)
    return played.seen


def test_an_act_that_fails_shows_no_words_of_python() -> None:
    assert fails_by(TimeoutError("timed out")) == "no answer"
    assert fails_by(Unexpected("MX: none")) == "MX: none"
    long = fails_by(Unexpected("line\n" * 500))
    assert len(long) < 700


def test_a_login_that_is_gone_is_what_an_act_shows() -> None:
    stage = Stage(LAB, WANTED, cast("Any", None))
    with pytest.raises(Unexpected, match="the stack has no login gone@"):
        stage.password("gone@shop.example")
