"""Day 2 by the command line: logins, domains and forwards, the queue, and what became of mail."""

import json
import smtplib
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from world import CLIENT, GATEWAY, LOGIN, OTHER_LOGIN, PROJECT, SHARED, World

from lab.internet import send
from lab.internet.stranger import stranger
from lab.wait import until
from ops import trace
from ops.lab import stack
from ops.lab.target import LabTarget

NEW, STRANGER = "new@shop.example", "someone@inbox.example"
GIVEN = "-a given Password".replace(" ", "~")


def relay(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """`./relay ARGUMENTS`, of the shared lab."""
    command = [str(PROJECT / "relay"), *arguments, f"--lab={SHARED}"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def done(*arguments: str, text: str = "") -> str:
    """Standard output of a command that must work."""
    result = relay(*arguments, text=text)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture
def file(world: World) -> Iterator[str]:
    """The stack's file; what a test changes of it is taken back."""
    path = stack.work_dir(world.lab) / "Pulumi.lab.yaml"
    path.write_text(f"# our mail\n{path.read_text()}")
    yield str(path)
    world.apply(world.settings())
    world.pull_tables()


def applied(world: World) -> None:
    done("pulumi", "up", "--yes", "--skip-preview", "--stack=lab")
    world.pull_tables()


def read(file: str) -> str:
    with open(file) as content:  # noqa: PTH123
        return content.read()


def failures(world: World, login: str) -> int:
    """How many wrong passwords of a login the gateway has counted."""
    count = f"grep -c 'sasl_username={login}' /var/log/mail-failures.log || true"
    return int(world.run(GATEWAY, "sh", "-c", count))


def test_a_login_is_added_used_changed_and_removed(world: World, file: str) -> None:
    done("users", "add", NEW, "--send-as", NEW, "--send-as", "hello@shop.example")
    applied(world)
    rows = json.loads(done("users", "test", NEW, "--json"))
    assert [(row["port"], row["login"]) for row in rows] == [(587, "accepted"), (465, "accepted")]
    assert all(row["tls"].startswith("TLSv1.") for row in rows)

    done("users", "change", NEW, "--password-stdin", text=f"{GIVEN}\n")
    assert GIVEN not in read(file)
    assert "secure:" in read(file)
    applied(world)
    done("users", "test", NEW, "--password-stdin", text=f"{GIVEN}\n")
    before = failures(world, NEW)
    wrong = relay("users", "test", NEW, "--password-stdin", "--json", text="another-one\n")
    assert wrong.returncode == 1
    rows = json.loads(wrong.stdout)
    assert [row["login"].partition(":")[0] for row in rows] == ["refused", "not tried"]
    assert failures(world, NEW) == before + 1

    listed = {row["login"]: row for row in json.loads(done("users", "list", "--json"))}
    assert listed[NEW]["sendAs"] == [NEW, "hello@shop.example"]
    assert (listed[LOGIN]["password"], listed[NEW]["password"]) == ("generated", "given")

    done("users", "remove", NEW)
    applied(world)
    gone = relay("users", "test", NEW)
    assert gone.returncode == 1
    assert f"'{NEW}' is no login of the running stack" in gone.stderr
    assert read(file).startswith("# our mail\n")


def test_the_zone_of_an_added_domain_is_there_for_the_next_up(world: World, file: str) -> None:
    done("domains", "add", "new.example")
    applied(world)
    found = LabTarget(stack.STACK, world.lab).outputs()
    assert "new.example" in [domain.name for domain in found.domains]


def test_a_forward_is_added_tested_and_removed(world: World, file: str) -> None:
    address = "jobs@shop.example"
    before = relay("forwards", "test", address, "--json")
    assert before.returncode == 1
    (row,) = json.loads(before.stdout)
    assert row["said"].startswith("550")
    done("forwards", "add", address, "me@inbox.example")
    applied(world)
    (row,) = json.loads(done("forwards", "test", address, "--json"))
    assert row["accepted"] is True
    done("forwards", "change", address, "me@inbox.example", "you@inbox.example")
    listed = {row["address"]: row["to"] for row in json.loads(done("forwards", "list", "--json"))}
    assert listed[address] == ["me@inbox.example", "you@inbox.example"]
    done("forwards", "remove", address)
    applied(world)
    assert relay("forwards", "test", address).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("users", "add", LOGIN), f"'{LOGIN}' is listed already"),
        (("users", "add", "x@far.example"), "its domain is none of ours"),
        (("users", "change", LOGIN), "nothing to change"),
        (("users", "change", "nobody@shop.example", "--new-password"), "is not listed; there is"),
        (("users", "change", LOGIN, "--password-stdin"), "8 to 128 printable ASCII"),
        (("domains", "remove", "shop.example"), "shop.example is in use; first end that"),
        (("domains", "change", "shop.example", "--dmarc", "maybe"), "'none', 'quarantine' or"),
        (("forwards", "add", "a@shop.example", "a@shop.example"), "this goes in a circle"),
        (("queue", "flush", "ABCDEF1234"), "nothing with this id waits"),
        (("queue", "hold"), "name queue ids, or give --all"),
        (("trace", "nobody-at-all"), "no host's log has 'nobody-at-all'"),
    ],
)
def test_a_mistake_is_told_and_changes_nothing(
    world: World, arguments: tuple[str, ...], said: str
) -> None:
    path = stack.work_dir(world.lab) / "Pulumi.lab.yaml"
    before = path.read_text()
    result = relay(*arguments, text="short\n")
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert path.read_text() == before


