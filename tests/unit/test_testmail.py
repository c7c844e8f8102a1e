"""`relay test`: what is sent, and what is told of it."""

import email
import json
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from test_testmail_replies import FAR, TOKEN, plain, report
from test_users_test import LOGIN, Server
from typer.testing import CliRunner
from verify_world import OUTPUTS

from ops.cli import app
from ops.instances import Down
from ops.outputs import Host, read
from ops.testmail import command, fate, reply
from ops.testmail.message import first_sender, may_send_as, recipient_problem
from ops.testmail.verdicts import Verdicts
from settings import Settings

ID = "4jZ3Sy155vz2xBg"


class Session(Server):
    """The gateway's port 587, which answers each command as it is told."""

    refusals: dict[str, tuple[int, bytes]]
    sent: list[bytes]
    ehlo_resp = b"mail.relay.example\nAUTH PLAIN"

    def _said(self, verb: str) -> tuple[int, bytes]:
        return self.refusals.get(verb, (250, f"2.0.0 Ok: queued as {ID}".encode()))

    def mail(self, sender: str) -> tuple[int, bytes]:
        return self._said("mail")

    def rcpt(self, recipient: str) -> tuple[int, bytes]:
        return self._said("rcpt")

    def data(self, content: bytes) -> tuple[int, bytes]:
        self.sent.append(content)
        return self._said("data")


class Place:
    """A stack with a gateway; `log` are lines about deliveries, `waits` whether it is queued."""

    receiver: Any = None

    def __init__(self, folder: Path) -> None:
        self.file = folder / "Pulumi.dev.yaml"
        file = Path(__file__).parents[2] / "Pulumi.dev.yaml"
        self.file.write_text(file.read_text())
        self.log: list[str] = []
        self.waits, self.shell = False, True
        self.stopped: list[str] = []
        self.found: dict[str, Any] = {}
        Session.refusals, Session.sent, Session.tried = {}, [], []

    def outputs(self) -> Any:
        return read({**OUTPUTS, **self.found})

    def has_shell(self, _: Any) -> bool:
        return self.shell

    def connect(self, host: Host, port: int, root: str | None) -> Session:
        return Session(host.name, port)

    def down(self, host: Host) -> Down | None:
        return Down(f"{host.name} is stopped", "start it") if host.name in self.stopped else None

    @contextmanager
    def account(self) -> Any:
        yield None

    def run_on(self, host: Host, *words: str, text: str = "", fine: Any = ()) -> str:
        if words[0] == "postqueue":
            return json.dumps({"queue_id": ID}) if self.waits else ""
        head = f"2026-11-25T02:26:10.0+00:00 mail postfix/smtp[1]: {ID}: "
        identity = self._message()["Message-ID"]
        lines = [f"message-id={identity}", *self.log]
        return "".join(
            f"{head.replace('smtp', 'cleanup') if not n else head}{line}\n"
            for n, line in enumerate(lines)
        )

    def _message(self) -> EmailMessage:
        return email.message_from_bytes(Session.sent[-1], policy=default)  # type: ignore[return-value]


def delivery(status: str, said: str) -> str:
    return (
        f"to=<{FAR}>, relay=mx.far.example[192.0.2.9]:25, delay=1, delays=0/0/1/0, "
        f"dsn=2.0.0, status={status} ({said})"
    )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    found = Place(tmp_path)
    monkeypatch.setattr(command, "target", lambda *_: found)
    return found


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["test", FAR, "--timeout", "0s", *arguments])


def told(*arguments: str) -> tuple[int, dict[str, Any]]:
    result = run(*arguments, "--json")
    return result.exit_code, json.loads(result.stdout)


def test_the_message_says_what_it_is_and_whom_to_ask(place: Place) -> None:
    place.log = [delivery("sent", "250 ok")]
    code, said = told()
    assert (code, said["result"], said["cause"]) == (0, "accepted", "")
    assert said["queueId"] == ID
    (content,) = Session.sent
    assert b"\n" not in content.replace(b"\r\n", b"")
    message = email.message_from_bytes(content, policy=default)
    assert (message["From"], message["To"], message["Subject"]) == (LOGIN, FAR, said["subject"])
    assert message["Message-ID"] == f"<{said['messageId']}>"
    text = str(message.get_payload())
    assert "This is a test message" in text
    assert "mail.relay.example" in text
    assert "ops@inbox.example" in text
    assert "Auto-Submitted" not in message  # reflectors do not answer such mail
    assert told()[1]["subject"] != said["subject"]


@pytest.mark.parametrize(
    ("log", "waits", "result", "cause"),
    [
        ([delivery("bounced", "host mx said: 550 no")], False, "refused", "550 no"),
        ([delivery("deferred", "host mx said: 450 later")], True, "deferred", "450 later"),
        ([], True, "deferred", "nothing was tried yet"),
        ([], False, "unknown", "the gateway's log does not tell"),
        (
            [delivery("deferred", "450 later"), delivery("sent", "250 ok")],
            False,
            "accepted",
            "",
        ),
        # another recipient still waits
        ([delivery("sent", "250 ok")], True, "deferred", "nothing was tried yet"),
    ],
)
def test_the_receivers_last_answer_decides(
    place: Place, log: list[str], waits: bool, result: str, cause: str
) -> None:
    place.log, place.waits = log, waits
    code, said = told()
    assert (code, said["result"]) == (0 if result == "accepted" else 1, result)
    assert cause in said["cause"]
    assert "\n" not in said["cause"]


def test_a_person_reads_a_reason_once(place: Place) -> None:
    place.log, place.waits = [delivery("deferred", "450 4.7.1 greylisted, try later")], True
    text = run().stdout
    assert text.count("greylisted") == 1
    assert "it still waits in the gateway's queue" in text


@pytest.mark.parametrize(
    ("verb", "answer", "cause"),
    [
        ("mail", (553, b"5.7.1 not owned by user me"), "the login me may not send as this"),
        ("rcpt", (550, b"5.1.1 User unknown"), "there is no such address here"),
        ("data", (451, b"4.7.1 try again later"), "451 4.7.1"),
    ],
)
def test_what_the_gateway_refuses_is_the_cause(
    place: Place, verb: str, answer: tuple[int, bytes], cause: str
) -> None:
    Session.refusals[verb] = answer
    code, said = told()
    assert (code, said["result"], said["queueId"]) == (1, "refused", "")
    assert cause in said["cause"]


def test_a_refused_password_is_the_cause(place: Place) -> None:
    place.found = {"passwords": {LOGIN: "another-1"}}
    code, said = told()
    assert code == 1
    assert "login: 535 5.7.8" in said["cause"]
    assert "a wrong password" in said["cause"]


def test_the_first_login_that_may_send_sends(place: Place) -> None:
    place.found = {
        "logins": ["old@shop.example", LOGIN],
        "disabled": ["old@shop.example"],
        "passwords": {LOGIN: "secret-123", "old@shop.example": "old-1"},
    }
    place.log = [delivery("sent", "250 ok")]
    assert told()[1]["login"] == LOGIN
    said = told("--login", "old@shop.example")[1]
    assert "the login is disabled" in said["cause"]


def test_a_receiver_that_judges_badly_makes_it_fail(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.log = [delivery("sent", "250 ok")]
    verdicts = Verdicts("mx.far.example", "softfail", "pass", "none", ("TLSv1.3",))
    found = SimpleNamespace(
        domain="far.example", address=FAR, verdicts=lambda identity, seconds: verdicts
    )
    monkeypatch.setattr(place, "receiver", found)
    code, said = told()
    assert (code, said["result"]) == (1, "accepted")
    assert said["cause"] == "SPF softfail, DMARC none, says mx.far.example"
    assert said["verdicts"]["tls"] == ["TLSv1.3"]


@pytest.mark.parametrize(
    ("messages", "cause"),
    [(0, "nothing waited on the gateway"), (3, "3 waited on the gateway, maybe this one too")],
)
def test_without_a_shell_it_is_said_what_is_not_known(
    place: Place, monkeypatch: pytest.MonkeyPatch, messages: int, cause: str
) -> None:
    place.shell = False
    queue = SimpleNamespace(messages=messages, reasons=())
    now = datetime.now(UTC).isoformat()
    written = SimpleNamespace(status=SimpleNamespace(queue=queue, written=now), seconds=-1.0)
    monkeypatch.setattr(fate.status, "read", lambda *_: written)
    code, said = told()
    assert (code, said["result"]) == (1, "unknown")
    assert said["cause"].startswith("not known: SSH is closed")
    assert cause in said["cause"]


@pytest.mark.parametrize(
    ("relay", "where"),
    [
        ("aspmx.l.google.com[192.0.2.9]:25", 'in Gmail: "Show original"'),
        ("far-example.mail.protection.outlook.com[192.0.2.9]:25", "in Outlook"),
        ("mx.notgoogle.com[192.0.2.9]:25", f"the message that {FAR} gets"),
    ],
)
def test_where_nobody_tells_it_is_said_where_the_verdicts_are(
    place: Place, relay: str, where: str
) -> None:
    place.log = [delivery("sent", "250 ok").replace("mx.far.example[192.0.2.9]:25", relay)]
    result = run()
    assert result.exit_code == 0
    assert where in result.stdout


def test_a_smarthosts_answer_is_not_taken_for_the_receivers(place: Place) -> None:
    place.log = [delivery("sent", "250 ok")]
    place.found = {"smarthost": {"host": "smtp.provider.example", "port": 587}}
    assert "accepted by smtp.provider.example, which delivers it" in run().stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["<>"], 2, "give a whole address"),
        (["you"], 2, "give a whole address"),
        (["you@far"], 2, "give the whole name"),
        ([FAR, "--login", "x@else.example"], 1, f"there is {LOGIN}"),
        ([FAR, "--login", "ma@shop.example"], 1, f"did you mean {LOGIN}?"),
        ([FAR, "--from", "x@far.example"], 1, "may send as"),
        ([FAR, "--timeout", "soon"], 2, "give a number with its unit"),
        ([FAR, "--port", "25"], 2, "465"),
    ],
)
def test_a_mistake_is_told_before_anything_is_sent(
    place: Place, arguments: list[str], code: int, said: str
) -> None:
    result = CliRunner().invoke(app, ["test", *arguments])
    text = " ".join(f"{result.output}{result.exception or ''}".replace("│", " ").split())
    assert result.exit_code == code
    assert said in text
    assert Session.sent == []