def test_a_test_message_comes_back_with_the_receivers_verdicts(world: World) -> None:
    for port in (587, 465):
        said = json.loads(done("test", f"--port={port}", "--json"))
        assert (said["from"], said["to"], said["result"]) == (LOGIN, send.RECIPIENT, "accepted")
        assert said["answers"][0]["status"] == "sent 2.0.0"
        verdicts = said["verdicts"]
        assert [verdicts[method] for method in ("spf", "dkim", "dmarc")] == ["pass"] * 3
        assert verdicts["tls"][-1].startswith("TLSv1.")
        assert world.arrived(said["subject"]).parsed["Message-ID"] == f"<{said['messageId']}>"


def test_a_test_message_that_bounces_or_waits_tells_why(world: World) -> None:
    bounced = relay("test", "me@nowhere.inbox.example", "--json")
    assert bounced.returncode == 1
    assert "not in DNS" in json.loads(bounced.stdout)["cause"]
    world.inbox.defer_everything(True)
    try:
        waits = relay("test", "--timeout=5s", "--json")
        said = json.loads(waits.stdout)
        assert (waits.returncode, said["result"]) == (1, "deferred")
        assert "450" in said["cause"]
        done("queue", "delete", said["queueId"], "--yes")
    finally:
        world.inbox.defer_everything(False)


def waiting(subject_id: str) -> list[dict[str, object]]:
    rows = json.loads(done("queue", "list", "--json"))
    return [row for row in rows if row["id"] == subject_id]


def test_mail_that_waits_is_listed_held_released_flushed_and_deleted(world: World) -> None:
    world.inbox.defer_everything(True)
    try:
        for number in range(2):
            world.submit(send.compose(LOGIN, send.RECIPIENT, send.unique(f"waits {number}")))
        rows = until(
            "two messages wait, and why",
            lambda: [
                row
                for row in json.loads(done("queue", "list", "--host=gateway", "--json"))
                if row["from"] == LOGIN and row["why"]
            ][1:],
        )
        (kept, dropped) = json.loads(done("queue", "list", "--host=gateway", "--json"))[-2:]
        assert rows
        assert (kept["host"], kept["queue"], kept["to"]) == (
            GATEWAY,
            "deferred",
            ["me@inbox.example"],
        )
        assert "450" in str(kept["why"])
        done("queue", "hold", kept["id"])
        assert waiting(kept["id"])[0]["queue"] == "hold"
        refused = relay("queue", "delete", dropped["id"], text="n\n")
        assert refused.returncode == 1
        assert waiting(dropped["id"])
        done("queue", "delete", dropped["id"], "--yes")
        assert waiting(dropped["id"]) == []
    finally:
        world.inbox.defer_everything(False)
    done("queue", "release", kept["id"])
    done("queue", "flush", kept["id"])
    until("it has gone", lambda: waiting(kept["id"]) == [])
    (message,) = json.loads(done("trace", kept["id"], "--json"))
    assert [attempt["status"][:4] for attempt in message["attempts"]][-1] == "sent"
    assert len(message["attempts"]) >= 2