@pytest.mark.parametrize(
    ("send_as", "sender"),
    [
        ((LOGIN, "info@shop.example"), LOGIN),
        (("info@shop.example",), "info@shop.example"),
        (("@shop.example", "info@shop.example"), "info@shop.example"),
        (("@shop.example",), LOGIN),
        (("@relay.example",), "postmaster@relay.example"),
    ],
)
def test_the_sender_is_one_that_the_login_may_use(send_as: Sequence[str], sender: str) -> None:
    assert first_sender(LOGIN, send_as) == sender
    assert may_send_as(send_as, sender)


def test_capitals_of_others_are_theirs() -> None:
    assert recipient_problem("X.Y@gmail.com") is None
    assert recipient_problem("x@straße.example") == (
        "write it in its ASCII form: x@xn--strae-oqa.example"
    )


class Imap:
    """A server with messages by their number; new ones come after the first look."""

    def __init__(self) -> None:
        self.messages: dict[int, EmailMessage] = {4: plain(f"{TOKEN} of before\n")}

    def status(self, folder: str, what: str) -> Any:
        return "OK", [f'"{folder}" (UIDNEXT {max(self.messages) + 1})'.encode()]

    def select(self, folder: str, readonly: bool) -> None:
        assert readonly

    def noop(self) -> None:
        pass

    def uid(self, verb: str, *words: str) -> Any:
        if verb == "FETCH":
            return "OK", [(b"", bytes(self.messages[int(words[0])])), b")"]
        first = int(words[0].removeprefix("UID ").removesuffix(":*"))
        # "N:*" has the last message whatever its number is (RFC 9051, 9, seq-range)
        chosen = {n for n in self.messages if n >= first} | {max(self.messages)}
        has = [n for n in sorted(chosen) if words[2] in self.messages[n].as_string()]
        return "OK", [" ".join(map(str, has)).encode()]


@pytest.mark.parametrize(
    ("new", "result", "code", "verdicts"),
    [
        (plain(f"Re: {TOKEN}\nSPF check: pass\n"), "accepted", 0, Verdicts(FAR, "pass")),
        (plain(f"Re: {TOKEN}\nSPF check: fail\n"), "accepted", 1, Verdicts(FAR, "fail")),
        (report("failed"), "refused", 1, None),
        (plain("something else\n"), "accepted", 0, None),
    ],
)
def test_a_reply_in_the_logins_mailbox_tells(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    new: EmailMessage,
    result: str,
    code: int,
    verdicts: Verdicts | None,
) -> None:
    @contextmanager
    def opened(*_: Any) -> Any:
        mailbox = reply.Mailbox(imap)  # type: ignore[arg-type]
        imap.messages[5] = new
        yield mailbox

    imap = Imap()
    place.found, place.log = {"mailboxes": [LOGIN]}, [delivery("sent", "250 ok")]
    monkeypatch.setattr(place, "internet", lambda root: None, raising=False)
    monkeypatch.setattr(command, "new_token", lambda: TOKEN)
    monkeypatch.setattr(reply, "opened", opened)
    found, said = told()
    assert (found, said["result"]) == (code, result)
    assert (said["verdicts"] or {}).get("spf") == (verdicts.spf if verdicts else None)


def test_a_mailbox_that_cannot_be_read_is_no_failure_of_the_test(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: Any) -> Any:
        raise reply.Unreadable("Connection refused")

    place.found, place.log = {"mailboxes": [LOGIN]}, [delivery("sent", "250 ok")]
    monkeypatch.setattr(place, "internet", lambda root: None, raising=False)
    monkeypatch.setattr(reply, "opened", opened)
    result = run()
    assert result.exit_code == 0
    assert f"the mailbox of {LOGIN} cannot be read: Connection refused" in result.stderr


@pytest.mark.parametrize("sender", ["@shop.example", "x\r\nBcc: q@shop.example", "ü@shop.example"])
def test_a_sender_of_a_whole_domain_is_an_address(
    place: Place, monkeypatch: pytest.MonkeyPatch, sender: str
) -> None:
    monkeypatch.setattr(Settings, "send_as", lambda *_: ("@shop.example",))
    result = run("--from", sender)
    assert result.exit_code == 2, result
    assert Session.sent == []