def test_mail_that_waits_is_deleted_by_sender_and_recipient(world: World) -> None:
    """A message that also waits for somebody else is left, and its id takes it whole."""

    def to(recipient: str) -> list[Any]:
        return [
            row for row in json.loads(done("queue", "list", "--json")) if recipient in row["to"]
        ]

    only, both = (f"{send.unique(word).replace(' ', '-')}@inbox.example" for word in ("a", "b"))
    world.inbox.defer_everything(True)
    try:
        for recipients in ([only], [only, both]):
            with world.session(587, login=LOGIN) as session:
                session.send_message(send.compose(LOGIN, only, "x"), LOGIN, recipients)
        command = ("queue", "delete", f"--from={LOGIN}", f"--to={only}", "--json")
        until("both wait", lambda: len(to(only)) == 2)
        asked = relay(*command, text="n\n")
        assert (asked.returncode, len(to(only))) == (1, 2)
        assert "1 message, " in asked.stderr
        assert [row["to"] for row in json.loads(done(*command, "--yes"))] == [[only]]
        held = relay("queue", "hold", f"--to={both}", "--json")
        assert (held.returncode, json.loads(held.stdout)) == (1, [])
        (left,) = to(both)
        done("queue", "delete", left["id"], "--yes")
        assert to(only) == []
    finally:
        world.inbox.defer_everything(False)


def test_what_hosts_write_tells_what_waits_without_a_shell(world: World) -> None:
    """What `queue list` says where SSH is closed."""
    world.inbox.defer_everything(True)
    try:
        subject = send.unique("waits")
        world.submit(send.compose(LOGIN, send.RECIPIENT, subject))
        until("it waits", lambda: "450" in world.queue(GATEWAY) or "451" in world.queue(GATEWAY))
        world.run(GATEWAY, "systemctl", "restart", "mail-relay-status.service")
        rows = {
            row["host"]: row for row in json.loads(done("queue", "list", "--summary", "--json"))
        }
        assert rows.keys() == {GATEWAY, CLIENT}
        assert rows[GATEWAY]["waiting"] >= 1
        assert any(" 45" in why for why in rows[GATEWAY]["why"])
    finally:
        world.inbox.defer_everything(False)
    world.run(GATEWAY, "postqueue", "-f")
    assert world.arrived(subject).verdict.passes()


def test_a_host_may_write_its_own_status_and_nothing_else(world: World) -> None:
    """A host that somebody has broken into cannot say that another one is well."""
    bucket = world.gateway.status.split("/")[2]
    put = ["aws", "--region=us-east-1", "s3api", "put-object", f"--bucket={bucket}"]
    own = [*put, f"--key=status/{CLIENT}.json", "--body=/run/mail-relay/status.json"]
    world.run(CLIENT, *own)
    for key in (f"status/{GATEWAY}.json", f"setup/{CLIENT}/x.json", f"clients/{CLIENT}.json"):
        said = world.run(CLIENT, *put, f"--key={key}", "--body=/etc/hostname", check=False)
        assert "AccessDenied" in said, key


def test_a_message_is_traced_from_the_clients_shell_to_the_inbox(world: World) -> None:
    recipient = "traced@inbox.example"
    command = f"printf 'Subject: traced\\n\\nHello.\\n' | sendmail -f app@shop.example {recipient}"
    world.run(CLIENT, "sh", "-c", command)
    world.inbox.wait_for(lambda m: m.recipient == recipient)

    def traced() -> list[dict[str, object]]:
        result = relay("trace", recipient, "--json")
        found = json.loads(result.stdout)
        return found if [len(m["attempts"]) for m in found] == [1, 1] else []

    client, gateway = until("both hosts have told", traced)
    assert (client["host"], gateway["host"]) == (CLIENT, GATEWAY)
    assert client["message_id"] == gateway["message_id"]
    assert gateway["login"] == f"relay@{CLIENT}"
    assert gateway["signatures"] == ["s=s1, d=shop.example"]
    shown = done("trace", f"relay@{CLIENT}")
    assert f"app@shop.example, handed in by relay@{CLIENT}" in shown
    assert f"{recipient}: sent 2.0.0 by mx.inbox.example" in shown


def traced(what: str) -> list[dict[str, Any]]:
    """What `trace` has of a word; nothing is a list without anything."""
    return json.loads(relay("trace", what, "--json").stdout or "[]")


def told(what: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The last message of a word that is as it should be, once the log tells."""
    found = until(f"the log tells of {what}", lambda: [m for m in traced(what) if condition(m)], 30)
    return found[-1]


def test_a_refused_message_is_traced_with_the_reason(world: World) -> None:
    sender = f"{send.unique('ceo').replace(' ', '-')}@shop.example"
    with world.session(587, login=LOGIN) as session:
        session.mail(LOGIN)
        session.rcpt(send.RECIPIENT)
        code, said = session.data(f"From: {sender}\r\n\r\nHello.\r\n")
    assert code == 550
    found = told(sender, lambda m: m["attempts"] != [])
    assert found["login"] == LOGIN
    (attempt,) = found["attempts"]
    assert attempt["status"] == "refused"
    # what the log has is what the sender was told
    assert attempt["said"].split(" ", 1)[1] in said.decode()


def test_what_a_stranger_writes_is_no_word_of_postfix(world: World) -> None:
    word = send.unique("forger").replace(" ", "-")
    recipient = f'"{word} sasl_username={OTHER_LOGIN} "@far.example'
    with world.session(25, tls=False) as session:
        session.ehlo(f"{word}.sasl_username={OTHER_LOGIN}")
        session.mail(STRANGER)
        assert session.docmd("RCPT", f"TO:<{recipient}>")[0] >= 500
    found = told(word, lambda m: m["attempts"] != [])
    assert found["login"] == ""
    assert f"handed in by {OTHER_LOGIN}" not in done("trace", word)


@pytest.mark.parametrize(
    ("name", "means"),
    [(OTHER_LOGIN, "a wrong password"), ("who@shop.example", "there is no such login")],
)
def test_a_failed_login_is_traced_with_the_reason(world: World, name: str, means: str) -> None:
    with world.session(587) as session, pytest.raises(smtplib.SMTPAuthenticationError):
        session.login(name, "wrong-password")
    found = told(name, lambda m: m["attempts"] and m["attempts"][-1]["status"] == "login failed")
    assert (found["id"], found["login"]) == ("NOQUEUE", name)
    assert found["attempts"][-1]["means"] == means
    assert "wrong-password" not in json.dumps(found)


def test_a_message_id_without_brackets_joins_both_hosts(world: World) -> None:
    identity = send.unique("id").replace(" ", "") + "@app.shop.example"
    text = f"From: app@shop.example\\nMessage-ID: {identity}\\nSubject: x\\n\\nHello.\\n"
    world.run(
        CLIENT, "sh", "-c", f"printf '{text}' | sendmail -f app@shop.example me@inbox.example"
    )
    hosts = until(
        "both hosts tell",
        lambda: [h for h in [{m["host"] for m in traced(identity)}] if len(h) == 2],
    )
    assert hosts == [{CLIENT, GATEWAY}]


def test_forwarded_mail_is_traced_by_its_true_sender(world: World) -> None:
    with stranger(world.lab) as friend:
        subject = send.unique("to info")
        message = send.compose(friend.address, "info@shop.example", subject)
        with world.session(25) as session:
            session.sendmail(friend.address, ["info@shop.example"], friend.signed(message))
        world.arrived(subject)
        found = told(friend.address, lambda m: m["attempts"] != [])
    assert found["sender"] == friend.address
    assert any(note.startswith("forwarded as SRS") for note in found["notes"])


def test_mail_that_is_deleted_by_hand_is_traced(world: World) -> None:
    word = f"{send.unique('deleted').replace(' ', '-')}@inbox.example"
    world.inbox.defer_everything(True)
    try:
        world.submit(send.compose(LOGIN, word, "x"))
        identity = told(word, lambda m: m["attempts"] != [])["id"]
        done("queue", "hold", identity)
        done("queue", "delete", identity, "--yes")
    finally:
        world.inbox.defer_everything(False)
    notes = [note.partition(" at ")[0] for note in told(word, lambda m: m["notes"] != [])["notes"]]
    assert notes[-2:] == ["held by hand", "deleted by hand"]


def test_a_word_that_thousands_of_messages_have_is_traced(world: World) -> None:
    words = [f"{number:012}zNoSuch:" for number in range(20_000)]
    found = LabTarget(stack.STACK, world.lab)
    (gateway,) = found.outputs().gateways
    assert trace.grep(found, gateway, words) == []
    assert trace.grep(found, gateway, [*words, "postfix/"]) != []
